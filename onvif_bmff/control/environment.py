"""Interfaces of the service to the device around it: small protocols, all of them optional.

Nothing here is a part of ONVIF. An embedding application implements ``Resources`` (which tokens exist),
``LocalData`` (data that the device keeps itself), ``Exporter`` (writes export files), and for 26.06
``RecordedSegments`` and ``SegmentExporter``, and hands them to ``RecordingService``.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from onvif_bmff.control.faults import BadConfiguration
from onvif_bmff.control.types.capabilities import Capabilities, ServiceLimits
from onvif_bmff.control.types.export import StorageReferencePath
from onvif_bmff.control.types.profile import Profile
from onvif_bmff.control.types.segments import RecordedSegmentItem
from onvif_bmff.timing import UtcTime

__all__ = [
    "DescribesProfiles",
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
    """Existing objects of other services."""

    def has_storage(self, token: str) -> bool:
        """Return whether there is a storage configuration of this token (ONVIF Core)."""
        ...

    def has_certificate(self, certificate_id: str) -> bool:
        """Return whether there is a certificate of this ID."""
        ...

    def certificate_fault(self, certificate_id: str) -> str | None:
        """Return why keys can never be wrapped for a certificate, as a text for clients; None if they can.

        One that is not valid just now has no fault. ``onvif_bmff.cenc.keys.certificates.certificate_fault`` implements
        it.
        """
        ...

    def has_profile(self, token: str) -> bool:
        """Return whether there is a media profile of this token."""
        ...

    def compatible_profiles(self, recording_token: str) -> Sequence[str] | None:
        """Return the media profiles that this recording can take; None if all can be taken (5.20)."""
        ...


@runtime_checkable
class DescribesProfiles(Protocol):
    """Optional extension of ``Resources``: what media profiles give, as far as it is known without opening them."""

    def profile_encodings(self, token: str) -> Sequence[str] | None:
        """Return the encodings of a profile's video and audio, or None if they are not known."""
        ...

    def profile_rate(self, token: str) -> float | None:
        """Return the highest bit rate of a profile in kbit/s, or None if it is not known."""
        ...


class FixedResources:
    """``Resources`` from sets of tokens that the application may change as it likes."""

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
        """Return whether the token is in ``storages``."""
        return token in self.storages

    def has_certificate(self, certificate_id: str) -> bool:
        """Return whether the ID is in ``certificates``."""
        return certificate_id in self.certificates

    def certificate_fault(self, certificate_id: str) -> str | None:
        """Return None: only the IDs of certificates are known."""
        return None

    def has_profile(self, token: str) -> bool:
        """Return whether the token is in ``profiles``."""
        return token in self.profiles

    def compatible_profiles(self, recording_token: str) -> Sequence[str] | None:
        """Return ``compatible`` for every recording."""
        return self.compatible


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From an instant until another, in UTC."""

    start: UtcTime
    end: UtcTime


class LocalData(Protocol):
    """Recorded data that the device keeps itself; never objects in an external target (5.3.1, 5.26.3).

    Called while the service is locked, so it should only unlink. An error of this library
    (``OnvifBmffError``) means "not now": the call is retried later.
    """

    def delete_before(self, recording_token: str, track_token: str, limit: UtcTime) -> Sequence[TimeRange]:
        """Delete data older than an instant, and return the deleted ranges."""
        ...

    def delete_track(self, recording_token: str, track_token: str) -> Sequence[TimeRange]:
        """Delete all data of a track, and return the deleted ranges; may be called again."""
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
        track: take segments of this ``TrackType`` only; None takes all.
        alias: what the client calls the export.
        since: leave out segments that begin before this instant, for they hold data that is too old (5.3.1).
    """

    token: str
    recording: str
    time: TimeRange
    storage_token: str
    track: str | None = None
    alias: str | None = None
    since: UtcTime | None = None


class RecordedSegments(Protocol):
    """The segments that the device keeps itself (26.06)."""

    def segments(self, recording_token: str, time: TimeRange) -> Iterable[RecordedSegmentItem]:
        """Return whole segments that share an instant with the range, in the order of their starts.

        A segment that still grows is left out. Called without any lock; it may be a generator, which is consumed only
        as far as one answer needs. May raise ``OnvifBmffError``.
        """
        ...


class SegmentExporter(Protocol):
    """Uploads segments, and reports by ``report_segment`` and ``report_segments_done`` of the device side."""

    def start(self, operation: SegmentExportOperation) -> None:
        """Begin in the background. Called while the service is locked, as is ``stop``: neither may wait."""
        ...

    def stop(self, operation_token: str) -> None:
        """End an export early; what is uploaded stays. Further reports are answered by ``StateError``."""
        ...


class Exporter(Protocol):
    """Does the work of an export, and reports by ``DeviceSide.report_export``."""

    def start(self, operation: ExportOperation) -> Sequence[str]:
        """Begin in the background, and return the file names that are known at once."""
        ...

    def stop(self, operation_token: str) -> None:
        """End an export early."""
        ...


@dataclass(frozen=True, slots=True)
class Environment:
    """The fixed environment of operations: capabilities, limits, and the parts passed to the service."""

    capabilities: Capabilities
    limits: ServiceLimits
    profile: Profile
    resources: Resources
    random: Callable[[int], bytes]
    local_data: LocalData | None = None
    exporter: Exporter | None = None
    segments: RecordedSegments | None = None
    segment_exporter: SegmentExporter | None = None

    def check(self) -> None:
        """Check that what the capabilities offer can be done.

        Raises:
            BadConfiguration: exports, or segments to list and export, are offered, and nobody does them.
        """
        if self.capabilities.supported_export_file_formats and self.exporter is None:
            raise BadConfiguration("export formats are offered, but there is no exporter")
        if self.capabilities.segment_export and (self.segments is None or self.segment_exporter is None):
            raise BadConfiguration("segment export is offered, but nobody lists segments, or none exports them")
