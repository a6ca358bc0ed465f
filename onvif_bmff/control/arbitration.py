"""Which job feeds which track, and what state follows from it. Pure functions.

Priority is given by job but decided by track (5.3.3): a job can feed one track and lose another. A job
takes part while its mode is Active, its schedule (if any) exists and is active, and its event gate (if any)
is open (5.3.3, 5.3.4). Of jobs of equal priority, the one whose mode became Active last wins, as the schema
has it; a schedule or event that starts does not count as an activation. Annex A follows from these rules.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from onvif_bmff.control.event_filter import EventMessage, matches
from onvif_bmff.control.state import Job
from onvif_bmff.control.types.job_configuration import (
    RecordingEventFilter,
    RecordingJobConfiguration,
    RecordingJobMode,
    SourceReference,
)
from onvif_bmff.control.types.job_state import (
    RecordingJobState,
    RecordingJobStateInformation,
    RecordingJobStateSource,
    RecordingJobStateTrack,
)
from onvif_bmff.timing import UtcTime

__all__ = [
    "EventGate",
    "TrackReport",
    "aggregate",
    "is_armed",
    "is_eligible",
    "job_information",
    "track_winners",
]

_ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class TrackReport:
    """What whoever records says of one track of one job."""

    state: RecordingJobState
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EventGate:
    """Whether the event condition of a job holds (5.3.4).

    The gate is open while any matching condition is active, until After has passed since the last one
    ended, and for the time of an instant event plus After. Windows that overlap are one.

    Args:
        conditions: property keys of the active conditions.
        open_until: open at least until this instant.
        opened: when the window that is open now, or was open last, began.
        topic: of the event that opened it.
    """

    conditions: frozenset[tuple[str, tuple[tuple[str, str], ...]]] = frozenset()
    open_until: UtcTime | None = None
    opened: UtcTime | None = None
    topic: str | None = None

    def is_open(self, now: UtcTime) -> bool:
        """Whether the job may record at an instant."""
        return bool(self.conditions) or (self.open_until is not None and now < self.open_until)

    def closes(self) -> UtcTime | None:
        """When it closes if nothing more happens; None while a condition lasts or if it never opened."""
        return None if self.conditions else self.open_until

    def shifted(self, by: timedelta) -> "EventGate":
        """The gate by a clock that is set."""
        until, opened = self.open_until, self.opened
        return replace(self, open_until=until and until + by, opened=opened and opened + by)

    def after(
        self, event_filter: RecordingEventFilter, message: EventMessage, now: UtcTime, instant: timedelta
    ) -> "EventGate":
        """The gate once an event has come; itself if the filter does not take the event.

        Args:
            event_filter: the job's filter.
            message: the event; a time of its own that lies in the future counts as now.
            now: the present.
            instant: how long to stay open at least, so that one I-frame is recorded.
        """
        if not matches(event_filter, message):
            return self
        when = min(message.time, now)
        was_open = self.is_open(now)
        key = message.property_key()
        conditions, until = self.conditions, self.open_until
        if not message.is_lasting() or message.is_active():
            ends = when + max(instant, event_filter.after or _ZERO)
            if message.is_lasting():
                conditions |= {key}
                ends = when + instant
            elif message.operation is not None:
                conditions -= {key}  # the property is no boolean any more, so the condition cannot be waited for
        elif key in conditions:
            conditions -= {key}
            ends = when + (event_filter.after or _ZERO)
        else:
            return self
        until = ends if until is None else max(until, ends)
        if was_open:
            return EventGate(conditions, until, self.opened, self.topic)
        return EventGate(conditions, until, when, message.topic)


def is_armed(configuration: RecordingJobConfiguration, schedules: Mapping[str, bool]) -> bool:
    """Whether mode and schedule let a job record; an event filter may still hold it back."""
    token = configuration.schedule_token
    return configuration.mode == RecordingJobMode.ACTIVE and (token is None or schedules.get(token, False))


def is_eligible(
    configuration: RecordingJobConfiguration,
    schedules: Mapping[str, bool],
    gate: EventGate | None,
    now: UtcTime,
) -> bool:
    """Whether a job takes part in the arbitration: mode, schedule and events, all that are configured."""
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


def aggregate(states: Iterable[RecordingJobState]) -> RecordingJobState:
    """The state of a node from those below it (Table 3).

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
    """The state of a job and everything below it (5.19).

    Args:
        job: the job.
        winners: who feeds which track of its recording, from `track_winners`.
        reports: (job, track) → what the engine says.
        unreported: state of a track that the job feeds and nobody has said anything of.
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
