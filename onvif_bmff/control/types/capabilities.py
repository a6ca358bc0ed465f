"""Capabilities of the device: trc:Capabilities, the options of a recording, and the limits behind them.

ONVIF Recording Control 25.12, 5.20 and 5.25. ``Capabilities`` is what clients get to know; ``ServiceLimits`` is what
the device decides otherwise and shows only through ``RecordingOptions`` and faults. Both are fixed for the
lifetime of a service, which enforces them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from onvif_bmff.control.faults import BadConfiguration
from onvif_bmff.control.types.common import keep_tuples

__all__ = ["RECORDED_ENCODINGS", "Capabilities", "JobOptions", "RecordingOptions", "ServiceLimits", "TrackOptions"]

_AUDIO_ENCODINGS = frozenset(
    {"G711", "G726", "AAC", "PCMU", "PCMA", "G722", "G729", "MP4A-LATM", "MPEG4-GENERIC", "OPUS", "MPA"}
)
"""Names of audio encodings: tt:AudioEncoding and the IANA names in use, in capitals."""

_NAMES = {
    "ac-3": "AC3",
    "av01": "AV1",
    "ec-3": "EAC3",
    "jpeg": "JPEG",
    "mjpg": "JPEG",
    "mp4v": "JPEG",
    "opus": "opus",
    "vp08": "VP8",
    "vp09": "VP9",
    "vvc1": "H266",
    "vvi1": "H266",
}
"""Names in tt:VideoEncoding, tt:AudioEncoding or at IANA of encodings that are stored by their sample entry.

Video in ``mp4v`` that can be recorded is Motion JPEG.
"""

RECORDED_ENCODINGS = ("H264", "H265", "JPEG", "AV1", "H266", "VP8", "VP9", "AAC", "G711", "opus", "AC3", "EAC3")
"""What this library records, by the names of tt:VideoEncoding and tt:AudioEncoding, else of IANA."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """trc:Capabilities; an empty tuple or None means that the attribute is absent.

    Args:
        dynamic_recordings: recordings can be created and deleted.
        dynamic_tracks: tracks can be created and deleted.
        encoding: encodings that can be recorded, and no others are; tt:VideoEncoding, tt:AudioEncoding or IANA names,
            or the four-character code of a sample entry.
        max_rate: bit rate limit of a recording in kbit/s. A device measures it, and says so if it is exceeded.
        max_total_rate: bit rate limit of all recordings in kbit/s, likewise.
        max_recordings: most recordings of the device.
        max_recording_jobs: most jobs of the device.
        options: GetRecordingOptions is offered.
        metadata_recording: metadata can be recorded.
        supported_export_file_formats: formats of ExportRecordedData; empty switches export off.
        scheduled_recording: jobs may carry a schedule token.
        event_recording: jobs may carry an event filter.
        before_event_limit: longest Before of an event filter; None does not offer Before.
        after_event_limit: longest After of an event filter; None does not offer After.
        supported_target_formats: formats of external targets; empty switches targets off.
        encryption_entry_limit: most encryption entries of a recording; None does not offer encryption.
        supported_encryption_modes: encryption modes.
        override_segment_duration: OverrideSegmentDuration is offered.
        asymmetric_encryption_supported: keys can be wrapped for certificates.
        onboard_storage: the device can record without a target (26.06; true where it is absent).
        segment_export: segments can be exported, so Local and Both are storage strategies (26.06).

    Raises:
        BadConfiguration: the values contradict each other.
    """

    dynamic_recordings: bool = True
    dynamic_tracks: bool = True
    encoding: Sequence[str] = ("H264", "H265", "JPEG", "AAC", "G711", "opus")
    max_rate: float | None = None
    max_total_rate: float | None = None
    max_recordings: int | None = 128
    max_recording_jobs: int | None = 256
    options: bool = True
    metadata_recording: bool = True
    supported_export_file_formats: Sequence[str] = ()
    scheduled_recording: bool = True
    event_recording: bool = True
    before_event_limit: timedelta | None = timedelta(seconds=30)
    after_event_limit: timedelta | None = timedelta(hours=1)
    supported_target_formats: Sequence[str] = ("MP4", "CMAF")
    encryption_entry_limit: int | None = 6
    supported_encryption_modes: Sequence[str] = ("CENC", "CBCS")
    override_segment_duration: bool = True
    asymmetric_encryption_supported: bool = True
    onboard_storage: bool = True
    segment_export: bool = False

    def __post_init__(self) -> None:
        lists = ("encoding", "supported_export_file_formats", "supported_target_formats", "supported_encryption_modes")
        keep_tuples(self, *lists)
        for name in lists:
            if any(not word or word.split() != [word] for word in getattr(self, name)):
                raise BadConfiguration(f"{name} is sent separated by spaces, so a value must hold none")
        for name in ("max_recordings", "max_recording_jobs", "encryption_entry_limit"):
            if (getattr(self, name) or 0) < 0:
                raise BadConfiguration(f"{name} must not be negative")
        for name in ("before_event_limit", "after_event_limit"):
            if (getattr(self, name) or timedelta(0)) < timedelta(0):
                raise BadConfiguration(f"{name} must not be negative")
        for name in ("max_rate", "max_total_rate"):
            if not (getattr(self, name) is None or 0 < getattr(self, name) < float("inf")):
                raise BadConfiguration(f"{name} must be a number above zero, or absent")
        if not self.onboard_storage and not self.supported_target_formats:
            raise BadConfiguration("a device without onboard storage needs external targets")

    def records(self, encoding: str) -> bool:
        """Return whether an encoding is one of ``encoding``, whatever the case; a sample entry's code is one, too."""
        offered = {name.casefold() for name in self.encoding}
        return not offered.isdisjoint({encoding.casefold(), _NAMES.get(encoding.casefold(), encoding).casefold()})


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """Limits of the device beyond its capabilities.

    Args:
        video_tracks: most video tracks of a recording; zero means the device knows no video.
        audio_tracks: most audio tracks of a recording; zero means the device knows no audio.
        metadata_tracks: most metadata tracks of a recording.
        tracks: most tracks of a recording in all.
        jobs_per_recording: most jobs of a recording; None leaves the limit of the device.
        receivers: most receivers of the device.
        description_length: Location, Description and Content are cut at this many characters (5.3.1).
        source_length: most characters of SourceId and Address; at least 128.
        receiver_service: jobs may use receivers.
        media_service: jobs may use media profiles.
        reset_retention_on_create: take "MaximumRetentionTime set to 0" of 5.4 literally and ignore what the
            client requested. Off by default: turning 30 days into "for ever" is the worse failure.
        override_must_shorten: OverrideSegmentDuration must ask for less than the configured duration.
        instant_event: how long a job stays active for an event without duration, so that at least one
            I-frame is recorded (5.3.4); at least the longest GOP of the sources.
        event_skew: an event whose time differs from that of its receipt by more counts as happening at receipt: the
            clock that stamped it is wrong.
        conditions: number of lasting events that may be active at once; further ones count as events without
            duration.
        finished_exports: number of finished exports whose state can still be queried.
        notifications: number of notifications that a subscription holds before it loses the oldest.
        listed_segments: most segments in one answer of ListRecordedSegments (26.06).
    """

    video_tracks: int = 4
    audio_tracks: int = 4
    metadata_tracks: int = 4
    tracks: int = 12
    jobs_per_recording: int | None = None
    receivers: int = 256
    description_length: int = 1024
    source_length: int = 1024
    receiver_service: bool = True
    media_service: bool = True
    reset_retention_on_create: bool = False
    override_must_shorten: bool = True
    instant_event: timedelta = timedelta(seconds=5)
    event_skew: timedelta = timedelta(seconds=5)
    conditions: int = 10_000
    finished_exports: int = 100
    notifications: int = 100_000
    listed_segments: int = 1000

    def check(self, capabilities: Capabilities) -> None:
        """Check the limits against the capabilities.

        Raises:
            BadConfiguration: a device without audio lists audio encodings (5.25), or a limit is too small.
        """
        if self.audio_tracks == 0 and any(name.upper() in _AUDIO_ENCODINGS for name in capabilities.encoding):
            raise BadConfiguration("a device without audio must not list audio encodings")
        if self.source_length < 128:
            raise BadConfiguration("SourceId and Address of 128 characters must be supported")


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How many more jobs a recording takes; None means none (5.20).

    ``compatible_sources`` lists the media profiles that can be recorded, if only some can.
    """

    spare: int | None = None
    compatible_sources: Sequence[str] = ()

    def __post_init__(self) -> None:
        keep_tuples(self, "compatible_sources")


@dataclass(frozen=True, slots=True)
class TrackOptions:
    """How many more tracks a recording takes; None means none (5.20)."""

    spare_total: int | None = None
    spare_video: int | None = None
    spare_audio: int | None = None
    spare_metadata: int | None = None


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """Answer of GetRecordingOptions; good until the next change of jobs or tracks (5.20)."""

    job: JobOptions
    track: TrackOptions
