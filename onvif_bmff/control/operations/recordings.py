"""Recordings: create, delete, list, configure, options (5.4 to 5.8, 5.20), and their local data."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from onvif_bmff.control.environment import TimeRange
from onvif_bmff.control.faults import ActionNotSupported, CannotDelete, MaxRecordings
from onvif_bmff.control.notifications import (
    CreateRecording,
    CreateTrack,
    DeleteRecording,
    DeleteTrack,
    DeleteTrackData,
)
from onvif_bmff.control.operations.spare_tracks import spare_tracks, track_limit
from onvif_bmff.control.operations.validation import accept_recording_configuration
from onvif_bmff.control.places import check_place
from onvif_bmff.control.state import Recording, TrackRecord
from onvif_bmff.control.transaction import Transaction
from onvif_bmff.control.types.capabilities import JobOptions, RecordingOptions, TrackOptions
from onvif_bmff.control.types.configuration import (
    GetRecordingsResponseItem,
    GetTracksResponseItem,
    RecordingConfiguration,
    TrackConfiguration,
    TrackType,
)
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.logs import CauseLog

__all__ = [
    "RETENTION_INTERVAL",
    "create_recording",
    "delete_recording",
    "describe_recordings",
    "emit_deleted",
    "expire_data",
    "get_options",
    "provision_recording",
    "purge_data",
    "remove_pending_deletions",
    "set_configuration",
]

_log = logging.getLogger(__name__)
_causes = CauseLog(_log)

_ZERO = timedelta(0)
RETENTION_INTERVAL = timedelta(minutes=1)
"""Interval of the checks of local data's age."""


def create_recording(tx: Transaction, configuration: RecordingConfiguration) -> str:
    """CreateRecording (5.4): a recording with the tracks of Table 2, one for each type the device knows."""
    environment = tx.environment
    if not environment.capabilities.dynamic_recordings:
        raise ActionNotSupported
    types = [kind for kind in TrackType if track_limit(tx.environment, kind) > 0]
    tracks = {f"{kind.token_prefix}001": TrackConfiguration(kind) for kind in types}
    accepted, keys = _accept(tx, configuration, tracks, {})
    if len(tx.state.recordings) >= _most_recordings(tx):
        raise MaxRecordings
    if environment.limits.reset_retention_on_create:
        accepted = replace(accepted, maximum_retention_time=_ZERO)
    token = tx.new_token("recording")
    _add(tx, token, accepted, keys, tracks, deletable=True)
    return token


def provision_recording(
    tx: Transaction,
    token: str,
    configuration: RecordingConfiguration,
    tracks: Mapping[str, TrackConfiguration],
) -> None:
    """Make a recording that belongs to the device; no ONVIF operation, nor limited by capabilities.

    Does nothing if there is a recording of that token already.
    """
    if token in tx.state.recordings:
        return
    accepted, keys = _accept(tx, configuration, tracks, {})
    _add(tx, token, accepted, keys, tracks, deletable=False)


def _accept(
    tx: Transaction,
    configuration: RecordingConfiguration,
    tracks: Mapping[str, TrackConfiguration],
    held_keys: Mapping[str, bytes],
) -> tuple[RecordingConfiguration, dict[str, bytes]]:
    types = {token: track.track_type for token, track in tracks.items()}
    return accept_recording_configuration(tx.environment, configuration, types, held_keys)


def _add(
    tx: Transaction,
    token: str,
    configuration: RecordingConfiguration,
    keys: Mapping[str, bytes],
    tracks: Mapping[str, TrackConfiguration],
    *,
    deletable: bool,
) -> None:
    made = tuple(TrackRecord(name, track, deletable) for name, track in tracks.items())
    recording = Recording(token, tx.state.next_order(), configuration, made, deletable)
    check_place(tx.environment.resources, recording, tx.state.recordings.values())
    tx.put_recording(recording, keys)
    tx.emit(CreateRecording(time=tx.now, recording_token=token))
    for name in tracks:
        tx.emit(CreateTrack(time=tx.now, recording_token=token, track_token=name))


def delete_recording(tx: Transaction, recording_token: str) -> None:
    """DeleteRecording (5.5); while an export reads the recording, it is only marked for deletion (5.21)."""
    if not tx.environment.capabilities.dynamic_recordings:
        raise ActionNotSupported
    recording = tx.recording(recording_token)
    if not recording.deletable:
        raise CannotDelete
    if recording.token in tx.volatile.exported():
        tx.state.recordings[recording.token] = replace(recording, deletion_pending=True)
    else:
        _remove_recording(tx, recording)


def _remove_recording(tx: Transaction, recording: Recording) -> None:
    """Remove a recording with its jobs, their receivers, its tracks and their local data."""
    for job in tx.state.jobs_of(recording.token):
        tx.drop_job(job)
    tx.drop_recording(recording)
    for track in recording.tracks:
        tx.purge_track(recording.token, track.token)
        tx.emit(DeleteTrack(time=tx.now, recording_token=recording.token, track_token=track.token))
    tx.emit(DeleteRecording(time=tx.now, recording_token=recording.token))


def remove_pending_deletions(tx: Transaction) -> None:
    """Delete the recordings that were deleted during an export which has ended."""
    busy = tx.volatile.exported()
    for recording in list(tx.state.recordings.values()):
        if recording.deletion_pending and recording.token not in busy:
            _remove_recording(tx, recording)


def set_configuration(tx: Transaction, recording_token: str, configuration: RecordingConfiguration) -> None:
    """SetRecordingConfiguration (5.7); ends a running override (5.24)."""
    recording = tx.recording(recording_token)
    held = tx.keys(recording)
    tracks = {track.token: track.configuration for track in recording.tracks}
    accepted, keys = _accept(tx, configuration, tracks, held)
    changed = replace(recording, configuration=accepted)
    check_place(tx.environment.resources, changed, tx.state.recordings.values())
    tx.put_recording(changed, keys)
    tx.volatile.overrides.pop(recording.token, None)
    tx.emit_configuration(changed)


def describe_recordings(tx: Transaction) -> tuple[GetRecordingsResponseItem, ...]:
    """GetRecordings (5.6)."""
    return tuple(
        GetRecordingsResponseItem(
            recording.token,
            tx.shown_configuration(recording),
            tuple(GetTracksResponseItem(track.token, track.configuration) for track in recording.tracks),
        )
        for recording in tx.state.recordings.values()
    )


# ---- options -----------------------------------------------------------------------------------------


def _most_recordings(tx: Transaction) -> float:
    limit = tx.environment.capabilities.max_recordings
    return float("inf") if limit is None else limit


def get_options(tx: Transaction, recording_token: str) -> RecordingOptions:
    """GetRecordingOptions (5.20); a number that would be zero is absent."""
    environment = tx.environment
    if not environment.capabilities.options:
        raise ActionNotSupported
    recording = tx.recording(recording_token)
    device_limit, own_limit = environment.capabilities.max_recording_jobs, environment.limits.jobs_per_recording
    spares = []
    if device_limit is not None:
        spares.append(device_limit - len(tx.state.jobs))
    if own_limit is not None:
        spares.append(own_limit - len(tx.state.jobs_of(recording.token)))
    spare = max(min(spares, default=2**31 - 1), 0)
    job = JobOptions(spare or None, tuple(environment.resources.compatible_profiles(recording.token) or ()))
    if not environment.capabilities.dynamic_tracks:
        return RecordingOptions(job, TrackOptions())
    tracks = spare_tracks(environment, recording)
    total = min(sum(tracks.values()), max(environment.limits.tracks - len(recording.tracks), 0))
    return RecordingOptions(
        job,
        TrackOptions(
            total or None,
            tracks[TrackType.VIDEO] or None,
            tracks[TrackType.AUDIO] or None,
            tracks[TrackType.METADATA] or None,
        ),
    )


# ---- local data --------------------------------------------------------------------------------------


def expire_data(tx: Transaction) -> None:
    """Delete local data older than the retention time of its recording; at most once a minute."""
    data = tx.environment.local_data
    due = tx.volatile.retention_due
    if data is None or (due is not None and tx.now < due):
        return
    tx.volatile.retention_due = tx.now + RETENTION_INTERVAL
    for recording in tx.state.recordings.values():
        limit = recording.accessible_since(tx.now)
        if limit is None:
            continue
        for track in recording.tracks:
            try:
                deleted = data.delete_before(recording.token, track.token, limit)
            except OnvifBmffError as error:  # an error of one track must not prevent the others; it is retried
                what = "%s: local data that are too old are not deleted now: %s"
                _causes.warning("expiry", what, recording.token, error, recording=recording.token, track=track.token)
                continue
            emit_deleted(tx, recording.token, track.token, deleted)


def purge_data(tx: Transaction) -> None:
    """Delete the local data of deleted tracks; failures are retried later."""
    data = tx.environment.local_data
    if data is None:
        return
    for name, purge in list(tx.state.purges.items()):
        try:
            deleted = data.delete_track(purge.recording, purge.track)
        except OnvifBmffError as error:
            _causes.warning("purge", "%s: local data are not deleted now: %s", name, error, recording=purge.recording)
            continue
        del tx.state.purges[name]
        emit_deleted(tx, purge.recording, purge.track, deleted)


def emit_deleted(tx: Transaction, recording: str, track: str, ranges: Sequence[TimeRange]) -> None:
    """Send the events of deleted local data of a track (5.26.3)."""
    for found in ranges:
        tx.emit(
            DeleteTrackData(
                time=tx.now,
                recording_token=recording,
                track_token=track,
                start_time=found.start,
                end_time=found.end,
            )
        )
