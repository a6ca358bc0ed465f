"""Which codec a sample entry is of: a table that the modules of the codecs, and users, add to."""

from collections.abc import Callable, Mapping
from importlib import import_module

from onvif_bmff.bmff.language.box import Box, ContainerBox
from onvif_bmff.errors import MediaError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.nal_family import AVC, HEVC

__all__ = ["CODECS", "codec_of", "register"]

CODECS: dict[str, Callable[[ContainerBox], Codec]] = {}
"""How a codec is made from a clear sample entry, by four-character code; those of this room come when first used."""

_HOMES: Mapping[str, str] = {
    fourcc: f"onvif_bmff.codecs.{home}"
    for home, fourccs in {
        "aac.codec": ("mp4a",),
        "avc.codec": AVC.own,
        "g711": ("alaw", "ulaw"),
        "hevc.codec": HEVC.own,
        "jpeg.codec": ("mp4v", "jpeg", "mjpg"),
        "metadata": ("metx",),
        "opus.codec": ("Opus",),
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

    Entries without a codec of their own pass through unchanged (see ``passthrough``).
    """
    if entry.type not in CODECS and entry.type in _HOMES:
        import_module(_HOMES[entry.type])
    make = CODECS.get(entry.type)
    if make is not None and isinstance(entry, ContainerBox):
        return make(entry)
    from onvif_bmff.codecs.passthrough import PassThroughCodec  # the registry's fallback lies above it

    return PassThroughCodec(entry, handler)
