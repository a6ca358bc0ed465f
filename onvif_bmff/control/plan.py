"""Plans of the service: what is to be recorded now, one plan for each recording.

``read_plans`` reads the whole service at one instant. A plan has the place and format of a recording's objects, the
job and source that feed each track, and the sources to buffer for events.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from onvif_bmff.control.arbitration import current_winners, is_armed
from onvif_bmff.control.places import Place, clashing, displaced, places_of
from onvif_bmff.control.state import Job
from onvif_bmff.control.transaction import Transaction
from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.control.types.configuration import RecordingConfiguration
from onvif_bmff.control.types.job_state import TrackReport
from onvif_bmff.control.types.receiver import Receiver
from onvif_bmff.errors import TimeError
from onvif_bmff.timing import UtcTime

__all__ = [
    "DevicePlan",
    "Feed",
    "Place",
    "RecordingPlan",
    "Standby",
    "read_assignments",
    "read_plans",
    "read_standby",
]

_ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Feed:
    """The feed of a track by a job.

    Args:
        job: the job.
        source: the source of its data.
        source_tag: which track of the source.
        since: record from this instant on, if an event opened the job: its beginning minus Before. A feed by event
            always lasts long enough for one I-frame (``ServiceLimits.instant_event``).
        event_topic: topic of that event.
        before: Before of the job, which its next event will ask for.
    """

    job: str
    source: SourceReference
    source_tag: str
    since: UtcTime | None = None
    event_topic: str | None = None
    before: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Standby:
    """A job that waits for events; at least the last ``before`` of its source is to be buffered."""

    job: str
    recording: str
    track: str
    source: SourceReference
    source_tag: str
    before: timedelta


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """The plan of a recording.

    Args:
        token: the recording.
        configuration: as it was set; without keys.
        keys: content keys by key ID.
        tracks: token and type of its tracks, in the order of their creation.
        feeds: track → the job that feeds it; tracks without a feed are missing.
        standby: what waits for events.
        override: segment duration in force for a while, and until when (5.24).
        reports: (job, track) → the last report.
        error: why nothing of it can be recorded; None if it can.
    """

    token: str
    configuration: RecordingConfiguration
    keys: dict[str, bytes] = field(repr=False)
    tracks: tuple[tuple[str, str], ...]
    feeds: dict[str, Feed]
    standby: tuple[Standby, ...] = ()
    override: tuple[timedelta, UtcTime] | None = None
    reports: dict[tuple[str, str], TrackReport] = field(default_factory=dict)
    error: str | None = None

    @property
    def places(self) -> tuple[Place, ...]:
        """The places of its data."""
        return places_of(self.configuration.target)

    @property
    def sources(self) -> frozenset[SourceReference]:
        """All sources that have to be open."""
        return frozenset(feed.source for feed in self.feeds.values()) | {one.source for one in self.standby}


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """The plans of all recordings, and all receivers."""

    recordings: dict[str, RecordingPlan]
    receivers: dict[str, Receiver]


def read_plans(tx: Transaction) -> DevicePlan:
    """Return the plan of the whole device at this instant."""
    feeds = read_assignments(tx)
    waiting: dict[str, list[Standby]] = {}
    for one in read_standby(tx):
        waiting.setdefault(one.recording, []).append(one)
    reports: dict[str, dict[tuple[str, str], TrackReport]] = {}
    for (job, track), report in tx.volatile.reports.items():
        reports.setdefault(tx.state.jobs[job].configuration.recording_token, {})[job, track] = report
    plans: dict[str, RecordingPlan] = {}
    # Checked each time, since a storage configuration may have changed meanwhile.
    errors = tx.state.missing_keys() | displaced(
        clashing(tx.environment.resources, tx.state.recordings.values()), tx.state.jobs
    )
    for recording in tx.state.recordings.values():
        override = tx.volatile.overrides.get(recording.token)
        found = {track.token: feeds[recording.token, track.token] for track in recording.tracks}
        plans[recording.token] = RecordingPlan(
            recording.token,
            recording.configuration,
            tx.keys(recording),
            tuple((track.token, str(track.configuration.track_type)) for track in recording.tracks),
            {token: feed for token, feed in found.items() if feed is not None},
            tuple(waiting.get(recording.token, ())),
            None if override is None else (override.duration, override.expires),
            reports.get(recording.token, {}),
            errors.get(recording.token),
        )
    return DevicePlan(plans, dict(tx.state.receivers))


def read_assignments(tx: Transaction) -> dict[tuple[str, str], Feed | None]:
    """Return (recording, track) → the job that feeds the track at this instant, or None."""
    by_recording: dict[str, list[Job]] = {token: [] for token in tx.state.recordings}
    for job in tx.state.jobs.values():
        by_recording[job.configuration.recording_token].append(job)
    found: dict[tuple[str, str], Feed | None] = {}
    for recording in tx.state.recordings.values():
        for track in recording.tracks:
            found[recording.token, track.token] = None
        jobs = by_recording[recording.token]
        if not jobs:
            continue
        winners = current_winners(jobs, tx.volatile.schedules, tx.volatile.gates, tx.now)
        for job in jobs:
            since = _since(tx, job)
            gate = tx.volatile.gates.get(job.token)
            topic = gate.topic if gate is not None and since is not None else None
            event_filter = job.configuration.event_filter
            before = None if event_filter is None else event_filter.before or None
            for source in job.configuration.source:
                for fed in source.tracks:
                    if winners.get(fed.destination) == job.token and source.source_token is not None:
                        found[recording.token, fed.destination] = Feed(
                            job.token, source.source_token, fed.source_tag, since, topic, before
                        )
    return found


def _since(tx: Transaction, job: Job) -> UtcTime | None:
    event_filter = job.configuration.event_filter
    gate = tx.volatile.gates.get(job.token)
    if event_filter is None or gate is None or gate.opened is None:
        return None
    try:
        return gate.opened - (event_filter.before or _ZERO)
    except TimeError:
        return gate.opened


def read_standby(tx: Transaction) -> tuple[Standby, ...]:
    """Return sources to buffer: of armed jobs whose event filter has a Before, while no event lasts."""
    found: list[Standby] = []
    for job in tx.state.jobs.values():
        configuration, gate = job.configuration, tx.volatile.gates.get(job.token)
        event_filter = configuration.event_filter
        if event_filter is None or not event_filter.before or not is_armed(configuration, tx.volatile.schedules):
            continue
        if gate is not None and gate.is_open(tx.now):
            continue
        before, recording = event_filter.before, configuration.recording_token
        found += [
            Standby(job.token, recording, fed.destination, source.source_token, fed.source_tag, before)
            for source in configuration.source
            for fed in source.tracks
            if source.source_token is not None
        ]
    return tuple(found)
