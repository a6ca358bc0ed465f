"""Readings of a clock, and the tie of media time to UTC that follows them."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from onvif_bmff.errors import TimeError
from onvif_bmff.media.clock_reading import ClockOrigin, ClockReading
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.recording.progress import ClockTie, LatestReading, UtcAnchor
from onvif_bmff.recording.readings import (
    READINGS,
    ClockChoice,
    ReadingSituation,
    ReadingVerdict,
    is_chosen,
    judge_reading,
)
from onvif_bmff.recording.timing_faults import TimingFault
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.recording.track_state import TrackState

__all__ = ["ClockFollower"]

_STALE = 60
"""Seconds of media after which a camera gives no readings any more."""
_DRIFTS = 10_000
"""Microseconds of drift between two readings and the one before that are no noise."""
_AGREE = 100_000
"""Microseconds by which two readings may differ that confirm each other."""


@dataclass(slots=True, eq=False)
class ClockFollower:
    """Follows the readings of one activation.

    ``choice`` says which count. The last one that can be believed is given to the ``anchor``, for spans that open next.
    What was done is ``counted``. One that came while stamps of its track were in doubt waits for the next one.
    """

    choice: ClockChoice
    anchor: UtcAnchor
    counted: Counter[str]
    _previous: dict[ClockOrigin, ClockReading] = field(default_factory=dict)
    _camera_seen: Fraction | None = None
    _off_since: Fraction | None = None
    _changed: int = 0
    _drifts: bool = False
    _tie: ClockTie | None = None
    _waiting: dict[int, tuple[LatestReading, bool]] = field(default_factory=dict)

    def read(self, reading: ClockReading, state: "TrackState") -> bool:
        """Take a reading for the time of a track; return whether new spans are to open because of it.

        One that is held over tells what stamps in doubt mean, and nothing else.
        """
        if reading.origin is ClockOrigin.HELD_OVER:
            read = LatestReading.of(reading, state)
            state.clock.shared.note_reading(self._off(read)[0])
            return False
        sets = self._take_settled()
        self._waiting.pop(state.track.track_id, None)
        previous = self._previous.get(reading.origin)
        self._previous[reading.origin] = reading
        confirmed = previous is None or _agree(previous, reading)
        changed = 0 if previous is None or not confirmed else _changed(previous, reading)
        self._drifts = min(abs(changed), abs(self._changed)) >= _DRIFTS and changed * self._changed > 0
        self._changed = changed
        return self._take(LatestReading.of(reading, state), confirmed=confirmed) or sets

    def _take_settled(self) -> bool:
        """Take those that have waited and lie beside stamps in doubt no more."""
        settled = {track_id: waited for track_id, waited in self._waiting.items() if not waited[0].in_doubt}
        sets = False
        for track_id, (read, confirmed) in settled.items():
            del self._waiting[track_id]
            sets = self._take(read.settled(), confirmed=confirmed) or sets
        return sets

    def _take(self, read: LatestReading, *, confirmed: bool) -> bool:
        """Take a reading, or one that has waited; ``confirmed``: the one before it says the same."""
        reading, time = read.reading, read.time
        off, expected = self._off(read)
        if self.anchor.tie is not self._tie:  # spans opened, and went by what was known then
            self._tie, self._off_since, self.anchor.is_set = self.anchor.tie, None, False
        seen = self._camera_seen
        followed = seen is not None and abs(time - seen) <= _STALE
        counts = is_chosen(reading.origin, self.choice, camera_followed=followed)
        shared = read.state.clock.shared
        if counts:
            shared.note_reading(off)
        repeats = shared.repeats_step(time, off)
        denies = counts and (shared.denies_gap(time, off) or (repeats and reading.origin is ClockOrigin.CAMERA))
        confirmed = confirmed or denies
        since = self._off_since if confirmed and self._off_since is not None else time
        situation = judge_reading(
            reading.origin,
            reading.utc,
            choice=self.choice,
            camera_followed=followed,
            arrival=self._arrival(reading, expected),
            expected=expected,
            off_for=time - since,
            denies_gap=denies,
            repeats_step=repeats,
        )
        if situation is ReadingSituation.IMPOSSIBLE:
            self.counted[TimingFault.READING_DISBELIEVED] += 1
        if situation in (ReadingSituation.IMPOSSIBLE, ReadingSituation.NOT_CHOSEN, ReadingSituation.MISTAKEN):
            return False
        if confirmed or situation in (ReadingSituation.EXACT, ReadingSituation.CLOSE):
            self.anchor.latest = read
        if read.in_doubt:  # where it lies on the time line is not certain
            self._waiting[read.state.track.track_id] = read, confirmed
            return False
        if reading.origin is ClockOrigin.CAMERA:
            self._camera_seen = time
        self._off_since = since
        if self.anchor.tie is not None:
            self.anchor.tie.drifts = situation is ReadingSituation.OFF and self._drifts and off > 0
        return self._carry_out(READINGS[situation], MediaClock(reading.utc, time.numerator, time.denominator))

    def forget(self) -> None:
        """Go by none of the readings so far: somebody else says what time it is."""
        self.anchor.latest = self._off_since = None
        self._previous.clear()
        self._waiting.clear()

    def _carry_out(self, verdict: ReadingVerdict, read: MediaClock) -> bool:
        """Do what a reading calls for that says what ``read`` does."""
        if verdict is ReadingVerdict.WAIT:
            return False
        if verdict is ReadingVerdict.SET:
            self.counted[TimingFault.CLOCK_SET] += not self.anchor.is_set
            self.anchor.is_set = True
            return True
        self._off_since, self.anchor.is_set = None, False
        tie = self.anchor.tie
        if verdict is ReadingVerdict.FOLLOW and tie is not None:
            self.counted[TimingFault.CLOCK_FOLLOWED] += tie.taken_up
            tie.clock = read
        return False

    def _off(self, read: LatestReading) -> tuple[Fraction, UtcTime]:
        """Return by how many seconds a reading is off, and what it was expected to say."""
        expected = self._expected(read.reading, read.time)
        return Fraction(read.reading.utc.microseconds_since(expected), 1_000_000), expected

    def _expected(self, reading: ClockReading, time: Fraction) -> UtcTime:
        """When the recording takes the media of a reading to be."""
        anchor = self.anchor
        try:
            if anchor.tie is not None:
                return anchor.tie.expected(MediaClock(reading.utc, time.numerator, time.denominator))
            if anchor.given is not None:
                return anchor.given.utc(reading.media_time.numerator, reading.media_time.denominator)
        except TimeError:
            pass
        return anchor.start

    def _arrival(self, reading: ClockReading, otherwise: UtcTime) -> UtcTime:
        """When the media of a reading came, as far as readings of the arrival tell."""
        arrival = self._previous.get(ClockOrigin.ARRIVAL)
        if arrival is None:
            return otherwise
        try:
            return arrival.utc.plus_microseconds(round((reading.media_time - arrival.media_time) * 1_000_000))
        except TimeError:
            return otherwise


def _agree(earlier: ClockReading, later: ClockReading) -> bool:
    """Whether two readings can be of one clock: one that drifts, but does not jump."""
    passed = round((later.media_time - earlier.media_time) * 1_000_000)
    return abs(_changed(earlier, later)) <= max(_AGREE, abs(passed) // 2)


def _changed(earlier: ClockReading, later: ClockReading) -> int:
    """Return by how many microseconds more has passed between two readings than of the media."""
    return later.utc.microseconds_since(earlier.utc) - round((later.media_time - earlier.media_time) * 1_000_000)
