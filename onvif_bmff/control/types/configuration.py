"""Configurations of recordings, tracks and encryption: the structures of 5.3.1 and 5.3.2.

Field names are the schema's in snake_case, in the schema's order (ONVIF Recording Control 25.12 and its
onvif.xsd; what 26.06 adds is marked). All of them are immutable values; durations are exact timedeltas.
The service, not the constructor, decides whether a value is acceptable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from onvif_bmff.control.types.common import NO_EXTENSIONS, Extensions, keep_tuples
from onvif_bmff.media_kind import MediaKind

__all__ = [
    "AsymmetricEncryption",
    "GetRecordingsResponseItem",
    "GetTracksResponseItem",
    "RecordingConfiguration",
    "RecordingEncryption",
    "RecordingSourceInformation",
    "RecordingTargetConfiguration",
    "SegmentDurationOverride",
    "StorageStrategy",
    "TargetFormat",
    "TrackConfiguration",
    "TrackType",
]

TrackType = MediaKind
"""Kinds of data in a track (5.3.2)."""


class TargetFormat(StrEnum):
    """The recording formats that Annex B defines."""

    MP4 = "MP4"
    CMAF = "CMAF"


class StorageStrategy(StrEnum):
    """Storage strategy of a recording (26.06)."""

    EXTERNAL = "External"
    LOCAL = "Local"
    BOTH = "Both"


@dataclass(frozen=True, slots=True)
class AsymmetricEncryption:
    """The device makes the content keys and wraps them for the holders of certificates (B.8.2).

    Args:
        certificate_id: certificates to wrap for, one or more; each is an NCName of at most 64 characters.
        key_rotation_duration: a new key this often, longer than zero; None keeps one key.
        additional_info: text bound into the key wrapping (26.06; at least 256 characters are supported).
        extensions: unknown elements.
    """

    certificate_id: Sequence[str]
    key_rotation_duration: timedelta | None = None
    additional_info: str | None = None
    extensions: Extensions = NO_EXTENSIONS

    def __post_init__(self) -> None:
        keep_tuples(self, "certificate_id")


@dataclass(frozen=True, slots=True)
class RecordingEncryption:
    """One encryption entry: either ``kid`` and ``key``, or ``asymmetric_encryption``.

    Args:
        mode: one of the modes in the capability SupportedEncryptionModes.
        kid: key ID as UUID text or 32 hexadecimal digits; stored in the lower-case dashed form.
        key: the content key, 16 bytes. Write-only: no answer, event or repr ever holds it. It may be left
            out where the recording holds a key for the KID already.
        track: tokens of the tracks to encrypt; empty means all of them, and then no other entry may exist.
        asymmetric_encryption: wrapped keys instead of a given one.
        extensions: unknown elements and attributes.
    """

    mode: str
    kid: str | None = None
    key: bytes | None = field(default=None, repr=False)
    track: Sequence[str] = ()
    asymmetric_encryption: AsymmetricEncryption | None = None
    extensions: Extensions = NO_EXTENSIONS

    def __post_init__(self) -> None:
        keep_tuples(self, "track")


@dataclass(frozen=True, slots=True)
class RecordingSourceInformation:
    """Informational description of the source of data; stored and returned, never interpreted.

    Args:
        source_id: URI chosen by the client.
        name: at most 64 characters.
        location: descriptive; may be cut at the device's limit.
        description: descriptive; may be cut at the device's limit.
        address: URI of the service that supplies the data.
        video_source_token: video source of the recordings of this configuration (26.06).
        extensions: unknown elements and attributes.
    """

    source_id: str = ""
    name: str = ""
    location: str = ""
    description: str = ""
    address: str = ""
    video_source_token: str | None = None
    extensions: Extensions = NO_EXTENSIONS


@dataclass(frozen=True, slots=True)
class SegmentDurationOverride:
    """A running OverrideSegmentDuration as a configuration shows it (5.24); ignored in requests.

    Args:
        duration: the segment duration in force.
        expiration: time left until the override ends.
    """

    duration: timedelta
    expiration: timedelta


@dataclass(frozen=True, slots=True)
class RecordingTargetConfiguration:
    """External storage that a recording is written to (4.1.3, 5.3.1, Annex B).

    Args:
        storage: token of a storage configuration of the device.
        format: one of the capability SupportedTargetFormats.
        segment_duration: maximum duration of a segment, longer than zero.
        prefix: path in front of the date in object keys; may hold "/".
        postfix: path between date and time in object keys; may hold "/".
        span_duration: maximum duration of a span, longer than zero; None sets no maximum.
        encryption: encryption entries; none leaves everything clear.
        segment_duration_override: read-only; a running override.
        storage_strategy: where data goes (26.06); None is the default, External.
        extensions: unknown elements and attributes.
    """

    storage: str
    format: str
    segment_duration: timedelta
    prefix: str | None = None
    postfix: str | None = None
    span_duration: timedelta | None = None
    encryption: Sequence[RecordingEncryption] = ()
    segment_duration_override: SegmentDurationOverride | None = None
    storage_strategy: str | None = None
    extensions: Extensions = NO_EXTENSIONS

    def __post_init__(self) -> None:
        keep_tuples(self, "encryption")


@dataclass(frozen=True, slots=True)
class RecordingConfiguration:
    """Configuration of a recording (5.3.1).

    Args:
        source: informational.
        content: informational; may be cut at the device's limit.
        maximum_retention_time: age at which local data is deleted; zero means no limit. It has no effect
            on objects in an external target.
        target: external storage; None records locally only.
        extensions: unknown elements and attributes.
    """

    source: RecordingSourceInformation = RecordingSourceInformation()
    content: str = ""
    maximum_retention_time: timedelta = timedelta(0)
    target: RecordingTargetConfiguration | None = None
    extensions: Extensions = NO_EXTENSIONS


@dataclass(frozen=True, slots=True)
class TrackConfiguration:
    """Configuration of a track (5.3.2).

    Args:
        track_type: a ``TrackType``; fixed once the track exists.
        description: informational.
        extensions: unknown elements and attributes.
    """

    track_type: str
    description: str = ""
    extensions: Extensions = NO_EXTENSIONS


@dataclass(frozen=True, slots=True)
class GetTracksResponseItem:
    """One track in the answer of GetRecordings (5.6)."""

    track_token: str
    configuration: TrackConfiguration


@dataclass(frozen=True, slots=True)
class GetRecordingsResponseItem:
    """One recording in the answer of GetRecordings, with all of its tracks (5.6)."""

    recording_token: str
    configuration: RecordingConfiguration
    tracks: tuple[GetTracksResponseItem, ...]
