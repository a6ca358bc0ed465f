"""A listing in parts: one for each date folder, without gaps between them, so that foreign names are in them too."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.listing import listing_prefixes
from onvif_bmff.timing import UtcTime

__all__ = ["KeyRange", "ranges_of"]

_DATE = re.compile(r"(?:.*/)?[0-9]{4}-[0-9]{2}-[0-9]{2}(?=/)", re.S)
"""Everything up to the last part of a name that may be a date."""
_NAMES = 1000
"""Names without a date that are passed over in one listing, about a page of a service."""


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Names that begin with ``prefix``, greater than ``after`` and not greater than ``until`` (None: to the end)."""

    prefix: str
    after: str = ""
    until: str | None = None
    dates: tuple[str, ...] = ()
    """The parts of its folder that may be the date, as YYYY-MM-DD; empty for a range that is no folder."""

    def names(self, store: ReadableStore) -> Iterator[str]:
        """List the names of a store that lie in the range, in order.

        Raises:
            StoreError: the store failed.
        """
        for name in store.keys(self.prefix, after=self.after):
            if self.until is not None and name > self.until:
                return
            yield name


def ranges_of(
    store: ReadableStore,
    *,
    prefix: str | None = None,
    postfix: str | None = None,
    start: UtcTime | None = None,
    end: UtcTime | None = None,
    lookback: timedelta = timedelta(hours=1),
) -> Iterator[KeyRange]:
    """Yield ranges that together are the listing of ``Timeline.from_store``, in its order, each name once.

    Without a range of time one listing a date folder is begun to find the next one.

    Raises:
        TimeError: the range ends before it starts.
        StoreError: the store failed.
    """
    if start is not None and end is not None:
        for folder in listing_prefixes(start, end, prefix=prefix, postfix=postfix, lookback=lookback):
            if folder:
                yield KeyRange(folder)
            else:
                yield from _by_day(store, folder)
        return
    yield from _by_day(store, f"{prefix}/" if prefix else "")


def _by_day(store: ReadableStore, folder: str) -> Iterator[KeyRange]:
    after = ""
    while True:
        name = ""
        dates: tuple[str, ...] = ()
        for name in islice(store.keys(folder, after=after), _NAMES):
            date = _DATE.match(name)
            if date is not None:
                until = f"{date.group()}0"  # the letter behind "/": greater than all names in the folder
                dates = tuple(part for part in date.group().split("/") if _DATE.match(f"{part}/"))
                break
        else:
            if not name:
                yield KeyRange(folder, after)  # names that come meanwhile
                return
            until = name
        yield KeyRange(folder, after, until, dates)
        after = until
