"""What clients and sources do to the recordings that nobody else touches: events come, jobs are switched off and on.

Each knows afterwards what must be there, or what may be missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from onvif_bmff.control import EventMessage, PropertyOperation, RecordingJobMode, RecordingService
from onvif_bmff.device import RecordingDevice
from onvif_bmff.errors import OnvifBmffError
from tests.simulate.oracle import Excuse
from tests.simulate.runtime import Simulation

__all__ = ["MOTION", "EventTimes", "JobPauses"]

MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"
_LATE = 0.1
"""Seconds before the end of a window in which what arrives may be too late for it."""


@dataclass(slots=True)
class _Window:
    """From the beginning of an event to its end and After."""

    start: float
    end: float = inf


class EventTimes:
    """Events of motion, each of a condition of its own, and what has to be recorded of them."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._windows: list[_Window] = []

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
        window.end = min(window.end, self._simulation.time + after)

    def cut(self, time: float) -> None:
        """Note that the device was switched off."""
        for window in self._windows:
            window.end = min(window.end, time)

    def need(self, captured: float, given: float, before: float) -> bool:
        """Whether what was captured and given at these times belongs to an event, with Before."""
        return any(one.start - before <= captured and given <= one.end - _LATE for one in self._windows)

    def _tell(self, device: RecordingDevice, rule: str, state: str) -> bool:
        now = device.service._runner.clock()
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
        patience: seconds that a camera may take until a recording can begin again.
    """

    def __init__(self, simulation: Simulation, patience: float) -> None:
        self._simulation = simulation
        self._patience = patience
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

    def excuses(self, prefix: str) -> Iterator[Excuse]:
        """Return when nothing had to be recorded."""
        for paused, window in self._pauses:
            if paused == prefix:
                yield Excuse(window.start - 1.0, window.end + self._patience, "its job was off", counted=False)

    def _set(self, service: RecordingService, job: str, mode: str) -> None:
        while True:
            try:
                service.set_recording_job_mode(job, mode)
                return
            except OnvifBmffError:  # not stored now
                self._simulation.sleep(1.0)
