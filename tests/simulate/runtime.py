"""A runtime in simulated time: one task at a time, in an order that a seed decides.

Each task is a thread, but only the one that has the baton runs. It hands the baton on where it waits, and now and
then where it takes a lock, to a task that the seed picks. When all tasks wait, time moves on to the next instant at
which one of them is due. Nothing here takes real time, and a run with the same seed is the same run.

A ``Process`` is what ends in a power cut: its tasks raise ``Crashed`` wherever they are, and whatever belongs to it
refuses to work.
"""

import ctypes
import heapq
import random
from collections import Counter
from collections.abc import Callable
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self

from onvif_bmff.runtime import Flag, Task
from onvif_bmff.timing import UtcTime

__all__ = ["Crashed", "Process", "SimulatedRuntime", "Simulation", "SimulationError"]

_READING = 1e-6
"""Seconds that a reading of a clock takes, so that no two readings are the same."""

_GIVES_UP = 1.0
"""Seconds of real time within which all tasks end once their processes have."""


class Crashed(BaseException):
    """The process of this task is gone."""


class SimulationError(Exception):
    """What must never happen: tasks that wait for each other, or one that ended with an exception."""


class Process:
    """What lives between a start and a power cut; ``alive`` until then."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True

    def check(self) -> None:
        """Raise ``Crashed`` if the process is gone."""
        if not self.alive:
            raise Crashed


class SimulatedTask:
    """A task: it has the baton, is ready for it, or waits."""

    def __init__(self, simulation: "Simulation", process: Process, name: str) -> None:
        self._simulation = simulation
        self.process = process
        self.name = name
        self.go = Lock()
        self.go.acquire()
        self.thread: int | None = None
        self.waits = 0
        self.waiting = False
        self.ended = False
        self.joining: list[SimulatedTask] = []

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end."""
        if not self.ended:
            self._simulation.wait_in(self.joining, timeout, lambda: self.ended)
        return self.ended


def _raise_in(thread: int | None, kind: type[BaseException]) -> None:
    """Let a thread raise an exception where it is, as soon as it runs."""
    if thread is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))


class Simulation:
    """Time, tasks and chance. The thread that makes it is its first task, and outlives all processes.

    Args:
        seed: decides all that is left to chance.
        preemption: how likely a task hands the baton on where it takes a lock.

    ``hits`` counts the faults that really happened, by name; ``faults`` are exceptions that ended a task.
    """

    def __init__(self, seed: int, *, preemption: float = 0.02) -> None:
        self.chance = random.Random(seed)
        self.time = 0.0
        self.steps = 0
        self.faults: list[tuple[str, BaseException]] = []
        self.hits: Counter[str] = Counter()
        self.on_step: Callable[[], None] | None = None
        self._preemption = preemption
        self._ready: list[SimulatedTask] = []
        self._timers: list[tuple[float, int, SimulatedTask, int]] = []
        self._timer_count = 0
        self._stuck = self._abandoned = False
        self._tasks: list[SimulatedTask] = []
        self.current = self._main = SimulatedTask(self, Process("the world"), "world")

    # ---- tasks -------------------------------------------------------------------------------------------

    def spawn(self, process: Process, run: Callable[[], None], name: str) -> SimulatedTask:
        """Start a task."""
        process.check()
        task = SimulatedTask(self, process, name)
        self._tasks.append(task)
        self._ready.append(task)
        thread = Thread(target=self._run, args=(task, run), name=name, daemon=True)
        thread.start()
        task.thread = thread.ident
        return task

    def _run(self, task: SimulatedTask, run: Callable[[], None]) -> None:
        task.go.acquire()
        try:
            task.process.check()
            run()
        except Crashed:
            pass
        except BaseException as error:
            self.faults.append((task.name, error))
        task.ended = True
        self._tasks.remove(task)
        self.wake(task.joining)
        self._hand_on()

    def crash(self, process: Process) -> None:
        """End a process at once, wherever its tasks are; return when none of them runs any more."""
        process.alive = False
        for task in self._tasks:
            if task.process is process and task.waiting:
                self._make_ready(task)
        for task in [task for task in self._tasks if task.process is process and task is not self.current]:
            task.join()

    def abandon(self) -> None:
        """End all tasks of a run that has no end, wherever they are: nothing of it takes time any more.

        The first task calls it, which an exception has taken out of its waiting: the baton is somewhere else.
        """
        self._abandoned = True
        for task in self._tasks:
            task.process.alive = False
            if task.waiting:
                self._make_ready(task)
        if self.current is not self._main and not self._main.go.acquire(timeout=_GIVES_UP):
            _raise_in(self.current.thread, Crashed)  # it never asks whether its process lives
            self._main.go.acquire(timeout=_GIVES_UP)

    @property
    def size(self) -> int:
        """How many timers and tasks there are."""
        return len(self._timers) + len(self._tasks)

    def running(self, process: Process) -> list[str]:
        """Return the names of the tasks of a process that have not ended."""
        return [task.name for task in self._tasks if task.process is process]

    # ---- waiting -----------------------------------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        """Let the present task wait."""
        self._due_in(seconds)
        self._wait()

    def wait_in(self, waiting: list[SimulatedTask], timeout: float | None, enough: Callable[[], bool]) -> bool:
        """Wait in a list for ``wake`` until ``enough`` is true, or for so many seconds; return ``enough``."""
        until = None if timeout is None else self.time + timeout
        me = self.current
        while not enough():
            if until is not None:
                if until <= self.time:
                    return False
                self._due_in(until - self.time)
            waiting.append(me)
            try:
                self._wait()
            finally:
                if me in waiting:
                    waiting.remove(me)
        return True

    def wake(self, waiting: list[SimulatedTask]) -> None:
        """Make all that wait in a list ready."""
        for task in waiting:
            self._make_ready(task)
        waiting.clear()

    def preempt(self) -> None:
        """Perhaps let others go first."""
        self.current.process.check()
        if self._ready and self.chance.random() < self._preemption:
            self.give_way()

    def give_way(self) -> None:
        """Let chance decide who goes on."""
        me = self.current
        self._ready.append(me)
        self._switch(me)

    def _due_in(self, seconds: float) -> None:
        me = self.current
        self._timer_count += 1
        heapq.heappush(self._timers, (self.time + max(seconds, 0.0), self._timer_count, me, me.waits))

    def _wait(self) -> None:
        me = self.current
        me.process.check()
        me.waiting = True
        self._switch(me)

    def _make_ready(self, task: SimulatedTask) -> None:
        if task.waiting:
            task.waiting = False
            task.waits += 1
            self._ready.append(task)

    def _switch(self, me: SimulatedTask) -> None:
        self._hand_on(me)
        if me is self._main and self._stuck:
            self._stuck = False
            raise SimulationError(f"all wait for each other: {[task.name for task in self._tasks]}")
        if not me.process.alive:
            raise Crashed
        if self.on_step is not None and me is not self._main:
            self.on_step()

    def _hand_on(self, me: SimulatedTask | None = None) -> None:
        """Give the baton to a task that is ready; with ``me`` return when that has it again."""
        self.steps += 1
        found = self._next()
        if found is me:
            return
        self.current = found
        found.go.release()
        if me is not None:
            me.go.acquire()

    def _next(self) -> SimulatedTask:
        ready, timers = self._ready, self._timers
        while not ready:
            if self._abandoned:
                return self._main
            if not timers:
                self._stuck = True
                self._make_ready(self._main)
                continue
            self.time = max(self.time, timers[0][0])
            while timers and timers[0][0] <= self.time:
                _, _, task, waits = heapq.heappop(timers)
                if task.waits == waits:
                    self._make_ready(task)
        if len(ready) == 1:
            return ready.pop()
        at = int(self.chance.random() * len(ready))
        ready[at], ready[-1] = ready[-1], ready[at]
        return ready.pop()


class _Lock:
    """A reentrant lock."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._holder: SimulatedTask | None = None
        self._depth = 0
        self._waiting: list[SimulatedTask] = []

    def __enter__(self) -> Self:
        simulation = self._simulation
        me = simulation.current
        if self._holder is not me:
            simulation.preempt()
            if self._holder is not None:
                simulation.wait_in(self._waiting, None, self._is_free)
            self._holder = me
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if not self._depth:
            self._holder = None
            self._simulation.wake(self._waiting)

    def _is_free(self) -> bool:
        return self._holder is None


class _Flag:
    """Set or not."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._set = False
        self._waiting: list[SimulatedTask] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._simulation.wake(self._waiting)

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        if self._set:
            self._simulation.preempt()
            return True
        return self._simulation.wait_in(self._waiting, timeout, self.is_set)


class SimulatedRuntime:
    """The runtime of one process.

    Args:
        simulation: time and chance.
        process: what the tasks belong to.
        wall: the wall clock: the instant at a time of the simulation.
    """

    def __init__(self, simulation: Simulation, process: Process, wall: Callable[[float], UtcTime]) -> None:
        self._simulation = simulation
        self.process = process
        self._wall = wall

    def now(self) -> UtcTime:
        """Return the instant of the wall clock."""
        return self._wall(self.monotonic())

    def monotonic(self) -> float:
        """Return the time of the simulation; reading it takes a microsecond."""
        self.process.check()
        self._simulation.time += _READING
        return self._simulation.time

    def random(self, size: int) -> bytes:
        """Return bytes that the seed decides."""
        self.process.check()
        return self._simulation.chance.randbytes(size)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._simulation.sleep(seconds)

    def flag(self) -> Flag:
        """Return a new flag."""
        return _Flag(self._simulation)

    def lock(self) -> Any:
        """Return a new reentrant lock."""
        return _Lock(self._simulation)

    def spawn(self, run: Callable[[], None], name: str) -> Task:
        """Start a task of the process."""
        return self._simulation.spawn(self.process, run, name)
