"""When a segment is due: policies a recorder can be given."""

from collections.abc import Callable
from datetime import timedelta

from onvif_bmff.timing import UtcTime

__all__ = ["SegmentBoundary", "by_clock", "since_open"]

SegmentBoundary = Callable[[UtcTime, timedelta], UtcTime]
"""Gives the instant at which a segment that opens at an instant, with a configured duration, is due."""

_MICROSECOND = timedelta(microseconds=1)
_NEVER = UtcTime.from_fields(9999, 12, 31, 23, 59, 59, 999_999)


def since_open(opened: UtcTime, duration: timedelta) -> UtcTime:
    """Due when the duration has passed, or at the end of the year 9999. ONVIF Recording Control 25.12, B.3."""
    ticks = duration // _MICROSECOND
    return opened.plus_microseconds(ticks) if ticks < _NEVER.microseconds - opened.microseconds else _NEVER


def by_clock(opened: UtcTime, duration: timedelta) -> UtcTime:
    """Due at the next whole multiple of the duration since 1970, so that segments of all devices line up.

    The rule that release 26.06 suggests for segments that are listed and exported.
    """
    ticks = duration // _MICROSECOND
    due = opened.microseconds // ticks * ticks + ticks
    return UtcTime(due) if due < _NEVER.microseconds else _NEVER
