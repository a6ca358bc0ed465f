"""What the text of an XML value means: the lexical forms of XML Schema Part 2 for the types that ONVIF topics use.

White space around a value is ignored, as the schema has it for all these types. Cameras write booleans in capitals
too, which is no form of the schema and is read all the same.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from onvif_bmff.errors import EventError, TimeError
from onvif_bmff.timing import UtcTime

__all__ = [
    "ItemDuration",
    "parse_boolean",
    "parse_date_time",
    "parse_duration",
    "parse_float",
    "parse_int",
    "parse_item",
]

_SPACE = " \t\r\n"
_MAX_LENGTH = 128
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?INF|NaN")
_DURATION = re.compile(
    r"(-)?P(?=[0-9T])(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)D)?"
    r"(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:\.([0-9]+))?S)?)?"
)
_DATE_TIME = re.compile(
    r"(-?(?:[1-9][0-9]{3,}|0[0-9]{3}))-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:Z|([+-])(?:(0[0-9]|1[0-3]):([0-5][0-9])|14:00))?"
)
_MAX_OFFSET = 14 * 3600
_DAY = 86_400_000_000


class ItemDuration(NamedTuple):
    """A duration as XML Schema has it: months, which have no fixed length, and the rest, cut to microseconds."""

    months: int
    rest: timedelta


def parse_boolean(text: str) -> bool:
    """Read xs:boolean: ``true``, ``false``, ``1``, ``0``, the words in any case.

    Raises:
        EventError: it is none of these.
    """
    found = _BOOLEANS.get(text.strip(_SPACE).lower())
    if found is None:
        raise _refusal("boolean", text)
    return found


def parse_int(text: str) -> int:
    """Read xs:int: a whole number of 32 bits, with or without sign and leading zeros.

    Raises:
        EventError: it is none.
    """
    number = int(_match(_INT, "int", text)[0])
    if not -(1 << 31) <= number < 1 << 31:
        raise _refusal("int", text)
    return number


def parse_float(text: str) -> float:
    """Read xs:float: a decimal number with or without exponent, ``INF``, ``-INF`` or ``NaN``.

    Raises:
        EventError: it is none.
    """
    return float(_match(_FLOAT, "float", text)[0])


def parse_duration(text: str) -> ItemDuration:
    """Read xs:duration, such as ``P1Y2MT2H`` or ``-PT0.5S``. Both parts have the sign.

    Raises:
        EventError: it is none, or too long to count.
    """
    found = _match(_DURATION, "duration", text)
    sign = -1 if found[1] else 1
    years, months, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:7])
    try:
        rest = timedelta(days, seconds, int(((found[8] or "") + "000000")[:6]), minutes=minutes, hours=hours)
    except OverflowError:
        raise _refusal("duration", text) from None
    return ItemDuration(sign * (12 * years + months), sign * rest)


def parse_date_time(text: str) -> UtcTime:
    """Read xs:dateTime: any number of fraction digits, cut to microseconds; ``24:00:00`` is the end of the day.

    Without a time zone it counts as UTC, for which ONVIF has no other. A leap second is read as well.

    Raises:
        EventError: it is none, or outside the years 1 to 9999.
    """
    found = _match(_DATE_TIME, "dateTime", text)
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction, sign = found[7] or "", found[8]
    offset = 0
    if sign is not None:
        offset = int(found[9]) * 3600 + int(found[10]) * 60 if found[9] is not None else _MAX_OFFSET
    ends_day = hour == 24
    if ends_day and (minute or second or fraction.strip("0")):
        raise _refusal("dateTime", text)
    try:
        at = UtcTime.from_fields(
            year, month, day, 0 if ends_day else hour, minute, second, int((fraction + "000000")[:6]),
            offset_seconds=-offset if sign == "-" else offset,
        )  # fmt: skip
        return at.plus_microseconds(_DAY) if ends_day else at
    except TimeError:
        raise _refusal("dateTime", text) from None


_TYPES: Mapping[str, Callable[[str], Any]] = {
    "boolean": parse_boolean,
    "int": parse_int,
    "float": parse_float,
    "duration": parse_duration,
    "dateTime": parse_date_time,
}


def parse_item(type_name: str, text: str) -> bool | int | float | ItemDuration | UtcTime | str:
    """Read a value by the declared type of its item (``SimpleItemDescription/@Type``), such as ``xs:int``.

    Values of types that are not of this module, xs:string among them, come back as they are.

    Raises:
        EventError: the text is no value of the type.
    """
    read = _TYPES.get(type_name.rpartition(":")[2])
    return text if read is None else read(text)


def _match(form: re.Pattern[str], name: str, text: str) -> re.Match[str]:
    found = form.fullmatch(text.strip(_SPACE)) if len(text) <= _MAX_LENGTH else None
    if found is None:
        raise _refusal(name, text)
    return found


def _refusal(name: str, text: str) -> EventError:
    return EventError(f"no xs:{name}: {text[:40]!r}")
