"""Which tracks of an input are recorded: those that are named, else what the recording format holds of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from onvif_bmff.errors import MediaError, ProtectionError
from onvif_bmff.ingest import Mp4Input, main_tracks
from onvif_bmff.media.track import Track
from onvif_bmff.recording.formats import CMAF, RecordingFormat

if TYPE_CHECKING:
    from onvif_bmff.rtsp import ContainerInput, LiveSource

    TrackSource = Mp4Input | ContainerInput | LiveSource

__all__ = ["check_encrypted_tracks", "tracks_to_record"]


def tracks_to_record(
    source: "TrackSource", recording_format: RecordingFormat, names: Sequence[str] = ()
) -> tuple[Track, ...]:
    """Return the tracks with these tokens or numbers, in the order of the source.

    Where none is named, all; in CMAF the main one of each kind, for it holds no more. ``MediaError`` for a name that no
    track has.
    """
    tracks = source.tracks
    if names:
        for name in names:
            if not any(name in (track.token, str(track.track_id)) for track in tracks):
                known = ", ".join(f"{track.token} ({track.track_id})" for track in tracks)
                raise MediaError(f"there is no track {name} to record, only {known}")
        return tuple([track for track in tracks if {track.token, str(track.track_id)} & set(names)])
    if recording_format is not CMAF:
        return tuple(tracks)
    if isinstance(source, Mp4Input):
        return main_tracks(source)
    return tuple({track.type: track for track in reversed(tracks)}.values())[::-1]


def check_encrypted_tracks(tokens: Sequence[str], tracks: Sequence[Track]) -> None:
    """Check that all tracks to be encrypted exist: a typing error must not leave them clear.

    ``ProtectionError`` for a token that none of them has.
    """
    known = [track.token for track in tracks]
    for token in tokens:
        if token not in known:
            raise ProtectionError(f"there is no track {token} to encrypt, only {', '.join(known)}")
