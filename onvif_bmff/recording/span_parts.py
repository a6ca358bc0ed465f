"""What a span writer is made of: its states, its open segment, its keys and its header."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from onvif_bmff.errors import InvariantError
from onvif_bmff.media.track import Sample
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.recording.cuts import CutCause
from onvif_bmff.recording.formats import SpanType
from onvif_bmff.recording.fragment import FragmentTrack
from onvif_bmff.recording.origin import Origin
from onvif_bmff.recording.progress import ClockTie
from onvif_bmff.recording.segment import FragmentLimits, SegmentWriter
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.timing import UtcTime

__all__ = [
    "SPAN_STEPS",
    "OpenSegment",
    "SpanHeader",
    "SpanKeys",
    "SpanSettings",
    "SpanStep",
    "SpanWriterState",
    "UsedKeys",
]  # fmt: skip


_SHORT = 1_000_000
"""Microseconds that a segment lasts at least behind which time goes back by 100 ms."""

UsedKeys = dict[str, tuple[int, frozenset[str]]]
"""By extension, the latest second in which spans began (or, with "_end", ended), and their keys."""


class SpanWriterState(Enum):
    """What a span does."""

    WAITING = "no segment is open; the next sample opens one"
    COLLECTING = "the first fragment of a segment is collected; its key is not known yet"
    OPEN = "the segment has its key, and fragments leave"
    CLOSED = "the span has ended"


class SpanStep(Enum):
    """What takes a span from one state to another."""

    SAMPLE = "a sample opens a segment"
    FRAGMENT = "the first fragment is written: SegmentOpened, FragmentWritten"
    SEAL = "the segment is complete: SegmentSealed"
    CLOSE = "the span ends, or a fragment could not be written: SpanEnded, if anything was sealed"


SPAN_STEPS: dict[SpanWriterState, dict[SpanStep, SpanWriterState]] = {
    SpanWriterState.WAITING: {SpanStep.SAMPLE: SpanWriterState.COLLECTING, SpanStep.CLOSE: SpanWriterState.CLOSED},
    SpanWriterState.COLLECTING: {SpanStep.FRAGMENT: SpanWriterState.OPEN, SpanStep.CLOSE: SpanWriterState.CLOSED},
    SpanWriterState.OPEN: {SpanStep.SEAL: SpanWriterState.WAITING, SpanStep.CLOSE: SpanWriterState.CLOSED},
    SpanWriterState.CLOSED: {},
}
"""The states of a span, and every step between them; docs/time.md draws it. ONVIF Recording Control 25.12, B.2, B.3."""


@dataclass(frozen=True, slots=True, eq=False)
class SpanSettings:
    """What the spans that open together have in common.

    ``segment_end`` gives the instant at which a segment that opens at an instant is due; ``header`` makes the first
    bytes of a segment from the span's type, its creation time and constant IVs. ``used_keys`` remembers the keys of
    spans that began (or ended) lately: another one gets finer keys.
    """

    tie: ClockTie
    origin: Origin
    prefix: str
    postfix: str
    digits: int
    segment_end: Callable[[UtcTime], UtcTime]
    header: Callable[[SpanType, UtcTime, Mapping[int, bytes]], bytes]
    full_content_type: str
    labels: SegmentLabels = field(default_factory=SegmentLabels)
    limits: FragmentLimits = field(default_factory=FragmentLimits)
    mfra: bool = True
    used_keys: UsedKeys = field(default_factory=dict)

    @property
    def clock(self) -> MediaClock:
        """What ties media time to UTC in segments that open now."""
        return self.tie.clock


@dataclass(slots=True, eq=False)
class OpenSegment:
    """The segment that a span is writing.

    All its times go by one ``clock``. It began at ``start`` with a sample of the track ``opened_by``, and ends at the
    first sync sample of the leading track from the decode time ``due`` on, or at the next one for ``end_asked``. Its
    ``key`` is known with its first fragment.
    """

    writer: SegmentWriter
    clock: MediaClock
    start: UtcTime
    opened_by: FragmentTrack
    due: int = 0
    end_asked: CutCause | None = None
    key: ObjectKey | None = None

    def schedule(self, lead: FragmentTrack, settings: SpanSettings) -> None:
        """Work out the decode time of the leading track at which the segment is due."""
        clock = self.clock
        end = settings.segment_end(self.start)
        if settings.tie.is_ahead(clock):
            end = min(end, self.start.plus_microseconds(_SHORT))
        due = end.microseconds_since(clock.at)
        ticks = (due * clock.timescale + clock.ticks * 1_000_000) * lead.timescale
        self.due = -(-ticks // (clock.timescale * 1_000_000)) - lead.delay  # the first tick not before it

    def ends_before(self, sample: Sample) -> CutCause | None:
        """Return why a sync sample of the leading track would begin a new segment; None if it would not."""
        if self.end_asked is not None:
            return self.end_asked
        if sample.decode_time >= self.due:
            return CutCause.SEGMENT_DURATION
        return CutCause.RESOURCES if self.writer.is_full else None


@dataclass(slots=True, eq=False)
class SpanKeys:
    """The object keys of a span: ``counter`` counts its segments, ``digits`` are those of the fraction of seconds."""

    settings: SpanSettings
    extension: str
    digits: int
    counter: int = 0

    def unused(self, at: UtcTime, *, span_end: bool = False) -> ObjectKey:
        """A key unlike that of any other span, with more digits if that takes them; so have all keys after it."""
        key = self.at(at, span_end=span_end)
        name, used_keys = f"{key.extension}_end" if span_end else key.extension, self.settings.used_keys
        second, text = at.microseconds // 1_000_000, str(key)
        latest, used = used_keys.get(name, (second, frozenset()))
        if latest != second:
            used = frozenset()
        elif text in used:
            self.digits = 6
            key = self.at(at, span_end=span_end)
            text = str(key)
        used_keys[name] = second, used | {text}
        return key

    def at(self, at: UtcTime, *, span_end: bool = False) -> ObjectKey:
        """The key of an object at an instant."""
        settings = self.settings
        return ObjectKey(
            settings.prefix,
            at,
            settings.postfix,
            self.counter,
            self.extension,
            span_end=span_end,
            digits=self.digits,
        )


@dataclass(slots=True, eq=False)
class SpanHeader:
    """What is fixed when the first fragment of a span is written: tick 0 of its files, and their header."""

    settings: SpanSettings
    kind: SpanType
    tracks: Sequence[FragmentTrack]
    created: UtcTime | None = None
    same: bytes | None = None
    settled: bool = False

    def settle(self) -> None:
        """Fix tick 0 of the file, before the first decode time is written."""
        if not self.settled:
            self.settled = True
            origin = self.settings.origin
            time = origin.settle()
            for track in self.tracks:
                track.origin = time * self.kind.timescale // origin.timescale

    def build(self, constant_ivs: Mapping[int, bytes]) -> bytes:
        """The first bytes of a segment: the same in all of them, unless tenc has to name an IV of this segment."""
        if self.same is not None:
            return self.same
        if self.created is None:
            raise InvariantError("a header is made before the first sample came")
        header = self.settings.header(self.kind, self.created, constant_ivs)
        if not constant_ivs:
            self.same = header
        return header
