"""A wall clock without the jumps that NTP or an operator causes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.timing import UtcTime

__all__ = ["ClockTrust", "SteadyClock"]

RELEASED = UtcTime.parse("2025-12-01T00:00:00Z")
"""No clock that is right can be before this: the specification was released then, and this library afterwards."""

_NOTICED = 1.0
"""Seconds by which a clock must be wrong before spans are closed for it."""
_TOO_SLOW = 0.1


@dataclass(frozen=True, slots=True)
class ClockTrust:
    """When the clock of a device may be believed: a device without a battery starts in 1970, until NTP sets its clock.

    Args:
        not_before: a clock before this instant is wrong; best the date on which the firmware was built.
        wait: recordings wait, in Idle, as long as the clock is wrong. If false, they begin at once, at wrong times;
            when the clock is set, all spans close, and new ones have the new time.
        patience: the longest time for which a recording waits, after a start, for the clock to be later than the newest
            key of its place; None for as long as it takes, zero for not at all. That key may be wrong instead: of a
            former clock, or of a camera whose clock is ahead.
    """

    not_before: UtcTime = RELEASED
    wait: bool = True
    patience: timedelta | None = timedelta(minutes=5)

    def doubt(self, now: UtcTime) -> str | None:
        """Return why recordings wait at an instant; None if they do not."""
        if not self.wait or now >= self.not_before:
            return None
        return f"the clock says {now}, which cannot be right before {self.not_before}: it waits to be set"


class SteadyClock:
    """The present instant, which advances evenly until it is set to follow its wall clock.

    Media times and deadlines are computed from one reading of the clock. If it jumped in between, events would last
    for years or end at once, and recordings would keep a wrong time until their source is reopened. So jumps are
    detected here (``jump``), and applied everywhere at one time (``set``).

    Args:
        clock: the wall clock.
        rate: how many of its seconds pass in one.
        runtime: gives monotonic time, and the lock.
        trust: when it may be believed.
    """

    def __init__(
        self,
        clock: Callable[[], UtcTime],
        rate: float = 1.0,
        *,
        runtime: Runtime = SYSTEM,
        trust: ClockTrust = ClockTrust(),
    ) -> None:
        self._clock = clock
        self._trust = trust
        self._rate = rate
        self._monotonic = runtime.monotonic
        self._lock = runtime.lock()
        self._since = runtime.monotonic()
        self._at = clock()
        self._times_set = 0
        self.latest = self._at
        """The instant that was read last; while a device runs, at most about a second ago."""

    def __call__(self) -> UtcTime:
        """Return the present instant."""
        return self.read()[0]

    def read(self) -> tuple[UtcTime, int]:
        """Return the present instant, and the number of times that the clock was set before it."""
        with self._lock:
            self.latest = self._now(self._monotonic())
            return self.latest, self._times_set

    def doubt(self) -> str | None:
        """Return why its time is not to be recorded with; None if it is."""
        return self._trust.doubt(self())

    @property
    def trust(self) -> ClockTrust:
        """When it may be believed."""
        return self._trust

    @property
    def wall(self) -> Callable[[], UtcTime]:
        """The wall clock."""
        return self._clock

    @property
    def rate(self) -> float:
        """How many of its seconds pass in one."""
        return self._rate

    def elapsed(self) -> float:
        """Return the seconds of this clock since it was made, as if it had never been set."""
        return (self._monotonic() - self._since) * self._rate

    def at(self, elapsed: float) -> UtcTime:
        """Return the instant of a number of ``elapsed`` seconds."""
        with self._lock:
            return self._at.plus_microseconds(int(elapsed * 1_000_000))

    def jump(self) -> timedelta | None:
        """Return how far the wall clock is ahead (negative: behind); None if that is not worth a cut."""
        began = self._monotonic()
        wall = self._clock()
        if self._monotonic() - began > _TOO_SLOW:
            return None  # delayed between the readings
        with self._lock:
            self.latest = self._now(began)
            ahead = wall.microseconds_since(self.latest)
        return timedelta(microseconds=ahead) if abs(ahead) > _NOTICED * self._rate * 1_000_000 else None

    def set(self, by: timedelta) -> None:
        """Shift the clock forward, or back."""
        with self._lock:
            self._at += by
            self._times_set += 1

    def _now(self, monotonic: float) -> UtcTime:
        return self._at.plus_microseconds(int((monotonic - self._since) * self._rate * 1_000_000))
