"""The field types in which a box is declared.

A declaration is a typed class body whose annotations carry constructs::

    @box("tfdt", versions=(0, 1))
    class TrackFragmentBaseMediaDecodeTimeBox(FullBox):
        base_media_decode_time: Annotated[int, by_version(Int32ub, Int64ub)]

Every field type is lossless: the bytes that it reads are the bytes that it writes. ``layout`` turns the
field types of one class into what reads and writes them fast. Nothing outside ``bmff`` sees a construct or a
``WireError``.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import construct
from construct import Int8sb, Int8ub, Int16sb, Int16ub, Int32sb, Int32ub, Int64sb, Int64ub

from onvif_bmff.bmff.language.columns import Columns, pack_columns, unpack_columns
from onvif_bmff.bmff.language.fixed import (
    FOURCC,
    ITEM_BUDGET,
    UUID_FIELD,
    Bits,
    Fields,
    FieldType,
    Fixed,
    ItemBudget,
    WireError,
    as_field,
    identity,
    raise_truncated,
    unsigned,
)

__all__ = [
    "FOURCC",
    "ITEM_BUDGET",
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


class _Rest(FieldType):
    """All bytes that are left."""

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
        super().__init__()
        self.count = count

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

    Each item is paid for from the budget, because an item of two bytes makes an object of fifty.
    """

    def __init__(self, count: Any, item: Any) -> None:
        super().__init__()
        self.count, self.item = count, as_field(item)

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
        super().__init__()
        self.count, self.columns = count, columns
        self.decided = all(isinstance(code, str) for code in columns.values())

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


class Conditional(FieldType):
    """A field type that is there only under a condition; None stands for absent."""

    def __init__(self, present: Callable[[Mapping[str, Any]], Any], field_type: Any) -> None:
        super().__init__()
        self.present, self.inner = present, as_field(field_type)

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[Any, int]:
        return self.inner.decode(view, pos, end, this) if self.present(this) else (None, pos)

    def encode(self, value: Any, this: Fields) -> bytes:
        if not self.present(this):
            if value is not None:
                raise WireError("a value is given, but the other fields say that there is none")
            return b""
        if value is None:
            raise WireError("no value is given, but the other fields say that there is one")
        return bytes(self.inner.encode(value, this))


class WhenFlag(Conditional):
    def __init__(self, mask: int, field_type: Any) -> None:
        self.mask = mask
        if isinstance(field_type, str):  # the code of a table's column
            super().__init__(lambda this: False, Int8ub)
            self.inner = field_type  # type: ignore[assignment]
        else:
            super().__init__(lambda this: this.get("flags", 0) & mask, field_type)


class ByVersion(FieldType):
    def __init__(self, zero: Any, later: Any) -> None:
        super().__init__()
        self.zero, self.later = zero, later

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[Any, int]:
        value: tuple[Any, int] = as_field(self.later if this["version"] else self.zero).decode(view, pos, end, this)
        return value

    def encode(self, value: Any, this: Fields) -> bytes:
        return bytes(as_field(self.later if this["version"] else self.zero).encode(value, this))


def by_version(zero: Any, later: Any) -> Any:
    """Layout ``zero`` in version 0, ``later`` from version 1 on."""
    return ByVersion(zero, later)


def when_flag(mask: int, field_type: Any) -> Any:
    """``field_type`` if any bit of ``mask`` is set in the flags, else absent (None)."""
    return WhenFlag(mask, field_type)


def when(present: Callable[[Mapping[str, Any]], Any], field_type: Any) -> Any:
    """``field_type`` if ``present`` says so of the fields before it, else absent (None)."""
    return Conditional(present, field_type)


def decide(field_type: Any, version: int, flags: int) -> Any:
    """Resolve conditions on version and flags; None means absent."""
    while True:
        if isinstance(field_type, WhenFlag):
            if not flags & field_type.mask:
                return None
            field_type = field_type.inner
        elif isinstance(field_type, ByVersion):
            field_type = field_type.later if version else field_type.zero
        else:
            return field_type


def _read_count(count: Any, view: memoryview, pos: int, end: int, this: Fields) -> tuple[int, int]:
    if isinstance(count, construct.Construct):
        number, pos = as_field(count).decode(view, pos, end, this)
        return number, pos
    return count(this), pos


def _count_bytes(count: Any, number: int, this: Fields) -> bytes:
    if isinstance(count, construct.Construct):
        return bytes(as_field(count).encode(number, this))
    if count(this) != number:
        raise WireError(f"{number} items are given, but the other fields say {count(this)}")
    return b""


_INT24 = unsigned(3)
_INT48 = unsigned(6)
U8 = Annotated[int, Int8ub]
U16 = Annotated[int, Int16ub]
U24 = Annotated[int, _INT24]
U32 = Annotated[int, Int32ub]
U48 = Annotated[int, _INT48]
U64 = Annotated[int, Int64ub]
S8 = Annotated[int, Int8sb]
S16 = Annotated[int, Int16sb]
S32 = Annotated[int, Int32sb]
S64 = Annotated[int, Int64sb]
FourCC = Annotated[str, FOURCC]
Uuid = Annotated[uuid.UUID, UUID_FIELD]
STRING = _String()
String = Annotated[str, STRING]
REST = _Rest()
Rest = Annotated[bytes, REST]
VIEW = _View()
View = Annotated[Any, VIEW]
