"""Times that should come evenly, and are shaken: where they belong, by the line through the last ones."""

from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from operator import mul
from statistics import median_low

__all__ = ["STRAYS", "SteadyLine", "even_places"]

_REMEMBERED = 128
"""Times that tell where the line is."""
_FEW = 8
"""So many do not."""
_FAR = 2
"""Distances between samples beyond which a time is off, not shaken, and says nothing of the line."""
_OFF = 4
"""What part of the first times may be off."""
_AFTER = 64
"""Samples after the last one that was shaken whose times are put on the line."""
STRAYS = 4
"""So many in a row that are off have a line of their own."""
_LEAST = 4
"""What part of the usual distance is left between two samples, at least."""
_UNEVEN = 3
"""What part of the usual distance from the line a sample is, at least, after which others are still put on it."""
_SOFTLY = 16
"""What part of the way to the line a sample is moved from where it would be at the usual distance."""

_BITS = 8
"""Bits of a tick to which it is known where samples are put: ticks may be as long as milliseconds."""

_Numbered = tuple[int, int]
"""The number of a sample, and its time in ticks."""


class SteadyLine:
    """Puts times on the line on which they come evenly, for 64 samples after one of them was shaken.

    The line is that of least squares through the last 128 times, as they came. Players tell the frame rate by
    distances: so each sample is put at the same distance from the one before, and only a sixteenth of what is missing
    to the line is made good. No line is known of fewer than ``few`` times. ``step`` is that distance, in ticks.
    """

    __slots__ = ("_count", "_exact", "_few", "_strays", "_times", "step")

    def __init__(self, few: int = _FEW) -> None:
        self._few = few
        self._count = self._exact = self.step = 0
        self._strays: list[_Numbered] = []
        self._times: deque[_Numbered] = deque(maxlen=_REMEMBERED)

    @property
    def is_shaken(self) -> bool:
        """Whether times are put on the line, as far as it is known."""
        return self._count > 0

    @property
    def is_known(self) -> bool:
        """Whether times are put on the line, and it is known where that is."""
        return self._count > 0 and len(self._times) >= self._few

    def end(self) -> None:
        """Begin anew: what follows has nothing to do with what was before."""
        self._count = 0
        self._times.clear()
        self._strays.clear()

    def begin_at(self, number: int, pace: int) -> None:
        """Forget the times before the one of a number: what follows has nothing to do with what was before."""
        self._times = deque((one for one in self._times if one[0] >= number), _REMEMBERED)
        self._strays = [one for one in self._strays if one[0] >= number]
        if not self._times and self._strays:
            self._follow_strays(pace)

    def move(self, by: int) -> None:
        """Let all times be so many ticks later."""
        self._times = deque(((number, time + by) for number, time in self._times), _REMEMBERED)
        self._strays = [(number, time + by) for number, time in self._strays]
        self._exact += by << _BITS

    def begin(self, numbered: Sequence[_Numbered], step: int) -> None:
        """Take the first times, of which some are shaken; they come ``step`` ticks apart."""
        self._count, self.step = _AFTER, step
        self._times.extend(numbered)

    def put(
        self, number: int, time: int, before: _Numbered, pace: int, *, is_shaken: bool, at_once: bool = True
    ) -> int | None:
        """Return where the sample of a number is put; None if its time is off, so that nothing is known of it.

        ``before`` is where the one before it was put; samples usually come ``pace`` ticks apart,
        which tells ``at_once`` where a line goes that begins; else samples stay where they are until that is known.
        """
        self._count = _AFTER if is_shaken else max(self._count - 1, 0)
        slope = Fraction(pace)
        if self.is_known:
            place, slope = _on_line(self._times, number)
            self.step = round(slope)
        elif not at_once:
            last = self._times[-1] if self._times else (number, time)
            place = last[1] + (number - last[0]) * pace
        elif self._times:  # no slope is known of few times, but they come at the usual distance
            place = sum([one[1] + (number - one[0]) * pace for one in self._times]) // len(self._times)
        else:
            place = time
        if abs(time - place) > _FAR * pace:
            self._strays.append((number, time))
            if len(self._strays) >= STRAYS:
                self._follow_strays(pace if at_once else None)
            return None
        self._strays.clear()
        self._times.append((number, time))
        if not self._count or not (at_once or self.is_known):
            return time
        if _UNEVEN * abs(time - place) > pace:
            self._count = _AFTER
        place = self._softly(place, before[1], slope * (number - before[0]), pace)
        return place if time <= place else min(time, max(place, before[1] + pace // _LEAST))

    def _follow_strays(self, pace: int | None) -> None:
        """Begin a line of the times that are off, as far as they lie on one with the newest by ``pace``, or of none."""
        number, time = self._strays[-1]
        self._times.clear()
        if pace is not None:
            far = _FAR * pace
            self._times.extend(one for one in self._strays if abs(time - one[1] - (number - one[0]) * pace) <= far)
        self._strays.clear()

    def _softly(self, place: int, before: int, usual: Fraction, pace: int) -> int:
        """Return where a sample is put that belongs on a place, the ``usual`` ticks behind the one before or nearly."""
        exact = (self._exact if self._exact >> _BITS == before else before << _BITS) + round(usual * (1 << _BITS))
        missing = (place << _BITS) - exact
        self._exact = exact + (missing // _SOFTLY if abs(missing) <= pace << _BITS else missing)
        return self._exact >> _BITS


def even_places(numbered: Sequence[_Numbered]) -> tuple[int, list[int]] | None:
    """Return how far apart samples come, in ticks, and where each belongs, by their own times.

    Up to a quarter of the times may be off by more than two such distances. None where more are, where samples do not
    come one after the other, or are too few (8).
    """
    if len(numbered) < _FEW:
        return None
    half = len(numbered) // 2
    pairs = zip(numbered, numbered[half:], strict=False)
    pace = median_low([Fraction(later[1] - earlier[1], later[0] - earlier[0]) for earlier, later in pairs])
    if pace < 1:
        return None
    middle = median_low([time - pace * number for number, time in numbered])
    near = [one for one in numbered if abs(one[1] - pace * one[0] - middle) <= _FAR * pace]
    if _OFF * (len(numbered) - len(near)) > len(numbered) or len(near) < _FEW:
        return None
    return round(_on_line(near, 0)[1]), [_on_line(near, number)[0] for number, _ in numbered]


def _on_line(numbered: Sequence[_Numbered], number: int) -> tuple[int, Fraction]:
    """Return where the sample of a number is on the line through others, by least squares, and the slope of that."""
    count, origin = len(numbered), numbered[0][1]
    numbers = [one - number for one, _ in numbered]
    times = [time - origin for _, time in numbered]
    of_numbers, of_times = sum(numbers), sum(times)
    squares = count * sum(map(mul, numbers, numbers)) - of_numbers * of_numbers
    slope = Fraction(count * sum(map(mul, numbers, times)) - of_numbers * of_times, squares)
    return origin + round((of_times - slope * of_numbers) / count), slope
