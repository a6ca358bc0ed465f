from onvif_bmff.recovery.days import newest_after as newest_after
from onvif_bmff.recovery.days import recorded_days as recorded_days
from onvif_bmff.recovery.segment import RecoveredSegment as RecoveredSegment
from onvif_bmff.recovery.segment import recover_segment as recover_segment
from onvif_bmff.recovery.segment import span_end_after as span_end_after
from onvif_bmff.recovery.segment import span_end_before as span_end_before
from onvif_bmff.recovery.store import RecoveryReport as RecoveryReport
from onvif_bmff.recovery.store import recover_store as recover_store
from onvif_bmff.recovery.torn import is_torn as is_torn

__all__ = [
    "RecoveredSegment",
    "RecoveryReport",
    "is_torn",
    "newest_after",
    "recorded_days",
    "recover_segment",
    "recover_store",
    "span_end_after",
    "span_end_before",
]
