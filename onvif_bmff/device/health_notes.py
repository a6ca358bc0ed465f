"""What the health of a device needs and nothing else keeps: errors with their times, and what ended workers did."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from onvif_bmff.device.health import Backlog, NotedError, RecordingHealth
from onvif_bmff.device.steady_clock import SteadyClock
from onvif_bmff.device.worker import OutputProgress, OutputWorker
from onvif_bmff.engine.targets import OutputKey
from onvif_bmff.engine.track_reports import BEYOND_ROOM
from onvif_bmff.logs import CauseLog
from onvif_bmff.runtime import Runtime

_log = logging.getLogger(__name__)

__all__ = ["HealthNotes", "RecordingTotals"]


@dataclass(slots=True)
class RecordingTotals:
    """What the workers of one recording did, all together."""

    dropped: Counter[str] = field(default_factory=Counter)
    backlog: Backlog = Backlog()  # noqa: RUF009 - immutable
    progress: OutputProgress = field(default_factory=OutputProgress)

    def add(self, worker: OutputWorker) -> None:
        """Add a worker."""
        self.dropped.update(_settled(lambda: worker.dropped))
        self.backlog = self.backlog.plus(Backlog(*worker.backlog))
        mine, its = self.progress, worker.progress
        mine.fragments += its.fragments
        if its.last_sample is not None and (mine.last_sample is None or its.last_sample > mine.last_sample):
            mine.last_sample = its.last_sample
        if its.newest_object is not None:
            mine.newest_object = its.newest_object

    def copy(self) -> "RecordingTotals":
        """Return a copy."""
        done = self.progress
        return RecordingTotals(
            Counter(self.dropped),
            self.backlog,
            OutputProgress(done.fragments, done.last_sample, done.newest_object, done.recorded_bytes),
        )


class HealthNotes:
    """Errors and the work of those workers that end, by recording; from any thread.

    ``failure`` is why the device cannot follow its plans now; None if it can. ``log`` is for what may come again and
    again.

    Args:
        clock: its latest instant is when an error occurs.
        runtime: gives the lock.
    """

    def __init__(self, clock: SteadyClock, runtime: Runtime) -> None:
        self._clock = clock
        self._lock = runtime.lock()
        self._errors: dict[str, NotedError] = {}
        self._ended: dict[str, RecordingTotals] = {}
        self._leaving: list[tuple[OutputKey, OutputWorker]] = []
        self.failure: NotedError | None = None
        self.log = CauseLog(_log, clock=runtime.monotonic)

    def error(self, recording: str, text: str | None) -> None:
        """Note and log an error of a recording, or with None that there is none any more."""
        if text is None:
            known = self._errors.get(recording)
            if known is not None:
                what = "recording %s has no error any more; it was: %s"
                self.log.ended((recording, known.text), what, recording, known.text, recording=recording)
            return
        self._errors[recording] = NotedError(text, self._clock.latest)
        self.log.warning((recording, text), "recording %s has an error: %s", recording, text, recording=recording)

    def fail(self, text: str) -> None:
        """Note that the device cannot follow its plans."""
        self.failure = NotedError(text, self._clock.latest)

    def not_followed(self, error: Exception) -> None:
        """Note and log that the device could not follow its plans; it tries again."""
        text = str(error) or type(error).__name__
        self.fail(text)
        self.log.error(type(error).__name__, "the device cannot follow its configuration, and tries again: %s", text)

    def succeed(self) -> None:
        """Note that the device follows its plans, and log it if it could not before."""
        if self.failure is not None:
            self.failure = None
            _log.info("the device follows its configuration again")

    def leave(self, key: OutputKey, worker: OutputWorker) -> None:
        """Note that a worker was asked to end."""
        with self._lock:
            left, self._leaving = self._leaving, [(key, worker)]
            for one in left:
                if not one[1].join(0):
                    self._leaving.append(one)
                else:
                    self._ended.setdefault(one[0].recording, RecordingTotals()).add(one[1])

    @property
    def leaving(self) -> Iterator[tuple[OutputKey, OutputWorker]]:
        """The workers that were asked to end, and had not when the last one was; the last one first."""
        return iter(list(self._leaving))

    def forget(self, recording: str) -> None:
        """Forget a recording that was deleted."""
        with self._lock:
            self._errors.pop(recording, None)
            self._ended.pop(recording, None)

    def totals(self, recording: str, workers: Iterator[OutputWorker]) -> RecordingTotals:
        """Return what the given workers of a recording did, and those before them."""
        with self._lock:
            ended = self._ended.get(recording)
            found = RecordingTotals() if ended is None else ended.copy()
            for key, worker in self._leaving:
                if key.recording == recording:
                    found.add(worker)
        for worker in workers:
            found.add(worker)
        return found

    def describe(self, plain: RecordingHealth, workers: Iterator[OutputWorker]) -> RecordingHealth:
        """Return the health of a recording with what its workers did, and its last error."""
        found = self.totals(plain.recording, workers)
        return RecordingHealth(
            plain.recording,
            plain.wanted,
            plain.continuous,
            plain.state,
            plain.error,
            found.progress.last_sample,
            found.progress.newest_object,
            found.progress.fragments,
            found.backlog,
            dict(found.dropped),
            found.dropped[BEYOND_ROOM],
            plain.clock_offset,
            plain.drift,
            self._errors.get(plain.recording),
        )


def _settled(look: Callable[[], Counter[str]]) -> Counter[str]:
    """Return counts that another thread may be adding to."""
    for _ in range(10):
        try:
            return look()
        except RuntimeError:  # a reason came for the first time meanwhile; the next look finds it
            continue
    return Counter()
