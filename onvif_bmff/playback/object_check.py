"""Is a stored object the segment that its key promises? What is checked while its samples are read."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.errors import BoxError, MediaError, ObjectNotFoundError, OnvifBmffError
from onvif_bmff.media.sample_entries import entry_bytes
from onvif_bmff.media.track import TrackType
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.extensions import media_in
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.fragments import StoredFragment
from onvif_bmff.playback.header import SegmentHeader, read_header
from onvif_bmff.playback.left_out import LeftOut, cause_of, left_out_of
from onvif_bmff.playback.recorded import RecordedSegment
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.source import StoreSource
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.playback.selection import SpanPart

__all__ = ["ObjectCheck", "check_attributes", "check_media", "check_place", "fits", "headers_agree", "settle_header"]

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_HEADER_BLOCK = 8 << 10
_SAME_CLOCK = 8 * _SECOND // 10
"""Keys of other recorders may be this far off the media time of their span."""
_AGREEMENT = _SECOND // 4
"""How exactly the objects behind one have to fit to show that it is another's."""
_CLOSE = 50_000
"""Nearer than this, an object is surely one of its span."""
_BEFORE = 10 * _SECOND
_AFTER = 60 * _SECOND
"""Samples farther before or behind the time of their object are not its own."""
_DOCUMENT = 3_600 * _SECOND
"""The same for the end of a metadata document."""
_UNKNOWN_END = 86_400 * _SECOND
"""Longest segment if keys do not show where it ends."""
_SHORT = 3 * _SECOND // 10
"""Media that end so much before or behind their segment are looked at more closely."""
_CUT = _SECOND
"""By how much the media have to be shorter if nothing but keys shows it."""


def fits(clock: MediaClock, segment: RecordedSegment, first: tuple[int, int], within: int = _SAME_CLOCK) -> bool:
    """Return whether the first presentation time of a segment (ticks, timescale) is where its key says, by a clock.

    ``within`` is the tolerance in microseconds. A leap second at midnight between them makes a second of difference.
    """
    off = clock.microseconds(*first) - segment.key.time.microseconds
    resolution: int = 10 ** (6 - segment.key.digits)
    if abs(off) <= within + resolution:
        return True
    is_later_day = segment.key.time.microseconds // _DAY > clock.at.microseconds // _DAY
    return is_later_day and abs(off - _SECOND) <= _CLOSE + resolution


# ---- headers ------------------------------------------------------------------------------------


def headers_agree(one: SegmentHeader, other: SegmentHeader) -> bool:
    """Return whether two headers describe the same tracks, as all headers of a span do (B.2). Keys may differ."""
    return one is other or one.raw == other.raw or _described(one) == _described(other)


def _described(header: SegmentHeader) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for track in header.movie_tracks:
        defaults = b"" if track.defaults is None else track.defaults.build()
        shape = (track.track_id, track.handler, track.timescale, track.language, defaults)
        if track.is_media:
            indexes = (track.first_description, *range(1, len(track.entries) + 1))
            entries = tuple([entry_bytes(track.codec(index).sample_entry()) for index in indexes])
            found.append((*shape, entries))
        else:
            found.append(shape)
    return found


def check_media(header: SegmentHeader, segment: RecordedSegment) -> None:
    """Check that an object holds the kinds of media that the extension of its key stands for.

    Raises:
        MediaError: it does not.
    """
    strange = {track.type for track in header.tracks} - media_in(segment.key.extension)
    if strange:
        names = ", ".join(sorted(kind.value for kind in strange))
        raise MediaError(f"it holds {names}, which its extension excludes: it is another object")


def settle_header(store: ReadableStore, seeker: Seeker, part: "SpanPart") -> tuple[SegmentHeader | None, list[LeftOut]]:
    """Return the header on which two segments of a span agree, else the first that can be read.

    ``seeker`` keeps it, and may know it.

    If none can be read, the faults of all are returned as well.

    Raises:
        StoreError: the store failed.
    """
    span = part.span
    known = seeker.known(span)
    if known is not None:
        return known, []
    seen: list[SegmentHeader] = []
    faults: list[LeftOut] = []
    settled: SegmentHeader | None = None
    for segment in part.segments():
        try:
            header = read_header(StoreSource(store, segment.name, block=_HEADER_BLOCK))
            check_media(header, segment)
            _described(header)  # its codecs can be read
            if any(headers_agree(header, other) for other in seen):
                settled = header
                break
            seen.append(header)
        except OnvifBmffError as error:
            faults.append(left_out_of(segment, error))
    if settled is None and seen:
        others = seeker.headers(span.extension)
        settled = next((one for one in seen if any(headers_agree(one, other) for other in others)), seen[0])
    if settled is None:
        return None, faults
    seeker.keep(span, settled)
    return settled, []


# ---- places ---------------------------------------------------------------------------------------


def check_place(
    seeker: Seeker,
    part: "SpanPart",
    index: int,
    header: SegmentHeader,
    fragment: StoredFragment,
    clock: MediaClock | None,
) -> bool:
    """Return whether segment ``index`` of a span is surely not another object under its key.

    It is, if its media times do not fit the ``clock`` of its span (None for the first one that is read) while those of
    the next segments do, or fit one another.

    Raises:
        MediaError: it is another object.
        StoreError: the store failed.
    """
    segment = part.span.segments[index]
    first = header.first_presentation(fragment.parts, first_of_span=segment.key.counter == 0)
    if clock is not None and fits(clock, segment, first):
        return fits(clock, segment, first, _CLOSE)
    following = _following(seeker, part, index)
    if clock is None:
        own = MediaClock(segment.key.time, *first)
        if any(fits(own, *one) for one in following):
            return any(fits(own, *one, within=_CLOSE) for one in following)
        if len(following) < 2:
            return False
        clock = MediaClock(following[0][0].key.time, *following[0][1])
        following = following[1:]
    if any(fits(clock, *one, within=_AGREEMENT) for one in following):
        seconds = (clock.microseconds(*first) - segment.key.time.microseconds) / _SECOND
        raise MediaError(f"its media times are {seconds:+.3f} seconds off its key: it is another object, or damaged")
    return False


def check_attributes(found: ObjectAttributes, check: "ObjectCheck", header: SegmentHeader) -> None:
    """Check that the attributes of an object are not those of another.

    Raises:
        MediaError: they are.
    """
    lead = header.lead
    times = check.lead_times
    seconds = sum([end - start for start, end in times.values()]) / lead.timescale
    fits_attributes = (
        found.duration is None or not times or abs(found.duration.total_seconds() - seconds) <= _CLOSE / _SECOND
    )
    table = None if found.seek_table is None else found.seek_table.track(lead.track_id)
    slack = lead.timescale // 3
    for entry in () if table is None else table.entries:
        start, end = times.get(entry.moof_offset, (entry.time + slack + 1, 0))
        if entry.traf_number == entry.trun_number == entry.sample_number == 1:
            end = start
        fits_attributes = fits_attributes and start - slack <= entry.time <= end + slack
    if not fits_attributes:
        raise MediaError("its attributes do not fit: it is another object, or damaged")


def _following(seeker: Seeker, part: "SpanPart", index: int) -> list[tuple[RecordedSegment, tuple[int, int]]]:
    """Return the two segments of the span behind one, with the media times that belong to their keys."""
    found: list[tuple[RecordedSegment, tuple[int, int]]] = []
    for segment in part.span.segments[index + 1 : index + 3]:
        try:
            found.append((segment, seeker.first_presentation(segment)))
        except (BoxError, MediaError, ObjectNotFoundError):
            continue
    return found


# ---- one object -----------------------------------------------------------------------------------


@dataclass(slots=True)
class ObjectCheck:
    """What was read of a segment, and what was wrong with it.

    ``reached`` is the end of the media read so far, in microseconds since 1970; ``at_fault`` the same when the first
    fault was found; ``samples`` their number; ``lead_times`` when the
    leading track begins and ends in the fragments, in ticks, by their offsets.
    """

    segment: RecordedSegment
    faults: list[OnvifBmffError] = field(default_factory=list)
    reached: int | None = None
    samples: int = 0
    at_fault: int | None = None
    lead_times: dict[int, tuple[int, int]] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)

    def note(self, error: OnvifBmffError) -> None:
        """Note a fault."""
        if not self.faults:
            self.at_fault = self.reached
        self.faults.append(error)

    def misplaced(self, fragment: StoredFragment, clock: MediaClock) -> MediaError | None:
        """Return an error if samples of a fragment lie far outside the time of the segment."""
        start = self.segment.start.microseconds
        end = self.segment.end.microseconds if self.segment.end is not None else start + _UNKNOWN_END
        for part in fragment.parts:
            if not part.sample_count:
                continue
            track = part.track
            expected = self._ends.get(track.track_id, part.decode_time)
            self._ends[track.track_id] = part.decode_time + part.duration
            if abs(part.decode_time - expected) * _SECOND > _SHORT * track.timescale:
                jump = (part.decode_time - expected) / track.timescale
                self.note(MediaError(f"the media time of track {track.track_id} jumps by {jump:+.3f} seconds"))
            first = clock.microseconds(part.first_presentation, track.timescale)
            last = clock.microseconds(part.first_presentation + part.duration, track.timescale)
            beyond = _DOCUMENT if track.is_media and track.type is TrackType.METADATA else _AFTER
            if not start - _BEFORE <= first <= end + _AFTER or last > end + beyond:
                seconds = (first - start) / _SECOND
                return MediaError(f"samples of track {track.track_id} lie {seconds:+.3f} seconds from its key's time")
        return None

    def passed(self, fragment: StoredFragment, clock: MediaClock, lead: MovieTrack) -> None:
        """Note that the samples of a fragment were read."""
        for part in fragment.parts:
            count, duration = part.sample_count, part.duration
            if fragment.torn:
                count = _whole_samples(part.sizes(), part.ranges(), len(fragment.data))
                duration = duration * count // max(part.sample_count, 1)
            if count and part.track is lead:
                start = part.first_presentation
                self.lead_times[fragment.offset] = (start, start + duration)
            if count:
                self.samples += count
                end = clock.microseconds(part.earliest_presentation + duration, part.track.timescale)
                self.reached = end if self.reached is None else max(self.reached, end)

    def ends_with(self, end: UtcTime | None) -> bool:
        """Return whether the media read end about at an instant (None: unknown, so that they do not)."""
        return end is not None and self.reached is not None and abs(self._short_of(end)) <= self._slack

    def is_short_of(self, end: UtcTime | None) -> bool:
        """Return whether the media read end clearly before an instant (None: unknown)."""
        return end is not None and self.reached is not None and self._short_of(end) > _CUT + self._slack

    def _short_of(self, end: UtcTime) -> int:
        return end.microseconds - (self.reached or 0)

    @property
    def _slack(self) -> int:
        resolution: int = 10 ** (6 - self.segment.key.digits)
        return _SHORT + resolution

    def left_out(self) -> LeftOut | None:
        """Return what is left out; None for a whole segment.

        Raises:
            OnvifBmffError: an error that is not about this object.
        """
        if not self.faults:
            return None
        error = next((one for one in self.faults if cause_of(one) is None), self.faults[0])
        reached = None if self.at_fault is None else UtcTime(self.at_fault)
        return left_out_of(self.segment, error, reached=reached, samples=self.samples, more=len(self.faults) - 1)


def _whole_samples(sizes: list[int], ranges: list[tuple[int, int]], available: int) -> int:
    for index, (_, end) in enumerate(ranges):
        if end > available:
            return index
    return len(sizes)
