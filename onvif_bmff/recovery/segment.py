"""What is left of a segment whose writer died → a whole segment. ONVIF Recording Control 25.12, B.3 to B.6, B.9.

The header and all whole fragments are kept; what follows the last of them, part of a fragment or of an mfra, goes, and
so does all from a fragment on in which a power cut left zeros for media (``torn.py``). The mfra and the attributes are
worked out anew from the fragments themselves, so nothing of an encrypted segment has to be decrypted.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from onvif_bmff.bmff import (
    SIZE_TO_END,
    MovieBox,
    MovieFragmentBox,
    TrackFragmentBox,
    parse_boxes,
    read_box_header,
)
from onvif_bmff.demux.fragment_samples import FragmentReader, TrackFragment
from onvif_bmff.demux.sample_tables import read_tracks
from onvif_bmff.demux.segment_start import first_presentation
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.media.track import Track, lead_of
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.extensions import is_cmaf
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.recording.formats import full_content_type
from onvif_bmff.recording.segment_labels import SegmentLabels, segment_attributes
from onvif_bmff.recording.totals import SegmentTotals, TrackTotals, make_random_access
from onvif_bmff.recovery.torn import is_torn
from onvif_bmff.timing import UtcTime

__all__ = ["RecoveredSegment", "recover_segment", "span_end_after", "span_end_before"]

_log = logging.getLogger(__name__)

_MAX_HEADER = 1 << 26
_END_OF_TIME = 1 << 64
"""Presentation times that an mfra can hold end here, and begin at 0."""
_NO_DATA = memoryview(b"")


@dataclass(frozen=True, slots=True)
class RecoveredSegment:
    """How to complete a segment.

    Keep its first ``size`` bytes, append ``trailer``, label it with ``attributes``. ``span_end`` is the key of the span
    end object that belongs behind it, at the end of its last sample. ``tracks`` are those of its header,
    ``fragment_count`` how many fragments it keeps.
    """

    size: int
    trailer: bytes = field(repr=False)
    attributes: ObjectAttributes
    span_end: ObjectKey
    tracks: tuple[Track, ...]
    fragment_count: int


def recover_segment(
    data: bytes | memoryview,
    key: ObjectKey,
    *,
    labels: SegmentLabels = SegmentLabels(),  # noqa: B008
    content_type: str | None = None,
    random_access: bool = True,
    sealed: bool = False,
) -> RecoveredSegment | None:
    """Work out how to complete a segment of which ``data`` was written.

    Args:
        data: everything that was written.
        key: its object key.
        labels: what its recorder knew of the source.
        content_type: FullContentType of the recording; None takes the codecs of this segment if it has all tracks, and
            leaves the attribute out in CMAF, where other tracks are in other objects.
        random_access: whether it shall end with an mfra.
        sealed: its writer completed it, so that a fragment that cannot be read is damage, not where writing stopped.

    Returns:
        None if there is no whole fragment, so that nothing can be kept.

    Raises:
        BoxError: the bytes are not those of a segment, beyond being cut off; if ``sealed``, any box cannot be read.
        MediaError: the header has no track that can be recorded, or a fragment does not fit it.
    """
    view = memoryview(data)
    header = _header(view)
    if header is None:
        return None
    movie, start = header
    sources = read_tracks(movie)
    tracks = tuple(
        Track(f"track{one.track_id}", one.track_id, one.timescale, one.codec(), one.language)
        for one in sources
        if one.is_media
    )
    if not tracks:
        raise MediaError("the segment has no video, audio or metadata track")
    timescales = {track.track_id: track.timescale for track in tracks}
    lead = lead_of(tracks)
    totals = SegmentTotals({track.track_id: TrackTotals() for track in tracks}, start)
    reader = FragmentReader(sources, len(view))
    first: tuple[int, int] | None = None
    for moof, offset, stop in _fragments(view, start, sealed=sealed):
        parts = [part for part in reader.read(moof, offset) if part.sample_count and part.track.track_id in timescales]
        if not sealed and is_torn(view, parts):
            _log.warning("%s: a power cut left zeros for media; what follows byte %d is given up", key, offset)
            break
        if first is None and parts:
            first = first_presentation(parts, lead.track_id, first_of_span=key.counter == 0)
        _account(totals, moof, parts, offset, stop)
    if first is None:
        return None
    table = make_random_access(totals) if random_access else None
    if content_type is None and not is_cmaf(key.extension):
        content_type = full_content_type(tracks)
    attributes = segment_attributes(labels, tracks, lead.timescale, totals, content_type, table)
    span_end = span_end_after(key, _end(totals, key.time, first, timescales))
    trailer = b"" if table is None else table.build()
    return RecoveredSegment(totals.size, trailer, attributes, span_end, tracks, totals.fragment_count)


def _end(totals: SegmentTotals, start: UtcTime, first: tuple[int, int], timescales: Mapping[int, int]) -> UtcTime:
    """When the last sample of any track ends, where the ``first`` (ticks and timescale) is presented at ``start``."""
    time, timescale = first
    return max(
        start.plus_ticks(end * timescale - time * timescales[track_id], timescales[track_id] * timescale)
        for track_id, end in totals.presentation_end.items()
    )


def span_end_after(key: ObjectKey, at: UtcTime) -> ObjectKey:
    """The key of the span end object behind the segment of ``key``, where the span ended ``at``. B.5."""
    return replace(key, digits=max(key.digits, 3)).ending(at)


def span_end_before(key: ObjectKey) -> ObjectKey | None:
    """The key of the span end object if the segment of ``key`` is lost; None if it was the first of its span. B.5."""
    if not key.counter:
        return None
    return replace(key, span_end=True)


def _box(view: memoryview, position: int) -> tuple[bytes, int] | None:
    """Type and end of the box at a position; None if it is not whole."""
    header = read_box_header(view, position, len(view))
    if header is None:
        return None
    kind, body, stop, form = header
    if form == SIZE_TO_END:
        if not any(view[position:]):
            return None  # a power cut may leave room that was never written
        stop = position
    if stop < body:
        raise BoxError(f"a size of {stop - position} is less than the header", offset=position)
    return (kind, stop) if stop <= len(view) else None


def _header(view: memoryview) -> tuple[MovieBox, int] | None:
    """The movie box and where it ends; None if it is not whole."""
    position = 0
    while (found := _box(view, position)) is not None:
        kind, stop = found
        if kind == b"moov":
            if stop - position > _MAX_HEADER:
                raise BoxError("the movie box is too large", path="/moov", offset=position)
            (movie,) = parse_boxes(view[position:stop])
            if not isinstance(movie, MovieBox):
                raise BoxError("the movie box cannot be read", path="/moov", offset=position)
            return movie, stop
        if kind in (b"moof", b"mdat"):
            raise MediaError("the segment has no movie box (moov) before its first fragment")
        position = stop
    return None


def _fragments(view: memoryview, start: int, *, sealed: bool) -> Iterator[tuple[MovieFragmentBox, int, int]]:
    """The whole fragments: moof, where it begins, where its data end. Other boxes are stepped over.

    What cannot be read ends them, but is an error in a ``sealed`` segment: fragments may follow it.
    """
    position = start
    try:
        while (head := _box(view, position)) is not None:
            kind, stop = head
            if kind != b"moof":
                position = stop
                continue
            end = _data_end(view, stop, sealed=sealed)
            if end is None:
                return
            (moof,) = parse_boxes(view[position:stop])
            if not isinstance(moof, MovieFragmentBox):
                raise BoxError("the movie fragment box cannot be read", path="/moof", offset=position)
            yield moof, position, end
            position = end
    except BoxError:
        if sealed or position == start:
            raise


def _data_end(view: memoryview, start: int, *, sealed: bool) -> int | None:
    """Where the last mdat of the moof ends that ends at ``start``; None if its data are not whole."""
    position, end = start, None
    try:
        while (head := _box(view, position)) is not None:
            kind, stop = head
            if kind == b"moof":
                return start if end is None and sealed else end
            if kind == b"mdat":
                end = stop
            position = stop
    except BoxError:
        if sealed or end is None:
            raise
        return end
    if not sealed and bytes(view[position + 4 : position + 8]) == b"mdat":
        return None
    return end


def _account(
    totals: SegmentTotals, moof: MovieFragmentBox, parts: Sequence[TrackFragment], offset: int, stop: int
) -> None:
    """Count a fragment of these parts whose moof begins at ``offset`` and whose data end at ``stop``."""
    numbers = {id(box): number for number, box in enumerate(moof.find_all(TrackFragmentBox), 1)}
    for part in parts:
        track_id = part.track.track_id
        of_track = totals.tracks[track_id]
        of_track.duration += part.duration
        of_track.sample_count += part.sample_count
        shown, sync = totals.presentation_end.get(track_id, 0), False
        for number, sample in enumerate(part.samples(_NO_DATA), 1):
            at = sample.decode_time + sample.composition_offset
            shown = max(shown, at + sample.duration)
            if sample.sync and not sync and 0 <= at < _END_OF_TIME:
                sync = True
                of_track.times.append(at)
                of_track.moof_offsets.append(offset)
                of_track.traf_numbers.append(numbers[id(part.box)])
                of_track.sample_numbers.append(number)
        of_track.size += sum(run.data_size for run in part.runs)
        totals.presentation_end[track_id] = shown
    totals.size = stop
    totals.fragment_count += 1
