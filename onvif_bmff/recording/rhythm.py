"""How long the samples of a track usually last."""

from collections import deque
from dataclasses import dataclass, field

from onvif_bmff.recording.stamps import Bounds, usual_limit

__all__ = ["Rhythm"]

_REMEMBERED = 16
"""Durations whose median is the nominal one."""
_AVERAGED = 64
"""Durations whose average tells where later samples are expected."""
_LONG = 3
"""Nominal durations that a pause counts as in the average."""
_ENOUGH = 8
"""Durations from which on the nominal one is beyond doubt."""


@dataclass(slots=True, eq=False)
class Rhythm:
    """The ``nominal`` duration of a track's samples: the median of the last 16, in ticks; 0 as long as none is known.

    A sample that comes up to ``usual`` ticks after the one before follows without a doubt. ``steady`` is the nominal
    duration if the next sample may be passed on without another look; -1 if not, as of sparse media. Only durations
    that differ from the nominal one are ``note``d as they come; those between are counted from times.

    ``pace`` is the average of the last 64. It is the nominal duration where samples come evenly. Where stamps
    are shaken, or some samples are lost, it says where the samples that follow belong; a median does not.
    """

    bounds: Bounds
    nominal: int = 0
    steady: int = -1
    usual: int = field(init=False)
    _recent: deque[int] = field(default_factory=lambda: deque(maxlen=_AVERAGED))
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
            self._set(self._median())

    def now(self, time: int | None) -> int:
        """Return the nominal duration at a time, that of a sample; 0 if none is known."""
        if time is not None:
            self._count_until(time)
            self._since = max(self._since, time)
        if self._recent:
            self._set(self._median())
        return self.nominal

    def quicken(self, time: int, nominal: int) -> None:
        """Forget how long samples lasted: from a time on they come at another rate."""
        self._recent.clear()
        self._since = time
        self._set(nominal)

    def skip_to(self, time: int) -> None:
        """Count on from a time that a sample was put at."""
        self._since = time

    @property
    def expected(self) -> int:
        """The nominal duration, for telling what is off; a 50th of a second at least while few durations are known."""
        nominal, recent = self.nominal, self._recent
        if not nominal or len(recent) >= _ENOUGH or self._stated:
            return nominal
        lower = sorted(recent)[(len(recent) - 1) // 2] if recent else nominal
        return max(lower, self.bounds.timescale // 50)

    @property
    def pace(self) -> int:
        """How far apart samples come on average; ``expected`` if few are known, or if they come at another rate now."""
        nominal, recent = self.expected, self._recent
        if len(recent) < _ENOUGH:
            return nominal
        longest = _LONG * nominal
        average = sum([min(one, longest) for one in recent]) // len(recent)
        return average if 2 * nominal <= 3 * average and 2 * average <= 3 * nominal else nominal

    def _median(self) -> int:
        """The median of the last 16 durations."""
        recent = self._recent
        last = sorted(list(recent)[-_REMEMBERED:])
        return last[len(last) // 2]

    def _count_until(self, time: int) -> None:
        if self.nominal and time > self._since:
            self._recent.extend([self.nominal] * min((time - self._since) // self.nominal, _AVERAGED))

    def _set(self, nominal: int) -> None:
        self.nominal = nominal
        self.steady = -1 if self.bounds.sparse else nominal
        self.usual = usual_limit(self.expected, self.bounds)
