"""Whether recordings stay within the bit rates that a device offers (5.25)."""

from collections import deque
from collections.abc import Callable, Collection, Mapping

__all__ = ["RateWatch"]

_WINDOW = 30.0
"""Seconds over which rates are measured: fragments come in bursts."""


class RateWatch:
    """Measures what is recorded against MaxRate and MaxTotalRate.

    Args:
        max_rate: of a recording, in kbit/s; None for no limit.
        max_total_rate: of all recordings together, in kbit/s; None for no limit.
        elapsed: seconds that only grow, in the time of the media.
    """

    def __init__(self, max_rate: float | None, max_total_rate: float | None, elapsed: Callable[[], float]) -> None:
        self._max_rate = max_rate
        self._max_total_rate = max_total_rate
        self._elapsed = elapsed
        self._above: Collection[str] = ()
        self._measured: deque[tuple[float, Mapping[str, int]]] = deque()

    def changes(self, recorded: Mapping[str, int]) -> dict[str, str | None]:
        """Return recordings that are above a limit since the last call, and in which way; None: it no longer is.

        Args:
            recorded: bytes recorded so far, by recording. To be called every few seconds.
        """
        if self._max_rate is None and self._max_total_rate is None:
            return {}
        found = self._exceeded(recorded)
        if found is None:
            return {}
        changed: dict[str, str | None] = {token: text for token, text in found.items() if token not in self._above}
        changed |= {token: None for token in self._above if token not in found}
        self._above = found.keys()
        return changed

    def _exceeded(self, recorded: Mapping[str, int]) -> dict[str, str] | None:
        """Return recordings that are above a limit; None as long as it cannot be said."""
        now = self._elapsed()
        self._measured.append((now, dict(recorded)))
        while len(self._measured) > 1 and now - self._measured[1][0] >= _WINDOW:
            self._measured.popleft()
        began, before = self._measured[0]
        if now - began < _WINDOW:
            return None
        rates = {
            token: (size - before[token]) * 8 / 1000 / (now - began)
            for token, size in recorded.items()
            if token in before and size >= before[token]
        }
        found: dict[str, str] = {}
        total = sum(rates.values())
        for token, rate in rates.items():
            if self._max_rate is not None and rate > self._max_rate:
                found[token] = f"with {rate:.0f} kbit/s, above MaxRate of {self._max_rate:g} kbit/s"
            elif rate > 0 and self._max_total_rate is not None and total > self._max_total_rate:
                limit = f"MaxTotalRate of {self._max_total_rate:g} kbit/s"
                found[token] = f"with {total:.0f} kbit/s of all recordings, above {limit}"
        return found
