"""Whether an initialisation vector was used before under the same key. ONVIF Recording Control 25.12, B.8."""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

__all__ = ["VectorAnswers", "VectorMemory", "VectorRecorder", "VectorUse", "Vectors"]

_MAX_REMEMBERED = 1 << 17
"""Vectors, or ranges of counters, remembered for each key; older ones are forgotten."""
_PART = 1 << 64


@dataclass(frozen=True, slots=True)
class VectorUse:
    """The vectors of one fragment under one key: constant ones, or ranges of counters. The other is empty."""

    kid: UUID
    constant: tuple[bytes, ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()


class VectorMemory(Protocol):
    """What the rules of samples ask: whether vectors were used before."""

    def constant(self, kid: UUID, vectors: Iterable[bytes]) -> bytes | None:
        """Add the distinct vectors of one fragment in cbcs; return one that another fragment had, or None."""
        ...

    def counters(self, kid: UUID, vectors: Iterable[tuple[bytes, int]]) -> bytes | None:
        """Add the vector of each sample in cenc, with its number of blocks; return one that was used before, or None.

        A vector of 8 bytes covers all counters that begin with it, one of 16 bytes one counter for each block.
        """
        ...


class Vectors:
    """The vectors of a store, in bounded memory: for each key the last 131,072 vectors or ranges of counters."""

    def __init__(self) -> None:
        self._constant: dict[UUID, OrderedDict[bytes, None]] = {}
        self._counters: dict[UUID, _Intervals] = {}

    def constant(self, kid: UUID, vectors: Iterable[bytes]) -> bytes | None:
        """Do as ``VectorMemory.constant``."""
        return self.add(VectorUse(kid, constant=tuple(vectors)))

    def counters(self, kid: UUID, vectors: Iterable[tuple[bytes, int]]) -> bytes | None:
        """Do as ``VectorMemory.counters``."""
        return self.add(VectorUse(kid, ranges=_ranges(vectors)))

    def add(self, use: VectorUse) -> bytes | None:
        """Add the vectors of a fragment; return one that was used before, or None."""
        again: bytes | None = None
        if use.constant:
            seen = self._constant.setdefault(use.kid, OrderedDict())
            for vector in use.constant:
                if vector in seen:
                    again = vector
                else:
                    seen[vector] = None
                    if len(seen) > _MAX_REMEMBERED:
                        seen.popitem(last=False)
        counters = self._counters.setdefault(use.kid, _Intervals())
        for start, stop in use.ranges:
            if not counters.add(start, stop) and again is None:
                again = start.to_bytes(17, "big")[1:]
        return again


class VectorRecorder:
    """Notes the vectors of a segment, in ``uses``, and answers that none was used before."""

    def __init__(self) -> None:
        self.uses: list[VectorUse] = []

    def constant(self, kid: UUID, vectors: Iterable[bytes]) -> bytes | None:
        """Note them, as ``VectorMemory.constant``."""
        self.uses.append(VectorUse(kid, constant=tuple(vectors)))
        return None

    def counters(self, kid: UUID, vectors: Iterable[tuple[bytes, int]]) -> bytes | None:
        """Note them, as ``VectorMemory.counters``."""
        self.uses.append(VectorUse(kid, ranges=_ranges(vectors)))
        return None


class VectorAnswers:
    """Gives known answers, one a question: for a segment that is looked at again."""

    def __init__(self, answers: Sequence[bytes | None]) -> None:
        self._answers = iter(answers)

    def constant(self, kid: UUID, vectors: Iterable[bytes]) -> bytes | None:
        """Return the next answer; None if there is none."""
        return next(self._answers, None)

    def counters(self, kid: UUID, vectors: Iterable[tuple[bytes, int]]) -> bytes | None:
        """Return the next answer; None if there is none."""
        return next(self._answers, None)


def _ranges(vectors: Iterable[tuple[bytes, int]]) -> tuple[tuple[int, int], ...]:
    """Return the counters of samples as ranges, neighbours together."""
    ranges: list[tuple[int, int]] = []
    for vector, blocks in vectors:
        start = int.from_bytes(vector, "big")
        if len(vector) == 8:
            start, stop = start * _PART, (start + 1) * _PART
        else:
            stop = start + max(blocks, 1)
        if ranges and ranges[-1][1] == start:
            ranges[-1] = ranges[-1][0], stop
        else:
            ranges.append((start, stop))
    return tuple(ranges)


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
