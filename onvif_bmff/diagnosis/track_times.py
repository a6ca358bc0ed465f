"""The times of one track, sample by sample: steps, sync samples, its beginning and its end."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from onvif_bmff.diagnosis.episodes import Verdict
from onvif_bmff.diagnosis.observation import Fault
from onvif_bmff.diagnosis.steps import Steps
from onvif_bmff.media_kind import MediaKind

__all__ = ["TrackTimes"]

_LONG_GROUP = 10.0
"""Seconds after which a sync sample is missed."""
_EVEN = 4
"""Documents in a row that show that they come evenly."""


@dataclass(slots=True)
class _Last:
    """The sample before: ticks."""

    time: int
    presented: int
    duration: int


class TrackTimes:
    """Judges the times of a track, and calls ``found`` with each verdict and its media time in seconds.

    ``add`` takes the samples in decode order, ``end`` says that there are no more. Metadata may pause and have no
    regular spacing: only steps back are judged there. Attributes: ``kind`` as given; ``first`` and ``last`` are the
    media times (seconds) at which the track begins and ends, None before the first sample; ``stepped`` is by how much
    its clock was set, or nothing came, as far as that was found.
    """

    __slots__ = (
        "_found", "_last", "_scale", "_spaces", "_steps", "_sync", "_unsynced", "first", "kind", "last", "stepped",
    )  # fmt: skip

    def __init__(self, kind: MediaKind, timescale: int, found: Callable[[Verdict, float], None]) -> None:
        self._found = found
        self.kind = kind
        self._scale = timescale
        self._steps = Steps(self._step)
        self._spaces: deque[float] = deque(maxlen=_EVEN)
        self._last: _Last | None = None
        self._sync: float | None = None
        self._unsynced = 0
        self.first: float | None = None
        self.last: float | None = None
        self.stepped = 0.0

    @property
    def nominal(self) -> float:
        """The usual seconds from one sample to the next; 0 as long as they are unknown."""
        return self._steps.nominal

    def _step(self, verdict: Verdict, time: float) -> None:
        if verdict.fault in (Fault.STEP_BACK, Fault.GAP):
            self.stepped += verdict.seconds
        self._found(verdict, time)

    def add(self, decode_time: int, offset: int, duration: int, *, sync: bool) -> None:
        """Take the next sample; all numbers are ticks."""
        presented, last, scale = decode_time + offset, self._last, self._scale
        if last is None:
            self.first = decode_time / scale
        elif self.kind is not MediaKind.METADATA:
            before = last.time / scale
            self._steps.add(before, (decode_time - last.time) / scale, (presented - last.presented) / scale)
        elif decode_time >= last.time:
            self._spaces.append((decode_time - last.time) / scale)
        else:
            back = (last.time - decode_time) / scale + self._usual_space()
            text = f"the clock was set back by {back:.3f} s"
            self._found(Verdict(Fault.STEP_BACK, text, -back, 1), last.time / scale)
        self._last = _Last(decode_time, presented, duration)
        self.last = (decode_time + duration) / scale
        if self.kind is MediaKind.VIDEO:
            self._group(decode_time / scale, sync=sync)

    def _usual_space(self) -> float:
        """Seconds from one document to the next, if the last ones came evenly; 0 if they come when they like."""
        spaces = self._spaces
        even = len(spaces) == _EVEN and max(spaces) <= min(spaces) * 1.25
        return median(spaces) if even else 0.0

    def _group(self, time: float, *, sync: bool) -> None:
        """Look how far sync samples are apart."""
        if not sync:
            self._unsynced += 1
            return
        self._end_group(time)
        self._sync, self._unsynced = time, 0

    def _end_group(self, time: float) -> None:
        since = self.first if self._sync is None else self._sync
        if since is None or not self._unsynced:
            return
        nominal = self._steps.nominal
        long = (self._unsynced + 1) * nominal if nominal > 0 else time - since  # stamps may be off
        if self._sync is None:
            text = f"begins without one: the first comes after {self._unsynced} pictures, {long:.3f} s"
            self._found(Verdict(Fault.NO_SYNC, text, long, self._unsynced), since)
        elif long > _LONG_GROUP:
            text = f"no sync sample for {long:.3f} s, {self._unsynced} pictures"
            self._found(Verdict(Fault.NO_SYNC, text, long, self._unsynced), since)

    def interrupt(self) -> None:
        """What comes next does not follow: judge what is open, and forget the sample before."""
        self._steps.end()
        self._last = None
        self._sync, self._unsynced, self.first = None, 0, None

    def end(self) -> None:
        """Judge what is open: there are no more samples."""
        self._steps.end()
        if self.last is not None and self._unsynced:
            if self._sync is None:
                text = f"none of {self._unsynced} pictures is a sync sample: nothing can be decoded"
                self._found(
                    Verdict(Fault.NO_SYNC, text, self.last - (self.first or 0), self._unsynced), self.first or 0
                )
            else:
                self._end_group(self.last)
