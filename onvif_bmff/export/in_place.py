"""Do stored objects play where they lie? Only if what has a gap has it in all tracks. See ``export.continuous``."""

from fractions import Fraction
from itertools import pairwise

from onvif_bmff.errors import BoxError, MediaError, ObjectNotFoundError
from onvif_bmff.export.movie_job import readable
from onvif_bmff.export.playlist_lines import PLAYED, playable
from onvif_bmff.export.tracks import output_tracks
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.extensions import media_in
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.header import SegmentHeader
from onvif_bmff.playback.object_check import settle_header
from onvif_bmff.playback.recorded import RecordedSegment
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.selection import Selection, SpanPart
from onvif_bmff.playback.source import StoreSource
from onvif_bmff.playback.whole_fragments import WholeFragments

__all__ = ["has_one_codec_a_track", "plays_in_place"]

_BLOCK = 8 << 10
_PAUSE = Fraction(3, 10)
"""Seconds that tracks of one object may be apart: decode times of pictures are earlier than what is shown."""
_TOGETHER = 150_000
"""Microseconds: players go on over a shorter hole, and do not notice that tracks begin so much one after another."""


def plays_in_place(store: ReadableStore, selection: Selection) -> bool:
    """Return whether ``hls_playlists`` of a selection play right: pictures and sound have all gaps in common.

    Goes by the keys, by one header of each span, and in objects of several tracks by the fragments without their media
    data: one of the tracks may pause within a span.

    Raises:
        StoreError: the store failed.
    """
    renditions = [_runs(parts) for parts in playable(selection).parts.values() if parts]
    first = renditions[0] if renditions else []
    seeker = Seeker(store)
    return (
        all(_have_gaps_in_common(first, other) for other in renditions[1:])
        and _have_one_set_of_tracks(store, selection, seeker)
        and not _has_pauses(store, selection, seeker)
    )


def _runs(parts: tuple[SpanPart, ...]) -> list[tuple[int, int | None]]:
    """Return when the runs of objects begin and end, in microseconds; None: the keys do not say."""
    found: list[tuple[int, int | None]] = []
    for part in parts:
        for run in part.runs():
            segments: list[RecordedSegment] = [run.span.segments[run.first], run.span.segments[run.stop - 1]]
            end = segments[1].end
            found.append((segments[0].start.microseconds, None if end is None else end.microseconds))
    return found


def _have_gaps_in_common(one: list[tuple[int, int | None]], other: list[tuple[int, int | None]]) -> bool:
    if len(one) != len(other):
        return False
    for number, ((start, end), (other_start, other_end)) in enumerate(zip(one, other, strict=True), 1):
        if abs(start - other_start) > _TOGETHER:
            return False
        known = end is not None and other_end is not None and number < len(one)
        if known and abs((end or 0) - (other_end or 0)) > _TOGETHER:
            return False
    return True


def _have_one_set_of_tracks(store: ReadableStore, selection: Selection, seeker: Seeker) -> bool:
    """Return whether all spans of an extension have tracks of the same kinds and timescales: a playlist has one set."""
    for parts in playable(selection).parts.values():
        headers = [settle_header(store, seeker, part)[0] for part in parts]
        sets = [
            [(track.type, track.timescale) for track in one.tracks if track.type in PLAYED]
            for one in headers
            if one is not None
        ]
        if any(one != other for one, other in pairwise(sets)):
            return False
    return True


def _has_pauses(store: ReadableStore, selection: Selection, seeker: Seeker) -> bool:
    """Return whether a track pauses within a span of several tracks, or begins or ends apart from them."""
    for extension, parts in playable(selection).parts.items():
        for part in parts if len(media_in(extension)) > 1 else ():
            header = settle_header(store, seeker, part)[0]
            if header is None or len(_tracks_of(header)) <= 1:
                continue
            for run in part.runs():
                if _pauses(store, run, header, is_last=part is parts[-1]):
                    return True
    return False


def _pauses(store: ReadableStore, run: SpanPart, header: SegmentHeader, *, is_last: bool) -> bool:
    """The same of objects without a loss between them; what is ``is_last`` may end apart."""
    starts: dict[int, Fraction] = {}
    ends: dict[int, Fraction] = {}
    playing = {track.track_id for track in header.tracks if track.type in PLAYED}
    for segment in run.segments():
        try:
            whole = WholeFragments(StoreSource(store, segment.name, block=_BLOCK), header)
            for part in (part for fragment in whole for part in fragment.parts if part.sample_count):
                number, scale = part.track.track_id, part.track.timescale
                if number not in playing:
                    continue
                start = Fraction(part.earliest_presentation if number not in starts else part.decode_time, scale)
                if number in ends and abs(Fraction(part.decode_time, scale) - ends[number]) > _PAUSE:
                    return True
                starts.setdefault(number, start)
                ends[number] = Fraction(part.decode_time + part.duration, scale)
        except (BoxError, MediaError, ObjectNotFoundError):
            continue  # what is damaged is found when it is listed
    apart = [starts, starts if is_last else ends]
    return any(one.keys() != playing or max(one.values()) - min(one.values()) > _PAUSE for one in apart)


def _tracks_of(header: SegmentHeader) -> list[tuple[MediaKind, int]]:
    return [(track.type, track.timescale) for track in header.tracks if track.type in PLAYED]


def has_one_codec_a_track(store: ReadableStore, selection: Selection) -> bool:
    """Return whether ``export_continuous`` can join the spans of a selection: no codec changes within a track.

    Raises:
        StoreError: the store failed.
    """
    seeker = Seeker(store)
    try:
        output_tracks(readable(store, playable(selection), seeker), seeker)
    except MediaError:
        return False
    return True
