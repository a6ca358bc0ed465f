"""The end of spans whose track gives nothing any more while others do: no sample will come that closes them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from onvif_bmff.media.track import Sample, TrackType
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.recording.clock_parts import NEVER
from onvif_bmff.recording.open_spans import OpenSpans
from onvif_bmff.recording.track_state import TrackState

__all__ = ["end_silent_tracks"]

_PATIENCE = 10
"""Seconds of media of other tracks after which a track has lost the lead."""
_MICROSECOND = timedelta(microseconds=1)

_Route = Callable[[TrackState, Sample], Sequence[RecordingEvent]]


def end_silent_tracks(
    states: Mapping[int, TrackState], silent: Mapping[int, timedelta], spans: OpenSpans, route: _Route
) -> list[RecordingEvent]:
    """Close the spans of silent tracks where their media ended, if other tracks have gone on long enough.

    Nothing happens in a multiplexed span, where the others' samples cut for all, nor before the open segment is as long
    as configured. What is held back is stored first: a document lasts until the newest sample of another track, or for
    as long as nothing came by the clock of the caller, which is what ``silent`` says of each track.
    """
    newest = max((state.latest for state in states.values() if state.latest is not None), default=NEVER)
    events: list[RecordingEvent] = []
    for track_id, silence in silent.items():
        state = states[track_id]
        latest, now, is_sparse = state.latest, newest, state.track.type is TrackType.METADATA
        last = state.clock.newest
        if is_sparse and last is not None:  # it is stored with the next one, or here
            latest = max(state.time(last), NEVER if latest is None else latest)
            now = max(newest, latest + silence // _MICROSECOND * state.track.timescale * state.factor // 1_000_000)
        due = _due(state, spans, is_sparse=is_sparse)
        if latest is None or due is None or now - latest <= _PATIENCE * state.track.timescale * state.factor:
            continue
        ticks = now // state.factor - state.shift
        if ticks < due:
            continue
        last = state.clock.release(ticks) or state.clock.cut(ticks)
        after = state.clock.after
        for doubted in state.clock.ready():
            events.extend(route(state, doubted))
        state.clock.after = after
        events.extend(() if last is None else route(state, last))
        events.extend(spans.leave(state))
    return events


def _due(state: TrackState, spans: OpenSpans, *, is_sparse: bool) -> int | None:
    """Return the decode time at which a segment of a track is due; None if none is to be ended here.

    That of a document which is held back, and no segment is open, is the one that it would open.
    """
    current, held = state.spans, state.clock.held
    if current is not None and current.multiplexed:
        return None
    due = None if current is None else current.writers[state.track.track_id].due
    if due is not None or not is_sparse or held is None or spans.is_multiplexed:
        return due
    return held.decode_time + spans.segment_ticks(state.track.timescale)
