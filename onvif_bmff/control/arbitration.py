"""Arbitration of jobs: which job feeds which track, and the states that follow. Pure functions.

Priority is given by job but decided by track (5.3.3): a job can feed one track and lose another. A job
takes part while its mode is Active, its schedule (if any) exists and is active, and its event gate (if any)
is open (5.3.3, 5.3.4). Of jobs of equal priority, the one whose mode became Active last wins, as the schema
defines it; the start of a schedule or event does not count as an activation. Annex A follows from these rules.
"""

from collections.abc import Iterable, Mapping

from onvif_bmff.control.event_filter import EventGate
from onvif_bmff.control.state import Job
from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.control.types.job_configuration import RecordingJobConfiguration, RecordingJobMode
from onvif_bmff.control.types.job_state import (
    RecordingJobState,
    RecordingJobStateInformation,
    RecordingJobStateSource,
    RecordingJobStateTrack,
    TrackReport,
)
from onvif_bmff.timing import UtcTime

__all__ = [
    "aggregate",
    "current_winners",
    "is_armed",
    "job_information",
    "track_winners",
]


def is_armed(configuration: RecordingJobConfiguration, schedules: Mapping[str, bool]) -> bool:
    """Return whether mode and schedule let a job record; an event filter may still hold it back."""
    token = configuration.schedule_token
    return configuration.mode == RecordingJobMode.ACTIVE and (token is None or schedules.get(token, False))


def _is_eligible(
    configuration: RecordingJobConfiguration,
    schedules: Mapping[str, bool],
    gate: EventGate | None,
    now: UtcTime,
) -> bool:
    """Return whether a job takes part in the arbitration: mode, schedule and events, all that are configured."""
    return is_armed(configuration, schedules) and (
        configuration.event_filter is None or (gate is not None and gate.is_open(now))
    )


def track_winners(jobs: Iterable[Job]) -> dict[str, str]:
    """Decide each track: destination track → token of the job that feeds it.

    Args:
        jobs: the eligible jobs of one recording.
    """
    best: dict[str, Job] = {}
    for job in jobs:
        rank = (job.configuration.priority, job.activation)
        for source in job.configuration.source:
            for track in source.tracks:
                held = best.get(track.destination)
                if held is None or rank > (held.configuration.priority, held.activation):
                    best[track.destination] = job
    return {track: job.token for track, job in best.items()}


def current_winners(
    jobs: Iterable[Job], schedules: Mapping[str, bool], gates: Mapping[str, EventGate], now: UtcTime
) -> dict[str, str]:
    """Decide each track at an instant, from all jobs of one recording; see ``track_winners``."""
    return track_winners(job for job in jobs if _is_eligible(job.configuration, schedules, gates.get(job.token), now))


def aggregate(states: Iterable[RecordingJobState]) -> RecordingJobState:
    """Return the state of a node from those below it (Table 3).

    Any Error makes an Error; nothing below, or nothing but Idle, is Idle; nothing but Active is Active; all
    else is PartiallyActive.
    """
    found = set(states)
    if RecordingJobState.ERROR in found:
        return RecordingJobState.ERROR
    if not found:
        return RecordingJobState.IDLE
    return found.pop() if len(found) == 1 else RecordingJobState.PARTIALLY_ACTIVE


def job_information(
    job: Job,
    winners: Mapping[str, str],
    reports: Mapping[tuple[str, str], TrackReport],
    unreported: RecordingJobState,
) -> RecordingJobStateInformation:
    """Return the state of a job and everything below it (5.19).

    Args:
        job: the job.
        winners: who feeds which track of its recording, from ``track_winners``.
        reports: (job, track) → report of the engine.
        unreported: state of a fed track without a report.
    """
    sources = []
    for source in job.configuration.source:
        tracks = []
        for track in source.tracks:
            report = TrackReport(RecordingJobState.IDLE)
            if winners.get(track.destination) == job.token:
                report = reports.get((job.token, track.destination), TrackReport(unreported))
            tracks.append(RecordingJobStateTrack(track.source_tag, track.destination, report.state, report.error))
        token = source.source_token or SourceReference("")
        state = aggregate(track.state for track in tracks)
        sources.append(RecordingJobStateSource(token, state, tuple(tracks)))
    return RecordingJobStateInformation(
        job.configuration.recording_token, aggregate(source.state for source in sources), tuple(sources)
    )
