"""What a ``SampleClock`` is made of: its limits, its counter, and what the clocks of a recording share."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from onvif_bmff.media.track import Sample
from onvif_bmff.recording.stamps import NOWHERE, Bounds

__all__ = ["MAX_DURATION", "NEVER", "ClockLimits", "SharedTime", "WrappingCounter"]

NEVER = -1 << 80
"""Earlier than any decode time."""

MAX_DURATION = (1 << 32) - 1
"""Ticks that 32 bits hold."""
_DELAY = 10
"""Seconds that a track may be behind others."""
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


@dataclass(slots=True, eq=False)
class SharedTime:
    """What the clocks of a recording know in common, so that its tracks stay in step.

    ``shift`` is the seconds by which a source that started anew is moved; ``first`` the first timestamp of any track
    by timescale, from which the wraps of all counters of that timescale are counted. ``clocks`` are those of
    tracks whose media do not pause, with their timescales. What was wrong is counted in ``counted``.
    """

    shift: Fraction | None = None
    first: dict[int, int] = field(default_factory=dict)
    clocks: list[tuple[Positioned, int]] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    def reached(self, by_others_than: Positioned, timescale: int) -> tuple[int, int]:
        """How far other tracks have come, in ticks of a timescale: for certain, and by the newest stamp of any.

        Documents do not count.
        """
        reached = stamped = NOWHERE
        for other, ticks in self.clocks:
            if other is not by_others_than and other.held is not None and other.newest is not None:
                reached = max(reached, other.held.decode_time * timescale // ticks)
                stamped = max(stamped, other.newest.decode_time * timescale // ticks)
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
