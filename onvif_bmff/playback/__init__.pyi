from onvif_bmff.playback.arrow import ArrowColumn as ArrowColumn
from onvif_bmff.playback.arrow import ArrowType as ArrowType
from onvif_bmff.playback.arrow import arrow_stream as arrow_stream
from onvif_bmff.playback.arrow_tables import arrow_of_rows as arrow_of_rows
from onvif_bmff.playback.arrow_tables import arrow_of_segments as arrow_of_segments
from onvif_bmff.playback.arrow_tables import arrow_of_spans as arrow_of_spans
from onvif_bmff.playback.fragments import StoredFragment as StoredFragment
from onvif_bmff.playback.fragments import last_tables_of as last_tables_of
from onvif_bmff.playback.fragments import random_access_of as random_access_of
from onvif_bmff.playback.fragments import random_access_size as random_access_size
from onvif_bmff.playback.fragments import read_fragments as read_fragments
from onvif_bmff.playback.fragments import rebase as rebase
from onvif_bmff.playback.fragments import segment_fragments as segment_fragments
from onvif_bmff.playback.gate import RangeGate as RangeGate
from onvif_bmff.playback.gate import SAME_TIME as SAME_TIME
from onvif_bmff.playback.header import DecryptStage as DecryptStage
from onvif_bmff.playback.header import SegmentHeader as SegmentHeader
from onvif_bmff.playback.header import clear_samples as clear_samples
from onvif_bmff.playback.header import read_header as read_header
from onvif_bmff.playback.key_columns import KeyColumns as KeyColumns
from onvif_bmff.playback.key_columns import SpanColumns as SpanColumns
from onvif_bmff.playback.key_order import order_of as order_of
from onvif_bmff.playback.key_order import time_of as time_of
from onvif_bmff.playback.key_reader import KeyReader as KeyReader
from onvif_bmff.playback.keys import PlaybackKeys as PlaybackKeys
from onvif_bmff.playback.lead_in import reaching_back as reaching_back
from onvif_bmff.playback.lead_in import shown_before as shown_before
from onvif_bmff.playback.lead_in import with_lead_in as with_lead_in
from onvif_bmff.playback.left_out import LeftOut as LeftOut
from onvif_bmff.playback.left_out import LossCause as LossCause
from onvif_bmff.playback.left_out import cause_of as cause_of
from onvif_bmff.playback.left_out import doubts as doubts
from onvif_bmff.playback.left_out import left_out_of as left_out_of
from onvif_bmff.playback.left_out import lost_objects as lost_objects
from onvif_bmff.playback.listing import listing_prefixes as listing_prefixes
from onvif_bmff.playback.object_check import ObjectCheck as ObjectCheck
from onvif_bmff.playback.object_check import check_attributes as check_attributes
from onvif_bmff.playback.object_check import check_media as check_media
from onvif_bmff.playback.object_check import check_place as check_place
from onvif_bmff.playback.object_check import fits as fits
from onvif_bmff.playback.object_check import headers_agree as headers_agree
from onvif_bmff.playback.object_check import settle_header as settle_header
from onvif_bmff.playback.played import PlayedSample as PlayedSample
from onvif_bmff.playback.played import PlayedTrack as PlayedTrack
from onvif_bmff.playback.recorded import Gap as Gap
from onvif_bmff.playback.recorded import LostObjects as LostObjects
from onvif_bmff.playback.recorded import OrphanEnd as OrphanEnd
from onvif_bmff.playback.recorded import Overlap as Overlap
from onvif_bmff.playback.recorded import RecordedSegment as RecordedSegment
from onvif_bmff.playback.recorded import RecordedSpan as RecordedSpan
from onvif_bmff.playback.recorded import SpanList as SpanList
from onvif_bmff.playback.recorded import SpanState as SpanState
from onvif_bmff.playback.samples import SampleReader as SampleReader
from onvif_bmff.playback.seek import Seeker as Seeker
from onvif_bmff.playback.seek_index import SegmentIndex as SegmentIndex
from onvif_bmff.playback.seek_index import attributes_of as attributes_of
from onvif_bmff.playback.seek_index import index_of_attributes as index_of_attributes
from onvif_bmff.playback.seek_index import index_of_last_bytes as index_of_last_bytes
from onvif_bmff.playback.seek_point import SeekPoint as SeekPoint
from onvif_bmff.playback.seek_point import Subsegment as Subsegment
from onvif_bmff.playback.segment import Segment as Segment
from onvif_bmff.playback.segment import read_segment as read_segment
from onvif_bmff.playback.selection import Selection as Selection
from onvif_bmff.playback.selection import SpanPart as SpanPart
from onvif_bmff.playback.selection import join as join
from onvif_bmff.playback.selection import select as select
from onvif_bmff.playback.source import BoxHead as BoxHead
from onvif_bmff.playback.source import ByteSource as ByteSource
from onvif_bmff.playback.source import MemorySource as MemorySource
from onvif_bmff.playback.source import StoreSource as StoreSource
from onvif_bmff.playback.source import box_head as box_head
from onvif_bmff.playback.source import parse_one as parse_one
from onvif_bmff.playback.span_ends import MAX_OPEN as MAX_OPEN
from onvif_bmff.playback.span_ends import OpenSpan as OpenSpan
from onvif_bmff.playback.span_ends import SpanEnds as SpanEnds
from onvif_bmff.playback.span_ends import choose as choose
from onvif_bmff.playback.span_ends import without as without
from onvif_bmff.playback.span_reading import SpanReading as SpanReading
from onvif_bmff.playback.span_reading import joined_tracks as joined_tracks
from onvif_bmff.playback.timeline import Timeline as Timeline
from onvif_bmff.playback.whole_fragments import WholeFragments as WholeFragments

__all__ = [
    "MAX_OPEN",
    "SAME_TIME",
    "ArrowColumn",
    "ArrowType",
    "BoxHead",
    "ByteSource",
    "DecryptStage",
    "Gap",
    "KeyColumns",
    "KeyReader",
    "LeftOut",
    "LossCause",
    "LostObjects",
    "MemorySource",
    "ObjectCheck",
    "OpenSpan",
    "OrphanEnd",
    "Overlap",
    "PlaybackKeys",
    "PlayedSample",
    "PlayedTrack",
    "RangeGate",
    "RecordedSegment",
    "RecordedSpan",
    "SampleReader",
    "SeekPoint",
    "Seeker",
    "Segment",
    "SegmentHeader",
    "SegmentIndex",
    "Selection",
    "SpanColumns",
    "SpanEnds",
    "SpanList",
    "SpanPart",
    "SpanReading",
    "SpanState",
    "StoreSource",
    "StoredFragment",
    "Subsegment",
    "Timeline",
    "WholeFragments",
    "arrow_of_rows",
    "arrow_of_segments",
    "arrow_of_spans",
    "arrow_stream",
    "attributes_of",
    "box_head",
    "cause_of",
    "check_attributes",
    "check_media",
    "check_place",
    "choose",
    "clear_samples",
    "doubts",
    "fits",
    "headers_agree",
    "index_of_attributes",
    "index_of_last_bytes",
    "join",
    "joined_tracks",
    "last_tables_of",
    "left_out_of",
    "listing_prefixes",
    "lost_objects",
    "order_of",
    "parse_one",
    "random_access_of",
    "random_access_size",
    "reaching_back",
    "read_fragments",
    "read_header",
    "read_segment",
    "rebase",
    "segment_fragments",
    "select",
    "settle_header",
    "shown_before",
    "time_of",
    "with_lead_in",
    "without",
]
