"""What a ``SampleClock`` is made of: its limits, its counter, and what the clocks of a recording share."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from onvif_bmff.media.track import Sample, moved
from onvif_bmff.recording.stamps import NOWHERE, Bounds, Neighbours, is_denied

__all__ = ["MAX_DURATION", "NEVER", "ClockLimits", "SharedTime", "WrappingCounter"]

NEVER = -1 << 80
"""Earlier than any decode time."""

MAX_DURATION = (1 << 32) - 1
"""Ticks that 32 bits hold."""
_DELAY = 10
"""Seconds that a track may be behind others."""
_LATELY = 20
"""Seconds of media for which a reading may deny a gap."""
_JUST = 3
"""Seconds of media for which another track's clock has just been set."""
_MISTAKEN, _ALIKE = 45, Fraction(1, 10)
"""Seconds of media for which the arrival may take a step back for a delay, and by which that looks different."""
_WAVERS = Fraction(9, 10)
"""Seconds of media after which a reading of the arrival has come beside stamps in doubt, should they have stepped."""
_MAX_TIME = 1 << 41
"""Seconds from 0 that media time may begin at, whatever its epoch; what is farther is no time."""


class Positioned(Protocol):
    """A clock that knows how far its track has come."""

    @property
    def held(self) -> Sample | None:
        """The last sample whose time is certain, if it is still held back."""
        ...

    @property
    def newest(self) -> Sample | None:
        """The sample that was pushed last, if it is still held back."""
        ...

    @property
    def doubted(self) -> Sequence[Sample]:
        """The samples that are held back because their times are not certain."""
        ...

    @property
    def shift(self) -> int:
        """Ticks by which stamps are moved."""
        ...


@dataclass(slots=True, eq=False)
class SharedTime:
    """What the clocks of a recording know in common, so that its tracks stay in step.

    ``shift`` is the seconds by which a source that started anew is moved, and ``shifted`` when that was; ``first`` the
    first timestamp of any track by timescale, from which the wraps of all counters of that timescale are counted.
    ``clocks`` are those of tracks whose media do not pause, with their timescales. ``gap`` is when media went on after
    the last one, and how long that was; ``read_off`` the seconds by which stamps in doubt are off as a reading says, of
    whichever track it was. ``set_back`` is when the clock of the source was last, and by how much. What was wrong is
    counted in ``counted``.
    """

    shift: Fraction | None = None
    shifted: Fraction = Fraction(0)
    gap: tuple[Fraction, Fraction] | None = None
    read_off: Fraction | None = None
    set_back: tuple[Fraction, Fraction] | None = None
    first: dict[int, int] = field(default_factory=dict)
    clocks: list[tuple[Positioned, int]] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    def note_gap(self, since: int, until: int, timescale: int) -> None:
        """Note where media are missing, in ticks."""
        self.gap = Fraction(until, timescale), Fraction(until - since, timescale)

    def note_reading(self, off: Fraction) -> None:
        """Note by how many seconds a reading is off: that counts when stamps in doubt beside it are judged."""
        self.read_off = off if self.is_in_doubt else None

    def denies_gap(self, time: Fraction, off: Fraction) -> bool:
        """Tell whether a reading for a time says that there was no gap: it is ``off`` by as much, the other way."""
        if self.gap is None:
            return False
        until, lasted = self.gap
        return 0 <= time - until <= _LATELY and is_denied(lasted, off)

    def note_step(self, sample: Sample, place: int, timescale: int) -> None:
        """Note where a sample is put, in ticks, that is the first behind a step of the clock."""
        if place > sample.decode_time:
            self.set_back = Fraction(place, timescale), Fraction(place - sample.decode_time, timescale)

    def repeats_step(self, time: Fraction, off: Fraction) -> bool:
        """Tell whether a reading of the arrival for a time is off as the clock was set: it takes that for a delay."""
        if self.set_back is None:
            return False
        at, by = self.set_back
        return 0 <= time - at <= _MISTAKEN and abs(off + by) <= _ALIKE

    def moved(self, clock: Positioned, time: int, timescale: int) -> int:
        """Return the ticks by which a track is moved at a time if it stays in step with others that have just been."""
        if self.shift is None or abs(Fraction(time, timescale) - self.shifted) > _JUST:
            return 0
        return int(self.shift * timescale) - clock.shift

    def in_step(self, clock: Positioned, time: int, earliest: int, limit: int, timescale: int) -> int:
        """Return the ticks by which a sample is moved whose track was silent while the clock of others was set.

        That is its clock, too, if it puts the sample at ``earliest`` or later and within ``limit`` of where the others
        are, where its stamp, ``time``, does not.
        """
        if self.shift is None:
            return 0
        by, reached = int(self.shift * timescale) - clock.shift, self.elsewhere(clock, timescale)[0]
        fits = time + by >= earliest and abs(time + by - reached) <= limit < abs(time - reached)
        return by if fits else 0

    def goes_back(self, clock: Positioned) -> bool:
        """Return whether the stamps of a track but that of a clock are in doubt because they go on earlier."""
        return any(
            other.doubted and other.held is not None and other.doubted[0].decode_time <= other.held.decode_time
            for other, _ in self.clocks
            if other is not clock
        )

    @property
    def is_in_doubt(self) -> bool:
        """Whether stamps of any track are."""
        return any(clock.doubted for clock, _ in self.clocks)

    def begin_doubt(self) -> None:
        """Note that stamps of a track are in doubt from now on: no reading came beside them, unless others were."""
        if not self.is_in_doubt:
            self.read_off = None

    def wavers(self, clock: Positioned) -> bool:
        """Return whether the stamps of a track but that of a clock have not been in doubt for long."""
        return any(
            other.doubted and other.doubted[-1].decode_time - other.doubted[0].decode_time <= _WAVERS * timescale
            for other, timescale in self.clocks
            if other is not clock
        )

    def neighbours(self, clock: Positioned, last: int, nominal: int, timescale: int, since: int) -> Neighbours:
        """Return what is known around stamps of a track after one at ``last``.

        Other tracks had come to ``since`` when the first of them came.
        """
        reached, stamped = self.elsewhere(clock, timescale)
        return Neighbours(
            last,
            nominal,
            reached,
            stamped,
            gone_on=2 * (stamped - since) >= timescale,
            moved=self.moved(clock, last, timescale),
            set_back=self.goes_back(clock),
            wavers=self.wavers(clock),
            read_off=None if self.read_off is None else int(self.read_off * timescale),
        )

    def elsewhere(self, clock: Positioned, timescale: int) -> tuple[int, int]:
        """Return how far tracks have come but that of a clock, in ticks of it: for certain, and by their newest stamps.

        Documents do not count.
        """
        reached = stamped = NOWHERE
        for other, its in self.clocks:
            if other is not clock and other.held is not None and other.newest is not None:
                reached = max(reached, other.held.decode_time * timescale // its)
                stamped = max(stamped, other.newest.decode_time * timescale // its)
        return reached, stamped


@dataclass(frozen=True, slots=True)
class ClockLimits:
    """What the timestamps of a track may do, in its ticks.

    ``farthest`` is from 0 where the media may begin, ``longest`` the most that a sample may last, ``longest_pause`` the
    most that sparse media may. A track that is more than ``longest_delay`` behind the others is silent. No composition
    offset is longer than ``back``.
    """

    timescale: int
    bounds: Bounds
    farthest: int
    longest: int
    longest_pause: int
    longest_delay: int
    back: int

    @classmethod
    def of(cls, timescale: int, *, sparse: bool, max_gap: Fraction | None, longest: int) -> "ClockLimits":
        """Return the limits of a track; ``max_gap`` is in seconds."""
        most = None if max_gap is None else min(max(int(max_gap * timescale), 1), longest)
        bounds = Bounds(timescale, longest, most, sparse)
        return cls(
            timescale,
            bounds,
            farthest=_MAX_TIME * timescale,
            longest=longest,
            longest_pause=min(bounds.day, longest),
            longest_delay=_DELAY * timescale if most is None else most,
            back=longest // 8,  # so that the offset of a sample that is moved on fits 32 bits, whatever the shift
        )


@dataclass(slots=True, eq=False)
class WrappingCounter:
    """The counter of a source that wraps: ``half`` its range, and the ``last`` time, without the wraps before it."""

    half: int
    last: int | None = None

    def nearest(self, raw: int, last: int) -> int:
        """Return the time nearest to ``last`` at which the counter is at ``raw``."""
        return last + (raw - last + self.half) % (self.half * 2) - self.half

    def wrapped_until(self, time: Fraction) -> int:
        """Return the ticks of the wraps before the last time that a time near it, as the source counts, lacks."""
        width = self.half * 2
        return 0 if self.last is None else round((self.last - time) / width) * width

    def unwrapped(self, sample: Sample, first: dict[int, int], timescale: int) -> Sample:
        """Return the next sample without the wraps before it; the first lies near that of ``first``, by timescale."""
        raw, last = sample.decode_time, self.last
        if last is None:
            last = first.setdefault(timescale, raw)
        self.last = time = self.nearest(raw, last)
        return sample if time == raw else moved(sample, time)
