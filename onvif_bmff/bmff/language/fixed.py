"""What a field type is, and the field types of fixed size. ``wire`` has all the others.

A field type reads from a buffer and writes bytes. Nothing outside ``bmff`` sees one, nor a ``WireError``.
"""

import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NoReturn, Protocol, get_args, get_origin

__all__ = [
    "FOURCC",
    "ITEM_BUDGET",
    "NOT_WRITTEN",
    "UUID_FIELD",
    "Bits",
    "Bytes",
    "DeclarationError",
    "FieldType",
    "Fields",
    "Fixed",
    "ItemBudget",
    "Refused",
    "WireError",
    "as_field",
    "as_inner",
    "identity",
    "raise_truncated",
    "unsigned",
]

Fields = dict[str, Any]
ITEM_BUDGET = "\0item budget"
"""Where ``this`` carries, while boxes are parsed, the ``ItemBudget`` to which lists charge their items."""


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


class DeclarationError(TypeError):
    """A class body that cannot be a layout; raised when the class is made, and names class and field."""


def raise_truncated(position: int, need: int, have: int) -> NoReturn:
    """Raise the ``WireError`` that says that bytes are missing."""
    raise WireError(f"{need} bytes needed, {have} left", position)


class FieldType:
    """How a field lies on the wire.

    ``takes_rest``: it reads all bytes that are left, so that no field can follow.
    ``needs_version``: it asks for version or flags.
    """

    takes_rest = False
    needs_version = False

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[Any, int]:
        """Return the value that starts at ``pos`` and the position behind it; never reads past ``end``."""
        raise WireError("field type without a reader", pos)

    def encode(self, value: Any, this: Fields) -> bytes:
        """Return the bytes of ``value``."""
        raise WireError("field type without a writer")

    def parts(self) -> "tuple[FieldType, ...]":
        """The field types of which it is made."""
        return ()

    def asks(self) -> tuple[Callable[[Mapping[str, Any]], Any], ...]:
        """The functions of earlier fields by which it finds a count, a condition or a column."""
        return ()


class Fixed(FieldType):
    """A field of ``size`` bytes whose raw form (``struct`` code ``code``) is converted both ways."""

    def __init__(self, code: str, load: Callable[[Any], Any], dump: Callable[[Any], Any]) -> None:
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


def identity(value: Any) -> Any:
    """Return ``value``: the conversion of fields that need none."""
    return value


class Bytes(Fixed):
    """Exactly ``length`` bytes."""

    def __init__(self, length: int) -> None:
        super().__init__(f"{length}s", identity, self._check)
        self.length = length

    def _check(self, value: Any) -> Any:
        if len(value) != self.length:
            raise WireError(f"{self.length} bytes needed, not {len(value)}")
        return value


def _four(text: str) -> bytes:
    raw = text.encode("latin-1")
    if len(raw) != 4:
        raise WireError(f"a four-character code has 4 characters, not {len(raw)}")
    return raw


def unsigned(size: int) -> Fixed:
    """Return the field type of an unsigned number of ``size`` bytes."""
    return Fixed(f"{size}s", lambda raw: int.from_bytes(raw, "big"), lambda value: value.to_bytes(size, "big"))


FOURCC = Fixed("4s", lambda raw: raw.decode("latin-1"), _four)
UUID_FIELD = Fixed("16s", lambda raw: uuid.UUID(bytes=raw), lambda value: value.bytes)


class Bits(FieldType):
    """``width`` bits of a run of bit fields; neighbouring runs must end on a byte boundary."""

    def __init__(self, width: int) -> None:
        self.width = width


NOT_WRITTEN = FieldType()
"""Marks a field of the class that is not on the wire: ``note: Annotated[str, NOT_WRITTEN] = ""``."""


def as_field(declared: Any) -> FieldType:
    """Return the field type in ``declared``: itself, that of an annotation such as ``U32``, or of a construct.

    Of construct's own names those of fixed size can be used: integers and ``Bytes``. ``DeclarationError`` for others.
    """
    if isinstance(declared, FieldType):
        return declared
    if get_origin(declared) is Annotated:
        return as_field(get_args(declared)[1])
    found = _from_construct(declared)
    if found is None:
        raise DeclarationError(f"{declared!r} cannot be used in a declaration")
    return found


class Refused(FieldType):
    """Stands inside another field type for what cannot be used there, until the class can be named."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def as_inner(declared: Any) -> FieldType:
    """Return ``as_field(declared)``, or ``Refused`` where that raises."""
    try:
        return as_field(declared)
    except DeclarationError as error:
        return Refused(str(error))


def _from_construct(declared: Any) -> Fixed | None:
    """Return what ``declared`` means if it is a construct of fixed size; told by its class's name, without import."""
    kind = type(declared)
    if kind.__module__.partition(".")[0] != "construct":
        return None
    if kind.__name__ == "FormatField" and declared.fmtstr[0] == ">" and declared.fmtstr[1] in "bBhHlLiIqQ":
        return Fixed(declared.fmtstr[1], identity, identity)
    if kind.__name__ == "Bytes" and isinstance(declared.length, int):
        return Bytes(declared.length)
    return None
