from onvif_bmff.recording.boundaries import SegmentBoundary as SegmentBoundary
from onvif_bmff.recording.boundaries import by_clock as by_clock
from onvif_bmff.recording.boundaries import since_open as since_open
from onvif_bmff.recording.causes import SyncSample as SyncSample
from onvif_bmff.recording.causes import causes_at as causes_at
from onvif_bmff.recording.codec_cache import per_codec as per_codec
from onvif_bmff.recording.cuts import CUTS as CUTS
from onvif_bmff.recording.cuts import Cut as Cut
from onvif_bmff.recording.cuts import CutCause as CutCause
from onvif_bmff.recording.cuts import Moment as Moment
from onvif_bmff.recording.cuts import Spans as Spans
from onvif_bmff.recording.cuts import decide as decide
from onvif_bmff.recording.dropped import DropReason as DropReason
from onvif_bmff.recording.encryption import EncryptionEntry as EncryptionEntry
from onvif_bmff.recording.encryption import HeaderSource as HeaderSource
from onvif_bmff.recording.encryption import SpanProtection as SpanProtection
from onvif_bmff.recording.encryption import Troubled as Troubled
from onvif_bmff.recording.encryption import encryption_fault as encryption_fault
from onvif_bmff.recording.encryption import protect as protect
from onvif_bmff.recording.encryption import trouble_of as trouble_of
from onvif_bmff.recording.formats import CMAF as CMAF
from onvif_bmff.recording.formats import MP4 as MP4
from onvif_bmff.recording.formats import RecordingFormat as RecordingFormat
from onvif_bmff.recording.formats import SpanType as SpanType
from onvif_bmff.recording.formats import checked_spans as checked_spans
from onvif_bmff.recording.formats import content_type_of as content_type_of
from onvif_bmff.recording.formats import full_content_type as full_content_type
from onvif_bmff.recording.formats import register_format as register_format
from onvif_bmff.recording.fragment import Fragment as Fragment
from onvif_bmff.recording.fragment import FragmentBuilder as FragmentBuilder
from onvif_bmff.recording.fragment import FragmentTrack as FragmentTrack
from onvif_bmff.recording.fragment import Run as Run
from onvif_bmff.recording.header import build_header as build_header
from onvif_bmff.recording.interleave import Interleaver as Interleaver
from onvif_bmff.recording.open_spans import OpenSpans as OpenSpans
from onvif_bmff.recording.opening import SpanOpener as SpanOpener
from onvif_bmff.recording.origin import Origin as Origin
from onvif_bmff.recording.preroll import PreRoll as PreRoll
from onvif_bmff.recording.progress import Progress as Progress
from onvif_bmff.recording.progress import UtcAnchor as UtcAnchor
from onvif_bmff.recording.recorder import Recorder as Recorder
from onvif_bmff.recording.router import SampleRouter as SampleRouter
from onvif_bmff.recording.sample_clock import NEVER as NEVER
from onvif_bmff.recording.sample_clock import SampleClock as SampleClock
from onvif_bmff.recording.sample_clock import SharedTime as SharedTime
from onvif_bmff.recording.segment import FragmentLimits as FragmentLimits
from onvif_bmff.recording.segment import SegmentWriter as SegmentWriter
from onvif_bmff.recording.segment_labels import SegmentLabels as SegmentLabels
from onvif_bmff.recording.segment_labels import segment_attributes as segment_attributes
from onvif_bmff.recording.silent_tracks import end_silent_tracks as end_silent_tracks
from onvif_bmff.recording.span import SpanWriter as SpanWriter
from onvif_bmff.recording.span import WriteFailure as WriteFailure
from onvif_bmff.recording.span_parts import OpenSegment as OpenSegment
from onvif_bmff.recording.span_parts import SPAN_STEPS as SPAN_STEPS
from onvif_bmff.recording.span_parts import SpanHeader as SpanHeader
from onvif_bmff.recording.span_parts import SpanKeys as SpanKeys
from onvif_bmff.recording.span_parts import SpanSettings as SpanSettings
from onvif_bmff.recording.span_parts import SpanStep as SpanStep
from onvif_bmff.recording.span_parts import SpanWriterState as SpanWriterState
from onvif_bmff.recording.span_parts import UsedKeys as UsedKeys
from onvif_bmff.recording.span_set import SpanSet as SpanSet
from onvif_bmff.recording.target import DecodeTimes as DecodeTimes
from onvif_bmff.recording.target import RecordingTarget as RecordingTarget
from onvif_bmff.recording.totals import SegmentTotals as SegmentTotals
from onvif_bmff.recording.totals import TrackTotals as TrackTotals
from onvif_bmff.recording.totals import make_random_access as make_random_access
from onvif_bmff.recording.track_state import TrackState as TrackState
from onvif_bmff.recording.track_state import make_interleaver as make_interleaver
from onvif_bmff.recording.track_state import make_track_states as make_track_states

__all__ = [
    "CMAF",
    "CUTS",
    "MP4",
    "NEVER",
    "SPAN_STEPS",
    "Cut",
    "CutCause",
    "DecodeTimes",
    "DropReason",
    "EncryptionEntry",
    "Fragment",
    "FragmentBuilder",
    "FragmentLimits",
    "FragmentTrack",
    "HeaderSource",
    "Interleaver",
    "Moment",
    "OpenSegment",
    "OpenSpans",
    "Origin",
    "PreRoll",
    "Progress",
    "Recorder",
    "RecordingFormat",
    "RecordingTarget",
    "Run",
    "SampleClock",
    "SampleRouter",
    "SegmentBoundary",
    "SegmentLabels",
    "SegmentTotals",
    "SegmentWriter",
    "SharedTime",
    "SpanHeader",
    "SpanKeys",
    "SpanOpener",
    "SpanProtection",
    "SpanSet",
    "SpanSettings",
    "SpanStep",
    "SpanType",
    "SpanWriter",
    "SpanWriterState",
    "Spans",
    "SyncSample",
    "TrackState",
    "TrackTotals",
    "Troubled",
    "UsedKeys",
    "UtcAnchor",
    "WriteFailure",
    "build_header",
    "by_clock",
    "causes_at",
    "checked_spans",
    "content_type_of",
    "decide",
    "encryption_fault",
    "end_silent_tracks",
    "full_content_type",
    "make_interleaver",
    "make_random_access",
    "make_track_states",
    "per_codec",
    "protect",
    "register_format",
    "segment_attributes",
    "since_open",
    "trouble_of",
]
