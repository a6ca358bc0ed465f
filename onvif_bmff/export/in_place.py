"""Do stored objects play where they lie? Only if what has a gap has it in all tracks. See ``export.continuous``."""

from itertools import pairwise

from onvif_bmff.errors import MediaError
from onvif_bmff.export.movie_job import readable
from onvif_bmff.export.playlist_lines import PLAYED, playable
from onvif_bmff.export.tracks import output_tracks
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.header import SegmentHeader
from onvif_bmff.playback.object_check import settle_header
from onvif_bmff.playback.recorded import RecordedSegment
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.selection import Selection, SpanPart

__all__ = ["has_one_codec_a_track", "plays_in_place"]

_TOGETHER = 150_000
"""Microseconds: players go on over a shorter hole, and do not notice that tracks begin so much one after another."""


def plays_in_place(store: ReadableStore, selection: Selection) -> bool:
    """Return whether ``hls_playlists`` of a selection play right: pictures and sound have all gaps in common.

    Goes by the keys, and by one header of each span. Where one track of a multiplexed span pauses within it, neither
    shows that.

    Raises:
        StoreError: the store failed.
    """
    renditions = [_runs(parts) for parts in playable(selection).parts.values() if parts]
    first = renditions[0] if renditions else []
    return all(_have_gaps_in_common(first, other) for other in renditions[1:]) and _have_one_set_of_tracks(
        store, selection
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


def _have_one_set_of_tracks(store: ReadableStore, selection: Selection) -> bool:
    """Return whether all spans of an extension have tracks of the same kinds and timescales: a playlist has one set."""
    seeker = Seeker(store)
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
