"""Whether an initialisation vector was used before under the same key. ONVIF Recording Control 25.12, B.8."""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable
from uuid import UUID

__all__ = ["Vectors"]

_MAX_REMEMBERED = 1 << 17
"""Vectors, or ranges of counters, remembered for each key; older ones are forgotten."""
_PART = 1 << 64


class Vectors:
    """The vectors of a store, in bounded memory: for each key the last 131,072 vectors or ranges of counters."""

    def __init__(self) -> None:
        self._constant: dict[UUID, OrderedDict[bytes, None]] = {}
        self._counters: dict[UUID, _Intervals] = {}

    def constant(self, kid: UUID, vectors: Iterable[bytes]) -> bytes | None:
        """Add the distinct vectors of one fragment in cbcs; return one that another fragment had, or None."""
        seen = self._constant.setdefault(kid, OrderedDict())
        again: bytes | None = None
        for vector in vectors:
            if vector in seen:
                again = vector
            else:
                seen[vector] = None
                if len(seen) > _MAX_REMEMBERED:
                    seen.popitem(last=False)
        return again

    def counters(self, kid: UUID, vectors: Iterable[tuple[bytes, int]]) -> bytes | None:
        """Add the vector of each sample in cenc, with its number of blocks; return one that was used before, or None.

        A vector of 8 bytes covers all counters that begin with it, one of 16 bytes one counter for each block.
        """
        ranges: list[list[int]] = []
        for vector, blocks in vectors:
            start = int.from_bytes(vector, "big")
            if len(vector) == 8:
                start, stop = start * _PART, (start + 1) * _PART
            else:
                stop = start + max(blocks, 1)
            if ranges and ranges[-1][1] == start:
                ranges[-1][1] = stop
            else:
                ranges.append([start, stop])
        seen = self._counters.setdefault(kid, _Intervals())
        again: bytes | None = None
        for start, stop in ranges:
            if not seen.add(start, stop) and again is None:
                again = start.to_bytes(17, "big")[1:]
        return again


class _Intervals:
    """Sorted, disjoint ranges."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []

    def add(self, start: int, stop: int) -> bool:
        """Add a range; return False if part of it is there already."""
        ranges = self._ranges
        at = bisect_left(ranges, (start, stop))
        is_new = not (at and ranges[at - 1][1] > start) and not (at < len(ranges) and ranges[at][0] < stop)
        while at and ranges[at - 1][1] >= start:
            at -= 1
            low, high = ranges.pop(at)
            start, stop = min(low, start), max(high, stop)
        while at < len(ranges) and ranges[at][0] <= stop:
            low, high = ranges.pop(at)
            start, stop = min(low, start), max(high, stop)
        insort(ranges, (start, stop))
        if len(ranges) > _MAX_REMEMBERED:
            del ranges[: _MAX_REMEMBERED // 2]
        return is_new
