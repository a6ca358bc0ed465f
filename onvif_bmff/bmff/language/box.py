"""Boxes: typed dataclasses whose class body declares their wire form. ISO/IEC 14496-12, 4.2.

``@box("tfdt", versions=(0, 1))`` makes a slots dataclass, derives its layout from the annotations and registers
it under its four-character code; ``@sample_entry("avc1", "avc3")`` does the same for what lies in ``stsd``;
``@record`` for a structure inside a box. A code declared twice raises ``TypeError`` at import.
"""

import inspect
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from operator import attrgetter
from typing import Annotated as _Annotated
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_args, get_origin

from onvif_bmff.bmff.language.layout import Layout
from onvif_bmff.bmff.language.wire import ITEM_BUDGET, FieldType, ItemBudget, WireError, as_byte_view
from onvif_bmff.errors import BoxError

__all__ = [
    "BOXES",
    "SAMPLE_ENTRIES",
    "SIZE_32",
    "SIZE_64",
    "SIZE_TO_END",
    "Box",
    "ContainerBox",
    "FullBox",
    "FullContainerBox",
    "Record",
    "RecordOf",
    "UnknownBox",
    "box",
    "record",
    "sample_entry",
]

SIZE_32, SIZE_64, SIZE_TO_END = 0, 1, 2
"""Forms of a box's size: 32 bits; 64 bits ("largesize"); 0, which means up to the end of the file."""

B = TypeVar("B", bound="Box")
T = TypeVar("T")
_MAX_SHOWN = 32
"""More bytes than this are a number of bytes in a ``repr``."""


class _Declared:
    """Equality and representation of all declared classes: written once, for to generate them costs start-up time."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        kind: Any = type(self)
        values = _compared(kind)
        return bool(values(self) == values(other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = [(one.name, getattr(self, one.name)) for one in fields(self) if one.repr]  # type: ignore[arg-type]
        parts = [f"{name}={_brief(value)}" for name, value in shown if name not in _SHOWN_IF_SET or value]
        return f"{type(self).__qualname__}({', '.join(parts)})"


_SHOWN_IF_SET = ("size_form", "trailing")
"""Fields that a ``repr`` shows only where they say something."""


@cache
def _compared(kind: Any) -> Callable[[Any], Any]:
    return attrgetter(*[one.name for one in fields(kind) if one.compare])


def _brief(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>" if len(value) > _MAX_SHOWN else repr(bytes(value))
    return repr(value)


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Box(_Declared):
    """Base of all boxes.

    ``trailing`` keeps bytes behind the declared fields, ``size_form`` how the size was written (one of
    ``SIZE_32``, ``SIZE_64``, ``SIZE_TO_END``). ``offset`` and ``read_size`` tell where a box was read (bytes from
    the start of the input, and how many); both are None in a box that was made, and do not take part in ==.
    """

    fourcc: ClassVar[str] = ""
    layout: ClassVar[Layout] = Layout(())
    versions: ClassVar[tuple[int, ...] | None] = None
    registry: ClassVar[Mapping[str, type["Box"]] | None] = None

    size_form: int = SIZE_32
    trailing: bytes = b""
    offset: int | None = field(default=None, compare=False, repr=False)
    read_size: int | None = field(default=None, compare=False, repr=False)

    @property
    def type(self) -> str:
        """The four-character code in the box's header."""
        return self.fourcc

    @property
    def size(self) -> int:
        """Size in bytes when built, header included."""
        return sum(map(len, self.pieces()))

    def build(self) -> bytes:
        """Return the box's bytes; ``BoxError`` if a value does not fit its field."""
        return b"".join(self.pieces())

    def pieces(self) -> list[Any]:
        """Return the box's bytes as buffers to be written one after another; payload views are not copied."""
        try:
            body = self._body()
            if self.trailing:
                body.append(as_byte_view(self.trailing))
            name = self.type.encode("latin-1")
        except WireError as error:
            raise BoxError(error.reason, path=f"/{self.type}", offset=error.position) from None
        except BoxError as error:
            raise BoxError(error.reason, path=f"/{self.type}{error.path}", offset=error.offset) from None
        except (AttributeError, OverflowError, TypeError, ValueError, struct.error) as error:
            raise BoxError(str(error), path=f"/{self.type}") from None
        size = sum(map(len, body)) + 8
        if len(name) != 4:
            raise BoxError(f"the type {self.type!r} has not four characters")
        if self.size_form == SIZE_TO_END:
            head = b"\0\0\0\0" + name
        elif self.size_form == SIZE_64 or size >= 1 << 32:
            head = b"\0\0\0\1" + name + (size + 8).to_bytes(8, "big")
        else:
            head = size.to_bytes(4, "big") + name
        return [head, *body]

    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.layout.names}

    def _body(self) -> list[Any]:
        return _with_payload(self, self.layout.write(self._fields()))

    def __copy__(self) -> "Box":
        return replace(self)

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """What is pickled: views on an input become bytes."""
        state = {one.name: getattr(self, one.name) for one in fields(self)}
        return None, {name: bytes(value) if isinstance(value, memoryview) else value for name, value in state.items()}

    def refined(self, budget: ItemBudget) -> "Box":
        """Return the box to use for this one, just parsed: a class that knows more of the content, or itself.

        What is made besides is paid for from ``budget``.
        """
        return self

    def children_of(self) -> tuple["Box", ...]:
        """The boxes inside this one; empty where it holds none."""
        return ()

    def walk(self) -> Iterator[tuple[str, "Box"]]:
        """Yield path and box for this box and all below it, in file order ("/moof/traf/tfhd")."""
        stack: list[tuple[str, Box]] = [(f"/{self.type}", self)]
        while stack:
            path, found = stack.pop()
            yield path, found
            stack.extend((f"{path}/{child.type}", child) for child in reversed(found.children_of()))


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class ContainerBox(Box):
    """A box that holds boxes, behind its fields if it has any."""

    children: tuple[Box, ...] = ()

    def children_of(self) -> tuple[Box, ...]:
        """The boxes inside this one."""
        return self.children

    def find(self, kind: type[B]) -> B | None:
        """Return the first child of class ``kind``, or None."""
        for child in self.children:
            if isinstance(child, kind):
                return child
        return None

    def find_all(self, kind: type[B]) -> tuple[B, ...]:
        """Return all children of class ``kind`` in file order."""
        return tuple([child for child in self.children if isinstance(child, kind)])

    def require(self, kind: type[B]) -> B:
        """Return the first child of class ``kind``; ``BoxError`` where there is none."""
        found = self.find(kind)
        if found is None:
            raise BoxError(f"no {kind.fourcc or kind.__name__} box", path=f"/{self.type}", offset=self.offset or 0)
        return found

    def descend(self, *kinds: type[Box]) -> Box | None:
        """Follow the first child of each class in turn; None where the path ends early."""
        found: Box | None = self
        for kind in kinds:
            found = found.find(kind) if isinstance(found, ContainerBox) else None
        return found

    def _body(self) -> list[Any]:
        return [self.layout.write(self._fields()), *_built(self.children)]


def _built(children: Iterable[Box]) -> list[Any]:
    pieces: list[Any] = []
    for child in children:
        if child.size_form == SIZE_TO_END:
            raise WireError("size 0 (up to the end of the file) inside a box")
        pieces.extend(child.pieces())
    return pieces


def _with_payload(made: Box, head: bytes) -> list[Any]:
    if made.layout.payload is None:
        return [head]
    data = as_byte_view(getattr(made, made.layout.payload))
    return [head, data] if head else [data]


def _build_full(made: Any) -> bytes:
    if not (0 <= made.version < 256 and 0 <= made.flags < 1 << 24):
        raise WireError(f"version {made.version} or flags {made.flags:#x} out of range")
    if made.versions is not None and made.version not in made.versions:
        raise WireError(f"version {made.version} is not declared, only {', '.join(map(str, made.versions))}")
    values = made._fields()
    values["version"], values["flags"] = made.version, made.flags
    body: bytes = made.layout.write(values)
    head: bytes = (made.version << 24 | made.flags).to_bytes(4, "big")
    return head + body


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class FullBox(Box):
    """A box with a version and 24 bits of flags in front of its fields."""

    version: int = 0
    flags: int = 0

    def _body(self) -> list[Any]:
        return _with_payload(self, _build_full(self))


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class FullContainerBox(ContainerBox):
    """A box with version and flags that holds boxes."""

    version: int = 0
    flags: int = 0

    def _body(self) -> list[Any]:
        return [_build_full(self), *_built(self.children)]


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class UnknownBox(Box):
    """A box whose type or version is not declared, kept as it is; ``data`` may be a view on the input."""

    type: str
    data: bytes | memoryview = b""

    def _body(self) -> list[Any]:
        return [as_byte_view(self.data)]


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Record(_Declared):
    """Base of the structures inside boxes."""

    layout: ClassVar[Layout] = Layout(())


BOXES: dict[str, type[Box]] = {}
"""All declared boxes by four-character code, save sample entries."""
SAMPLE_ENTRIES: dict[str, type[Box]] = {}
"""All declared sample entries by four-character code (the children of stsd)."""


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Make a structure inside a box from an annotated class body."""
    made = dataclass(slots=True, kw_only=True, eq=False, repr=False)(cls)
    made.layout = Layout(_declared_fields(made))  # type: ignore[attr-defined]
    return made


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def box(
    fourcc: str, *, versions: tuple[int, ...] = (0,), registry: Mapping[str, type[Box]] | None = None
) -> Callable[[type[B]], type[B]]:
    """Make and register a box class. ``versions`` (of a FullBox) lists those that the body describes.

    ``registry`` is where the codes of its children are looked up (``BOXES`` if None). A box of another version
    is read as ``UnknownBox``.
    """

    def declare(cls: type[B]) -> type[B]:
        made = _make(cls)
        made.fourcc = fourcc
        made.registry = registry
        made.versions = versions if issubclass(made, FullBox | FullContainerBox) else None
        _register(BOXES, fourcc, made)
        return made

    return declare


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def sample_entry(*fourccs: str) -> Callable[[type[B]], type[B]]:
    """Make a sample entry class and register it under each of its codes; its instances carry ``type``."""

    def declare(cls: type[B]) -> type[B]:
        made = _make(cls)
        for fourcc in fourccs:
            _register(SAMPLE_ENTRIES, fourcc, made)
        return made

    return declare


def _make(cls: type[B]) -> type[B]:
    made = dataclass(slots=True, kw_only=True, eq=False, repr=False)(cls)
    made.layout = Layout(_declared_fields(made))
    return made


def _register(registry: dict[str, type[Box]], fourcc: str, made: type[Box]) -> None:
    if fourcc in registry:
        raise TypeError(f"{fourcc!r} is declared twice")
    registry[fourcc] = made


def _declared_fields(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yield name and construct of the annotated fields, those of base classes first."""
    for owner in reversed(cls.__mro__):
        for name, annotation in inspect.get_annotations(owner).items():
            if isinstance(annotation, str):
                raise TypeError(f"{owner.__name__}: postponed annotations hide the declaration")
            field_type = _word(annotation)
            if field_type is not None:
                yield name, field_type


def _word(annotation: Any) -> Any:
    if get_origin(annotation) is _Annotated:
        return get_args(annotation)[1]
    return None


class RecordOf(FieldType):
    """One structure of class ``kind``."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def decode(self, view: memoryview, pos: int, end: int, this: dict[str, Any]) -> tuple[Any, int]:
        """See ``FieldType``."""
        values: dict[str, Any] = {ITEM_BUDGET: this[ITEM_BUDGET]} if ITEM_BUDGET in this else {}
        pos = self.kind.layout.read(view, pos, end, values)
        values.pop(ITEM_BUDGET, None)
        return self.kind(**values), pos

    def encode(self, value: Any, this: dict[str, Any]) -> bytes:
        """See ``FieldType``."""
        data: bytes = value.layout.write({name: getattr(value, name) for name in value.layout.names})
        return data
