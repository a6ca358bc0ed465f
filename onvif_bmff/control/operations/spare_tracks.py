"""Number of the tracks of a recording (5.4, 5.20)."""

from onvif_bmff.control.environment import Environment
from onvif_bmff.control.state import Recording
from onvif_bmff.control.types.configuration import TargetFormat, TrackType

__all__ = ["spare_tracks", "track_limit"]


def track_limit(environment: Environment, kind: str) -> int:
    """Return the limit of tracks of a type in a recording; 0 for metadata if it cannot be recorded (5.25)."""
    if kind == TrackType.METADATA and not environment.capabilities.metadata_recording:
        return 0
    limits = environment.limits
    return {
        TrackType.VIDEO: limits.video_tracks,
        TrackType.AUDIO: limits.audio_tracks,
        TrackType.METADATA: limits.metadata_tracks,
    }[TrackType(kind)]


def spare_tracks(environment: Environment, recording: Recording) -> dict[TrackType, int]:
    """Return how many more tracks of each type a recording takes."""
    target = recording.configuration.target
    cmaf = target is not None and target.format == TargetFormat.CMAF
    held = [track.configuration.track_type for track in recording.tracks]
    total = max(environment.limits.tracks - len(held), 0)
    spare = {}
    for kind in TrackType:
        limit = track_limit(environment, kind)
        spare[kind] = min(max((min(limit, 1) if cmaf else limit) - held.count(kind), 0), total)
    return spare
