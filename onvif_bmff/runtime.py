"""What runs, waits and reads clocks: one seam between the device and the world that it runs in.

Everything in ``device``, ``ingest`` and ``storage`` that waits, starts a thread, takes a lock that it may wait for, or
reads a clock does so through a ``Runtime``. ``SYSTEM`` is the one of real life: threads and the clocks of the system.
Another one can run the same code in simulated time, one task at a time, in an order that a seed decides.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from threading import Event, RLock, Thread
from typing import Any, Generic, Protocol, TypeVar

from onvif_bmff.timing import UtcTime

__all__ = [
    "SYSTEM",
    "Flag",
    "PipeEnd",
    "Runtime",
    "SpawnedProcess",
    "Task",
    "ThreadedRuntime",
    "WorkQueue",
    "spawn_process",
    "utc_now",
]

T = TypeVar("T")


class Flag(Protocol):
    """Something that is set or not, and can be waited for; ``threading.Event`` is one."""

    def is_set(self) -> bool:
        """Return whether it is set."""
        ...

    def set(self) -> None:
        """Set it, and wake all that wait. Never blocks."""
        ...

    def clear(self) -> None:
        """Unset it."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most so many seconds; return whether it is."""
        ...


class Task(Protocol):
    """A function that runs beside others."""

    @property
    def ended(self) -> bool:
        """Whether it has returned."""
        ...

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, at most so many seconds; return whether it has ended."""
        ...


class Runtime(Protocol):
    """Clocks, random bytes, waiting and tasks. All methods may be called from any task."""

    def now(self) -> UtcTime:
        """Return the present instant of the wall clock, which may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow, from any start."""
        ...

    def random(self, size: int, /) -> bytes:
        """Return random bytes, fit for keys."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def flag(self) -> Flag:
        """Return a new flag, not set."""
        ...

    def lock(self) -> AbstractContextManager[object]:
        """Return a new lock, which the task that holds it may enter again."""
        ...

    def spawn(self, run: Callable[[], None], name: str) -> Task:
        """Run a function beside the caller; it does not keep the process alive.

        Raises:
            RuntimeError: no more tasks can be started.
        """
        ...


def utc_now() -> UtcTime:
    """Return the present instant of the system's wall clock."""
    return UtcTime.from_datetime(datetime.now(UTC))


class _ThreadTask:
    """A daemon thread."""

    def __init__(self, run: Callable[[], None], name: str) -> None:
        self._thread = Thread(target=run, name=name, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def join(self, timeout: float | None = None) -> bool:
        self._thread.join(timeout)
        return not self._thread.is_alive()


class ThreadedRuntime:
    """The runtime of real life: a thread for each task, the clocks and random bytes of the system.

    Args:
        now: the wall clock.
        monotonic: monotonic time in seconds; waits are in real seconds all the same.
        random: source of random bytes.
    """

    def __init__(
        self,
        now: Callable[[], UtcTime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.now = now
        self.monotonic = monotonic
        self.random = random

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        time.sleep(seconds)

    def flag(self) -> Flag:
        """Return a new flag."""
        return Event()

    def lock(self) -> AbstractContextManager[object]:
        """Return a new reentrant lock."""
        return RLock()

    def spawn(self, run: Callable[[], None], name: str) -> Task:
        """Run a function in a daemon thread."""
        return _ThreadTask(run, name)


SYSTEM = ThreadedRuntime()
"""Threads, and the clocks and random bytes of the system."""


class SpawnedProcess(Protocol):
    """A process that was spawned."""

    @property
    def pid(self) -> int | None:
        """Its number; None before it has one."""
        ...

    def is_alive(self) -> bool:
        """Return whether it has not ended."""
        ...

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, at most so many seconds."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class PipeEnd(Protocol):
    """One end of a pipe for objects that are pickled; one thread sends, and one receives."""

    def send(self, value: Any, /) -> None:
        """Send an object."""
        ...

    def recv(self) -> Any:
        """Wait for an object, and return it. Raises ``EOFError`` or ``OSError`` when the other end is closed."""
        ...

    def close(self) -> None:
        """Close this end."""
        ...


def spawn_process(run: Callable[[PipeEnd, Any], None], argument: object, name: str) -> tuple[SpawnedProcess, PipeEnd]:
    """Run a function of a module in a process of its own, which is spawned, and end it when this process ends.

    Interrupts of the terminal are ignored there, for its parent decides when it ends.

    Args:
        run: called there with its end of a pipe and the argument.
        argument: can be pickled.
        name: of the process.

    Returns:
        The process, and our end of the pipe.
    """
    from multiprocessing import get_context

    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_begin_process, args=(run, theirs, argument), name=name, daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _begin_process(run: Callable[[PipeEnd, Any], None], pipe: PipeEnd, argument: object) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run(pipe, argument)


class WorkQueue(Generic[T]):
    """A queue for many writers, which never wait, and one reader.

    Args:
        runtime: waits.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._items: deque[T] = deque()
        self._lock = runtime.lock()
        self._ready = runtime.flag()

    def put(self, item: T) -> None:
        """Add an item."""
        with self._lock:
            self._items.append(item)
            self._ready.set()

    def take(self, timeout: float | None = None) -> T | None:
        """Return the next item, or None if none arrives within ``timeout`` seconds."""
        self._ready.wait(timeout)
        with self._lock:
            item = self._items.popleft() if self._items else None
            if not self._items:
                self._ready.clear()
            return item
