"""Record cameras to object storage the ONVIF way, and get the recording back.

The names below are the front door; everything else is public in its room (``from onvif_bmff.recording import
SegmentWriter``). They are imported when they are first used, so that code which only parses boxes does not import
cryptography. Stores are imported from ``onvif_bmff.storage`` on purpose: that line shows where I/O begins.
"""

import logging

from onvif_bmff._lazy import attach

__version__ = "0.1.0"

_NAMES = {
    "bmff.language.box": (
        "Box",
        "ContainerBox",
    ),
    "bmff.language.reader": (
        "Limits",
        "build_boxes",
        "parse_boxes",
    ),
    "cenc.keys.content": (
        "ContentKey",
        "FixedKey",
        "RotatingKey",
    ),
    "cenc.keys.ring": ("KeyRing",),
    "cenc.scheme": ("ProtectionScheme",),
    "codecs.aac.codec": ("AacCodec",),
    "codecs.avc.codec": ("AvcCodec",),
    "codecs.hevc.codec": ("HevcCodec",),
    "codecs.metadata": ("MetadataCodec",),
    "control.faults": ("Fault",),
    "control.service": ("RecordingService",),
    "errors": (
        "BoxError",
        "MediaError",
        "OnvifBmffError",
        "ProtectionError",
    ),
    "media.track": (
        "Sample",
        "Track",
        "TrackType",
    ),
    "objects.attributes": ("ObjectAttributes",),
    "objects.key": ("ObjectKey",),
    "objects.seek_table": ("SeekTable",),
    "objects.stored": (
        "SegmentObject",
        "SpanEndObject",
    ),
    "playback.segment": ("read_segment",),
    "playback.timeline": ("Timeline",),
    "recording.encryption": ("EncryptionEntry",),
    "recording.formats": (
        "CMAF",
        "MP4",
    ),
    "recording.recorder": ("Recorder",),
    "recording.target": ("RecordingTarget",),
    "timing": ("UtcTime",),
}

__getattr__, __dir__ = attach(__name__, _NAMES)

logging.getLogger(__name__).addHandler(logging.NullHandler())  # an application says what is shown
