"""The base classes of boxes: what they hold, how they are built, how children are found. ISO/IEC 14496-12, 4.2.

``declare`` makes the classes of the boxes from these.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from onvif_bmff.bmff.language.children import Children
from onvif_bmff.bmff.language.header import SIZE_32, SIZE_64, SIZE_TO_END
from onvif_bmff.bmff.language.layout import Layout
from onvif_bmff.bmff.language.wire import ItemBudget, WireError, as_byte_view
from onvif_bmff.errors import BoxError

__all__ = [
    "Box",
    "ContainerBox",
    "Declared",
    "FullBox",
    "FullContainerBox",
    "UnknownBox",
]

B = TypeVar("B", bound="Box")
_MAX_SHOWN = 32
"""More bytes than this are a number of bytes in a ``repr``."""


class _PlainConstruct:
    """The layout of a class as a ``construct.Construct``; construct is imported when it is first asked for.

    ``plain`` makes it, from boxes that are declared; it imports this module, so an import statement here, even a late
    one, would close a circle of modules. It is therefore found by its name, as the door of a room finds what it gives.
    """

    def __get__(self, made: Any, owner: Any) -> Any:
        return import_module("onvif_bmff.bmff.language.plain").construct_of(owner)


class Declared:
    """Base of all declared classes. Equality and ``repr`` stand here, because generating them per class is slow.

    ``construct`` reads and builds the body (what lies behind the box's header, without trailing bytes) of a class as
    plain construct, and composes with others: ``Struct("count" / Int8ub, "tfdt" / TfdtBox.construct)``. It gives a
    ``Container`` of the fields, and builds from one or from a dict.
    """

    __slots__ = ()

    layout: ClassVar[Layout] = Layout((), versioned=False)
    construct: ClassVar[Any] = _PlainConstruct()

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
class Box(Declared):
    """Base of all boxes.

    ``trailing`` keeps bytes behind the declared fields, ``size_form`` how the size was written (one of
    ``SIZE_32``, ``SIZE_64``, ``SIZE_TO_END``). ``offset`` and ``read_size`` tell where a box was read (bytes from
    the start of the input, and how many); both are None in a box that was made, and do not take part in ==.
    """

    fourcc: ClassVar[str] = ""
    versions: ClassVar[tuple[int, ...] | None] = None
    registry: ClassVar[Mapping[str, type["Box"]] | None] = None
    child_rules: ClassVar[Children | None] = None

    size_form: int = SIZE_32
    trailing: bytes = b""
    offset: int | None = field(default=None, compare=False, repr=False)
    read_size: int | None = field(default=None, compare=False, repr=False)

    if TYPE_CHECKING:  # boxes of several codes make a field of it
        type: str = field(init=False)
    else:
        type = ""

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

    def _body(self) -> list[Any]:
        layout = self.layout
        head = layout.pack(self)
        if layout.payload is None:
            return [head]
        data = as_byte_view(getattr(self, layout.payload))
        return [head, data] if head else [data]

    def __copy__(self) -> "Box":
        return replace(self)

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """What is pickled: views on an input become bytes."""
        state = {one.name: getattr(self, one.name) for one in fields(self)}
        return None, {name: bytes(value) if isinstance(value, memoryview) else value for name, value in state.items()}

    def refined(self, budget: ItemBudget) -> "Box":
        """Return the box to use for this one, just parsed: a class that knows more of the content, or itself.

        What is made besides is charged to ``budget``.
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

    @overload
    def find(self, kind: type[B]) -> B | None: ...
    @overload
    def find(self, kind: str) -> Box | None: ...
    def find(self, kind: type[Box] | str) -> Box | None:
        """Return the first child of class or type ``kind``, or None. "trak/tkhd" finds the first at that path.

        Raises ``BoxError`` for a path with an empty step, such as "trak/", as ``find_all`` and ``require`` do.
        """
        if isinstance(kind, str):
            return next(_at_path(self.children, kind), None)
        for child in self.children:
            if isinstance(child, kind):
                return child
        return None

    @overload
    def find_all(self, kind: type[B]) -> tuple[B, ...]: ...
    @overload
    def find_all(self, kind: str) -> tuple[Box, ...]: ...
    def find_all(self, kind: type[Box] | str) -> tuple[Box, ...]:
        """Return all children of class or type ``kind``, or at the path ``kind``, in file order."""
        if isinstance(kind, str):
            return tuple(_at_path(self.children, kind))
        return tuple([child for child in self.children if isinstance(child, kind)])

    @overload
    def require(self, kind: type[B]) -> B: ...
    @overload
    def require(self, kind: str) -> Box: ...
    def require(self, kind: type[Box] | str) -> Box:
        """Return what ``find`` finds; ``BoxError`` where there is none."""
        found = self.find(kind)
        if found is None:
            name = kind if isinstance(kind, str) else kind.fourcc or kind.__name__
            raise BoxError(f"no {name} box", path=f"/{self.type}", offset=self.offset or 0)
        return found

    def descend(self, *kinds: type[Box]) -> Box | None:
        """Follow the first child of each class in turn; None where the path ends early."""
        found: Box | None = self
        for kind in kinds:
            found = found.find(kind) if isinstance(found, ContainerBox) else None
        return found

    def _body(self) -> list[Any]:
        layout = self.layout
        pieces: list[Any] = [layout.pack(self)] if layout.names or layout.versioned else []
        for child in self.children:
            if child.size_form == SIZE_TO_END:
                raise WireError("size 0 (up to the end of the file) inside a box")
            pieces.extend(child.pieces())
        return pieces


def _at_path(children: Iterable[Box], path: str) -> Iterator[Box]:
    steps = path.split("/")
    if not all(steps):
        raise BoxError(f"the path {path!r} has an empty step")
    return _at_steps(children, steps, 0)


def _at_steps(children: Iterable[Box], steps: list[str], depth: int) -> Iterator[Box]:
    is_last = depth + 1 == len(steps)
    for child in children:
        if child.type == steps[depth]:
            if is_last:
                yield child
            else:
                yield from _at_steps(child.children_of(), steps, depth + 1)


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class FullBox(Box):
    """A box with a version and 24 bits of flags in front of its fields."""

    layout: ClassVar[Layout] = Layout(())

    version: int = 0
    flags: int = 0


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class FullContainerBox(ContainerBox):
    """A box with version and flags that holds boxes."""

    layout: ClassVar[Layout] = Layout(())

    version: int = 0
    flags: int = 0


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class UnknownBox(Box):
    """A box whose type or version is not declared, kept as it is; ``data`` may be a view on the input."""

    type: str
    data: bytes | memoryview = b""

    def _body(self) -> list[Any]:
        data = self.data
        return [data if type(data) is bytes else as_byte_view(data)]
