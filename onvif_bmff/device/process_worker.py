"""A process that records some of a device's recordings: its outputs, their sources and their stores."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocators
from onvif_bmff.control.plan import DevicePlan
from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.device.clock_wait import ClockWait
from onvif_bmff.device.feeding import RunningSources
from onvif_bmff.device.mailbox import OverloadPolicy
from onvif_bmff.device.outputs import OutputSet, OutputSettings
from onvif_bmff.device.process_beats import send_beats
from onvif_bmff.device.process_link import ProcessLink
from onvif_bmff.device.recovery import DeviceRecovery, RecoveryPart
from onvif_bmff.device.sources import SourceProvider, SourceSettings, default_sources
from onvif_bmff.device.steady_clock import ClockTrust, SteadyClock
from onvif_bmff.device.stores import DeviceSpool, DeviceStores
from onvif_bmff.engine.targets import TargetMaker, WrappingPolicy
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.runtime import SYSTEM, PipeEnd, Runtime, WorkQueue
from onvif_bmff.storage.held import Room
from onvif_bmff.storage.iv_store import SqliteIvStore
from onvif_bmff.storage.spool import Dropped
from onvif_bmff.timing import UtcTime

__all__ = ["WorkerLimits", "WorkerParts", "WorkerSetup", "log_level", "serve_outputs"]

_TICK = 1.0
_TELL_INTERVAL = 5.0
_NO_PLAN = DevicePlan({}, {})
_PATIENCE = 10.0
"""Seconds for closing everything when the device is gone."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a process opens for itself, as nothing that is open can be given to it; see ``RecordingDevice``."""

    storages: Mapping[str, ObjectStore]
    sources: SourceProvider | None = None
    local: ObjectStore | None = None


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Limits of the outputs of a process, as in ``OutputSettings``; ``room`` are the two limits of a ``Room``."""

    max_bytes: int
    policy: OverloadPolicy
    room: tuple[int, int]
    event_latency: timedelta
    source_patience: timedelta
    preroll_bytes: int


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a process is told at its start: how to open its parts, and the settings of the device; all can be pickled.

    ``vectors`` is the path of an ``SqliteIvStore``.
    """

    number: int
    open: Callable[[], WorkerParts]
    clock: Callable[[], UtcTime] | None
    clock_rate: float
    clock_trust: ClockTrust
    labels: SegmentLabels
    limits: WorkerLimits
    sources: SourceSettings
    wrapping: WrappingPolicy
    spool: DeviceSpool
    vectors: str | None
    log_level: int


@dataclass(slots=True)
class _Answer:
    """What is waited for: an answer of the device."""

    ready: Any
    value: bool = False


@dataclass(slots=True)
class _FarSide:
    """The service of the device, as far as outputs need it: reports are sent, and questions are waited for."""

    send: Callable[..., None]
    runtime: Runtime
    _asked: dict[int, _Answer] = field(default_factory=dict)
    _number: int = 0
    _lock: Any = None
    _gone: bool = False

    def __post_init__(self) -> None:
        self._lock = self.runtime.lock()

    def report_track_state(
        self, job_token: str, track_token: str, state: RecordingJobState, error: str | None = None
    ) -> bool:
        self.send("state", job_token, track_token, state, error)
        return True

    def report_encoding(
        self, job_token: str, track_token: str, track_type: str, encoding: str, *, planned: bool = False
    ) -> bool:
        answer = _Answer(self.runtime.flag())
        with self._lock:
            if self._gone:
                return False
            self._number += 1
            number = self._number
            self._asked[number] = answer
        self.send("encoding", number, job_token, track_token, track_type, encoding, planned)
        answer.ready.wait(None)
        return answer.value

    def answered(self, number: int, value: bool | None) -> None:  # noqa: FBT001 - the rest of a message
        """Take the answer to a question."""
        answer = self._asked.pop(number, None)
        if answer is not None:
            answer.value = bool(value)
            answer.ready.set()

    def leave(self) -> None:
        """Answer all questions with no, as nobody else does any more."""
        with self._lock:
            self._gone = True
            waiting, self._asked = list(self._asked.values()), {}
        for answer in waiting:
            answer.ready.set()


class _ForwardedLog(logging.Handler):
    """Sends what is logged to the process of the device, which has the handlers."""

    def __init__(self, send: Callable[..., None], level: int) -> None:
        super().__init__(level)
        self._forward = send

    def emit(self, record: logging.LogRecord) -> None:
        self._forward("log", record.name, record.levelno, record.getMessage())


class _Worker:
    """The outputs of a process, and what the device tells it."""

    def __init__(self, pipe: PipeEnd, setup: WorkerSetup, runtime: Runtime = SYSTEM) -> None:
        self._runtime = runtime
        self._inbox: WorkQueue[tuple[Any, ...]] = WorkQueue(runtime)
        self._side = _FarSide(self._send, runtime)
        self._link = ProcessLink(pipe, self._received, self._left, runtime, "device")
        self._busy_since: float | None = runtime.monotonic()
        runtime.spawn(lambda: send_beats(self._send, lambda: self._busy_since, runtime), "beats")
        _forward_log(logging.getLogger("onvif_bmff"), _ForwardedLog(self._send, setup.log_level))
        parts = setup.open()
        spool = DeviceSpool(setup.spool.folder, setup.spool.policy, setup.spool.used, on_dropped=self._dropped)
        self._stores = stores = DeviceStores(spool.before(parts.storages, None, runtime), parts.local)
        self._clock = clock = SteadyClock(
            setup.clock or runtime.now, setup.clock_rate, runtime=runtime, trust=setup.clock_trust
        )
        self._wait = ClockWait(clock, runtime, lambda: self._inbox.put(("again",)))
        self._certificates: dict[str, bytes] = {}
        self._plan = _NO_PLAN
        self._recovery = DeviceRecovery(
            stores,
            setup.labels,
            lambda: self._plan,
            clock,
            self._wait,
            _nothing_deleted,
            runtime,
            part=RecoveryPart.SEGMENTS,
        )
        vectors = None if setup.vectors is None else SqliteIvStore(setup.vectors)
        ivs = IvSources(CencIvAllocators(random=runtime.random, store=vectors), CbcsIvSource(runtime.random))
        limits = setup.limits
        self._outputs = OutputSet(
            self._side,
            stores,
            RunningSources(parts.sources or default_sources(runtime), clock, runtime, setup.sources),
            TargetMaker(self._certificates.__getitem__, clock=clock, random=runtime.random, wrapping=setup.wrapping),
            clock,
            OutputSettings(
                ivs, setup.labels, limits.max_bytes, limits.policy, Room(*limits.room), limits.event_latency,
                limits.source_patience, limits.preroll_bytes, runtime,
            ),
        )  # fmt: skip

    def run(self) -> None:
        """Do what the device says, until it says to close, or is gone."""
        tick = tell = 0.0
        while True:
            self._busy_since = None
            message = self._inbox.take(_TICK)
            self._busy_since = now = self._runtime.monotonic()
            if message is not None and message[0] == "close":
                self._close(message[1])
                return
            try:
                if message is not None:
                    self._do(*message)
                if now >= tick:
                    tick = now + _TICK
                    self._outputs.watch()
                    health = self._outputs.health(running=True, recovered=self._recovery.done)
                    self._send("health", self._wait.described(health))
                    if self._outputs.storage_has_come or self._wait.is_over():
                        self._follow_plan()
                if now >= tell:
                    tell = now + _TELL_INTERVAL
                    self._outputs.tell_time()
            except Exception:
                # As in a device: running outputs go on, and the next plan is followed.
                logging.getLogger(__name__).exception("a message was not followed")

    def _do(self, name: str, *values: Any) -> None:
        if name == "follow":
            self._follow(*values)
        elif name == "again":
            self._follow_plan()
        elif name == "clock":
            self._clock.set(values[0])
            self._outputs.clock_set(values[0])
        elif name == "written":
            number, *of = values
            self._send("answer", number, self._outputs.is_written(*of))

    def _follow(self, plan: DevicePlan, certificates: Mapping[str, bytes]) -> None:
        is_first, self._plan = self._plan is _NO_PLAN, plan
        self._certificates.clear()
        self._certificates.update(certificates)
        if is_first:
            self._recovery.start()
            self._runtime.spawn(self._report_recovery, "recovery report")
        self._follow_plan()

    def _follow_plan(self) -> None:
        self._outputs.follow(self._wait.without_waiting(self._plan))

    def _report_recovery(self) -> None:
        self._recovery.wait()
        self._send("recovered", self._recovery.reports)

    def _close(self, seconds: float) -> None:
        deadline = self._runtime.monotonic() + seconds
        self._recovery.close()
        self._outputs.close(deadline)
        self._stores.close()
        self._send("closed")
        self._link.finish(max(deadline - self._runtime.monotonic(), 0.5))

    # ---- in other threads ------------------------------------------------------------------------------------

    def _send(self, *message: Any) -> None:
        self._link.send(*message)

    def _received(self, message: tuple[Any, ...]) -> None:
        if message[0] == "encoding":
            self._side.answered(*message[1:])
        else:
            self._inbox.put(message)

    def _left(self) -> None:
        """The device is gone: end all spans."""
        self._side.leave()
        self._inbox.put(("close", _PATIENCE))

    def _dropped(self, token: str, what: Dropped) -> None:
        self._send("dropped", token, what)


def _nothing_deleted(recording: str, track: str, found: object) -> None:
    """Take what recovery deleted: nothing, for the device does that itself."""


def _forward_log(logger: logging.Logger, handler: logging.Handler) -> None:
    logger.addHandler(handler)
    logger.setLevel(handler.level)
    logger.propagate = False


def log_level() -> int:
    """Return the level from which on messages of this library are logged here."""
    return logging.getLogger("onvif_bmff").getEffectiveLevel()


def serve_outputs(pipe: PipeEnd, setup: WorkerSetup) -> None:
    """Record what a device says over a pipe; runs in a process of its own until it is told to close."""
    _Worker(pipe, setup).run()
