"""Recordings: create, delete, list, configure, options (5.4 to 5.8, 5.20), and their local data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from onvif_bmff.control.device import TimeRange
from onvif_bmff.control.faults import ActionNotSupported, CannotDelete, MaxRecordings
from onvif_bmff.control.notifications import (
    CreateRecording,
    CreateTrack,
    DeleteRecording,
    DeleteTrack,
    DeleteTrackData,
    RecordingConfigurationChange,
)
from onvif_bmff.control.operations.jobs import drop_job
from onvif_bmff.control.operations.validation import accept_recording_configuration
from onvif_bmff.control.places import check_place
from onvif_bmff.control.state import Recording, Track
from onvif_bmff.control.transaction import Transaction
from onvif_bmff.control.types.capabilities import JobOptions, RecordingOptions, TrackOptions
from onvif_bmff.control.types.configuration import (
    GetRecordingsResponseItem,
    GetTracksResponseItem,
    RecordingConfiguration,
    TargetFormat,
    TrackConfiguration,
    TrackType,
)
from onvif_bmff.errors import OnvifBmffError, TimeError
from onvif_bmff.timing import UtcTime

__all__ = [
    "RETENTION_INTERVAL",
    "create_recording",
    "delete_recording",
    "describe_recordings",
    "expire_data",
    "get_options",
    "provision_recording",
    "purge_data",
    "remove_recording",
    "retention_limit",
    "set_configuration",
    "spare_tracks",
    "tell_configuration",
    "tell_deleted",
]

_ZERO = timedelta(0)
RETENTION_INTERVAL = timedelta(minutes=1)
"""How often the age of local data is looked at."""


def create_recording(tx: Transaction, configuration: RecordingConfiguration) -> str:
    """CreateRecording (5.4): a recording with the tracks of Table 2, one for each type the device knows."""
    device = tx.device
    if not device.capabilities.dynamic_recordings:
        raise ActionNotSupported
    types = [kind for kind in TrackType if track_limit(tx, kind) > 0]
    tracks = {f"{kind.token_prefix}001": TrackConfiguration(kind) for kind in types}
    accepted, keys = _accept(tx, configuration, tracks, {})
    if len(tx.state.recordings) >= _most_recordings(tx):
        raise MaxRecordings
    if device.limits.reset_retention_on_create:
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
    return accept_recording_configuration(tx.device, configuration, types, held_keys)


def _add(
    tx: Transaction,
    token: str,
    configuration: RecordingConfiguration,
    keys: Mapping[str, bytes],
    tracks: Mapping[str, TrackConfiguration],
    *,
    deletable: bool,
) -> None:
    made = tuple(Track(name, track, deletable) for name, track in tracks.items())
    recording = Recording(token, tx.state.next_order(), configuration, made, deletable)
    check_place(tx.device, recording, tx.state.recordings.values())
    tx.put_recording(recording, keys)
    tx.emit(CreateRecording(time=tx.now, recording_token=token))
    for name in tracks:
        tx.emit(CreateTrack(time=tx.now, recording_token=token, track_token=name))


def delete_recording(tx: Transaction, recording_token: str) -> None:
    """DeleteRecording (5.5); while an export reads the recording, it only marks it to go later (5.21)."""
    if not tx.device.capabilities.dynamic_recordings:
        raise ActionNotSupported
    recording = tx.recording(recording_token)
    if not recording.deletable:
        raise CannotDelete
    if recording.token in tx.runtime.exported():
        tx.state.recordings[recording.token] = replace(recording, doomed=True)
    else:
        remove_recording(tx, recording)


def remove_recording(tx: Transaction, recording: Recording) -> None:
    """Take a recording away with its jobs, their receivers, its tracks and their local data."""
    for job in tx.state.jobs_of(recording.token):
        drop_job(tx, job)
    tx.drop_recording(recording)
    for track in recording.tracks:
        tx.purge_track(recording.token, track.token)
        tx.emit(DeleteTrack(time=tx.now, recording_token=recording.token, track_token=track.token))
    tx.emit(DeleteRecording(time=tx.now, recording_token=recording.token))


def set_configuration(tx: Transaction, recording_token: str, configuration: RecordingConfiguration) -> None:
    """SetRecordingConfiguration (5.7); ends a running override (5.24)."""
    recording = tx.recording(recording_token)
    held = tx.keys(recording)
    tracks = {track.token: track.configuration for track in recording.tracks}
    accepted, keys = _accept(tx, configuration, tracks, held)
    changed = replace(recording, configuration=accepted)
    check_place(tx.device, changed, tx.state.recordings.values())
    tx.put_recording(changed, keys)
    tx.runtime.overrides.pop(recording.token, None)
    tell_configuration(tx, changed)


def tell_configuration(tx: Transaction, recording: Recording) -> None:
    """Tell that a recording's configuration is another one now (5.26.2)."""
    tx.emit(
        RecordingConfigurationChange(
            time=tx.now,
            recording_token=recording.token,
            configuration=tx.shown_configuration(recording),
        )
    )


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
    limit = tx.device.capabilities.max_recordings
    return float("inf") if limit is None else limit


def track_limit(tx: Transaction, kind: str) -> int:
    """Most tracks of a type in a recording; none of metadata if it cannot be recorded (5.25)."""
    if kind == TrackType.METADATA and not tx.device.capabilities.metadata_recording:
        return 0
    return tx.device.limits.tracks_of(kind)


def spare_tracks(tx: Transaction, recording: Recording) -> dict[TrackType, int]:
    """How many more tracks of each type a recording takes."""
    target = recording.configuration.target
    cmaf = target is not None and target.format == TargetFormat.CMAF
    held = [track.configuration.track_type for track in recording.tracks]
    total = max(tx.device.limits.tracks - len(held), 0)
    spare = {}
    for kind in TrackType:
        limit = track_limit(tx, kind)
        spare[kind] = min(max((min(limit, 1) if cmaf else limit) - held.count(kind), 0), total)
    return spare


def get_options(tx: Transaction, recording_token: str) -> RecordingOptions:
    """GetRecordingOptions (5.20); a number that would be zero is absent."""
    device = tx.device
    if not device.capabilities.options:
        raise ActionNotSupported
    recording = tx.recording(recording_token)
    device_limit, own_limit = device.capabilities.max_recording_jobs, device.limits.jobs_per_recording
    spares = []
    if device_limit is not None:
        spares.append(device_limit - len(tx.state.jobs))
    if own_limit is not None:
        spares.append(own_limit - len(tx.state.jobs_of(recording.token)))
    spare = max(min(spares, default=2**31 - 1), 0)
    job = JobOptions(spare or None, tuple(device.resources.compatible_profiles(recording.token) or ()))
    if not device.capabilities.dynamic_tracks:
        return RecordingOptions(job, TrackOptions())
    tracks = spare_tracks(tx, recording)
    total = min(sum(tracks.values()), max(device.limits.tracks - len(recording.tracks), 0))
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


def retention_limit(tx: Transaction, recording: Recording) -> UtcTime | None:
    """Data of the recording older than this may no longer be reached; None sets no limit (5.3.1)."""
    age = recording.configuration.maximum_retention_time
    if age == _ZERO:
        return None
    try:
        return tx.now - age
    except TimeError:
        return None


def expire_data(tx: Transaction) -> None:
    """Delete local data that is older than its recording keeps it; at most once a minute."""
    data = tx.device.local_data
    due = tx.runtime.retention_due
    if data is None or (due is not None and tx.now < due):
        return
    tx.runtime.retention_due = tx.now + RETENTION_INTERVAL
    for recording in tx.state.recordings.values():
        limit = retention_limit(tx, recording)
        if limit is None:
            continue
        for track in recording.tracks:
            try:
                deleted = data.delete_before(recording.token, track.token, limit)
            except OnvifBmffError:
                continue  # storage trouble of one track must not keep the others; it is tried again
            tell_deleted(tx, recording.token, track.token, deleted)


def purge_data(tx: Transaction) -> None:
    """Delete the local data of tracks that are gone; what fails is tried again later."""
    data = tx.device.local_data
    if data is None:
        return
    for name, purge in list(tx.state.purges.items()):
        try:
            deleted = data.delete_track(purge.recording, purge.track)
        except OnvifBmffError:
            continue
        del tx.state.purges[name]
        tell_deleted(tx, purge.recording, purge.track, deleted)


def tell_deleted(tx: Transaction, recording: str, track: str, ranges: Sequence[TimeRange]) -> None:
    """Tell that local data of a track was deleted (5.26.3)."""
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
