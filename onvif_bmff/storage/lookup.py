"""Whether a remote store has an object, asked without waiting for long."""

import logging

from onvif_bmff.errors import ObjectNotFoundError, OnvifBmffError
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.runtime import Runtime

__all__ = ["Lookup"]

_log = logging.getLogger(__name__)

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
            except ObjectNotFoundError:
                pass
            except (OnvifBmffError, OSError) as error:
                _log.debug("%s: whether the store has it is not known: %s", key, error)
            finally:
                self._is_asking = False
                answered.set()

        try:
            self._runtime.spawn(ask, "lookup")
        except RuntimeError as error:  # no more threads
            _log.warning("a store is not asked: %s", error)
            self._is_asking = False
            return False
        answered.wait(_PATIENCE)
        return bool(found)
