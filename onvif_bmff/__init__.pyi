from onvif_bmff.bmff.language.box import Box as Box
from onvif_bmff.bmff.language.box import ContainerBox as ContainerBox
from onvif_bmff.bmff.language.reader import Limits as Limits
from onvif_bmff.bmff.language.reader import build_boxes as build_boxes
from onvif_bmff.bmff.language.reader import parse_boxes as parse_boxes
from onvif_bmff.cenc.keys.content import ContentKey as ContentKey
from onvif_bmff.cenc.keys.content import FixedKey as FixedKey
from onvif_bmff.cenc.keys.content import RotatingKey as RotatingKey
from onvif_bmff.cenc.keys.ring import KeyRing as KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme as ProtectionScheme
from onvif_bmff.codecs.aac.codec import AacCodec as AacCodec
from onvif_bmff.codecs.avc.codec import AvcCodec as AvcCodec
from onvif_bmff.codecs.hevc.codec import HevcCodec as HevcCodec
from onvif_bmff.codecs.metadata import MetadataCodec as MetadataCodec
from onvif_bmff.control.faults import Fault as Fault
from onvif_bmff.control.service import RecordingService as RecordingService
from onvif_bmff.errors import BoxError as BoxError
from onvif_bmff.errors import MediaError as MediaError
from onvif_bmff.errors import OnvifBmffError as OnvifBmffError
from onvif_bmff.errors import ProtectionError as ProtectionError
from onvif_bmff.media.track import Sample as Sample
from onvif_bmff.media.track import Track as Track
from onvif_bmff.media.track import TrackType as TrackType
from onvif_bmff.objects.attributes import ObjectAttributes as ObjectAttributes
from onvif_bmff.objects.key import ObjectKey as ObjectKey
from onvif_bmff.objects.seek_table import SeekTable as SeekTable
from onvif_bmff.objects.stored import SegmentObject as SegmentObject
from onvif_bmff.objects.stored import SpanEndObject as SpanEndObject
from onvif_bmff.playback.segment import read_segment as read_segment
from onvif_bmff.playback.timeline import Timeline as Timeline
from onvif_bmff.recording.encryption import EncryptionEntry as EncryptionEntry
from onvif_bmff.recording.formats import CMAF as CMAF
from onvif_bmff.recording.formats import MP4 as MP4
from onvif_bmff.recording.recorder import Recorder as Recorder
from onvif_bmff.recording.target import RecordingTarget as RecordingTarget
from onvif_bmff.timing import UtcTime as UtcTime

__version__: str

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
