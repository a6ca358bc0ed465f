"""The states of jobs: queries of clients (5.19), events (5.26.1), and reports of the engine."""

from collections.abc import Mapping
from dataclasses import replace

from onvif_bmff.control.arbitration import current_winners, job_information
from onvif_bmff.control.notifications import JobState, Notification
from onvif_bmff.control.places import clashing, displaced
from onvif_bmff.control.state import Job
from onvif_bmff.control.transaction import Transaction, export_event, segment_export_event
from onvif_bmff.control.types.common import PropertyOperation
from onvif_bmff.control.types.configuration import TrackType
from onvif_bmff.control.types.job_state import (
    INCOMPATIBLE_STREAM,
    RecordingJobState,
    RecordingJobStateInformation,
    TrackReport,
)
from onvif_bmff.errors import StateError
from onvif_bmff.timing import UtcTime

__all__ = ["current_properties", "job_state", "report_encoding", "report_track_state", "update_job_states"]


def job_state(tx: Transaction, job_token: str) -> RecordingJobStateInformation:
    """GetRecordingJobState (5.19)."""
    job = tx.job(job_token)
    return _information(tx, job, _winners(tx, tx.state.jobs_of(job.configuration.recording_token)), _errors(tx))


def current_properties(tx: Transaction) -> tuple[Notification, ...]:
    """Return every property event as Initialized."""
    first = PropertyOperation.INITIALIZED
    found: list[Notification] = []
    errors = _errors(tx)
    for jobs in _by_recording(tx, None).values():
        winners = _winners(tx, jobs)
        found += (_event(tx.now, first, job.token, _information(tx, job, winners, errors)) for job in jobs)
    running = (export for export in tx.volatile.exports.values() if not export.finished)
    found += (export_event(tx.now, first, export) for export in running)
    found += (segment_export_event(tx.now, first, export) for export in tx.volatile.segment_exports.values())
    return tuple(found)


def update_job_states(tx: Transaction) -> None:
    """Bring the job states up to date, and send the events of those that changed (5.26.1)."""
    volatile, state = tx.volatile, tx.state
    dirty = tx.touched | _changed_recordings(tx)
    if dirty & volatile.clashing:  # the jobs of one of them decide on the others
        dirty |= volatile.clashing
    for token in [token for token in volatile.job_states if token not in state.jobs]:
        gone, last = PropertyOperation.DELETED, volatile.job_states.pop(token)
        tx.emit(JobState(time=tx.now, operation=gone, recording_job_token=token, state=last))
        volatile.gates.pop(token, None)
        volatile.reports = {key: report for key, report in volatile.reports.items() if key[0] != token}
    if not dirty:
        return
    errors = _errors(tx)
    for jobs in _by_recording(tx, dirty).values():
        _update_jobs(tx, jobs, errors)


def _by_recording(tx: Transaction, recordings: set[str] | None) -> dict[str, list[Job]]:
    """Return the jobs of some recordings, or with None of all, by recording."""
    found: dict[str, list[Job]] = {}
    for job in tx.state.jobs.values():
        if recordings is None or job.configuration.recording_token in recordings:
            found.setdefault(job.configuration.recording_token, []).append(job)
    return found


def _changed_recordings(tx: Transaction) -> set[str]:
    before, now = tx.before, tx.state
    changed = {token for token, value in now.recordings.items() if before.recordings.get(token) is not value}
    for token, job in now.jobs.items():
        if before.jobs.get(token) is not job:
            changed.add(job.configuration.recording_token)
    for token, job in before.jobs.items():
        if token not in now.jobs:
            changed.add(job.configuration.recording_token)
    return changed


def _update_jobs(tx: Transaction, jobs: list[Job], errors: Mapping[str, str]) -> None:
    """Bring the states of all jobs of one recording up to date."""
    volatile = tx.volatile
    winners = _winners(tx, jobs)
    feeding = {(job, track) for track, job in winners.items()}
    tokens = {job.token for job in jobs}
    for key in [key for key in volatile.reports if key[0] in tokens and key not in feeding]:
        del volatile.reports[key]
    feeders = set(winners.values())
    for job in jobs:
        known = volatile.job_states.get(job.token)
        if known is RecordingJobState.IDLE and job.token not in feeders:
            continue  # a job that feeds nothing is idle, as most jobs are
        information = _information(tx, job, winners, errors)
        if known is information.state:
            continue
        volatile.job_states[job.token] = information.state
        operation = PropertyOperation.INITIALIZED if known is None else PropertyOperation.CHANGED
        tx.emit(_event(tx.now, operation, job.token, information))


def _winners(tx: Transaction, jobs: list[Job]) -> dict[str, str]:
    return current_winners(jobs, tx.volatile.schedules, tx.volatile.gates, tx.now)


def _errors(tx: Transaction) -> dict[str, str]:
    """Return the recordings that cannot be written since they were loaded, and why."""
    found = tx.state.missing_keys()
    if tx.volatile.clashing:
        recordings = [one for token, one in tx.state.recordings.items() if token in tx.volatile.clashing]
        found |= displaced(clashing(tx.environment.resources, recordings), tx.state.jobs)
    return found


def _information(
    tx: Transaction, job: Job, winners: Mapping[str, str], errors: Mapping[str, str]
) -> RecordingJobStateInformation:
    """Return the state of a job; ``winners`` maps tracks to jobs, ``errors`` recordings to what prevents writing."""
    error = errors.get(job.configuration.recording_token)
    reports: Mapping[tuple[str, str], TrackReport] = tx.volatile.reports
    if error is not None:
        reports = {(job.token, track): TrackReport(RecordingJobState.ERROR, error) for track in winners}
    return job_information(job, winners, reports, tx.volatile.unreported)


def _event(
    time: UtcTime, operation: PropertyOperation, job_token: str, information: RecordingJobStateInformation
) -> JobState:
    """Return the event of a job's state; with details where its tracks differ (5.26.1)."""
    differ = len({track.state for source in information.sources for track in source.tracks}) > 1
    return JobState(
        time=time,
        operation=operation,
        recording_job_token=job_token,
        state=information.state,
        information=information if differ else None,
    )


# ---- reports of the engine ---------------------------------------------------------------------------


def _feeding_job(tx: Transaction, job_token: str, track_token: str) -> Job | None:
    """Return the job of a token, if it feeds a track now."""
    job = tx.state.jobs.get(job_token)
    if job is None:
        return None
    winners = _winners(tx, tx.state.jobs_of(job.configuration.recording_token))
    return job if winners.get(track_token) == job_token else None


def report_track_state(tx: Transaction, job_token: str, track_token: str, report: TrackReport) -> bool:
    """Take the state of a track that a job feeds; if it does not, return False and change nothing.

    Raises:
        StateError: a track cannot be in this state.
    """
    state, error = report.state, report.error
    if state is RecordingJobState.PARTIALLY_ACTIVE or (error is not None and state is not RecordingJobState.ERROR):
        raise StateError("a track is Idle, Active or in Error, and only an Error has a text")
    job = _feeding_job(tx, job_token, track_token)
    if job is None:
        return False
    tx.volatile.reports[job_token, track_token] = report
    tx.touched.add(job.configuration.recording_token)
    return True


def report_encoding(
    tx: Transaction, job_token: str, track_token: str, track_type: str, encoding: str, *, planned: bool = False
) -> bool:
    """Take type and encoding of a job's data for a track (5.1, 5.3.2); return False if it must not be stored.

    ``planned``: the job fed the track when the data came, which may be over.
    """
    job = tx.state.jobs.get(job_token) if planned else _feeding_job(tx, job_token, track_token)
    if job is None:
        return False
    recording = tx.recording(job.configuration.recording_token)
    track = recording.track(track_token)
    if track is None:  # deleted since then
        return False
    wrong = None
    capabilities = tx.environment.capabilities
    if track_type != TrackType.METADATA and not capabilities.records(encoding):
        wrong = f"The device does not record {encoding[:40]}"
    elif track_type == TrackType.METADATA and not capabilities.metadata_recording:
        wrong = "The device does not record metadata"
    elif track.configuration.track_type != track_type:
        wrong = f"The source delivers {track_type}, but the track holds {track.configuration.track_type}."
    elif track.encoding is None:
        tx.state.recordings[recording.token] = recording.with_track(replace(track, encoding=encoding))
    elif track.encoding != encoding:
        wrong = INCOMPATIBLE_STREAM
    if wrong is not None:
        report_track_state(tx, job_token, track_token, TrackReport(RecordingJobState.ERROR, wrong))
    return wrong is None
