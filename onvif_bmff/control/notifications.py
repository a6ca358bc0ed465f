"""The events of 5.26, and Monitoring/AsynchronousOperationStatus for exports (5.21).

Each class is one topic. ``Notification.source_items`` and ``Notification.data_items`` give the items of the
message by the names of the specification; items that are structures are the structures of this room.
Property events carry a ``PropertyOperation``; for the others it is None.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from onvif_bmff.control.types.common import PropertyOperation
from onvif_bmff.control.types.configuration import RecordingConfiguration, TrackConfiguration
from onvif_bmff.control.types.export import FileProgress
from onvif_bmff.control.types.job_configuration import RecordingJobConfiguration
from onvif_bmff.control.types.job_state import RecordingJobState, RecordingJobStateInformation
from onvif_bmff.timing import UtcTime

__all__ = [
    "ALL_NOTIFICATIONS",
    "AsynchronousOperationStatus",
    "CreateRecording",
    "CreateTrack",
    "DeleteRecording",
    "DeleteTrack",
    "DeleteTrackData",
    "JobState",
    "Notification",
    "RecordingConfigurationChange",
    "RecordingJobConfigurationChange",
    "TrackConfigurationChange",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Base of all events; ``time`` is the time of the event (tt:Message/@UtcTime)."""

    topic: ClassVar[str] = ""
    is_property: ClassVar[bool] = False
    source: ClassVar[dict[str, str]] = {}
    data: ClassVar[dict[str, str]] = {}

    time: UtcTime
    operation: PropertyOperation | None = None

    def source_items(self) -> dict[str, object]:
        """Return the items of tt:Source by name."""
        return {name: getattr(self, attribute) for name, attribute in self.source.items()}

    def data_items(self) -> dict[str, object]:
        """Return the items of tt:Data by name, without the optional ones that are absent."""
        values = {name: getattr(self, attribute) for name, attribute in self.data.items()}
        return {name: value for name, value in values.items() if value is not None and value != ()}


_RECORDING = {"RecordingToken": "recording_token"}
_TRACK = _RECORDING | {"TrackToken": "track_token"}
_JOB = {"RecordingJobToken": "recording_job_token"}
_CONFIGURATION = {"Configuration": "configuration"}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState(Notification):
    """The aggregated state of a job changed (5.26.1).

    ``information`` is given whenever the states of the job's tracks differ.
    """

    topic = "tns1:RecordingConfig/JobState"
    is_property = True
    source = _JOB
    data: ClassVar[dict[str, str]] = {"State": "state", "Information": "information"}

    recording_job_token: str
    state: RecordingJobState
    information: RecordingJobStateInformation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingConfigurationChange(Notification):
    """The configuration of a recording changed (5.26.2)."""

    topic = "tns1:RecordingConfig/RecordingConfiguration"
    source = _RECORDING
    data = _CONFIGURATION

    recording_token: str
    configuration: RecordingConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackConfigurationChange(Notification):
    """The configuration of a track changed (5.26.2)."""

    topic = "tns1:RecordingConfig/TrackConfiguration"
    source = _TRACK
    data = _CONFIGURATION

    recording_token: str
    track_token: str
    configuration: TrackConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingJobConfigurationChange(Notification):
    """The configuration of a job changed (5.26.2)."""

    topic = "tns1:RecordingConfig/RecordingJobConfiguration"
    source = _JOB
    data = _CONFIGURATION

    recording_job_token: str
    configuration: RecordingJobConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTrackData(Notification):
    """Local data of a track was deleted (5.26.3); never of objects in an external target."""

    topic = "tns1:RecordingConfig/DeleteTrackData"
    source = _TRACK
    data: ClassVar[dict[str, str]] = {"StartTime": "start_time", "EndTime": "end_time"}

    recording_token: str
    track_token: str
    start_time: UtcTime
    end_time: UtcTime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRecording(Notification):
    """A recording was created (5.26.4)."""

    topic = "tns1:RecordingConfig/CreateRecording"
    source = _RECORDING

    recording_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRecording(Notification):
    """A recording was deleted (5.26.4)."""

    topic = "tns1:RecordingConfig/DeleteRecording"
    source = _RECORDING

    recording_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTrack(Notification):
    """A track was created (5.26.4)."""

    topic = "tns1:RecordingConfig/CreateTrack"
    source = _TRACK

    recording_token: str
    track_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTrack(Notification):
    """A track was deleted (5.26.4)."""

    topic = "tns1:RecordingConfig/DeleteTrack"
    source = _TRACK

    recording_token: str
    track_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AsynchronousOperationStatus(Notification):
    """Progress of an export (5.21; ONVIF Core, Monitoring): Initialized, Changed, and Deleted at its end.

    ``progress`` is 0.0 to 1.0; ``error`` says why an export failed. For ExportRecordedSegments (26.06) each
    Changed one has exactly one file, the segment that was uploaded, and ``alias`` is what the client gave.
    """

    topic = "tns1:Monitoring/AsynchronousOperationStatus"
    is_property = True
    source: ClassVar[dict[str, str]] = {
        "Token": "token",
        "OperationName": "operation_name",
        "ServiceName": "service_name",
    }
    data: ClassVar[dict[str, str]] = {
        "Progress": "progress",
        "FileProgressStatus": "file_progress_status",
        "Error": "error",
        "Alias": "alias",
    }

    token: str
    operation_name: str = "ExportRecordedData"
    service_name: str = "Recording"
    progress: float = 0.0
    file_progress_status: tuple[FileProgress, ...] = field(default=())
    error: str | None = None
    alias: str | None = None


ALL_NOTIFICATIONS: tuple[type[Notification], ...] = (
    JobState,
    RecordingConfigurationChange,
    TrackConfigurationChange,
    RecordingJobConfigurationChange,
    DeleteTrackData,
    CreateRecording,
    DeleteRecording,
    CreateTrack,
    DeleteTrack,
    AsynchronousOperationStatus,
)
"""Every topic of this service."""
