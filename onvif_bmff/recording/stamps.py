"""Everything that decides what a timestamp means that does not simply follow the one before, and nothing else.

``judge`` looks at the samples that are held back, and at the last one whose time is certain; ``STAMPS`` says what to do
in each situation. There is no state here, and no sample: times in, a judgement out. docs/time.md explains the bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from itertools import pairwise

__all__ = [
    "FIRST_PAUSE",
    "NOWHERE",
    "STAMPS",
    "Bounds",
    "Judgement",
    "Neighbours",
    "Situation",
    "Verdict",
    "even_nominal",
    "gap_limit",
    "is_denied",
    "judge",
    "usual_limit",
]

NOWHERE = -1 << 80
"""Earlier than any time: where other tracks are if there are none."""

_DAY = 86_400
_FRAMES = 5
"""Frames that may be off; one more that are off together, for more than a second, are a jump."""
_USUAL = 3
"""Nominal durations that a sample may come after the one before without a doubt."""
_LEAST = 4
"""What part of a nominal duration is left to each sample that is put in its place, at least."""
_UNEVEN = 4
"""What part of the usual step those may be off that tell how far apart samples are."""
_EARLY = 10
"""Part of a second by which a sample may be early that is back in its place: two nominal durations at most."""
_LONGEST_PAUSE = 10
"""Seconds that are a gap whatever the nominal duration, unless pictures are that rare."""

_OF_THE_GAP, _NEAR = 4, 2
"""What part of a gap a reading may be off that says that there was none; or what part of a second, if that is more."""

FIRST_PAUSE = 60
"""Seconds that media may pause after a first sample; if it is longer, that one's stamp was off."""


class Verdict(Enum):
    """What becomes of samples whose stamps do not simply follow."""

    KEEP = "they stay where their stamps put them"
    RESTAMP = "those that are off are put in their place, evenly; nothing is dropped"
    GAP = "media are missing: a new span begins"
    DISCONTINUITY = "the source's clock was set: time goes on where it was, in a new span"
    WAIT = "more samples will tell"


class Situation(Enum):
    """How the samples that are held back lie to the last one before them."""

    FOLLOWS = "the newest is where it is expected, and those between are in order"
    RETURNS = "the newest is where it is expected, those between are not"
    UNDECIDED = "at most 5 frames or 1 s are off"
    PAUSE = "they go on later, after no more than a gap"
    SILENCE = "they go on later, after more than a gap"
    ALONG = "they go on where other tracks do, whose clock has just been set"
    AHEAD = "they go on later, but other tracks have had no gap, or it is more than a day"
    BACK = "they go on earlier"
    STRAY = "they go on nowhere"


STAMPS: dict[Situation, Verdict] = {
    Situation.FOLLOWS: Verdict.KEEP,
    Situation.RETURNS: Verdict.RESTAMP,
    Situation.UNDECIDED: Verdict.WAIT,
    Situation.PAUSE: Verdict.RESTAMP,
    Situation.SILENCE: Verdict.GAP,
    Situation.ALONG: Verdict.DISCONTINUITY,
    Situation.AHEAD: Verdict.DISCONTINUITY,
    Situation.BACK: Verdict.DISCONTINUITY,
    Situation.STRAY: Verdict.RESTAMP,
}
"""What each situation calls for. docs/time.md has the table with examples."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the stamps of a track may do: ``max_gap`` and ``longest`` are ticks, of ``timescale`` a second.

    Without ``max_gap`` a gap is found by the rule of ``gap_limit``. A sample can last ``longest`` at most. ``sparse``
    media have no gaps, and pause for as long as they like.
    """

    timescale: int
    longest: int
    max_gap: int | None = None
    sparse: bool = False

    @property
    def day(self) -> int:
        """A day in ticks."""
        return _DAY * self.timescale


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What is known around some stamps, all in ticks of their track.

    ``last`` is the last certain time; ``nominal`` the usual duration, 0 if there is none yet. ``reached`` is how far
    other tracks have come for certain, and ``stamped`` by their newest stamps, ``NOWHERE`` if there are none. They have
    ``gone_on`` if those went on for half a second since the first sample here was held back. If the clock of another
    track has just been set, stamps of this one would be ``moved`` by so much to stay in step with it. One may have been
    ``set_back``: a track is in doubt whose samples go on earlier, or ``wavers``: one is, but not for long. By a
    reading that came beside stamps in doubt, of this track or another, they are off by ``read_off``.
    """

    last: int
    nominal: int
    reached: int = NOWHERE
    stamped: int = NOWHERE
    gone_on: bool = False
    moved: int = 0
    set_back: bool = False
    wavers: bool = False
    read_off: int | None = None

    def deny_gap(self, start: int, newest: int, limit: int, timescale: int) -> bool:
        """Tell whether there was none longer than ``limit`` before ``start``, from where stamps came to ``newest``.

        A reading says so, if no other track has come there for certain. Else other tracks do, if they went on: they are
        not there yet, or only because time passed, so that they are nearer to where this track would be without it.
        """
        gap, without = start - self.last, self.last + newest - start
        if self.read_off is not None and self.reached < start:
            denied = abs(self.read_off + gap) <= limit and is_denied(
                Fraction(gap, timescale), Fraction(self.read_off, timescale)
            )
            if denied or self.stamped == NOWHERE:
                return denied
        return self.gone_on and (self.stamped < start - limit or 2 * abs(self.stamped - without) < gap)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to do with samples that are held back: the first ``off`` of them are off, the next one ``stands``, if any.

    The verdict is about the one that stands; without one it is about those that are off. What comes behind has not been
    judged.
    """

    situation: Situation
    off: int = 0
    stands: bool = True

    @property
    def verdict(self) -> Verdict:
        """What the situation calls for."""
        if self.situation is Situation.PAUSE and not self.off:
            return Verdict.KEEP
        return STAMPS[self.situation]

    @property
    def breaks(self) -> bool:
        """Whether media are missing, or a clock was set, before the one that stands."""
        return self.verdict in (Verdict.GAP, Verdict.DISCONTINUITY)


def is_denied(gap: Fraction, off: Fraction) -> bool:
    """Tell whether a reading says that there was no gap of so many seconds: it is ``off`` by as much, the other way."""
    return abs(off + gap) <= max(gap / _OF_THE_GAP, Fraction(1, _NEAR))


def gap_limit(nominal: int, bounds: Bounds) -> int:
    """Return the ticks of the longest interval between two samples that is no gap, where they usually last ``nominal``.

    That is ``max_gap`` if it is given, else max(1 s, min(10 s, 3 nominal), 1.5 nominal); never more than a sample can
    last.
    """
    if bounds.max_gap is not None:
        return bounds.max_gap
    limit = max(bounds.timescale, min(_LONGEST_PAUSE * bounds.timescale, 3 * nominal))
    return min(max(limit, nominal * 3 // 2), bounds.longest)


def even_nominal(stamps: Sequence[int]) -> int:
    """Return how far apart most of some samples are, in ticks; 0 if no more than half of them come evenly."""
    steps = [later - earlier for earlier, later in pairwise(stamps)]
    usual = _median(steps) if steps else 0
    even = sum(_UNEVEN * abs(step - usual) <= usual for step in steps)
    return usual if usual > 0 and 2 * even > len(steps) else 0


def usual_limit(nominal: int, bounds: Bounds) -> int:
    """Return the ticks after which a sample may follow without a doubt."""
    if bounds.sparse:
        return min(_LONGEST_PAUSE * bounds.timescale, bounds.longest)
    limit = gap_limit(nominal, bounds)
    return min(_USUAL * nominal, limit) if nominal else min(bounds.timescale, limit)


def judge(held_back: Sequence[int], around: Neighbours, bounds: Bounds, *, ended: bool = False) -> Judgement:
    """Judge stamps that are held back, in the order in which they came; ``ended``: nothing more will come soon.

    A verdict of ``WAIT`` asks for the next sample; it never comes back if the media ended.
    """
    if bounds.sparse:
        return _judge_sparse(held_back, around, bounds, ended=ended)
    count, newest = len(held_back), held_back[-1]
    nominal = around.nominal or _own_nominal(held_back, around.last, bounds, ended=ended)
    repeats = not around.nominal and count <= _FRAMES and _distinct(around.last, held_back) < count
    if not nominal or (repeats and not ended):
        if not ended:
            return Judgement(Situation.UNDECIDED)
        nominal = max(bounds.timescale // 25, 1)
    limit = gap_limit(nominal, bounds)
    first = min(_line_start(held_back, nominal, _USUAL * nominal), _line_start(held_back, nominal, limit))
    frames, start = count - first, held_back[first]
    expected = _is_expected(held_back, around.last, nominal, bounds)
    if abs(around.moved) > nominal and (count > _FRAMES or not expected):
        along = _going_along(first, held_back, around, nominal, bounds)
        if along is not None:
            return Judgement(Situation.ALONG, along)
    unknown = around.set_back and not ended
    if expected:
        rises = _rises(around.last, held_back)
        if not rises and count > _FRAMES and unknown:
            return Judgement(Situation.UNDECIDED)
        return Judgement(Situation.FOLLOWS if rises else Situation.RETURNS, count - 1)
    lasts = frames > _FRAMES and max(newest - start, frames * nominal) > bounds.timescale
    together = around.stamped >= start and newest - start > bounds.timescale
    if not lasts and not (start > around.last + limit and (around.reached >= start or together)):
        if ended:
            believed = 0 < start - around.last <= bounds.day
            return _onward(first, held_back, around, nominal, bounds) if believed else _stray(count)
        if first and count > 2 * _FRAMES and (count - _FRAMES) * nominal > bounds.timescale:
            return _before_another(first, held_back, around, nominal, bounds) or _stray(1)
        return Judgement(Situation.UNDECIDED)
    if not ended and around.wavers and start > around.last + limit and newest - start <= 2 * bounds.timescale:
        return Judgement(Situation.UNDECIDED)
    judged = _onward(first, held_back, around, nominal, bounds)
    return Judgement(Situation.UNDECIDED) if judged.situation is Situation.RETURNS and unknown else judged


def _stray(count: int) -> Judgement:
    return Judgement(Situation.STRAY, count, stands=False)


def _before_another(
    following: int, held_back: Sequence[int], around: Neighbours, nominal: int, bounds: Bounds
) -> Judgement | None:
    """Judge samples that went on later, for too short a time to tell, until others went on somewhere else again.

    None if they did not, or were no more than may be off. Nothing came back from there: media paused, and then paused
    once more, or a clock was set.
    """
    run = held_back[:following]
    first = _line_start(run, nominal, gap_limit(nominal, bounds))
    if following - first <= _FRAMES:
        return None
    return _onward(first, run, around, nominal, bounds) if 0 < run[first] - around.last <= bounds.day else None


def _onward(first: int, held_back: Sequence[int], around: Neighbours, nominal: int, bounds: Bounds) -> Judgement:
    """Judge samples that go on somewhere else from the ``first`` one of that line on."""
    start = held_back[first]
    jump, limit = start - around.last, gap_limit(nominal, bounds)
    if first < jump <= limit + first * nominal:
        return Judgement(Situation.PAUSE, first)
    if jump <= first:
        if _is_uneven(first, held_back, around.last, nominal, bounds):
            return Judgement(Situation.RETURNS, len(held_back) - 1)
        return Judgement(Situation.BACK, first)
    is_step = jump > bounds.day or around.deny_gap(start, held_back[-1], limit, bounds.timescale)
    return Judgement(Situation.AHEAD if is_step else Situation.SILENCE, first)


def _going_along(first: int, held_back: Sequence[int], around: Neighbours, nominal: int, bounds: Bounds) -> int | None:
    """Return which sample, from the ``first`` one that is not off on, goes on as those of a track whose clock was set.

    None if they do not follow, nor after a pause, where they are moved as that one's, or lie nearer to where they are
    expected as they are.
    """
    ahead, expected = held_back[-1] - around.last, len(held_back) * nominal
    if abs(ahead + around.moved - expected) >= abs(ahead - expected):
        return None
    early = min(2 * nominal, max(bounds.timescale // _EARLY, nominal // 2))
    if not expected - early <= ahead + around.moved <= expected - nominal + gap_limit(nominal, bounds):
        return None
    for number in range(first, len(held_back)):
        place = held_back[number] + around.moved - around.last
        if place > max(number, number * nominal + nominal // _LEAST - early, (number + 1) * nominal // _LEAST):
            return number
    return None


def _is_uneven(first: int, held_back: Sequence[int], last: int, nominal: int, bounds: Bounds) -> bool:
    """Tell whether samples that go on earlier than expected, from the ``first`` one on, were not set back but shaken.

    They lie around where they are expected then, no farther than their own distance from an even line.
    """
    if held_back[-1] - last < len(held_back):
        return False  # no room for all
    early = [last + nominal * (number + 1) - held_back[number] for number in range(first, len(held_back))]
    middle = _median(early)
    shaken = 2 * _median([abs(one - middle) for one in early])
    return middle < nominal + max(bounds.timescale // _EARLY, 2 * nominal, 2 * shaken)


def _median(values: Sequence[int]) -> int:
    return sorted(values)[len(values) // 2]


def _judge_sparse(held_back: Sequence[int], around: Neighbours, bounds: Bounds, *, ended: bool) -> Judgement:
    """Judge documents, which come when they come: one ahead is off if the next one is earlier."""
    count, newest = len(held_back), held_back[-1]
    ahead = newest - around.last
    if _rises(around.last, held_back):
        if count == 1 and ahead > _LONGEST_PAUSE * bounds.timescale and not ended:
            return Judgement(Situation.UNDECIDED)
        for number, time in enumerate(held_back):
            if time - around.last > bounds.longest or time - around.last > bounds.day:
                too_far = time - around.last > bounds.day
                return Judgement(Situation.AHEAD if too_far else Situation.SILENCE, number)
        return Judgement(Situation.FOLLOWS, count - 1)
    if ahead >= count and ahead <= min(bounds.day, bounds.longest):
        return Judgement(Situation.RETURNS, count - 1)
    if ended:
        return _stray(count)
    return Judgement(Situation.BACK) if count > _FRAMES else Judgement(Situation.UNDECIDED)


def _own_nominal(held_back: Sequence[int], last: int, bounds: Bounds, *, ended: bool) -> int:
    """Return how long samples seem to last of which nothing is known yet; 0 if that cannot be told.

    Of two samples nothing tells a gap from pictures that are rare. If no more come the second one follows, for behind
    a gap it would be lost unless it is a sync sample.
    """
    times = [last, *held_back]
    steps = sorted(later - earlier for earlier, later in pairwise(times) if later > earlier)
    if len(held_back) == 1:
        longest = FIRST_PAUSE if ended else 1
        return steps[0] if steps and steps[0] <= longest * bounds.timescale else 0
    return steps[len(steps) // 2] if steps else 0


def _rises(last: int, held_back: Sequence[int]) -> bool:
    for time in held_back:
        if time <= last:
            return False
        last = time
    return True


def _is_expected(held_back: Sequence[int], last: int, nominal: int, bounds: Bounds) -> bool:
    """Tell whether the newest sample is about where it would be if all before it followed the last certain one.

    Not much earlier: a clock that was set back by less than a second catches up with where it was, but did not return.
    """
    count, ahead = len(held_back), held_back[-1] - last
    if ahead > (count - 1) * nominal + usual_limit(nominal, bounds):
        return False
    if count == 1:
        return ahead > 0
    early = min(2 * nominal, max(bounds.timescale // _EARLY, nominal // 2))
    return ahead >= max(count * nominal // _LEAST, _distinct(last, held_back) * nominal - early, count)


def _distinct(last: int, held_back: Sequence[int]) -> int:
    """Count the samples that have not the stamp of the one before."""
    return sum(later != earlier for earlier, later in pairwise((last, *held_back)))


def _line_start(held_back: Sequence[int], nominal: int, step: int) -> int:
    """Return the first of the samples that the newest one goes on from, each at most ``step`` after the one before.

    Up to 5 in a row between them may be off.
    """
    start = len(held_back) - 1
    time, skipped = held_back[start], 0
    for number in range(start - 1, -1, -1):
        if 0 < time - held_back[number] <= skipped * nominal + step:
            start, time, skipped = number, held_back[number], 0
        else:
            skipped += 1
            if skipped > _FRAMES:
                break
    return start
