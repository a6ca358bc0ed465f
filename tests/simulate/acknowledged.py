"""What a service has acknowledged: the model of its persistent state that operators keep, apart from the library's own.

It says what each operation makes of the state (5.4 to 5.18), compares that with what Get operations return, and knows
what an operation left open that was interrupted: such a change is there as a whole, or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from onvif_bmff.control import RecordingConfiguration, RecordingJobConfiguration, RecordingService, TrackConfiguration
from onvif_bmff.control.types.job_configuration import RecordingJobTrack
from onvif_bmff.control.types.receiver import ReceiverConfiguration

__all__ = ["NEW_TRACKS", "UNKNOWN", "Acknowledged", "KnownRecording", "observe"]

UNKNOWN = "?"
"""The token of what was created, if the answer was lost."""

NEW_TRACKS = {"VIDEO001": "Video", "AUDIO001": "Audio", "META001": "Metadata"}
"""The tracks of a new recording, and their types (5.4, Table 2)."""


@dataclass(frozen=True)
class KnownRecording:
    """A recording: its configuration without keys and override, and its tracks in order."""

    configuration: RecordingConfiguration
    tracks: Mapping[str, TrackConfiguration]

    def kinds(self) -> list[str]:
        """Return the types of its tracks."""
        return [str(track.track_type) for track in self.tracks.values()]

    def without(self, token: str) -> "KnownRecording":
        """Return it without a track, which leaves its encryption entries, too (5.10)."""
        target = self.configuration.target
        configuration = self.configuration
        if target is not None:
            left = [
                replace(entry, track=tuple(one for one in entry.track if one != token)) if entry.track else entry
                for entry in target.encryption
                if entry.track != (token,)
            ]
            configuration = replace(configuration, target=replace(target, encryption=tuple(left)))
        return KnownRecording(configuration, {name: track for name, track in self.tracks.items() if name != token})


@dataclass(frozen=True)
class Acknowledged:
    """Recordings, jobs and the receivers that clients made, by token.

    ``leaving`` are recordings that were deleted while an export read them: they, and their jobs, go when it ends.
    """

    recordings: Mapping[str, KnownRecording] = field(default_factory=dict)
    jobs: Mapping[str, RecordingJobConfiguration] = field(default_factory=dict)
    receivers: Mapping[str, ReceiverConfiguration] = field(default_factory=dict)
    leaving: frozenset[str] = frozenset()

    def with_recording(self, token: str | None, recording: KnownRecording) -> "Acknowledged":
        """Return the state with a recording."""
        return replace(self, recordings={**self.recordings, token or UNKNOWN: recording})

    def without_recording(self, token: str, *, exported: bool) -> "Acknowledged":
        """Return the state after DeleteRecording."""
        return replace(
            self,
            recordings={name: one for name, one in self.recordings.items() if name != token},
            jobs={name: one for name, one in self.jobs.items() if one.recording_token != token},
            leaving=self.leaving | {token} if exported else self.leaving,
        )

    def leave(self, leaving: frozenset[str]) -> "Acknowledged":
        """Return the state that was seen as what was acknowledged, if these recordings are leaving."""
        state = self
        for token in sorted(leaving & self.recordings.keys()):
            state = state.without_recording(token, exported=True)
        return state

    def without_track(self, token: str, track: str) -> "Acknowledged":
        """Return the state after DeleteTrack: jobs do not feed it any more."""
        jobs = {
            name: replace(
                job,
                source=tuple(
                    replace(source, tracks=tuple(one for one in source.tracks if one.destination != track))
                    for source in job.source
                ),
            )
            if job.recording_token == token
            else job
            for name, job in self.jobs.items()
        }
        return replace(self.with_recording(token, self.recordings[token].without(track)), jobs=jobs)

    def with_job(self, token: str | None, job: RecordingJobConfiguration) -> "Acknowledged":
        """Return the state with a job, as the service should return it."""
        made = self.in_effect(job, self.jobs.get(token) if token else None)
        return replace(self, jobs={**self.jobs, token or UNKNOWN: made})

    def in_effect(
        self, job: RecordingJobConfiguration, old: RecordingJobConfiguration | None = None
    ) -> RecordingJobConfiguration:
        """Return a job's configuration in effect; receivers stay unknown.

        With all tracks if it is new and names none (5.13); one that is set has those that are asked for (5.16).
        """
        sources = [replace(source, auto_create_receiver=None) for source in job.source]
        named = any(source.tracks for source in sources)
        if old is None and not named and job.recording_token in self.recordings:
            seen: set[str] = set()
            tracks = []
            for token, track in self.recordings[job.recording_token].tracks.items():
                kind = str(track.track_type)
                tracks.append(RecordingJobTrack(token if kind in seen else "", token))
                seen.add(kind)
            sources = [replace(sources[0], tracks=tuple(tracks)), *sources[1:]]
        return replace(job, source=tuple(sources))

    def differences(self, seen: "Acknowledged") -> list[str]:
        """Return what is different in a state that was seen, one line for each."""
        found = []
        for what in ("recordings", "jobs", "receivers"):
            mine, theirs = dict(getattr(self, what)), dict(getattr(seen, what))
            for token in self.leaving & theirs.keys() if what == "recordings" else ():
                del theirs[token]
            if what == "jobs":
                theirs = {name: job for name, job in theirs.items() if job.recording_token not in self.leaving}
            more = sorted(theirs.keys() - mine.keys())
            if UNKNOWN in mine and len(more) == 1:
                mine[more[0]] = mine.pop(UNKNOWN)
            for token in sorted(mine.keys() | theirs.keys()):
                one, other = mine.get(token), theirs.get(token)
                if one is None or other is None:
                    found.append(f"{what} {token}: {'not acknowledged' if one is None else 'missing'}")
                elif not _equal(one, other):
                    found.append(f"{what} {token}: acknowledged {one}, seen {other}")
        return found


def _equal(mine: object, theirs: object) -> bool:
    """Return whether two values are equal, but for the tokens of receivers and tracks that are not known."""
    if isinstance(mine, RecordingJobConfiguration) and isinstance(theirs, RecordingJobConfiguration):
        if len(mine.source) != len(theirs.source):
            return False
        pairs = zip(mine.source, theirs.source, strict=True)
        known = [one if one.source_token else replace(one, source_token=other.source_token) for one, other in pairs]
        return replace(mine, source=tuple(known)) == theirs
    if isinstance(mine, KnownRecording) and isinstance(theirs, KnownRecording) and UNKNOWN in mine.tracks:
        more = theirs.tracks.keys() - mine.tracks.keys()
        named = {(min(more) if name == UNKNOWN and more else name): track for name, track in mine.tracks.items()}
        return mine.configuration == theirs.configuration and named == theirs.tracks
    return mine == theirs


def observe(service: RecordingService) -> Acknowledged:
    """Return the state that the Get operations of a service show."""
    recordings = {
        item.recording_token: KnownRecording(
            without_override(item.configuration), {track.track_token: track.configuration for track in item.tracks}
        )
        for item in service.get_recordings()
    }
    jobs = {item.job_token: item.job_configuration for item in service.get_recording_jobs()}
    receivers = {one.token: one.configuration for one in service.provisioning.get_receivers() if not one.auto_created}
    return Acknowledged(recordings, jobs, receivers)


def without_override(configuration: RecordingConfiguration) -> RecordingConfiguration:
    """Return a configuration as it was set, without a running override (5.24)."""
    target = configuration.target
    if target is None:
        return configuration
    return replace(configuration, target=replace(target, segment_duration_override=None))
