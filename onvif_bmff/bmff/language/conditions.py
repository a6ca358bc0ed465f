"""Fields whose presence or type depends on version, flags or other fields; columns of tables may do so too."""

from collections.abc import Callable, Mapping
from typing import Any

from onvif_bmff.bmff.language.fixed import Fields, FieldType, WireError, as_inner

__all__ = ["ByVersion", "Conditional", "WhenFlag", "by_version", "decide", "is_column", "when", "when_flag"]


class Conditional(FieldType):
    """A field that is there only under a condition; None stands for absent."""

    present: Callable[[Mapping[str, Any]], Any]

    def __init__(self, present: Callable[[Mapping[str, Any]], Any], inner: Any) -> None:
        self.present, self.inner = present, as_inner(inner)

    def parts(self) -> tuple[FieldType, ...]:
        """See ``FieldType``."""
        return (self.inner,)

    def asks(self) -> tuple[Callable[[Mapping[str, Any]], Any], ...]:
        """See ``FieldType``."""
        return (self.present,)

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[Any, int]:
        """See ``FieldType``."""
        return self.inner.decode(view, pos, end, this) if self.present(this) else (None, pos)

    def encode(self, value: Any, this: Fields) -> bytes:
        """See ``FieldType``."""
        if not self.present(this):
            if value is not None:
                raise WireError("a value is given, but the other fields say that there is none")
            return b""
        if value is None:
            raise WireError("no value is given, but the other fields say that there is one")
        return bytes(self.inner.encode(value, this))


class WhenFlag(Conditional):
    """A field, or a table's column (then ``inner`` is its code), that flags tell of."""

    needs_version = True

    def __init__(self, mask: int, inner: Any) -> None:
        self.mask = mask
        if is_column(inner):
            self.present, self.inner = _never, inner
        else:
            super().__init__(lambda this: this.get("flags", 0) & mask, inner)


class ByVersion(FieldType):
    """One field type (or code of a column) in version 0, another one from version 1 on."""

    needs_version = True

    def __init__(self, zero: Any, later: Any) -> None:
        column = is_column(zero) or is_column(later)
        self.zero: Any = zero if column else as_inner(zero)
        self.later: Any = later if column else as_inner(later)

    def parts(self) -> tuple[FieldType, ...]:
        """See ``FieldType``."""
        return (self.zero, self.later)

    def decode(self, view: memoryview, pos: int, end: int, this: Fields) -> tuple[Any, int]:
        """See ``FieldType``."""
        value: tuple[Any, int] = (self.later if this["version"] else self.zero).decode(view, pos, end, this)
        return value

    def encode(self, value: Any, this: Fields) -> bytes:
        """See ``FieldType``."""
        return bytes((self.later if this["version"] else self.zero).encode(value, this))


def is_column(declared: Any) -> bool:
    """Tell whether ``declared`` is the code of a column, or a condition on codes."""
    if isinstance(declared, WhenFlag):
        return is_column(declared.inner)
    if isinstance(declared, ByVersion):
        return is_column(declared.zero) or is_column(declared.later)
    return isinstance(declared, str)


def _never(this: Mapping[str, Any]) -> bool:
    return False


def by_version(zero: Any, later: Any) -> Any:
    """Layout ``zero`` in version 0, ``later`` from version 1 on."""
    return ByVersion(zero, later)


def when_flag(mask: int, inner: Any) -> Any:
    """``inner`` if any bit of ``mask`` is set in the flags, else absent (None)."""
    return WhenFlag(mask, inner)


def when(present: Callable[[Mapping[str, Any]], Any], inner: Any) -> Any:
    """``inner`` if ``present`` says so of the fields before it, else absent (None)."""
    return Conditional(present, inner)


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
