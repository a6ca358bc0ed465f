"""Tables for other programs by the Arrow C stream interface, through PyCapsules, without a dependency.

DuckDB, polars, pyarrow and others read an object that has ``__arrow_c_stream__``. The structures are those of
https://arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html. Whoever holds a structure calls its
``release``; until then what it points to is kept in ``_HELD``.
"""

import ctypes
import errno
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import count
from typing import Any, Final

__all__ = ["ArrowColumn", "ArrowType", "arrow_stream"]

_NULLABLE: Final = 2
_HELD: dict[int, object] = {}
"""What structures need, by the number in their ``private_data``."""
_NUMBERS = count(1)


class ArrowType(Enum):
    """Types of columns, by their format strings."""

    TEXT = b"u"
    INT64 = b"l"
    UINT64 = b"L"
    FLOAT64 = b"g"
    BOOL = b"b"
    TIME = b"tsu:UTC"
    """Microseconds since 1970."""


_CODES = {ArrowType.INT64: "q", ArrowType.UINT64: "Q", ArrowType.FLOAT64: "d", ArrowType.TIME: "q"}


@dataclass(frozen=True, slots=True)
class ArrowColumn:
    """A column: its name and type. Any value may be None."""

    name: str
    type: ArrowType


class _Schema(ctypes.Structure):
    pass


class _Array(ctypes.Structure):
    pass


class _Stream(ctypes.Structure):
    pass


_Release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_GetSchema = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Schema))
_GetNext = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Array))
_GetError = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_Stream))

_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.POINTER(_Schema)),
    ("release", _Release),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.POINTER(_Array)),
    ("release", _Release),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    ("get_schema", _GetSchema),
    ("get_next", _GetNext),
    ("get_last_error", _GetError),
    ("release", _Release),
    ("private_data", ctypes.c_void_p),
]


def arrow_stream(columns: Sequence[ArrowColumn], batches: Iterator[Sequence[Sequence[Any]]]) -> object:
    """Return a capsule with a stream of record batches, as ``__arrow_c_stream__`` gives it.

    Args:
        columns: the columns of the table.
        batches: rows in batches: for each column its values. They are taken one at a time, as the stream is read.
    """
    stream = _Stream(_GET_SCHEMA, _GET_NEXT, _GET_ERROR, _RELEASE_STREAM, _hold(_State(columns, batches)))
    capsule: object = _new_capsule(ctypes.addressof(stream), _NAME, None)
    _sweep()
    _CAPSULES.append((capsule, stream))
    return capsule


# ---- what is held ------------------------------------------------------------------------------------


class _State:
    """A stream that is being read."""

    def __init__(self, columns: Sequence[ArrowColumn], batches: Iterator[Sequence[Sequence[Any]]]) -> None:
        self.columns = columns
        self.batches = batches
        self.error: Any = None


def _hold(needed: object) -> int:
    number = next(_NUMBERS)
    _HELD[number] = needed
    return number


def _released(kind: type[ctypes.Structure], address: int) -> None:
    """Release the children of a structure, forget what it needs, and mark it."""
    _take_error()
    it: Any = kind.from_address(address)
    for at in range(it.n_children):
        child = it.children[at]
        if child.contents.release:
            child.contents.release(ctypes.addressof(child.contents))
    _HELD.pop(it.private_data, None)
    it.release = _Release()


def _release_stream(address: int) -> None:
    _take_error()
    stream: Any = _Stream.from_address(address)
    _HELD.pop(stream.private_data, None)
    stream.release = _Release()


def _take_error() -> None:
    """Take away the error that a reader is about to raise: with it, no Python code can run, and nothing be released."""
    _fetch(_TYPE, _VALUE, _TRACE)  # nothing may come before: it would fail with that error
    for slot in _ERROR:
        if slot.value:
            ctypes.pythonapi.Py_DecRef(ctypes.c_void_p(slot.value))


_fetch = ctypes.pythonapi.PyErr_Fetch
_fetch.restype = None
_ERROR = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
_TYPE, _VALUE, _TRACE = map(ctypes.byref, _ERROR)
_RELEASE_SCHEMA = _Release(partial(_released, _Schema))
_RELEASE_ARRAY = _Release(partial(_released, _Array))
_RELEASE_STREAM = _Release(_release_stream)


# ---- schemas and arrays ------------------------------------------------------------------------------


def _fill_schema(schema: Any, columns: Sequence[ArrowColumn]) -> None:
    children = [_Schema() for _ in columns]
    for child, column in zip(children, columns, strict=True):
        name = ctypes.create_string_buffer(column.name.encode())
        child.format = column.type.value
        child.name = ctypes.cast(name, ctypes.c_char_p)
        child.flags = _NULLABLE
        child.private_data = _hold((name, child.format))
        child.release = _RELEASE_SCHEMA
    pointers = (ctypes.POINTER(_Schema) * len(children))(*map(ctypes.pointer, children))
    schema.format, schema.name, schema.metadata, schema.flags = b"+s", b"", None, 0
    schema.dictionary = None  # whoever gives the memory need not clear it
    schema.n_children, schema.children = len(children), pointers
    schema.private_data = _hold((children, pointers))
    schema.release = _RELEASE_SCHEMA


def _fill_array(struct: Any, length: int, buffers: Sequence[Any], nulls: int = 0, children: Sequence[Any] = ()) -> None:
    """Fill an array; ``buffers`` are objects with memory, or None."""
    places = (ctypes.c_void_p * len(buffers))(*map(_address, buffers))
    pointers = (ctypes.POINTER(_Array) * len(children))(*map(ctypes.pointer, children))
    struct.length, struct.null_count, struct.offset = length, nulls, 0
    struct.n_buffers, struct.buffers = len(buffers), places
    struct.n_children, struct.children, struct.dictionary = len(children), pointers, None
    struct.private_data = _hold((buffers, places, children, pointers))
    struct.release = _RELEASE_ARRAY


def _address(buffer: Any) -> int | None:
    return None if buffer is None else ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))


def _column(kind: ArrowType, values: Sequence[Any]) -> Any:
    """Return the array of a column."""
    made = _Array()
    nulls = sum([value is None for value in values])
    valid = _bits([value is not None for value in values]) if nulls else None
    if kind is ArrowType.TEXT:
        data, offsets = bytearray(), array("i", [0])
        for value in values:
            if value is not None:
                data += value.encode(errors="replace")
            offsets.append(len(data))
        _fill_array(made, len(values), (valid, _memory(offsets), data or bytearray(1)), nulls)
    elif kind is ArrowType.BOOL:
        _fill_array(made, len(values), (valid, _bits(values)), nulls)
    else:
        numbers = array(_CODES[kind], [0 if value is None else value for value in values])
        _fill_array(made, len(values), (valid, _memory(numbers)), nulls)
    return made


def _memory(numbers: "array[Any]") -> bytearray:
    return bytearray(numbers.tobytes()) or bytearray(8)


def _bits(values: Sequence[Any]) -> bytearray:
    """Return booleans as bits, the first in the lowest."""
    made = bytearray(-(-len(values) // 8) or 1)
    for at, value in enumerate(values):
        if value:
            made[at >> 3] |= 1 << (at & 7)
    return made


# ---- what a reader calls -----------------------------------------------------------------------------


def _state_of(pointer: Any) -> _State:
    state = _HELD[pointer.contents.private_data]
    if not isinstance(state, _State):
        raise TypeError("no stream")
    return state


def _guarded(pointer: Any, action: Callable[[_State], None]) -> int:
    """Do something for a reader, and return its errno; the text of an error waits to be asked for."""
    state: _State | None = None
    try:
        state = _state_of(pointer)
        action(state)
    except BaseException as error:  # noqa: BLE001  nothing can be raised through a reader in C
        if state is not None:
            state.error = ctypes.create_string_buffer(f"{type(error).__name__}: {error}".encode(errors="replace"))
        return errno.EIO
    return 0


def _get_schema(pointer: Any, out: Any) -> int:
    return _guarded(pointer, lambda state: _fill_schema(out.contents, state.columns))


def _get_next(pointer: Any, out: Any) -> int:
    def fill(state: _State) -> None:
        values = next(state.batches, None)
        if values is None:
            out.contents.release = _Release()  # the end
            return
        children = [_column(column.type, one) for column, one in zip(state.columns, values, strict=True)]
        _fill_array(out.contents, len(values[0]), (None,), 0, children)

    return _guarded(pointer, fill)


def _get_error(pointer: Any) -> int | None:
    error = _state_of(pointer).error
    return None if error is None else ctypes.addressof(error)


_GET_SCHEMA = _GetSchema(_get_schema)
_GET_NEXT = _GetNext(_get_next)
_GET_ERROR = _GetError(_get_error)

# ---- capsules ----------------------------------------------------------------------------------------

_NAME: Final = b"arrow_array_stream"
_CAPSULES: list[tuple[object, Any]] = []
"""Capsules, and the structures that they point to."""
_new_capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi)
)


def _sweep() -> None:
    """Forget capsules that nobody else holds, and release the streams that nobody took out of them.

    A capsule has no destructor: it would run while an error of the reader is raised, and this would be lost, for no
    Python code can run then.
    """
    for entry in list(_CAPSULES):
        if sys.getrefcount(entry[0]) <= 2:
            _CAPSULES.remove(entry)
            stream = entry[1]
            if stream.release:
                stream.release(ctypes.addressof(stream))
