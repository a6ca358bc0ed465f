"""Selects the samples of a time range, such that all can be decoded and none comes twice."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from onvif_bmff.media.track import TrackType
from onvif_bmff.playback.played import PlayedSample
from onvif_bmff.timing import UtcTime

__all__ = ["SAME_TIME", "RangeGate"]

SAME_TIME = 2_000
"""Microseconds by which a span may begin before another ends and still follow it: keys have milliseconds."""
_FOLLOWED = 100_000
"""Microseconds by which its key may be earlier than the end of the one before: a recorder follows its clock so far."""
_BEHIND = 600_000
"""Microseconds by which the clock of a span may be behind its keys: 500 (``SpanReading.follow``), and one step more."""
_MAX_REORDERING = 17
"""After so many successive samples in decoding order presented after the end, none follows that is presented before:
H.264 and H.265 reorder by at most 16 pictures."""
_REORDERING = 1_000_000
"""Microseconds of decoding after which no picture is presented earlier than those before."""


@dataclass(slots=True)
class _TrackGate:
    """State of one track.

    ``reach`` (µs): what earlier spans cover, unless the first sample of this one is at ``follows`` or later;
    ``before``: samples that wait for one after the start; ``after``: samples after the end that wait for one before it.
    """

    is_open: bool
    is_video: bool
    last: PlayedSample | None = None
    reach: int | None = None
    follows: int | None = None
    need_sync: bool = True
    before: list[PlayedSample] = field(default_factory=list)
    after: list[PlayedSample] = field(default_factory=list)
    done: bool = False


class RangeGate:
    """Takes the samples of one kind of spans in decoding order and returns those of the range.

    For each track these are the samples from the last sync sample at or before ``start`` to the last one presented
    before ``end``. After a loss a track continues with its next sync sample. Of spans that overlap, the first counts;
    one that begins no more than 100 ms before the end of another, by keys, follows it: nothing of it is skipped.
    """

    def __init__(self, start: UtcTime | None, end: UtcTime | None) -> None:
        self._start = None if start is None else start.microseconds
        self._end = None if end is None else end.microseconds
        self._gates: dict[int, _TrackGate] = {}

    @property
    def done(self) -> bool:
        """Whether all tracks seen so far are past the end."""
        return bool(self._gates) and all(gate.done for gate in self._gates.values())

    def open_span(self, over: UtcTime | None = None) -> None:
        """Begin a new span: what it has of the time already covered is skipped.

        ``over`` is where the span before it ended by its keys, if that is known. It is earlier than the clock of that
        span's beginning says where a recorder followed a clock that runs slow.
        """
        for gate in self._gates.values():
            last = gate.last
            if last is not None:
                ticks = last.sample.decode_time + last.sample.duration
                reach = last.clock.microseconds(ticks, last.track.timescale)
                if over is not None and abs(reach - over.microseconds) <= _BEHIND:
                    reach = min(reach, over.microseconds)
                    gate.follows = reach - _FOLLOWED - SAME_TIME
                gate.reach = reach - SAME_TIME

    def interrupted(self) -> None:
        """Note that samples are missing here."""
        for gate in self._gates.values():
            gate.need_sync = True

    def push(self, played: PlayedSample) -> Iterable[PlayedSample]:
        """Take a sample; return the samples that pass now."""
        gate = self._gates.get(played.track.number)
        if gate is None:
            is_video = played.track.type is TrackType.VIDEO
            gate = self._gates[played.track.number] = _TrackGate(self._start is None, is_video)
        sample = played.sample
        if gate.done or (gate.need_sync and not sample.sync):
            return ()
        if gate.reach is not None:
            reach, gate.follows = gate.reach if gate.follows is None else gate.follows, None
            if played.decode_microseconds < reach:
                gate.need_sync = True
                return ()
            gate.reach = None
        gate.need_sync = False
        gate.last = played
        if gate.is_open and self._end is None:
            return (played,)
        clock, timescale = played.clock, played.track.timescale
        time = clock.microseconds(sample.decode_time + sample.composition_offset, timescale)
        ready: list[PlayedSample] = []
        if not gate.is_open:
            if self._start is not None and time <= self._start:
                if sample.sync:
                    gate.before = []
                gate.before.append(played)
                return ()
            ready = self._open(gate, starts_anew=sample.sync and not _leads(gate, time))
        if self._end is not None and time >= self._end:
            gate.after.append(played)
            many = _MAX_REORDERING if gate.is_video else 1
            gate.done = len(gate.after) >= many
            return ready
        if gate.after:
            ready += gate.after
            gate.after = []
        ready.append(played)
        return ready

    def flush(self) -> list[PlayedSample]:
        """Return the samples that wait for one after the start, if they reach beyond it."""
        return [
            played
            for gate in self._gates.values()
            if not gate.is_open
            for played in self._opened(gate, starts_anew=True)
        ]

    def _open(self, current: _TrackGate, *, starts_anew: bool) -> list[PlayedSample]:
        """Open a track at its first sample after the start; return its waiting samples and those of video, in order."""
        found: list[PlayedSample] = []
        for gate in self._gates.values():
            if gate is current:
                found += self._opened(gate, starts_anew=starts_anew)
            elif gate.is_video and not gate.is_open:
                waiting = self._opened(gate, starts_anew=False)
                gate.need_sync = not waiting
                found += waiting
        found.sort(key=lambda played: played.decode_microseconds)
        return found

    def _opened(self, gate: _TrackGate, *, starts_anew: bool) -> list[PlayedSample]:
        """Return the waiting samples of a track, unless all of them end by the start.

        As pictures are reordered, that is certain only at a sync sample (``starts_anew``), or after some time.
        """
        gate.is_open = True
        waiting, gate.before = gate.before, []
        over = (self._start or 0) - (0 if starts_anew else _REORDERING)
        return waiting if waiting and _end_of(waiting) > over else []


def _leads(gate: _TrackGate, time: int) -> bool:
    """Return whether pictures may follow that are shown before their key frame, at ``time``: none reaches up to it."""
    if not gate.is_video or not gate.before:
        return False
    return SAME_TIME < time - _end_of(gate.before) < _REORDERING


def _end_of(waiting: list[PlayedSample]) -> int:
    found = []
    for played in waiting:
        ticks = played.sample.decode_time + played.sample.composition_offset + played.sample.duration
        found.append(played.clock.microseconds(ticks, played.track.timescale))
    return max(found)
