"""What a declaration may not say. A class that says it is refused when it is made, with class and field."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from onvif_bmff.bmff.language.columns import COLUMN_CODES
from onvif_bmff.bmff.language.conditions import ByVersion, Conditional, WhenFlag
from onvif_bmff.bmff.language.fixed import NOT_WRITTEN, Bits, DeclarationError, FieldType, Fixed, Refused, as_field
from onvif_bmff.bmff.language.wire import VIEW, ListOf, SizedBytes, Table

__all__ = ["check_fields", "fields_asked_for"]

_HEAD = ("version", "flags")


def check_fields(
    fields: Iterable[tuple[str, Any]], *, owner: str = "", versioned: bool = True
) -> tuple[tuple[str, FieldType], ...]:
    """Return name and type of the fields of class ``owner``; ``DeclarationError`` if they cannot be a layout.

    ``versioned``: the class has a version and flags, of which fields may ask.
    """
    found = []
    for name, declared in fields:
        try:
            found.append((name, as_field(declared)))
        except DeclarationError as error:
            raise DeclarationError(f"{owner}.{name}: {error}") from None
    _check_bits(owner, found)
    _check_rest(owner, found)
    known = [*_HEAD] if versioned else []
    for name, field_type in found:
        _check_inner(f"{owner}.{name}", field_type)
        _check_asked(f"{owner}.{name}", field_type, known, [other for other, _ in found])
        known.append(name)
    return tuple(found)


def fields_asked_for(functions: Iterable[Callable[[Mapping[str, Any]], Any]]) -> set[str]:
    """Return the names of the fields by which ``functions`` find counts and conditions."""
    names: set[str] = set()
    for function in functions:
        for answer in (0, 1):  # either answer, for one may hide the next question
            fields = _Recorder(answer)
            with suppress(Exception):  # a function may refuse the answer in its own way; it has asked
                function(fields)
            names |= fields.asked
    return names


class _Recorder(dict[str, Any]):
    """Fields that are all ``answer``, and remember which of them were asked for."""

    def __init__(self, answer: int) -> None:
        super().__init__()
        self.answer = answer
        self.asked: set[str] = set()

    def __missing__(self, name: str) -> int:
        self.asked.add(name)
        return self.answer

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


def _check_bits(owner: str, fields: list[tuple[str, FieldType]]) -> None:
    run: list[str] = []
    total = 0
    for name, field_type in (*fields, ("", NOT_WRITTEN)):
        if isinstance(field_type, Bits):
            if field_type.width < 1:
                raise DeclarationError(f"{owner}.{name}: a bit field of {field_type.width} bits")
            run, total = [*run, name], total + field_type.width
            if total % 8 == 0:
                run, total = [], 0
        elif run:
            raise DeclarationError(f"{owner}.{run[0]}: the bit fields {run} do not end on a byte boundary")


def _check_rest(owner: str, fields: list[tuple[str, FieldType]]) -> None:
    """A field that takes all bytes that are left is the last one; others there must be conditional too."""
    taker, always = "", False
    for name, field_type in fields:
        conditional = isinstance(field_type, Conditional | ByVersion)
        if taker and (always or not conditional):
            raise DeclarationError(f"{owner}.{name}: {taker} before it takes all bytes that are left")
        if _takes_rest(field_type):
            taker, always = name, not conditional


def _takes_rest(field_type: FieldType) -> bool:
    """Tell whether the field takes all that is left, at least under some condition."""
    if isinstance(field_type, Conditional | ByVersion):
        return any(_takes_rest(part) for part in field_type.parts())
    return field_type.takes_rest


def _check_inner(where: str, field_type: FieldType) -> None:
    """The field types of which one is made must make sense there, and so must counts and columns."""
    if isinstance(field_type, SizedBytes | ListOf | Table):
        _check_count(where, field_type.count, optional=isinstance(field_type, ListOf))
    if isinstance(field_type, Table):
        for code in field_type.columns.values():
            _check_column(where, code)
    for part in field_type.parts():
        if isinstance(part, Refused):
            raise DeclarationError(f"{where}: {part.reason}")
        if isinstance(part, Bits) or part in (VIEW, NOT_WRITTEN):
            raise DeclarationError(f"{where}: bit fields, View and NOT_WRITTEN cannot stand inside another field type")
        if isinstance(field_type, ListOf) and _takes_rest(part):
            raise DeclarationError(f"{where}: an item of the list would take all bytes that are left")
        _check_inner(where, part)


def _check_count(where: str, count: Any, *, optional: bool) -> None:
    """A count is an unsigned number, or a function; a list's may be missing."""
    if isinstance(count, Fixed):
        highest = count.load(count.packer.unpack(b"\xff" * count.packer.size)[0])
        if isinstance(highest, int) and highest > 0:
            return
    elif (count is None and optional) or (callable(count) and not isinstance(count, FieldType)):
        return
    reason = count.reason if isinstance(count, Refused) else "its count is no unsigned number"
    raise DeclarationError(f"{where}: {reason}")


def _check_column(where: str, code: Any) -> None:
    if isinstance(code, WhenFlag):
        _check_column(where, code.inner)
    elif isinstance(code, ByVersion):
        _check_column(where, code.zero)
        _check_column(where, code.later)
    elif not callable(code) and code not in COLUMN_CODES:
        raise DeclarationError(f"{where}: {code!r} is no code of a column")


def _check_asked(where: str, field_type: FieldType, known: list[str], names: list[str]) -> None:
    if field_type.needs_version and "version" not in known:
        raise DeclarationError(f"{where}: asks for version or flags, but the class has neither")
    for name in sorted(fields_asked_for(field_type.asks()) - set(known)):
        later = "a field that comes later" if name in names else "which is no field"
        raise DeclarationError(f"{where}: asks for {name}, {later}")
    for part in field_type.parts():
        _check_asked(where, part, known, names)
