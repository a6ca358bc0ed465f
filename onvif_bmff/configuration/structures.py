"""Settings of the file as the structures of the recording service (ONVIF Recording Control 25.12, 5.3)."""

from onvif_bmff.configuration.settings import DeviceConfiguration, EncryptionSettings, JobSettings, RecordingSettings
from onvif_bmff.control.content_keys import canonical_kid
from onvif_bmff.control.operations.owned import OwnedRecording
from onvif_bmff.control.types.common import PROFILE_TYPE, SourceReference
from onvif_bmff.control.types.configuration import (
    AsymmetricEncryption,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingSourceInformation,
    RecordingTargetConfiguration,
    TrackConfiguration,
)
from onvif_bmff.control.types.job_configuration import (
    EventFilterEntry,
    RecordingEventFilter,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingJobTrack,
)

__all__ = ["owned_by"]


def owned_by(file: DeviceConfiguration) -> tuple[dict[str, OwnedRecording], dict[str, RecordingJobConfiguration]]:
    """Return the recordings and the jobs of a file by their tokens, as ``Provisioning.settle`` takes them."""
    recordings = {
        one.token: OwnedRecording(
            _recording(file, one),
            {track.token: TrackConfiguration(track.type, track.description) for track in one.tracks},
        )
        for one in file.recordings
    }
    return recordings, {one.token: _job(one) for one in file.jobs}


def _recording(file: DeviceConfiguration, settings: RecordingSettings) -> RecordingConfiguration:
    target = None
    if settings.storage is not None:
        target = RecordingTargetConfiguration(
            settings.storage,
            settings.format,
            settings.segment_duration,
            prefix=settings.prefix or None,
            postfix=settings.postfix or None,
            span_duration=settings.span_duration,
            encryption=tuple(_encryption(file, entry) for entry in settings.encryption),
        )
    source = RecordingSourceInformation(
        settings.source_id, settings.name, settings.location, settings.description, settings.address
    )
    return RecordingConfiguration(source, settings.content, settings.retention, target)


def _encryption(file: DeviceConfiguration, settings: EncryptionSettings) -> RecordingEncryption:
    if settings.key is None:
        wrapped = AsymmetricEncryption(settings.certificates, settings.key_rotation)
        return RecordingEncryption(settings.mode, track=settings.tracks, asymmetric_encryption=wrapped)
    key = next(one for one in file.keys if one.name == settings.key)
    return RecordingEncryption(
        settings.mode, canonical_kid(key.kid), bytes.fromhex(key.key.reveal()), track=settings.tracks
    )


def _job(settings: JobSettings) -> RecordingJobConfiguration:
    events = settings.events
    gate = None
    if events is not None:
        entries = tuple(EventFilterEntry(topic) for topic in events.topics)
        gate = RecordingEventFilter(entries, events.before, events.after)
    sources = tuple(
        RecordingJobSource(
            SourceReference(source.camera, PROFILE_TYPE),
            tracks=tuple(RecordingJobTrack(track.tag, track.destination) for track in source.tracks),
        )
        for source in settings.sources
    )
    return RecordingJobConfiguration(
        settings.recording, settings.mode, settings.priority, sources, gate, settings.schedule
    )
