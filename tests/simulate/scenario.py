"""What happens in a run: drawn from its seed before anything runs, one kind of trouble apart from the others.

Each kind has a generator of its own, so that a kind can be left out, or the run cut short, and all the rest of the plan
stays as it was. That is how a failure is made smaller.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from tests.simulate.known import CUT_SHORT, LEFT_PLACE, OVERLAP

__all__ = ["CLOCK_AT_1970", "KINDS", "KNOWN", "KNOWN_FINDINGS", "Incident", "Recording", "Scenario", "draw"]

DAY = 86_400.0
CLOCK_AT_1970 = "clock at 1970"
"""A kind that is in no plan by itself: the device has no battery, and begins in 1970 whenever it is switched on."""


@dataclass(frozen=True, order=True)
class Incident:
    """Something that happens at a time: its kind, for how long or how much, and a word more."""

    time: float
    kind: str
    size: float = 0.0
    detail: str = ""


@dataclass(frozen=True)
class Recording:
    """A recording that is always active, or around events, and that nobody else touches: what must be stored is known.

    ``before`` and ``after`` are seconds; without ``before`` it is always active.
    """

    prefix: str
    camera: str
    kind: str
    storage: str
    segment: int
    encryption: str = ""
    before: float | None = None
    after: float = 0.0


@dataclass(frozen=True)
class Scenario:
    """A seed, how long, what is recorded, which kinds of trouble there are, and when."""

    seed: int
    seconds: float
    cameras: int
    recordings: tuple[Recording, ...]
    kinds: frozenset[str]
    incidents: tuple[Incident, ...] = field(repr=False)

    @property
    def line(self) -> str:
        """The options of the command that make it again."""
        more = "".join(f" --without '{kind}'" for kind in sorted(_drawn_kinds(self.seed) - self.kinds))
        return f"--seed {self.seed} --seconds {self.seconds:g}{more}"

    def without(self, *kinds: str) -> "Scenario":
        """Return the same without some kinds of trouble."""
        kept = tuple(one for one in self.incidents if one.kind not in kinds)
        recordings = tuple(one for one in self.recordings if one.before is None or "events" not in kinds)
        return replace(self, kinds=self.kinds - {*kinds}, incidents=kept, recordings=recordings)

    def cut(self, seconds: float) -> "Scenario":
        """Return the first so many seconds of it."""
        return replace(self, seconds=seconds, incidents=tuple(one for one in self.incidents if one.time < seconds))


def _times(chance: Random, seconds: float, mean: float, most: int = 200) -> list[float]:
    """Times at random, ``mean`` seconds apart, the first never in the first seconds; in long runs further apart."""
    mean = max(mean, seconds / most)
    found, at = [], chance.uniform(5.0, mean)
    while at < seconds and len(found) < most:
        found.append(at)
        at += chance.expovariate(1 / mean) + 1.0
    return found


def _power_cuts(chance: Random, seconds: float) -> list[Incident]:
    return [Incident(at, "power cut", chance.choice((0.5, 3.0, 20.0, 90.0))) for at in _times(chance, seconds, 240)]


def _restarts(chance: Random, seconds: float) -> list[Incident]:
    return [Incident(at, "restart", chance.choice((0.5, 5.0))) for at in _times(chance, seconds, 300)]


def _outages(chance: Random, seconds: float) -> list[Incident]:
    kinds = ("store: unavailable", "store: hang", "store: slow body", "store: denied", "store: lost answer")
    return [
        Incident(at, "bucket outage", chance.choice((2.0, 15.0, 60.0, 200.0)), chance.choice(kinds))
        for at in _times(chance, seconds, 240)
    ]


def _jumps(chance: Random, seconds: float) -> list[Incident]:
    sizes = (-0.8, 0.8, 2.5, 7.0, 3600.0, 86_400.0)
    return [Incident(at, "wall clock jump", chance.choice(sizes)) for at in _times(chance, seconds, 300)]


def _set_backs(chance: Random, seconds: float) -> list[Incident]:
    return [
        Incident(at, "wall clock set back", chance.choice((-3600.0, -60.0, -7.0)))
        for at in _times(chance, seconds, 300)
    ]


def _full_disks(chance: Random, seconds: float) -> list[Incident]:
    return [Incident(at, "disk full", chance.choice((5.0, 40.0, 150.0))) for at in _times(chance, seconds, 300)]


def _storms(chance: Random, seconds: float) -> list[Incident]:
    return [Incident(at, "event storm", chance.choice((10, 60))) for at in _times(chance, seconds, 200)]


def _events(chance: Random, seconds: float) -> list[Incident]:
    return [Incident(at, "events", chance.choice((0.0, 2.0, 20.0, 45.0))) for at in _times(chance, seconds, 60)]


def _jobs_off(chance: Random, seconds: float) -> list[Incident]:
    return [Incident(at, "job off", chance.choice((2.0, 15.0, 60.0))) for at in _times(chance, seconds, 240)]


def _none(chance: Random, seconds: float) -> list[Incident]:
    return []


KINDS: dict[str, tuple[float, Callable[[Random, float], list[Incident]]]] = {
    "power cut": (0.5, _power_cuts),
    "restart": (0.25, _restarts),
    "bucket outage": (0.35, _outages),
    "bucket faults": (0.35, _none),
    "disk faults": (0.25, _none),
    "disk full": (0.2, _full_disks),
    "database faults": (0.2, _none),
    "wall clock jump": (0.25, _jumps),
    "wall clock set back": (0.05, _set_backs),
    "wall clock drift": (0.2, _none),
    "camera trouble": (0.5, _none),
    "camera clock trouble": (0.15, _none),
    "operator": (0.4, _none),
    "event storm": (0.2, _storms),
    "certificates expire": (0.15, _none),
    "little room": (0.15, _none),
    "late arrivals": (0.04, _none),
    "eventual listing": (0.04, _none),
    "events": (0.25, _events),
    "job off": (0.2, _jobs_off),
}
"""Kind of trouble -> how likely a run has it, and what draws when it comes; those without times are always there."""


def _drawn_kinds(seed: int) -> frozenset[str]:
    chance = Random(f"{seed} kinds")
    if chance.random() < 0.02:
        return frozenset()  # a world without trouble has to be perfect
    return frozenset(kind for kind, (likely, _) in KINDS.items() if chance.random() < likely)


def _event_recording(chance: Random, cameras: int) -> Recording:
    return Recording(
        "event0",
        f"cam{chance.randint(1, cameras)}",
        chance.choice(("CMAF", "MP4")),
        chance.choice(("bucket", "disk")),
        chance.choice((10, 30)),
        chance.choice(("", "", "cenc")),
        before=chance.choice((0.0, 5.0, 20.0)),
        after=chance.choice((0.0, 5.0, 30.0)),
    )


def draw(seed: int, seconds: float = 600.0) -> Scenario:
    """Return what a seed decides."""
    chance = Random(f"{seed} recordings")
    cameras = chance.choice((1, 1, 2))
    recordings = [
        Recording(
            f"always{number}",
            f"cam{chance.randint(1, cameras)}",
            chance.choice(("CMAF", "MP4")),
            chance.choice(("bucket", "bucket", "disk")),
            chance.choice((20, 30, 60)),
            chance.choice(("", "", "", "cenc", "cbcs")),
        )
        for number in range(chance.choice((1, 1, 2)))
    ]
    kinds = _drawn_kinds(seed)
    if "events" in kinds:
        recordings.append(_event_recording(Random(f"{seed} event recording"), cameras))
    incidents = sorted(
        incident for kind in KINDS if kind in kinds for incident in KINDS[kind][1](Random(f"{seed} {kind}"), seconds)
    )
    return Scenario(seed, seconds, cameras, tuple(recordings), kinds, tuple(incidents))


KNOWN = {
    "late arrivals": "[5/15]: a request that was given up arrives later, and nothing keeps it out",
    "eventual listing": "[5/15]: recovery believes listings",
    "wall clock set back": "[6/15]: two spans of one place have keys of the same time, and readers may mix them up",
}
"""Kinds of trouble that the library does not stand yet, and the issue that mends each: their runs are counted apart."""

KNOWN_FINDINGS = {
    OVERLAP: "decisions 28, 61 and 78: a clock was corrected, a Before of another source brings again what an earlier"
    " span has, or the last of a few pictures lasts longer than thought; keys alone do not tell such spans apart, so"
    " readers may mix them up",
    LEFT_PLACE: "a recovery looks where there are recordings; one that was deleted or moved just before a power cut, or"
    " before its store worked again, leaves a span open, which readers take for one that goes on",
    CUT_SHORT: "[6/15].5 and 12: in MP4 format the last sample of a track that does not lead is taken for one before a"
    " pause if it is long, and cut short where the leading track begins a segment; the next one comes when it comes",
}
"""Findings that the library is known to cause; ``known.py`` says which they are. They are counted apart, one by one."""
