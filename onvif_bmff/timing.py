"""Instants and durations, to the microsecond, with the leap second that object keys may carry.

``UtcTime`` is the only type of instants in this library. It counts microseconds as POSIX does and adds one
flag, because ``datetime`` knows no second 60 while ONVIF Recording Control 25.12, B.4 allows it in keys.
Media ticks become instants by exact integer arithmetic, so the end of one segment and the start of the
next are the same number, not just close.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Self, overload

from onvif_bmff.errors import TimeError

__all__ = ["UtcTime", "format_duration", "parse_duration", "ticks_to_duration"]

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = (date(1, 1, 1).toordinal() - _EPOCH_ORDINAL) * _DAY
_END = (date(9999, 12, 31).toordinal() + 1 - _EPOCH_ORDINAL) * _DAY
_MAX_TEXT = 128

_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))?",
)
_DURATION = re.compile(
    r"(-)?P(?:([0-9]+)W|(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)D)?"
    r"(T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:[.,]([0-9]+))?S)?)?)",
)


@lru_cache(maxsize=4096)
def days_since_epoch(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a civil date (years 1 to 9999).

    Raises:
        TimeError: there is no such date.
    """
    try:
        return date(year, month, day).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        raise TimeError(f"no such date: {year:04}-{month:02}-{day:02}") from None


@lru_cache(maxsize=4096)
def civil_date(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a day counted from 1970-01-01 (the inverse of ``days_since_epoch``)."""
    found = date.fromordinal(days + _EPOCH_ORDINAL)
    return found.year, found.month, found.day


@dataclass(frozen=True, slots=True)
class UtcTime:
    """An instant in Universal Coordinated Time, in years 1 to 9999; ordered and hashable.

    Args:
        microseconds: microseconds since 1970-01-01T00:00:00Z, not counting leap seconds (POSIX).
        leap: the instant lies inside an inserted second :60. Then ``microseconds`` is that of the second
            after it, so 23:59:60.5 counts like 00:00:00.5 of the next day but sorts before 00:00:00.

    Raises:
        TimeError: the instant is outside the years 1 to 9999, or a leap second does not end a minute.
    """

    microseconds: int
    leap: bool = False

    def __post_init__(self) -> None:
        if self.leap:
            if self.microseconds // _SECOND % 60:
                raise TimeError("a leap second can only be second 60 of a minute")
            if not _FIRST < self.microseconds < _END + _SECOND:
                raise TimeError("the instant is outside the years 1 to 9999")
        elif not _FIRST <= self.microseconds < _END:
            raise TimeError("the instant is outside the years 1 to 9999")

    # ---- text and datetime -------------------------------------------------------------------------

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an ISO 8601 / xs:dateTime instant such as ``2022-11-08T15:08:23.547Z``.

        An offset (``+01:00``) is converted to UTC; second 60 is taken as a leap second; digits beyond
        the sixth of a fraction are cut off.

        Raises:
            TimeError: the text is no instant, or has neither ``Z`` nor an offset.
        """
        found = _INSTANT.fullmatch(text) if len(text) <= _MAX_TEXT else None
        if found is None:
            raise TimeError(f"not a date and time: {text[:40]!r}")
        year, month, day, hour, minute, second, fraction, zulu, sign, off_hours, off_minutes = found.groups()
        if zulu is None and sign is None:
            raise TimeError(f"a time without Z or offset is ambiguous: {text[:40]!r}")
        offset = 0
        if sign is not None:
            if int(off_hours) > 14 or int(off_minutes) > 59:
                raise TimeError(f"no such offset from UTC: {text[:40]!r}")
            offset = (int(off_hours) * 60 + int(off_minutes)) * (60 if sign == "+" else -60)
        return cls.from_fields(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second),
            int(((fraction or "") + "000000")[:6]),
            offset_seconds=offset,
        )

    @classmethod
    def from_fields(
        cls,
        year: int,
        month: int,
        day: int,
        hour: int = 0,
        minute: int = 0,
        second: int = 0,
        microsecond: int = 0,
        *,
        offset_seconds: int = 0,
    ) -> Self:
        """Return an instant from its civil fields; ``second`` 60 means a leap second.

        ``offset_seconds`` is how far the fields are ahead of UTC (a whole number of minutes).

        Raises:
            TimeError: a field is out of range.
        """
        if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 60 and 0 <= microsecond < _SECOND):
            raise TimeError(f"no such time of day: {hour:02}:{minute:02}:{second:02}")
        days = days_since_epoch(year, month, day)
        seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset_seconds
        return cls(seconds * _SECOND + microsecond, second == 60)

    @classmethod
    def from_datetime(cls, moment: datetime) -> Self:
        """Return an aware ``datetime`` as an instant.

        Raises:
            TimeError: the datetime is naive, so its instant is unknown.
        """
        if moment.tzinfo is None or moment.utcoffset() is None:
            raise TimeError("a naive datetime names no instant; give it a timezone")
        return cls((moment - _EPOCH) // timedelta(microseconds=1))

    def to_datetime(self) -> datetime:
        """Return an aware UTC ``datetime``; a leap second becomes the last microsecond before it ends the minute."""
        if self.leap:
            return _EPOCH + timedelta(microseconds=self.microseconds // _SECOND * _SECOND - 1)
        return _EPOCH + timedelta(microseconds=self.microseconds)

    def isoformat(self, digits: int = 3) -> str:
        """Return ``2022-11-08T15:08:23.547Z`` with 0 to 6 fraction digits, truncated and never rounded.

        Raises:
            TimeError: ``digits`` is not 0 to 6.
        """
        if not 0 <= digits <= 6:
            raise TimeError("a fraction is written with 0 to 6 digits")
        year, month, day, hour, minute, second, microsecond = self.fields()
        fraction = f".{microsecond:06}"[: digits + 1] if digits else ""
        return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"

    def __str__(self) -> str:
        return self.isoformat(6)

    # ---- civil fields ------------------------------------------------------------------------------

    def fields(self) -> tuple[int, int, int, int, int, int, int]:
        """Year, month, day, hour, minute, second (60 in a leap second) and microsecond."""
        seconds, microsecond = divmod(self.microseconds, _SECOND)
        if self.leap:
            seconds -= 1
        days, seconds = divmod(seconds, 86_400)
        year, month, day = civil_date(days)
        minutes, second = divmod(seconds, 60)
        return year, month, day, minutes // 60, minutes % 60, 60 if self.leap else second, microsecond

    @property
    def year(self) -> int:
        """Year, 1 to 9999."""
        return self.fields()[0]

    @property
    def month(self) -> int:
        """Month, 1 to 12."""
        return self.fields()[1]

    @property
    def day(self) -> int:
        """Day of the month, 1 to 31."""
        return self.fields()[2]

    @property
    def hour(self) -> int:
        """Hour, 0 to 23."""
        return self.fields()[3]

    @property
    def minute(self) -> int:
        """Minute, 0 to 59."""
        return self.fields()[4]

    @property
    def second(self) -> int:
        """Second, 0 to 59, or 60 in a leap second."""
        return self.fields()[5]

    @property
    def microsecond(self) -> int:
        """Microsecond of the second, 0 to 999999."""
        return self.microseconds % _SECOND

    # ---- arithmetic --------------------------------------------------------------------------------

    def plus_microseconds(self, delta: int) -> "UtcTime":
        """Return the instant ``delta`` microseconds later (earlier if negative).

        From inside a leap second the arithmetic is that of elapsed time: half a second after 23:59:60.5
        comes 00:00:00. From any other instant it is POSIX arithmetic, which steps over leap seconds.

        Raises:
            TimeError: the result is outside the years 1 to 9999.
        """
        if not self.leap:
            return UtcTime(self.microseconds + delta)
        second_start = self.microseconds // _SECOND * _SECOND
        inside = self.microseconds - second_start + delta
        if 0 <= inside < _SECOND:
            return UtcTime(second_start + inside, leap=True)
        return UtcTime(second_start + (inside if inside < 0 else inside - _SECOND))

    def plus_ticks(self, ticks: int, timescale: int) -> "UtcTime":
        """Return the instant ``ticks`` ticks of ``1/timescale`` second later, cut to the microsecond below.

        Raises:
            TimeError: the timescale is not positive, or the result is outside the years 1 to 9999.
        """
        if timescale <= 0:
            raise TimeError("a timescale must be positive")
        delta = ticks * _SECOND // timescale
        return self.plus_microseconds(delta) if self.leap else UtcTime(self.microseconds + delta)

    def microseconds_since(self, earlier: "UtcTime") -> int:
        """Return microseconds from ``earlier`` to this instant; negative if it is later.

        A leap second counts as elapsed time only where one of the two instants lies in it.
        """
        return _elapsed_position(self, earlier) - _elapsed_position(earlier, self)

    def __add__(self, delta: timedelta) -> "UtcTime":
        if not isinstance(delta, timedelta):
            return NotImplemented
        return self.plus_microseconds(delta // timedelta(microseconds=1))

    @overload
    def __sub__(self, other: "UtcTime") -> timedelta: ...

    @overload
    def __sub__(self, other: timedelta) -> "UtcTime": ...

    def __sub__(self, other: "UtcTime | timedelta") -> "timedelta | UtcTime":
        if isinstance(other, UtcTime):
            return timedelta(microseconds=self.microseconds_since(other))
        if isinstance(other, timedelta):
            return self.plus_microseconds(-(other // timedelta(microseconds=1)))
        return NotImplemented

    # ---- order -------------------------------------------------------------------------------------

    @property
    def sort_key(self) -> int:
        """A number that sorts as the instants do, leap seconds included.

        Twice the POSIX second, plus one outside a leap second, in front of the microseconds.
        """
        second, microsecond = divmod(self.microseconds, _SECOND)
        return (2 * second + (not self.leap)) * _SECOND + microsecond

    def __lt__(self, other: object) -> bool:
        return self.sort_key < other.sort_key if isinstance(other, UtcTime) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.sort_key <= other.sort_key if isinstance(other, UtcTime) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.sort_key > other.sort_key if isinstance(other, UtcTime) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.sort_key >= other.sort_key if isinstance(other, UtcTime) else NotImplemented


def _elapsed_position(moment: UtcTime, other: UtcTime) -> int:
    """Return microseconds of ``moment`` on a line that makes room for the leap second of either instant."""
    second = moment.microseconds // _SECOND
    leaps = {at.microseconds // _SECOND for at in (moment, other) if at.leap}
    passed = sum(second > leap or (second == leap and not moment.leap) for leap in leaps)
    return moment.microseconds + passed * _SECOND


def ticks_to_duration(ticks: int, timescale: int) -> timedelta:
    """Return the length of ``ticks`` ticks of ``1/timescale`` second, rounded to the nearest microsecond.

    Raises:
        TimeError: the timescale is not positive, or the duration too long to count.
    """
    if timescale <= 0:
        raise TimeError("a timescale must be positive")
    try:
        return timedelta(microseconds=(2 * ticks * _SECOND + timescale) // (2 * timescale))
    except OverflowError:
        raise TimeError("the duration is too long") from None


def parse_duration(text: str) -> timedelta:
    """Read an xs:duration / ISO 8601 duration such as ``PT60.033S``, ``P1DT2H`` or ``P2W``.

    Digits beyond the microsecond are cut off. Years and months have no fixed length: only zero of them
    is accepted.

    Raises:
        TimeError: the text is no duration, has years or months, or is too long to count.
    """
    found = _DURATION.fullmatch(text) if len(text) <= _MAX_TEXT else None
    if found is None:
        raise TimeError(f"not a duration: {text[:40]!r}")
    sign, weeks, years, months, days, time, hours, minutes, seconds, fraction = found.groups()
    if all(part is None for part in (weeks, years, months, days, hours, minutes, seconds)) or time == "T":
        raise TimeError(f"not a duration: {text[:40]!r}")
    if int(years or 0) or int(months or 0):
        raise TimeError(f"years and months have no fixed length: {text[:40]!r}")
    try:
        length = timedelta(
            weeks=int(weeks or 0),
            days=int(days or 0),
            hours=int(hours or 0),
            minutes=int(minutes or 0),
            seconds=int(seconds or 0),
            microseconds=int(((fraction or "") + "000000")[:6]),
        )
    except OverflowError:
        raise TimeError(f"the duration is too long: {text[:40]!r}") from None
    return -length if sign else length


def format_duration(length: timedelta | Fraction | int) -> str:
    """Write a duration as ISO 8601 seconds, ``PT60.033S``.

    ``length`` is a timedelta or a number of seconds. It is rounded to the nearest microsecond; a positive
    length below one microsecond is written as one.
    """
    if isinstance(length, timedelta):
        length = Fraction(length // timedelta(microseconds=1), _SECOND)
    exact = length * Fraction(_SECOND)
    sign = "-" if exact < 0 else ""
    exact = abs(exact)
    microseconds = int(exact + Fraction(1, 2)) or (1 if exact else 0)
    seconds, microsecond = divmod(microseconds, _SECOND)
    fraction = f".{microsecond:06}".rstrip("0") if microsecond else ""
    return f"{sign}PT{seconds}{fraction}S"
