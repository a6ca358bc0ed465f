"""The days on which something was recorded, the latest first, without listing what lies between them.

Keys are listed in ascending order only. So a day is looked for by asking for the first key behind another day: some
twenty requests find the last one, however long ago it was and however many objects lie before it.
"""

from collections.abc import Iterator

from onvif_bmff.errors import TimeError
from onvif_bmff.objects.key import date_folder
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.timing import UtcTime, days_since_epoch

__all__ = ["recorded_days"]

_DAY = 86_400_000_000
_FIRST = days_since_epoch(1, 1, 1)
_LAST = days_since_epoch(9999, 12, 31)
_LAST_HOUR = "23"


def recorded_days(
    store: ReadableStore, prefix: str, postfix: str, *, until: UtcTime | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Yield the days on which objects of one recording lie, the latest first, each with their keys.

    Args:
        store: what holds the objects.
        prefix: the configured prefix; empty for none.
        postfix: the configured postfix; empty for none.
        until: no day after that of this instant.

    Yields:
        The day, counted from 1970-01-01, and all keys in its folder.

    Raises:
        StoreError: the store failed.
    """
    lead = f"{prefix}/" if prefix else ""
    below = (_LAST if until is None else min(until.microseconds // _DAY, _LAST)) + 1
    while (day := _last_day(store, lead, below)) is not None:
        keys = list(_keys_of(store, f"{lead}{date_folder(day)}/", postfix))
        if keys:
            yield day, keys
        below = day


def _keys_of(store: ReadableStore, folder: str, postfix: str) -> Iterator[str]:
    """The keys of one day; without a postfix other recordings may lie between and behind its hours."""
    if postfix:
        yield from store.keys(f"{folder}{postfix}/")
        return
    after = ""
    while True:
        for key in store.keys(folder, after=after):
            hour = key[len(folder) :].partition("/")[0]
            if hour > _LAST_HOUR:
                return
            if len(hour) != 2 or not hour.isdigit():
                after = f"{folder}{hour}/\U0010ffff"
                break
            yield key
        else:
            return


def _last_day(store: ReadableStore, lead: str, below: int) -> int | None:
    """The last day before ``below`` that has a folder; None if there is none."""
    first = _first_day(store, lead, _FIRST, below)
    if first is None:
        return None
    step, found = 1, None
    while found is None:
        found = _first_day(store, lead, max(below - step, first), below)
        step *= 4
    high = below
    while high - found > 1:  # there is a day at ``found``, and none from ``high`` on
        middle = (found + high) // 2
        later = _first_day(store, lead, middle, high)
        if later is None:
            high = middle
        else:
            found = later
    return found


def _first_day(store: ReadableStore, lead: str, start: int, stop: int) -> int | None:
    """The first day from ``start`` on that has a folder; None if there is none before ``stop``."""
    after = f"{lead}{date_folder(start)}"
    end = f"{lead}{date_folder(stop)}/" if stop <= _LAST else f"{lead}9999-12-32"
    while True:
        key = next(iter(store.keys(lead, after=after)), None)
        if key is None or key >= end:
            return None
        name, slash, _ = key[len(lead) :].partition("/")
        day = _day_of(name) if slash else None
        if day is not None:
            return day if day < stop else None
        after = f"{lead}{name}{slash}\U0010ffff" if slash else key  # something else that sorts among the days


def _day_of(name: str) -> int | None:
    parts = name.split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    try:
        return days_since_epoch(*map(int, parts))
    except TimeError:
        return None
