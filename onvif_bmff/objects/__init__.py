"""What is an object called, and what labels are on it? ONVIF Recording Control 25.12, B.4, B.5 and B.9."""

from onvif_bmff.objects.attributes import (
    OBJECT_ID,
    ObjectAttributes,
    StorageType,
    bitrate_in_kilobits,
    sample_rate_in_kilohertz,
)
from onvif_bmff.objects.events import (
    FragmentWritten,
    ObjectCollector,
    RecordingEvent,
    SegmentOpened,
    SegmentSealed,
    SpanEnded,
    collect_objects,
)
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.seek_table import SeekEntry, SeekTable, TrackSeekTable
from onvif_bmff.objects.stored import (
    Buffer,
    ObjectInfo,
    ObjectStore,
    ObjectWriter,
    OpenAreaState,
    OpenAreaStore,
    ReleasableWriter,
    SegmentObject,
    SpanEndObject,
    StorageObject,
    UnsealedObject,
    WatchedOpenArea,
)

__all__ = [
    "OBJECT_ID",
    "Buffer",
    "FragmentWritten",
    "ObjectAttributes",
    "ObjectCollector",
    "ObjectInfo",
    "ObjectKey",
    "ObjectStore",
    "ObjectWriter",
    "OpenAreaState",
    "OpenAreaStore",
    "RecordingEvent",
    "ReleasableWriter",
    "SeekEntry",
    "SeekTable",
    "SegmentObject",
    "SegmentOpened",
    "SegmentSealed",
    "SpanEndObject",
    "SpanEnded",
    "StorageObject",
    "StorageType",
    "TrackSeekTable",
    "UnsealedObject",
    "WatchedOpenArea",
    "bitrate_in_kilobits",
    "collect_objects",
    "sample_rate_in_kilohertz",
]
