"""What clients and sources do to the recordings that nobody else touches: events come, jobs are switched off and on.

Each knows afterwards what must be there, or what may be missing.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from onvif_bmff.control import EventMessage, PropertyOperation, RecordingJobMode, RecordingService
from onvif_bmff.device import RecordingDevice
from onvif_bmff.errors import OnvifBmffError
from tests.simulate.cameras import Given
from tests.simulate.oracle import Excuse
from tests.simulate.runtime import Simulation

__all__ = ["MOTION", "EventTimes", "JobPauses"]

MOTION = "tns1:VideoSource/MotionAlarm"
"""A topic of these events alone: neither operators nor storms have it."""
_LATE = 0.1
"""Seconds before the end of a window in which what arrives may be too late for it."""
_WRONG = 0.2
"""Part of the events whose stamps are so wrong that they count as happening when they come."""
_NEAR = 8
"""Windows of events that may be of one time, at most."""


@dataclass(slots=True)
class _Window:
    """From the beginning of an event to its end and After."""

    start: float
    end: float = inf


class EventTimes:
    """Events of motion, each of a condition of its own, and what has to be recorded of them.

    Args:
        simulation: gives time.
        patience: seconds that a camera may take until a recording can begin without a Before.
    """

    def __init__(self, simulation: Simulation, patience: float) -> None:
        self._simulation = simulation
        self._patience = patience
        self._windows: list[_Window] = []
        self._lasting: dict[int, float] = {}
        self._changes: list[tuple[float, int]] = []
        self._lead = 0

    def happen(self, device: RecordingDevice, seconds: float, after: float) -> None:
        """Let motion begin, and end after so many seconds; recording goes on for ``after``."""
        rule = str(len(self._windows))
        if not self._tell(device, rule, "true"):
            return
        self._simulation.hits["events"] += 1
        window = _Window(self._simulation.time)
        self._windows.append(window)
        self._simulation.sleep(seconds)
        self._tell(device, rule, "false")
        now = self._simulation.time
        window.end = min(window.end, now + after)

    def cut(self, time: float) -> None:
        """Note that the device was switched off."""
        for window in self._windows:
            window.end = min(window.end, time)

    def needed(
        self, given: Sequence[Given], lead: int, before: float, behind: Callable[[float], float] = lambda _: 0.0
    ) -> Iterator[bool]:
        """Tell of each sample whether it belongs to an event, with Before; ``lead`` is the leading track.

        Without a Before nothing is kept, and recording begins at the next sync sample. What was kept of a connection
        goes with it: where the camera is away when an event begins, there is no Before. What was kept of a track goes
        when its codec changes, and with the leading track's all the rest.
        """
        self._changes = [(one.at, one.track) for one in given if one.changed]
        self._lead = lead
        self._lasting = {one.session: one.at for one in given}
        starts = [window.start for window in self._windows]
        for one in given:
            near = bisect_right(starts, one.captured + before)
            yield any(self._is_needed(at, one, before, behind) for at in range(max(near - _NEAR, 0), near))

    def _is_needed(self, at: int, one: Given, before: float, behind: Callable[[float], float]) -> bool:
        window = self._windows[at]
        late = behind(window.start)
        if late and one.at < window.start and one.captured < window.start - before + late:
            return False
        if one.at > window.end - _LATE:
            return False
        if one.at < window.start and self._is_forgotten(one, window.start):
            return False
        return bool(before) or one.captured >= window.start + self._patience

    def _is_forgotten(self, one: Given, start: float) -> bool:
        """Return whether what came before an event is not kept until that begins."""
        return self._lasting[one.session] < start or any(
            one.at < at <= start + _LATE and track in (one.track, self._lead) for at, track in self._changes
        )

    def _tell(self, device: RecordingDevice, rule: str, state: str) -> bool:
        now, chance = device.service._runner.clock(), self._simulation.chance
        if chance.random() < _WRONG:
            self._simulation.hits["event with a wrong stamp"] += 1
            now = now.plus_microseconds(chance.choice((-86_400, -3600, -20, 60, 3600)) * 1_000_000)
        message = EventMessage(MOTION, now, {"Rule": rule}, {"IsMotion": state}, PropertyOperation.CHANGED)
        try:
            device.service.device_side.event(message)
        except OnvifBmffError:
            return False
        return True


class JobPauses:
    """Jobs that are switched off for a while; by the prefix of their recording.

    Args:
        simulation: gives time.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._pauses: list[tuple[str, _Window]] = []

    def pause(self, service: RecordingService, prefix: str, job: str, seconds: float) -> None:
        """Switch a job off, and on again after so many seconds."""
        window = _Window(self._simulation.time)
        self._pauses.append((prefix, window))
        self._set(service, job, RecordingJobMode.IDLE)
        self._simulation.hits["job off"] += 1
        self._simulation.sleep(seconds)
        self._set(service, job, RecordingJobMode.ACTIVE)
        window.end = self._simulation.time

    def all_on(self) -> None:
        """Note that all jobs are active, after a start."""
        for _, window in self._pauses:
            window.end = min(window.end, self._simulation.time)

    def was_off(self, prefix: str, time: float) -> bool:
        """Whether what was given at a time came while the job of a recording was off."""
        return any(one == prefix and window.start <= time <= window.end for one, window in self._pauses)

    def excuses(self, prefix: str, patience: float, given: Iterable[Given] = ()) -> Iterator[Excuse]:
        """Return when nothing that was captured had to be recorded.

        ``patience`` are seconds that a camera may take until a recording can begin again. Of ``given`` some came late.
        """
        samples = list(given)
        for paused, window in self._pauses:
            if paused == prefix:
                start = window.start - 1.0
                late = min((one.captured for one in samples if one.at >= start), default=start)
                yield Excuse(min(start, late), window.end + patience, "its job was off", counted=False)

    def _set(self, service: RecordingService, job: str, mode: str) -> None:
        while True:
            try:
                service.set_recording_job_mode(job, mode)
                return
            except OnvifBmffError:  # not stored now
                self._simulation.sleep(1.0)
