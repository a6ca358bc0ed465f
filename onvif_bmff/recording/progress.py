"""How far an activation has come, and what ties its media time to UTC."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from onvif_bmff.media.clock_reading import ClockReading
from onvif_bmff.media.track import Sample, Track, TrackType
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.recording.clock_parts import NEVER
from onvif_bmff.recording.readings import CAUGHT_UP, FOLLOWED
from onvif_bmff.recording.timing_faults import TimingFault
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.recording.track_state import TrackState

__all__ = ["ClockTie", "LatestReading", "Progress", "UtcAnchor"]

_EXACT = 10_000
"""Microseconds by which spans do not differ from a reading for which they are tied anew."""
_NEAR = Fraction(1, 2)
"""Seconds by which a reading may lie off the newest sample beside which it came, or as far as samples are apart."""
_FRESH = 30
"""Seconds of media for which a reading tells the time."""


@dataclass(slots=True, eq=False)
class Progress:
    """How far the tracks of an activation have come, in ticks of ``timescale``.

    ``newest`` is the time of the newest sample of any track, ``first`` of the very first. A track is silent after
    ``patience`` ticks without a sample. At ``look_at`` it is time to look for what silent tracks hold back.
    """

    timescale: int
    patience: int
    newest: int = NEVER
    first: int | None = None
    look_at: int = 0

    def is_leading(self, state: "TrackState", states: "Iterable[TrackState]") -> bool:
        """Tell whether a track decides for all: the first of ``states`` that is not silent."""
        for other in states:
            if other is state:
                return True
            since = other.latest if other.latest is not None else self.first
            if since is not None and self.newest - since <= self.patience:
                return False
        return True


@dataclass(slots=True, eq=False)
class ClockTie:
    """What ties media time to UTC in spans that opened together: ``clock`` in the segments that open next.

    ``steady`` are the clocks of the segments that each span opened last, by the track that identifies it; ``sparse``
    those of metadata, whose segments may stay open for hours; ``ended`` those of spans that have closed. ``before`` is
    the tie of spans that these follow without a gap, by a clock that was not set, or by 1 s back at most: they begin
    where those end, or later, and go back by 100 ms from segment to segment. If the clock ``drifts`` by more than is
    followed, the next segments begin new spans.
    """

    clock: MediaClock
    before: "ClockTie | None" = None
    drifts: bool = False
    steady: dict[int, MediaClock] = field(default_factory=dict)
    sparse: dict[int, MediaClock] = field(default_factory=dict)
    ended: dict[int, MediaClock] = field(default_factory=dict)

    @property
    def taken_up(self) -> bool:
        """Whether a segment has opened that goes by ``clock``."""
        return any(one is self.clock for one in (*self.steady.values(), *self.sparse.values()))

    def expected(self, read: MediaClock) -> UtcTime:
        """Return when the open segments take the media of a reading to be: the one that differs most from it.

        Metadata count where there are no other media. Raises ``TimeError`` beyond the years that there are.
        """
        clocks = self.steady or self.sparse
        if any(self.is_ahead(clock) for clock in clocks.values()):
            clocks = {}
        times = [one.utc(read.ticks, read.timescale) for one in clocks.values() or (self.clock,)]
        return max(times, key=lambda time: abs(read.at.microseconds_since(time)))

    def open(self, track: Track) -> MediaClock:
        """Return the clock of a segment that a span opens now; it goes at most 100 ms beyond that of the one before."""
        clocks = self.sparse if track.type is TrackType.METADATA else self.steady
        before, clock = clocks.get(track.track_id), self.clock
        if before is None:
            if self.before is not None:
                clock = self.first(track)
                self.before.ended.pop(track.track_id, None)  # once
        else:
            time = before.utc(clock.ticks, clock.timescale)
            off = clock.at.microseconds_since(time)
            if abs(off) > FOLLOWED:
                at = time.plus_microseconds(FOLLOWED if off > 0 else -FOLLOWED)
                clock = MediaClock(at, clock.ticks, clock.timescale)
        clocks[track.track_id] = clock
        return clock

    def first(self, track: Track) -> MediaClock:
        """Return the clock by which the span begins that a track identifies; its key is at most 10 ms early.

        A sample may be presented that much before the one before it ends, but a span may not begin before the last
        sample of the span before. B.6, B.7.
        """
        last = None if self.before is None else self.before.last(track.track_id)
        if last is None:
            return self.clock
        time = last.utc(self.clock.ticks, self.clock.timescale).plus_microseconds(-_EXACT)
        return self.clock if self.clock.at >= time else MediaClock(time, self.clock.ticks, self.clock.timescale)

    def is_ahead(self, clock: MediaClock) -> bool:
        """Tell whether a segment that goes by a clock is to be short, because the next one is to go back by 100 ms.

        It is in a span that could not begin as early as a clock says, because of the span before it.
        """
        if self.before is None:
            return False
        return clock.at.microseconds_since(self.clock.utc(clock.ticks, clock.timescale)) > FOLLOWED

    def last(self, track_id: int) -> MediaClock | None:
        """Return the clock of the segment that the span opened last which a track identifies, or identified."""
        return self.steady.get(track_id) or self.sparse.get(track_id) or self.ended.get(track_id)

    def close(self, track: Track) -> None:
        """Note that a span has closed: the next one in its place begins by ``clock``."""
        clock = self.steady.pop(track.track_id, None) or self.sparse.pop(track.track_id, None)
        if clock is not None:
            self.ended[track.track_id] = clock


@dataclass(frozen=True, slots=True, eq=False)
class LatestReading:
    """A reading that can be believed, of a track.

    ``came_at`` is the time at which it lies, in seconds of the times that samples are given, as it was when the reading
    came. If stamps were in doubt then, ``doubted`` is the first of their samples. The newest sample was at ``expected``
    seconds then, if all simply followed, and a reading lies ``near`` it. A counter that steps later does not move it.
    """

    reading: ClockReading
    state: "TrackState"
    came_at: Fraction
    doubted: Sample | None
    expected: Fraction
    near: Fraction

    @classmethod
    def of(cls, reading: ClockReading, state: "TrackState") -> "LatestReading":
        """Return a reading of a track that comes now."""
        clock = state.clock
        doubted = clock.doubted[0] if clock.doubted else None
        expected, pace = clock.expected
        return cls(reading, state, clock.source_time(reading.media_time), doubted, expected, max(_NEAR, pace))

    def settled(self) -> "LatestReading":
        """Return it at the time that it has now: a counter that steps later does not move it."""
        return replace(self, came_at=self.time, doubted=None)

    @property
    def in_doubt(self) -> bool:
        """Whether the stamps beside which it came are in doubt still, so that it is not certain where it lies."""
        return self.doubted is not None and any(one is self.doubted for one in self.state.clock.doubted)

    @property
    def may_be_moved(self) -> bool:
        """Whether the stamps beside which it came are in doubt still, and the counter seems to have stepped there."""
        return self.in_doubt and abs(self.time - self.expected) > self.near

    @property
    def time(self) -> Fraction:
        """Return where it lies: if the counter has stepped beside it, on the side of that on which it is expected.

        So it is where it lies too far off the newest sample, and the counter steps with the next one.
        """
        if self.doubted is None and abs(self.came_at - self.expected) <= self.near:
            return self.came_at
        times = (self.came_at, self.state.clock.source_time(self.reading.media_time))
        return min(times, key=lambda time: abs(time - self.expected))

    @property
    def clock(self) -> MediaClock:
        """The clock that says what the reading says."""
        time = self.time
        return MediaClock(self.reading.utc, time.numerator, time.denominator)


@dataclass(slots=True, eq=False)
class UtcAnchor:
    """What ties media time to UTC: ``tie`` in the spans that are open, ``given`` in those that open next.

    With neither, the first sample stored is presented at ``start``. ``latest`` is the last reading that can be
    believed: spans that open next go by it if it is fresh, and it is certain where it lies. Where they differ from
    those before, that is ``counted``, unless the clock ``is_set`` already: then it was counted when that was decided.
    """

    start: UtcTime
    given: MediaClock | None = None
    tie: ClockTie | None = None
    latest: LatestReading | None = None
    counted: Counter[str] = field(default_factory=Counter)
    is_set: bool = False

    @property
    def clock(self) -> MediaClock | None:
        """The clock of the segments that open next; None before the first spans open."""
        return None if self.tie is None else self.tie.clock

    def settle(self, state: "TrackState", presented: int, *, goes_on: bool) -> ClockTie:
        """Fix the clock of spans that open with a sample of a track, presented at these ticks of it.

        Where the recording ``goes_on`` from spans that are open, and no clock was set, they begin where those end.
        """
        given, self.given = self.given, None
        before = self.tie if goes_on and given is None else None
        timescale = state.track.timescale
        if given is not None:
            time = state.clock.source_time(Fraction(given.ticks, given.timescale))
            clock = MediaClock(given.at, time.numerator, time.denominator)
        else:
            clock = MediaClock(self.start, presented, timescale) if self.tie is None else self.tie.clock
        read = self._by_reading(clock, presented, timescale)
        if self.tie is not None and given is None:
            off = read.microseconds(presented, timescale) - clock.microseconds(presented, timescale)
            if abs(off) > FOLLOWED:
                before = before if -CAUGHT_UP <= off < 0 else None
                self.counted[TimingFault.CLOCK_SET] += not self.is_set
        self.is_set = False
        if self.tie is not None:
            self.tie.before = None
        self.tie = ClockTie(read, before)
        return self.tie

    def _by_reading(self, clock: MediaClock, presented: int, timescale: int) -> MediaClock:
        """Return what the latest reading says of a time, or ``clock`` if it says the same or none is fresh."""
        if self.latest is None or self.latest.may_be_moved:
            return clock
        read = self.latest.clock
        if abs(Fraction(read.ticks, read.timescale) - Fraction(presented, timescale)) > _FRESH:
            return clock
        differs = read.microseconds(presented, timescale) - clock.microseconds(presented, timescale)
        return read if abs(differs) >= _EXACT else clock
