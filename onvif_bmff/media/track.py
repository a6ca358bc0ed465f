"""Samples and tracks: what a source hands to a recorder, and what a player gets back."""

from dataclasses import dataclass
from enum import Enum

from onvif_bmff.bmff.language.box import Box
from onvif_bmff.errors import MediaError
from onvif_bmff.media.codec import Codec

__all__ = ["Sample", "Track", "TrackType"]


class TrackType(Enum):
    """Kind of media in a track; the values are ONVIF's words. ONVIF Recording Control 25.12, 5.3.2."""

    VIDEO = "Video"
    AUDIO = "Audio"
    METADATA = "Metadata"


@dataclass(slots=True)
class Sample:
    """One access unit: a picture, an audio packet, a metadata document.

    Times are ticks of the track's timescale. ``composition_offset`` is presentation less decode time. ``data``
    of H.264 and H.265 is NAL units behind 4-byte lengths; it is kept by reference and must not change
    afterwards. ``sync`` samples can be decoded without any other.
    """

    track_id: int
    decode_time: int
    duration: int
    data: bytes | memoryview
    sync: bool = True
    composition_offset: int = 0


@dataclass(slots=True)
class Track:
    """One track of a recording.

    ``token`` is the ONVIF track token ("VIDEO001"), ``track_id`` the number in the file (from 1), ``timescale``
    ticks a second, ``language`` a three-letter code of ISO 639-2.
    """

    token: str
    track_id: int
    timescale: int
    codec: Codec
    language: str = "und"

    def __post_init__(self) -> None:
        if not 0 < self.track_id < 1 << 32:
            raise MediaError(f"a track_id of {self.track_id} is out of range")
        if not 0 < self.timescale < 1 << 32:
            raise MediaError(f"a timescale of {self.timescale} is out of range")

    @property
    def type(self) -> TrackType:
        """Kind of media, as the codec says."""
        return TrackType(self.codec.media_type)

    def sample_entry(self) -> Box:
        """Return the clear sample entry."""
        return self.codec.sample_entry()
