from onvif_bmff.objects.attributes import OBJECT_ID as OBJECT_ID
from onvif_bmff.objects.attributes import ObjectAttributes as ObjectAttributes
from onvif_bmff.objects.attributes import StorageType as StorageType
from onvif_bmff.objects.attributes import bitrate_in_kilobits as bitrate_in_kilobits
from onvif_bmff.objects.attributes import sample_rate_in_kilohertz as sample_rate_in_kilohertz
from onvif_bmff.objects.events import FragmentWritten as FragmentWritten
from onvif_bmff.objects.events import ObjectCollector as ObjectCollector
from onvif_bmff.objects.events import RecordingEvent as RecordingEvent
from onvif_bmff.objects.events import SegmentOpened as SegmentOpened
from onvif_bmff.objects.events import SegmentSealed as SegmentSealed
from onvif_bmff.objects.events import SpanEnded as SpanEnded
from onvif_bmff.objects.events import collect_objects as collect_objects
from onvif_bmff.objects.extensions import EXTENSIONS as EXTENSIONS
from onvif_bmff.objects.extensions import SpanExtension as SpanExtension
from onvif_bmff.objects.extensions import extension_rank as extension_rank
from onvif_bmff.objects.extensions import is_cmaf as is_cmaf
from onvif_bmff.objects.extensions import media_in as media_in
from onvif_bmff.objects.extensions import only_kind_in as only_kind_in
from onvif_bmff.objects.extensions import ordinal_of as ordinal_of
from onvif_bmff.objects.extensions import register_extensions as register_extensions
from onvif_bmff.objects.key import KeyHead as KeyHead
from onvif_bmff.objects.key import KeyLead as KeyLead
from onvif_bmff.objects.key import KeyTail as KeyTail
from onvif_bmff.objects.key import MAX_KEY_BYTES as MAX_KEY_BYTES
from onvif_bmff.objects.key import ObjectKey as ObjectKey
from onvif_bmff.objects.key import check_path as check_path
from onvif_bmff.objects.key import date_folder as date_folder
from onvif_bmff.objects.key import lead_of as lead_of
from onvif_bmff.objects.key import lead_shape as lead_shape
from onvif_bmff.objects.key import leads_meet as leads_meet
from onvif_bmff.objects.key import read_head as read_head
from onvif_bmff.objects.key import read_tail as read_tail
from onvif_bmff.objects.locations import STORE_AREA as STORE_AREA
from onvif_bmff.objects.locations import check_apart as check_apart
from onvif_bmff.objects.locations import is_in_store_area as is_in_store_area
from onvif_bmff.objects.media_clock import MediaClock as MediaClock
from onvif_bmff.objects.random_access import movie_random_access as movie_random_access
from onvif_bmff.objects.random_access import track_random_access as track_random_access
from onvif_bmff.objects.seek_table import MAX_SEEK_TABLE_TEXT as MAX_SEEK_TABLE_TEXT
from onvif_bmff.objects.seek_table import SeekEntry as SeekEntry
from onvif_bmff.objects.seek_table import SeekTable as SeekTable
from onvif_bmff.objects.seek_table import TrackSeekTable as TrackSeekTable
from onvif_bmff.objects.stored import Buffer as Buffer
from onvif_bmff.objects.stored import LocatedStore as LocatedStore
from onvif_bmff.objects.stored import ObjectInfo as ObjectInfo
from onvif_bmff.objects.stored import ObjectStore as ObjectStore
from onvif_bmff.objects.stored import ObjectWriter as ObjectWriter
from onvif_bmff.objects.stored import OpenAreaState as OpenAreaState
from onvif_bmff.objects.stored import OpenAreaStore as OpenAreaStore
from onvif_bmff.objects.stored import ReadableStore as ReadableStore
from onvif_bmff.objects.stored import ReleasableWriter as ReleasableWriter
from onvif_bmff.objects.stored import SPAN_END_CONTENT_TYPE as SPAN_END_CONTENT_TYPE
from onvif_bmff.objects.stored import SegmentObject as SegmentObject
from onvif_bmff.objects.stored import SpanEndObject as SpanEndObject
from onvif_bmff.objects.stored import StorageObject as StorageObject
from onvif_bmff.objects.stored import UnsealedObject as UnsealedObject
from onvif_bmff.objects.stored import WatchedOpenArea as WatchedOpenArea
from onvif_bmff.objects.stored import is_stored as is_stored

__all__ = [
    "EXTENSIONS",
    "MAX_KEY_BYTES",
    "MAX_SEEK_TABLE_TEXT",
    "OBJECT_ID",
    "SPAN_END_CONTENT_TYPE",
    "STORE_AREA",
    "Buffer",
    "FragmentWritten",
    "KeyHead",
    "KeyLead",
    "KeyTail",
    "LocatedStore",
    "MediaClock",
    "ObjectAttributes",
    "ObjectCollector",
    "ObjectInfo",
    "ObjectKey",
    "ObjectStore",
    "ObjectWriter",
    "OpenAreaState",
    "OpenAreaStore",
    "ReadableStore",
    "RecordingEvent",
    "ReleasableWriter",
    "SeekEntry",
    "SeekTable",
    "SegmentObject",
    "SegmentOpened",
    "SegmentSealed",
    "SpanEndObject",
    "SpanEnded",
    "SpanExtension",
    "StorageObject",
    "StorageType",
    "TrackSeekTable",
    "UnsealedObject",
    "WatchedOpenArea",
    "bitrate_in_kilobits",
    "check_apart",
    "check_path",
    "collect_objects",
    "date_folder",
    "extension_rank",
    "is_cmaf",
    "is_in_store_area",
    "is_stored",
    "lead_of",
    "lead_shape",
    "leads_meet",
    "media_in",
    "movie_random_access",
    "only_kind_in",
    "ordinal_of",
    "read_head",
    "read_tail",
    "register_extensions",
    "sample_rate_in_kilohertz",
    "track_random_access",
]
