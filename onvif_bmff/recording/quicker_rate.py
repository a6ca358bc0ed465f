"""Pictures that come far quicker than before: a rate that rose, or stamps that are shaken.

Cameras that save bits or light send one to five pictures a second where nothing moves or it is dark, and 25 when
something does. The first of those come as close after one another as two whose stamps are shaken; but they go on so.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low

from onvif_bmff.media.track import Sample
from onvif_bmff.recording.shaken_stamps import ShakenStamps

__all__ = ["QuickerRate"]

_EVEN = 8
"""What part of a duration two may differ by that are even."""
_STEPS = 5
"""Even steps in a row that no stamps have which are shaken."""
_SHORTEST = 62
"""What part of a second pictures come apart, at least, at a rate that rises so: what comes closer was sent at once."""


class QuickerRate:
    """Has pictures wait that come far quicker than before, until it is known whether they go on so.

    That takes six of them; where stamps are shaken, the second or third tells.
    """

    __slots__ = ("_pace",)

    def __init__(self) -> None:
        self._pace = 0  # the ticks that pictures came apart before those that wait

    @property
    def waiting(self) -> bool:
        """Whether pictures wait."""
        return self._pace > 0

    def takes(
        self, held: Sample, sample: Sample, pace: int, timescale: int, shaken: ShakenStamps, *, behind_others: bool
    ) -> bool:
        """Tell whether a sample waits that comes after ``held``, or ``behind_others`` that are held back.

        Pictures came ``pace`` ticks apart, of ``timescale`` in a second.
        """
        if not behind_others:
            far_enough = _SHORTEST * (sample.decode_time - held.decode_time) >= timescale
            self._pace = pace if far_enough and shaken.finds_shaken(held, sample, pace) else 0
        return self.waiting

    def settle(self, shaken: ShakenStamps, held: Sample, samples: Sequence[Sample], *, ended: bool) -> int | None:
        """Decide about the pictures that wait behind ``held``: return how far apart they come where the rate rose.

        0 where their stamps are shaken: they have been steadied then. None if they still wait.
        """
        steps = [later.decode_time - earlier.decode_time for earlier, later in pairwise([held, *samples])]
        usual, pace = median_low(steps), self._pace
        even = all(_EVEN * abs(step - usual) <= usual for step in steps) and shaken.is_short(usual, pace)
        if even and len(steps) < _STEPS and not ended:
            return None
        self._pace = 0
        if even and len(steps) >= _STEPS:
            shaken.begin_anew()
            return usual
        for before, sample in pairwise([held, *samples]):
            steady = shaken.steadied(before, sample, pace)
            sample.decode_time, sample.composition_offset = steady.decode_time, steady.composition_offset
        return 0
