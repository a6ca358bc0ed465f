"""All open spans of one recording. ONVIF Recording Control 25.12, Annex B.

::

    Sample ─ SampleClock ─ [Interleaver] ─ SpanWriter ─ SegmentWriter ─ FragmentBuilder
               one a track    MP4 only        one a span

The recorder does no I/O and reads no clock: samples go in, events come out, in order. Here is what callers ask of it;
how samples find their spans is in ``router``, and what closes when in the table of ``cuts``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.errors import MediaError, StateError
from onvif_bmff.media.track import Sample, Track, TrackType
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.recording.boundaries import SegmentBoundary, since_open
from onvif_bmff.recording.cuts import CutCause
from onvif_bmff.recording.dropped import DropReason
from onvif_bmff.recording.opening import SpanOpener
from onvif_bmff.recording.router import SampleRouter
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.recording.segment_attributes import SegmentLabels
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.recording.track_state import NEVER, TrackState, make_interleaver, make_track_states
from onvif_bmff.timing import UtcTime

__all__ = ["Recorder"]


class Recorder(SampleRouter):
    """Records the samples of some tracks as a target says.

    ``activate``, then ``push`` samples (each track in decode order), then ``deactivate``; again as often as you like.
    Each call returns the events that it caused, to be applied to a store in order. ``max_gap`` seconds without a
    sample end a span; ``timestamp_bits`` is the width of the source's counter where it wraps (32 for RTP).
    ``ivs`` gives initialisation vectors: share one among all recorders that use a key. ``dropped`` counts samples
    that were not stored, by reason.

    Raises ``MediaError`` for two tracks with one number, for tracks that the target's format cannot hold, for a
    ``max_gap`` that is no number of seconds, and for ``timestamp_bits`` below 1 or above 64.
    """

    def __init__(
        self,
        tracks: Iterable[Track],
        target: RecordingTarget,
        *,
        labels: SegmentLabels = SegmentLabels(),  # noqa: B008
        limits: FragmentLimits = FragmentLimits(),  # noqa: B008
        boundary: SegmentBoundary = since_open,
        ivs: IvSources | None = None,
        max_gap: Fraction = Fraction(10),
        timestamp_bits: int | None = None,
    ) -> None:
        given = tuple(tracks)
        target.format.spans(given)
        max_gap = _seconds(max_gap, "max_gap")
        if timestamp_bits is not None and not 1 <= timestamp_bits <= 64:
            raise MediaError(f"a counter of {timestamp_bits} bits: it has 1 to 64")
        super().__init__(given, SpanOpener(target, labels, limits, boundary, ivs), max_gap=max_gap)
        self._labels = labels
        self._max_gap = max_gap
        self._timestamp_bits = timestamp_bits

    @property
    def active(self) -> bool:
        """Whether the recording is activated."""
        return self._start is not None

    @property
    def failure(self) -> Exception | None:
        """Why ``deactivate`` left something out; None if it did not."""
        return self._failure

    @property
    def override(self) -> tuple[timedelta, UtcTime] | None:
        """The override of the segment duration and when it expires; None if there is none or it has expired. 5.24."""
        found = self._opener.override
        if found is not None and self._newest > NEVER and self._clock is not None:
            return found if self._clock.utc(self._newest, self._timescale) < found[1] else None
        return found

    def activate(self, at: UtcTime, *, media_time: Fraction | None = None, event_topic: str | None = None) -> None:
        """Open spans. B.2. ``media_time`` seconds of the source happen ``at``; None: its first sample does.

        ``event_topic`` labels the objects of this activation. Raises ``StateError`` if the recording is active, and
        ``MediaError`` for a ``media_time`` that is no number.
        """
        if self.active:
            raise StateError("the recording is active")
        time = None if media_time is None else _seconds(media_time, "media_time")
        self._start = at
        self._clock = self._new_clock = None
        self._pending.clear()
        self._failure = None
        if time is not None:
            self._new_clock = MediaClock(at, time.numerator, time.denominator)
        self._opener.labels = self._labels if event_topic is None else replace(self._labels, event_topic=event_topic)
        self._states = make_track_states(self.tracks, self._timescale, self._max_gap, self._timestamp_bits)
        self._interleaver = make_interleaver(self._states, self._patience, self.target.format.spans(self.tracks))

    def push(self, sample: Sample) -> Sequence[RecordingEvent]:
        """Record a sample.

        Raises ``StateError`` if the recording is not active, ``MediaError`` for an unknown track and for a composition
        offset that no file can hold; nothing has happened then. Any other error, as ``BitstreamError`` or
        ``ProtectionError`` where samples cannot be encrypted, is raised once: the samples of one fragment are lost
        (see ``dropped``), the span has ended before them, recording goes on with the next sync sample, and the events
        of this call come with those of the next.
        """
        state = self._states.get(sample.track_id)
        if state is None:
            if not self.active:
                raise StateError("the recording is not active")
            raise MediaError(f"the recording has no track {sample.track_id}")
        if not sample.data:
            return self._without_bytes(state, sample)
        ready = state.clock.push(sample)
        if state.asked is not None:
            state.date_change()
        if ready is not None:
            if ready.decode_time < state.next_check and not state.clock.gap:  # nearly every sample
                time = (ready.decode_time + state.shift) * state.factor
                if time < self._look_at:
                    state.latest = time
                    if time > self._newest:
                        self._newest = time
                    try:
                        return state.writer.add(ready)
                    except Exception as error:  # of an encryptor: a third-party IV store may raise anything
                        return self._with_pending(self._after_failure(state, ready, state.writer.give_up(error)))
            events = self._ready(state, ready)
            return self._with_pending(events) if self._failure is not None or self._pending_events else events
        if self._spans is not None:
            state.reserve(self._spans)
        return self._with_pending(()) if self._pending_events else ()

    def _without_bytes(self, state: TrackState, sample: Sample) -> Sequence[RecordingEvent]:
        """Leave out a sample without bytes, for players refuse a whole file for one; the sample before it lasts on."""
        if sample.data is None:
            raise MediaError(f"track {state.track.track_id}: a sample whose data is None")
        metadata = state.track.type is TrackType.METADATA
        self.dropped[DropReason.EMPTY_DOCUMENT if metadata else DropReason.NO_BYTES] += 1
        state.clock.lengthen(sample)
        return self._with_pending(()) if self._pending_events else ()

    def deactivate(self) -> list[RecordingEvent]:
        """Close all spans. B.2. ``StateError`` if the recording is not active.

        What cannot be written is left out and counted in ``dropped``, and ``failure`` says why.
        """
        if not self.active:
            raise StateError("the recording is not active")
        events, self._pending_events = self._pending_events, []
        end: int | None = None
        multiplexed = self._interleaver is not None
        for state in self._states.values():  # metadata last: a document lasts as long as other media in its span
            last = state.flush(end if multiplexed else None)
            if last is not None:
                end = max(end or NEVER, state.time(last) + last.duration * state.factor)
                events.extend(self._ready(state, last))
        events.extend(self._drain(end))
        for state in self._states.values():
            events.extend(self._leave(state))
        if self._spans is not None:  # a multiplexed span that all tracks have left to wait for a cut
            for track_id in self._spans.writers:
                events.extend(self._close(self._spans, track_id))
        self._states, self._spans, self._start = {}, None, None
        self._newest, self._look_at = NEVER, 0
        return events

    def reconfigure(self, target: RecordingTarget) -> None:
        """Change the target. Durations hold from the next segment; the rest closes all spans, as ``cuts`` says.

        Removes an override of the segment duration. Raises ``MediaError`` for a format that cannot hold the tracks.
        5.7, 5.24, B.8.
        """
        target.format.spans(self.tracks)
        opener = self._opener
        old, opener.target, opener.override = opener.target, target, None
        self._recheck_all()
        if (old.format, old.prefix, old.postfix, old.digits) != (
            target.format, target.prefix, target.postfix, target.digits,
        ):  # fmt: skip
            self._add_pending(CutCause.TARGET_CHANGED)
        if old.encryption != target.encryption:
            self._add_pending(CutCause.ENCRYPTION_CHANGED)

    def replace_track(self, track: Track) -> None:
        """Change a track's codec configuration for the samples that follow; all spans close if it is another. B.2.

        Raises ``MediaError`` if there is no such track, or its type or timescale is not the same.
        """
        old = self._tracks.get(track.track_id)
        if old is None or old.type is not track.type or old.timescale != track.timescale:
            raise MediaError(f"track {track.track_id} cannot be replaced by one of another type or timescale")
        self._tracks[track.track_id] = track
        state = self._states.get(track.track_id)
        if state is not None:
            state.asked = track

    def set_clock(self, at: UtcTime, media_time: Fraction) -> None:
        """Tie media time to UTC anew, from the next sync sample on, in new spans. For a wall clock that jumped.

        ``media_time`` is in seconds of the source. ``StateError`` if the recording is not active, ``MediaError`` for a
        time that is no number.
        """
        if not self.active:
            raise StateError("the recording is not active")
        time = _seconds(media_time, "media_time")
        self._new_clock = MediaClock(at, time.numerator, time.denominator)
        self._add_pending(CutCause.CLOCK_CHANGED)

    def override_segment_duration(self, duration: timedelta, expires: UtcTime) -> None:
        """Close the open segments at the next sync sample and use ``duration`` until ``expires``. 5.24."""
        if duration <= timedelta(0):
            raise MediaError("a segment duration must be positive")
        self._opener.override = (duration, expires)
        self._end_segments(CutCause.DURATION_OVERRIDE)

    def end_segments_early(self) -> None:
        """Close the open segments at the next sync sample to free resources. B.3."""
        self._end_segments(CutCause.RESOURCES)

    def _end_segments(self, cause: CutCause) -> None:
        self._recheck_all()
        for state in self._states.values():
            if state.spans is not None:
                state.spans.writers[state.track.track_id].end_segment_early(cause)


def _seconds(given: Fraction | float, name: str) -> Fraction:
    """A number of seconds as a fraction. ``MediaError`` if it is infinite, or none."""
    try:
        return Fraction(given)
    except (OverflowError, TypeError, ValueError):
        raise MediaError(f"{name} is no number of seconds: {given!r}") from None
