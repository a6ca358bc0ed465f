"""What the service needs from the device around it: small protocols, all of them optional.

Nothing here is a part of ONVIF. An embedding application implements `Resources` (which tokens exist),
`LocalData` (data that the device keeps itself), `Exporter` (who writes export files), and for 26.06
`RecordedSegments` and `SegmentExporter`, and hands them to `RecordingService`.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from onvif_bmff.control.types.capabilities import Capabilities, ServiceLimits
from onvif_bmff.control.types.export import StorageReferencePath
from onvif_bmff.control.types.profile import Profile
from onvif_bmff.control.types.segments import RecordedSegmentItem
from onvif_bmff.timing import UtcTime

__all__ = [
    "Environment",
    "ExportOperation",
    "Exporter",
    "FixedResources",
    "LocalData",
    "RecordedSegments",
    "Resources",
    "SegmentExportOperation",
    "SegmentExporter",
    "TimeRange",
]


class Resources(Protocol):
    """Which objects of other services exist."""

    def has_storage(self, token: str) -> bool:
        """Whether there is a storage configuration of this token (ONVIF Core)."""
        ...

    def has_certificate(self, certificate_id: str) -> bool:
        """Whether there is a certificate of this ID."""
        ...

    def certificate_fault(self, certificate_id: str) -> str | None:
        """Why keys can never be wrapped for a certificate, for a client to read; None if they can.

        One that is not valid just now has no fault. ``onvif_bmff.cenc.keys.certificates.certificate_fault`` tells it.
        """
        ...

    def has_profile(self, token: str) -> bool:
        """Whether there is a media profile of this token."""
        ...

    def compatible_profiles(self, recording_token: str) -> Sequence[str] | None:
        """The media profiles that this recording can take; None if all can be taken (5.20)."""
        ...


class FixedResources:
    """`Resources` from sets of tokens that the application may change as it likes."""

    def __init__(
        self,
        *,
        storages: Collection[str] = (),
        certificates: Collection[str] = (),
        profiles: Collection[str] = (),
        compatible: Sequence[str] | None = None,
    ) -> None:
        self.storages = set(storages)
        self.certificates = set(certificates)
        self.profiles = set(profiles)
        self.compatible = compatible

    def has_storage(self, token: str) -> bool:
        """Whether the token is in ``storages``."""
        return token in self.storages

    def has_certificate(self, certificate_id: str) -> bool:
        """Whether the ID is in ``certificates``."""
        return certificate_id in self.certificates

    def certificate_fault(self, certificate_id: str) -> str | None:
        """None: nothing is known of the certificates but their IDs."""
        return None

    def has_profile(self, token: str) -> bool:
        """Whether the token is in ``profiles``."""
        return token in self.profiles

    def compatible_profiles(self, recording_token: str) -> Sequence[str] | None:
        """``compatible``, whatever the recording."""
        return self.compatible


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From an instant until another, in UTC."""

    start: UtcTime
    end: UtcTime


class LocalData(Protocol):
    """Recorded data that the device keeps itself; never objects in an external target (5.3.1, 5.26.3).

    Called while the service is locked, so it should only unlink. An error of this library
    (`OnvifBmffError`) means "not now": it is tried again later.
    """

    def delete_before(self, recording_token: str, track_token: str, limit: UtcTime) -> Sequence[TimeRange]:
        """Delete what is older than an instant, and say what was deleted."""
        ...

    def delete_track(self, recording_token: str, track_token: str) -> Sequence[TimeRange]:
        """Delete all data of a track, and say what was deleted; calling it again does no harm."""
        ...


@dataclass(frozen=True, slots=True)
class ExportOperation:
    """An accepted ExportRecordedData (5.21)."""

    token: str
    recordings: tuple[str, ...]
    file_format: str
    storage_destination: StorageReferencePath
    start_point: UtcTime | None = None
    end_point: UtcTime | None = None


@dataclass(frozen=True, slots=True)
class SegmentExportOperation:
    """An accepted ExportRecordedSegments (26.06).

    Args:
        token: the operation token.
        recording: the recording to export from.
        time: upload the whole segments that share an instant with it, the oldest first; never one that grows.
        storage_token: the storage to upload to.
        track: take segments of this `TrackType` only; None takes all.
        alias: what the client calls the export.
    """

    token: str
    recording: str
    time: TimeRange
    storage_token: str
    track: str | None = None
    alias: str | None = None


class RecordedSegments(Protocol):
    """The segments that the device keeps itself (26.06)."""

    def segments(self, recording_token: str, time: TimeRange) -> Iterable[RecordedSegmentItem]:
        """Whole segments that share an instant with the range, in the order of their starts.

        A segment that still grows is none of them. Called without any lock; it may be a generator, of which
        only as much is taken as one answer needs. May raise `OnvifBmffError`.
        """
        ...


class SegmentExporter(Protocol):
    """Uploads segments, and tells of it by `report_segment` and `report_segments_done` of the service."""

    def start(self, operation: SegmentExportOperation) -> None:
        """Begin in the background. Called while the service is locked, as is `stop`: neither may wait."""
        ...

    def stop(self, operation_token: str) -> None:
        """End an export early; what is uploaded stays. Further reports are answered by `StateError`."""
        ...


class Exporter(Protocol):
    """Does the work of an export, and tells of it by `RecordingService.report_export`."""

    def start(self, operation: ExportOperation) -> Sequence[str]:
        """Begin in the background; returns the names of the files, as far as they are known at once."""
        ...

    def stop(self, operation_token: str) -> None:
        """End an export early."""
        ...


@dataclass(frozen=True, slots=True)
class Environment:
    """What an operation works within: what the device offers, its limits, and the parts that it was given; fixed."""

    capabilities: Capabilities
    limits: ServiceLimits
    profile: Profile
    resources: Resources
    random: Callable[[int], bytes]
    local_data: LocalData | None = None
    exporter: Exporter | None = None
    segments: RecordedSegments | None = None
    segment_exporter: SegmentExporter | None = None
