"""What calls for a cut at a sync sample; what each cause does is in the table of ``cuts``."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import timedelta

from onvif_bmff.media.track import Sample
from onvif_bmff.recording.clock_parts import NEVER
from onvif_bmff.recording.cuts import CutCause
from onvif_bmff.recording.progress import Progress
from onvif_bmff.recording.span_set import SpanSet
from onvif_bmff.recording.stamps import Verdict
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.recording.track_state import TrackState

__all__ = ["SyncSample", "causes_at", "skip_checks"]


@dataclass(frozen=True, slots=True, eq=False)
class SyncSample:
    """A sync sample at its turn: whether its track leads, and what lies between it and the one before.

    That may be a gap, or the source's clock was set there (``after``).
    """

    state: TrackState
    sample: Sample
    leads: bool
    after: Verdict | None

    @property
    def time(self) -> int:
        """When it is decoded, in common ticks."""
        return self.state.time(self.sample)


def causes_at(
    turn: SyncSample, current: SpanSet, pending: Set[CutCause], target: RecordingTarget, progress: Progress
) -> set[CutCause]:
    """Find what calls for a cut at a sync sample: what is ``pending``, and what is due or has changed.

    ``current`` are the spans that opened last; the track may still be in others, or in none.
    """
    state, track_id, leads = turn.state, turn.sample.track_id, turn.leads
    causes: set[CutCause] = set()
    if current.movie[track_id] != state.track and not current.is_ahead(turn.time, leads=leads):
        causes.add(CutCause.MOVIE_CHANGED)
    if state.spans is not current:
        return causes | pending if leads and state.spans is None and current.opened is not None else causes
    if turn.after is Verdict.GAP and (leads or not current.multiplexed):
        causes.add(CutCause.MEDIA_GAP if leads else CutCause.TRACK_GAP)
    elif turn.after is Verdict.DISCONTINUITY and leads:
        causes.add(CutCause.CLOCK_STEPPED)
    if leads or not current.multiplexed:
        causes |= _due(turn, current, target, progress)
    if leads and current.settings.tie.drifts:
        causes.add(CutCause.CLOCK_DRIFTS)
    causes |= pending if leads else pending & {CutCause.ENCRYPTION_CHANGED}
    if causes and current.protection.keys and CutCause.ENCRYPTION_CHANGED not in causes:
        at = current.settings.clock.utc(turn.time, progress.timescale)
        if not current.protection.is_current(target.encryption, at):
            causes.add(CutCause.KEY_ROTATED)
    return causes


def _due(turn: SyncSample, current: SpanSet, target: RecordingTarget, progress: Progress) -> set[CutCause]:
    """Find whether the span or the segment of a track is as long as configured."""
    causes: set[CutCause] = set()
    track_id, limit, patience = turn.sample.track_id, target.span_duration, progress.patience
    if limit is not None:
        due_at = current.due(track_id, limit, patience) + (0 if turn.leads else patience)
        if turn.time >= due_at:
            causes.add(CutCause.SPAN_DURATION)
    due = current.writers[track_id].segment_due(turn.sample)
    if due is not None:
        causes.add(due)
    return causes


def skip_checks(
    turn: SyncSample, current: SpanSet, pending: Set[CutCause], target: RecordingTarget, progress: Progress
) -> None:
    """Have the samples of a track go straight to its writer for as long as none of them can close anything."""
    state = turn.state
    if pending or state.announced.changes or state.breaks:
        return
    writer = current.writers[state.track.track_id]
    if turn.leads or not current.multiplexed:
        state.skip_checks(writer, _next_cut(state, current, target.span_duration, progress.patience))
    else:
        state.skip_checks(writer)


def _next_cut(state: TrackState, spans: SpanSet, span_duration: timedelta | None, patience: int) -> int:
    """Return the decode time from which on a track may be due for a cut if it leads, as things are."""
    track_id = state.track.track_id
    due = spans.writers[track_id].due
    if due is None or span_duration is None:
        return NEVER if due is None else due
    return min(due, spans.due(track_id, span_duration, patience) // state.factor - state.shift)
