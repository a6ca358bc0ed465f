"""OverrideSegmentDuration: shorter segments for a while (5.24).

The override is kept in memory only, as the specification allows, and never changes SegmentDuration itself. Starting,
replacing and expiring cause events of a changed recording configuration; SetRecordingConfiguration ends it.
"""

from datetime import timedelta

from onvif_bmff.control.faults import ActionNotSupported, BadConfiguration, BadDuration
from onvif_bmff.control.operations.checks import check_types
from onvif_bmff.control.state import Recording
from onvif_bmff.control.transaction import Override, Transaction

__all__ = ["expire_overrides", "override_segment_duration", "segment_duration"]

_MAX_OVERRIDE = timedelta(hours=1)
"""An override must not last longer than this (5.24)."""

_ZERO = timedelta(0)


def override_segment_duration(
    tx: Transaction, recording_token: str, target_segment_duration: timedelta, expiration: timedelta
) -> None:
    """Start an override, or replace the running one and its expiry."""
    if not tx.environment.capabilities.override_segment_duration:
        raise ActionNotSupported
    recording = tx.recording(recording_token)
    check_types(target_segment_duration, timedelta, "TargetSegmentDuration")
    check_types(expiration, timedelta, "Expiration")
    if target_segment_duration <= _ZERO or not _ZERO < expiration <= _MAX_OVERRIDE:
        raise BadDuration("durations must be longer than zero, and Expiration at most one hour")
    target = recording.configuration.target
    if target is None:
        raise BadConfiguration("the recording has no target whose segments could be shortened")
    if tx.environment.limits.override_must_shorten and target_segment_duration >= target.segment_duration:
        raise BadDuration("an override asks for shorter segments than configured")
    tx.volatile.overrides[recording.token] = Override(target_segment_duration, tx.now + expiration)
    tx.emit_configuration(recording)


def expire_overrides(tx: Transaction) -> None:
    """End the overrides whose time is over."""
    for token, override in list(tx.volatile.overrides.items()):
        if override.expires <= tx.now:
            del tx.volatile.overrides[token]
            tx.emit_configuration(tx.recording(token))


def segment_duration(tx: Transaction, recording: Recording) -> timedelta | None:
    """Return the segment duration in force now; None without a target."""
    override = tx.volatile.overrides.get(recording.token)
    target = recording.configuration.target
    if target is None:
        return None
    return target.segment_duration if override is None else override.duration
