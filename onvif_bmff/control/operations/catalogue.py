"""The 22 operations as data: access class and faults of each (5.4 to 5.25).

A transport binding needs this table to authorise a request before it calls ``RecordingService``.
"""

from dataclasses import dataclass
from enum import StrEnum

from onvif_bmff.control import faults
from onvif_bmff.control.faults import Fault

__all__ = ["OPERATIONS", "OPERATIONS_26_06", "AccessClass", "Operation"]


class AccessClass(StrEnum):
    """Access classes of ONVIF Core that the recording service uses."""

    PRE_AUTH = "PRE_AUTH"
    READ_MEDIA = "READ_MEDIA"
    ACTUATE = "ACTUATE"

    def permits(self, user_level: str) -> bool:
        """Return whether Core's default policy lets a user level in.

        ``user_level`` is ``Administrator``, ``Operator``, ``User`` or ``Anonymous``.
        """
        return user_level in _LEVELS[self]


_LEVELS = {
    AccessClass.PRE_AUTH: ("Administrator", "Operator", "User", "Anonymous"),
    AccessClass.READ_MEDIA: ("Administrator", "Operator", "User"),
    AccessClass.ACTUATE: ("Administrator", "Operator"),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the recording service.

    Args:
        name: name in the WSDL.
        method: name of the method of ``RecordingService``.
        access_class: who may call it.
        faults: what it may refuse with.
        clause: its clause in ONVIF Recording Control 25.12, or the later release that adds it.
    """

    name: str
    method: str
    access_class: AccessClass
    faults: tuple[type[Fault], ...]
    clause: str


def _table() -> dict[str, Operation]:
    no_recording, no_track, no_job = faults.NoRecording, faults.NoTrack, faults.NoRecordingJob
    bad, ambiguous, off = faults.BadConfiguration, faults.AmbiguousConfiguration, faults.ActionNotSupported
    placing = (faults.NoLocalRecording, faults.UnsupportedStorageStrategy)
    read, act = AccessClass.READ_MEDIA, AccessClass.ACTUATE
    rows: tuple[tuple[str, str, AccessClass, tuple[type[Fault], ...], str], ...] = (
        (
            "CreateRecording",
            "create_recording",
            act,
            (faults.MaxRecordings, bad, ambiguous, off, *placing),
            "5.4",
        ),
        ("DeleteRecording", "delete_recording", act, (no_recording, off, faults.CannotDelete), "5.5"),
        ("GetRecordings", "get_recordings", read, (), "5.6"),
        (
            "SetRecordingConfiguration",
            "set_recording_configuration",
            act,
            (bad, no_recording, ambiguous, *placing),
            "5.7",
        ),
        ("GetRecordingConfiguration", "get_recording_configuration", read, (no_recording,), "5.8"),
        ("CreateTrack", "create_track", act, (no_recording, faults.MaxTracks, bad, off), "5.9"),
        ("DeleteTrack", "delete_track", act, (no_recording, no_track, faults.CannotDelete, off), "5.10"),
        ("GetTrackConfiguration", "get_track_configuration", read, (no_recording, no_track), "5.11"),
        ("SetTrackConfiguration", "set_track_configuration", act, (no_recording, no_track, bad), "5.12"),
        (
            "CreateRecordingJob",
            "create_recording_job",
            act,
            (no_recording, bad, faults.MaxRecordingJobs, faults.MaxReceivers),
            "5.13",
        ),
        ("DeleteRecordingJob", "delete_recording_job", act, (no_job,), "5.14"),
        ("GetRecordingJobs", "get_recording_jobs", read, (), "5.15"),
        (
            "SetRecordingJobConfiguration",
            "set_recording_job_configuration",
            act,
            (no_job, bad, faults.MaxReceivers),
            "5.16",
        ),
        ("GetRecordingJobConfiguration", "get_recording_job_configuration", read, (no_job,), "5.17"),
        ("SetRecordingJobMode", "set_recording_job_mode", act, (no_job, faults.BadMode), "5.18"),
        ("GetRecordingJobState", "get_recording_job_state", read, (no_job,), "5.19"),
        ("GetRecordingOptions", "get_recording_options", read, (no_recording, off), "5.20"),
        ("ExportRecordedData", "export_recorded_data", read, (bad, off), "5.21"),
        ("StopExportRecordedData", "stop_export_recorded_data", read, (bad, off), "5.22"),
        ("GetExportRecordedDataState", "get_export_recorded_data_state", read, (bad, off), "5.23"),
        (
            "OverrideSegmentDuration",
            "override_segment_duration",
            act,
            (no_recording, faults.BadDuration, bad, off),
            "5.24",
        ),
        ("GetServiceCapabilities", "get_service_capabilities", AccessClass.PRE_AUTH, (), "5.25"),
    )
    return {row[0]: Operation(*row) for row in rows}


def _added_by_26_06() -> dict[str, Operation]:
    """Return the operations of 26.06. Their BadConfiguration and BadDuration are decisions of ours."""
    wrong, off = (faults.BadConfiguration, faults.BadDuration), faults.ActionNotSupported
    rows: tuple[tuple[str, str, tuple[type[Fault], ...]], ...] = (
        ("ListRecordedSegments", "list_recorded_segments", (faults.NoRecording, faults.NoStorage, *wrong, off)),
        (
            "ExportRecordedSegments",
            "export_recorded_segments",
            (faults.NoRecording, faults.InvalidStorage, *wrong, off),
        ),
        ("StopExportRecordedSegments", "stop_export_recorded_segments", (faults.NoOperation, off)),
    )
    return {name: Operation(name, method, AccessClass.READ_MEDIA, found, "26.06") for name, method, found in rows}


OPERATIONS = _table()
"""Every operation of 25.12 by its name in the WSDL."""

OPERATIONS_26_06 = OPERATIONS | _added_by_26_06()
"""Every operation of 26.06 by its name in the WSDL."""
