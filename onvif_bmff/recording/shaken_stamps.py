"""Stamps of reordered pictures that are shaken: held near the line on which pictures come evenly.

Where stamps are shaken by more than pictures are apart, putting those in their place that do not rise is not enough:
pictures that keep their stamps change places in presentation then, which is decode time and offset. Players drop them,
and some are shown before the sync sample that they follow.
"""

from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from operator import mul

from onvif_bmff.media.track import Sample
from onvif_bmff.recording.sample_times import moved

__all__ = ["ShakenStamps"]

_AFTER = 64
"""Samples after the last one that was shaken in which stamps are held near the line."""
_REMEMBERED = 32
"""Samples that tell where the line is."""
_FEW = 8
"""So many do not."""
_STRAYS = 3
"""So many in a row that are off have a line of their own, with the next one."""
_NEAR, _FAR = Fraction(2, 5), 2
"""Nominal durations from the line up to which stamps stay as they are, and beyond which they are off, not shaken."""
_LEAST = 4
"""What part of a nominal duration is left to a sample, at least."""


class ShakenStamps:
    """Holds stamps of one track near an even line, for some time after one of them was shaken.

    That is one that comes less than half a nominal duration after the one before, or before it. Where a source states
    how long its samples last, and where it reorders nothing, stamps stay as they came.
    """

    __slots__ = ("_count", "_number", "_reorders", "_stamps", "_strays")

    def __init__(self) -> None:
        self._count = self._number = self._strays = 0
        self._reorders = False
        self._stamps: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)

    @property
    def is_looked_for(self) -> bool:
        """Whether all stamps have to be looked at."""
        return self._count > 0

    def end(self) -> None:
        """Begin anew: what follows has nothing to do with what was before."""
        self._count = self._strays = 0
        self._stamps.clear()

    def steadied(self, held: Sample, sample: Sample, pace: int) -> Sample:
        """Return the next sample after one that is held back; they usually come ``pace`` ticks apart."""
        self._reorders |= sample.composition_offset != 0
        if sample.duration or not self._reorders or not pace:
            return sample
        self._count = _AFTER if 2 * (sample.decode_time - held.decode_time) < pace else max(self._count - 1, 0)
        self._number += 1
        stamps, time = self._stamps, sample.decode_time
        place = _on_line(stamps, self._number) if len(stamps) >= _FEW else time
        if stamps and abs(time - place) > _FAR * pace:
            self._strays += 1
            if self._strays > _STRAYS:
                self._strays = 0
                stamps.clear()
            return sample
        self._strays = 0
        stamps.append((self._number, time))
        near = int(_NEAR * pace)
        if not self._count or abs(time - place) <= near:
            return sample
        self._count = _AFTER
        if time > place:
            return moved(sample, min(time, max(place + near, held.decode_time + pace // _LEAST)))
        return moved(sample, place - near)


def _on_line(stamps: Sequence[tuple[int, int]], number: int) -> int:
    """Return where the sample of a number is on the line through others, by least squares."""
    count, origin = len(stamps), stamps[0][1]
    numbers = [one - number for one, _ in stamps]
    times = [time - origin for _, time in stamps]
    of_numbers, of_times = sum(numbers), sum(times)
    squares = count * sum(one * one for one in numbers) - of_numbers * of_numbers
    slope = Fraction(count * sum(map(mul, numbers, times)) - of_numbers * of_times, squares)
    return origin + round((of_times - slope * of_numbers) / count)
