"""The actual state of a recording job: tt:RecordingJobStateInformation (5.19)."""

from dataclasses import dataclass
from enum import StrEnum

from onvif_bmff.control.types.common import NO_EXTENSIONS, Extensions, SourceReference

__all__ = [
    "INCOMPATIBLE_STREAM",
    "RecordingJobState",
    "RecordingJobStateInformation",
    "RecordingJobStateSource",
    "RecordingJobStateTrack",
    "TrackReport",
    "recorded_state",
]

INCOMPATIBLE_STREAM = "Incompatible Stream"
"""The predefined error of a stream whose encoding differs from the data recorded before (5.19)."""


class RecordingJobState(StrEnum):
    """State of a track, source or job; a track is never partially active."""

    IDLE = "Idle"
    PARTIALLY_ACTIVE = "PartiallyActive"
    ACTIVE = "Active"
    ERROR = "Error"


@dataclass(frozen=True, slots=True)
class RecordingJobStateTrack:
    """State of a route from a source into a track; ``error`` describes an Error, in English."""

    source_tag: str
    destination: str
    state: RecordingJobState
    error: str | None = None
    extensions: Extensions = NO_EXTENSIONS


@dataclass(frozen=True, slots=True)
class RecordingJobStateSource:
    """State of one source of a job, aggregated over its tracks."""

    source_token: SourceReference
    state: RecordingJobState
    tracks: tuple[RecordingJobStateTrack, ...]


@dataclass(frozen=True, slots=True)
class RecordingJobStateInformation:
    """State of a job, aggregated over its sources (Table 3)."""

    recording_token: str
    state: RecordingJobState
    sources: tuple[RecordingJobStateSource, ...]


@dataclass(frozen=True, slots=True)
class TrackReport:
    """Report of the engine on one track of one job."""

    state: RecordingJobState
    error: str | None = None


def recorded_state(trouble: str | None) -> tuple[RecordingJobState, str | None]:
    """Return the state of a track that is recorded, with an error of its keys or None."""
    if trouble is None:
        return RecordingJobState.ACTIVE, None
    return RecordingJobState.ERROR, f"Recording goes on, but keys are not wrapped for all: {trouble}"
