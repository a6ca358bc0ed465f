"""How this library logs: one logger a module, named after it, and each cause once in a while rather than each time.

Every module that logs has ``_log = logging.getLogger(__name__)``, so that ``onvif_bmff.storage`` is the logger of all
that the room ``storage`` says. Nothing that is logged holds key material. ``docs/logging.md`` lists the levels.

What a message is about is also in fields of its record (``FIELDS``), as far as it is known: ``extra`` of a logger, or
keywords of a ``CauseLog``. ``JsonLines`` writes them.
"""

import json
import logging
import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from threading import Lock

__all__ = ["FIELDS", "MAX_CAUSES", "CauseLog", "JsonLines"]

FIELDS = ("recording", "track", "storage", "key", "cause", "user", "operation", "outcome", "changes")
"""What a record may say besides its text. ``key`` is that of an object, never a content key."""

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

    def warning(self, cause: Hashable, message: str, *values: object, **fields: object) -> None:
        """Log something that goes wrong and is dealt with; ``message`` and ``values`` as in `logging.Logger.log`."""
        self._log(logging.WARNING, cause, message, values, fields)

    def error(self, cause: Hashable, message: str, *values: object, **fields: object) -> None:
        """Log something that is lost or cannot be done."""
        self._log(logging.ERROR, cause, message, values, fields)

    def ended(self, cause: Hashable, message: str, *values: object, **fields: object) -> None:
        """Log that a cause is over, if it came since the last time; when it comes again it is logged at once."""
        with self._lock:
            known = self._causes.pop(cause, None)
        if known is not None:
            self._write(logging.INFO, known[1], cause, message, values, fields)

    def forget(self, cause: Hashable) -> int:
        """Log the cause at once when it comes again; return how often it came since it was logged last."""
        with self._lock:
            _, suppressed = self._causes.pop(cause, (0.0, 0))
        return suppressed

    def _log(
        self, level: int, cause: Hashable, message: str, values: tuple[object, ...], fields: dict[str, object]
    ) -> None:
        suppressed = self._count(cause)
        if suppressed is not None:
            self._write(level, suppressed, cause, message, values, fields, stacklevel=4)

    def _write(
        self,
        level: int,
        suppressed: int,
        cause: Hashable,
        message: str,
        values: tuple[object, ...],
        fields: dict[str, object],
        *,
        stacklevel: int = 3,
    ) -> None:
        if suppressed:
            message, values = f"{message} (%d times more since it was logged last)", (*values, suppressed)
        extra = {"cause": str(cause), **fields}
        self._logger.log(level, message, *values, stacklevel=stacklevel, extra=extra)

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


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: ``time`` (UTC), ``level``, ``logger``, ``message``, and its ``FIELDS``.

    Only ASCII characters come out, and no control character. A traceback is in ``exception``.

    Args:
        clean: returns a line without what must not be shown.
    """

    def __init__(self, clean: Callable[[str], str] = str) -> None:
        super().__init__()
        self._clean = clean

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        found: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                found[name] = value if isinstance(value, dict) else str(value)
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return self._clean(json.dumps(found, default=str).replace("\x7f", "\\u007f"))
