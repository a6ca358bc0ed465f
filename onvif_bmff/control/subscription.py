"""Queues of events: every subscriber gets every event, in the order of the operations that caused them."""

from collections import deque
from collections.abc import Callable, Iterable
from threading import Lock

from onvif_bmff.control.notifications import Notification

__all__ = ["Subscription"]


class Subscription:
    """One subscriber's queue.

    It holds a limited number of events. What comes beyond that pushes out the oldest, and `lost` counts
    them, so that a subscriber that never calls costs no more than that. Any thread may `take`; each event is
    given to one caller, and what one call gives is in order.
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
        """All events since the last call, oldest first."""
        with self._lock:
            taken = tuple(self._queue)
            self._queue.clear()
        return taken

    def close(self) -> None:
        """End the subscription; `take` still gives what had come before."""
        self._closed(self)
