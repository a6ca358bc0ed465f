"""Signs of life of a process, by which its device finds out that it hangs without ending."""

from collections.abc import Callable

from onvif_bmff.runtime import Runtime

__all__ = ["BeatWatch", "send_beats"]

_INTERVAL = 1.0
"""Seconds between two signs of life."""

_UNSEEN = 5.0
"""Seconds between two looks beyond which the device itself did not run, and nothing can be said."""

_STUCK = 30
"""How many times the patience a process may be busy with one step, such as opening a spool with a million objects."""


class BeatWatch:
    """Whether a process still lives, as its device sees it.

    Time in which the device itself did not look, as where its machine was suspended, does not count.

    Args:
        patience: seconds without a sign of life after which a process counts as hanging.
        now: seconds of a clock that only grows.
    """

    def __init__(self, patience: float, now: float) -> None:
        self._patience = patience
        self._looked = self._since = now
        self._busy = 0.0

    def is_busy_for(self, seconds: float) -> None:
        """Take a sign of life: how long the process has been busy with one step of following its device."""
        self._busy = seconds

    def hangs(self, waits_since: float | None, now: float) -> str | None:
        """Return why a process counts as hanging; None if it does not. To be called every second or so.

        Args:
            waits_since: since when nothing came from it; None while something is being taken.
            now: seconds of the clock.
        """
        unseen, self._looked = now - self._looked, now
        if unseen > _UNSEEN or waits_since is None:
            self._since = now
        silent = now - max(self._since, waits_since or 0.0)
        if silent >= self._patience:
            return f"has given no sign of life for {silent:.0f} s"
        if self._busy >= self._patience * _STUCK:
            return f"has done nothing of what it is told for {self._busy:.0f} s"
        return None


def send_beats(send: Callable[..., None], busy_since: Callable[[], float | None], runtime: Runtime) -> None:
    """Send signs of life as long as the process runs: the message ``beat``, with how long it is busy, in seconds.

    Args:
        send: sends a message.
        busy_since: returns since when, by the monotonic clock, the process is at one step; None if it waits.
        runtime: waits.
    """
    while True:
        since = busy_since()
        send("beat", 0.0 if since is None else runtime.monotonic() - since)
        runtime.sleep(_INTERVAL)
