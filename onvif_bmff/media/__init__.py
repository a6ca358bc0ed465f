"""What is a sample? Tracks, samples and codecs; see ``track`` and ``codec``.

Importing the room registers all codecs.
"""

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
