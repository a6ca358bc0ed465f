"""Tasks of a job, run by any executor of ``concurrent.futures``, with results in order and in bounded memory."""

import logging
import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import resource_tracker
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from onvif_bmff.errors import OnvifBmffError, StoreError

__all__ = ["Shared", "Workers", "WorkersLostError"]

_LOG = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 4
"""Tasks that are handed to an executor at a time, for each worker."""
_SUSPECT = 2
"""A task that was lost with its worker so often is run alone, to know whether it is the reason."""
_MAX_LOST = 3
"""A task that was lost with its worker so often is given up."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a process. A process that is being started has them wait, as its starter has."""


class WorkersLostError(StoreError):
    """Workers of a job died, and the job cannot go on."""


class Shared(Generic[T]):
    """A value that many tasks have in common: pickled once, and one object in each process of the workers."""

    def __init__(self, value: T) -> None:
        self.value = value
        self._pickled: bytes | None = None

    def __reduce__(self) -> tuple[Callable[[bytes], "Shared[Any]"], tuple[bytes]]:
        """Pickle the value once.

        Raises:
            StoreError: it cannot be pickled; a store of one's own, as a rule.
        """
        if self._pickled is None:
            try:
                self._pickled = pickle.dumps(self.value)
            except Exception as error:  # noqa: BLE001  stores are anybody's
                raise StoreError(
                    f"other processes cannot be given this store, but its address: {type(error).__name__}"
                ) from None
        return _shared, (self._pickled,)


@lru_cache(maxsize=8)
def _shared(pickled: bytes) -> Shared[Any]:
    return Shared(pickle.loads(pickled))


@dataclass(slots=True, eq=False)
class _Running(Generic[T, R]):
    """A task, how often it was lost, and where its result will be; None: it is to be submitted."""

    task: T
    lost: int = 0
    future: "Future[_Outcome[R]] | None" = None


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[R]):
    """The result of a task, or the error of the library that it raised."""

    result: R | None = None
    error: OnvifBmffError | None = None


class Workers:
    """Runs the tasks of a job in an executor, and goes on where workers are lost.

    Functions must belong to a module, and tasks and results be picklable, unless the workers are threads.

    Args:
        executor: any executor. It is not shut down.
        count: how many tasks it runs at once.
        renew: makes another executor where this one is broken; without it a broken executor ends the job.
    """

    def __init__(self, executor: Executor, count: int, *, renew: Callable[[], Executor] | None = None) -> None:
        self._executor = executor
        self._window = max(1, count) * _AHEAD
        self._renew = renew
        self._close: list[Callable[[], object]] = []
        self._closed = False

    @classmethod
    def processes(cls, count: int) -> Self:
        """Return workers that are processes of this machine, spawned and never forked.

        A program that uses them has ``if __name__ == "__main__":`` around what it runs. ``close`` ends them.

        Raises:
            StoreError: ``count`` is below 1.
        """
        if count < 1:
            raise StoreError(f"a job needs at least one worker, not {count}")

        def make() -> ProcessPoolExecutor:
            context = multiprocessing.get_context("spawn")
            return _Processes(count, mp_context=context, initializer=_begin_worker)

        made = cls(make(), count, renew=make)
        made._close.append(made._shut_down)
        return made

    @classmethod
    def dask(cls, address: str) -> Self:
        """Return the workers of a Dask cluster, by the address of its scheduler (``tcp://host:8786``).

        Raises:
            StoreError: the scheduler does not answer, has no workers, or Dask (extra ``dask``) is not installed.
        """
        try:
            import distributed  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise StoreError("Dask is not installed: pip install 'onvif-bmff[dask]'") from None
        connect: Any = distributed.Client  # typed in part only, where it is installed
        try:
            client = connect(address, timeout="10s", set_as_default=False)
        except (OSError, ValueError) as error:
            raise StoreError(f"no Dask scheduler at {address}: {error}") from None
        count = sum(client.nthreads().values())
        if not count:
            client.close()
            raise StoreError(f"the Dask scheduler at {address} has no workers")
        made = cls(_DaskExecutor(client), count)
        made._close.append(client.close)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers that ``processes`` or ``dask`` made."""
        self._closed = True
        while self._close:
            self._close.pop()()

    def _shut_down(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def run(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        *,
        again: Callable[[T, R], T | None] = lambda task, result: None,
    ) -> Iterator[R]:
        """Yield ``function(task)`` for each task, in their order. Few tasks are taken from ``tasks`` at a time.

        A task whose worker was lost is run again: it must be right to run it twice.

        Args:
            function: what each task does.
            tasks: what it does that to.
            again: looks at a result before it is given out; a task that it returns is run first, and gives the result.

        Raises:
            WorkersLostError: workers died and cannot be renewed, or a task has killed three of them.
            OnvifBmffError: what the function raised, in the place of its result.
        """
        source = iter(tasks)
        window: deque[_Running[T, R]] = deque()
        try:
            while True:
                for task in source:
                    window.append(_Running(task))
                    self._submit(function, window[-1])
                    if len(window) >= self._window:
                        break
                if not window:
                    return
                result = self._result(function, window)
                other = again(window[0].task, result)
                if other is not None:
                    window[0] = _Running(other)
                    self._submit(function, window[0])
                    continue
                window.popleft()
                yield result
        finally:
            for one in window:
                if one.future is not None and not self._closed:
                    one.future.cancel()  # Dask has nobody to tell once its client is closed

    def _result(self, function: Callable[[T], R], window: deque[_Running[T, R]]) -> R:
        """Wait for the first result."""
        while True:
            future = window[0].future
            if future is not None:
                try:
                    return _value(future.result())
                except Exception as error:
                    if not _is_lost(error):
                        raise
            self._renew_workers(function, window)

    def _renew_workers(self, function: Callable[[T], R], window: deque[_Running[T, R]]) -> None:
        """Begin again with other workers, and with all tasks whose results are not there."""
        if self._renew is None:
            raise WorkersLostError("workers died, and this executor cannot be renewed: run the job again")
        self._executor.shutdown(wait=False, cancel_futures=True)
        lost = [one for one in window if not _is_done(one.future)]
        for one in lost:
            one.lost += 1
        _LOG.warning("a worker was lost; %d tasks are run again", len(lost))
        self._executor = self._renew()
        for one in lost:
            if one.lost >= _SUSPECT:
                self._run_alone(function, one)
        for one in lost:
            if one.lost < _SUSPECT:
                self._submit(function, one)

    def _run_alone(self, function: Callable[[T], R], one: _Running[T, R]) -> None:
        """Run a task that was there whenever workers were lost, with no other one beside it."""
        while one.lost < _MAX_LOST:
            self._submit(function, one)
            if one.future is not None:
                error = one.future.exception()
                if error is None or not _is_lost(error):
                    return
            one.lost += 1
            if self._renew is not None:
                self._executor = self._renew()
        raise WorkersLostError(f"a task has lost {one.lost} workers, and is given up: {one.task!r:.200}")

    def _submit(self, function: Callable[[T], R], one: _Running[T, R]) -> None:
        try:
            one.future = self._executor.submit(_guarded, function, one.task)
        except BrokenExecutor:
            one.future = None


class _Processes(ProcessPoolExecutor):
    """Processes that are started when the first tasks come, and meet no signal before ``_begin_worker``."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        with _signals_wait():
            return super().submit(fn, *args, **kwargs)


class _DaskExecutor(Executor):
    """Gives tasks to a Dask cluster, and Dask's own futures back.

    They fetch a result again where the worker that held it dies on the way. The executor that comes with Dask copies
    each result into a future of the standard library, and fails with a ``TypeError`` there.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = self._client.submit(fn, *args, pure=False, **kwargs)
        return future


def _guarded(function: Callable[[T], R], task: T) -> _Outcome[R]:
    """Run a task in a worker; its errors come back as such, whether or not their class can be pickled."""
    try:
        return _Outcome(function(task))
    except OnvifBmffError as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # noqa: BLE001  whatever a constructor raises
            return _Outcome(error=StoreError(str(error)))
        return _Outcome(error=error)


def _value(outcome: _Outcome[R]) -> R:
    if outcome.error is not None:
        raise outcome.error
    result: Any = outcome.result
    return result  # type: ignore[no-any-return]


def _is_lost(error: BaseException) -> bool:
    """Return whether an error of a future says that its worker died. ``KilledWorker`` is Dask's, after three tries."""
    return isinstance(error, BrokenExecutor | CancelledError) or type(error).__name__ == "KilledWorker"


def _is_done(future: "Future[Any] | None") -> bool:
    if future is None or not future.done() or future.cancelled():
        return False
    error = future.exception()
    return error is None or not _is_lost(error)


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Let signals that end a process wait until the end of the body.

    Processes that the body starts have them wait until ``_begin_worker``, or an interrupt of the terminal would meet
    them before they ignore it; and a starter that is interrupted half-way would not know the process that it started.
    """
    resource_tracker.ensure_running()  # which lets them through when it starts
    former = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _begin_worker() -> None:
    """Prepare a process: it ignores interrupts of the terminal, says nothing by itself, and ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    logging.getLogger("onvif_bmff").addHandler(logging.NullHandler())
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
