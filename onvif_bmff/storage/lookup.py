"""Whether a remote store has an object, asked without waiting for long."""

from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.runtime import Runtime

__all__ = ["Lookup"]

_PATIENCE = 0.5
"""Seconds that an answer may take."""


class Lookup:
    """Asks a store for objects, one at a time, in tasks of its own, so that a store that hangs delays nobody for long.

    Args:
        store: the store.
        runtime: runs the tasks.
    """

    def __init__(self, store: ReadableStore, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._lock = runtime.lock()
        self._is_asking = False

    def finds(self, key: str) -> bool:
        """Return whether the store is known to have an object; False if it does not say so in time."""
        with self._lock:
            if self._is_asking:
                return False
            self._is_asking = True
        found: list[str] = []
        answered = self._runtime.flag()

        def ask() -> None:
            try:
                self._store.head(key)
                found.append(key)
            except (OnvifBmffError, OSError):
                pass  # there is none, or nobody knows
            finally:
                self._is_asking = False
                answered.set()

        try:
            self._runtime.spawn(ask, "lookup")
        except RuntimeError:  # no more threads
            self._is_asking = False
            return False
        answered.wait(_PATIENCE)
        return bool(found)
