"""Tries of one request: how often, and how long to wait between them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from onvif_bmff.errors import StoreError
from onvif_bmff.runtime import Runtime
from onvif_bmff.storage.cloud_client import StoreBusyError

__all__ = ["Attempts", "RetryBudget"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How long a request is tried; all in seconds.

    The pause after a failure is ``first``, then twice as long each time, up to ``longest``; each is shortened at random
    by up to a half, so that many clients do not come back at the same moment. After ``total`` no other try begins.
    """

    first: float = 0.2
    longest: float = 5.0
    total: float = 10.0


class Attempts:
    """The tries of one request, from its making on."""

    def __init__(self, budget: RetryBudget, runtime: Runtime) -> None:
        self._budget = budget
        self._runtime = runtime
        self._until = runtime.monotonic() + budget.total
        self._delay = budget.first
        self.count = 0

    def wait(self, error: StoreError) -> None:
        """Wait before the next try.

        Raises:
            StoreError: the budget is spent; with the text of the given error.
        """
        self.count += 1
        chance = int.from_bytes(self._runtime.random(2)) / 65536
        pause = self._delay * (1 - chance / 2)
        if self._runtime.monotonic() + pause >= self._until:
            raise StoreError(f"{error} (tried {self.count} times)") from None
        self._delay = min(self._delay * 2, self._budget.longest)
        self._runtime.sleep(pause)

    def run(self, request: Callable[[], T]) -> T:
        """Return the result of a request that may be sent any number of times.

        Raises:
            StoreError: it failed for good, or the budget is spent.
        """
        while True:
            try:
                return request()
            except StoreBusyError as error:
                self.wait(error)
