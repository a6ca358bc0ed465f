"""Several stores that are read as one."""

from collections.abc import Iterator, Sequence
from heapq import merge

from onvif_bmff.errors import ObjectNotFoundError
from onvif_bmff.objects.stored import ObjectInfo, ReadableStore

__all__ = ["StoreLayers"]


class StoreLayers:
    """A ``ReadableStore`` of several: an object is read from the first that has it.

    Objects may move from a store to a later one at any time, if they are in that one before they leave: none is missed.

    Args:
        stores: the stores, at least one; objects never move to an earlier one.
    """

    def __init__(self, stores: Sequence[ReadableStore]) -> None:
        *self._first, self._last = stores

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object; see ``ReadableStore.get``."""
        for store in self._first:
            try:
                return store.get(key, start, length)
            except ObjectNotFoundError:
                continue
        return self._last.get(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        """Return size, content type and attributes; see ``ReadableStore.head``."""
        for store in self._first:
            try:
                return store.head(key)
            except ObjectNotFoundError:
                continue
        return self._last.head(key)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return the keys of all stores in order; see ``ReadableStore.keys``.

        All stores but the last are listed whole before the next one: what moves meanwhile could be in neither else.
        """
        listed = [list(store.keys(prefix, after=after)) for store in self._first]
        last = None
        for key in merge(*listed, self._last.keys(prefix, after=after)):
            if key != last:
                yield key
            last = key
