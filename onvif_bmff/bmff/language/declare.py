"""From class bodies to boxes: typed dataclasses whose annotations declare their wire form. ISO/IEC 14496-12, 4.2.

``@box("tfdt", versions=(0, 1))`` makes a slots dataclass, derives its layout from the annotations and registers
it under its four-character code; ``@sample_entry("avc1", "avc3")`` does the same for what lies in ``stsd``;
``@record`` for a structure inside a box; ``@refinement(General)`` makes a class that knows more of some boxes of
class ``General``. A declaration that makes no sense raises ``DeclarationError``, which names class and field.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, TypeVar, dataclass_transform, get_args, get_origin

from onvif_bmff.bmff.language.box import Box, ContainerBox, Declared, FullBox, FullContainerBox
from onvif_bmff.bmff.language.children import Children
from onvif_bmff.bmff.language.fixed import NOT_WRITTEN, Fields, FieldType
from onvif_bmff.bmff.language.layout import Layout
from onvif_bmff.bmff.language.wire import ITEM_BUDGET, DeclarationError

__all__ = [
    "BOXES",
    "SAMPLE_ENTRIES",
    "Record",
    "RecordOf",
    "box",
    "record",
    "refinement",
    "sample_entry",
]

B = TypeVar("B", bound=Box)
T = TypeVar("T")

BOXES: dict[str, type[Box]] = {}
"""All declared boxes by four-character code, save sample entries."""
SAMPLE_ENTRIES: dict[str, type[Box]] = {}
"""All declared sample entries by four-character code (the children of stsd)."""


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Record(Declared):
    """Base of the structures inside boxes."""


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Make a structure inside a box from an annotated class body."""
    made: Any = _make(cls)
    if made.layout.payload is not None:
        raise DeclarationError(f"{cls.__name__}.{made.layout.payload}: a View stands in boxes only")
    result: type[T] = made
    return result


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def box(
    fourcc: str,
    *,
    versions: tuple[int, ...] = (0,),
    registry: Mapping[str, type[Box]] | None = None,
    orders: Mapping[int, Sequence[str]] | None = None,
    children: Children | None = None,
) -> Callable[[type[B]], type[B]]:
    """Make and register a box class. ``versions`` (of a FullBox) lists those that the body describes.

    ``registry`` is where the codes of its children are looked up (``BOXES`` if None), ``children`` how many of each
    type there may be. ``orders`` names the first fields, in wire order, for versions where the order is not that of
    the body. A box of another version is read as ``UnknownBox``.
    """

    def declare(cls: type[B]) -> type[B]:
        made: Any = _make(cls, orders)
        made.fourcc = made.type = fourcc
        made.registry = registry
        made.child_rules = children
        made.versions = versions if issubclass(cls, FullBox | FullContainerBox) else None
        _register(BOXES, fourcc, made)
        result: type[B] = made
        return result

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


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def refinement(general: type[Box], *, versions: tuple[int, ...]) -> Callable[[type[B]], type[B]]:
    """Make a class that knows more of the content of some boxes of class ``general``, in ``versions``.

    It has their type and layout, and gives the fields of that layout as properties. ``general.refined`` makes it.
    """

    def declare(cls: type[B]) -> type[B]:
        made: Any = dataclass(slots=True, kw_only=True, eq=False, repr=False)(cls)
        for name in general.layout.names:
            if not hasattr(made, name):
                raise DeclarationError(f"{cls.__name__}.{name}: missing, though {general.__name__} has it on the wire")
        made.fourcc = made.type = general.fourcc
        made.layout, made.versions = general.layout, versions
        result: type[B] = made
        return result

    return declare


_BASES = frozenset((Declared, Record, Box, FullBox, ContainerBox, FullContainerBox))
_OWN_DEFAULTS = ("type", "version", "flags")
"""What a box may give a default of its own, or make a field of, without putting it on the wire."""
_TAKEN = frozenset((*dir(FullBox), *dir(FullContainerBox))) - frozenset(_OWN_DEFAULTS)


def _make(cls: type[T], orders: Mapping[int, Sequence[str]] | None = None) -> type[T]:
    declared = _declared_fields(cls)
    versioned = issubclass(cls, FullBox | FullContainerBox)
    made: Any = dataclass(slots=True, kw_only=True, eq=False, repr=False)(cls)
    made.layout = Layout(declared.items(), owner=cls.__name__, versioned=versioned, orders=orders)
    last = made.layout.fields[-1:]
    if issubclass(cls, ContainerBox) and last and last[0][1].takes_rest:
        raise DeclarationError(f"{cls.__name__}.{last[0][0]}: takes all bytes that are left, none are for children")
    result: type[T] = made
    return result


def _register(registry: dict[str, type[Box]], fourcc: str, made: type[Box]) -> None:
    if len(fourcc) != 4:
        raise DeclarationError(f"{made.__name__}: the type {fourcc!r} has not four characters")
    if fourcc in registry:
        raise DeclarationError(f"{made.__name__}: {fourcc!r} is declared twice")
    registry[fourcc] = made


def _declared_fields(cls: type[Any]) -> dict[str, Any]:
    """Return field type by name of the annotated fields, those of base classes first."""
    found: dict[str, Any] = {}
    for owner in reversed(cls.__mro__):
        if owner in _BASES:
            continue
        for name, annotation in inspect.get_annotations(owner).items():
            where = f"{owner.__name__}.{name}"
            origin: Any = get_origin(annotation)
            if isinstance(annotation, str):
                raise DeclarationError(f"{where}: postponed annotations hide the declaration")
            if name.startswith("_") or ClassVar in (annotation, origin):
                continue
            if origin is not Annotated:
                if name not in _OWN_DEFAULTS:
                    raise DeclarationError(f"{where}: has no field type (NOT_WRITTEN for what is not on the wire)")
            elif name in _TAKEN:
                raise DeclarationError(f"{where}: all boxes have an attribute of this name")
            elif get_args(annotation)[1] is not NOT_WRITTEN:
                found[name] = annotation
    return found


class RecordOf(FieldType):
    """One structure of class ``kind``."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[Any, int]:
        """See ``FieldType``."""
        values: Fields = {ITEM_BUDGET: this[ITEM_BUDGET]} if ITEM_BUDGET in this else {}
        pos = self.kind.layout.read(view, pos, end, values)
        values.pop(ITEM_BUDGET, None)
        return self.kind(**values), pos

    def encode(self, value: Any, this: Fields) -> bytes:
        """See ``FieldType``."""
        data: bytes = value.layout.pack(value)
        return data
