"""Prefixes to list for a time range, instead of a whole bucket: keys begin with date and hour (B.4)."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

from onvif_bmff.errors import TimeError
from onvif_bmff.objects.key import date_folder
from onvif_bmff.timing import UtcTime

__all__ = ["listing_prefixes"]

_HOUR = 3_600_000_000


def listing_prefixes(
    start: UtcTime,
    end: UtcTime,
    *,
    prefix: str | None = "",
    postfix: str | None = "",
    lookback: timedelta = timedelta(hours=1),
) -> Iterator[str]:
    """Yield key prefixes whose listings contain every segment with media from ``start`` to ``end``.

    A whole day is one listing, otherwise each hour is one, in order of time. With an unknown ``postfix`` (None) only
    days can be listed, with an unknown ``prefix`` only the whole store.

    Args:
        start: beginning of the range.
        end: its end; the hour of ``end`` is included, since it may hold a span end object.
        prefix: configured prefix, possibly empty.
        postfix: configured postfix, possibly empty.
        lookback: length of the longest segment; one that began before ``start`` may reach into the range.

    Raises:
        TimeError: the range ends before it starts.
    """
    if end < start:
        raise TimeError("the range ends before it starts")
    if prefix is None:
        yield ""
        return
    lead = f"{prefix}/" if prefix else ""
    hours = range(
        (start.microseconds - start.leap * 1_000_000 - lookback // timedelta(microseconds=1)) // _HOUR,
        end.microseconds // _HOUR + 1,
    )
    for day, wanted in groupby(hours, lambda hour: hour // 24):
        folder = f"{lead}{date_folder(day)}/"
        if postfix is None:
            yield folder
            continue
        if postfix:
            folder += f"{postfix}/"
        numbers = [hour % 24 for hour in wanted]
        if len(numbers) == 24:
            yield folder
        else:
            yield from (f"{folder}{hour:02}/" for hour in numbers)
