"""What must be true after a run: an independent model of what every camera sent, and of what may be missing.

Each access unit that a camera delivered to a living process is in each recording of that camera once, or a fault that
really happened explains why not: an ``Excuse``, with the time for which it holds. What is missing without a power cut
has to be counted by the device, too.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf

__all__ = ["Excuse", "Sent", "Stored", "before_losses", "completeness", "times_of_keys"]


@dataclass(frozen=True, slots=True)
class Sent:
    """An access unit of a camera, and when it was captured.

    ``taken``: the device asked for more after it, so it must have it. ``disturbed`` names a trouble of the camera's.
    """

    time: float
    camera: str
    track: int
    number: int
    payload: bytes
    sync: bool
    taken: bool = True
    disturbed: str = ""

    @property
    def name(self) -> tuple[str, int, int]:
        """What it is called: camera, track and number."""
        return self.camera, self.track, self.number


@dataclass(frozen=True, slots=True)
class Stored:
    """An access unit in an object, and where it is said to have happened (microseconds since 1970).

    ``span`` is the key of the first segment of its span.
    """

    key: str
    camera: str
    track: int
    number: int
    payload: bytes
    shown: int
    span: str = ""

    @property
    def name(self) -> tuple[str, int, int]:
        """What it is called."""
        return self.camera, self.track, self.number


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why what was sent from ``start`` to ``end`` may be missing. ``counted``: the device has to count it then."""

    start: float
    end: float
    why: str
    counted: bool


def completeness(
    place: str, sent: Sequence[Sent], stored: Iterable[Stored], excuses: Sequence[Excuse], counted: int
) -> tuple[list[str], Counter[str]]:
    """Compare what a place has with what a camera sent.

    Returns findings, and how many access units are missing by excuse. ``counted`` is how many the device says are
    lost.
    """
    findings: list[str] = []
    by_name = {one.name: one for one in sent}
    times: Counter[tuple[str, int, int]] = Counter()
    for one in stored:
        source = by_name.get(one.name)
        times[one.name] += 1
        if source is None:
            findings.append(f"stored but never sent: {place} {one.name} in {one.key}")
        elif source.payload != one.payload:
            findings.append(f"stored otherwise than sent: {place} {one.name} in {one.key}")
    twice = [name for name, count in times.items() if count > 1]
    if twice:
        findings.append(f"stored more than once: {place} {sorted(twice)[:3]} of {len(twice)}")
    missing = [one for one in sent if one.taken and one.name not in times]
    why: Counter[str] = Counter()
    unexplained, uncounted = [], 0
    for one in missing:
        excuse = _excuse(one, excuses)
        if excuse is None:
            unexplained.append(one)
        else:
            why[excuse.why] += 1
            uncounted += excuse.counted
    if unexplained:
        first = unexplained[0]
        findings.append(
            f"lost without a reason: {place} {len(unexplained)} of {len(sent)}, first {first.name} "
            f"at {first.time:.3f} {first.disturbed}".rstrip()
        )
    elif uncounted > counted:
        findings.append(f"lost and not counted: {place} {uncounted} missing, {counted} counted, {dict(why)}")
    return findings, why


def _excuse(one: Sent, excuses: Sequence[Excuse]) -> Excuse | None:
    """Return an excuse for what is missing; one that needs no counting, if there is any."""
    found = [excuse for excuse in excuses if excuse.start <= one.time <= excuse.end]
    return min(found, key=lambda excuse: excuse.counted, default=None)


def before_losses(sent: Sequence[Sent], stored: Iterable[Stored], lasting: float) -> list[Sent]:
    """Return what was sent; what waited while all that followed for longer was lost counts as disturbed.

    As before a silence, a clock that is set meanwhile dates it, too: a queue may have been full.
    """
    there = {one.name for one in stored}
    following: dict[int, float] = {}
    found = []
    for one in reversed(sent):
        if one.name in there:
            if following.get(one.track, inf) - one.time > lasting:
                one = replace(one, disturbed=one.disturbed or "before a loss")
            following[one.track] = one.time
        found.append(one)
    return found[::-1]


def times_of_keys(
    place: str,
    sent: Sequence[Sent],
    stored: Iterable[Stored],
    true_at: "TrueTimes",
    bound: float,
    late: Sequence[tuple[float, float, float]] = (),
) -> list[str]:
    """Compare when pictures are said to have happened with when the wall clock saw them, in seconds.

    ``late``: between two times they may be dated so many seconds late.
    """
    by_name = {one.name: one for one in sent}
    worst, where = 0.0, ""
    for one in stored:
        source = by_name.get(one.name)
        if source is None or source.disturbed:
            continue
        allowed = max((most for start, end, most in late if start <= source.time <= end), default=0.0)
        steps = (*range(int(allowed)), allowed)
        off = min(true_at.distance(source.time, one.shown - round(by * 1e6)) for by in steps)
        if off > worst:
            worst, where = off, f"{one.name} at {source.time:.3f} in {one.key}"
    return [f"a wrong time: {place} by {worst:.3f} s, {where}"] if worst > bound else []


class TrueTimes:
    """What the wall clock showed, and for how long after a jump the device may still follow the old time.

    Args:
        jumps: when the clock jumped, in seconds of the simulation.
        ahead: how far it was ahead: from the beginning, and from each jump on.
        start: what it showed at the beginning, in microseconds.
        drift: seconds that it gains in one.
        patience: seconds before and after a jump in which the time before it is as good as the one after it.
        camera: seconds by which the clock of a camera is ahead of a world without jumps and drift, if that is as good.
    """

    def __init__(
        self,
        jumps: Sequence[float],
        ahead: Sequence[float],
        start: int,
        drift: float,
        patience: float,
        camera: float | None = None,
    ) -> None:
        self._jumps = jumps
        self._ahead = ahead
        self._start = start
        self._drift = drift
        self._patience = patience
        self._camera = camera

    def distance(self, time: float, shown: int) -> float:
        """Return how far a stated instant is from what the wall clock showed, in seconds."""
        first = bisect_right(self._jumps, time - self._patience)
        last = bisect_right(self._jumps, time + self._patience)
        found = [
            abs(shown - self._start - (time * (1 + self._drift) + self._ahead[at]) * 1e6) / 1e6
            for at in range(first, last + 1)
        ]
        if self._camera is not None:
            found.append(abs(shown - self._start - (time + self._camera) * 1e6) / 1e6)
        return min(found)
