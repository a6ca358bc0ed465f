"""What a recorder keeps of each track, and of the spans that opened together."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fractions import Fraction

from onvif_bmff.media.track import Sample, Track, TrackType
from onvif_bmff.recording.encryption import SpanProtection
from onvif_bmff.recording.formats import MP4, SpanType
from onvif_bmff.recording.fragment import FragmentTrack
from onvif_bmff.recording.interleave import Interleaver
from onvif_bmff.recording.sample_clock import SampleClock, SharedTime
from onvif_bmff.recording.span import SpanSettings, SpanWriter

__all__ = ["NEVER", "Lane", "SpanSet", "fallen_silent", "is_leading", "make_interleaver", "make_lanes"]

_MOST_TICKS = (1 << 32) - 1
_OF_A_SECOND = 4
"""What part of a second packets of sound last at most that are not cut; they may reach beyond the cut."""
_LAG = 2
"""Seconds that a track stays behind while it leads in place of a silent one, whose pictures may come late."""
_MICROSECOND = timedelta(microseconds=1)
NEVER = -1 << 80
"""Earlier than any decode time."""


@dataclass(slots=True)
class Lane:
    """One track on its way into spans; ``spans`` is where it is now, None while it waits for a sync sample.

    ``track`` is the configuration of the samples that are stored now; ``asked`` one announced for the next sample
    pushed, ``changes`` those announced for samples that have been pushed, with the decode time from which they hold.
    ``factor`` turns ticks into the recorder's common ones. The track has ``begun`` with its first sync sample, and
    ``shift`` is the composition offset of that one. A sample at ``gap_at`` comes after a gap. ``latest`` is the time
    of the newest sample. Samples before ``quiet_until`` (a decode time) call for no cut, unless something happens that
    ``wake`` is called for: they just go to the ``writer``. In a
    multiplexed span the last sample of a track that does not lead is ``waiting`` for the next one, or for a cut.
    """

    track: Track
    clock: SampleClock
    factor: int
    spans: "SpanSet | None" = None
    begun: bool = False
    shift: int = 0
    gap_at: int | None = None
    asked: Track | None = None
    changes: deque[tuple[int, Track]] = field(default_factory=deque)
    latest: int | None = None
    quiet_until: int = NEVER
    waiting: Sample | None = None
    writer: SpanWriter = field(init=False)

    def be_quiet(self, until: int, writer: SpanWriter) -> None:
        """Have samples before a decode time go straight to the writer of the span that the track is in."""
        self.quiet_until, self.writer = until, writer

    def wake(self) -> None:
        """Have the next sample looked at."""
        self.quiet_until = NEVER

    def leave(self) -> None:
        """Be in no spans until the next sync sample."""
        self.spans = None
        self.wake()

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
        if self.asked is not None and self.clock.held is not None:
            self.changes.append((self.clock.held.decode_time, self.asked))
            self.asked = None
            self.wake()

    def reaches_change(self, sample: Sample) -> bool:
        """Tell whether another configuration holds from ``sample`` on; take it up."""
        before = self.track
        while self.changes and sample.decode_time >= self.changes[0][0]:
            self.track = self.changes.popleft()[1]
        return self.track != before

    def reaches_gap(self, sample: Sample) -> bool:
        """Tell whether ``sample`` is the first after a gap; it is told once."""
        if self.gap_at is None or sample.decode_time < self.gap_at:
            return False
        self.gap_at = None
        return True

    def track_at(self, time: int) -> Track:
        """Return the configuration that holds at a time in common ticks, as far as it is known."""
        found = self.track
        for since, track in self.changes:
            if (since + self.shift) * self.factor <= time:
                found = track
        return found


def fallen_silent(lanes: Iterable[Lane], time: int) -> list[tuple[Lane, Sample]]:
    """Return what tracks hold back that are silent at ``time`` (common ticks): nothing will tell how long it lasts."""
    last = [(lane, lane.clock.release(time // lane.factor - lane.shift)) for lane in lanes]
    return [(lane, sample) for lane, sample in last if sample is not None]


def is_leading(lane: Lane, lanes: Iterable[Lane], newest: int, first: int | None, patience: int) -> bool:
    """Tell whether a track decides for all: the first of ``lanes`` that has not been silent for ``patience``.

    ``newest`` is the time of the newest sample of any track, ``first`` of the very first; all in common ticks.
    """
    for other in lanes:
        if other is lane:
            return True
        since = other.latest if other.latest is not None else first
        if since is not None and newest - since <= patience:
            return False
    return True


def make_interleaver(lanes: Mapping[int, Lane], patience: Fraction, kinds: Sequence[SpanType]) -> Interleaver | None:
    """Return what orders the samples of a multiplexed span, waiting ``patience`` seconds; None where none is."""
    if len(kinds) > 1 or len(kinds[0].tracks) < 2:
        return None
    order = [track.track_id for track in kinds[0].tracks]
    factors = {track_id: lanes[track_id].factor for track_id in order}
    timescale = factors[order[0]] * kinds[0].tracks[0].timescale
    return Interleaver(order, factors, int(patience * timescale), _LAG * timescale)


def make_lanes(
    tracks: Sequence[Track], timescale: int, max_gap: Fraction, timestamp_bits: int | None
) -> dict[int, Lane]:
    """Return a lane for each track, by track_id, in the order in which they lead: video, audio, metadata.

    Their clocks keep durations to what 32 bits hold in the timescale of a multiplexed span, whatever the format:
    it may change while the recording is active.
    """
    shared = SharedTime()
    multiplexed = MP4.spans(tracks)[0]
    lanes = {}
    for track in multiplexed.tracks:
        clock = SampleClock(
            track.timescale,
            sparse=track.type is TrackType.METADATA,
            max_gap=max_gap,
            timestamp_bits=timestamp_bits,
            shared=shared,
            longest=_MOST_TICKS * track.timescale // max(multiplexed.timescale, track.timescale),
        )
        lanes[track.track_id] = Lane(track, clock, timescale // track.timescale)
    return lanes


@dataclass(slots=True)
class SpanSet:
    """Spans that opened together, and close together. B.2.

    ``start`` is the time, in common ticks, from which tracks enter; ``opened`` that of the first sample, ``entered``
    that of each track's. ``movie`` is what the headers say of each track.
    """

    start: int | None
    settings: SpanSettings
    protection: SpanProtection
    kinds: tuple[SpanType, ...]
    opened: int | None = None
    writers: dict[int, SpanWriter] = field(default_factory=dict)
    tracks: dict[int, FragmentTrack] = field(default_factory=dict)
    movie: dict[int, Track] = field(default_factory=dict)
    entered: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.movie.update((track.track_id, track) for kind in self.kinds for track in kind.tracks)
        for kind in self.kinds:
            self._open(kind)

    @property
    def multiplexed(self) -> bool:
        """Whether one span holds all tracks."""
        return len(self.kinds) == 1 and len(self.kinds[0].tracks) > 1

    @property
    def ended(self) -> bool:
        """Whether the one span of all tracks is closed."""
        return len(self.kinds) == 1 and self.writers[self.kinds[0].lead.track_id].closed

    def expect(self, lanes: Iterable[Lane]) -> None:
        """Leave room before the origin for the first samples of tracks, where these are still held back."""
        for lane in lanes:
            held = lane.clock.held
            if held is not None and held.sync and not lane.begun:
                self.settings.origin.note((held.decode_time + min(held.composition_offset, 0)) * lane.factor)

    def is_ahead(self, time: int, leads: bool) -> bool:
        """Tell whether a track has to wait at ``time`` (common ticks) to come in; the one that leads never has."""
        return self.start is not None and time < self.start and not leads

    def enter(self, lane: Lane, sample: Sample) -> bool:
        """Let a track in with a sync sample; False if that lies before what is written already."""
        track_id = sample.track_id
        if self.writers[track_id].closed:
            self._open(self._kind(track_id))
        track, offset = self.tracks[track_id], sample.composition_offset
        time = (sample.decode_time + offset) * lane.factor
        known = track_id in self.entered
        shift = track.shift if known else offset if self._kind(track_id).aligned else min(offset, 0)
        origin = self.settings.origin
        decoded = (sample.decode_time + shift) * lane.factor
        if origin.time is not None and decoded < origin.time:
            return False
        if not known:
            self.entered[track_id] = time
            track.shift, track.delay = shift, offset
        origin.note(decoded)
        if self.opened is None or time < self.opened:
            self.opened = time
        lane.spans = self
        return True

    def began(self, track_id: int, patience: int) -> int:
        """Return when the span of a track began, not counting what lies ``patience`` before the track's own start."""
        own = self.entered[track_id]
        return own if self.opened is None or not self.multiplexed else max(self.opened, own - patience)

    def quiet_until(self, lane: Lane, span_duration: timedelta | None, patience: int) -> int:
        """Return the decode time from which on a track in a span of its own may be due for a cut, as things are."""
        due = self.writers[lane.track.track_id].due
        if due is None or span_duration is None:
            return NEVER if due is None else due
        return min(due, self.due(lane, span_duration, patience) // lane.factor - lane.shift)

    def due(self, lane: Lane, span_duration: timedelta, patience: int) -> int:
        """Return the time (common ticks) at which the span of a track is as long as configured."""
        ticks = span_duration // _MICROSECOND * lane.factor * lane.track.timescale
        return self.began(lane.track.track_id, patience) - (-ticks // 1_000_000)

    def _kind(self, track_id: int) -> SpanType:
        return next(kind for kind in self.kinds if any(track.track_id == track_id for track in kind.tracks))

    def _open(self, kind: SpanType) -> None:
        """Open a span; in the place of a closed one, should there be one."""
        tracks = []
        for track in kind.tracks:
            exact = kind.timescale % track.timescale == 0
            made = FragmentTrack(
                track.track_id,
                track.timescale,
                numerator=kind.timescale // track.timescale if exact else kind.timescale,
                denominator=1 if exact else track.timescale,
                encryptor=self.protection.encryptors.get(track.track_id),
            )
            self.tracks[track.track_id] = made
            self.entered.pop(track.track_id, None)
            tracks.append(made)
        writer = SpanWriter(kind, tracks, self.settings)
        self.writers.update((track.track_id, writer) for track in tracks)
