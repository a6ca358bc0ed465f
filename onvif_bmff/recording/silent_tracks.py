"""The end of spans whose track gives nothing any more while others do: no sample will come that closes them."""

from collections.abc import Callable, Collection, Mapping, Sequence

from onvif_bmff.media.track import Sample
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.recording.open_spans import OpenSpans
from onvif_bmff.recording.track_state import TrackState

__all__ = ["end_silent_tracks"]

_PATIENCE = 10
"""Seconds of media of other tracks after which a track has lost the lead."""

_Route = Callable[[TrackState, Sample], Sequence[RecordingEvent]]


def end_silent_tracks(
    states: Mapping[int, TrackState], track_ids: Collection[int], spans: OpenSpans, route: _Route
) -> list[RecordingEvent]:
    """Close the spans of silent tracks where their media ended, if other tracks have gone on long enough.

    Nothing happens in a multiplexed span, where the others' samples cut for all, nor before the open segment is as long
    as configured. What is held back is stored first: a document lasts until the newest sample of another track.
    """
    now = max((state.latest for state in states.values() if state.latest is not None), default=0)
    events: list[RecordingEvent] = []
    for track_id, state in states.items():
        if track_id not in track_ids:
            continue
        current, latest = state.spans, state.latest
        if current is None or latest is None or current.multiplexed:
            continue
        due, ticks = current.writers[track_id].due, now // state.factor - state.shift
        if now - latest <= _PATIENCE * state.track.timescale * state.factor or due is None or ticks < due:
            continue
        last = state.clock.release(ticks) or state.clock.cut(ticks)
        gap = state.clock.gap
        for doubted in state.clock.ready():
            events.extend(route(state, doubted))
        state.clock.gap = gap
        events.extend(() if last is None else route(state, last))
        events.extend(spans.leave(state))
    return events
