"""Names of recorded objects, for the checker: ONVIF Recording Control 25.12, B.4 and B.5."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

__all__ = ["ObjectName", "read_name"]

_NAME = re.compile(
    r"(?:(.+)/)?(\d{4})-(\d\d)-(\d\d)(?:/(.+))?/(\d\d)/(\d\d)-(\d\d)(?:\.(\d{1,6}))?Z\.(\d{1,18})\.(mp4|m4v|m4a|m4m)(_end)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ObjectName(NamedTuple):
    """A key, read. ``time`` is in microseconds, ``unit`` how many of them its last digit counts."""

    key: str
    prefix: str
    postfix: str
    extension: str
    time: int
    unit: int
    counter: int
    is_end: bool


def read_name(key: str) -> ObjectName | None:
    """Return what a key says, by B.4 and B.5; None if it is none."""
    found = _NAME.fullmatch(key)
    if found is None:
        return None
    prefix, year, month, day, postfix, hour, minute, second, fraction, counter, extension, end = found.groups()
    try:
        days = (datetime(int(year), int(month), int(day), tzinfo=UTC) - _EPOCH).days
    except ValueError:
        return None
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        return None
    seconds = ((days * 24 + int(hour)) * 60 + int(minute)) * 60 + int(second)
    unit = 10 ** (6 - len(fraction or ""))
    time = seconds * 1_000_000 + int(fraction or 0) * unit
    return ObjectName(key, prefix or "", postfix or "", extension, time, unit, int(counter), end is not None)
