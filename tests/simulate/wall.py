"""The wall clock of the simulated world: it drifts, it jumps, also between two readings, and it may begin in 1970."""

from bisect import bisect_right

from onvif_bmff.timing import UtcTime
from tests.simulate.runtime import Simulation

__all__ = ["START", "WallClock"]

_DAY = 86_400 - 10.0
"""Seconds, less what the clock of a camera, and drift, may be off."""
START = UtcTime(1_790_000_000_000_000)
"""The instant at which the world begins."""


class WallClock:
    """The instant at a time of the simulation.

    Args:
        simulation: chance decides when a jump that is due shows.
        drift: seconds that it gains in one.
    """

    def __init__(self, simulation: Simulation, *, drift: float = 0.0) -> None:
        self._simulation = simulation
        self._drift = drift
        self._pending: list[float] = []
        self._since = [0.0]
        self._ahead = [0.0]
        self.unset: tuple[float, float] = (0.0, 0.0)

    def __call__(self, time: float) -> UtcTime:
        """Read the clock, now."""
        if self.unset[0] <= time < self.unset[1]:
            self._simulation.hits["clock at 1970"] += 1
            return UtcTime(int((time - self.unset[0]) * 1_000_000))
        if self._pending and self._simulation.chance.random() < 0.5:
            self._since.append(time)
            self._ahead.append(self._ahead[-1] + self._pending.pop(0))
            self._simulation.hits["wall clock jump"] += 1
        return self._at(time, self._ahead[-1])

    def jump(self, seconds: float) -> None:
        """Let the clock jump, at one of the next readings."""
        self._pending.append(seconds)

    def lose(self, now: float, seconds: float) -> None:
        """Be without a battery: a device that is switched on now begins in 1970, until it is set after some seconds."""
        self.unset = now, now + seconds

    def true_at(self, time: float) -> UtcTime:
        """Return what the clock showed at a time that is over."""
        return self._at(time, self._ahead[bisect_right(self._since, time) - 1])

    @property
    def jumps(self) -> list[float]:
        """When it jumped."""
        return self._since[1:]

    @property
    def ahead(self) -> list[float]:
        """How far it was ahead, from the beginning and from each jump on."""
        return self._ahead

    @property
    def is_absurd(self) -> bool:
        """Whether it was more than a day off at any time, so that a clock that is right seems to be."""
        return any(abs(ahead) > _DAY for ahead in self._ahead)

    def _at(self, time: float, ahead: float) -> UtcTime:
        return START.plus_microseconds(int((time * (1 + self._drift) + ahead) * 1_000_000))
