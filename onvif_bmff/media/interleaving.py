"""Several tracks' samples as one sequence in the order of their decode times."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush, heapreplace
from math import inf, lcm
from typing import Protocol, TypeVar

__all__ = ["Timed", "interleave"]


class Timed(Protocol):
    """Whatever has a decode time in ticks of its track."""

    @property
    def decode_time(self) -> int:
        """Ticks of the track's timescale."""
        ...


T = TypeVar("T", bound=Timed)


def interleave(timescales: Sequence[int], more: Callable[[int], Iterable[tuple[int, Iterator[T]]]]) -> Iterator[T]:
    """Merge streams by decode time; stream ``n`` counts in ``timescales[n]`` ticks a second.

    ``more(n)`` is asked for what comes next in stream ``n``: at the start for every stream, later for one that has
    run dry. It gives an iterator for it, or none if nothing is known yet; and it may give iterators for streams that
    went without one before. Of two items at one time the one of the stream with the lower number comes first. Each
    stream is taken as it comes: one whose times run backward does not disturb the order of the others. Comparing is
    exact, and done once for each change of stream, not for each item.
    """
    common = lcm(*timescales)
    waiting: list[tuple[int, int, int, T, Iterator[T]]] = []  # time, stream, units a tick, next item, what follows

    def enter(number: int) -> None:
        dry = [number]
        while dry:
            for found, stream in more(dry.pop()):
                units = common // timescales[found]
                for item in stream:
                    heappush(waiting, (item.decode_time * units, found, units, item, stream))
                    break
                else:
                    dry.append(found)

    for number in range(len(timescales)):
        enter(number)
    while waiting:
        _, number, units, item, stream = waiting[0]
        # The stream goes on while its times are below ``limit`` ticks. Next in line is one of the two behind it.
        limit: float = inf
        if len(waiting) > 1:
            other = waiting[1] if len(waiting) == 2 or waiting[1][:2] < waiting[2][:2] else waiting[2]
            limit = other[0] // units + 1 if number < other[1] else -(-other[0] // units)
        yield item
        for item in stream:
            if item.decode_time >= limit:
                heapreplace(waiting, (item.decode_time * units, number, units, item, stream))
                break
            yield item
        else:
            heappop(waiting)
            enter(number)
