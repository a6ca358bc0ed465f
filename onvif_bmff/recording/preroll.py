"""What was seen before an event: a buffer that begins with a sync sample. ONVIF Recording Control 25.12, 5.3.4."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from math import lcm
from statistics import median_low
from typing import NamedTuple

from onvif_bmff.errors import InvariantError, MediaError
from onvif_bmff.media.track import Sample, Track, TrackType, lead_of

__all__ = ["PreRoll"]

_MICROSECOND = timedelta(microseconds=1)
_STEP = 10
"""Seconds by which a time is off that does not go on from those before it."""
_LEAST = 5
"""Part of a second by which a clock is set at least; less is followed."""
_LATER = 2
"""Seconds of media within which a track shows that its clock was set, once that is known; its next sample may."""
_FEW = 2
"""Samples that do not tell how far apart they usually are."""
_ALIKE = 4
"""What part of a step the distance of two samples may be off that shows it."""


class _Times:
    """The times of a source's samples in common ticks, which go on where its clock is set.

    ``stepped`` is by how much it was set then, until that is known otherwise; ``stepped_at``: behind which sample. What
    comes now is ``given_up``: it belongs to a GOP for which there was no room. ``awaited`` are smaller steps that are
    known and have not been seen: their ticks by track, and the time after which they come; ``announced`` is a larger
    one. ``sparse`` are documents.
    """

    __slots__ = (
        "_ahead", "_factors", "announced", "awaited", "given_up", "newest", "sparse", "stepped", "stepped_at",
        "timescale",
    )  # fmt: skip

    def __init__(self, tracks: Sequence[Track]) -> None:
        self.timescale = timescale = lcm(*(track.timescale for track in tracks))
        self._factors = {track.track_id: timescale // track.timescale for track in tracks}
        self._ahead: int | None = None
        self.newest = self.stepped = self.stepped_at = 0
        self.given_up = False
        self.sparse = {track.track_id for track in tracks if track.type is TrackType.METADATA}
        self.awaited: dict[int, tuple[int, int]] = {}
        self.announced: tuple[int, int] | None = None

    def of(self, sample: Sample) -> int:
        """Return when a sample is shown. ``MediaError`` for an unknown track."""
        factor = self._factors.get(sample.track_id)
        if factor is None:
            raise MediaError(f"the pre-roll has no track {sample.track_id}")
        time = (sample.decode_time + sample.composition_offset) * factor
        if self._ahead is None:
            self._ahead = 0
            self.newest = time
        elif abs(time - self._ahead - self.newest) > _STEP * self.timescale:
            self.stepped = time - self.newest - self._ahead
            self._ahead = time - self.newest
        return time - self._ahead

    def is_as_far(self, by: int) -> bool:
        """Whether the clock was set by about so many ticks, and it is not known yet by how much."""
        return self.stepped != 0 and abs(self.stepped - by) <= _STEP * self.timescale

    def moved(self, sample: Sample, by: int) -> Sample:
        """Return a sample so many common ticks later."""
        return replace(sample, decode_time=sample.decode_time + by // self._factors[sample.track_id])

    def is_away(self, sample: Sample, since: int) -> bool:
        """Return whether a sample is so far from a time of its track that this one's clock was not set there."""
        return abs(sample.decode_time - since) * self._factors[sample.track_id] > _LATER * self.timescale

    def step_of(self, samples: Sequence[tuple[int, int, Sample]], by: int) -> "_Step | None":
        """Return where the clock of a track was set by so many ticks; None if that is not seen.

        It is less or more by that to the next sample than samples usually are apart.
        """
        if len(samples) <= _FEW:
            return None
        apart = [
            (after[2].decode_time - before[2].decode_time) * self._factors[before[2].track_id]
            for before, after in pairwise(samples)
        ]
        usual = median_low(apart)
        off, at = min((abs(one - usual - by), number) for number, one in enumerate(apart))
        return _Step(by, samples[at], samples[at + 1], usual) if off * _ALIKE <= abs(by) else None


class _Step(NamedTuple):
    """A clock that was set ``by`` so many common ticks between two samples of a track, which are ``usual`` apart."""

    by: int
    before: tuple[int, int, Sample]
    after: tuple[int, int, Sample]
    usual: int

    def is_before(self, time: int, number: int) -> bool:
        """Whether a sample of the time and number is from before it; one in between is if its time can be."""
        last, since, _ = self.before
        return number <= since or (number < self.after[1] and 0 <= time - last <= self.usual)


class PreRoll:
    """Keeps the newest samples, at least ``before`` back and always from a sync sample of the leading track on.

    ``push`` every sample; ``release`` at the event gives them, oldest first, and empties the buffer. Where it is fed
    while an event is recorded, too, ``mark_recorded`` and ``kept`` tell what the next one still lacks. With ``before``
    zero the GOP under way is kept, so that even an event without duration records an I-frame. No more than
    ``max_bytes`` are kept: then the oldest GOPs go, and a single GOP that is larger is given up until the next sync
    sample. ``missing`` counts what went so.

    Times that step by more than ten seconds count as going on, so that a source whose clock is set loses nothing; where
    that is confirmed, ``redate`` lets those from before keep their place, as it does with smaller steps.
    """

    __slots__ = (
        "_before", "_count", "_lead_id", "_left_out", "_max_bytes", "_missed", "_recorded", "_samples", "_size",
        "_starts", "_times", "_wanted",
    )  # fmt: skip

    def __init__(self, tracks: Sequence[Track], before: timedelta, *, max_bytes: int = 64 << 20) -> None:
        if before < timedelta(0) or max_bytes <= 0:
            raise MediaError("a pre-roll needs a duration that is not negative, and room")
        self._times = _Times(tracks)
        self._lead_id = lead_of(tracks).track_id
        self.keep(before)
        self._max_bytes = max_bytes
        self._samples: deque[tuple[int, int, Sample]] = deque()
        self._starts: deque[int] = deque()
        self._size = 0
        self._count = 0
        self._recorded: dict[int, int] = {}
        self._left_out: dict[int, int] = {}
        self._missed: deque[tuple[int, int, int]] = deque()

    @property
    def before(self) -> timedelta:
        """How much is kept at least."""
        return self._wanted

    def keep(self, before: timedelta) -> None:
        """Keep another length from now on. ``MediaError`` if it is negative."""
        if before < timedelta(0):
            raise MediaError("a pre-roll needs a duration that is not negative, and room")
        self._wanted = before
        self._before = before // _MICROSECOND * self._times.timescale // 1_000_000

    @property
    def size(self) -> int:
        """Bytes of media kept."""
        return self._size

    def push(self, sample: Sample) -> None:
        """Take the next sample; forget what is no longer needed. ``MediaError`` for an unknown track."""
        times = self._times
        stepped = times.stepped
        time = times.of(sample)
        if times.stepped != stepped:
            times.stepped_at = self._count
        if times.announced is not None:
            self._look_for_announced(*times.announced)
        self._count += 1
        times.newest = max(times.newest, time)
        oldest = times.newest - self._before
        begins = sample.track_id == self._lead_id and bool(sample.sync and sample.data)
        if begins:
            self._starts.append(time)
        elif not self._starts and sample.track_id == self._lead_id:
            if times.given_up:
                self._missed.append((time, self._count, sample.track_id))
                self._forget_missed(oldest)
            return
        self._samples.append((time, self._count, sample))
        self._size += len(sample.data)
        if sample.track_id in times.awaited:
            self._look_for_step(sample)
        if begins and times.given_up:
            times.given_up = False
            self._forget(time)  # what came since needs no room any more
        while len(self._starts) > 1 and (self._starts[1] <= oldest or self._size > self._max_bytes):
            self._starts.popleft()
            self._forget(self._starts[0])
        if self._size > self._max_bytes:
            times.given_up = True
            self._missed.extend((time, number, one.track_id) for time, number, one in self._samples)
            self.clear()
        self._forget_missed(oldest)

    def _forget_missed(self, oldest: int) -> None:
        while self._missed and self._missed[0][0] < oldest:
            self._missed.popleft()

    def missing(self, since: Fraction) -> int:
        """Return how many samples from ``since`` (seconds of the source) on had no room and are not recorded."""
        early = since * self._times.timescale
        recorded, out = self._recorded, self._left_out
        return sum(
            time >= early and number > max(recorded.get(one, 0), out.get(one, 0)) for time, number, one in self._missed
        )

    def redate(self, by: Fraction) -> None:
        """Note that media time 0 of the source is so many seconds earlier than thought.

        If its clock was set by about as much, samples from before that stay when they were: they are moved by it.
        """
        times = self._times
        ticks = round(by * times.timescale)
        if times.is_as_far(ticks):
            self._let_step(ticks)
        elif abs(ticks) > _STEP * times.timescale:  # of the sample that comes next, if the reading was first
            times.announced = ticks, times.newest
        elif times.timescale <= _LEAST * abs(ticks):
            newest = {sample.track_id: sample for _, _, sample in self._samples if sample.track_id not in times.sparse}
            times.awaited = {track_id: (ticks, sample.decode_time) for track_id, sample in newest.items()}
            for sample in newest.values():
                self._look_for_step(sample)

    def _let_step(self, by: int) -> None:
        """Move what came before the step of more than ten seconds that was seen: that was what the clock was set by."""
        times = self._times
        self._samples = deque(
            (time, number, times.moved(sample, by) if number <= times.stepped_at else sample)
            for time, number, sample in self._samples
        )
        times.stepped, times.announced = 0, None

    def _look_for_announced(self, by: int, since: int) -> None:
        """Move what came before a clock was set that has been read already, if a sample shows it now."""
        times = self._times
        if times.is_as_far(by):
            self._let_step(by)
        elif times.newest - since > _LATER * times.timescale:
            times.announced = None

    def _look_for_step(self, newest: Sample) -> None:
        """Move what came before the clock of a track was set, if its samples show that; documents go along."""
        track_id, times = newest.track_id, self._times
        ticks, since = times.awaited[track_id]
        step = times.step_of([one for one in self._samples if one[2].track_id == track_id], ticks)
        if step is not None:
            self._move({track_id, *(times.sparse if track_id == self._lead_id else ())}, step)
        if step is not None or times.is_away(newest, since):
            del times.awaited[track_id]

    def _move(self, track_ids: set[int], step: _Step) -> None:
        """Move what is kept of some tracks from before a step."""
        times, by = self._times, step.by
        self._samples = deque(
            (time + by, number, times.moved(sample, by))
            if sample.track_id in track_ids and step.is_before(time, number)
            else (time, number, sample)
            for time, number, sample in self._samples
        )
        times.newest = max(time for time, _, _ in self._samples)
        self._starts = deque(time for time, _, one in self._samples if self._leads(one) and one.sync and one.data)

    def mark_recorded(self, track_ids: Iterable[int]) -> None:
        """Note that all samples of some tracks that were pushed so far are recorded."""
        for track_id in track_ids:
            self._recorded[track_id] = self._count

    def leave_out(self, track_id: int) -> None:
        """Note that no sample of a track that was pushed so far is to be recorded ever."""
        self._left_out[track_id] = self._count

    def kept(self) -> list[tuple[Sample, bool]]:
        """Return the samples, oldest first within each track, each with whether it is recorded; they stay.

        Those that are left out are not among them.
        """
        start, recorded, out = self._starts[0] if self._starts else None, self._recorded, self._left_out
        return [
            (sample, number <= recorded.get(sample.track_id, 0))
            for time, number, sample in self._samples
            if (start is None or time >= start or self._leads(sample)) and number > out.get(sample.track_id, 0)
        ]

    def release(self) -> list[Sample]:
        """Return the samples, oldest first within each track, and forget them."""
        found = [sample for sample, _ in self.kept()]
        self.clear()
        return found

    def forget(self, track_id: int) -> int:
        """Forget a track's samples, with the leading track's all others too; return how many samples went.

        For a track whose codec changes: what is kept always belongs to the present one.
        """
        count = len(self._samples)
        if track_id == self._lead_id:
            self.clear()
        else:
            self._samples = deque(one for one in self._samples if one[2].track_id != track_id)
            self._size = sum(len(sample.data) for _, _, sample in self._samples)
        return count - len(self._samples)

    def clear(self) -> None:
        """Forget everything."""
        self._samples.clear()
        self._starts.clear()
        self._size = 0

    def _leads(self, sample: Sample) -> bool:
        return sample.track_id == self._lead_id

    def _forget(self, start: int) -> None:
        """Drop samples up to the leading track's sync sample at ``start``."""
        kept: deque[tuple[int, int, Sample]] = deque()
        oldest = self._times.newest - self._before
        while self._samples:
            one = time, number, sample = self._samples.popleft()
            if self._leads(sample) and sample.sync and time >= start:
                self._samples.appendleft(one)
                break
            if time >= start and not self._leads(sample):
                kept.append(one)
            else:
                self._size -= len(sample.data)
                if start > oldest:
                    self._missed.append((time, number, sample.track_id))
        self._samples.extendleft(reversed(kept))
        if self._size < 0 or (self._size and not self._samples):
            raise InvariantError(f"{len(self._samples)} samples are kept for events, of {self._size} bytes")
