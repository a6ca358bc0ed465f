"""Spans that opened together, and close together. ONVIF Recording Control 25.12, B.2."""

from dataclasses import dataclass, field
from datetime import timedelta

from onvif_bmff.errors import InvariantError
from onvif_bmff.media.codec import family_of_codec
from onvif_bmff.media.roll_groups import roll_distance_of
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.recording.encryption import SpanProtection
from onvif_bmff.recording.formats import SpanType
from onvif_bmff.recording.fragment import FragmentTrack
from onvif_bmff.recording.span import SpanWriter
from onvif_bmff.recording.span_parts import SpanSettings, SpanWriterState

__all__ = ["SpanSet"]

_MICROSECOND = timedelta(microseconds=1)
LEAD = 1
"""Seconds before the first picture of an open GOP in which pictures that follow it in the file may be shown."""


@dataclass(slots=True, eq=False)
class SpanSet:
    """Spans that opened together, and close together. B.2.

    ``start`` is the time, in common ticks, from which tracks enter; ``opened`` that of the first sample, ``entered``
    that of each track's. ``movie`` is what the headers say of each track. One span holds all tracks if
    ``multiplexed``.
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
    multiplexed: bool = field(init=False)

    def __post_init__(self) -> None:
        self.multiplexed = len(self.kinds) == 1 and len(self.kinds[0].tracks) > 1
        self.movie.update((track.track_id, track) for kind in self.kinds for track in kind.tracks)
        for kind in self.kinds:
            self._open(kind)

    @property
    def ended(self) -> bool:
        """Whether the one span of all tracks is closed."""
        return len(self.kinds) == 1 and next(iter(self.writers.values())).state is SpanWriterState.CLOSED

    def is_ahead(self, time: int, *, leads: bool) -> bool:
        """Tell whether a track has to wait at ``time`` (common ticks) to come in; the one that leads never has."""
        return self.start is not None and time < self.start and not leads

    def is_before(self, track_id: int, other_id: int) -> bool:
        """Tell whether a track leads rather than another one, where neither is silent."""
        order = list(self.writers)
        return order.index(track_id) < order.index(other_id)

    def admit(self, sample: Sample, factor: int) -> bool:
        """Let a track in with a sync sample; False if that lies before what is written already.

        ``factor`` turns the ticks of the track into common ones.
        """
        track_id = sample.track_id
        if self.writers[track_id].state is SpanWriterState.CLOSED:
            self._open(self._kind(track_id))
        track, offset = self.tracks[track_id], sample.composition_offset
        time = (sample.decode_time + offset) * factor
        known = track_id in self.entered
        shift = track.shift if known else offset if self._kind(track_id).aligned else min(offset, 0)
        origin = self.settings.origin
        decoded = (sample.decode_time + shift) * factor
        if origin.time is not None and decoded < origin.time:
            return False
        if not known:
            self.entered[track_id] = time
            track.shift, track.delay = shift, offset
            if self._kind(track_id).aligned and self._may_lead(sample):
                track.open_start = True
                decoded -= origin.timescale * LEAD
        origin.note(decoded)
        if self.opened is None or time < self.opened:
            self.opened = time
        return True

    def _may_lead(self, sample: Sample) -> bool:
        """Tell whether pictures that follow a sample may be shown before it: an open GOP begins the span."""
        family = family_of_codec(self.movie[sample.track_id].codec)
        return family is not None and family.may_lead(sample.data)

    def began(self, track_id: int, patience: int) -> int:
        """Return when the span of a track began, not counting what lies ``patience`` before the track's own start."""
        own = self.entered[track_id]
        return own if self.opened is None or not self.multiplexed else max(self.opened, own - patience)

    def due(self, track_id: int, span_duration: timedelta, patience: int) -> int:
        """Return the time (common ticks) at which the span of a track is as long as configured."""
        ticks = span_duration // _MICROSECOND * self.settings.origin.timescale
        return self.began(track_id, patience) - (-ticks // 1_000_000)

    def _kind(self, track_id: int) -> SpanType:
        for kind in self.kinds:
            for track in kind.tracks:
                if track.track_id == track_id:
                    return kind
        raise InvariantError(f"no span of a set is for track {track_id}")

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
                roll_distance=roll_distance_of(track.codec),
            )
            self.tracks[track.track_id] = made
            self.entered.pop(track.track_id, None)
            tracks.append(made)
        writer = SpanWriter(kind, tracks, self.settings)
        self.writers.update((track.track_id, writer) for track in tracks)
