"""What is a sample? Tracks, samples and codecs; see ``track`` and ``codec``.

The names below are loaded when first used, so that who only moves samples does not wait for every codec.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onvif_bmff.media.aac import AacCodec
    from onvif_bmff.media.access_units import AccessUnit, AvcAccessUnits, HevcAccessUnits
    from onvif_bmff.media.avc import AvcCodec
    from onvif_bmff.media.codec import Codec, codec_of
    from onvif_bmff.media.g711 import G711Codec
    from onvif_bmff.media.hevc import HevcCodec
    from onvif_bmff.media.jpeg import MjpegCodec
    from onvif_bmff.media.metadata import MetadataCodec
    from onvif_bmff.media.opus import OpusCodec
    from onvif_bmff.media.passthrough import PassThroughCodec
    from onvif_bmff.media.track import Sample, Track, TrackType

__all__ = [
    "AacCodec",
    "AccessUnit",
    "AvcAccessUnits",
    "AvcCodec",
    "Codec",
    "G711Codec",
    "HevcAccessUnits",
    "HevcCodec",
    "MetadataCodec",
    "MjpegCodec",
    "OpusCodec",
    "PassThroughCodec",
    "Sample",
    "Track",
    "TrackType",
    "codec_of",
]

_HOMES = {
    "AacCodec": "aac",
    "AccessUnit": "access_units",
    "AvcAccessUnits": "access_units",
    "AvcCodec": "avc",
    "Codec": "codec",
    "G711Codec": "g711",
    "HevcAccessUnits": "access_units",
    "HevcCodec": "hevc",
    "MetadataCodec": "metadata",
    "MjpegCodec": "jpeg",
    "OpusCodec": "opus",
    "PassThroughCodec": "passthrough",
    "Sample": "track",
    "Track": "track",
    "TrackType": "track",
    "codec_of": "codec",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
