"""What a recorder keeps of each track, and of the spans that opened together."""

from dataclasses import dataclass, field

from onvif_bmff.media.track import Sample, Track
from onvif_bmff.recording.encryption import SpanProtection
from onvif_bmff.recording.formats import SpanType
from onvif_bmff.recording.fragment import FragmentTrack
from onvif_bmff.recording.sample_clock import SampleClock
from onvif_bmff.recording.span import SpanSettings, SpanWriter

__all__ = ["Lane", "SpanSet"]


@dataclass(slots=True)
class Lane:
    """One track on its way into spans; ``spans`` is where it is now, None while it waits for a sync sample.

    ``factor`` turns its ticks into the recorder's common ones, ``shift`` is its first sample's composition offset.
    A sample at ``gap_at`` comes after a gap; from ``change_at`` on samples have another codec configuration, which
    ``change_asked`` announces for the next sample pushed. ``latest`` is the time of the newest sample.
    """

    track: Track
    clock: SampleClock
    factor: int
    spans: "SpanSet | None" = None
    shift: int | None = None
    gap_at: int | None = None
    change_asked: bool = False
    change_at: int | None = None
    latest: int | None = None

    def time(self, sample: Sample) -> int:
        """Return when a sample is decoded, in common ticks, such that tracks are in step."""
        return (sample.decode_time + (self.shift or 0)) * self.factor


@dataclass(slots=True)
class SpanSet:
    """Spans that opened together, and close together. B.2.

    ``start`` is the time, in common ticks, from which tracks enter; ``opened`` that of the first sample.
    ``multiplexed`` means one span with all tracks.
    """

    start: int | None
    settings: SpanSettings
    protection: SpanProtection
    kinds: tuple[SpanType, ...]
    opened: int | None = None
    writers: dict[int, SpanWriter] = field(default_factory=dict)
    tracks: dict[int, FragmentTrack] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind in self.kinds:
            self._open(kind)

    @property
    def multiplexed(self) -> bool:
        """Whether one span holds all tracks."""
        return len(self.kinds) == 1 and len(self.kinds[0].tracks) > 1

    def enter(self, lane: Lane, sample: Sample) -> bool:
        """Let a track in with its first sample; False if that lies before what is written already."""
        track = self.tracks[sample.track_id]
        time = (sample.decode_time + sample.composition_offset) * lane.factor
        origin = self.settings.origin
        if origin.time is not None and time < origin.time:
            return False
        track.shift = sample.composition_offset
        origin.note(time)
        if self.opened is None or time < self.opened:
            self.opened = time
        lane.spans = self
        return True

    def restart(self, track_id: int) -> None:
        """Put a new span in the place of a track's closed one."""
        self._open(next(kind for kind in self.kinds if any(track.track_id == track_id for track in kind.tracks)))

    def _open(self, kind: SpanType) -> None:
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
            tracks.append(made)
        writer = SpanWriter(kind, tracks, self.settings)
        self.writers.update((track.track_id, writer) for track in tracks)
