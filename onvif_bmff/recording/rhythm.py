"""How long the samples of a track usually last."""

from collections import deque
from dataclasses import dataclass, field

from onvif_bmff.recording.stamps import Bounds, usual_limit

__all__ = ["Rhythm"]

_REMEMBERED = 16
"""Durations whose median is the nominal one."""
_ENOUGH = 8
"""Durations from which on the nominal one is beyond doubt."""


@dataclass(slots=True, eq=False)
class Rhythm:
    """The ``nominal`` duration of a track's samples: the median of the last 16, in ticks; 0 as long as none is known.

    A sample that comes up to ``usual`` ticks after the one before follows without a doubt. ``steady`` is the nominal
    duration if the next sample may be passed on without another look; -1 if not. Only durations that differ from the
    nominal one are ``note``d as they come; those between are counted from times.
    """

    bounds: Bounds
    nominal: int = 0
    steady: int = -1
    usual: int = field(init=False)
    _recent: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _since: int = 0
    _stated: bool = False

    def __post_init__(self) -> None:
        self.usual = usual_limit(0, self.bounds)

    def begin(self, time: int, duration: int) -> None:
        """Start from a first sample at a time, which says how long it lasts; 0 if it does not."""
        self._since = time
        if duration and not self.nominal:
            self._stated = True
            self._set(duration)

    def note(self, time: int, duration: int) -> None:
        """Note how long a sample lasts that is decoded at a time."""
        self._count_until(time)
        recent = self._recent
        again = not recent or recent[-1] == duration
        recent.append(duration)
        self._since = time + duration
        if duration != self.nominal and (again or duration > self.usual or not self.nominal):
            self._set(sorted(recent)[len(recent) // 2])

    def now(self, time: int | None) -> int:
        """Return the nominal duration at a time, that of a sample; 0 if none is known."""
        if time is not None:
            self._count_until(time)
            self._since = max(self._since, time)
        if self._recent:
            self._set(sorted(self._recent)[len(self._recent) // 2])
        return self.nominal

    def skip_to(self, time: int) -> None:
        """Count on from a time that a sample was put at."""
        self._since = time

    @property
    def expected(self) -> int:
        """The nominal duration, for telling what is off; a 50th of a second at least while few durations are known."""
        if not self.nominal or len(self._recent) >= _ENOUGH or self._stated:
            return self.nominal
        lower = sorted(self._recent)[(len(self._recent) - 1) // 2] if self._recent else self.nominal
        return max(lower, self.bounds.timescale // 50)

    def _count_until(self, time: int) -> None:
        if self.nominal and time > self._since:
            self._recent.extend([self.nominal] * min((time - self._since) // self.nominal, _REMEMBERED))

    def _set(self, nominal: int) -> None:
        self.nominal = self.steady = nominal
        self.usual = usual_limit(self.expected, self.bounds)
