"""When a segment is due: policies a recorder can be given."""

from collections.abc import Callable
from datetime import timedelta

from onvif_bmff.timing import UtcTime

__all__ = ["SegmentBoundary", "by_clock", "since_open"]

SegmentBoundary = Callable[[UtcTime, timedelta], UtcTime]
"""Gives the instant at which a segment that opens at an instant, with a configured duration, is due."""


def since_open(opened: UtcTime, duration: timedelta) -> UtcTime:
    """Due when the duration has passed. ONVIF Recording Control 25.12, B.3."""
    return opened + duration


def by_clock(opened: UtcTime, duration: timedelta) -> UtcTime:
    """Due at the next whole multiple of the duration since 1970, so that segments of all devices line up.

    The rule that release 26.06 suggests for segments that are listed and exported.
    """
    ticks = duration // timedelta(microseconds=1)
    return UtcTime(opened.microseconds // ticks * ticks + ticks)
