"""Which tracks of a file are the ones that players show: one of each kind."""

from onvif_bmff.bmff import TrackHeaderBox
from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.ingest.mp4 import Mp4Input
from onvif_bmff.media.track import Track
from onvif_bmff.media_kind import MediaKind

__all__ = ["main_tracks"]

_ENABLED = 1


def main_tracks(source: Mp4Input) -> tuple[Track, ...]:
    """Return one track of each kind of media, in the order of the file: the first that is enabled and not empty.

    Where no track of a kind is both, the first that is not empty; else the first. ISO/IEC 14496-12, 8.3.2.
    """
    pairs = list(zip(source.tracks, source.sources, strict=True))
    chosen: set[int] = set()
    for kind in MediaKind:
        of_kind = [(track, found) for track, found in pairs if track.type == kind]
        if of_kind:
            track, _ = min(of_kind, key=lambda pair: (_is_empty(pair[1]), not _is_enabled(pair[1])))
            chosen.add(track.track_id)
    return tuple([track for track in source.tracks if track.track_id in chosen])


def _is_enabled(track: MovieTrack) -> bool:
    header = track.box.find(TrackHeaderBox)
    return header is not None and bool(header.flags & _ENABLED)


def _is_empty(track: MovieTrack) -> bool:
    """Whether a track has no samples, neither in tables nor, as far as the movie box says, in fragments."""
    return not track.sample_count and track.defaults is None
