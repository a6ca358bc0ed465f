"""Exports that run in the background, each in a task that may be stopped."""

from collections.abc import Callable
from functools import partial

from onvif_bmff.runtime import Flag, Runtime, Task

__all__ = ["RunningExports"]


class RunningExports:
    """The exports of one kind that run now, by the tokens of their operations.

    Args:
        name: of their tasks.
        runtime: runs the tasks.
    """

    def __init__(self, name: str, runtime: Runtime) -> None:
        self._name = name
        self._runtime = runtime
        self._lock = runtime.lock()
        self._running: dict[str, tuple[Flag, Task]] = {}

    def __len__(self) -> int:
        """How many run."""
        return len(self._running)

    def start(self, token: str, run: Callable[[Flag], None]) -> None:
        """Call a function in the background; it returns soon after the flag that it is given is set."""
        stop = self._runtime.flag()
        with self._lock:  # the task removes itself, but not before it is there
            self._running[token] = stop, self._runtime.spawn(partial(self._run, token, run, stop), self._name)

    def stop(self, token: str) -> None:
        """Have an export end early, if it runs; do not wait for it."""
        with self._lock:
            found = self._running.pop(token, None)
        if found is not None:
            found[0].set()

    def close(self, timeout: float | None = None) -> None:
        """Stop all exports, and wait for each one's end, for so many seconds if given."""
        with self._lock:
            running, self._running = dict(self._running), {}
        for stop, task in running.values():
            stop.set()
            task.join(timeout)

    def _run(self, token: str, run: Callable[[Flag], None], stop: Flag) -> None:
        try:
            run(stop)
        finally:
            with self._lock:
                self._running.pop(token, None)
