"""Queues of events: every subscriber gets every event, in the order of the operations that caused them."""

import os
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Condition
from types import TracebackType
from typing import Self

from onvif_bmff.control.listeners import Listeners
from onvif_bmff.control.notifications import Notification

__all__ = ["Subscription"]


class _Signal:
    """A pipe that can be read from while it is on: for ``select``, ``poll`` and event loops."""

    __slots__ = ("_read", "_write", "on")

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        self.on = False

    def fileno(self) -> int:
        return self._read

    def set(self, *, on: bool) -> None:
        if on and not self.on:
            os.write(self._write, b"\0")
        elif self.on and not on:
            os.read(self._read, 1)
        self.on = on

    def close(self) -> None:
        for end in (self._read, self._write):
            with suppress(OSError):
                os.close(end)


class Subscription:
    """One subscriber's queue.

    It holds a limited number of events. Further events replace the oldest, and ``lost`` counts those, so that
    memory is limited even if a subscriber never calls. Any thread may ``take``; each event goes to one caller, and
    the events of one call are in order.

    There are three ways to learn that events have come: ``wait`` in a thread of one's own, ``fileno`` for ``select``
    and its like, and ``listeners`` for anything else. ``AsyncRecordingService.events`` is for asyncio.

    ``listeners`` are called after events have been queued, and when the subscription is closed, by the thread that
    caused it and while the service is locked: they should only wake somebody up.
    """

    def __init__(self, limit: int, closed: "Callable[[Subscription], None]") -> None:
        self._queue: deque[Notification] = deque(maxlen=limit)
        self._unsubscribe = closed
        self._changed = Condition()
        self._signal: _Signal | None = None
        self.closed = False
        self.lost = 0
        self.listeners = Listeners("events")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, notifications: Iterable[Notification]) -> None:
        """Append events; for the service."""
        with self._changed:
            if self.closed:
                return
            before = len(self._queue) + self.lost
            for notification in notifications:
                self.lost += len(self._queue) == self._queue.maxlen
                self._queue.append(notification)
            if len(self._queue) + self.lost == before:
                return
            self._changed.notify_all()
            self._update_signal()
        self.listeners()

    def take(self, most: int | None = None) -> tuple[Notification, ...]:
        """Return all events since the last call, oldest first, or at most so many of them; never waits."""
        with self._changed:
            count = len(self._queue) if most is None else min(max(most, 0), len(self._queue))
            taken = tuple(self._queue.popleft() for _ in range(count))
            self._update_signal()
        return taken

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there are events to take; return whether there are.

        Args:
            timeout: seconds to wait at most; None waits until there are any.

        Returns:
            False after ``timeout`` seconds, or at once where the subscription is closed and all has been taken. A
            thread that waits is woken when the subscription, or the service, is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self.closed, timeout)
            return bool(self._queue)

    def fileno(self) -> int:
        """Return a file descriptor that can be read from while there are events to take, or the subscription is closed.

        For ``select``, ``poll`` and event loops; nobody must read from it. So ``selectors`` and ``select.select`` take
        the subscription itself. It is open until ``release``, or until the subscription is collected.

        Raises:
            OSError: the system has no more descriptors.
        """
        with self._changed:
            if self._signal is None:
                self._signal = _Signal()
                self._update_signal()
            return self._signal.fileno()

    def close(self) -> None:
        """End the subscription, and wake all that wait; ``take`` still returns the events before that."""
        self._unsubscribe(self)
        with self._changed:
            if self.closed:
                return
            self.closed = True
            self._changed.notify_all()
            self._update_signal()
        self.listeners()

    def release(self) -> None:
        """Close the file descriptor of ``fileno``, once no ``select`` has it any more; it can be asked for again."""
        with self._changed:
            signal, self._signal = self._signal, None
        if signal is not None:
            signal.close()

    def __del__(self) -> None:
        signal = getattr(self, "_signal", None)
        if signal is not None:
            signal.close()

    def _update_signal(self) -> None:
        if self._signal is not None:
            self._signal.set(on=bool(self._queue) or self.closed)
