"""One operation in progress: a draft of everything it may change, and the events it causes.

An operation works on a ``Transaction`` and never on the service. If it raises, the draft is dropped and
nothing has happened; if it returns, the service writes the changed documents durably, and only then applies
the draft and sends the events.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from onvif_bmff.control.content_keys import KeyCheck
from onvif_bmff.control.environment import Environment, ExportOperation, SegmentExportOperation
from onvif_bmff.control.event_filter import EventGate, EventMessage
from onvif_bmff.control.faults import NoRecording, NoRecordingJob, NoTrack
from onvif_bmff.control.notifications import AsynchronousOperationStatus, Notification, RecordingConfigurationChange
from onvif_bmff.control.state import DeviceState, Job, Purge, Recording, TrackRecord, secret_name
from onvif_bmff.control.types.common import PropertyOperation
from onvif_bmff.control.types.configuration import RecordingConfiguration, SegmentDurationOverride
from onvif_bmff.control.types.export import FileProgress
from onvif_bmff.control.types.job_state import RecordingJobState, TrackReport
from onvif_bmff.errors import StateError
from onvif_bmff.timing import UtcTime

__all__ = [
    "ExportRecord",
    "Override",
    "SegmentExportRecord",
    "Transaction",
    "VolatileState",
    "as_text",
    "export_event",
    "is_drawn_token",
    "segment_export_event",
]

_MAX_TRIES = 100
_DRAWN = re.compile(r"[a-z]+_[0-9a-f]{12}")


def as_text(value: object, name: str) -> str:
    """Return a value that has to be text.

    Raises:
        TypeError: it is something else, which is a slip of the program that calls.
    """
    if isinstance(value, str):
        return value
    raise TypeError(f"{name} must be text, not {'None' if value is None else f'a {type(value).__name__}'}")


@dataclass(frozen=True, slots=True)
class Override:
    """A running OverrideSegmentDuration."""

    duration: timedelta
    expires: UtcTime


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """An export and its progress."""

    operation: ExportOperation
    files: tuple[FileProgress, ...] = ()
    progress: float = 0.0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class SegmentExportRecord:
    """A running ExportRecordedSegments, its progress, and the segment uploaded last (26.06)."""

    operation: SegmentExportOperation
    progress: float = 0.0
    last: FileProgress | None = None


@dataclass(slots=True)
class VolatileState:
    """State that a restart may lose: overrides, exports, and reports.

    ``job_states`` holds the aggregated states that subscribers know of, ``clashing`` the recordings that share a
    place with another one, as an earlier version may have left them. ``events_at_receipt`` counts events whose own
    times were too far off.
    """

    unreported: RecordingJobState
    overrides: dict[str, Override] = field(default_factory=dict)
    exports: dict[str, ExportRecord] = field(default_factory=dict)
    segment_exports: dict[str, SegmentExportRecord] = field(default_factory=dict)
    schedules: dict[str, bool] = field(default_factory=dict)
    conditions: dict[tuple[str, tuple[tuple[str, str], ...]], EventMessage] = field(default_factory=dict)
    gates: dict[str, EventGate] = field(default_factory=dict)
    reports: dict[tuple[str, str], TrackReport] = field(default_factory=dict)
    job_states: dict[str, RecordingJobState] = field(default_factory=dict)
    retention_due: UtcTime | None = None
    clashing: frozenset[str] = frozenset()
    events_at_receipt: int = 0

    def copy(self) -> "VolatileState":
        """Return a draft; everything in the dictionaries is immutable."""
        return VolatileState(
            self.unreported,
            dict(self.overrides),
            dict(self.exports),
            dict(self.segment_exports),
            dict(self.schedules),
            dict(self.conditions),
            dict(self.gates),
            dict(self.reports),
            dict(self.job_states),
            self.retention_due,
            self.clashing,
            self.events_at_receipt,
        )

    def exported(self) -> set[str]:
        """Return the recordings that an export reads, which must not be removed yet (5.21)."""
        found = {
            token for export in self.exports.values() if not export.finished for token in export.operation.recordings
        }
        return found | {export.operation.recording for export in self.segment_exports.values()}

    def shift(self, by: timedelta) -> None:
        """Shift all deadlines, for a clock that is set."""
        for token, override in self.overrides.items():
            self.overrides[token] = replace(override, expires=override.expires + by)
        for token, gate in self.gates.items():
            self.gates[token] = gate.shifted(by)
        if self.retention_due is not None:
            self.retention_due += by


class Transaction:
    """Draft of the state and the volatile state, the present instant, and the events so far.

    ``touched`` collects recordings whose job states may have changed for a reason that is no document.
    Without ``draft`` it reads the real state, and nothing may be changed.
    """

    def __init__(
        self, environment: Environment, now: UtcTime, state: DeviceState, volatile: VolatileState, *, draft: bool = True
    ) -> None:
        self.environment = environment
        self.now = now
        self.before = state
        self.state = state.copy() if draft else state
        self.volatile = volatile.copy() if draft else volatile
        self.notifications: list[Notification] = []
        self.touched: set[str] = set()

    def emit(self, notification: Notification) -> None:
        """Send an event, once the operation is committed."""
        self.notifications.append(notification)

    def emit_configuration(self, recording: Recording) -> None:
        """Send the event of a changed recording configuration (5.26.2)."""
        self.emit(
            RecordingConfigurationChange(
                time=self.now, recording_token=recording.token, configuration=self.shown_configuration(recording)
            )
        )

    # ---- look-ups ----------------------------------------------------------------------------------

    def recording(self, token: object) -> Recording:
        """Return the recording of that token.

        Raises:
            NoRecording: there is none.
            TypeError: it is no text.
        """
        found = self.state.recordings.get(as_text(token, "RecordingToken"))
        if found is None:
            raise NoRecording
        return found

    def track(self, recording_token: object, track_token: object) -> TrackRecord:
        """Return the track of that token in that recording.

        Raises:
            NoRecording: there is no such recording.
            NoTrack: the recording has no such track.
            TypeError: a token is no text.
        """
        recording = self.recording(recording_token)
        found = recording.track(as_text(track_token, "TrackToken"))
        if found is None:
            raise NoTrack
        return found

    def job(self, token: object) -> Job:
        """Return the job of that token.

        Raises:
            NoRecordingJob: there is none.
            TypeError: it is no text.
        """
        found = self.state.jobs.get(as_text(token, "JobToken"))
        if found is None:
            raise NoRecordingJob
        return found

    def new_token(self, kind: str) -> str:
        """Return an unused token: the kind and twelve random hexadecimal digits."""
        state = self.state
        for _ in range(_MAX_TRIES):
            token = f"{kind}_{self.environment.random(6).hex()}"
            taken = (
                state.recordings,
                state.jobs,
                state.receivers,
                self.volatile.exports,
                self.volatile.segment_exports,
            )
            if not any(token in table for table in taken):
                return token
        raise StateError("the source of randomness gives the same again and again")

    def shown_configuration(self, recording: Recording) -> RecordingConfiguration:
        """Return a recording's configuration as clients see it: with a running override, without keys (5.24)."""
        override = self.volatile.overrides.get(recording.token)
        configuration = recording.configuration
        if override is None or configuration.target is None:
            return configuration
        shown = SegmentDurationOverride(override.duration, override.expires - self.now)
        target = replace(configuration.target, segment_duration_override=shown)
        return replace(configuration, target=target)

    def keys(self, recording: Recording) -> dict[str, bytes]:
        """Return the content keys of a recording by key ID; only those that match their check value."""
        found = {kid: self.state.secrets.get(secret_name(recording.token, kid)) for kid in recording.kids()}
        return {kid: key for kid, key in found.items() if key is not None and recording.verifies(kid, key)}

    # ---- changes -----------------------------------------------------------------------------------

    def put_recording(self, recording: Recording, keys: Mapping[str, bytes] | None = None) -> None:
        """Store a recording, with other content keys if they are given, and drop those that it no longer uses."""
        state, kids = self.state, recording.kids()
        checks = tuple(check for check in recording.key_checks if check.kid in kids)
        if keys is not None:
            checks = tuple(KeyCheck.of(kid, key) for kid, key in keys.items())
            given = {secret_name(recording.token, kid): key for kid, key in keys.items()}
            state.secrets |= given
            state.lost_secrets -= given.keys()
        state.recordings[recording.token] = replace(recording, key_checks=checks)
        self._drop_keys(recording.token, kids)

    def drop_recording(self, recording: Recording) -> None:
        """Remove a recording and everything that depends on it except jobs."""
        del self.state.recordings[recording.token]
        self.volatile.overrides.pop(recording.token, None)
        self._drop_keys(recording.token, set())

    def drop_job(self, job: Job) -> None:
        """Remove a job, with the auto-created receivers that no other job uses."""
        del self.state.jobs[job.token]
        self.drop_unused_receivers()

    def drop_unused_receivers(self) -> None:
        """Remove the auto-created receivers that no job uses (5.14)."""
        automatic = [receiver.token for receiver in self.state.receivers.values() if receiver.auto_created]
        if automatic:
            used = self.state.receivers_in_use()
            for token in automatic:
                if token not in used:
                    del self.state.receivers[token]

    def _drop_keys(self, recording_token: str, kept: set[str]) -> None:
        secrets = self.state.secrets
        for name in [name for name in secrets if name.startswith(f"{recording_token}/")]:
            if name.rpartition("/")[2] not in kept:
                del secrets[name]
        used = {secret_name(recording_token, kid) for kid in kept}
        self.state.lost_secrets -= {
            name for name in self.state.lost_secrets if name.startswith(f"{recording_token}/") and name not in used
        }

    def purge_track(self, recording_token: str, track_token: str) -> None:
        """Have the local data of a track deleted after the commit, even if the power fails in between."""
        if self.environment.local_data is not None:
            name = f"{recording_token}/{track_token}"
            self.state.purges[name] = Purge(recording_token, track_token)


def is_drawn_token(token: str) -> bool:
    """Return whether a token looks like one that ``Transaction.new_token`` draws: then it may be a client's."""
    return _DRAWN.fullmatch(token) is not None


def export_event(
    time: UtcTime, operation: PropertyOperation, export: ExportRecord, error: str | None = None
) -> AsynchronousOperationStatus:
    """Return the event of an export's progress (5.21)."""
    return AsynchronousOperationStatus(
        time=time,
        operation=operation,
        token=export.operation.token,
        progress=export.progress,
        file_progress_status=export.files,
        error=error,
    )


def segment_export_event(
    time: UtcTime, operation: PropertyOperation, export: SegmentExportRecord, error: str | None = None
) -> AsynchronousOperationStatus:
    """Return the event of a segment export: each Changed one has the one segment that was uploaded (26.06)."""
    files = (export.last,) if operation is PropertyOperation.CHANGED and export.last is not None else ()
    return AsynchronousOperationStatus(
        time=time,
        operation=operation,
        token=export.operation.token,
        operation_name="ExportRecordedSegments",
        progress=export.progress,
        file_progress_status=files,
        error=error,
        alias=export.operation.alias,
    )
