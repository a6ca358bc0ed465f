"""Stamps of pictures that are shaken: put on the line on which pictures come evenly.

Where stamps are shaken by more than pictures are apart, putting those in their place that do not rise is not enough:
pictures that keep their stamps come too close together, and reordered ones change places in presentation, which is
decode time and offset. Players drop them, and some are shown before the sync sample that they follow.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low

from onvif_bmff.media.even_line import STRAYS, SteadyLine, even_places
from onvif_bmff.media.track import Sample, moved
from onvif_bmff.recording.sample_times import shown_at

__all__ = ["FirstStamps", "ShakenStamps"]

_FAR = 2
"""Nominal durations from the line beyond which stamps are off, not shaken."""
_SHORT = 2
"""What part of a nominal duration after the one before a reordered picture comes that is shaken."""
_LEAST = 4
"""What part of a nominal duration is left to a sample, at least; any picture is shaken that comes earlier."""
_MANY_UNEVEN = 3
"""What part of the first durations differ from the usual one, at least, where stamps are shaken."""
_WAITING, _MOST = 12, 64
"""First pictures that tell whether any is shaken, and where the line is then."""
_SHOWN_KNOWN, _SHOWN_MOST = 20, 40
"""So many first presentation times are shaken before they are put on a line; so many tell where that is."""
_SECONDS = 2
"""Seconds for which they wait, at most."""
_MANY = 2
"""What part of the composition offsets differ that are shaken themselves."""
_LONE = 10
"""Seconds by which the newest stamp is off that says nothing of how long they wait."""
_EVEN = 16
"""What part of a duration two may differ by that are even."""


class ShakenStamps:
    """Puts stamps of one track of video on an even line, for some time after one of them was shaken.

    That is one that comes less than a quarter of a nominal duration after the one before, or before it; where pictures
    are reordered, less than half. Where a source states how long its samples last, and where all are sync samples,
    stamps stay as they came.
    """

    __slots__ = ("_line", "_number", "_predicts", "_reorders", "_sync")

    def __init__(self) -> None:
        self._number = 0
        self._predicts = self._reorders = False
        self._sync: tuple[int, int, int] | None = None
        self._line = SteadyLine()

    @property
    def is_looked_for(self) -> bool:
        """Whether all stamps have to be looked at."""
        return self._line.is_shaken

    def begin_anew(self) -> None:
        """Forget where samples were: they come at another rate from now on."""
        self._sync = None
        self._line.end()

    def finds_shaken(self, held: Sample, sample: Sample, pace: int) -> bool:
        """Tell whether the next sample after one that is held back is shaken, unless it comes at another rate."""
        self._note(sample)
        return self._predicts and not sample.duration and self._is_shaken(held, sample, pace)

    def is_short(self, step: int, pace: int) -> bool:
        """Whether a sample is shaken that comes so many ticks after one, where ``pace`` ticks are usual."""
        return (_SHORT if self._reorders else _LEAST) * step < pace

    def begin_behind(self, samples: Sequence[Sample], pace: int) -> None:
        """Take the last samples for the first ones behind a gap, or behind a clock that was set.

        Those that were off the line before it are put, by ``pace``, before the next one that is on a line again; where
        none are reordered, all keep their stamps until it is known where that line is.
        """
        if not self._reorders:
            self._sync = None
            self._line.end()
            return
        first = self._number - len(samples) + 1
        self._line.begin_at(first, pace)
        if self._sync is not None and self._sync[0] < first:
            self._sync = None
        if self._line.is_shaken and len(samples) > STRAYS:
            on_line = samples[STRAYS].decode_time
            for number, sample in enumerate(samples[:STRAYS]):
                place = on_line - (STRAYS - number) * pace
                if abs(place - sample.decode_time) <= _FAR * pace:
                    sample.decode_time = place

    def move(self, by: int) -> None:
        """Take all samples to be so many ticks later: that is how their source's clock was set."""
        self._line.move(by)
        if self._sync is not None:
            number, stamped, presented = self._sync
            self._sync = number, stamped + by, presented + by

    def finds(self, samples: Sequence[Sample], places: Sequence[int], pace: int, *, by_shown: bool) -> bool:
        """Tell whether any of the first samples is shaken, or so far from its place that others will be.

        Decode times that are made of those of presentation, ``by_shown``, rise even then: it is shown by how they do.
        """
        self._reorders = any(sample.composition_offset for sample in samples)
        steps = [later.decode_time - earlier.decode_time for earlier, later in pairwise(samples)]
        if by_shown:
            del steps[_SHOWN_KNOWN:]
        usual = median_low(steps)
        if _MANY_UNEVEN * sum(8 * abs(step - usual) > usual for step in steps) < len(steps):
            return False  # pictures are missing
        off = [abs(sample.decode_time - place) for sample, place in zip(samples, places, strict=True)]
        if by_shown:
            return any(pace < 2 * one <= 2 * _FAR * pace for one in off)
        if any(3 * pace < 4 * one <= 4 * _FAR * pace for one in off):
            return True
        return any(self._is_shaken(earlier, later, pace) for earlier, later in pairwise(samples))

    def begin(
        self, samples: Sequence[Sample], places: Sequence[int], pace: int, shown: Sequence[int | None] = ()
    ) -> list[Sample]:
        """Return the first samples, put on their line if any is shaken; they come ``pace`` ticks apart.

        ``shown`` is for each the number of the one that is decoded when it is shown, if decode times are made of
        those of presentation; None where that is not known.
        """
        self._predicts, self._number = True, len(samples) - 1
        if not self.finds(samples, places, pace, by_shown=bool(shown)):
            return list(samples)
        near = [abs(sample.decode_time - place) <= _FAR * pace for sample, place in zip(samples, places, strict=True)]
        self._line.begin(
            [(number, samples[number].decode_time) for number in range(len(samples)) if near[number]], pace
        )
        steady = [
            moved(sample, place) if is_near else sample
            for sample, place, is_near in zip(samples, places, near, strict=True)
        ]
        steady = [
            one if number is None else shown_at(one, steady[number].decode_time)
            for one, number in zip(steady, shown or [None] * len(steady), strict=True)
        ]
        least = pace // _LEAST
        return [
            self._behind_sync(number, sample, one, least)
            for number, (sample, one) in enumerate(zip(samples, steady, strict=True))
        ]

    def steadied(self, held: Sample, sample: Sample, pace: int) -> Sample:
        """Return the next sample after one that is held back; they usually come ``pace`` ticks apart."""
        self._note(sample)
        if sample.duration or not self._predicts or not pace:
            return sample
        is_shaken = self._is_shaken(held, sample, pace)
        before = (self._number, held.decode_time)
        self._number += 1
        place = self._line.put(
            self._number, sample.decode_time, before, pace, is_shaken=is_shaken, at_once=self._reorders
        )
        if place is None:
            return sample
        steady = sample if place == sample.decode_time else moved(sample, place)
        return self._behind_sync(self._number, sample, steady, pace // _LEAST)

    def _note(self, sample: Sample) -> None:
        self._reorders |= sample.composition_offset != 0
        self._predicts |= not sample.sync

    def _is_shaken(self, earlier: Sample, later: Sample, pace: int) -> bool:
        """Whether the second of two samples is."""
        return self.is_short(later.decode_time - earlier.decode_time, pace)

    def _behind_sync(self, number: int, sample: Sample, steady: Sample, least: int) -> Sample:
        """Return the sample of a number, presented after the last sync sample if it was before either was moved."""
        stamped = sample.decode_time + sample.composition_offset
        presented = steady.decode_time + steady.composition_offset
        if sample.sync:
            self._sync = (number, stamped, presented)
        elif self._sync is not None and self._sync[1] < stamped and presented <= self._sync[2]:
            offset = self._sync[2] + least - steady.decode_time
            return Sample(steady.track_id, steady.decode_time, steady.duration, steady.data, steady.sync, offset)
        return steady


class FirstStamps:
    """The first pictures of a track, which wait until it is known where their line is, if they do not come evenly.

    They wait for each other: a dozen or half a second, and where one of those is shaken, two seconds, 64 at most;
    so that the first ones are not shown too close together either. Where the first three come evenly, nothing waits
    longer than for the third. Samples that state durations do not wait, nor sync samples, as long as there are no
    others: of a group of pictures that was on its way only the first may be left, and the rest of it is missing.
    """

    __slots__ = ("_is_over", "_waiting")

    def __init__(self) -> None:
        self._is_over = self._waiting = False

    @property
    def waiting(self) -> bool:
        """Whether pictures wait."""
        return self._waiting and not self._is_over

    def takes(self, first: Sample, sample: Sample, *, behind_others: bool) -> bool:
        """Tell whether a sample waits that comes after the ``first`` one, or ``behind_others`` that are held back."""
        if not behind_others:
            self._is_over |= bool(first.duration or sample.duration)
            self._waiting |= not sample.sync
        return self.waiting

    def settle(
        self, shaken: ShakenStamps, samples: Sequence[Sample], timescale: int, *, ended: bool
    ) -> list[Sample] | None:
        """Return the pictures that wait, put in their places by what ``shaken`` knows then; None if they still wait."""
        times = [sample.decode_time for sample in samples]
        steps = [later - earlier for earlier, later in pairwise(times)]
        if len(steps) == 2 and min(steps) > 0 and _EVEN * (max(steps) - min(steps)) <= max(steps):
            self._is_over = True
            return list(samples)
        few = _MANY * len({sample.composition_offset for sample in samples}) <= len(samples)
        shown = [] if few else _shown(samples, times)
        even = even_places(list(enumerate(times))) if few or shown else None
        if not ended and self._waits(shaken, samples, timescale, even, by_shown=bool(shown)):
            return None
        self._is_over = True
        return list(samples) if even is None else shaken.begin(samples, even[1], even[0], shown)

    @staticmethod
    def _waits(
        shaken: ShakenStamps,
        samples: Sequence[Sample],
        timescale: int,
        even: tuple[int, list[int]] | None,
        *,
        by_shown: bool,
    ) -> bool:
        """Tell whether pictures that do not come evenly wait for more: as long as their line is not known well."""
        times = sorted(sample.decode_time for sample in samples)
        newest = times[-1] if times[-1] - times[-2] <= _LONE * timescale else times[-2]
        lasting = newest - samples[0].decode_time
        if by_shown and len(samples) < _SHOWN_KNOWN and lasting < timescale:
            return True
        if len(samples) < _WAITING and 2 * lasting < timescale:
            return True
        is_shaken = even is not None and shaken.finds(samples, even[1], even[0], by_shown=by_shown)
        most = _SHOWN_MOST if by_shown else _MOST
        return is_shaken and len(samples) < most and lasting <= _SECONDS * timescale


def _shown(samples: Sequence[Sample], times: Sequence[int]) -> list[int | None]:
    """Return for each picture the number of the one that is decoded when it is shown; None where that is not known.

    Empty where decode times are not made of those of presentation: then there are no such pictures but by chance.
    """
    numbers = {time: number for number, time in enumerate(times)}
    shown = [
        numbers.get(sample.decode_time + sample.composition_offset) if sample.composition_offset else number
        for number, sample in enumerate(samples)
    ]
    return shown if _MANY * sum(one is not None for one in shown) > len(shown) else []
