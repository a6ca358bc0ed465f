"""All options of the configuration file, in one table: it is read by it, shown by it, and documented from it."""

from datetime import timedelta

from onvif_bmff.configuration.options import NONE, Kind, Option, Section
from onvif_bmff.configuration.settings import (
    CameraSettings,
    CertificateSettings,
    ClockSettings,
    DeviceConfiguration,
    EncryptionSettings,
    EventSettings,
    JobSettings,
    JobSourceSettings,
    JobTrackSettings,
    KeySettings,
    LimitSettings,
    LoggingSettings,
    PortSettings,
    ReceiverSettings,
    RecordingSettings,
    SpoolSettings,
    StorageSettings,
    TrackSettings,
    UserSettings,
)

__all__ = ["FILE"]

_SECOND = timedelta(seconds=1)
_MIB = 1 << 20
_USUAL_TRACKS = tuple(
    TrackSettings(token=token, type=kind, description="")
    for token, kind in (("VIDEO001", "Video"), ("AUDIO001", "Audio"), ("META001", "Metadata"))
)

_CAMERAS = Section(
    "cameras",
    "A camera: a stream over RTSP, or an MP4 file that is played over and over as if it were one.",
    CameraSettings,
    (
        Option("token", Kind.TOKEN, "name of the camera; clients see it as a media profile", example="front"),
        Option("url", Kind.URL, "rtsp:// or rtsps:// address, without a password", None, "rtsp://192.168.1.20/live"),
        Option("file", Kind.PATH, "an MP4 file in place of an address", None, "clip.mp4"),
        Option("user", Kind.TEXT, "who logs in at the camera", ""),
        Option("password", Kind.SECRET, "password of that user", None, "secret of the camera"),
        Option(
            "transport", Kind.CHOICE, "how the media come", "tcp", choices=("tcp", "udp", "udp_multicast", "http")
        ),
        Option("ca_file", Kind.PATH, "certificates (PEM) that the camera's must lead to", None, "camera-ca.pem"),
        Option("verify", Kind.FLAG, "check the camera's certificate (rtsps)", default=True),
        Option(
            "timeout", Kind.DURATION, "silence after which the stream is opened again", 10 * _SECOND,
            least=_SECOND, most=600 * _SECOND,
        ),
        Option(
            "report_wait", Kind.DURATION, "how long the first reports of the camera's clock are waited for",
            3 * _SECOND, least=timedelta(0), most=60 * _SECOND,
        ),
        Option(
            "clock", Kind.CHOICE, "whose clock gives the times: the camera's as long as it can be right, or arrival",
            "auto", choices=("auto", "camera", "arrival"),
        ),
    ),
    many=True,
    unique="token",
)  # fmt: skip

_STORAGES = Section(
    "storages",
    "A place of recordings: a directory, or a bucket (docs/cloud.md). Relative paths begin at data_directory.",
    StorageSettings,
    (
        Option("token", Kind.TOKEN, "name of the storage", example="disk"),
        Option("url", Kind.URL, "a path, or s3://bucket/prefix, az://container/prefix, gs://…", example="recordings"),
        Option(
            "options", Kind.STORE_OPTIONS,
            "endpoint, region and credentials of a bucket, by the names of docs/cloud.md; "
            "secrets also as NAME_file and NAME_env",
            None, {"region": "eu-central-1", "secret_access_key_env": "RECORDER_KEY"},
        ),
    ),
    many=True,
    unique="token",
)  # fmt: skip

_SPOOL = Section(
    "spool",
    "What is recorded to buckets waits in data_directory until it is uploaded.",
    SpoolSettings,
    (
        Option("used", Kind.FLAG, "false: what the line does not take is lost with the process", default=True),
        Option("most_bytes", Kind.COUNT, "bytes from which on a spool is full", 10 << 30, least=_MIB),
        Option(
            "when_full", Kind.CHOICE, "what a full spool does", "drop-oldest",
            choices=("refuse", "drop-oldest", "drop-newest"),
        ),
        Option("order", Kind.CHOICE, "which spans are uploaded first", "oldest", choices=("oldest", "newest")),
        Option("bytes_a_second", Kind.COUNT, "most bytes a second, on average", None, 2_000_000, least=1000),
        Option("bytes_a_day", Kind.COUNT, "most bytes on a day in UTC", None, 20_000_000_000, least=1),
        Option("bytes_a_month", Kind.COUNT, "most bytes in a month in UTC", None, 500_000_000_000, least=1),
    ),
)  # fmt: skip

_KEYS = Section(
    "keys",
    "A content key, by a name that recordings mention.",
    KeySettings,
    (
        Option("name", Kind.TOKEN, "name of the key in this file", example="site-key"),
        Option("kid", Kind.TEXT, "key ID: a UUID", example="0f1e2d3c-4b5a-4968-8777-665544332211"),
        Option("key", Kind.SECRET, "32 hexadecimal digits", example="(32 hexadecimal digits)"),
    ),
    many=True,
    unique="name",
)

_CERTIFICATES = Section(
    "certificates",
    "Whoever has the private key can read what is encrypted for a certificate (docs/keys.md).",
    CertificateSettings,
    (
        Option("id", Kind.TOKEN, "name of the certificate", example="operator"),
        Option("file", Kind.PATH, "the certificate (PEM or DER)", example="operator.pem"),
    ),
    many=True,
    unique="id",
)

_TRACKS = Section(
    "tracks",
    "Tracks of a recording. Without any: VIDEO001, AUDIO001 and META001.",
    TrackSettings,
    (
        Option("token", Kind.TOKEN, "name of the track", example="VIDEO001"),
        Option("type", Kind.CHOICE, "what it holds", example="Video", choices=("Video", "Audio", "Metadata")),
        Option("description", Kind.TEXT, "for people", ""),
    ),
    many=True,
    usual=_USUAL_TRACKS,
    unique="token",
)

_ENCRYPTION = Section(
    "encryption",
    "How tracks are encrypted: with a key of this file, or with new keys wrapped for certificates.",
    EncryptionSettings,
    (
        Option("mode", Kind.CHOICE, "scheme of Common Encryption", "CBCS", choices=("CENC", "CBCS")),
        Option("key", Kind.TOKEN, "name of a key of [[keys]]", None, "site-key"),
        Option("certificates", Kind.TOKENS, "names of [[certificates]] that keys are wrapped for", (), ("operator",)),
        Option("key_rotation", Kind.DURATION, "a new key so often", None, timedelta(days=1), least=_SECOND),
        Option("tracks", Kind.TOKENS, "tracks that are encrypted", (), ("VIDEO001",), usual="all"),
    ),
    many=True,
)

_RECORDINGS = Section(
    "recordings",
    "What is stored where, and in what form.",
    RecordingSettings,
    (
        Option("token", Kind.TOKEN, "name of the recording", example="front"),
        Option(
            "storage", Kind.TOKEN, "name of one of [[storages]]", None, "disk",
            usual="in data_directory, track by track",
        ),
        Option("format", Kind.CHOICE, "format of the objects", "CMAF", choices=("CMAF", "MP4")),
        Option("prefix", Kind.TEXT, "what stands before the date in keys", ""),
        Option("postfix", Kind.TEXT, "what stands between date and time in keys", ""),
        Option(
            "segment_duration", Kind.DURATION, "how long a segment is, up to the next key frame",
            20 * _SECOND, least=_SECOND, most=timedelta(hours=24),
        ),
        Option(
            "span_duration", Kind.DURATION, "how long a span is, likewise; a full spool drops whole ones",
            None, timedelta(hours=1), least=_SECOND,
        ),
        Option(
            "retention", Kind.DURATION, "age at which local data are deleted; objects of storages stay",
            timedelta(0), least=timedelta(0), usual="never",
        ),
        Option("name", Kind.TEXT, "name of what is recorded, at most 64 characters", ""),
        Option("source_id", Kind.TEXT, "URI of what is recorded", ""),
        Option("location", Kind.TEXT, "where it is", ""),
        Option("description", Kind.TEXT, "for people", ""),
        Option("address", Kind.TEXT, "URI of the service that gives it", ""),
        Option("content", Kind.TEXT, "for people", ""),
    ),
    (_TRACKS, _ENCRYPTION),
    many=True,
    unique="token",
)  # fmt: skip

_JOB_TRACKS = Section(
    "tracks",
    "Which track of the camera goes into which one of the recording. Without any: the first of each type.",
    JobTrackSettings,
    (
        Option("tag", Kind.TEXT, "token of the camera's track", "", usual="the first one of the type"),
        Option("destination", Kind.TOKEN, "track of the recording", example="VIDEO001"),
    ),
    many=True,
)

_SOURCES = Section(
    "sources",
    "The cameras of a job.",
    JobSourceSettings,
    (Option("camera", Kind.TOKEN, "name of one of [[cameras]]", example="front"),),
    (_JOB_TRACKS,),
    many=True,
)

_EVENTS = Section(
    "events",
    "The job records around events only.",
    EventSettings,
    (
        Option(
            "topics", Kind.TEXTS, "topic expressions of ONVIF, of which one is enough",
            example=("tns1:RuleEngine//.",),
        ),
        Option("before", Kind.DURATION, "what is recorded ahead of an event", 5 * _SECOND, least=timedelta(0)),
        Option("after", Kind.DURATION, "what is recorded after its end", 10 * _SECOND, least=timedelta(0)),
    ),
    is_optional=True,
)  # fmt: skip

_JOBS = Section(
    "jobs",
    "From where a recording gets its media, and when.",
    JobSettings,
    (
        Option("token", Kind.TOKEN, "name of the job", example="front-always"),
        Option("recording", Kind.TOKEN, "name of one of [[recordings]]", example="front"),
        Option("mode", Kind.CHOICE, "whether it records", "Active", choices=("Active", "Idle")),
        Option(
            "priority", Kind.COUNT, "of several jobs for a track the highest one records", 1, least=0, most=2**31 - 1
        ),
        Option("schedule", Kind.TOKEN, "records while this schedule is active", None, "working-hours"),
    ),
    (_SOURCES, _EVENTS),
    many=True,
    unique="token",
)

_USERS = Section(
    "users",
    "Who may use the services of the device. They are checked and kept; a web service to log in at comes later.",
    UserSettings,
    (
        Option("username", Kind.TOKEN, "name", example="admin"),
        Option("password", Kind.SECRET, "password", example="(drawn anew at each print)"),
        Option("level", Kind.CHOICE, "what is allowed", "User", choices=("Administrator", "Operator", "User")),
    ),
    many=True,
    unique="username",
)

_RECEIVERS = Section(
    "receivers",
    "Streams that clients of the service name by their addresses, besides the cameras of this file.",
    ReceiverSettings,
    (
        Option("allowed", Kind.FLAG, "clients may have streams of other addresses recorded", default=True),
        Option("loopback", Kind.FLAG, "also of this machine", default=False),
        Option("link_local", Kind.FLAG, "also of 169.254.0.0/16 and fe80::/10", default=False),
    ),
)

_PORTS = Section(
    "ports",
    "Where the device listens. It is without TLS and without a password: for this machine or a trusted network.",
    PortSettings,
    (
        Option(
            "listen", Kind.ADDRESS, "/healthz and /metrics, as with --listen", None, "127.0.0.1:9464", usual="nowhere"
        ),
    ),
)

_LIMITS = Section(
    "limits",
    "Limits of the device. A change of them needs a restart.",
    LimitSettings,
    (
        Option("recordings", Kind.COUNT, "most recordings, clients' included", 128, least=1, most=10_000),
        Option("jobs", Kind.COUNT, "most jobs, clients' included", 256, least=1, most=10_000),
        Option("before", Kind.DURATION, "longest time ahead of an event", 30 * _SECOND, least=timedelta(0)),
        Option("after", Kind.DURATION, "longest time after an event", timedelta(hours=1), least=timedelta(0)),
        Option("queue_bytes", Kind.COUNT, "of media that wait for a slow store, a recording", 32 * _MIB, least=_MIB),
        Option("held_bytes", Kind.COUNT, "of segments in memory until they are stored, in all", 64 * _MIB, least=_MIB),
        Option(
            "preroll_bytes", Kind.COUNT, "kept of a camera for events", None, 64 * _MIB, least=_MIB,
            usual="what limits.before takes at 40 Mbit/s",
        ),
        Option(
            "silence", Kind.DURATION, "silence after which a source counts as failed, and its spans end",
            10 * _SECOND, least=_SECOND,
        ),
        Option(
            "overload", Kind.CHOICE, "what is dropped when queue_bytes are full", "oldest", choices=("oldest", "newest")
        ),
    ),
)  # fmt: skip

_CLOCK = Section(
    "clock",
    "Whether recordings wait for a clock that is wrong after a start. A change needs a restart.",
    ClockSettings,
    (
        Option(
            "wait", Kind.FLAG, "in Idle, before December 2025 or as long as a place has keys that are later; "
            "false: at once, and in new spans when the clock is set", default=True,
        ),
        Option(
            "patience", Kind.DURATION, "how long at most for keys that are later, as they may be wrong, too",
            timedelta(minutes=5), least=timedelta(0),
        ),
    ),
)  # fmt: skip

_LOGGING = Section(
    "logging",
    "What the device says on standard error; -v and -q override it, and --log-format says in which form.",
    LoggingSettings,
    (
        Option(
            "level", Kind.CHOICE, "messages from this level on (docs/logging.md)", "warning",
            choices=("debug", "info", "warning", "error"),
        ),
    ),
)  # fmt: skip

FILE = Section(
    "",
    "The whole device.",
    DeviceConfiguration,
    (
        Option(
            "data_directory", Kind.PATH,
            "where the device keeps its state, and all that it writes but for storages elsewhere; "
            "a relative path begins at the folder of this file",
            NONE, "recorder",
        ),
        Option("local", Kind.FLAG, "recordings without a storage are kept in data_directory", default=True),
        Option("source", Kind.TEXT, "attribute Source of all objects", "", usual="none"),
    ),
    (
        _CAMERAS, _STORAGES, _SPOOL, _KEYS, _CERTIFICATES, _RECORDINGS, _JOBS, _USERS, _RECEIVERS, _PORTS, _LIMITS,
        _CLOCK, _LOGGING,
    ),
)  # fmt: skip
"""The table of the whole file."""
