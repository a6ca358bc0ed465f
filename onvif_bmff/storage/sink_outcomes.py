"""The outcome of the objects of a ``StoreSink``, and how it is reported."""

import logging
from collections import Counter
from collections.abc import Callable

from onvif_bmff.errors import StoreError
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.storage.pending import LOST, StoreFailure

__all__ = ["SinkOutcomes"]

_log = logging.getLogger(__name__)


class SinkOutcomes:
    """Counts and logs what is stored and lost, and reports it to the caller once all events are processed.

    ``dropped`` counts the samples that are lost, by reason. ``in_vain`` says that the sink has waited for room in vain
    since an object was last stored. ``log`` is for failures of the store.
    """

    def __init__(
        self,
        on_stored: Callable[[ObjectKey, int], None] | None,
        on_failure: Callable[[StoreFailure], None] | None,
        log: CauseLog,
    ) -> None:
        self._on_stored = on_stored
        self._on_failure = on_failure
        self.log = log
        self._failures: list[StoreFailure] = []
        self._raised: Exception | None = None
        self.dropped: Counter[str] = Counter()
        self.in_vain = False

    def stored(self, key: ObjectKey, size: int) -> None:
        """Note that an object of ``size`` bytes is in the store."""
        self.in_vain = False
        if self._on_stored is None:
            return
        try:
            self._on_stored(key, size)
        except Exception as error:  # noqa: BLE001
            # An error of the caller's, not of the store: raised once all events are processed.
            if self._raised is not None:
                _log.error("%s is stored, and on_stored failed again: %r", key, error)
            self._raised = self._raised or error

    def lost(self, failure: StoreFailure) -> None:
        """Note that an object was given up."""
        reason, count = failure.reason, failure.sample_count
        cause = (reason, type(failure.error).__name__)
        if reason is None or not count:  # a span end; or a segment that was refused before its first fragment
            self.log.error(cause, "%s is not stored: %s", failure.key, failure.error)
        else:
            self.dropped[reason] += count
            self.log.error(cause, "%s: %d samples lost %s: %s", failure.key, count, reason, failure.error)
        if reason is not LOST.UNSEALED:
            self._failures.append(failure)

    def report(self) -> None:
        """Report to the caller what was given up, and raise pending errors.

        Raises:
            StoreError: an object was given up, and there is no ``on_failure``.
        """
        failures, self._failures = self._failures, []
        raised, self._raised = self._raised, None
        try:
            if self._on_failure is not None:
                for failure in failures:
                    self._on_failure(failure)
        finally:
            if raised is not None:
                raise raised
        if self._on_failure is None and failures:
            error = failures[0].error
            raise error if isinstance(error, StoreError) else StoreError(f"{failures[0].key}: {error}") from error
