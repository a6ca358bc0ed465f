"""Queues of events: every subscriber gets every event, in the order of the operations that caused them."""

from collections import deque
from collections.abc import Callable, Iterable
from threading import Lock

from onvif_bmff.control.notifications import Notification

__all__ = ["Subscription"]


class Subscription:
    """One subscriber's queue.

    It holds a limited number of events. Further events replace the oldest, and ``lost`` counts those, so that
    memory is limited even if a subscriber never calls. Any thread may ``take``; each event goes to one caller, and
    the events of one call are in order.
    """

    def __init__(self, limit: int, closed: "Callable[[Subscription], None]") -> None:
        self._queue: deque[Notification] = deque(maxlen=limit)
        self._closed = closed
        self._lock = Lock()
        self.lost = 0

    def put(self, notifications: Iterable[Notification]) -> None:
        """Append events; for the service."""
        with self._lock:
            for notification in notifications:
                self.lost += len(self._queue) == self._queue.maxlen
                self._queue.append(notification)

    def take(self) -> tuple[Notification, ...]:
        """Return all events since the last call, oldest first."""
        with self._lock:
            taken = tuple(self._queue)
            self._queue.clear()
        return taken

    def close(self) -> None:
        """End the subscription; ``take`` still returns the events before that."""
        self._closed(self)
