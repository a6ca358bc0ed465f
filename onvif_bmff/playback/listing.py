"""Which prefixes to list for a time range, so that nobody lists a whole bucket (B.4 puts date and hour first)."""

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
    """Key prefixes whose listings together have every segment with media from ``start`` to ``end``.

    A day that is wanted whole is one listing, otherwise each hour is one, in order of time. An unknown
    ``postfix`` (None) leaves only days to choose from, and an unknown ``prefix`` only the whole store.

    Args:
        start: begin of the range.
        end: its end; the hour that begins at ``end`` is listed, too, as it may hold a span end object.
        prefix: configured prefix, empty if none is.
        postfix: configured postfix, empty if none is.
        lookback: the longest segment, as one that began before ``start`` may reach into the range.

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
