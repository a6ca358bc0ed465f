"""Steps of time that are not those before them, until they are again, and what that was."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from statistics import fmean

from onvif_bmff.diagnosis.observation import Fault
from onvif_bmff.diagnosis.place_line import PlaceLine

__all__ = ["SHAKEN", "Episode", "Verdict", "gap_bound", "gap_verdict", "judge", "levelled", "shaken", "uneven_spacing"]

CALM = 5
"""Steps in a row that end an episode if they are regular."""
LONGEST = 500
"""Steps after which an episode ends in any case."""
_MANY = 25
"""Steps of an episode of jitter, at least."""
_UNEVEN = 16
"""Samples are spaced unevenly if they are, on average, more than this part of the nominal step from even."""
SHAKEN = 0.2
"""Seconds from its place that a sample of a stream with jitter may be, or six nominal steps."""
_HALF = 0.6
"""Part of a step by which samples that are spaced unevenly may be off the line before them, and follow it."""
_SLOPE = 8
"""Part of the nominal step by which it may be off that was found among uneven ones."""
_TICKS_APART = 8
"""A step of less than this part of the nominal one is almost none."""

_LEAST, _STEPS = 1.0, 12
"""Seconds, and nominal steps, that a step is long at least, and"""
_OTHERS = 4
"""how many others are irregular at least: else it is judged with them."""
_BESIDE = 12
"""Samples on either side that tell how far the clock was set: whole groups of two, three or four reordered pictures."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an episode was: ``seconds`` its size, ``count`` the samples concerned."""

    fault: Fault
    message: str
    seconds: float
    count: int


@dataclass(slots=True)
class Episode:
    """Steps (seconds) since ``start``, the time of the last sample that was in its place.

    ``nominal`` is the usual step. ``presented`` are the steps of presentation.
    """

    start: float
    nominal: float
    steps: list[float] = field(default_factory=list)
    presented: list[float] = field(default_factory=list)

    def add(self, step: float, presented: float) -> bool:
        """Take the next step of decode and of presentation time; return whether the episode is over."""
        self.steps.append(step)
        self.presented.append(presented)
        if len(self.steps) >= LONGEST:
            return True
        if len(self.steps) < CALM:
            return False
        calm = self.steps[-CALM:]
        return all(map(self.is_regular, calm)) or self.changed_rate()

    def is_regular(self, step: float) -> bool:
        """Whether a step is like those before the episode."""
        return self.nominal / 4 <= step <= self.nominal * 7 / 4

    def is_short(self, step: float) -> bool:
        """Whether a step takes almost no time."""
        return 0 <= step < self.nominal / _TICKS_APART

    def changed_rate(self) -> bool:
        """Whether the source sends at another rate now: enough steps in a row are alike, and none of them is short."""
        last = self.steps[-2 * CALM :]
        return (
            len(last) == 2 * CALM and min(last) > 0 and max(last) <= min(last) * 1.25 and not self.is_short(min(last))
        )

    def calm(self) -> int:
        """How many steps at the end belong to what follows."""
        if self.changed_rate():
            return 2 * CALM
        count = 0
        for step in reversed(self.steps):
            if not self.is_regular(step):
                break
            count += 1
        return count


def gap_bound(nominal: float) -> float:
    """Seconds that a sample may last until it is a gap."""
    return max(1.0, min(10.0, 3 * nominal), 1.5 * nominal)


def gap_verdict(seconds: float) -> Verdict:
    """What nothing for so long is."""
    return Verdict(Fault.GAP, f"nothing for {seconds:.3f} s, or the clock was set ahead", seconds, 0)


def judge(episode: Episode) -> list[Verdict]:
    """Return what an episode was."""
    steps = episode.steps[: len(episode.steps) - episode.calm()]
    if not steps:
        return []
    nominal = episode.nominal
    short = sum(map(episode.is_short, steps))
    back = sum(step < 0 for step in steps)
    if not short and not back:
        return _stretched(steps, nominal, episode)
    shown = list(accumulate(episode.presented))
    if _is_reordered(episode, len(shown)):
        text = f"the stamps of {_count(short + back, 'picture')} are those of presentation, not of decoding"
        return [Verdict(Fault.REORDER, text, 0.0, short + back)]
    off = [place - nominal * number for number, place in enumerate(accumulate(steps), 1)]
    behind = min(place - nominal * number for number, place in enumerate(shown[: len(off)], 1))
    if not back and abs(off[-1]) < 3 * nominal and behind < -6 * nominal:
        off = [place - nominal * number for number, place in enumerate(shown[: len(off)], 1)]
        off[-1] = 0.0  # presentation has the stamps as they came, where decode times were moved
    return _squeezed(episode, off, short, back)


def shaken(episode: Episode, line: PlaceLine) -> Verdict | None:
    """Return what an episode was if samples are spaced unevenly before it too, and go on after it as before; or None.

    ``line`` is that of the samples before it.
    """
    steps, calm = episode.steps, episode.calm()
    times = list(accumulate(steps, initial=episode.start))[1:]
    inner = len(steps) - calm
    seen = line.seen([(line.next + number, times[number]) for number in range(inner, len(steps))])
    shown = list(accumulate(episode.presented[:inner]))
    if not inner or _is_reordered(episode, inner):
        return None
    apart = any(abs(one - other) > episode.nominal for one, other in zip(steps, episode.presented, strict=True))
    if apart and min(place - episode.nominal * number for number, place in enumerate(shown, 1)) < -6 * episode.nominal:
        return None  # presentation has the stamps as they came, where decode times were moved
    pace, uneven, shift = seen or (episode.nominal, 0.0, 0.0)
    if uneven * _UNEVEN < pace or abs(shift) > max(_HALF * pace, 2 * uneven):
        backward = sum(step < 0 or episode.is_short(step) for step in steps[:inner])
        pace = (times[inner - 1] - episode.start) / inner
        if inner < _MANY or backward * 8 < inner or pace < episode.nominal / 4:
            return None
    off = [time - episode.start - pace * number for number, time in enumerate(times[:inner], 1)]
    peak = max(off, key=abs)
    if abs(peak) > max(6 * pace, SHAKEN):
        return None
    return uneven_spacing(inner, peak)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _is_reordered(episode: Episode, count: int) -> bool:
    """Whether the first so many stamps are those of presentation: out of order, and evenly spaced once sorted."""
    nominal, presented = episode.nominal, episode.presented[:count]
    if any(abs(one - other) > nominal / 2 for one, other in zip(episode.steps, presented, strict=False)):
        return False  # decode times are others
    shown = list(accumulate(presented))
    ordered = sorted([0.0, *shown])
    steps = [after - before for before, after in pairwise(ordered)]
    even = sum(nominal / 2 < step < nominal * 3 / 2 for step in steps)
    # An episode may begin and end within a group of reordered pictures, some of which it does not have.
    backward = sum(after < before for before, after in pairwise([0.0, *shown]))
    return backward > 1 and len(steps) - even <= 2 < even and max(steps) < 8 * nominal


def _squeezed(episode: Episode, off: list[float], short: int, back: int) -> list[Verdict]:
    """What steps back or of almost no time were: stamps that were off, or a clock that was set back."""
    nominal, shift = episode.nominal, off[-1]
    squeezed = f", {_count(short, 'sample')} in almost no time" if short else ""
    if _is_slope(episode, len(off), shift):
        off, shift = [one - shift / len(off) * number for number, one in enumerate(off, 1)], 0.0
    peak = max(off, key=abs)
    if len(off) >= _MANY and abs(peak) < 6 * nominal and abs(shift) < 3 * nominal:
        return [uneven_spacing(len(off), peak)]
    too_close = f"{_count(short or back, 'sample')} in almost no time after the one before"
    if len(off) >= _MANY and 2 * short > len(off) and abs(shift) < 3 * nominal:
        return [Verdict(Fault.TOO_CLOSE, too_close, 0.0, short)]
    if shift <= -1.5 * nominal:
        if max(off) > 1.5 * nominal:
            text = f"a stamp was {max(off):.3f} s ahead, then the clock was {-shift:.3f} s behind{squeezed}"
        else:
            text = f"the clock was set back by {-shift:.3f} s{squeezed}"
        return [Verdict(Fault.STEP_BACK, text, shift, max(short, back))]
    if abs(peak) > 1.5 * nominal and abs(peak) > 2 * abs(shift):
        count = sum(abs(one) > abs(peak) / 2 for one in off)
        stamps = "a stamp was" if count == 1 else f"{count} stamps were"
        where = "ahead" if peak > 0 else "behind"
        text = f"{stamps} {abs(peak):.3f} s {where}, and then right again{squeezed}"
        return [Verdict(Fault.OUTLIER, text, peak, count), *_behind(shift, nominal)]
    if shift > 1.5 * nominal:
        text = f"the clock went ahead by {shift:.3f} s{squeezed}"
        return [Verdict(Fault.GAP, text, shift, short)]
    return [Verdict(Fault.TOO_CLOSE, too_close, 0.0, short or back)]


def _is_slope(episode: Episode, count: int, shift: float) -> bool:
    """Whether ``count`` steps end ``shift`` seconds off only because the nominal one was found among uneven ones."""
    if count < _MANY:
        return False
    irregular = sum(not episode.is_regular(step) for step in episode.steps[:count])
    least, most = (-0.5, 1.5) if 4 * irregular >= count else (-1 / _SLOPE, 1 / _SLOPE)
    return least < shift / (count * episode.nominal) < most


def uneven_spacing(count: int, peak: float) -> Verdict:
    """What so many samples are that lie up to ``peak`` seconds from their place."""
    text = f"{_count(count, 'sample')} spaced unevenly, up to {abs(peak):.3f} s from their place"
    return Verdict(Fault.JITTER, text, peak, count)


def _behind(shift: float, nominal: float) -> list[Verdict]:
    """What is missing behind a stamp that was off: what follows is later than it would be by ``shift`` seconds."""
    if shift <= 2.5 * nominal or nominal <= 0:
        return []
    if shift + nominal > gap_bound(nominal):
        return [gap_verdict(shift)]
    missing = round(shift / nominal)
    return [Verdict(Fault.MISSING, f"{_count(missing, 'sample')} missing", shift, missing)]


def _stretched(steps: list[float], nominal: float, episode: Episode) -> list[Verdict]:
    """What steps that are long were: gaps, missing samples or uneven spacing."""
    found = [gap_verdict(step - nominal) for step in steps if step > gap_bound(nominal)]
    rest = [step for step in steps if step <= gap_bound(nominal)]
    off = sum(rest) - len(rest) * nominal
    if len(rest) == len(steps) and _is_slope(episode, len(rest), off):
        pace = sum(rest) / len(rest)
        peak = max((place - pace * number for number, place in enumerate(accumulate(rest), 1)), key=abs)
        return [*found, uneven_spacing(len(rest), peak)]
    missing = round(off / nominal)
    if missing > 0 and any(not episode.is_regular(step) for step in rest):
        set_ahead = ", or the clock was set ahead" if max(rest) > 3.5 * nominal else ""
        text = f"{_count(missing, 'sample')} missing{set_ahead}"
        found.append(Verdict(Fault.MISSING, text, missing * nominal, missing))
    return found


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
    if irregular < max(_OTHERS, short) or _is_moved(episode):
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
