"""The contract of a codec: what the recorder, the encryptor and the player need to know of a sample."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Protocol, runtime_checkable

from onvif_bmff.bmff.box import Box, ContainerBox
from onvif_bmff.errors import MediaError

__all__ = ["CODECS", "Codec", "Ranges", "codec_of", "register"]

Ranges = Sequence[tuple[int, int]]
"""Byte ranges (start, end) within a sample."""


@runtime_checkable
class Codec(Protocol):
    """One codec with its configuration; immutable, so that two can be compared for "the same moov"."""

    @property
    def media_type(self) -> str:
        """``"Video"``, ``"Audio"`` or ``"Metadata"``."""
        ...

    def sample_entry(self) -> Box:
        """Return the clear sample entry with the codec's configuration."""
        ...

    def codecs_parameter(self) -> str:
        """Return the codec's string for the codecs parameter. RFC 6381."""
        ...

    def protected_ranges(self, data: bytes | memoryview) -> Ranges | None:
        """Return the slice data of a sample as byte ranges; None where the whole sample is to be protected.

        Raises ``BitstreamError`` where a slice header cannot be parsed. ISO/IEC 23001-7, 9.5.
        """
        ...


CODECS: dict[str, Callable[[ContainerBox], Codec]] = {}
"""How a codec is made from a clear sample entry, by four-character code; those of this room come when first used."""

_HOMES: Mapping[str, str] = {
    fourcc: f"onvif_bmff.media.{home}"
    for home, fourccs in {
        "aac": ("mp4a",),
        "avc": ("avc1", "avc3"),
        "g711": ("alaw", "ulaw"),
        "hevc": ("hvc1", "hev1"),
        "jpeg": ("mp4v", "jpeg", "mjpg"),
        "metadata": ("metx",),
        "opus": ("Opus",),
    }.items()
    for fourcc in fourccs
}
"""The module that registers each code of this room: most programs need few of them, and start sooner without."""


def register(*fourccs: str) -> Callable[[Callable[[ContainerBox], Codec]], Callable[[ContainerBox], Codec]]:
    """Register what makes a codec from a sample entry; ``MediaError`` if a code is taken."""

    def declare(make: Callable[[ContainerBox], Codec]) -> Callable[[ContainerBox], Codec]:
        for fourcc in fourccs:
            if fourcc in CODECS or _HOMES.get(fourcc, make.__module__) != make.__module__:
                raise MediaError(f"{fourcc!r} is registered twice")
            CODECS[fourcc] = make
        return make

    return declare


def codec_of(entry: Box, *, handler: str) -> Codec:
    """Return the codec of a clear sample entry in a track whose handler is ``handler`` ("vide", "soun", …).

    Entries without a codec of their own pass through unchanged (see ``media.passthrough``).
    """
    if entry.type not in CODECS and entry.type in _HOMES:
        import_module(_HOMES[entry.type])
    make = CODECS.get(entry.type)
    if make is not None and isinstance(entry, ContainerBox):
        return make(entry)
    from onvif_bmff.media.passthrough import PassThroughCodec  # the registry's fallback lies above it

    return PassThroughCodec(entry, handler)
