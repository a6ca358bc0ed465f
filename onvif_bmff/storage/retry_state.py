"""Whether a store fails, since when, and when it is tried again."""

import logging
from collections.abc import Callable

from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.storage.pending import RetryPolicy

__all__ = ["RetryState"]

_log = logging.getLogger(__name__)


class RetryState:
    """The failures of a store for one queue of objects, the first of which is tried again as ``policy`` says.

    ``error`` is what the store raised last, None since it took something. ``retry_at`` is when it is to be tried again,
    in seconds of ``clock``; None if at once.
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
        """Whether the store may be tried now."""
        return self.retry_at is None or self._clock() >= self.retry_at

    def is_late(self) -> bool:
        """Whether the first object has been tried for as long as the policy has patience."""
        return self._since is not None and self._clock() - self._since >= self._policy.patience

    def succeeded(self) -> None:
        """The store took something."""
        if self.error is not None:
            _log.info("the store takes objects again")
        self.error = None
        self.restart()

    def failed(self, key: ObjectKey, error: Exception) -> bool:
        """The store raised an error for the first object; True if that is its first failure."""
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
        """Another object is the first now, and is tried at once."""
        self._since = self._delay = self.retry_at = None
