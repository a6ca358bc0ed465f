"""A declaration as plain construct: what ``SomeBox.construct`` gives. Only this module imports construct.

Each field type becomes what a user of construct would write for it, so that it composes with other constructs, and
so that it checks ``layout`` independently: the tests hold both to the same bytes. Errors are construct's own.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import construct

from onvif_bmff.bmff.language.box import Box, ContainerBox
from onvif_bmff.bmff.language.columns import Columns
from onvif_bmff.bmff.language.conditions import ByVersion, Conditional, decide
from onvif_bmff.bmff.language.declare import BOXES, RecordOf
from onvif_bmff.bmff.language.header import SIZE_TO_END
from onvif_bmff.bmff.language.layout import Layout
from onvif_bmff.bmff.language.reader import read_children
from onvif_bmff.bmff.language.wire import STRING, Bits, Bytes, FieldType, Fixed, ListOf, SizedBytes, Table, WireError
from onvif_bmff.errors import BoxError

__all__ = ["construct_of", "field_construct", "struct_of"]

_NUMBERS = {
    "b": construct.Int8sb,
    "B": construct.Int8ub,
    "h": construct.Int16sb,
    "H": construct.Int16ub,
    "t": construct.BytesInteger(3),
    "i": construct.Int32sb,
    "I": construct.Int32ub,
    "l": construct.Int32sb,
    "L": construct.Int32ub,
    "q": construct.Int64sb,
    "Q": construct.Int64ub,
}
_VALUE_ERRORS = (WireError, BoxError, OverflowError, ValueError, AttributeError, TypeError, KeyError)


def struct_of(layout: Layout, version: int = 0) -> Any:
    """Return the ``construct.Struct`` of the fields alone, in the order of ``version``."""
    return construct.Struct(*_members(layout, version))


@cache
def construct_of(kind: Any) -> Any:
    """Return the ``construct.Struct`` of the body of a declared class: version and flags, fields, children."""
    if not issubclass(kind, Box):
        return struct_of(kind.layout)
    children = ["children" / _Boxes(kind.registry or BOXES)] if issubclass(kind, ContainerBox) else []
    if kind.versions is None:
        return construct.Struct(*_members(kind.layout, 0), *children)
    head = ["version" / construct.OneOf(construct.Int8ub, kind.versions), "flags" / construct.BytesInteger(3)]
    orders = {version: _members(kind.layout, version) for version in kind.versions}
    if len({tuple(name for name, _ in kind.layout.ordered(version)) for version in kind.versions}) == 1:
        return construct.Struct(*head, *orders[kind.versions[0]], *children)
    # the order of the fields depends on the version: it is looked at before the body is read
    bodies = {version: construct.Struct(*head, *members, *children) for version, members in orders.items()}
    return _ByFirstByte(bodies)


def field_construct(field_type: FieldType) -> Any:
    """Return the construct of one field type."""
    if isinstance(field_type, Bytes):
        return construct.Bytes(field_type.length)
    if isinstance(field_type, Fixed):
        return _NUMBERS.get(field_type.code) or _Converted(field_type)
    if field_type is STRING:
        return _Text(construct.NullTerminated(construct.GreedyBytes))
    if isinstance(field_type, Conditional):
        return _If(_asking(field_type.present), field_construct(field_type.inner))
    if isinstance(field_type, ByVersion):
        later, zero = field_construct(field_type.later), field_construct(field_type.zero)
        return construct.IfThenElse(lambda context: _this(context)["version"], later, zero)
    if isinstance(field_type, SizedBytes):
        if isinstance(field_type.count, FieldType):
            return construct.Prefixed(field_construct(field_type.count), construct.GreedyBytes)
        return construct.Bytes(_asking(field_type.count))
    if isinstance(field_type, ListOf):
        return _Tuple(_array(field_type))
    if isinstance(field_type, RecordOf):
        return _Record(field_type.kind)
    if isinstance(field_type, Table):
        return _Table(field_type)
    return construct.GreedyBytes if type(field_type).decode.__module__ == _WIRE else _Buffered(field_type)


_WIRE = "onvif_bmff.bmff.language.wire"
"""Where Rest and View are; what others declare reads from a buffer."""


def _members(layout: Layout, version: int) -> list[Any]:
    """Return the members of the struct; a run of bits is a number in front of them, named "_bits_" and the first."""
    members: list[Any] = []
    run: list[tuple[str, int]] = []
    for name, field_type in layout.ordered(version):
        if not isinstance(field_type, Bits):
            members.append(name / field_construct(field_type))
            continue
        run.append((name, field_type.width))
        if sum(width for _, width in run) % 8 == 0:
            members += _bits(run)
            run = []
    return members


def _bits(run: list[tuple[str, int]]) -> list[Any]:
    shift = total = sum(width for _, width in run)
    places = {}
    for name, width in run:
        shift -= width
        places[name] = (shift, (1 << width) - 1)

    def joined(context: Any) -> int:
        number = 0
        for name, (low, mask) in places.items():
            if not 0 <= context[name] <= mask:
                raise construct.IntegerError(f"{name}: {context[name]} does not fit {mask.bit_length()} bits")
            number |= context[name] << low
        return number

    def part(number: str, low: int, mask: int) -> Callable[[Any], int]:
        return lambda context: int(context[number]) >> low & mask

    whole = f"_bits_{run[0][0]}"
    number = construct.Rebuild(construct.BytesInteger(total // 8), joined)
    parts = [name / construct.Computed(part(whole, low, mask)) for name, (low, mask) in places.items()]
    return [whole / number, *parts]


def _array(field_type: ListOf) -> Any:
    item = field_construct(field_type.item)
    if field_type.count is None:
        return construct.GreedyRange(item)
    if isinstance(field_type.count, FieldType):
        return construct.PrefixedArray(field_construct(field_type.count), item)
    return construct.Array(_asking(field_type.count), item)


def _this(context: Any) -> dict[str, Any]:
    """Return the fields that ``context`` knows: its own, and those around it."""
    return {**(context.get("_") or {}), **context}


def _asking(function: Callable[[Mapping[str, Any]], Any]) -> Callable[[Any], Any]:
    def ask(context: Any) -> Any:
        try:
            return function(_this(context))
        except WireError as error:
            raise construct.CheckError(error.reason) from None

    return ask


class _If(construct.Construct):  # type: ignore[misc]
    """``construct.If`` that refuses a value where the condition says that there is none."""

    def __init__(self, present: Callable[[Any], Any], inner: Any) -> None:
        super().__init__()
        self.present, self.inner = present, inner
        self.flagbuildnone = True

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        return self.inner._parsereport(stream, context, path) if self.present(context) else None

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if not self.present(context):
            if obj is not None:
                raise construct.CheckError("given, but the other fields say that it is absent", path=path)
            return None
        return self.inner._build(obj, stream, context, path)


class _Converted(construct.Adapter):  # type: ignore[misc]
    """Raw bytes converted both ways: numbers of unusual width, codes, UUIDs."""

    def __init__(self, field_type: Fixed) -> None:
        super().__init__(construct.Bytes(field_type.packer.size))
        self.field_type = field_type

    def _decode(self, obj: Any, context: Any, path: str) -> Any:
        return self.field_type.load(obj)

    def _encode(self, obj: Any, context: Any, path: str) -> Any:
        try:
            return self.field_type.dump(obj)
        except _VALUE_ERRORS as error:
            raise construct.MappingError(str(error), path=path) from None


class _Text(construct.Adapter):  # type: ignore[misc]
    """UTF-8 whose wrong bytes survive as surrogate escapes."""

    def _decode(self, obj: Any, context: Any, path: str) -> str:
        return str(obj, "utf-8", "surrogateescape")

    def _encode(self, obj: Any, context: Any, path: str) -> bytes:
        if not isinstance(obj, str) or "\0" in obj:
            raise construct.StringError("no text without NUL", path=path)
        return obj.encode("utf-8", "surrogateescape")


class _Tuple(construct.Adapter):  # type: ignore[misc]
    def _decode(self, obj: Any, context: Any, path: str) -> tuple[Any, ...]:
        return tuple(obj)

    def _encode(self, obj: Any, context: Any, path: str) -> list[Any]:
        return list(obj)


class _Record(construct.Adapter):  # type: ignore[misc]
    """A structure as an object of its class."""

    def __init__(self, kind: Any) -> None:
        super().__init__(construct_of(kind))
        self.kind = kind

    def _decode(self, obj: Any, context: Any, path: str) -> Any:
        return self.kind(**{name: obj[name] for name in self.kind.layout.names})

    def _encode(self, obj: Any, context: Any, path: str) -> dict[str, Any]:
        try:
            return {name: getattr(obj, name) for name in self.kind.layout.names}
        except AttributeError as error:
            raise construct.MappingError(str(error), path=path) from None


class _Table(construct.Construct):  # type: ignore[misc]
    """Rows as ``Columns``."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table
        counted = isinstance(table.count, FieldType)
        self.count = field_construct(table.count) if counted else construct.Computed(_asking(table.count))

    def _row(self, context: Any) -> tuple[list[str], Any]:
        this = _this(context)
        version, flags = this.get("version", 0), this.get("flags", 0)
        members = {}
        for name, code in self.table.columns.items():
            code = decide(code, version, flags)
            code = _asking(code)(context) if callable(code) else code
            if code is not None:
                members[name] = _NUMBERS[code]
        return list(members), construct.Sequence(*members.values())

    def _parse(self, stream: Any, context: Any, path: str) -> Columns:
        count = self.count._parsereport(stream, context, path)
        names, row = self._row(context)
        if not names:
            return Columns(count)
        rows = construct.Array(count, row)._parsereport(stream, context, path)
        return Columns(count, **{name: [one[index] for one in rows] for index, name in enumerate(names)})

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        names, row = self._row(context)
        if not isinstance(obj, Columns) or sorted(obj.names) != sorted(names):
            raise construct.MappingError(f"Columns {names} needed", path=path)
        if self.count._build(len(obj), stream, context, path) not in (None, len(obj)):
            raise construct.RangeError(f"{len(obj)} rows, but the other fields say otherwise", path=path)
        for one in zip(*[obj[name] for name in names], strict=True):
            row._build(one, stream, context, path)
        return obj


class _Buffered(construct.Construct):  # type: ignore[misc]
    """A field type that has to look ahead."""

    def __init__(self, field_type: FieldType) -> None:
        super().__init__()
        self.field_type = field_type
        self.flagbuildnone = True

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        start = stream.tell()
        view = memoryview(stream.read())
        try:
            value, pos = self.field_type.decode(view, 0, len(view), _this(context))
        except WireError as error:
            raise construct.CheckError(error.reason, path=path) from None
        stream.seek(start + pos)
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        try:
            stream.write(self.field_type.encode(obj, _this(context)))
        except _VALUE_ERRORS as error:
            raise construct.MappingError(str(error), path=path) from None
        return obj


class _Boxes(construct.Construct):  # type: ignore[misc]
    """Child boxes up to the end, as objects of their classes; fewer than 8 bytes at the end stay in the stream."""

    def __init__(self, registry: Mapping[str, type[Box]]) -> None:
        super().__init__()
        self.registry = registry

    def _parse(self, stream: Any, context: Any, path: str) -> tuple[Box, ...]:
        start = stream.tell()
        try:
            boxes, pos = read_children(stream.read(), self.registry)
        except BoxError as error:
            raise construct.CheckError(str(error), path=path) from None
        stream.seek(start + pos)
        return boxes

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        for child in obj:
            if not isinstance(child, Box) or child.size_form == SIZE_TO_END:
                raise construct.MappingError(f"{child!r} cannot stand inside a box", path=path)
            try:
                stream.write(child.build())
            except BoxError as error:
                raise construct.MappingError(str(error), path=path) from None
        return obj


class _ByFirstByte(construct.Construct):  # type: ignore[misc]
    """The struct of the version, which is the first byte."""

    def __init__(self, bodies: Mapping[int, Any]) -> None:
        super().__init__()
        self.bodies = bodies

    def _body(self, version: Any, path: str) -> Any:
        if version not in self.bodies:
            raise construct.ValidationError(f"version {version} is not declared", path=path)
        return self.bodies[version]

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        version = construct.Peek(construct.Int8ub)._parsereport(stream, context, path)
        return self._body(version, path)._parsereport(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return self._body(obj["version"], path)._build(obj, stream, context, path)
