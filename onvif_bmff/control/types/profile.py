"""The release of the specification that a service implements: 25.12, the default, or 26.06.

A field of a later release in a request is refused as BadConfiguration under an earlier profile, rather
than silently dropped.
"""

from dataclasses import dataclass

__all__ = ["PROFILE_25_12", "PROFILE_26_06", "Profile"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What one release offers beyond 25.12.

    Args:
        name: the release.
        storage_strategy: tt:RecordingTargetConfiguration has StorageStrategy.
        video_source_token: tt:RecordingSourceInformation has VideoSourceToken.
        additional_info: tt:AsymmetricEncryption has AdditionalInfo (B.8.2).
        onboard_storage: trc:Capabilities has OnboardStorage and SegmentExport, and the faults that go with
            them exist.
        export_alias: Monitoring/AsynchronousOperationStatus has an Alias.
        segment_operations: ListRecordedSegments, ExportRecordedSegments and StopExportRecordedSegments exist.
    """

    name: str
    storage_strategy: bool = False
    video_source_token: bool = False
    additional_info: bool = False
    onboard_storage: bool = False
    export_alias: bool = False
    segment_operations: bool = False


PROFILE_25_12 = Profile("25.12")
"""ONVIF Recording Control 25.12."""

PROFILE_26_06 = Profile(
    "26.06",
    storage_strategy=True,
    video_source_token=True,
    additional_info=True,
    onboard_storage=True,
    export_alias=True,
    segment_operations=True,
)
"""ONVIF Recording Control 26.06, as far as this service implements it."""
