"""What a configuration file says, as values: one class for each table of the file. ``tables`` says what they mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from onvif_bmff.configuration.secret import Secret

__all__ = [
    "CameraSettings",
    "CertificateSettings",
    "ClockSettings",
    "DeviceConfiguration",
    "EncryptionSettings",
    "EventSettings",
    "JobSettings",
    "JobSourceSettings",
    "JobTrackSettings",
    "KeySettings",
    "LimitSettings",
    "LoggingSettings",
    "PortSettings",
    "ReceiverSettings",
    "RecordingSettings",
    "SpoolSettings",
    "StorageSettings",
    "TrackSettings",
    "UserSettings",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """A camera: a stream, or a file that behaves like one."""

    token: str
    url: str | None
    file: str | None
    user: str
    password: Secret | None
    transport: str
    ca_file: str | None
    verify: bool
    timeout: timedelta
    report_wait: timedelta
    clock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """A place of recordings; ``options`` are those of stores in the cloud, and may hold `Secret` values."""

    token: str
    url: str
    options: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSettings:
    """How what is recorded to stores in the cloud waits on the local disk."""

    used: bool
    most_bytes: int
    when_full: str
    order: str
    bytes_a_second: int | None
    bytes_a_day: int | None
    bytes_a_month: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """A content key, under the name by which recordings mention it."""

    name: str
    kid: str
    key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSettings:
    """A certificate that content keys are wrapped for; ``data`` is the content of the file."""

    id: str
    file: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSettings:
    """A track of a recording."""

    token: str
    type: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionSettings:
    """How tracks of a recording are encrypted: with a named key, or with keys wrapped for certificates."""

    mode: str
    key: str | None
    certificates: tuple[str, ...]
    key_rotation: timedelta | None
    tracks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSettings:
    """A recording: what is stored, where, and in what form."""

    token: str
    storage: str | None
    format: str
    prefix: str
    postfix: str
    segment_duration: timedelta
    span_duration: timedelta | None
    retention: timedelta
    name: str
    source_id: str
    location: str
    description: str
    address: str
    content: str
    tracks: tuple[TrackSettings, ...]
    encryption: tuple[EncryptionSettings, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTrackSettings:
    """A route from a camera's track into one of the recording."""

    tag: str
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSourceSettings:
    """A camera as the source of a job, and the tracks that it feeds; none for all of them."""

    camera: str
    tracks: tuple[JobTrackSettings, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """A job records around events only."""

    topics: tuple[str, ...]
    before: timedelta
    after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """What is recorded from where, when."""

    token: str
    recording: str
    mode: str
    priority: int
    schedule: str | None
    sources: tuple[JobSourceSettings, ...]
    events: EventSettings | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSettings:
    """Somebody who may use the device's services."""

    username: str
    password: Secret
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """What streams clients of the service may have recorded by their addresses."""

    allowed: bool
    loopback: bool
    link_local: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSettings:
    """Where the device listens."""

    listen: tuple[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """Limits of the device."""

    recordings: int
    jobs: int
    before: timedelta
    after: timedelta
    queue_bytes: int
    held_bytes: int
    preroll_bytes: int | None
    silence: timedelta
    overload: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSettings:
    """When the clock of the device may be believed."""

    wait: bool
    patience: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingSettings:
    """What the device says."""

    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfiguration:
    """A whole configuration file, without a fault. Texts of it hold no secret."""

    data_directory: str
    local: bool
    source: str
    cameras: tuple[CameraSettings, ...]
    storages: tuple[StorageSettings, ...]
    spool: SpoolSettings
    keys: tuple[KeySettings, ...]
    certificates: tuple[CertificateSettings, ...]
    recordings: tuple[RecordingSettings, ...]
    jobs: tuple[JobSettings, ...]
    users: tuple[UserSettings, ...]
    receivers: ReceiverSettings
    ports: PortSettings
    limits: LimitSettings
    clock: ClockSettings
    logging: LoggingSettings
