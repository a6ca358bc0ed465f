"""The days on which something was recorded, the latest first, without listing what lies between them.

Keys are listed in ascending order only. So a day is looked for by asking for the first key behind another day: some
twenty requests find the last one, however long ago it was and however many objects lie before it.
"""

from collections.abc import Iterator

from onvif_bmff.errors import ObjectKeyError, TimeError
from onvif_bmff.objects.key import ObjectKey, date_folder
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.timing import UtcTime, days_since_epoch

__all__ = ["newest_after", "recorded_days"]

_DAY = 86_400_000_000
_FIRST = days_since_epoch(1, 1, 1)
_LAST = days_since_epoch(9999, 12, 31)
_LAST_HOUR = "23"
_MOST_DAYS = 16
"""Later days on which only other recordings have keys, before ``newest_after`` asks no further."""


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


def newest_after(store: ReadableStore, prefix: str, postfix: str, instant: UtcTime) -> UtcTime | None:
    """Return the newest time in the keys of one recording, if it is later than an instant; None if none is.

    Two requests say that none is. Some forty more, and a listing of the last day, find the newest one. Where other
    recordings of the prefix have keys on more than sixteen later days before the first of this one, the answer is None.

    Args:
        store: what holds the objects.
        prefix: the configured prefix; empty for none.
        postfix: the configured postfix; empty for none.
        instant: the time that is compared with those of keys: begins of segments, and ends of spans.

    Raises:
        StoreError: the store failed.
    """
    lead = f"{prefix}/" if prefix else ""
    if not _has_later(store, lead, postfix, instant):
        return None
    for _, keys in recorded_days(store, prefix, postfix):
        times = [time for time in (_time_of(key, prefix, postfix) for key in keys) if time is not None]
        newest = max(times, default=instant)
        return newest if newest > instant else None
    return None


def _has_later(store: ReadableStore, lead: str, postfix: str, instant: UtcTime) -> bool:
    prefix, day = lead.removesuffix("/"), instant.microseconds // _DAY
    _, _, _, hour, minute, second, _ = instant.fields()
    folder, between = f"{lead}{date_folder(day)}/", f"{postfix}/" if postfix else ""
    for key in _keys_of(store, folder, postfix, f"{folder}{between}{hour:02}/{minute:02}-{second:02}"):
        time = _time_of(key, prefix, postfix)
        if time is not None and time > instant:
            return True
    for _ in range(_MOST_DAYS):
        later = _first_day(store, lead, day + 1, _LAST + 1) if day < _LAST else None
        if later is None:
            return False
        if next(_keys_of(store, f"{lead}{date_folder(later)}/", postfix), None) is not None:
            return True
        day = later
    return False


def _time_of(name: str, prefix: str, postfix: str) -> UtcTime | None:
    try:
        return ObjectKey.parse(name, prefix=prefix, postfix=postfix).time
    except ObjectKeyError:
        return None


def _keys_of(store: ReadableStore, folder: str, postfix: str, after: str = "") -> Iterator[str]:
    """The keys of one day behind ``after``; without a postfix other recordings may lie between and behind its hours."""
    if postfix:
        yield from store.keys(f"{folder}{postfix}/", after=after)
        return
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
