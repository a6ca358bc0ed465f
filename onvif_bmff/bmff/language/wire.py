"""The field types in which a box is declared.

A declaration is a typed class body whose annotations carry field types::

    @box("tfdt", versions=(0, 1))
    class TrackFragmentBaseMediaDecodeTimeBox(FullBox):
        base_media_decode_time: Annotated[int, by_version(U32, U64)]

Every field type is lossless: the bytes that it reads are the bytes that it writes. ``layout`` turns those of one
class into what reads and writes them fast, ``plain`` into a construct. Inside another field type they are spelt as
in an annotation: ``ListOf(U16, U32)``, ``when_flag(0x1, String)``; construct's integers and ``Bytes`` may stand
there too. Nothing outside ``bmff`` sees a ``WireError``.
"""

import uuid
from collections.abc import Callable, Mapping
from inspect import isroutine
from typing import Annotated, Any

from onvif_bmff.bmff.language.columns import Columns, pack_columns, unpack_columns
from onvif_bmff.bmff.language.conditions import (
    ByVersion,
    WhenFlag,
    by_version,
    decide,
    when,
    when_flag,
)
from onvif_bmff.bmff.language.fixed import (
    FOURCC,
    ITEM_BUDGET,
    NOT_WRITTEN,
    UUID_FIELD,
    Bits,
    Bytes,
    DeclarationError,
    Fields,
    FieldType,
    Fixed,
    ItemBudget,
    WireError,
    as_field,
    as_inner,
    identity,
    raise_truncated,
    unsigned,
)

__all__ = [
    "FOURCC",
    "ITEM_BUDGET",
    "NOT_WRITTEN",
    "S8",
    "S16",
    "S32",
    "S64",
    "U8",
    "U16",
    "U24",
    "U32",
    "U48",
    "U64",
    "UUID_FIELD",
    "Bits",
    "Bytes",
    "DeclarationError",
    "FieldType",
    "Fields",
    "Fixed",
    "FourCC",
    "ItemBudget",
    "ListOf",
    "Rest",
    "SizedBytes",
    "String",
    "Table",
    "Uuid",
    "View",
    "WireError",
    "as_field",
    "by_version",
    "identity",
    "raise_truncated",
    "unsigned",
    "when",
    "when_flag",
]

Count = Any
"""A number on the wire (``U32``), a function of the fields before it, or None: all that is left."""


def _as_count(count: Count) -> Any:
    """Return a function or None as it is, and what else is given as field type."""
    if count is None or isroutine(count):
        return count
    return as_inner(count)


def _asked(count: Any) -> tuple[Callable[[Mapping[str, Any]], Any], ...]:
    return () if count is None or isinstance(count, FieldType) else (count,)


class _Rest(FieldType):
    """All bytes that are left."""

    takes_rest = True

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[bytes, int]:
        return view[pos:end].tobytes(), end

    def encode(self, value: Any, this: Fields) -> bytes:
        return bytes(as_byte_view(value))


class _View(_Rest):
    """All bytes that are left, as a view on the input: for payloads that may be gigabytes."""

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[Any, int]:
        return view[pos:end], end


def as_byte_view(data: Any) -> Any:
    """Return ``data`` as something whose length is its number of bytes; ``TypeError`` if it is none.

    Nothing is copied unless the bytes do not lie one after the other.
    """
    if isinstance(data, bytes | bytearray):
        return data
    view = memoryview(data)
    if not view.c_contiguous:
        return view.tobytes()
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


class _String(FieldType):
    """UTF-8 text up to and including a NUL; bytes that are not UTF-8 survive as surrogate escapes."""

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[str, int]:
        raw = view[pos:end].tobytes()
        stop = raw.find(b"\0")
        if stop < 0:
            raise WireError("text without a terminating NUL", pos)
        return raw[:stop].decode("utf-8", "surrogateescape"), pos + stop + 1

    def encode(self, value: Any, this: Fields) -> bytes:
        raw: bytes = value.encode("utf-8", "surrogateescape")
        if b"\0" in raw:
            raise WireError("text holds a NUL")
        return raw + b"\0"


class SizedBytes(FieldType):
    """Bytes behind their own length, which is of type ``count``, or whose length ``count(this)`` gives."""

    def __init__(self, count: Any) -> None:
        self.count = _as_count(count)

    def asks(self) -> tuple[Callable[[Mapping[str, Any]], Any], ...]:
        """See ``FieldType``."""
        return _asked(self.count)

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[bytes, int]:
        """See ``FieldType``."""
        size, pos = _read_count(self.count, view, pos, end, this)
        if pos + size > end:
            raise_truncated(pos, size, end - pos)
        return view[pos : pos + size].tobytes(), pos + size

    def encode(self, value: Any, this: Fields) -> bytes:
        """See ``FieldType``."""
        data = bytes(as_byte_view(value))
        return _count_bytes(self.count, len(data), this) + data


class ListOf(FieldType):
    """A list of ``item``s behind their number of type ``count``; ``count(this)`` items; or all that is left.

    Each item is charged to the budget, because an item of two bytes makes an object of fifty.
    """

    def __init__(self, count: Any, item: Any) -> None:
        self.count, self.item = _as_count(count), as_inner(item)
        self.takes_rest = count is None

    def parts(self) -> tuple[FieldType, ...]:
        """See ``FieldType``."""
        return (self.item,)

    def asks(self) -> tuple[Callable[[Mapping[str, Any]], Any], ...]:
        """See ``FieldType``."""
        return _asked(self.count)

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[tuple[Any, ...], int]:
        """See ``FieldType``."""
        item, items = self.item, []
        budget: ItemBudget | None = this.get(ITEM_BUDGET)
        if self.count is None:
            while pos < end:
                before = pos
                if budget is not None:
                    budget.charge(1, pos)
                value, pos = item.decode(view, pos, end, this)
                if pos == before:
                    raise WireError("an item without bytes", pos)
                items.append(value)
            return tuple(items), pos
        number, pos = _read_count(self.count, view, pos, end, this)
        least = item.packer.size if isinstance(item, Fixed) else 1
        if number * least > end - pos:
            raise WireError(f"{number} items in {end - pos} bytes", pos)
        if budget is not None:
            budget.charge(number, pos)
        for _ in range(number):
            value, pos = item.decode(view, pos, end, this)
            items.append(value)
        return tuple(items), pos

    def encode(self, value: Any, this: Fields) -> bytes:
        """See ``FieldType``."""
        head = b"" if self.count is None else _count_bytes(self.count, len(value), this)
        return head + b"".join([self.item.encode(item, this) for item in value])


class Table(FieldType):
    """Rows of numbers, kept as columns (see ``columns``); zero-width rows keep only their count.

    ``count`` is as in ``ListOf``, without the "all that is left". A column's code is one of ``bBhHtiIqQ``
    (``t``: three bytes), or ``by_version``, ``when_flag``, or a function of the fields before the table that
    returns a code, or None where the column is absent.
    """

    def __init__(self, count: Any, **columns: Any) -> None:
        self.count, self.columns = _as_count(count), columns
        self.decided = all(isinstance(code, str) for code in columns.values())
        self.needs_version = any(isinstance(code, WhenFlag | ByVersion) for code in columns.values())

    def asks(self) -> tuple[Callable[[Mapping[str, Any]], Any], ...]:
        """See ``FieldType``."""
        return (*_asked(self.count), *[code for code in self.columns.values() if callable(code)])

    def resolve(self, version: int, flags: int) -> "Table":
        """Return the table with all conditions on version and flags decided."""
        codes = {name: decide(code, version, flags) for name, code in self.columns.items()}
        return Table(self.count, **{name: code for name, code in codes.items() if code is not None})

    def codes(self, this: Mapping[str, Any]) -> dict[str, str]:
        """Return the code of each column that is present."""
        if self.decided:
            return self.columns
        version, flags = this.get("version", 0), this.get("flags", 0)
        found = {}
        for name, code in self.columns.items():
            decided = decide(code, version, flags)
            if callable(decided):
                decided = decided(this)
            if decided is not None:
                found[name] = decided
        return found

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[Columns, int]:
        """See ``FieldType``."""
        count, pos = _read_count(self.count, view, pos, end, this)
        codes = self.codes(this)
        try:
            return unpack_columns(view, pos, end, count, codes)
        except ValueError as error:
            raise WireError(str(error), pos) from None

    def encode(self, value: Any, this: Fields) -> bytes:
        """See ``FieldType``."""
        try:
            rows = pack_columns(value, self.codes(this))
        except ValueError as error:
            raise WireError(str(error)) from None
        return _count_bytes(self.count, len(value), this) + rows


def _read_count(count: Any, view: memoryview, pos: int, end: int, this: Fields) -> tuple[int, int]:
    if isinstance(count, FieldType):
        return count.decode(view, pos, end, this)
    return count(this), pos


def _count_bytes(count: Any, number: int, this: Fields) -> bytes:
    if isinstance(count, FieldType):
        return count.encode(number, this)
    if count(this) != number:
        raise WireError(f"{number} items are given, but the other fields say {count(this)}")
    return b""


U8 = Annotated[int, Fixed("B", identity, identity)]
U16 = Annotated[int, Fixed("H", identity, identity)]
U24 = Annotated[int, unsigned(3)]
U32 = Annotated[int, Fixed("I", identity, identity)]
U48 = Annotated[int, unsigned(6)]
U64 = Annotated[int, Fixed("Q", identity, identity)]
S8 = Annotated[int, Fixed("b", identity, identity)]
S16 = Annotated[int, Fixed("h", identity, identity)]
S32 = Annotated[int, Fixed("i", identity, identity)]
S64 = Annotated[int, Fixed("q", identity, identity)]
FourCC = Annotated[str, FOURCC]
Uuid = Annotated[uuid.UUID, UUID_FIELD]
STRING = _String()
String = Annotated[str, STRING]
REST = _Rest()
Rest = Annotated[bytes, REST]
VIEW = _View()
View = Annotated[Any, VIEW]
