"""Work on many items at once, by a few tasks."""

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

from onvif_bmff.runtime import Runtime

__all__ = ["in_parallel"]

_log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

_ITEMS_A_TASK = 16
"""Items that each task works on, on average, before the results are given out."""


class _Batch(Generic[T, R]):
    """Items whose results are wanted together; ``work`` is run by any number of tasks."""

    def __init__(self, items: list[T], call: Callable[[T], R], runtime: Runtime) -> None:
        self._items = items
        self._call = call
        self._lock = runtime.lock()
        self._next = 0
        self.results: dict[int, R] = {}
        self.errors: dict[int, BaseException] = {}

    def work(self) -> None:
        """Work on one item after the other, until none is left, or an interrupt of this task says to stop."""
        while True:
            with self._lock:
                at = self._next
                self._next += 1
            if at >= len(self._items):
                return
            try:
                self.results[at] = self._call(self._items[at])
            except BaseException as error:  # noqa: BLE001
                # It is raised in the caller's task, in the order of the items.
                self.errors[at] = error
                if not isinstance(error, Exception):
                    self._stop(error)

    def _stop(self, error: BaseException) -> None:
        """Let no other item be begun."""
        with self._lock:
            left = range(self._next, len(self._items))
            self._next = len(self._items)
        self.errors.update(dict.fromkeys(left, error))


def in_parallel(
    call: Callable[[T], R], items: Iterable[T], *, tasks: int, runtime: Runtime, share: int = _ITEMS_A_TASK
) -> Iterator[R]:
    """Yield ``call(item)`` for each item, in order, while up to ``tasks`` items are worked on at once.

    Memory is bounded: no more items are taken than fit in a batch. The first error in the order of the items is raised
    where its result would have come; after one that is no ``Exception``, such as an interrupt, no other item is begun.
    ``share`` is how many items of a batch there are for each task.
    """
    source = iter(items)
    while batch := list(islice(source, max(1, tasks) * share)):
        work = _Batch(batch, call, runtime)
        others = []
        for number in range(min(tasks, len(batch)) - 1):
            try:
                others.append(runtime.spawn(work.work, f"store-{number}"))
            except RuntimeError as error:  # no more threads: those that there are do it
                _log.warning("%d of %d tasks run: %s", len(others) + 1, tasks, error)
                break
        work.work()
        for other in others:
            other.join()
        for at in range(len(batch)):
            if at in work.errors:
                raise work.errors[at]
            yield work.results[at]
