"""All open spans of one recording. ONVIF Recording Control 25.12, Annex B.

::

    Sample ─ SampleClock ─ SampleRouter ─ SpanWriter ─ SegmentWriter ─ FragmentBuilder
               one a track   [Interleaver]   one a span
                                MP4 only

The recorder does no I/O and reads no clock: samples go in, events come out, in order. Here is what callers ask of it,
and what errors come out when. A recorder has a ``SampleRouter`` while it is active: to it go samples whose times are
final, and all that may close something. How samples find their spans is in there, and what closes when in the table of
``cuts``.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from math import lcm

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.errors import MediaError, StateError
from onvif_bmff.media.clock_reading import ClockReading
from onvif_bmff.media.track import Sample, Track, TrackType
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.recording.boundaries import SegmentBoundary, since_open
from onvif_bmff.recording.clock_follower import ClockFollower
from onvif_bmff.recording.cuts import CutCause
from onvif_bmff.recording.dropped import DropReason
from onvif_bmff.recording.formats import checked_spans
from onvif_bmff.recording.opening import SpanOpener
from onvif_bmff.recording.progress import UtcAnchor
from onvif_bmff.recording.readings import ClockChoice
from onvif_bmff.recording.router import SampleRouter
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.silent_tracks import end_silent_tracks
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.recording.track_state import TrackState, make_track_states
from onvif_bmff.timing import UtcTime

__all__ = ["Recorder"]

_MICROSECOND = timedelta(microseconds=1)


class Recorder:
    """Records the samples of some tracks as a target says.

    ``activate``, then ``push`` samples (each track in decode order), then ``deactivate``; again as often as you like.
    Each call returns the events that it caused, to be applied to a store in order. More than ``max_gap`` seconds
    without a sample end a span (None: the target's, or by the rule of ``gap_limit``). ``timestamp_bits`` is the width
    of the source's counter where it wraps (32 for RTP); ``clock`` says whose readings are followed (``read_clock``).
    ``ivs`` gives initialisation vectors: share one among all recorders that use a key. ``dropped`` counts samples that
    were not stored, by reason (``DropReason``), and ``timing`` what was wrong with their times (``TimingFault``).

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
        max_gap: Fraction | None = None,
        timestamp_bits: int | None = None,
        clock: ClockChoice = ClockChoice.AUTO,
    ) -> None:
        given = tuple(tracks)
        checked_spans(target.format, given)
        max_gap = None if max_gap is None else _seconds(max_gap, "max_gap")
        if timestamp_bits is not None and not 1 <= timestamp_bits <= 64:
            raise MediaError(f"a counter of {timestamp_bits} bits: it has 1 to 64")
        self._tracks = {track.track_id: track for track in given}
        if len(self._tracks) < len(given):
            raise MediaError("two tracks have one number")
        self._opener = SpanOpener(target, labels, limits, boundary, ivs)
        self._labels = labels
        self._max_gap = max_gap
        self._timestamp_bits = timestamp_bits
        self._clock_choice = ClockChoice(clock)
        self._follower: ClockFollower | None = None
        self._router: SampleRouter | None = None
        self._pending_events: list[RecordingEvent] = []
        self._failure: Exception | None = None
        self.dropped: Counter[str] = Counter()
        self.timing: Counter[str] = Counter()

    @property
    def target(self) -> RecordingTarget:
        """The target in force for spans that open from now on."""
        return self._opener.target

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks."""
        return tuple(self._tracks.values())

    @property
    def active(self) -> bool:
        """Whether the recording is activated."""
        return self._router is not None

    @property
    def failure(self) -> Exception | None:
        """Why ``deactivate`` left something out; None if it did not."""
        return self._failure

    @property
    def override(self) -> tuple[timedelta, UtcTime] | None:
        """The override of the segment duration and when it expires; None if there is none or it has expired. 5.24."""
        found = self._opener.override
        now = None if self._router is None else self._router.now
        return None if found is not None and now is not None and now >= found[1] else found

    def activate(self, at: UtcTime, *, media_time: Fraction | None = None, event_topic: str | None = None) -> None:
        """Open spans. B.2. ``media_time`` seconds of the source happen ``at``; None: its first sample does.

        ``event_topic`` labels the objects of this activation. Raises ``StateError`` if the recording is active, and
        ``MediaError`` for a ``media_time`` that is no number.
        """
        if self.active:
            raise StateError("the recording is active")
        given = None if media_time is None else _media_clock(at, media_time)
        anchor = UtcAnchor(at, given, counted=self.timing)
        self._failure = None
        self._follower = ClockFollower(self._clock_choice, anchor, self.timing)
        self._opener.labels = self._labels if event_topic is None else replace(self._labels, event_topic=event_topic)
        timescale = lcm(*(track.timescale for track in self.tracks))
        max_gap, wanted = self._max_gap, self.target.max_gap
        if max_gap is None and wanted is not None:
            max_gap = Fraction(wanted // _MICROSECOND, 1_000_000)
        self._router = SampleRouter(
            make_track_states(self.tracks, timescale, max_gap, self._timestamp_bits, self.timing),
            self._opener,
            anchor,
            timescale=timescale,
            max_gap=max_gap,
            dropped=self.dropped,
        )

    def push(self, sample: Sample) -> Sequence[RecordingEvent]:
        """Record a sample.

        Raises ``StateError`` if the recording is not active, ``MediaError`` for an unknown track and for a composition
        offset that no file can hold; nothing has happened then. Any other error, as ``BitstreamError`` or
        ``ProtectionError`` where samples cannot be encrypted, is raised once: the samples of one fragment are lost
        (see ``dropped``), the span has ended before them, recording goes on with the next sync sample, and the events
        of this call come with those of the next.
        """
        router = self._router
        if router is None:
            raise StateError("the recording is not active")
        state = router.states.get(sample.track_id)
        if state is None:
            raise MediaError(f"the recording has no track {sample.track_id}")
        if not sample.data:
            events = self._leave_out(state, sample)
        else:
            ready = state.clock.push(sample)
            if state.announced.asked is not None:
                state.date_change()
            events = router.catch_up(state) if ready is None else router.route(state, ready)
        if self._pending_events or router.spans.failure is not None:
            return self._with_pending(events, router)
        return events

    def _with_pending(self, events: Sequence[RecordingEvent], router: SampleRouter) -> Sequence[RecordingEvent]:
        """Return events after those of a call that raised an error; raise the error of this one, if there is one."""
        failure, router.spans.failure = router.spans.failure, None
        self._pending_events.extend(events)
        if failure is not None:
            raise failure
        pending, self._pending_events = self._pending_events, []
        return pending

    def _leave_out(self, state: TrackState, sample: Sample) -> Sequence[RecordingEvent]:
        """Leave out a sample without bytes, for players refuse a whole file for one; the sample before it lasts on."""
        if sample.data is None:
            raise MediaError(f"track {state.track.track_id}: a sample whose data is None")
        metadata = state.track.type is TrackType.METADATA
        self.dropped[DropReason.EMPTY_DOCUMENT if metadata else DropReason.NO_BYTES] += 1
        state.clock.lengthen(sample)
        return ()

    def deactivate(self) -> list[RecordingEvent]:
        """Close all spans. B.2. ``StateError`` if the recording is not active.

        What cannot be written is left out and counted in ``dropped``, and ``failure`` says why.
        """
        router = self._router
        if router is None:
            raise StateError("the recording is not active")
        events, self._pending_events = self._pending_events, []
        events.extend(router.close())
        self._failure, self._router = router.spans.failure, None
        return events

    def reconfigure(self, target: RecordingTarget) -> None:
        """Change the target. Durations hold from the next segment; the rest closes all spans, as ``cuts`` says.

        Removes an override of the segment duration. Raises ``MediaError`` for a format that cannot hold the tracks.
        5.7, 5.24, B.8.
        """
        checked_spans(target.format, self.tracks)
        opener, router = self._opener, self._router
        old, opener.target, opener.override = opener.target, target, None
        if router is None:
            return
        router.recheck()
        if (old.format, old.prefix, old.postfix, old.digits) != (
            target.format, target.prefix, target.postfix, target.digits,
        ):  # fmt: skip
            router.cut(CutCause.TARGET_CHANGED)
        if old.encryption != target.encryption:
            router.cut(CutCause.ENCRYPTION_CHANGED)

    def replace_track(self, track: Track) -> None:
        """Change a track's codec configuration for the samples that follow; all spans close if it is another. B.2.

        Raises ``MediaError`` if there is no such track, or its type or timescale is not the same.
        """
        old = self._tracks.get(track.track_id)
        if old is None or old.type is not track.type or old.timescale != track.timescale:
            raise MediaError(f"track {track.track_id} cannot be replaced by one of another type or timescale")
        self._tracks[track.track_id] = track
        if self._router is not None:
            self._router.states[track.track_id].announced.asked = track

    def set_clock(self, at: UtcTime, media_time: Fraction) -> None:
        """Tie media time to UTC anew, from the next sync sample on, in new spans. For a wall clock that jumped.

        ``media_time`` is in seconds of the source. ``StateError`` if the recording is not active, ``MediaError`` for a
        time that is no number.
        """
        if self._router is None:
            raise StateError("the recording is not active")
        clock = _media_clock(at, media_time)
        if self._follower is not None:
            self._follower.forget()
        self._router.set_clock(clock)

    def read_clock(self, reading: ClockReading) -> Sequence[RecordingEvent]:
        """Take a reading of a clock for the source's media, as ``clock`` says: docs/time.md has the table.

        Up to 100 ms are followed inside the span, by the keys of the segments that open next; more than that for longer
        than 5 s opens new spans at the next sync sample; spans that open for another reason go by the last reading. A
        camera's reading before 2000, or more than a day off the arrival, is not believed, but counted in ``timing``.
        Returns events, as ``push`` does. ``StateError`` if the recording is not active, ``MediaError`` for a reading of
        a track that it does not have.
        """
        router, follower = self._router, self._follower
        if router is None or follower is None:
            raise StateError("the recording is not active")
        track_id = next(iter(router.states)) if reading.track_id is None else reading.track_id
        state = router.states.get(track_id)
        if state is None:
            raise MediaError(f"the recording has no track {track_id}")
        if follower.read(reading, state):
            router.cut(CutCause.CLOCK_CHANGED)
        return ()

    def end_silent(self, track_ids: Collection[int]) -> Sequence[RecordingEvent]:
        """Close the spans of tracks that give nothing any more while others do, if their segments are long enough.

        For callers with a clock. Nothing happens to a track that leads, nor in MP4 format: what leads cuts for all.
        """
        router = self._router
        return () if router is None else end_silent_tracks(router.states, track_ids, router.spans, router.route)

    def override_segment_duration(self, duration: timedelta, expires: UtcTime) -> None:
        """Close the open segments at the next sync sample and use ``duration`` until ``expires``. 5.24."""
        if duration <= timedelta(0):
            raise MediaError("a segment duration must be positive")
        self._opener.override = (duration, expires)
        if self._router is not None:
            self._router.end_segments(CutCause.DURATION_OVERRIDE)

    def end_segments_early(self) -> None:
        """Close the open segments at the next sync sample, to free resources. B.3."""
        if self._router is not None:
            self._router.end_segments(CutCause.RESOURCES)


def _media_clock(at: UtcTime, media_time: Fraction) -> MediaClock:
    """A clock on which a time in seconds happens at an instant. ``MediaError`` for a time that is no number."""
    time = _seconds(media_time, "media_time")
    return MediaClock(at, time.numerator, time.denominator)


def _seconds(given: Fraction | float, name: str) -> Fraction:
    """A number of seconds as a fraction. ``MediaError`` if it is infinite, or none."""
    try:
        return Fraction(given)
    except (OverflowError, TypeError, ValueError):
        raise MediaError(f"{name} is no number of seconds: {given!r}") from None
