"""A store whose listing is a file: sorted once, on disk, in bounded memory."""

import heapq
import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import IO

from onvif_bmff.errors import ObjectKeyError, StoreError
from onvif_bmff.jobs.inventory import Inventory, InventoryCounts
from onvif_bmff.objects.key import read_head
from onvif_bmff.objects.stored import ObjectInfo, ObjectStore
from onvif_bmff.timing import UtcTime

__all__ = ["ListedStore", "SortedKeys"]

_RUN = 500_000
"""Keys that are sorted in memory at a time."""
_MERGED = 64
"""Sorted files that are merged at a time."""
_HEADS = 100_000
"""Folders that are remembered while an inventory is read."""
_STEP = 1_000
"""Keys from one place that is remembered to the next."""


class SortedKeys:
    """Keys in ascending order, each once, in a temporary file.

    Args:
        keys: in any order; none has a line break. Read once, at once.
        run: keys that are sorted in memory at a time.
    """

    def __init__(self, keys: Iterable[str], *, run: int = _RUN) -> None:
        source = iter(keys)
        runs: list[IO[bytes]] = []
        while batch := sorted(islice(source, run)):
            runs.append(_written(batch))
            if len(runs) == _MERGED:
                runs = [_merged(runs)]
        self._file = _merged(runs)
        weakref.finalize(self, self._file.close)
        self._marks: list[str] = []
        self._offsets: list[int] = []
        self._file.seek(0)
        at = 0
        for number, line in enumerate(self._file):
            if not number % _STEP:
                self._marks.append(_text(line))
                self._offsets.append(at)
            at += len(line)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return the keys that begin with ``prefix`` and are greater than ``after``, in order."""
        place = max(0, bisect_right(self._marks, max(prefix, after)) - 1)
        at = self._offsets[place] if self._offsets else 0
        while True:
            self._file.seek(at)
            block = self._file.readlines(1 << 16)
            if not block:
                return
            at += sum(map(len, block))
            for line in block:
                key = _text(line)
                if key > after and key.startswith(prefix):
                    yield key
                elif key > prefix and not key.startswith(prefix):
                    return


def _written(keys: Iterable[str]) -> IO[bytes]:
    """Write keys to a temporary file that has no name."""
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as its object
    last = None
    for key in keys:
        if key != last:
            file.write(f"{key}\n".encode())
            last = key
    return file


def _merged(runs: list[IO[bytes]]) -> IO[bytes]:
    if len(runs) == 1:
        return runs[0]
    for run in runs:
        run.seek(0)
    found = _written(heapq.merge(*(map(_text, run) for run in runs)))
    for run in runs:
        run.close()
    return found


def _text(line: bytes) -> str:
    return line[:-1].decode()


class ListedStore:
    """A store that is listed by an inventory; all else is asked of the store itself.

    The inventory is as old as it is: what went since is listed, and not found. What came since is listed with ``newer``
    only: of all prefixes that the inventory knows, the date folders from the day before it was made are listed, too.

    ``counts`` says what was in the inventory, once it has been read.

    Args:
        store: the store.
        inventory: what lists it, together. The files are read, and sorted on disk, at the first listing.
        newer: also list what was stored since ``Inventory.made``.

    Raises:
        StoreError: with ``newer``, an inventory does not say when it was made.
    """

    def __init__(self, store: ObjectStore, inventory: Iterable[Inventory], *, newer: bool = False) -> None:
        self._store = store
        self._inventories = tuple(inventory)
        self._since: UtcTime | None = None
        if newer:
            times = [one.made for one in self._inventories if one.made is not None]
            if len(times) < len(self._inventories):
                raise StoreError("an inventory does not say when it was made: what is newer cannot be known")
            self._since = min(times, default=None)
        self._sorted: SortedKeys | None = None
        self.counts = InventoryCounts()

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object; see ``ReadableStore.get``."""
        return self._store.get(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        """Return what the store knows of an object; see ``ReadableStore.head``."""
        return self._store.head(key)

    def delete(self, key: str) -> None:
        """Remove an object; see ``ObjectStore.delete``."""
        self._store.delete(key)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return keys of the inventory; see ``ReadableStore.keys``."""
        if self._sorted is None:
            try:
                self._sorted = SortedKeys(self._all())
            except OSError as error:
                raise StoreError(f"the inventory cannot be sorted: {error.strerror}") from None
        return self._sorted.keys(prefix, after=after)

    def _all(self) -> Iterator[str]:
        """Yield the keys of the inventory, and those that are newer, in no order."""
        prefixes: dict[str, None] = {}
        heads: set[str] = set()
        for one in self._inventories:
            for key in one.keys(self.counts):
                yield key
                folder = key.rpartition("/")[0]
                if self._since is not None and folder not in heads:
                    if len(heads) >= _HEADS:
                        heads.clear()
                    heads.add(folder)
                    with suppress(ObjectKeyError):
                        prefixes[read_head(folder, None, None).prefix] = None
        if self._since is not None:
            day = (self._since - timedelta(days=1)).isoformat(0)[:10]
            for prefix in prefixes:
                lead = f"{prefix}/" if prefix else ""
                for key in self._store.keys(lead, after=f"{lead}{day}"):
                    if key >= f"{lead}:":  # behind all dates, which are digits
                        break
                    yield key
