"""One step of a clock among samples that are spaced unevenly: neither hides the other."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from statistics import fmean

from onvif_bmff.diagnosis.episodes import Episode, Verdict, gap_verdict
from onvif_bmff.diagnosis.observation import Fault

__all__ = ["levelled"]

_LEAST, _STEPS = 1.0, 12
"""Seconds, and nominal steps, that a step is long at least, and"""
_UNEVEN = 4
"""how many others are irregular at least: else it is judged with them."""
_BESIDE = 12
"""Samples on either side that tell how far the clock was set: whole groups of two, three or four reordered pictures."""


def levelled(episode: Episode) -> tuple[Episode, Verdict, float] | None:
    """Return an episode without the one step of a clock in it, what that was, and when; None if there is no such step.

    That is a step by far longer than all others, none of which takes it back, where these are irregular themselves.
    """
    nominal, inner = episode.nominal, episode.steps[: len(episode.steps) - episode.calm()]
    if not inner:
        return None
    place = max(range(len(inner)), key=lambda number: abs(inner[number] - nominal))
    size, others = inner[place] - nominal, [*inner[:place], *inner[place + 1 :]]
    if abs(size) < max(_LEAST, _STEPS * nominal) or any(abs(one - nominal) > abs(size) / 2 for one in others):
        return None
    short = sum(map(episode.is_short, others))
    irregular = sum(not episode.is_regular(one) for one in others) - short
    if irregular < max(_UNEVEN, short) or _is_moved(episode):
        return None
    by = _set_by(episode.steps, place, (sum(inner) - size) / len(inner))
    time = episode.start + sum(inner[:place])
    rest = replace(episode, steps=[*episode.steps], presented=[*episode.presented])
    rest.steps[place] -= by
    rest.presented[place] -= by
    if by < 0:
        return rest, Verdict(Fault.STEP_BACK, f"the clock was set back by {-by:.3f} s", by, 1), time
    return rest, gap_verdict(by), time


def _set_by(steps: Sequence[float], place: int, pace: float) -> float:
    """By how many seconds samples behind a step are farther on than those before it."""
    off = [at - pace * number for number, at in enumerate(accumulate(steps, initial=0.0))]
    return fmean(off[place + 1 : place + 1 + _BESIDE]) - fmean(off[max(0, place + 1 - _BESIDE) : place + 1])


def _is_moved(episode: Episode) -> bool:
    """Whether presentation has other steps than decode times, as where these were moved."""
    return any(abs(one - other) > episode.nominal for one, other in zip(episode.steps, episode.presented, strict=True))
