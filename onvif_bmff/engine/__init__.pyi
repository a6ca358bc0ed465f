from onvif_bmff.engine.arrivals import ArrivalEstimator as ArrivalEstimator
from onvif_bmff.engine.arrivals import SourceClock as SourceClock
from onvif_bmff.engine.arrivals import StampSteps as StampSteps
from onvif_bmff.engine.arrivals import media_epoch as media_epoch
from onvif_bmff.engine.camera_clock import CameraClock as CameraClock
from onvif_bmff.engine.output import RecordingOutput as RecordingOutput
from onvif_bmff.engine.output_state import OutputEvent as OutputEvent
from onvif_bmff.engine.output_state import OutputState as OutputState
from onvif_bmff.engine.output_state import OutputTimes as OutputTimes
from onvif_bmff.engine.output_state import TRANSITIONS as TRANSITIONS
from onvif_bmff.engine.paused import PausedMedia as PausedMedia
from onvif_bmff.engine.paused import WHILE_PAUSED as WHILE_PAUSED
from onvif_bmff.engine.silence import SilenceWatch as SilenceWatch
from onvif_bmff.engine.sources import KeptSample as KeptSample
from onvif_bmff.engine.sources import OpenSource as OpenSource
from onvif_bmff.engine.sources import Route as Route
from onvif_bmff.engine.sources import SourceSet as SourceSet
from onvif_bmff.engine.sources import encoding_name as encoding_name
from onvif_bmff.engine.sources import kept_samples as kept_samples
from onvif_bmff.engine.sources import pick_track as pick_track
from onvif_bmff.engine.sources import since_sync as since_sync
from onvif_bmff.engine.sources import tracks_fed_by as tracks_fed_by
from onvif_bmff.engine.targets import OutputKey as OutputKey
from onvif_bmff.engine.targets import OutputPlan as OutputPlan
from onvif_bmff.engine.targets import TargetMaker as TargetMaker
from onvif_bmff.engine.targets import WrappingPolicy as WrappingPolicy
from onvif_bmff.engine.topics import SegmentTopics as SegmentTopics
from onvif_bmff.engine.track_choice import Accepts as Accepts
from onvif_bmff.engine.track_choice import TrackChoice as TrackChoice
from onvif_bmff.engine.track_reports import Report as Report
from onvif_bmff.engine.track_reports import TrackReports as TrackReports

__all__ = [
    "TRANSITIONS",
    "WHILE_PAUSED",
    "Accepts",
    "ArrivalEstimator",
    "CameraClock",
    "KeptSample",
    "OpenSource",
    "OutputEvent",
    "OutputKey",
    "OutputPlan",
    "OutputState",
    "OutputTimes",
    "PausedMedia",
    "RecordingOutput",
    "Report",
    "Route",
    "SegmentTopics",
    "SilenceWatch",
    "SourceClock",
    "SourceSet",
    "StampSteps",
    "TargetMaker",
    "TrackChoice",
    "TrackReports",
    "WrappingPolicy",
    "encoding_name",
    "kept_samples",
    "media_epoch",
    "pick_track",
    "since_sync",
    "tracks_fed_by",
]
