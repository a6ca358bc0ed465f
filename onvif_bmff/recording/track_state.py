"""What a recorder keeps of each of its tracks, and which of them leads."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from onvif_bmff.media.track import Sample, Track, TrackType
from onvif_bmff.recording.clock_parts import NEVER, SharedTime
from onvif_bmff.recording.formats import MP4, SpanType
from onvif_bmff.recording.interleave import Interleaver
from onvif_bmff.recording.sample_clock import SampleClock
from onvif_bmff.recording.span import SpanWriter
from onvif_bmff.recording.span_set import SpanSet
from onvif_bmff.recording.stamps import Verdict

__all__ = ["TrackState", "make_interleaver", "make_track_states", "ready_samples"]

_MAX_TICKS = (1 << 32) - 1
_OF_A_SECOND = 4
"""What part of a second packets of sound last at most that are not cut; they may reach beyond the cut."""
_LAG = 2
"""Seconds that a track stays behind while it leads in place of a silent one, whose pictures may come late."""
_ALWAYS = 1 << 80
"""Later than any decode time."""


class AnnouncedTracks:
    """The configurations of a track that are announced.

    ``asked`` is one for the next sample pushed; ``changes`` are those for samples that have been pushed, with the
    decode time from which each holds. Those in ``undated`` hold from samples on whose times are not certain yet.
    """

    __slots__ = ("asked", "changes", "undated")

    def __init__(self) -> None:
        self.asked: Track | None = None
        self.changes: deque[tuple[int, Track]] = deque()
        self.undated: deque[tuple[Sample, Track]] = deque()

    def date(self, first: Sample, *, certain: bool = True) -> None:
        """Let the configuration that is asked hold from ``first`` on, a sample that has just been pushed."""
        if self.asked is not None:
            if certain and not self.undated:
                self.changes.append((first.decode_time, self.asked))
            else:
                self.undated.append((first, self.asked))
            self.asked = None

    def settle(self, doubted: Sequence[Sample]) -> None:
        """Date what holds from samples on that are no more ``doubted``."""
        while self.undated and not any(one is self.undated[0][0] for one in doubted):
            first, track = self.undated.popleft()
            self.changes.append((first.decode_time, track))

    def take(self, time: int) -> Track | None:
        """Give out the newest configuration that holds from a decode time on; None if there is none."""
        found = None
        while self.changes and time >= self.changes[0][0]:
            found = self.changes.popleft()[1]
        return found


@dataclass(slots=True, eq=False)
class TrackState:
    """One track on its way into spans; ``spans`` is where it is now, None while it waits for a sync sample.

    ``track`` is the configuration of the samples that are stored now, ``announced`` are those that follow. ``factor``
    turns ticks into the recorder's common ones. The track has ``begun`` with its first sync sample, and ``shift`` is
    the composition offset of that one. ``breaks`` are the decode times of samples before which media are missing, or a
    clock was set. ``latest`` is the time of the newest sample. Samples before ``next_check`` (a decode time)
    call for no cut and go straight to ``writer``; ``recheck`` takes that back when something happens that may close
    something. In a multiplexed span the last sample of a track that does not lead is ``waiting`` for the next one, or
    for a cut.
    """

    track: Track
    clock: SampleClock
    factor: int
    spans: SpanSet | None = None
    begun: bool = False
    shift: int = 0
    breaks: deque[tuple[int, Verdict]] = field(default_factory=deque)
    announced: AnnouncedTracks = field(default_factory=AnnouncedTracks)
    latest: int | None = None
    next_check: int = NEVER
    waiting: Sample | None = None
    writer: SpanWriter = field(init=False)

    def skip_checks(self, writer: SpanWriter, until: int = _ALWAYS) -> None:
        """Have samples before a decode time go straight to the writer of the span that the track is in.

        Without a time they do so until ``recheck``: another track decides what closes.
        """
        self.next_check, self.writer = until, writer

    def recheck(self) -> None:
        """Check at the next sample whether something closes."""
        self.next_check = NEVER

    def begins(self, sample: Sample) -> bool:
        """Take up a sample after a gap or a step, or the first of the track; False if it cannot be decoded."""
        if self.clock.after is not None:
            self.breaks.append((sample.decode_time, self.clock.after))
            self.recheck()
        if not self.begun and sample.sync:
            self.begun, self.shift = True, sample.composition_offset
        return self.begun

    def enter(self, spans: SpanSet, sample: Sample) -> bool:
        """Enter spans with a sync sample; False if that lies before what is written already."""
        if not spans.admit(sample, self.factor):
            return False
        self.spans = spans
        return True

    def reserve(self, spans: SpanSet) -> None:
        """Leave room before the origin of spans for the first sample of the track, where it is still held back."""
        held = self.clock.held
        if held is not None and held.sync and not self.begun:
            spans.settings.origin.note((held.decode_time + min(held.composition_offset, 0)) * self.factor)

    def leave(self) -> None:
        """Be in no spans until the next sync sample."""
        self.spans = None
        self.recheck()

    def time(self, sample: Sample) -> int:
        """Return when a sample is decoded, in common ticks, such that tracks are in step."""
        return (sample.decode_time + self.shift) * self.factor

    def last_before(self, end: int) -> Sample | None:
        """Give out the sample that waits, if it is from before ``end`` (common ticks), which ends what it is stored in.

        A document lasts until then at most, and so does another sample that is long because of a pause.
        """
        last = self.waiting
        if last is None or self.time(last) >= end:
            return None
        self.waiting = None
        usual = 0 if self.track.type is TrackType.METADATA else self.track.timescale // _OF_A_SECOND
        most = max(end // self.factor - self.shift - last.decode_time, 1)
        return last if last.duration <= max(most, usual) else replace(last, duration=most)

    def flush(self, end: int | None) -> Sample | None:
        """Give out what the clock holds back; a document lasts a second, or until ``end`` (common ticks)."""
        last = self.clock.flush()
        if last is None or end is None or self.track.type is not TrackType.METADATA:
            return last
        most = max(end // self.factor - self.shift - last.decode_time, self.track.timescale)
        return last if last.duration <= most else replace(last, duration=most)

    def date_change(self) -> None:
        """Let a configuration that was announced hold from the sample that has just been pushed."""
        newest = self.clock.newest
        if newest is not None:
            self.announced.date(newest, certain=newest is self.clock.held)
            self.recheck()

    def reaches_change(self, sample: Sample) -> bool:
        """Tell whether another configuration holds from ``sample`` on; take it up."""
        before = self.track
        if self.announced.changes:
            self.track = self.announced.take(sample.decode_time) or before
        return self.track != before

    def reaches_gap(self, sample: Sample) -> bool:
        """Tell whether ``sample`` is the first after a gap; reported once. A step of the clock is left as it is."""
        gap = any(time <= sample.decode_time and after is Verdict.GAP for time, after in self.breaks)
        return gap and self.reaches_break(sample) is Verdict.GAP

    def reaches_break(self, sample: Sample) -> Verdict | None:
        """Return what lies between a sync sample and the one before: a gap, else a step of the clock; reported once."""
        passed: set[Verdict] = set()
        while self.breaks and self.breaks[0][0] <= sample.decode_time:
            passed.add(self.breaks.popleft()[1])
        return Verdict.GAP if Verdict.GAP in passed else next(iter(passed), None)

    def track_at(self, time: int) -> Track:
        """Return the configuration that holds at a time in common ticks, as far as it is known."""
        found = self.track
        for since, track in self.announced.changes:
            if (since + self.shift) * self.factor <= time:
                found = track
        return found


def ready_samples(state: TrackState, before: int | None = None) -> Iterator[Sample]:
    """Give out samples of a track whose times were in doubt, ``before`` a decode time if one is given."""
    if state.announced.undated:
        state.announced.settle(state.clock.doubted)
        state.recheck()
    return state.clock.ready(before)


def make_interleaver(
    states: Mapping[int, TrackState], patience: Fraction, kinds: Sequence[SpanType]
) -> Interleaver | None:
    """Return what orders the samples of a multiplexed span, waiting ``patience`` seconds; None where none is."""
    if len(kinds) > 1 or len(kinds[0].tracks) < 2:
        return None
    order = [track.track_id for track in kinds[0].tracks]
    factors = {track_id: states[track_id].factor for track_id in order}
    timescale = factors[order[0]] * kinds[0].tracks[0].timescale
    return Interleaver(order, factors, int(patience * timescale), _LAG * timescale)


def make_track_states(
    tracks: Sequence[Track],
    timescale: int,
    max_gap: Fraction | None,
    timestamp_bits: int | None,
    counted: Counter[str] | None = None,
) -> dict[int, TrackState]:
    """Return a state for each track, by track_id, in the order in which they lead: video, audio, metadata.

    Their clocks keep durations to what 32 bits hold in the timescale of a multiplexed span, whatever the format:
    it may change while the recording is active. What is wrong with the times is counted in ``counted``.
    """
    shared = SharedTime() if counted is None else SharedTime(counted=counted)
    multiplexed = MP4.spans(tracks)[0]
    states = {}
    for track in multiplexed.tracks:
        clock = SampleClock(
            track.timescale,
            sparse=track.type is TrackType.METADATA,
            max_gap=max_gap,
            timestamp_bits=timestamp_bits,
            shared=shared,
            longest=_MAX_TICKS * track.timescale // max(multiplexed.timescale, track.timescale),
        )
        states[track.track_id] = TrackState(track, clock, timescale // track.timescale)
    return states
