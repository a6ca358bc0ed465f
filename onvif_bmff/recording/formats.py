"""Recording formats: which spans a recording has, and what their objects are. ONVIF 25.12, B.6, B.7."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import Protocol

from onvif_bmff.errors import MediaError
from onvif_bmff.media.track import Track, TrackType

__all__ = ["CMAF", "MP4", "RecordingFormat", "SpanType", "codecs_of", "full_content_type", "lead_of"]

_RANK = {TrackType.VIDEO: 0, TrackType.AUDIO: 1, TrackType.METADATA: 2}
_MAX_TICKS = 1 << 31


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

    def spans(self, tracks: Sequence[Track]) -> tuple[SpanType, ...]:
        """Return the spans of a recording with ``tracks``; ``MediaError`` if it cannot hold them."""
        ...


@dataclass(frozen=True, slots=True)
class Mp4Format:
    """One span with all tracks, multiplexed. B.6. All tracks share one timescale, as B.9.1 wants."""

    name: str = "MP4"
    brands: tuple[str, ...] = ("iso6", "mp41")
    random_access: bool = True

    def spans(self, tracks: Sequence[Track]) -> tuple[SpanType, ...]:
        """Return the one span."""
        ordered = tuple(sorted(tracks, key=lambda track: _RANK[track.type]))
        if not ordered:
            raise MediaError("a recording without tracks")
        common = lcm(*(track.timescale for track in ordered))
        if common > _MAX_TICKS:
            common = 90_000
        return (SpanType("mp4", _content_type("video/mp4", ordered), ordered, common),)


@dataclass(frozen=True, slots=True)
class CmafFormat:
    """Up to three spans of one track each. B.7. With ``random_access`` the objects end with an mfra."""

    name: str = "CMAF"
    brands: tuple[str, ...] = ("cmf2", "cmfc", "iso6")
    random_access: bool = True

    def spans(self, tracks: Sequence[Track]) -> tuple[SpanType, ...]:
        """Return one span a track; ``MediaError`` for two tracks of a type, whose keys would collide."""
        if not tracks:
            raise MediaError("a recording without tracks")
        found: list[SpanType] = []
        for track in sorted(tracks, key=lambda track: _RANK[track.type]):
            extension, content_type = _CMAF_TYPES[track.type]
            if any(span.extension == extension for span in found):
                raise MediaError(f"CMAF holds one {track.type.value.lower()} track, not two")
            found.append(
                SpanType(extension, _content_type(content_type, (track,)), (track,), track.timescale, aligned=True)
            )
        return tuple(found)


_CMAF_TYPES = {
    TrackType.VIDEO: ("m4v", "video/mp4"),
    TrackType.AUDIO: ("m4a", "audio/mp4"),
    TrackType.METADATA: ("m4m", "application/mp4"),
}

MP4 = Mp4Format()
"""Multiplexed MP4. ONVIF Recording Control 25.12, B.6."""
CMAF = CmafFormat()
"""CMAF tracks. ONVIF Recording Control 25.12, B.7."""


def lead_of(tracks: Sequence[Track]) -> Track:
    """Return the track that decides where segments begin."""
    return min(tracks, key=lambda track: _RANK[track.type])


def codecs_of(tracks: Sequence[Track]) -> str:
    """Return the codecs parameter of ``tracks``, without repetition. RFC 6381."""
    return ",".join(dict.fromkeys(track.codec.codecs_parameter() for track in tracks))


def full_content_type(tracks: Sequence[Track]) -> str:
    """Return the FullContentType attribute of a recording. ONVIF Recording Control 25.12, B.9."""
    return _content_type("video/mp4", sorted(tracks, key=lambda track: _RANK[track.type]))


def _content_type(kind: str, tracks: Sequence[Track]) -> str:
    return f'{kind}; codecs="{codecs_of(tracks)}"'
