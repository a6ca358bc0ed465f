"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "days": ("newest_after", "recorded_days",),
    "segment": ("RecoveredSegment", "recover_segment", "span_end_after", "span_end_before",),
    "store": ("RecoveryReport", "recover_store",),
    "torn": ("is_torn",),
}
