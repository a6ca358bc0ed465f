"""Samples and tracks: what a source hands to a recorder, and what a player gets back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from onvif_bmff.bmff.language.box import Box
from onvif_bmff.errors import MediaError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media_kind import KIND_OF_WORD, MediaKind

__all__ = ["Sample", "Track", "TrackType", "lead_of", "moved"]

TrackType = MediaKind
"""ONVIF's name of it, tt:TrackType. ONVIF Recording Control 25.12, 5.3.2."""


@dataclass(slots=True)
class Sample:
    """One access unit: a picture, an audio packet, a metadata document.

    Times are ticks of the track's timescale. ``composition_offset`` is presentation time minus decode time. ``data``
    of H.264 and H.265 is NAL units behind 4-byte lengths; it is kept by reference and must not change
    afterwards. ``sync``: decoding can start with it, so that a segment may; a codec may say that it is no sync sample
    all the same (``media.codec.RandomAccessCodec``).
    """

    track_id: int
    decode_time: int
    duration: int
    data: bytes | memoryview
    sync: bool = True
    composition_offset: int = 0


def moved(sample: Sample, time: int) -> Sample:
    """Let a sample be decoded at another time, and presented as much later or earlier."""
    return Sample(sample.track_id, time, sample.duration, sample.data, sample.sync, sample.composition_offset)


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
        """Kind of media, as the codec says; ``MediaError`` if it says none."""
        word = self.codec.media_type
        kind = KIND_OF_WORD.get(word)
        if kind is None:
            raise MediaError(f"a codec's media_type is Video, Audio or Metadata, not {word!r:.40}")
        return kind

    def sample_entry(self) -> Box:
        """Return the clear sample entry."""
        return self.codec.sample_entry()


class _Typed(Protocol):
    """Whatever has a kind of media."""

    @property
    def type(self) -> TrackType: ...


_T = TypeVar("_T", bound=_Typed)


def lead_of(tracks: Iterable[_T]) -> _T:
    """Return the track whose sync samples decide where fragments and segments begin: the first of the lowest rank."""
    return min(tracks, key=lambda track: track.type.rank)
