"""The spans of one activation: what opens and closes them, and which tracks are in them. ONVIF 25.12, B.2."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from onvif_bmff.errors import InvariantError
from onvif_bmff.media.track import Sample
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.recording.cuts import CutCause
from onvif_bmff.recording.dropped import DropReason
from onvif_bmff.recording.opening import SpanOpener
from onvif_bmff.recording.progress import UtcAnchor
from onvif_bmff.recording.span_set import SpanSet
from onvif_bmff.recording.track_state import TrackState

__all__ = ["OpenSpans"]


class OpenSpans:
    """The spans that tracks are in.

    ``current`` are those that opened last; a track may still be in older ones. Times are in ``timescale`` ticks a
    second. What cannot be stored is counted in ``dropped``; the first error since somebody took it is in ``failure``.
    """

    __slots__ = ("_anchor", "_opener", "_states", "_timescale", "current", "dropped", "failure")

    def __init__(
        self,
        states: Mapping[int, TrackState],
        opener: SpanOpener,
        anchor: UtcAnchor,
        timescale: int,
        dropped: Counter[str],
    ) -> None:
        self._states = states
        self._opener = opener
        self._anchor = anchor
        self._timescale = timescale
        self.current: SpanSet | None = None
        self.dropped = dropped
        self.failure: Exception | None = None

    @property
    def is_multiplexed(self) -> bool:
        """Whether one span holds several tracks, or will."""
        tracks = [state.track for state in self._states.values()]
        return any(len(kind.tracks) > 1 for kind in self._opener.target.format.spans(tracks))

    def segment_ticks(self, timescale: int) -> int:
        """Return how long a segment is to be."""
        return self._opener.target.segment_duration * timescale // timedelta(seconds=1)

    def open(self, start: int | None, state: TrackState, sample: Sample) -> SpanSet:
        """Make the spans that all tracks are to enter from ``start`` on, because of a sample of one of them."""
        presented = sample.decode_time + sample.composition_offset
        tie = self._anchor.settle(state, presented, goes_on=start is not None)
        at = tie.clock.utc(presented, state.track.timescale)
        tracks = tuple(other.track_at(state.time(sample)) for other in self._states.values())
        spans = self.current = self._opener.open(tracks, self._timescale, tie, start, at)
        for other in self._states.values():
            other.reserve(spans)
            other.recheck()
        return spans

    def end_segments_early(self, cause: CutCause) -> None:
        """End the open segments at the next sync sample."""
        for state in self._states.values():
            if state.spans is not None:
                state.spans.writers[state.track.track_id].end_segment_early(cause)

    def leave(self, state: TrackState, before: Sample | None = None) -> Sequence[RecordingEvent]:
        """Close the span that a track is in; all tracks of a multiplexed span leave it together."""
        return () if state.spans is None else self.close(state.spans, state.track.track_id, before)

    def close(self, spans: SpanSet, track_id: int, before: Sample | None = None) -> Sequence[RecordingEvent]:
        """Close the span of a track, ``before`` a sample of it that is not in it."""
        writer = spans.writers[track_id]
        for other in self._states.values():
            if other.spans is spans and spans.writers.get(other.track.track_id) is writer:
                other.leave()
        events = writer.close(before)
        if writer.failure is not None:
            self.failure = self.failure or writer.failure.error
            self.dropped[DropReason.NOT_WRITTEN] += writer.failure.lost
            writer.failure = None
        return events

    def close_all(self) -> list[RecordingEvent]:
        """Close the spans of all tracks, and a multiplexed one that all have left to wait for a cut."""
        events: list[RecordingEvent] = []
        for state in self._states.values():
            events.extend(self.leave(state))
        if self.current is not None:
            for track_id in self.current.writers:
                events.extend(self.close(self.current, track_id))
            if not all(writer.closed for writer in self.current.writers.values()):
                raise InvariantError("a span is open after all were closed")
        return events
