"""Functions to call when something happened: several, and one that raises harms only itself."""

import logging
from collections.abc import Callable
from threading import Lock

from onvif_bmff.logs import CauseLog

__all__ = ["Listener", "Listeners"]

Listener = Callable[[], object]
"""Called without arguments; it should only wake somebody up (by setting an event, for example)."""

_log = CauseLog(logging.getLogger(__name__))


class Listeners:
    """Calls all listeners, in the order in which they were added; safe for use by any number of threads.

    A listener that raises stays one, the others are called all the same, and the log says so.

    Args:
        what: what happened, for the log.
    """

    __slots__ = ("_lock", "_what", "listeners")

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = Lock()
        self.listeners: tuple[Listener, ...] = ()

    def add(self, listener: Listener) -> None:
        """Call a function from now on; once, however often it is added.

        Raises:
            TypeError: it is no function.
        """
        if not callable(listener):
            raise TypeError(f"a listener must be callable, not a {type(listener).__name__}")
        with self._lock:
            if listener not in self.listeners:
                self.listeners = (*self.listeners, listener)

    def remove(self, listener: Listener) -> None:
        """Call a function no more; one that was not added is ignored."""
        with self._lock:
            self.listeners = tuple(one for one in self.listeners if one != listener)

    def __call__(self) -> None:
        """Call all of them."""
        for listener in self.listeners:
            try:
                listener()
            except Exception as error:  # noqa: BLE001 - a listener is the application's, and must not stop the service
                _log.error(
                    (listener, type(error)), "a listener to %s failed: %r raised %r", self._what, listener, error
                )
