"""The even line through the times of a track's samples, and how far from it they are."""

from collections import deque
from collections.abc import Iterable
from itertools import pairwise

__all__ = ["PlaceLine"]

_REMEMBERED = 64
_FEW = 8
"""Samples of which no line is known."""
_SHORT = 1.2
"""Steps are even, or samples are missing, if none is shorter by so much than the pace."""


class PlaceLine:
    """The line through the last 64 samples, of which ``next`` is the number of the one that comes.

    ``add`` takes the times (seconds) of the samples that come; ``clear`` begins a new line.
    """

    __slots__ = ("_places", "next")

    def __init__(self) -> None:
        self._places: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED)
        self.next = 0

    def add(self, time: float) -> None:
        """Take the time of the next sample."""
        self._places.append((self.next, time))
        self.next += 1

    def clear(self) -> None:
        """Forget the samples."""
        self._places.clear()

    def seen(self, later: Iterable[tuple[int, float]]) -> tuple[float, float, float] | None:
        """Return how later samples, by number, lie to the line; None if none is known.

        That is the pace of the line, how far samples are from it on average (0 if no step is short), and how far the
        later ones are ahead of it, all in seconds.
        """
        places = list(self._places)
        if len(places) < _FEW:
            return None
        middle, level = sum(n for n, _ in places) / len(places), sum(t for _, t in places) / len(places)
        squares = sum((n - middle) ** 2 for n, _ in places)
        pace = sum((n - middle) * (t - level) for n, t in places) / squares
        if not any(n - m == 1 and (t - s) * _SHORT < pace for (m, s), (n, t) in pairwise(places)):
            return pace, 0.0, 0.0
        uneven = sum(abs(t - level - pace * (n - middle)) for n, t in places) / len(places)
        ahead = [t - level - pace * (n - middle) for n, t in later]
        return pace, uneven, sum(ahead) / len(ahead) if ahead else 0.0
