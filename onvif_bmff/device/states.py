"""Track states that outputs report, combined and reported to the service."""

from collections.abc import Callable

from onvif_bmff.control.plan import DevicePlan
from onvif_bmff.control.types.job_state import RecordingJobState, TrackReport
from onvif_bmff.engine.targets import OutputKey
from onvif_bmff.runtime import SYSTEM, Runtime

__all__ = ["TrackStates"]

_RANK = {RecordingJobState.ERROR: 0, RecordingJobState.ACTIVE: 1, RecordingJobState.IDLE: 2}


class TrackStates:
    """The state of every track that is fed, whichever outputs write it; an error of any of them is the track's.

    Args:
        report: ``DeviceSide.report_track_state``.
        noted: called with the recording and the text of each error, and with None when it has none any more.
        runtime: gives the lock.
    """

    def __init__(
        self,
        report: Callable[[str, str, RecordingJobState, str | None], bool],
        runtime: Runtime = SYSTEM,
        noted: Callable[[str, str | None], object] = lambda recording, error: None,
    ) -> None:
        self._report = report
        self._noted = noted
        self._in_error: set[str] = set()
        self._lock = runtime.lock()
        self._said: dict[tuple[str, str], dict[OutputKey, TrackReport]] = {}
        self._jobs: dict[tuple[str, str], str] = {}

    def report(self, output: OutputKey, track: str, state: RecordingJobState, error: str | None) -> None:
        """Take the state of a track of an output."""
        where = (output.recording, track)
        with self._lock:
            self._said.setdefault(where, {})[output] = TrackReport(state, error)
            job, found = self._jobs.get(where), self._found(where)
            worst = self._worst(output.recording)
        if state is RecordingJobState.ERROR:
            self._in_error.add(output.recording)
            self._noted(output.recording, error or "an error without a text")
        elif output.recording in self._in_error and worst.state is not RecordingJobState.ERROR:
            self._in_error.discard(output.recording)
            self._noted(output.recording, None)
        if job is not None and found is not None:
            self._report(job, track, found.state, found.error)

    def forget(self, output: OutputKey, track: str) -> None:
        """Forget the state of a track of an output."""
        with self._lock:
            self._said.get((output.recording, track), {}).pop(output, None)

    def drop(self, output: OutputKey) -> None:
        """Forget all states of an output."""
        with self._lock:
            for where, said in self._said.items():
                if where[0] == output.recording:
                    said.pop(output, None)

    def follow(self, plan: DevicePlan) -> None:
        """Take the feeds of a plan, and report to the service the states that it does not have."""
        jobs = {
            (recording.token, track): feed.job
            for recording in plan.recordings.values()
            for track, feed in recording.feeds.items()
        }
        with self._lock:
            self._jobs = jobs
            self._said = {where: said for where, said in self._said.items() if where[0] in plan.recordings}
            wanted = {where: self._found(where) for where in jobs}
        for (recording, track), report in wanted.items():
            job = jobs[recording, track]
            known = plan.recordings[recording].reports.get((job, track))
            if report is not None and report != known:
                self._report(job, track, report.state, report.error)

    def of(self, recording: str) -> TrackReport:
        """Return the worst state of the tracks of a recording that are fed, and its error; Idle without any."""
        with self._lock:
            return self._worst(recording)

    def _worst(self, recording: str) -> TrackReport:
        found = [self._found(where) for where in self._jobs if where[0] == recording]
        states = [report for report in found if report is not None]
        return min(states, key=lambda report: _RANK[report.state], default=TrackReport(RecordingJobState.IDLE, None))

    def _found(self, where: tuple[str, str]) -> TrackReport | None:
        said = self._said.get(where)
        return min(said.values(), key=lambda report: _RANK[report.state]) if said else None
