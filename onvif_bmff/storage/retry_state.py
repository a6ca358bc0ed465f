"""Whether a store fails, since when, and when it is retried."""

import logging
from collections.abc import Callable

from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.storage.pending import RetryPolicy

__all__ = ["RetryState"]

_log = logging.getLogger(__name__)


class RetryState:
    """The failures of a store for one queue of objects; its first object is retried according to ``policy``.

    ``error`` is what the store raised last, None after a success. ``retry_at`` is the time of the next attempt,
    in seconds of ``clock``; None for at once.
    """

    def __init__(self, policy: RetryPolicy, clock: Callable[[], float], log: CauseLog) -> None:
        self._policy = policy
        self._clock = clock
        self._log = log
        self._since: float | None = None
        self._delay: float | None = None
        self.retry_at: float | None = None
        self.error: Exception | None = None

    def is_due(self) -> bool:
        """Return whether the store may be tried now."""
        return self.retry_at is None or self._clock() >= self.retry_at

    def is_late(self) -> bool:
        """Return whether the first object has been tried for as long as the policy has patience."""
        return self._since is not None and self._clock() - self._since >= self._policy.patience

    def succeeded(self) -> None:
        """Note that the store accepted something."""
        if self.error is not None:
            _log.info("the store takes objects again")
        self.error = None
        self.restart()

    def failed(self, key: ObjectKey, error: Exception) -> bool:
        """Return the store raised an error for the first object; True if that is its first failure."""
        if self.error is None:
            self._log.warning(type(error).__name__, "%s: the store failed and is tried again: %s", key, error)
        self.error = error
        first = self._since is None
        if first:
            self._since = self._clock()
        return first

    def postpone(self) -> None:
        """Try the first object again later: after twice as long each time."""
        self._delay = self._policy.first if self._delay is None else min(self._delay * 2, self._policy.longest)
        self.retry_at = self._clock() + self._delay

    def restart(self) -> None:
        """Note that another object is the first now; it is tried at once."""
        self._since = self._delay = self.retry_at = None
