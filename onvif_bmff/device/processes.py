"""The outputs of a device in processes: each records a share of the recordings, with their sources and stores.

::

    clients ─► RecordingService ─► plan ─► its recordings, a share for each process ─► outputs, sources, stores there
                    ▲                                                                        │
                    └──────────────── states of tracks, questions about encodings ◄──────────┘

The service, its database, exports and retention are in the process of the device alone. A process that dies, or hangs
and is killed, is spawned again, and recovers what it was writing; the others go on.
"""

import logging
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from onvif_bmff.control.device_side import DeviceSide
from onvif_bmff.control.persistence import Persistence
from onvif_bmff.control.plan import DevicePlan
from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.device.health import ClockHealth, DeviceHealth
from onvif_bmff.device.health_notes import HealthNotes
from onvif_bmff.device.outputs import OutputSettings
from onvif_bmff.device.process_beats import BeatWatch
from onvif_bmff.device.process_health import DEAD, joined_health
from onvif_bmff.device.process_link import ProcessLink
from onvif_bmff.device.process_worker import WorkerLimits, WorkerSetup, log_level, serve_outputs
from onvif_bmff.device.sources import SourceSettings
from onvif_bmff.device.steady_clock import SteadyClock
from onvif_bmff.device.stores import DeviceSpool
from onvif_bmff.device.worker_spools import Assignments, check_left_over, worker_folder
from onvif_bmff.device.workers import DeviceWorkers
from onvif_bmff.engine.targets import WrappingPolicy
from onvif_bmff.errors import StateError
from onvif_bmff.recovery import RecoveryReport
from onvif_bmff.runtime import Flag, Runtime, SpawnedProcess, spawn_process
from onvif_bmff.storage.spool import Dropped
from onvif_bmff.storage.sqlite import SqlitePersistence
from onvif_bmff.timing import UtcTime

__all__ = ["ProcessOutputs", "process_outputs"]

_log = logging.getLogger(__name__)

_FIRST_RETRY = 1.0
_MAX_RETRY = 60.0
_STEADY = 60.0
"""Seconds that a process has to run until the next one is spawned at once when it dies."""
_START = 2
"""How many times its patience a device gives a process for its start, besides: on a busy machine it takes long."""
_ANSWER = 2.0
"""Seconds that a process may take to answer."""


@dataclass(slots=True, eq=False)
class _Process:
    """A process that is wanted, whether it runs or not.

    ``plan`` and ``certificates`` are what it was told last, ``retry_at`` when it is spawned again, ``delay`` how long
    to wait after the time after that.
    """

    setup: WorkerSetup
    began: float = 0.0
    process: SpawnedProcess | None = None
    link: ProcessLink | None = None
    beats: BeatWatch = field(default_factory=lambda: BeatWatch(0.0, 0.0))
    plan: DevicePlan = field(default_factory=lambda: DevicePlan({}, {}))
    certificates: Mapping[str, bytes] = field(default_factory=dict)
    retry_at: float = 0.0
    delay: float = _FIRST_RETRY
    reports: list[RecoveryReport] = field(default_factory=list)
    recovered: Flag | None = None
    health: DeviceHealth | None = None


class ProcessOutputs:
    """What an ``OutputSet`` is for a device, in processes; used by the thread of the device.

    Args:
        setups: of the processes, one each.
        device_side: gives plans, and takes reports.
        certificates: certificates by ID; may change at any time.
        assignments: which process has which recording.
        on_dropped: called with what the spools drop.
        clock: the present instant.
        runtime: runs threads, waits and reads clocks.
        patience: seconds without a sign of life after which a process is killed.
    """

    def __init__(
        self,
        setups: tuple[WorkerSetup, ...],
        device_side: DeviceSide,
        certificates: Mapping[str, bytes],
        assignments: Assignments,
        on_dropped: Callable[[str, Dropped], None] | None,
        clock: SteadyClock,
        runtime: Runtime,
        patience: float,
    ) -> None:
        self._device_side = device_side
        self._certificates = certificates
        self._assignments = assignments
        self._on_dropped = on_dropped
        self._runtime = runtime
        self._patience = patience
        self._processes = [_Process(setup, recovered=runtime.flag()) for setup in setups]
        self._numbers: dict[str, int] = {}
        self._asked: dict[int, tuple[Flag, list[bool]]] = {}
        self._is_closing = False
        self._clock = clock
        self.notes = HealthNotes(clock, runtime)

    # ---- as an ``OutputSet`` ---------------------------------------------------------------------------------

    storage_has_come = False
    """Processes look for their storages themselves."""

    def follow(self, plan: DevicePlan) -> None:
        """Give each process the plans of its recordings."""
        self._numbers = numbers = self._assignments.of(plan.recordings)
        certificates = dict(self._certificates)
        for number, one in enumerate(self._processes):
            mine = {token: found for token, found in plan.recordings.items() if numbers[token] == number}
            part = DevicePlan(mine, plan.receivers)
            if part != one.plan or certificates != one.certificates or one.process is None:
                one.plan, one.certificates = part, certificates
                if one.link is not None:
                    one.link.send("follow", part, certificates)
        self.watch()

    def followed(self) -> None:
        """Note that all is in line with the plan."""
        self.notes.succeed()

    def not_followed(self, error: Exception) -> None:
        """Note that the device could not follow its plan; it is tried again."""
        self.notes.not_followed(error)

    def health(self, *, running: bool, recovered: bool) -> DeviceHealth:
        """Return the health of the device, as its processes said within the last second or two.

        What a process that died had counted is not in it.
        """
        clock = ClockHealth(*self._clock.read(), self._clock.doubt())
        own = DeviceHealth(running, clock, recovered=recovered, failure=self.notes.failure)
        parts = [(one.plan, one.health) for one in self._processes]
        return joined_health(own, list(self._numbers), parts)

    def watch(self) -> None:
        """Kill processes that hang, and spawn those that are not there; to be called about once a second."""
        now = self._runtime.monotonic()
        for number, one in enumerate(self._processes):
            if one.process is not None and one.link is not None:
                fault = one.beats.hangs(one.link.waits_since, now)
                if fault is not None:
                    _log.error("process %d of the outputs %s, and is killed", number, fault)
                    one.process.kill()
                    one.process.join(1.0)
                    one.beats = BeatWatch(self._patience, now)
            if one.process is not None and not one.process.is_alive():
                self._lost(number, one, now)
            if one.process is None and now >= one.retry_at and not self._is_closing:
                self._spawn(number, one, now)

    def tell_time(self) -> None:
        """Processes tell their outputs the time themselves."""
        certificates = dict(self._certificates)
        for one in self._processes:
            if one.link is not None and certificates != one.certificates:
                one.certificates = certificates
                one.link.send("follow", one.plan, certificates)

    def clock_set(self, by: timedelta) -> None:
        """Shift the time of all media, for a clock that was set."""
        for one in self._processes:
            if one.link is not None:
                one.link.send("clock", by)

    def is_written(self, recording: str, track: str, since: UtcTime) -> bool:
        """Return whether a local track may still be written by an output that wrote it at an instant."""
        number = self._numbers.get(recording)
        one = None if number is None else self._processes[number]
        if one is None or one.link is None:
            return any(other.link is not None and self._ask(other.link, recording, track, since)
                       for other in self._processes)  # fmt: skip
        return self._ask(one.link, recording, track, since)

    def worker(self, recording: str, track: str | None) -> None:
        """Refuse: an output that runs in another process cannot be given out.

        Raises:
            StateError: always.
        """
        raise StateError("the outputs of this device run in processes of their own, and are not at hand")

    def close(self, deadline: float) -> bool:
        """End all processes; those that have not ended at a reading of ``Runtime.monotonic`` are killed.

        Returns whether none had to be killed.
        """
        ended = True
        self._is_closing = True
        left = max(deadline - self._runtime.monotonic(), 0.5)
        for one in self._processes:
            if one.link is not None:
                one.link.send("close", left)
        for one in self._processes:
            if one.process is None:
                continue
            one.process.join(max(deadline - self._runtime.monotonic(), 0.1) + 1.0)
            if one.process.is_alive():
                _log.error("process %d of the outputs does not end, and is killed", one.setup.number)
                ended = False
                one.process.kill()
                one.process.join(1.0)
            if one.link is not None:
                one.link.close(1.0)
            one.process = one.link = None
        return ended

    # ---- recovery --------------------------------------------------------------------------------------------

    @property
    def reports(self) -> list[RecoveryReport]:
        """The results of the last recovery of each process so far."""
        return [report for one in self._processes for report in one.reports]

    def wait_recovered(self, timeout: float | None) -> bool:
        """Wait until each process has recovered its stores; return False if that takes longer."""
        until = None if timeout is None else self._runtime.monotonic() + timeout
        for one in self._processes:
            left = None if until is None else max(until - self._runtime.monotonic(), 0.0)
            if one.recovered is None or not one.recovered.wait(left):
                return False
        return True

    # ---- processes -------------------------------------------------------------------------------------------

    @property
    def pids(self) -> list[int | None]:
        """The numbers of the processes, by which an operator finds them; None for one that does not run."""
        return [None if one.process is None else one.process.pid for one in self._processes]

    def _spawn(self, number: int, one: _Process, now: float) -> None:
        try:
            one.process, pipe = spawn_process(serve_outputs, one.setup, f"outputs-{number}")
        except OSError as error:
            one.retry_at = now + one.delay
            _log.error("process %d of the outputs cannot be spawned: %s", number, error)
            return
        one.began = now
        one.link = ProcessLink(pipe, partial(self._received, one), _nothing, self._runtime, f"process {number}")
        one.beats = BeatWatch(self._patience, now + _START * self._patience)
        one.certificates = dict(self._certificates)
        one.link.send("follow", one.plan, one.certificates)

    def _lost(self, number: int, one: _Process, now: float) -> None:
        """Note that a process has died: its tracks are in Error until another one records them."""
        if one.link is not None:
            one.link.close(1.0)
        one.process = one.link = one.health = None
        one.delay = _FIRST_RETRY if now - one.began > _STEADY else min(one.delay * 2, _MAX_RETRY)
        one.retry_at = now + one.delay - (_FIRST_RETRY if one.delay == _FIRST_RETRY else 0.0)
        _log.error("process %d of the outputs has died, and is spawned again", number)
        for recording in one.plan.recordings.values():
            for track, feed in recording.feeds.items():
                self._device_side.report_track_state(feed.job, track, RecordingJobState.ERROR, DEAD)

    def _ask(self, link: ProcessLink, *question: Any) -> bool:
        """Return the answer of a process; True if there is none, for then it may still write."""
        flag, answer = self._runtime.flag(), [True]
        number = id(flag)
        self._asked[number] = flag, answer
        link.send("written", number, *question)
        flag.wait(_ANSWER)
        self._asked.pop(number, None)
        return answer[0]

    # ---- in the threads of the links -------------------------------------------------------------------------

    def _received(self, one: _Process, message: tuple[Any, ...]) -> None:
        name, *values = message
        try:
            self._take(one, name, values)
        except Exception as error:  # noqa: BLE001
            # The model cannot be written, say; the thread has to go on.
            _log.error("a report of process %d was not taken: %s", one.setup.number, error)
            if name == "encoding" and one.link is not None:
                one.link.send("encoding", values[0], None)

    def _take(self, one: _Process, name: str, values: list[Any]) -> None:
        if name == "state":
            self._device_side.report_track_state(*values)
        elif name == "encoding":
            number, *of, planned = values
            found = self._device_side.report_encoding(*of, planned=planned)
            if one.link is not None:
                one.link.send("encoding", number, found)
        elif name == "answer":
            flag, answer = self._asked.get(values[0], (None, [True]))
            answer[0] = values[1]
            if flag is not None:
                flag.set()
        elif name == "recovered":
            one.reports = values[0]
            if one.recovered is not None:
                one.recovered.set()
        elif name == "dropped":
            if self._on_dropped is not None:
                self._on_dropped(*values)
        elif name == "log":
            _repeat_log(logging.getLogger(values[0]), values[1], one.setup.number, values[2])
        elif name == "health":
            one.health = values[0]
        elif name == "beat":
            one.beats.is_busy_for(values[0])


def _repeat_log(logger: logging.Logger, level: int, number: int, text: str) -> None:
    if logger.isEnabledFor(level):
        logger.log(level, "process %d: %s", number, text)


def _nothing() -> None:
    """Take the end of a link: ``watch`` finds the process that has ended."""


def process_outputs(
    workers: DeviceWorkers,
    device_side: DeviceSide,
    certificates: Mapping[str, bytes],
    persistence: Persistence | None,
    settings: OutputSettings,
    sources: SourceSettings,
    wrapping: WrappingPolicy,
    spool: DeviceSpool,
    clock: SteadyClock,
) -> ProcessOutputs:
    """Return the outputs of a device in processes, with the settings that it has for outputs in its own.

    Raises:
        StateError: something of the setup cannot be given to a process, or recordings wait in spools of another number
            of processes.
    """
    folder = spool.folder_beside(persistence)
    wall_clock = None if clock.wall == settings.runtime.now else clock.wall
    if folder is not None:
        check_left_over(folder, [worker_folder(folder, number) for number in range(workers.count)])
    vectors = f"{persistence.path}.ivs" if isinstance(persistence, SqlitePersistence) else None
    memory, total = (limit // workers.count for limit in settings.room.limits)
    limits = WorkerLimits(
        settings.max_bytes, settings.policy, (memory, total), settings.event_latency, settings.source_patience,
        settings.preroll_bytes,
    )  # fmt: skip
    setups = tuple(
        WorkerSetup(
            number, workers.open, wall_clock, clock.rate, clock.trust, settings.labels, limits, sources, wrapping,
            _share(spool, None if folder is None else worker_folder(folder, number), workers.count),
            None if vectors is None else f"{vectors}.{number}",
            log_level(),
        )
        for number in range(workers.count)
    )  # fmt: skip
    try:
        pickle.dumps(setups)
    except Exception as error:  # noqa: BLE001 - anything may be raised by what is pickled
        raise StateError(f"a process cannot be given the settings of the device: {error}") from None
    assignments = Assignments(workers.count, folder)
    return ProcessOutputs(
        setups, device_side, certificates, assignments, spool.on_dropped, clock, settings.runtime, workers.patience
    )  # fmt: skip


def _share(spool: DeviceSpool, folder: str | None, count: int) -> DeviceSpool:
    """Return the spools of one process: the limits of all are divided."""

    def part(limit: int | None) -> int | None:
        return None if limit is None else max(1, limit // count)

    policy = spool.policy
    rate = None if policy.bytes_a_second is None else policy.bytes_a_second / count
    policy = replace(
        policy,
        most_bytes=part(policy.most_bytes),
        bytes_a_second=rate,
        bytes_a_day=part(policy.bytes_a_day),
        bytes_a_month=part(policy.bytes_a_month),
    )
    return DeviceSpool(folder, policy, used=spool.used and folder is not None)
