"""The attributes of a segment object (ONVIF Recording Control 25.12, B.9, Table B.1)."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple, Self
from urllib.parse import quote, unquote_to_bytes

from onvif_bmff.errors import ObjectAttributeError, TimeError
from onvif_bmff.objects.seek_table import SeekTable
from onvif_bmff.timing import format_duration, parse_duration

__all__ = ["OBJECT_ID", "ObjectAttributes", "StorageType", "bitrate_in_kilobits", "sample_rate_in_kilohertz"]


class StorageType(Enum):
    """Kinds of object storage, by the names ONVIF gives them, with how they carry attributes."""

    S3 = "ObjectStorageS3"
    AZURE = "ObjectStorageAzure"

    @property
    def header_prefix(self) -> str:
        """Prefix of attribute names in HTTP headers."""
        return "x-amz-meta-" if self is StorageType.S3 else "x-ms-meta-"

    @property
    def metadata_limit(self) -> int:
        """Limit of the service in bytes for all names and values together: 2 KB or 8 KB.

        It is uncertain whether S3 counts the header prefix; ``ObjectAttributes.size`` always counts it.
        """
        return 2048 if self is StorageType.S3 else 8192


def bitrate_in_kilobits(size: int, duration: timedelta) -> int:
    """Return bitrate in kbit/s of ``size`` bytes over ``duration``, rounded half up; 0 for no duration."""
    microseconds = duration // timedelta(microseconds=1)
    return (size * 16_000 + microseconds) // (2 * microseconds) if microseconds > 0 else 0


def sample_rate_in_kilohertz(hertz: int) -> int:
    """Return a sample rate as Table B.1 wants it: whole kilohertz, rounded half up (44100 gives 44)."""
    return (hertz + 500) // 1000


# ---- text of the values -----------------------------------------------------------------------------

_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_INTEGER = re.compile(r"[0-9]{1,10}")
_FLOAT = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,30})?")
_VERSION = re.compile(r"[0-9]{1,5}\.[0-9]{1,5}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FULL_TYPE = re.compile(r"video/mp4 *;.*\bcodecs *= *.+")


def _write_text(text: str) -> str:
    """Return the text percent-encoded where HTTP headers need it: outside ASCII, and spaces at the ends."""
    try:
        written = quote(text, safe=_PRINTABLE)
    except UnicodeEncodeError:
        raise ObjectAttributeError("an attribute holds half a surrogate pair") from None
    inner = written.strip(" ")
    lead = len(written) - len(written.lstrip(" "))
    return "%20" * lead + inner + "%20" * (len(written) - len(inner) - lead)


def _read_text(text: str) -> str:
    def decode(found: re.Match[str]) -> str:
        try:
            return unquote_to_bytes(found[0]).decode()
        except UnicodeDecodeError:
            return found[0]

    return _ESCAPED.sub(decode, text)


def _read_integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ObjectAttributeError("not a whole number")
    return int(text)


def _read_float(text: str) -> float:
    if not _FLOAT.fullmatch(text):
        raise ObjectAttributeError("not a number")
    return float(text)


def _write_float(number: float) -> str:
    return format(Decimal(repr(number)), "f")


class _Kind(NamedTuple):
    write: Callable[[Any], str]
    read: Callable[[str], Any]


OBJECT_ID = "ObjectId"
"""Name of the attribute that identifies the writer of an object: 32 hexadecimal digits, drawn for each object.

Not in Table B.1. A writer that got no answer compares it to find out whether the stored object is its own.
Name and value are 40 bytes.
"""

_TEXT = _Kind(_write_text, _read_text)
_NUMBER = _Kind(str, _read_integer)

# Table B.1: name of the attribute, field, kind.
_TABLE: dict[str, tuple[str, _Kind]] = {
    "Version": ("version", _Kind(str, str)),
    "Source": ("source", _TEXT),
    "EventTopic": ("event_topic", _TEXT),
    "Duration": ("duration", _Kind(format_duration, parse_duration)),
    "FullContentType": ("full_content_type", _TEXT),
    "VideoChannel": ("video_channel", _TEXT),
    "VideoBitrate": ("video_bitrate", _NUMBER),
    "VideoWidth": ("video_width", _NUMBER),
    "VideoHeight": ("video_height", _NUMBER),
    "VideoFramerate": ("video_framerate", _Kind(_write_float, _read_float)),
    "AudioChannel": ("audio_channel", _TEXT),
    "AudioBitrate": ("audio_bitrate", _NUMBER),
    "AudioSampleRate": ("audio_sample_rate", _NUMBER),
    "Timescale": ("timescale", _NUMBER),
    "SeekTable": ("seek_table", _Kind(SeekTable.to_base64, SeekTable.from_base64)),
}
_BY_LOWER_NAME = {name.lower(): name for name in _TABLE}

# Order in which attributes are kept if not all fit.
_IMPORTANCE = (
    ("version",),
    ("duration",),
    ("timescale", "seek_table"),
    ("source",),
    ("event_topic",),
    ("full_content_type",),
    ("timescale",),
    ("video_width", "video_height"),
    ("video_framerate",),
    ("video_channel",),
    ("audio_channel",),
    ("video_bitrate",),
    ("audio_bitrate",),
    ("audio_sample_rate",),
)

_LARGEST = {
    "video_bitrate": 1 << 32,
    "video_width": 1 << 16,
    "video_height": 1 << 16,
    "audio_bitrate": 1 << 32,
    "audio_sample_rate": 1 << 32,
    "timescale": 1 << 32,
}


@dataclass(frozen=True, slots=True)
class ObjectAttributes:
    """The attributes of Table B.1, each left out where it is None.

    Args:
        version: version of the attribute set, ``major.minor``.
        source: identifier of the physical device.
        event_topic: topic of the event that triggered the recording job.
        duration: exact duration of the segment; that of the video track if there is one.
        full_content_type: ``video/mp4`` with a codecs parameter for all media of the recording.
        video_channel: video channel identifier.
        video_bitrate: kilobits per second.
        video_width: pixels, of the visual sample entry.
        video_height: pixels, of the visual sample entry.
        video_framerate: average frames per second, kept to six decimals.
        audio_channel: audio channel identifier.
        audio_bitrate: kilobits per second.
        audio_sample_rate: kilohertz.
        timescale: ticks per second of the media header; must be given with a seek table.
        seek_table: where the fragments begin.
        other: attributes beyond the table, by name.

    Raises:
        ObjectAttributeError: a value is out of its range, or a seek table comes without its timescale.
    """

    version: str = "1.0"
    source: str | None = None
    event_topic: str | None = None
    duration: timedelta | None = None
    full_content_type: str | None = None
    video_channel: str | None = None
    video_bitrate: int | None = None
    video_width: int | None = None
    video_height: int | None = None
    video_framerate: float | None = None
    audio_channel: str | None = None
    audio_bitrate: int | None = None
    audio_sample_rate: int | None = None
    timescale: int | None = None
    seek_table: SeekTable | None = None
    other: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.version):
            raise ObjectAttributeError(f"Version is major.minor, not {self.version[:40]!r}")
        if self.duration is not None and self.duration < timedelta(0):
            raise ObjectAttributeError("Duration cannot be negative")
        if self.full_content_type is not None and not _FULL_TYPE.fullmatch(self.full_content_type):
            raise ObjectAttributeError("FullContentType is video/mp4 with a codecs parameter")
        for name, end in _LARGEST.items():
            number = getattr(self, name)
            if number is not None and not (name == "timescale") <= number < end:
                raise ObjectAttributeError(f"{_name_of(name)} is out of range: {number}")
        rate = self.video_framerate
        if rate is not None:
            if not (math.isfinite(rate) and 0 <= rate < 1e9):
                raise ObjectAttributeError(f"VideoFramerate is out of range: {rate}")
            object.__setattr__(self, "video_framerate", round(float(rate), 6))
        if self.seek_table is not None and self.timescale is None:
            raise ObjectAttributeError("SeekTable cannot be read without Timescale")
        for name in self.other:
            if not _NAME.fullmatch(name) or name.lower() in _BY_LOWER_NAME:
                raise ObjectAttributeError(f"not a name for another attribute: {name[:40]!r}")

    # ---- text --------------------------------------------------------------------------------------

    def to_metadata(self) -> dict[str, str]:
        """Return names and values as they are stored, in the order of Table B.1; all of them ASCII."""
        found = {
            name: kind.write(getattr(self, where))
            for name, (where, kind) in _TABLE.items()
            if getattr(self, where) is not None
        }
        found.update((name, _write_text(value)) for name, value in self.other.items())
        return found

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], *, strict: bool = True) -> Self:
        """Read stored attributes. Case does not matter in names, as object stores change it.

        With ``strict`` false, values that cannot be read are left out instead, so that one bad value of a
        foreign device does not hide the others.

        Raises:
            ObjectAttributeError: a value is wrong (``strict`` only).
        """
        found: dict[str, Any] = {}
        other: dict[str, str] = {}
        for written, value in metadata.items():
            name = _BY_LOWER_NAME.get(written.lower())
            if name is None:
                if _NAME.fullmatch(written):
                    other[written] = _read_text(value)
                elif strict:
                    raise ObjectAttributeError(f"not a name of an attribute: {written[:40]!r}")
                continue
            where, kind = _TABLE[name]
            try:
                read = kind.read(value)
                if where != "seek_table":
                    cls(**{where: read})
                found[where] = read
            except (ObjectAttributeError, TimeError) as error:
                if strict:
                    raise ObjectAttributeError(f"{name}: {error}") from None
        if not strict and "timescale" not in found:
            found.pop("seek_table", None)
        return cls(**found, other=other)

    def headers(self, storage: StorageType) -> dict[str, str]:
        """Return HTTP headers for an upload, names with the prefix of the kind of storage."""
        return {storage.header_prefix + name: value for name, value in self.to_metadata().items()}

    # ---- budget ------------------------------------------------------------------------------------

    def size(self, storage: StorageType) -> int:
        """Return the number of bytes of all names, with the header prefix, and values."""
        return sum(len(name) + len(value) for name, value in self.headers(storage).items())

    def fitted(self, storage: StorageType, limit: int | None = None) -> "ObjectAttributes":
        """Return the attributes reduced to the limit of a kind of storage (or to ``limit`` bytes).

        First the seek table is thinned, at most to the first sample of each track. If that is not enough,
        attributes are kept in this order as long as each still fits: Version and ObjectId, Duration, SeekTable with
        Timescale, Source, EventTopic, FullContentType, Timescale, size and rate of the picture, channels,
        bitrates, sample rate, others.
        """
        limit = storage.metadata_limit if limit is None else limit
        room = limit - self.size(storage)
        if room >= 0:
            return self
        thinned = self
        if self.seek_table is not None:
            room += len(self.seek_table.to_base64())
            thinned = replace(self, seek_table=_thinned(self.seek_table, room))
            if thinned.size(storage) <= limit:
                return thinned
        own = {name: value for name, value in thinned.other.items() if name.lower() == OBJECT_ID.lower()}
        kept = ObjectAttributes(thinned.version, other=own)
        for group in _IMPORTANCE:
            more = replace(kept, **{name: getattr(thinned, name) for name in group})
            if more.size(storage) <= limit:
                kept = more
        for name, value in thinned.other.items():
            more = replace(kept, other={**kept.other, name: value})
            if more.size(storage) <= limit:
                kept = more
        return kept


def _thinned(table: SeekTable, room: int) -> SeekTable:
    """Return the most entries whose text has at most ``room`` characters, but never none of a track."""
    fits, too_many = len(table.tracks), len(table)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if len(table.condense(middle).to_base64()) <= room:
            fits = middle
        else:
            too_many = middle
    return table.condense(fits)


def _name_of(where: str) -> str:
    return next(name for name, (field_name, _) in _TABLE.items() if field_name == where)
