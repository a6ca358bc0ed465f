"""What every field type of a declaration is, and the field types of fixed size. ``wire`` has all the others.

A field type reads from a buffer and writes bytes. Nothing outside ``bmff`` sees one, nor a ``WireError``.
"""

import struct
import uuid
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

import construct
from construct import Bytes, FormatField

__all__ = [
    "FOURCC",
    "ITEM_BUDGET",
    "UUID_FIELD",
    "Bits",
    "FieldType",
    "Fields",
    "Fixed",
    "ItemBudget",
    "WireError",
    "as_field",
    "identity",
    "raise_truncated",
    "unsigned",
]

Fields = dict[str, Any]
ITEM_BUDGET = "\0item budget"
"""Where ``this`` carries, while boxes are parsed, the ``ItemBudget`` from which lists pay for their items."""


class ItemBudget(Protocol):
    """How many boxes and list items may still be read."""

    def charge(self, count: int, position: int) -> None:
        """Take ``count`` out; ``WireError`` if that is more than is left."""


class WireError(Exception):
    """Bytes or values do not fit the declaration; ``position`` counts from the start of the buffer."""

    def __init__(self, reason: str, position: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


def raise_truncated(position: int, need: int, have: int) -> NoReturn:
    """Raise the ``WireError`` that says that bytes are missing."""
    raise WireError(f"{need} bytes needed, {have} left", position)


class FieldType(construct.Construct):  # type: ignore[misc]
    """A construct that reads from a buffer and writes bytes, without a stream."""

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[Any, int]:
        """Return the value that starts at ``pos`` and the position behind it; never reads past ``end``."""
        raise WireError("field type without a reader", pos)

    def encode(self, value: Any, this: Fields) -> bytes:
        """Return the bytes of ``value``."""
        raise WireError("field type without a writer")

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        start = stream.tell()
        view = memoryview(stream.read())
        value, pos = self.decode(view, 0, len(view), _fields_in(context))
        stream.seek(start + pos)
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(self.encode(obj, _fields_in(context)))
        return obj


def _fields_in(context: Any) -> Fields:
    """Return the fields that a construct's context knows: those around it, its own, and those in groups of bits."""
    found: Fields = dict(context.get("_") or {})
    for name, value in context.items():
        found.update(value if isinstance(value, construct.Container) else {name: value})
    return found


class Fixed(FieldType):
    """A field of ``size`` bytes whose raw form (``struct`` code ``code``) is converted both ways."""

    def __init__(self, code: str, load: Callable[[Any], Any], dump: Callable[[Any], Any]) -> None:
        super().__init__()
        self.code, self.load, self.dump = code, load, dump
        self.packer = struct.Struct(">" + code)

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[Any, int]:
        """See ``FieldType``."""
        stop = pos + self.packer.size
        if stop > end:
            raise_truncated(pos, self.packer.size, end - pos)
        return self.load(self.packer.unpack_from(view, pos)[0]), stop

    def encode(self, value: Any, this: Fields) -> bytes:
        """See ``FieldType``."""
        return self.packer.pack(self.dump(value))

    def _sizeof(self, context: Any, path: str) -> int:
        return self.packer.size


def _exact(text: str) -> bytes:
    raw = text.encode("latin-1")
    if len(raw) != 4:
        raise WireError(f"a four-character code has 4 characters, not {len(raw)}")
    return raw


def unsigned(size: int) -> Fixed:
    """Return the field type of an unsigned number of ``size`` bytes."""
    return Fixed(f"{size}s", lambda raw: int.from_bytes(raw, "big"), lambda value: value.to_bytes(size, "big"))


FOURCC = Fixed("4s", lambda raw: raw.decode("latin-1"), _exact)
UUID_FIELD = Fixed("16s", lambda raw: uuid.UUID(bytes=raw), lambda value: value.bytes)


class Bits(FieldType):
    """``width`` bits of a run of bit fields; neighbouring runs must end on a byte boundary."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width


def as_field(field_type: Any) -> FieldType:
    """Return ``field_type`` as a field type: plain constructs of fixed size may be used in declarations too."""
    if isinstance(field_type, FieldType):
        return field_type
    if isinstance(field_type, FormatField):
        return Fixed(field_type.fmtstr[-1], identity, identity)
    if isinstance(field_type, Bytes):
        return Fixed(f"{field_type.length}s", identity, _exactly(field_type.length))
    raise TypeError(f"{field_type!r} cannot be used in a declaration")


def identity(value: Any) -> Any:
    """Return ``value``: the conversion of fields that need none."""
    return value


def _exactly(size: int) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if len(value) != size:
            raise WireError(f"{size} bytes needed, not {len(value)}")
        return value

    return check
