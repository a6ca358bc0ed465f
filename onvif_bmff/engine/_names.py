"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "arrivals": ("ArrivalEstimator", "SourceClock", "StampSteps", "media_epoch",),
    "camera_clock": ("CameraClock",),
    "output": ("RecordingOutput",),
    "output_state": ("OutputEvent", "OutputState", "OutputTimes", "TRANSITIONS",),
    "paused": ("PausedMedia", "WHILE_PAUSED",),
    "silence": ("SilenceWatch",),
    "sources": (
        "KeptSample",
        "OpenSource",
        "Route",
        "SourceSet",
        "encoding_name",
        "kept_samples",
        "pick_track",
        "since_sync",
        "tracks_fed_by",
    ),
    "targets": ("OutputKey", "OutputPlan", "TargetMaker", "WrappingPolicy",),
    "topics": ("SegmentTopics",),
    "track_choice": ("Accepts", "TrackChoice",),
    "track_reports": ("Report", "TrackReports",),
}
