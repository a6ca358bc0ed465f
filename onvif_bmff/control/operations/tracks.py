"""Tracks: create, delete, configure (5.9 to 5.12)."""

from dataclasses import replace

from onvif_bmff.control.faults import ActionNotSupported, CannotDelete, MaxTracks
from onvif_bmff.control.notifications import (
    CreateTrack,
    DeleteTrack,
    RecordingJobConfigurationChange,
    TrackConfigurationChange,
)
from onvif_bmff.control.operations.spare_tracks import spare_tracks
from onvif_bmff.control.operations.validation import accept_track_configuration
from onvif_bmff.control.state import Recording, TrackRecord
from onvif_bmff.control.transaction import Transaction
from onvif_bmff.control.types.configuration import TrackConfiguration, TrackType

__all__ = ["create_track", "delete_track", "set_track_configuration"]


def create_track(tx: Transaction, recording_token: str, configuration: TrackConfiguration) -> str:
    """CreateTrack (5.9): only where the recording's options show a spare track of the type."""
    if not tx.environment.capabilities.dynamic_tracks:
        raise ActionNotSupported
    recording = tx.recording(recording_token)
    accepted = accept_track_configuration(tx.environment, configuration)
    if not spare_tracks(tx.environment, recording)[TrackType(accepted.track_type)]:
        raise MaxTracks
    token = _new_track_token(tx, recording, TrackType(accepted.track_type).token_prefix)
    tx.put_recording(replace(recording, tracks=(*recording.tracks, TrackRecord(token, accepted))))
    tx.emit(CreateTrack(time=tx.now, recording_token=recording.token, track_token=token))
    return token


def _new_track_token(tx: Transaction, recording: Recording, name: str) -> str:
    """Return a token that continues Table 2 (VIDEO002 and so on). A token whose old data still exists is not reused."""
    number = 1
    while True:
        token = f"{name}{number:03}"
        if recording.track(token) is None and f"{recording.token}/{token}" not in tx.state.purges:
            return token
        number += 1


def delete_track(tx: Transaction, recording_token: str, track_token: str) -> None:
    """DeleteTrack (5.10): the track, its local data, and every mention of it.

    The track leaves the encryption entries and the jobs of its recording. An entry that loses its last
    track is removed: an empty list would mean all tracks. A job that loses its last track stays, and
    is idle.
    """
    if not tx.environment.capabilities.dynamic_tracks:
        raise ActionNotSupported
    recording = tx.recording(recording_token)
    track = tx.track(recording_token, track_token)
    if not track.deletable:
        raise CannotDelete
    left = tuple(other for other in recording.tracks if other is not track)
    changed = _without_encryption(replace(recording, tracks=left), track.token)
    tx.put_recording(changed)
    tx.purge_track(recording.token, track.token)
    tx.emit(DeleteTrack(time=tx.now, recording_token=recording.token, track_token=track.token))
    if changed.configuration is not recording.configuration:
        tx.volatile.overrides.pop(recording.token, None)
        tx.emit_configuration(changed)
    for job in tx.state.jobs_of(recording.token):
        sources = tuple(
            replace(source, tracks=tuple(t for t in source.tracks if t.destination != track.token))
            for source in job.configuration.source
        )
        if sources != job.configuration.source:
            configuration = replace(job.configuration, source=sources)
            tx.state.jobs[job.token] = replace(job, configuration=configuration)
            tx.emit(
                RecordingJobConfigurationChange(time=tx.now, recording_job_token=job.token, configuration=configuration)
            )


def _without_encryption(recording: Recording, track_token: str) -> Recording:
    """Return the recording without a track in its encryption entries; itself if no entry names the track."""
    target = recording.configuration.target
    if target is None or not any(track_token in entry.track for entry in target.encryption):
        return recording
    entries = []
    for entry in target.encryption:
        left = tuple(token for token in entry.track if token != track_token)
        if left or not entry.track:
            entries.append(replace(entry, track=left))
    target = replace(target, encryption=tuple(entries))
    return replace(recording, configuration=replace(recording.configuration, target=target))


def set_track_configuration(
    tx: Transaction, recording_token: str, track_token: str, configuration: TrackConfiguration
) -> None:
    """SetTrackConfiguration (5.12); the type in the request is ignored."""
    recording = tx.recording(recording_token)
    track = tx.track(recording_token, track_token)
    accepted = accept_track_configuration(tx.environment, configuration, fixed_type=track.configuration.track_type)
    tx.put_recording(recording.with_track(replace(track, configuration=accepted)))
    tx.emit(
        TrackConfigurationChange(
            time=tx.now,
            recording_token=recording.token,
            track_token=track.token,
            configuration=accepted,
        )
    )
