"""Record cameras to object storage the ONVIF way, and get the recording back.

The names below are the front door; everything else is public in its room (``from onvif_bmff.recording.segment
import SegmentWriter``). They are loaded when first used, so that who only parses boxes does not
pay for cryptography. Stores are imported from ``onvif_bmff.storage`` on purpose: that line shows where I/O begins.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onvif_bmff.bmff import Box, ContainerBox, Limits, build_boxes, parse_boxes
    from onvif_bmff.cenc.key_ring import KeyRing
    from onvif_bmff.cenc.keys import ContentKey, FixedKey, RotatingKey
    from onvif_bmff.cenc.scheme import ProtectionScheme
    from onvif_bmff.control.faults import Fault
    from onvif_bmff.control.service import RecordingService
    from onvif_bmff.errors import BoxError, MediaError, OnvifBmffError, ProtectionError
    from onvif_bmff.media.aac import AacCodec
    from onvif_bmff.media.avc import AvcCodec
    from onvif_bmff.media.hevc import HevcCodec
    from onvif_bmff.media.metadata import MetadataCodec
    from onvif_bmff.media.track import Sample, Track, TrackType
    from onvif_bmff.objects.attributes import ObjectAttributes
    from onvif_bmff.objects.key import ObjectKey
    from onvif_bmff.objects.seek_table import SeekTable
    from onvif_bmff.objects.stored import SegmentObject, SpanEndObject
    from onvif_bmff.playback.segment import read_segment
    from onvif_bmff.playback.timeline import Timeline
    from onvif_bmff.recording.encryption import EncryptionEntry
    from onvif_bmff.recording.formats import CMAF, MP4
    from onvif_bmff.recording.recorder import Recorder
    from onvif_bmff.recording.target import RecordingTarget
    from onvif_bmff.timing import UtcTime

__all__ = [
    "CMAF",
    "MP4",
    "AacCodec",
    "AvcCodec",
    "Box",
    "BoxError",
    "ContainerBox",
    "ContentKey",
    "EncryptionEntry",
    "Fault",
    "FixedKey",
    "HevcCodec",
    "KeyRing",
    "Limits",
    "MediaError",
    "MetadataCodec",
    "ObjectAttributes",
    "ObjectKey",
    "OnvifBmffError",
    "ProtectionError",
    "ProtectionScheme",
    "Recorder",
    "RecordingService",
    "RecordingTarget",
    "RotatingKey",
    "Sample",
    "SeekTable",
    "SegmentObject",
    "SpanEndObject",
    "Timeline",
    "Track",
    "TrackType",
    "UtcTime",
    "build_boxes",
    "parse_boxes",
    "read_segment",
]

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())  # an application says what is shown

_HOMES = {
    "AacCodec": "media.aac",
    "AvcCodec": "media.avc",
    "Box": "bmff",
    "BoxError": "errors",
    "CMAF": "recording.formats",
    "ContainerBox": "bmff",
    "ContentKey": "cenc.keys",
    "EncryptionEntry": "recording.encryption",
    "Fault": "control.faults",
    "FixedKey": "cenc.keys",
    "HevcCodec": "media.hevc",
    "KeyRing": "cenc.key_ring",
    "Limits": "bmff",
    "MP4": "recording.formats",
    "MediaError": "errors",
    "MetadataCodec": "media.metadata",
    "ObjectAttributes": "objects.attributes",
    "ObjectKey": "objects.key",
    "OnvifBmffError": "errors",
    "ProtectionError": "errors",
    "ProtectionScheme": "cenc.scheme",
    "Recorder": "recording.recorder",
    "RecordingService": "control.service",
    "RecordingTarget": "recording.target",
    "RotatingKey": "cenc.keys",
    "Sample": "media.track",
    "SeekTable": "objects.seek_table",
    "SegmentObject": "objects.stored",
    "SpanEndObject": "objects.stored",
    "Timeline": "playback.timeline",
    "Track": "media.track",
    "TrackType": "media.track",
    "UtcTime": "timing",
    "build_boxes": "bmff",
    "parse_boxes": "bmff",
    "read_segment": "playback.segment",
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
