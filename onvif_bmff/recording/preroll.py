"""What was seen before an event: a buffer that begins with a sync sample. ONVIF Recording Control 25.12, 5.3.4."""

from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from math import lcm

from onvif_bmff.errors import InvariantError, MediaError
from onvif_bmff.media.track import Sample, Track, lead_of

__all__ = ["PreRoll"]

_MICROSECOND = timedelta(microseconds=1)


class PreRoll:
    """Keeps the newest samples, at least ``before`` back and always from a sync sample of the leading track on.

    ``push`` every sample while no event is on; ``release`` at the event gives them, oldest first, and empties the
    buffer. With ``before`` zero that is still the GOP under way, so that even an event without duration records an
    I-frame. No more than ``max_bytes`` are kept: then the oldest GOPs go, and a single GOP that is larger is given up
    until the next sync sample.
    """

    __slots__ = (
        "_before",
        "_factors",
        "_lead_id",
        "_max_bytes",
        "_newest",
        "_samples",
        "_size",
        "_starts",
        "_timescale",
        "_wanted",
    )

    def __init__(self, tracks: Sequence[Track], before: timedelta, *, max_bytes: int = 64 << 20) -> None:
        if before < timedelta(0) or max_bytes <= 0:
            raise MediaError("a pre-roll needs a duration that is not negative, and room")
        self._timescale = timescale = lcm(*(track.timescale for track in tracks))
        self._factors = {track.track_id: timescale // track.timescale for track in tracks}
        self._lead_id = lead_of(tracks).track_id
        self.keep(before)
        self._max_bytes = max_bytes
        self._samples: deque[tuple[int, Sample]] = deque()
        self._starts: deque[int] = deque()
        self._size = 0
        self._newest = 0

    @property
    def before(self) -> timedelta:
        """How much is kept at least."""
        return self._wanted

    def keep(self, before: timedelta) -> None:
        """Keep another length from now on. ``MediaError`` if it is negative."""
        if before < timedelta(0):
            raise MediaError("a pre-roll needs a duration that is not negative, and room")
        self._wanted = before
        self._before = before // _MICROSECOND * self._timescale // 1_000_000

    @property
    def size(self) -> int:
        """Bytes of media kept."""
        return self._size

    def push(self, sample: Sample) -> None:
        """Take the next sample; forget what is no longer needed. ``MediaError`` for an unknown track."""
        factor = self._factors.get(sample.track_id)
        if factor is None:
            raise MediaError(f"the pre-roll has no track {sample.track_id}")
        time = (sample.decode_time + sample.composition_offset) * factor
        if sample.track_id == self._lead_id and sample.sync and sample.data:
            self._starts.append(time)
        elif not self._starts and sample.track_id == self._lead_id:
            return
        self._samples.append((time, sample))
        self._size += len(sample.data)
        self._newest = max(self._newest, time)
        while len(self._starts) > 1 and (
            self._starts[1] <= self._newest - self._before or self._size > self._max_bytes
        ):
            self._starts.popleft()
            self._forget(self._starts[0])
        if self._size > self._max_bytes:
            self.clear()

    def release(self) -> list[Sample]:
        """Return the samples, oldest first within each track, and forget them."""
        start = self._starts[0] if self._starts else None
        found = [sample for time, sample in self._samples if start is None or time >= start or self._leads(sample)]
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
            self._samples = deque(one for one in self._samples if one[1].track_id != track_id)
            self._size = sum(len(sample.data) for _, sample in self._samples)
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
        kept: deque[tuple[int, Sample]] = deque()
        while self._samples:
            time, sample = self._samples.popleft()
            if self._leads(sample) and sample.sync and time >= start:
                self._samples.appendleft((time, sample))
                break
            if time >= start and not self._leads(sample):
                kept.append((time, sample))
            else:
                self._size -= len(sample.data)
        self._samples.extendleft(reversed(kept))
        if self._size < 0 or (self._size and not self._samples):
            raise InvariantError(f"{len(self._samples)} samples are kept for events, of {self._size} bytes")
