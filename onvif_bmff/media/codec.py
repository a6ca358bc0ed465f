"""The contract of a codec: what the recorder, the encryptor and the player need to know of a sample."""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from onvif_bmff.bmff.language.box import Box
from onvif_bmff.errors import MediaError
from onvif_bmff.media.nal_family import NalFamily, nal_family_of
from onvif_bmff.media_kind import MediaKind

__all__ = [
    "AudioCodec",
    "Codec",
    "NalCodec",
    "RandomAccessCodec",
    "Ranges",
    "SyncCodec",
    "VideoCodec",
    "all_sync",
    "family_of_codec",
    "picture_size",
    "sound_of",
]

Ranges = Sequence[tuple[int, int]]
"""Byte ranges (start, end) within a sample."""


@runtime_checkable
class Codec(Protocol):
    """One codec with its configuration; immutable, so that two can be compared for "the same moov"."""

    @property
    def media_type(self) -> MediaKind | str:
        """Kind of media: a `MediaKind`, or its word, ``"Video"``, ``"Audio"`` or ``"Metadata"``."""
        ...

    def sample_entry(self) -> Box:
        """Return the clear sample entry with the codec's configuration."""
        ...

    def codecs_parameter(self) -> str:
        """Return the codec's string for the codecs parameter. RFC 6381."""
        ...

    def protected_ranges(self, data: bytes | memoryview) -> Ranges | None:
        """Return the slice data of a sample of NAL units as byte ranges; None where all of it is to be protected.

        One range for each slice, from the first byte after its header to its last, in order; an empty one where the
        header leaves nothing. Only codecs of a NAL family (`family_of_codec`) are asked for samples: all others are
        protected as a whole, and return None. Raises ``BitstreamError`` where a slice header cannot be parsed.
        ISO/IEC 23001-7, 9.5.
        """
        ...


@runtime_checkable
class VideoCodec(Codec, Protocol):
    """A codec that knows the size of its pictures, for attributes of objects and for playlists."""

    @property
    def width(self) -> int:
        """Width in pixels; 0 where it is not known."""
        ...

    @property
    def height(self) -> int:
        """Height in pixels; 0 where it is not known."""
        ...


@runtime_checkable
class AudioCodec(Codec, Protocol):
    """A codec that knows its sampling, for attributes of objects and for exports."""

    @property
    def sample_rate(self) -> int:
        """Sampling rate in hertz; 0 where it is not known."""
        ...

    @property
    def channels(self) -> int:
        """Number of channels; 0 where it is not known."""
        ...


@runtime_checkable
class SyncCodec(Codec, Protocol):
    """A codec that knows whether all its samples are sync samples, where that is not as usual (`all_sync`)."""

    @property
    def all_sync(self) -> bool:
        """Whether each sample can be decoded without any other."""
        ...


@runtime_checkable
class RandomAccessCodec(Codec, Protocol):
    """A codec that can tell what decoding may start at, where a source says that it may (``Sample.sync``)."""

    def roll_distance(self, samples: Iterable[bytes | memoryview]) -> int | None:
        """Return 0 if the first of some samples, in decoding order, is a sync sample; None if it is no start at all.

        Else a gradual refresh begins with it, and that many samples behind it the pictures are right; an estimate,
        where these samples end before. ISO/IEC 14496-12, 10.1.
        """
        ...


@runtime_checkable
class NalCodec(Codec, Protocol):
    """A codec that says itself what its NAL units are; needed where its sample entry is not in ``NAL_FAMILIES``."""

    @property
    def nal_family(self) -> NalFamily | None:
        """The family of its NAL units; None where samples are not made of NAL units."""
        ...


def picture_size(codec: Codec) -> tuple[int, int]:
    """Return width and height in pixels; zeros where a codec does not say."""
    return (codec.width, codec.height) if isinstance(codec, VideoCodec) else (0, 0)


def sound_of(codec: Codec) -> tuple[int, int]:
    """Return the sampling rate in hertz and the number of channels; zeros where a codec does not say."""
    return (codec.sample_rate, codec.channels) if isinstance(codec, AudioCodec) else (0, 0)


def all_sync(codec: Codec) -> bool:
    """Return whether all samples are sync samples: as a codec says, else all but those of video."""
    return codec.all_sync if isinstance(codec, SyncCodec) else codec.media_type != MediaKind.VIDEO


def family_of_codec(codec: Codec) -> NalFamily | None:
    """Return the NAL family of a codec's samples: as it says itself, else by its sample entry; None for other media.

    Raises ``MediaError`` where the two differ, for readers go by the entry.
    """
    entry = codec.sample_entry()
    by_entry = nal_family_of(entry)
    said: object = codec.nal_family if isinstance(codec, NalCodec) else None
    if said is None:
        return by_entry
    if not isinstance(said, NalFamily):
        raise MediaError(f"a codec's nal_family is one of media.nal_family, not {said!r:.40}")
    if by_entry is not None and by_entry is not said:
        raise MediaError(f"a codec says that it is {said.name}, but its sample entry {entry.type!r} is {by_entry.name}")
    return said
