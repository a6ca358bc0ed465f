"""Recordings and jobs that belong to the device, brought in line with its configuration; no operation of ONVIF.

What belongs to the device can be told: its recordings and tracks are not deletable, and the tokens of its jobs are not
those that the service draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from onvif_bmff.control.faults import BadConfiguration, MaxRecordingJobs, MaxRecordings
from onvif_bmff.control.notifications import (
    CreateRecording,
    CreateTrack,
    RecordingJobConfigurationChange,
    TrackConfigurationChange,
)
from onvif_bmff.control.operations.checks import is_token
from onvif_bmff.control.operations.gates import open_gate
from onvif_bmff.control.operations.job_validation import accept_job_configuration
from onvif_bmff.control.operations.validation import accept_recording_configuration, accept_track_configuration
from onvif_bmff.control.places import clashing
from onvif_bmff.control.state import Job, Recording, TrackRecord
from onvif_bmff.control.transaction import Transaction, is_drawn_token
from onvif_bmff.control.types.configuration import RecordingConfiguration, TrackConfiguration
from onvif_bmff.control.types.job_configuration import RecordingJobConfiguration, RecordingJobMode

__all__ = ["OwnedRecording", "settle"]


@dataclass(frozen=True, slots=True)
class OwnedRecording:
    """A recording of the device, and its tracks by their tokens."""

    configuration: RecordingConfiguration
    tracks: Mapping[str, TrackConfiguration]


def settle(
    tx: Transaction, recordings: Mapping[str, OwnedRecording], jobs: Mapping[str, RecordingJobConfiguration]
) -> None:
    """Make recordings and jobs of these tokens what they are to be, and touch nothing that is so already.

    Recordings and tracks of the device that are not among them stay, with their data, and clients may delete them;
    jobs of the device that are not among them go. What clients made stays.

    Raises:
        Fault: something is refused; its text says of which token.
    """
    for token in (*recordings, *jobs, *(track for one in recordings.values() for track in one.tracks)):
        if not is_token(token) or "/" in token or is_drawn_token(token):
            raise BadConfiguration(f"{token!r} is no token of what belongs to the device")
    for job in list(tx.state.jobs.values()):
        if job.token not in jobs and not is_drawn_token(job.token):
            tx.drop_job(job)
    for recording in list(tx.state.recordings.values()):
        if recording.token not in recordings and not recording.deletable:
            tx.state.recordings[recording.token] = _released(recording, ())
    for token, owned in recordings.items():
        _settle_recording(tx, token, owned)
    _check_places(tx, recordings)
    for token, configuration in jobs.items():
        _settle_job(tx, token, configuration)


def _check_places(tx: Transaction, recordings: Mapping[str, OwnedRecording]) -> None:
    for first, second in clashing(tx.environment.resources, tx.state.recordings.values()):
        if second is None and first in recordings:
            raise BadConfiguration(f"storage and prefix of {first!r} lead into the place of local data")
        if second is not None and not {first, second}.isdisjoint(recordings):
            raise BadConfiguration(
                f"storage, prefix and postfix of {second!r} are no place of their own: keys could be those of {first!r}"
            )


def _released(recording: Recording, kept: tuple[str, ...]) -> Recording:
    """Return a recording that clients may delete, or with ``kept`` one of which they may delete the other tracks."""
    tracks = tuple(replace(track, deletable=track.token not in kept) for track in recording.tracks)
    return replace(recording, tracks=tracks, deletable=not kept)


# ---- recordings ----------------------------------------------------------------------------------------------


def _settle_recording(tx: Transaction, token: str, owned: OwnedRecording) -> None:
    tracks = {name: accept_track_configuration(tx.environment, track) for name, track in owned.tracks.items()}
    old = tx.state.recordings.get(token)
    if old is None:
        most = tx.environment.capabilities.max_recordings
        if most is not None and len(tx.state.recordings) >= most:
            raise MaxRecordings
        recording = Recording(token, tx.state.next_order(), owned.configuration, deletable=False)
        tx.emit(CreateRecording(time=tx.now, recording_token=token))
    else:
        recording = replace(_released(old, tuple(tracks)), deletable=False, deletion_pending=False)
    recording = _with_tracks(tx, recording, tracks)
    held = {} if old is None else tx.keys(old)
    kinds = {track.token: track.configuration.track_type for track in recording.tracks}
    accepted, keys = accept_recording_configuration(tx.environment, owned.configuration, kinds, held)
    changed = replace(recording, configuration=accepted)
    is_new = old is None or accepted != old.configuration or keys != held
    if is_new or changed != old:
        tx.put_recording(changed, keys)
    if old is not None and is_new:
        tx.volatile.overrides.pop(token, None)
        tx.emit_configuration(changed)


def _with_tracks(tx: Transaction, recording: Recording, tracks: Mapping[str, TrackConfiguration]) -> Recording:
    """Return a recording with these tracks, and with those that it has besides."""
    for name, track in tracks.items():
        known = recording.track(name)
        if known is None:
            made = TrackRecord(name, track, deletable=False)
            recording = replace(recording, tracks=(*recording.tracks, made))
            tx.emit(CreateTrack(time=tx.now, recording_token=recording.token, track_token=name))
        elif known.configuration.track_type != track.track_type:
            raise BadConfiguration(f"track {name!r} of recording {recording.token!r} has another type, which is fixed")
        elif known.configuration != track:
            recording = recording.with_track(replace(known, configuration=track))
            tx.emit(
                TrackConfigurationChange(
                    time=tx.now, recording_token=recording.token, track_token=name, configuration=track
                )
            )
    return recording


# ---- jobs ----------------------------------------------------------------------------------------------------


def _settle_job(tx: Transaction, token: str, configuration: RecordingJobConfiguration) -> None:
    old = tx.state.jobs.get(token)
    if old is not None and old.configuration.recording_token != configuration.recording_token:
        tx.drop_job(old)  # the recording of a job is fixed: this is another one
        old = None
    accepted = accept_job_configuration(tx.environment, tx.state, configuration)
    if old is not None and accepted == old.configuration:
        return
    most = tx.environment.capabilities.max_recording_jobs
    if old is None and most is not None and len(tx.state.jobs) >= most:
        raise MaxRecordingJobs
    active = accepted.mode == RecordingJobMode.ACTIVE
    if old is None:
        activation = tx.state.next_activation() if active else 0
        tx.state.jobs[token] = Job(token, tx.state.next_order(), activation, accepted)
        open_gate(tx, token, accepted)
        return
    becomes_active = active and old.configuration.mode != RecordingJobMode.ACTIVE
    activation = tx.state.next_activation() if becomes_active else old.activation
    tx.state.jobs[token] = replace(old, activation=activation, configuration=accepted)
    tx.emit(RecordingJobConfigurationChange(time=tx.now, recording_job_token=token, configuration=accepted))
    if accepted.event_filter != old.configuration.event_filter:
        open_gate(tx, token, accepted)
