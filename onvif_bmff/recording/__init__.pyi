from onvif_bmff.recording.boundaries import SegmentBoundary as SegmentBoundary
from onvif_bmff.recording.boundaries import by_clock as by_clock
from onvif_bmff.recording.boundaries import since_open as since_open
from onvif_bmff.recording.causes import SyncSample as SyncSample
from onvif_bmff.recording.causes import causes_at as causes_at
from onvif_bmff.recording.causes import skip_checks as skip_checks
from onvif_bmff.recording.clock_follower import ClockFollower as ClockFollower
from onvif_bmff.recording.clock_parts import ClockLimits as ClockLimits
from onvif_bmff.recording.clock_parts import MAX_DURATION as MAX_DURATION
from onvif_bmff.recording.clock_parts import NEVER as NEVER
from onvif_bmff.recording.clock_parts import SharedTime as SharedTime
from onvif_bmff.recording.clock_parts import WrappingCounter as WrappingCounter
from onvif_bmff.recording.codec_cache import per_codec as per_codec
from onvif_bmff.recording.cuts import CUTS as CUTS
from onvif_bmff.recording.cuts import Cut as Cut
from onvif_bmff.recording.cuts import CutCause as CutCause
from onvif_bmff.recording.cuts import Moment as Moment
from onvif_bmff.recording.cuts import Spans as Spans
from onvif_bmff.recording.cuts import decide as decide
from onvif_bmff.recording.documents import Companion as Companion
from onvif_bmff.recording.documents import WaitingDocuments as WaitingDocuments
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
from onvif_bmff.recording.held_back import HeldBack as HeldBack
from onvif_bmff.recording.held_back import settle_times as settle_times
from onvif_bmff.recording.interleave import Interleaver as Interleaver
from onvif_bmff.recording.late_tracks import LateTracks as LateTracks
from onvif_bmff.recording.open_spans import OpenSpans as OpenSpans
from onvif_bmff.recording.opening import SpanOpener as SpanOpener
from onvif_bmff.recording.origin import Origin as Origin
from onvif_bmff.recording.placing import moved_along as moved_along
from onvif_bmff.recording.placing import places as places
from onvif_bmff.recording.placing import without_first as without_first
from onvif_bmff.recording.preroll import PreRoll as PreRoll
from onvif_bmff.recording.progress import ClockTie as ClockTie
from onvif_bmff.recording.progress import LatestReading as LatestReading
from onvif_bmff.recording.progress import Progress as Progress
from onvif_bmff.recording.progress import UtcAnchor as UtcAnchor
from onvif_bmff.recording.quicker_rate import QuickerRate as QuickerRate
from onvif_bmff.recording.readings import CAUGHT_UP as CAUGHT_UP
from onvif_bmff.recording.readings import ClockChoice as ClockChoice
from onvif_bmff.recording.readings import FOLLOWED as FOLLOWED
from onvif_bmff.recording.readings import READINGS as READINGS
from onvif_bmff.recording.readings import ReadingSituation as ReadingSituation
from onvif_bmff.recording.readings import ReadingVerdict as ReadingVerdict
from onvif_bmff.recording.readings import judge_reading as judge_reading
from onvif_bmff.recording.recorder import Recorder as Recorder
from onvif_bmff.recording.rhythm import Rhythm as Rhythm
from onvif_bmff.recording.router import SampleRouter as SampleRouter
from onvif_bmff.recording.sample_clock import SampleClock as SampleClock
from onvif_bmff.recording.sample_times import decoded_from as decoded_from
from onvif_bmff.recording.sample_times import nudged as nudged
from onvif_bmff.recording.sample_times import put as put
from onvif_bmff.recording.sample_times import shown_at as shown_at
from onvif_bmff.recording.sample_times import with_duration as with_duration
from onvif_bmff.recording.segment import FragmentLimits as FragmentLimits
from onvif_bmff.recording.segment import SegmentWriter as SegmentWriter
from onvif_bmff.recording.segment_labels import SegmentLabels as SegmentLabels
from onvif_bmff.recording.segment_labels import segment_attributes as segment_attributes
from onvif_bmff.recording.shaken_stamps import FirstStamps as FirstStamps
from onvif_bmff.recording.shaken_stamps import ShakenStamps as ShakenStamps
from onvif_bmff.recording.silent_tracks import end_silent_tracks as end_silent_tracks
from onvif_bmff.recording.source_line import SourceLine as SourceLine
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
from onvif_bmff.recording.stamps import Bounds as Bounds
from onvif_bmff.recording.stamps import FIRST_PAUSE as FIRST_PAUSE
from onvif_bmff.recording.stamps import Judgement as Judgement
from onvif_bmff.recording.stamps import NOWHERE as NOWHERE
from onvif_bmff.recording.stamps import Neighbours as Neighbours
from onvif_bmff.recording.stamps import STAMPS as STAMPS
from onvif_bmff.recording.stamps import Situation as Situation
from onvif_bmff.recording.stamps import Verdict as Verdict
from onvif_bmff.recording.stamps import even_nominal as even_nominal
from onvif_bmff.recording.stamps import gap_limit as gap_limit
from onvif_bmff.recording.stamps import is_denied as is_denied
from onvif_bmff.recording.stamps import judge as judge
from onvif_bmff.recording.stamps import usual_limit as usual_limit
from onvif_bmff.recording.target import DecodeTimes as DecodeTimes
from onvif_bmff.recording.target import RecordingTarget as RecordingTarget
from onvif_bmff.recording.timing_faults import TimingFault as TimingFault
from onvif_bmff.recording.totals import SegmentTotals as SegmentTotals
from onvif_bmff.recording.totals import TrackTotals as TrackTotals
from onvif_bmff.recording.totals import make_random_access as make_random_access
from onvif_bmff.recording.track_state import TrackState as TrackState
from onvif_bmff.recording.track_state import make_interleaver as make_interleaver
from onvif_bmff.recording.track_state import make_track_states as make_track_states
from onvif_bmff.recording.track_state import ready_samples as ready_samples

__all__ = [
    "CAUGHT_UP",
    "CMAF",
    "CUTS",
    "FIRST_PAUSE",
    "FOLLOWED",
    "MAX_DURATION",
    "MP4",
    "NEVER",
    "NOWHERE",
    "READINGS",
    "SPAN_STEPS",
    "STAMPS",
    "Bounds",
    "ClockChoice",
    "ClockFollower",
    "ClockLimits",
    "ClockTie",
    "Companion",
    "Cut",
    "CutCause",
    "DecodeTimes",
    "DropReason",
    "EncryptionEntry",
    "FirstStamps",
    "Fragment",
    "FragmentBuilder",
    "FragmentLimits",
    "FragmentTrack",
    "HeaderSource",
    "HeldBack",
    "Interleaver",
    "Judgement",
    "LateTracks",
    "LatestReading",
    "Moment",
    "Neighbours",
    "OpenSegment",
    "OpenSpans",
    "Origin",
    "PreRoll",
    "Progress",
    "QuickerRate",
    "ReadingSituation",
    "ReadingVerdict",
    "Recorder",
    "RecordingFormat",
    "RecordingTarget",
    "Rhythm",
    "Run",
    "SampleClock",
    "SampleRouter",
    "SegmentBoundary",
    "SegmentLabels",
    "SegmentTotals",
    "SegmentWriter",
    "ShakenStamps",
    "SharedTime",
    "Situation",
    "SourceLine",
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
    "TimingFault",
    "TrackState",
    "TrackTotals",
    "Troubled",
    "UsedKeys",
    "UtcAnchor",
    "Verdict",
    "WaitingDocuments",
    "WrappingCounter",
    "WriteFailure",
    "build_header",
    "by_clock",
    "causes_at",
    "checked_spans",
    "content_type_of",
    "decide",
    "decoded_from",
    "encryption_fault",
    "end_silent_tracks",
    "even_nominal",
    "full_content_type",
    "gap_limit",
    "is_denied",
    "judge",
    "judge_reading",
    "make_interleaver",
    "make_random_access",
    "make_track_states",
    "moved_along",
    "nudged",
    "per_codec",
    "places",
    "protect",
    "put",
    "ready_samples",
    "register_format",
    "segment_attributes",
    "settle_times",
    "shown_at",
    "since_open",
    "skip_checks",
    "trouble_of",
    "usual_limit",
    "with_duration",
    "without_first",
]
