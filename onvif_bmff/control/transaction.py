"""One operation in progress: a draft of everything it may change, and the events it causes.

An operation works on a `Transaction` and never on the service. If it raises, the draft is dropped and
nothing has happened; if it returns, the service writes the changed documents durably and only then takes
over the draft and hands out the events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from onvif_bmff.control.arbitration import (
    EventGate,
    TrackReport,
    is_eligible,
    job_information,
    track_winners,
)
from onvif_bmff.control.environment import Environment, ExportOperation, SegmentExportOperation
from onvif_bmff.control.event_filter import EventMessage
from onvif_bmff.control.faults import NoRecording, NoRecordingJob, NoTrack
from onvif_bmff.control.notifications import (
    AsynchronousOperationStatus,
    JobState,
    Notification,
    PropertyOperation,
)
from onvif_bmff.control.places import clashing, displaced
from onvif_bmff.control.state import DeviceState, Job, KeyCheck, Purge, Recording, TrackRecord, secret_name
from onvif_bmff.control.types.configuration import RecordingConfiguration, SegmentDurationOverride
from onvif_bmff.control.types.export import FileProgress
from onvif_bmff.control.types.job_state import RecordingJobState, RecordingJobStateInformation
from onvif_bmff.errors import StateError
from onvif_bmff.timing import UtcTime

__all__ = [
    "ExportRecord",
    "Override",
    "Runtime",
    "SegmentExportRecord",
    "Transaction",
    "export_event",
    "job_state_event",
    "segment_export_event",
]

_MAX_TRIES = 100


@dataclass(frozen=True, slots=True)
class Override:
    """A running OverrideSegmentDuration."""

    duration: timedelta
    expires: UtcTime


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """An export and how far it has come."""

    operation: ExportOperation
    files: tuple[FileProgress, ...] = ()
    progress: float = 0.0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class SegmentExportRecord:
    """A running ExportRecordedSegments, how far it has come, and the segment uploaded last (26.06)."""

    operation: SegmentExportOperation
    progress: float = 0.0
    last: FileProgress | None = None


@dataclass(slots=True)
class Runtime:
    """What a restart may forget: overrides, exports, and what the world has told us so far.

    ``job_states`` holds the aggregated states that subscribers know of, ``clashing`` the recordings of which more than
    one have one place, as an earlier version may have left them.
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

    def copy(self) -> "Runtime":
        """A draft; everything in the dictionaries is immutable."""
        return Runtime(
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
        )

    def exported(self) -> set[str]:
        """The recordings that an export reads, which must not go yet (5.21)."""
        found = {
            token for export in self.exports.values() if not export.finished for token in export.operation.recordings
        }
        return found | {export.operation.recording for export in self.segment_exports.values()}

    def shift(self, by: timedelta) -> None:
        """Move everything that is due later, for a clock that is set."""
        for token, override in self.overrides.items():
            self.overrides[token] = replace(override, expires=override.expires + by)
        for token, gate in self.gates.items():
            self.gates[token] = gate.shifted(by)
        if self.retention_due is not None:
            self.retention_due += by


class Transaction:
    """Draft of the state and the runtime, the present instant, and the events so far.

    ``touched`` collects recordings whose job states may have changed for a reason that is no document.
    Without ``draft`` it looks at the real thing, and nothing may be changed.
    """

    def __init__(
        self, environment: Environment, now: UtcTime, state: DeviceState, runtime: Runtime, *, draft: bool = True
    ) -> None:
        self.environment = environment
        self.now = now
        self.before = state
        self.state = state.copy() if draft else state
        self.runtime = runtime.copy() if draft else runtime
        self.notifications: list[Notification] = []
        self.touched: set[str] = set()

    def emit(self, notification: Notification) -> None:
        """Tell of an event, once the operation is committed."""
        self.notifications.append(notification)

    # ---- looking things up -------------------------------------------------------------------------

    def recording(self, token: object) -> Recording:
        """The recording of that token.

        Raises:
            NoRecording: there is none.
        """
        found = self.state.recordings.get(token) if isinstance(token, str) else None
        if found is None:
            raise NoRecording
        return found

    def track(self, recording_token: object, track_token: object) -> TrackRecord:
        """The track of that token in that recording.

        Raises:
            NoRecording: there is no such recording.
            NoTrack: the recording has no such track.
        """
        recording = self.recording(recording_token)
        found = recording.track(track_token) if isinstance(track_token, str) else None
        if found is None:
            raise NoTrack
        return found

    def job(self, token: object) -> Job:
        """The job of that token.

        Raises:
            NoRecordingJob: there is none.
        """
        found = self.state.jobs.get(token) if isinstance(token, str) else None
        if found is None:
            raise NoRecordingJob
        return found

    def new_token(self, kind: str) -> str:
        """A token that nothing has: the kind and twelve random hexadecimal digits."""
        state = self.state
        for _ in range(_MAX_TRIES):
            token = f"{kind}_{self.environment.random(6).hex()}"
            taken = (
                state.recordings,
                state.jobs,
                state.receivers,
                self.runtime.exports,
                self.runtime.segment_exports,
            )
            if not any(token in table for table in taken):
                return token
        raise StateError("the source of randomness gives the same again and again")

    def shown_configuration(self, recording: Recording) -> RecordingConfiguration:
        """A recording's configuration as clients see it: with a running override, without keys (5.24)."""
        override = self.runtime.overrides.get(recording.token)
        configuration = recording.configuration
        if override is None or configuration.target is None:
            return configuration
        shown = SegmentDurationOverride(override.duration, override.expires - self.now)
        target = replace(configuration.target, segment_duration_override=shown)
        return replace(configuration, target=target)

    def keys(self, recording: Recording) -> dict[str, bytes]:
        """Content keys of a recording by key ID; only those that are certain to be what a client gave."""
        found = {kid: self.state.secrets.get(secret_name(recording.token, kid)) for kid in recording.kids()}
        return {kid: key for kid, key in found.items() if key is not None and recording.verifies(kid, key)}

    # ---- changing things ---------------------------------------------------------------------------

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
        """Remove a recording and all that hangs on it but jobs."""
        del self.state.recordings[recording.token]
        self.runtime.overrides.pop(recording.token, None)
        self._drop_keys(recording.token, set())

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

    # ---- what keeps recordings from being written ----------------------------------------------------

    def without_keys(self) -> dict[str, str]:
        """Recordings that lack a content key, and that they do, in English."""
        found: dict[str, str] = {}
        for name in sorted(self.state.lost_secrets):
            token, _, kid = name.rpartition("/")
            found[token] = f"The content key {kid} is missing or damaged; set it again"
        return found

    def errors(self) -> dict[str, str]:
        """Recordings that cannot be written as they were loaded, and why."""
        found = self.without_keys()
        if self.runtime.clashing:
            recordings = [one for token, one in self.state.recordings.items() if token in self.runtime.clashing]
            found |= displaced(clashing(self.environment, recordings), self.state.jobs)
        return found

    def information(
        self, job: Job, winners: Mapping[str, str], errors: Mapping[str, str]
    ) -> RecordingJobStateInformation:
        """The state of a job, where `winners` says who feeds which track, and `errors` what cannot be written."""
        runtime = self.runtime
        error = errors.get(job.configuration.recording_token)
        reports: Mapping[tuple[str, str], TrackReport] = runtime.reports
        if error is not None:
            reports = {(job.token, track): TrackReport(RecordingJobState.ERROR, error) for track in winners}
        return job_information(job, winners, reports, runtime.unreported)

    # ---- job states --------------------------------------------------------------------------------

    def winners(self, jobs: Iterable[Job]) -> dict[str, str]:
        """Track → job that feeds it now, from all jobs of one recording."""
        runtime, now = self.runtime, self.now
        return track_winners(
            job for job in jobs if is_eligible(job.configuration, runtime.schedules, runtime.gates.get(job.token), now)
        )

    def update_job_states(self) -> None:
        """Bring the job states up to date, and tell of those that changed (5.26.1)."""
        runtime, state = self.runtime, self.state
        dirty = self.touched | self._changed_recordings()
        if dirty & runtime.clashing:  # what one of them does decides on the others
            dirty |= runtime.clashing
        for token in [token for token in runtime.job_states if token not in state.jobs]:
            self.emit(
                JobState(
                    time=self.now,
                    operation=PropertyOperation.DELETED,
                    recording_job_token=token,
                    state=runtime.job_states.pop(token),
                )
            )
            runtime.gates.pop(token, None)
            runtime.reports = {key: report for key, report in runtime.reports.items() if key[0] != token}
        if not dirty:
            return
        by_recording: dict[str, list[Job]] = {}
        for job in state.jobs.values():
            if job.configuration.recording_token in dirty:
                by_recording.setdefault(job.configuration.recording_token, []).append(job)
        errors = self.errors()
        for jobs in by_recording.values():
            self._update_jobs(jobs, errors)

    def _changed_recordings(self) -> set[str]:
        before, now = self.before, self.state
        changed = {token for token, value in now.recordings.items() if before.recordings.get(token) is not value}
        for token, job in now.jobs.items():
            if before.jobs.get(token) is not job:
                changed.add(job.configuration.recording_token)
        for token, job in before.jobs.items():
            if token not in now.jobs:
                changed.add(job.configuration.recording_token)
        return changed

    def _update_jobs(self, jobs: list[Job], errors: Mapping[str, str]) -> None:
        runtime = self.runtime
        winners = self.winners(jobs)
        feeding = {(job, track) for track, job in winners.items()}
        tokens = {job.token for job in jobs}
        for key in [key for key in runtime.reports if key[0] in tokens and key not in feeding]:
            del runtime.reports[key]
        feeders = set(winners.values())
        for job in jobs:
            known = runtime.job_states.get(job.token)
            if known is RecordingJobState.IDLE and job.token not in feeders:
                continue  # whoever feeds nothing is idle: of many jobs, most
            information = self.information(job, winners, errors)
            if known is information.state:
                continue
            runtime.job_states[job.token] = information.state
            operation = PropertyOperation.INITIALIZED if known is None else PropertyOperation.CHANGED
            self.emit(job_state_event(self.now, operation, job.token, information))


def export_event(
    time: UtcTime, operation: PropertyOperation, export: ExportRecord, error: str | None = None
) -> AsynchronousOperationStatus:
    """The event that tells how far an export has come (5.21)."""
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
    """The event that tells of a segment export: each Changed one has the one segment that was uploaded (26.06)."""
    told = (export.last,) if operation is PropertyOperation.CHANGED and export.last is not None else ()
    return AsynchronousOperationStatus(
        time=time,
        operation=operation,
        token=export.operation.token,
        operation_name="ExportRecordedSegments",
        progress=export.progress,
        file_progress_status=told,
        error=error,
        alias=export.operation.alias,
    )


def job_state_event(
    time: UtcTime, operation: PropertyOperation, job_token: str, information: RecordingJobStateInformation
) -> JobState:
    """The event that tells of a job's state; with details where its tracks differ (5.26.1)."""
    differ = len({track.state for source in information.sources for track in source.tracks}) > 1
    return JobState(
        time=time,
        operation=operation,
        recording_job_token=job_token,
        state=information.state,
        information=information if differ else None,
    )
