"""Steps of time that are not those before them, until they are again, and what that was."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from statistics import median

from onvif_bmff.diagnosis.observation import Fault
from onvif_bmff.diagnosis.place_line import PlaceLine

__all__ = ["Steps", "Verdict"]

CALM = 5
"""Steps in a row that end an episode if they are regular."""
_KNOWN = 8
"""Steps before the spacing of a track is known."""
LONGEST = 500
"""Steps after which an episode ends in any case."""
_MANY = 25
"""Steps of an episode of jitter, at least."""
_UNEVEN = 16
"""Samples are spaced unevenly if they are, on average, more than this part of the nominal step from even."""
_SHAKEN = 0.2
"""Seconds from its place that a sample of a stream with jitter may be, or six nominal steps."""
_HALF = 0.6
"""Part of a step by which samples that are spaced unevenly may be off the line before them, and follow it."""
_SLOPE = 8
"""Part of the nominal step by which it may be off that was found among uneven ones."""
_ALMOST_NONE = 8
"""A step of less than this part of the nominal one is almost none."""
_FAR_BEHIND = -6
"""Nominal steps: presentation that is farther behind its place was not moved where decode times were."""


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
        return _is_regular(step, self.nominal)

    def is_short(self, step: float) -> bool:
        """Whether a step takes almost no time."""
        return 0 <= step < self.nominal / _ALMOST_NONE

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


def _is_regular(step: float, nominal: float) -> bool:
    """Whether a step is one of a track with this usual step."""
    return nominal / 4 <= step <= nominal * 7 / 4


def gap_bound(nominal: float) -> float:
    """Seconds that a sample may last until it is a gap."""
    return max(1.0, min(10.0, 3 * nominal), 1.5 * nominal)


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
    if _is_reordered(episode, len(episode.presented)):
        text = f"the stamps of {_count(short + back, 'picture')} are those of presentation, not of decoding"
        return [Verdict(Fault.REORDER, text, 0.0, short + back)]
    off, off_as_shown = _off(steps, nominal), _off(episode.presented[: len(steps)], nominal)
    if not back and abs(off[-1]) < 3 * nominal and min(off_as_shown) < _FAR_BEHIND * nominal:
        off = [*off_as_shown[:-1], 0.0]  # presentation has the stamps as they came, where decode times were moved
    return _squeezed(episode, off, short, back)


def shaken(episode: Episode, line: PlaceLine) -> Verdict | None:
    """Return what an episode was if samples are spaced unevenly before it too, and go on after it as before; or None.

    ``line`` is that of the samples before it.
    """
    steps, calm = episode.steps, episode.calm()
    times = list(accumulate(steps, initial=episode.start))[1:]
    inner = len(steps) - calm
    seen = line.seen([(line.next + number, times[number]) for number in range(inner, len(steps))])
    if not inner or _is_reordered(episode, inner):
        return None
    apart = any(abs(one - other) > episode.nominal for one, other in zip(steps, episode.presented, strict=True))
    if apart and min(_off(episode.presented[:inner], episode.nominal)) < _FAR_BEHIND * episode.nominal:
        return None  # presentation has the stamps as they came, where decode times were moved
    pace, uneven, shift = seen or (episode.nominal, 0.0, 0.0)
    if uneven * _UNEVEN < pace or abs(shift) > max(_HALF * pace, 2 * uneven):
        backward = sum(step < 0 or episode.is_short(step) for step in steps[:inner])
        pace = (times[inner - 1] - episode.start) / inner
        if inner < _MANY or backward * 8 < inner or pace < episode.nominal / 4:
            return None
    peak = max(_off(steps[:inner], pace), key=abs)
    if abs(peak) > max(6 * pace, _SHAKEN):
        return None
    return _uneven(inner, peak)


def _off(steps: Sequence[float], pace: float) -> list[float]:
    """How far each sample behind these steps is ahead of its place on an even line (seconds)."""
    return [time - pace * number for number, time in enumerate(accumulate(steps), 1)]


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
        return [_uneven(len(off), peak)]
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


def _uneven(count: int, peak: float) -> Verdict:
    text = f"{_count(count, 'sample')} spaced unevenly, up to {abs(peak):.3f} s from their place"
    return Verdict(Fault.JITTER, text, peak, count)


def _behind(shift: float, nominal: float) -> list[Verdict]:
    """What is missing behind a stamp that was off: what follows is later than it would be by ``shift`` seconds."""
    if shift <= 2.5 * nominal or nominal <= 0:
        return []
    if shift + nominal > gap_bound(nominal):
        return [Verdict(Fault.GAP, f"nothing for {shift:.3f} s, or the clock was set ahead", shift, 0)]
    missing = round(shift / nominal)
    return [Verdict(Fault.MISSING, f"{_count(missing, 'sample')} missing", shift, missing)]


def _stretched(steps: list[float], nominal: float, episode: Episode) -> list[Verdict]:
    """What steps that are long were: gaps, missing samples or uneven spacing."""
    found = []
    for step in steps:
        if step > gap_bound(nominal):
            text = f"nothing for {step - nominal:.3f} s, or the clock was set ahead"
            found.append(Verdict(Fault.GAP, text, step - nominal, 0))
    rest = [step for step in steps if step <= gap_bound(nominal)]
    off = sum(rest) - len(rest) * nominal
    if len(rest) == len(steps) and _is_slope(episode, len(rest), off):
        pace = sum(rest) / len(rest)
        return [*found, _uneven(len(rest), max(_off(rest, pace), key=abs))]
    missing = round(off / nominal)
    if missing > 0 and any(not episode.is_regular(step) for step in rest):
        set_ahead = ", or the clock was set ahead" if max(rest) > 3.5 * nominal else ""
        text = f"{_count(missing, 'sample')} missing{set_ahead}"
        found.append(Verdict(Fault.MISSING, text, missing * nominal, missing))
    return found


class Steps:
    """The steps of one track: calls ``found`` with each verdict and the media time (seconds) that it is of."""

    __slots__ = ("_episode", "_found", "_line", "_nominal", "_recent", "_still")

    def __init__(self, found: Callable[[Verdict, float], None]) -> None:
        self._found = found
        self._recent: deque[float] = deque(maxlen=16)
        self._episode: Episode | None = None
        self._line = PlaceLine()
        self._nominal = 0.0
        self._still = 0

    def add(self, time: float, step: float, presented: float) -> None:
        """Take the step (seconds) from the sample at ``time`` to the next, and that of presentation."""
        episode = self._episode
        if episode is None:
            nominal = self._nominal
            if len(self._recent) < _KNOWN or nominal <= 0 or _is_regular(step, nominal):
                self._line.add(time + step)
                self._learn(step)
                return
            episode = self._episode = Episode(time, nominal)
        if episode.add(step, presented):
            self.end()

    def _learn(self, step: float) -> None:
        """Take a step that is usual, or one of those of which the usual one is found."""
        nominal, known = self._nominal, len(self._recent) >= _KNOWN
        self._still += step <= 0
        if known and nominal <= 0:  # stamps of whole seconds: so many samples share one
            self._recent.extend([max(step, 0.0) / (self._still + 1)] * _KNOWN * 2)
        else:
            self._recent.append(step)
        if len(self._recent) <= _KNOWN or not nominal * 0.9 <= step <= nominal * 1.1:
            self._settle()

    def end(self) -> None:
        """Judge what is open."""
        episode, self._episode = self._episode, None
        if episode is None:
            return
        jitter = shaken(episode, self._line)
        verdicts = judge(episode) if jitter is None else [jitter]
        for verdict in verdicts:
            self._found(verdict, episode.start)
        self._draw_on(episode, verdicts, as_before=jitter is not None)
        self._learn_after(episode, uneven=jitter is None and any(one.fault is Fault.JITTER for one in verdicts))

    def _draw_on(self, episode: Episode, verdicts: list[Verdict], *, as_before: bool) -> None:
        """Draw the line on: through an episode whose samples are spaced as those before it, else behind it."""
        times = list(accumulate(episode.steps, initial=episode.start))[1:]
        if not as_before:
            if any(abs(one.seconds) > 3 * episode.nominal and one.fault is not Fault.OUTLIER for one in verdicts):
                self._line.clear()
            ended = len(times) - episode.calm()
            self._line.next += ended
            times = times[ended:]
        for time in times:
            self._line.add(time)

    def _learn_after(self, episode: Episode, *, uneven: bool) -> None:
        """Find the usual step anew, with the regular ones that ended an episode; with all of one that is uneven."""
        calm, is_new_rate = episode.calm(), episode.changed_rate()
        if not calm:
            return
        if is_new_rate:
            self._recent.clear()
        known = episode.steps if uneven and not is_new_rate else episode.steps[-calm:]
        self._recent.extend(step for step in known if step > 0)
        self._settle()

    @property
    def nominal(self) -> float:
        """The usual step in seconds; 0 as long as it is unknown."""
        return self._nominal if len(self._recent) >= _KNOWN else 0.0

    def _settle(self) -> None:
        """Find the usual step: the median, or the mean where steps are of very different lengths."""
        middle, mean = median(self._recent), sum(self._recent) / len(self._recent)
        self._nominal = middle if mean <= 0 or (min(self._recent) > 0 and middle >= mean / 2) else mean
