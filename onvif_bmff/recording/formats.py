"""Recording formats: which spans a recording has, and what their objects are. ONVIF 25.12, B.6, B.7."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import Protocol

from onvif_bmff.errors import MediaError
from onvif_bmff.media.track import Track, lead_of
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.extensions import EXTENSIONS, SpanExtension, register_extensions

__all__ = [
    "CMAF",
    "MP4",
    "RecordingFormat",
    "SpanType",
    "checked_spans",
    "content_type_of",
    "full_content_type",
    "register_format",
]

MAX_TICKS = 1 << 31


@dataclass(frozen=True, slots=True)
class SpanType:
    """One span of a recording: its tracks, and extension and content type of its objects.

    ``aligned``: each track's first sample is presented at its decode time, by negative composition offsets where
    pictures are reordered. CMAF wants it so (ISO/IEC 23000-19, 7.5.17); elsewhere offsets stay as they come, for
    widespread players show tracks with negative offsets late.
    """

    extension: str
    content_type: str
    tracks: tuple[Track, ...]
    timescale: int
    aligned: bool = False

    @property
    def lead(self) -> Track:
        """The track whose sync samples decide where fragments and segments begin: video, audio, metadata."""
        return lead_of(self.tracks)


class RecordingFormat(Protocol):
    """A recording format."""

    @property
    def name(self) -> str:
        """Its name in tt:RecordingTargetConfiguration, Format."""
        ...

    @property
    def brands(self) -> tuple[str, ...]:
        """The compatible brands of its objects; the first one is the major brand."""
        ...

    @property
    def random_access(self) -> bool:
        """Whether its objects end with an mfra box."""
        ...

    @property
    def extensions(self) -> tuple[SpanExtension, ...]:
        """All extensions that its objects may have, with what lies in them."""
        ...

    def spans(self, tracks: Sequence[Track]) -> tuple[SpanType, ...]:
        """Return the spans of a recording with ``tracks``; ``MediaError`` if it cannot hold them."""
        ...


def register_format(format: RecordingFormat) -> None:  # noqa: A002
    """Make the extensions of a format known to all that reads recordings.

    Once a process, in those that record and in those that read. Raises ``MediaError`` where an extension stands for
    other objects already, and for what is no recording format.
    """
    register_extensions(*_extensions_of(format))


def checked_spans(format: RecordingFormat, tracks: Sequence[Track]) -> tuple[SpanType, ...]:  # noqa: A002
    """Return the spans of a recording with ``tracks``, all of which can be read back.

    Raises ``MediaError`` if the format cannot hold the tracks, if it is not registered, or if its spans are not as its
    extensions say: keys would collide, or nobody would find them.
    """
    own = {row.name: row for row in _extensions_of(format)}
    spans = format.spans(tracks)
    for span in spans:
        row = own.get(span.extension)
        if row is None:
            raise MediaError(f"format {format.name!r} does not list extension {span.extension!r} of its spans")
        if EXTENSIONS.get(row.name) != row:
            raise MediaError(f"format {format.name!r} is not registered, so nothing could read it: see register_format")
        if any(track.type not in row.media for track in span.tracks):
            raise MediaError(f"objects with extension {row.name!r} do not hold media of their tracks' kinds")
    if len({span.extension for span in spans}) < len(spans):
        raise MediaError(f"two spans of format {format.name!r} have one extension, so that their keys would collide")
    return spans


def _extensions_of(format: RecordingFormat) -> tuple[SpanExtension, ...]:  # noqa: A002
    found: object = getattr(format, "extensions", None)
    if not isinstance(found, tuple) or not all(isinstance(row, SpanExtension) for row in found):
        raise MediaError("extensions of a recording format are a tuple of SpanExtension")
    return found


@dataclass(frozen=True, slots=True)
class Mp4Format:
    """One span with all tracks, multiplexed. B.6. All tracks share one timescale, as B.9.1 wants."""

    name: str = "MP4"
    brands: tuple[str, ...] = ("iso6", "mp41")
    random_access: bool = True

    @property
    def extensions(self) -> tuple[SpanExtension, ...]:
        """``mp4``."""
        return (EXTENSIONS["mp4"],)

    def spans(self, tracks: Sequence[Track]) -> tuple[SpanType, ...]:
        """Return the one span."""
        ordered = tuple(sorted(tracks, key=lambda track: track.type.rank))
        if not ordered:
            raise MediaError("a recording without tracks")
        common = lcm(*(track.timescale for track in ordered))
        if common > MAX_TICKS:
            common = 90_000
        return (SpanType("mp4", content_type_of(MediaKind.VIDEO.content_type, ordered), ordered, common),)


@dataclass(frozen=True, slots=True)
class CmafFormat:
    """Up to three spans of one track each. B.7. With ``random_access`` the objects end with an mfra."""

    name: str = "CMAF"
    brands: tuple[str, ...] = ("cmf2", "cmfc", "iso6")
    random_access: bool = True

    @property
    def extensions(self) -> tuple[SpanExtension, ...]:
        """``m4v``, ``m4a`` and ``m4m``."""
        return tuple(EXTENSIONS[kind.extension] for kind in MediaKind)

    def spans(self, tracks: Sequence[Track]) -> tuple[SpanType, ...]:
        """Return one span a track; ``MediaError`` for two tracks of a type, whose keys would collide."""
        if not tracks:
            raise MediaError("a recording without tracks")
        found: list[SpanType] = []
        for track in sorted(tracks, key=lambda track: track.type.rank):
            kind = track.type
            if any(span.extension == kind.extension for span in found):
                raise MediaError(f"CMAF holds one {kind.lower()} track, not two")
            content_type = content_type_of(kind.content_type, (track,))
            found.append(SpanType(kind.extension, content_type, (track,), track.timescale, aligned=True))
        return tuple(found)


MP4 = Mp4Format()
"""Multiplexed MP4. ONVIF Recording Control 25.12, B.6."""
CMAF = CmafFormat()
"""CMAF tracks. ONVIF Recording Control 25.12, B.7."""


def _codecs_of(tracks: Sequence[Track]) -> str:
    """Return the codecs parameter of ``tracks``, without repetition. RFC 6381."""
    return ",".join(dict.fromkeys(track.codec.codecs_parameter() for track in tracks))


def full_content_type(tracks: Sequence[Track]) -> str:
    """Return the FullContentType attribute of a recording. ONVIF Recording Control 25.12, B.9."""
    return content_type_of(MediaKind.VIDEO.content_type, sorted(tracks, key=lambda track: track.type.rank))


def content_type_of(kind: str, tracks: Sequence[Track]) -> str:
    """Return a media type with the codecs parameter of ``tracks``, for `SpanType`. RFC 6381."""
    return f'{kind}; codecs="{_codecs_of(tracks)}"'
