"""How this library logs: one logger a module, named after it, and each cause once in a while rather than each time.

Every module that logs has ``_log = logging.getLogger(__name__)``, so that ``onvif_bmff.storage`` is the logger of all
that the room ``storage`` says. Nothing that is logged holds key material. ``docs/logging.md`` lists the levels.
"""

import logging
import time
from collections.abc import Callable, Hashable
from threading import Lock

__all__ = ["MAX_CAUSES", "CauseLog"]

_INTERVAL = 60.0
"""Seconds in which a cause is logged once."""

MAX_CAUSES = 100
"""Causes that are remembered; the one that came longest ago is forgotten first."""


class CauseLog:
    """Logs a cause when it comes first, then at most once in ``interval`` seconds, with how often it came meanwhile.

    For failures that come again with each object or sample: a store that cannot be reached, a full disk. A cause is any
    hashable value, such as the name of an error's type. For use by any number of threads.

    Args:
        logger: where it is logged.
        clock: seconds that only grow.
        interval: in seconds.
    """

    def __init__(
        self, logger: logging.Logger, *, clock: Callable[[], float] = time.monotonic, interval: float = _INTERVAL
    ) -> None:
        self._logger = logger
        self._clock = clock
        self._interval = interval
        self._lock = Lock()
        self._causes: dict[Hashable, tuple[float, int]] = {}

    def warning(self, cause: Hashable, message: str, *values: object) -> None:
        """Log something that goes wrong and is dealt with; ``message`` and ``values`` as in `logging.Logger.log`."""
        self._log(logging.WARNING, cause, message, values)

    def error(self, cause: Hashable, message: str, *values: object) -> None:
        """Log something that is lost or cannot be done."""
        self._log(logging.ERROR, cause, message, values)

    def forget(self, cause: Hashable) -> int:
        """Log the cause at once when it comes again; return how often it came since it was logged last."""
        with self._lock:
            _, suppressed = self._causes.pop(cause, (0.0, 0))
        return suppressed

    def _log(self, level: int, cause: Hashable, message: str, values: tuple[object, ...]) -> None:
        suppressed = self._count(cause)
        if suppressed is None:
            return
        if suppressed:
            message, values = f"{message} (%d times more since it was logged last)", (*values, suppressed)
        self._logger.log(level, message, *values, stacklevel=3)

    def _count(self, cause: Hashable) -> int | None:
        """How often a cause that is to be logged now came since it was last; None if it is not to be logged."""
        now = self._clock()
        with self._lock:
            known = self._causes.pop(cause, None)
            if known is not None and now - known[0] < self._interval:
                self._causes[cause] = known[0], known[1] + 1
                return None
            while len(self._causes) >= MAX_CAUSES:
                del self._causes[next(iter(self._causes))]
            self._causes[cause] = now, 0
            return 0 if known is None else known[1]
