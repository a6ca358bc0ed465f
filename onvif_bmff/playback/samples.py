"""Stored segments as a stream of clear samples with times, across segments, spans, gaps and keys."""

from collections.abc import Callable, Iterator
from heapq import merge

from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.errors import (
    BoxError,
    MediaError,
    ObjectDamagedError,
    ObjectNotFoundError,
    OnvifBmffError,
    ProtectionError,
)
from onvif_bmff.media.track import Sample, TrackType
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.extensions import extension_rank
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.fragments import StoredFragment, read_fragments
from onvif_bmff.playback.gate import RangeGate
from onvif_bmff.playback.header import DecryptStage, SegmentHeader, clear_samples
from onvif_bmff.playback.keys import PlaybackKeys
from onvif_bmff.playback.lead_in import with_lead_in
from onvif_bmff.playback.left_out import LeftOut, LossCause, lost_objects
from onvif_bmff.playback.object_check import ObjectCheck, check_attributes, check_place, headers_agree, settle_header
from onvif_bmff.playback.played import PlayedSample, PlayedTrack
from onvif_bmff.playback.recorded import RecordedSegment
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.seek_index import attributes_of
from onvif_bmff.playback.selection import Selection, SpanPart
from onvif_bmff.playback.source import StoreSource
from onvif_bmff.playback.span_reading import SpanReading
from onvif_bmff.playback.whole_fragments import WholeFragments
from onvif_bmff.timing import UtcTime

__all__ = ["SampleReader"]

_SECOND = 1_000_000
_REANCHOR = _SECOND // 2
"""Deviation (µs) of a segment's key from the clock of its span above which the key sets a new clock."""
_WORTH_A_SEEK = 30 * _SECOND
"""Longer segments (µs) are not read from their beginning for an instant in their middle."""
_Numbering = Callable[[tuple[TrackType, int]], int]


class SampleReader:
    """Plays a selection: an iterable of ``PlayedSample`` in order of decode time.

    Each track begins with the last sync sample at or before the start of the selection, so that all can be decoded, and
    ends with the last sample presented before its end. The common part of overlapping spans of one kind is played once.
    If the selection starts with a multiplexed segment, tracks other than the leading one may begin a sample later,
    since the segment before is not read.

    Memory holds one block of bytes and one fragment for each kind of span. Objects are read sequentially, the first one
    from the needed fragment on.

    Args:
        store: holds the objects.
        selection: what to play; see ``select``.
        keys: content keys; recovered ones are added.
        unwrapper: recovers content keys from the ``pssh`` boxes.
        seeker: shares its known headers.
        strict: stop with an error at the first object that is damaged, foreign, or encrypted with another key.
            Otherwise such objects are read up to their last whole sample, and what is lost is in ``left_out``.

    Attributes:
        missing: names of listed objects that no longer exist.
        left_out: what was left out so far, unless ``strict``: also what the spans show to be missing.
    """

    def __init__(
        self,
        store: ReadableStore,
        selection: Selection,
        *,
        keys: KeyRing | None = None,
        unwrapper: KeyUnwrapper | None = None,
        seeker: Seeker | None = None,
        strict: bool = True,
    ) -> None:
        self._strict = strict
        self._store = store
        self._selection = selection
        self._keys = PlaybackKeys(keys, unwrapper)
        self._seeker = seeker or Seeker(store)
        self._numbers: dict[tuple[TrackType, int], int] = {}
        self._runs = 0
        self.missing: list[str] = []
        self.left_out: list[LeftOut] = [] if strict else list(lost_objects(selection))

    def __iter__(self) -> Iterator[PlayedSample]:
        """Iterate over the samples; see the class.

        Raises:
            BoxError, MediaError: a segment is broken (if ``strict``). ``key`` of the error names it.
            ProtectionError: a key is missing, or cannot be unwrapped (if ``strict``); or there are no keys at all.
            StoreError: the store failed.
        """
        selection = self._selection
        streams = []
        for extension in sorted(selection.parts, key=extension_rank):
            parts = selection.parts[extension]
            for ordinal in sorted({part.ordinal for part in parts}):
                gate = RangeGate(selection.start, selection.end)
                streams.append(self._kind(tuple(part for part in parts if part.ordinal == ordinal), gate))
        if len(streams) == 1:
            return streams[0]
        return merge(*streams, key=lambda played: played.decode_microseconds)

    # ---- one kind of spans -------------------------------------------------------------------------

    def _kind(self, parts: tuple[SpanPart, ...], gate: RangeGate) -> Iterator[PlayedSample]:
        last: SpanPart | None = None
        for part in parts:
            if last is not None:
                gate.open_span(last.span.segments[last.stop - 1].end)
            last = part
            reading = SpanReading(part.span, part.ordinal)
            if not self._strict:
                header, faults = settle_header(self._store, self._seeker, part)
                if header is None:
                    self.left_out += faults
                    continue
            part = with_lead_in(part, self._selection.start, self._seeker)
            before: int | None = None
            for index, segment in enumerate(part.segments()):
                if gate.done:
                    break
                if before is None or segment.key.counter != before + 1:
                    self._runs += 1
                    gate.interrupted()
                before = segment.key.counter
                if not self._strict:
                    yield from self._readable(reading, part, part.first + index, gate)
                    continue
                try:
                    yield from self._segment(reading, segment, gate, self._runs, seek=index == 0)
                except ObjectNotFoundError:
                    self.missing.append(segment.name)
                    before = None
                except OnvifBmffError as error:
                    error.about(segment.name)
                    raise
        yield from gate.flush()

    def _segment(
        self,
        reading: SpanReading,
        segment: RecordedSegment,
        gate: RangeGate,
        run: int,
        *,
        seek: bool,
    ) -> Iterator[PlayedSample]:
        source = StoreSource(self._store, segment.name)
        start = self._selection.start
        position: int | None = None
        if seek and start is not None and self._worth_a_seek(segment, start):
            point = self._seeker.find(segment, start)
            position, reading.clock = point.start, point.clock
            header = self._seeker.header(segment)
        else:
            header = reading.header_of(source)
            self._seeker.keep(segment.span, header)
        stage = reading.use(header, self._keys)
        first = position is None
        for fragment in read_fragments(source, header, position):
            if first:
                reading.follow(segment, header, fragment)
                first = False
            yield from self._fragment(reading, fragment, stage, gate, run)
            if gate.done:
                return

    # ---- objects that may be damaged ------------------------------------------------------------------

    def _readable(self, reading: SpanReading, part: SpanPart, index: int, gate: RangeGate) -> Iterator[PlayedSample]:
        """Yield what can be read of a segment, and note what cannot."""
        check = ObjectCheck(part.span.segments[index])
        try:
            yield from self._checked(reading, part, index, gate, check)
        except OnvifBmffError as error:
            if isinstance(error, ProtectionError) and not self._keys.given:
                error.about(check.segment.name)
                raise
            check.note(error)
        left_out = check.left_out()
        if left_out is not None:
            self.left_out.append(left_out)
            if left_out.cause is LossCause.MISSING:
                self.missing.append(left_out.key)
            self._interrupt(gate)

    def _note(self, check: ObjectCheck, whole: WholeFragments, known: int, gate: RangeGate) -> None:
        """Note the faults behind the first ``known`` ones: media are missing here."""
        for error in whole.faults[known:]:
            check.note(error)
            self._interrupt(gate)

    def _interrupt(self, gate: RangeGate) -> None:
        self._runs += 1
        gate.interrupted()

    def _checked(
        self, reading: SpanReading, part: SpanPart, index: int, gate: RangeGate, check: ObjectCheck
    ) -> Iterator[PlayedSample]:
        segment = check.segment
        source = StoreSource(self._store, segment.name)
        expected = self._seeker.header(segment)
        header = reading.header_of(source, expected)
        if not headers_agree(header, expected):
            raise MediaError("its header is not that of its span: it is another object, or the header is damaged")
        position = self._seek(reading, segment) if index == part.first else None
        stage = reading.use(header, self._keys)
        whole = WholeFragments(source, header, position)
        begun, known, sure = position is not None, 0, position is not None
        for fragment in whole:
            if not begun:
                if whole.faults and reading.clock is None:
                    break  # nothing shows the time of the others
                if not whole.faults:
                    reading.clock = reading.trusted
                    sure = check_place(self._seeker, part, index, header, fragment, reading.clock)
                    if not sure:
                        reading.clock = None  # this object has its own
                    reading.follow(segment, header, fragment)
                begun = True
            clock = reading.set_clock
            misplaced = check.misplaced(fragment, clock)
            if misplaced is not None:
                whole.faults.append(misplaced)
            if len(whole.faults) > known:
                self._note(check, whole, known, gate)
                known = len(whole.faults)
            if misplaced is None:
                try:
                    yield from self._fragment(reading, fragment, stage, gate, self._runs)
                    check.passed(fragment, clock, header.lead)
                except ProtectionError as error:
                    if not self._keys.given:
                        raise
                    check.note(error)
                    self._interrupt(gate)
            if gate.done:
                return
        self._note(check, whole, known, gate)
        if not begun and not check.faults:
            raise MediaError("the segment has no fragments")
        self._check_end(check, whole, header, sure=sure)
        if sure or not check.faults:
            reading.trusted = reading.clock

    def _seek(self, reading: SpanReading, segment: RecordedSegment) -> int | None:
        """Return where to begin reading a segment for the start of the selection; None: at its first fragment."""
        start = self._selection.start
        if start is None or not self._worth_a_seek(segment, start):
            return None
        try:
            point = self._seeker.walk(segment, start)
        except (BoxError, MediaError):
            return None
        reading.clock = point.clock
        return point.start

    def _check_end(self, check: ObjectCheck, whole: WholeFragments, header: SegmentHeader, *, sure: bool) -> None:
        """Note a fault if the last fragments of an object are missing, or if it is another object under its key.

        Keys alone do not show that: a span may hold times without samples. So where the media do not end with the
        segment, or it is not ``sure`` that they are those of its span, the attributes decide.
        """
        segment = check.segment
        if check.faults or (sure and check.ends_with(segment.end)):
            return
        try:
            found = attributes_of(self._store.head(segment.name))
        except (ObjectNotFoundError, ObjectDamagedError):
            found = ObjectAttributes()
        end = segment.end if found.duration is None else segment.start + found.duration
        if check.is_short_of(end) and not whole.is_indexed:
            check.note(MediaError(f"the object ends early, before {end}"))
        else:
            check_attributes(found, check, header)

    # ---- samples ------------------------------------------------------------------------------------

    def _worth_a_seek(self, segment: RecordedSegment, start: UtcTime) -> bool:
        if start.microseconds_since(segment.start) < _WORTH_A_SEEK // 2:
            return False
        return segment.end is None or segment.end.microseconds_since(segment.start) > _WORTH_A_SEEK

    def _fragment(
        self,
        reading: SpanReading,
        fragment: StoredFragment,
        stage: DecryptStage | None,
        gate: RangeGate,
        run: int,
    ) -> Iterator[PlayedSample]:
        """Yield the samples of one fragment, all tracks by decode time."""
        clock = reading.set_clock
        streams = []
        for part in fragment.parts:
            if not part.sample_count or part.track.track_id not in reading.joined:
                continue
            track = reading.track(part.track, part.description, self._number)
            if self._selection.media not in (None, track.type):
                continue
            samples = clear_samples(part, fragment.data, stage, torn=fragment.torn)
            if reading.begins_with(fragment) and not part.has_start:
                samples = _started(samples)
            streams.append((track, reading.in_step(part.track.track_id, samples)))
        if len(streams) == 1:
            track, samples = streams[0]
            for sample in samples:
                yield from gate.push(PlayedSample(track, sample, clock, run))
        elif streams:
            ordered = merge(
                *(_played(track, samples, clock, run) for track, samples in streams),
                key=lambda played: played.decode_microseconds,
            )
            for played in ordered:
                yield from gate.push(played)

    def _number(self, kind: tuple[TrackType, int]) -> int:
        return self._numbers.setdefault(kind, len(self._numbers))


def _started(samples: Iterator[Sample]) -> Iterator[Sample]:
    """Yield the samples of a segment in which decoding can start nowhere: from its first one on, as it was recorded."""
    for number, sample in enumerate(samples):
        if not number:
            sample.sync = True
        yield sample


def _played(track: PlayedTrack, samples: Iterator[Sample], clock: MediaClock, run: int) -> Iterator[PlayedSample]:
    for sample in samples:
        yield PlayedSample(track, sample, clock, run)
