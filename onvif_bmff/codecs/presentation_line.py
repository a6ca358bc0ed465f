"""Presentation times held to the order in which pictures are shown: which can be right, and what the others mean.

Each picture gets two values: when it is shown by a clock that never steps, and how far the source's clock was ahead of
that one when the picture was stamped. The first rises with the order counts; their sum is the stamp. A lone stamp that
is off, a clock that was set, a counter that wraps so are one thing, a shift, and say nothing about the order. Only a
stamp that is a little off (shaken) is changed: it cannot be told from those around it otherwise.
"""

from bisect import bisect
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median_low

from onvif_bmff.media.track import Sample

__all__ = ["PresentationLine", "ShownPicture", "place_of"]

_Place = tuple[int, int, int]
"""Where a picture comes in the order in which pictures are shown: its sequence, order count in that, and arrival."""

_NEVER = 1 << 80
"""Later than any time."""
_STEPS = 16
"""How many of the last steps between pictures shown tell the ticks that a picture order count stands for."""
_LONG = 3
"""Times the usual one is a step that says nothing of the others."""
_SHORT = 8
"""What part of the usual one is a step that is short, of which there may be few where pictures come regularly."""
_FEW = 6
"""Steps of which nothing can be said."""
_SHAKEN = 64
"""For so many pictures after one that was shaken, room is kept for those that are still to come between two."""
_LEAST = 4
"""What part of its usual time is left to a picture then, at least."""
_LITTLE = 10
"""Part of a second by which a stamp may be shaken; three pictures at most."""
_SET = 3
"""So many pictures in a row with one shift: the clock was set."""
_MISSING = 8
"""Pictures that may be missing; with more, it is asked whether order counts have wrapped."""
_PATIENCE = 6
"""Pictures that are waited for, to tell a pause from a stamp that is ahead."""


@dataclass(slots=True, eq=False)
class ShownPicture:
    """A picture, in its ``place``, shown at ``time`` by a clock that never steps; its stamp is ``shift`` ahead of that.

    ``expected`` is the time that its order count gives; ``waited`` counts the pictures that came since it was doubted.
    ``at`` is when it is shown in the end, as soon as that is certain: another time where stamps are shaken.
    """

    sample: Sample
    place: _Place
    time: int
    shift: int = 0
    expected: int = 0
    waited: int = 0
    at: int | None = None


def place_of(picture: ShownPicture) -> _Place:
    """Return the place of a picture."""
    return picture.place


class PresentationLine:
    """Gives pictures of one track their times, in the order in which they come.

    ``second`` is the ticks of one, ``period`` those between two pictures, whose order counts differ by ``unit``; both 0
    while they are not known. A stamp between those of the neighbours that are known, in the order in which
    pictures are shown, is right. One that is ahead of all, by up to a second for each picture from the last one, is a
    pause or off: ``doubted`` is that picture until another one that is shown later tells.
    """

    __slots__ = (
        "_is_regular",
        "_own",
        "_same",
        "_shaken",
        "_shift",
        "_step",
        "_steps",
        "doubted",
        "period",
        "second",
        "unit",
    )

    def __init__(self, second: int) -> None:
        self.second = second
        self.period = 0
        self._steps: deque[tuple[int, int]] = deque(maxlen=_STEPS)
        self._step: Fraction | None = None
        self._is_regular = False
        self.unit = self._same = 0
        self._shift = self._shaken = 0
        self._own: list[int] = []
        self.doubted: ShownPicture | None = None

    def learn(self, earlier: ShownPicture, later: ShownPicture) -> None:
        """Take two pictures that are shown one after the other."""
        counts = later.place[1] - earlier.place[1]
        if later.place[0] != earlier.place[0] or counts <= 0 or later.time <= earlier.time:
            return
        ticks, step = later.time - earlier.time, self._step
        if step is not None and ticks * step.denominator == counts * step.numerator:
            self._same += 1
            if self._same > _STEPS:
                return
        else:
            self._same = 0
        self._steps.append((ticks, counts))
        usual = median_low([one / count for one, count in self._steps])
        steps = [(one, count) for one, count in self._steps if one <= _LONG * usual * count]
        self._step = Fraction(sum(one for one, _ in steps), sum(count for _, count in steps))
        short = sum(_SHORT * one < usual * count for one, count in steps)
        self._is_regular = _FEW <= len(steps) == len(self._steps) >= _LEAST * short
        self.unit = median_low([count for _, count in steps])
        self.period = round(self._step * self.unit)

    def is_far(self, sample: Sample, latest: ShownPicture) -> bool:
        """Return whether a stamp is half a second and some pictures from that of the latest one, as clocks go."""
        ahead = sample.decode_time - latest.time
        apart = min(abs(ahead - shift) for shift in (self._shift, *self._own[-1:]))
        return 0 < _MISSING * self.period < apart > self.second // 2

    def fits(self, picture: ShownPicture, shown: Sequence[ShownPicture], before: ShownPicture | None) -> bool:
        """Return whether the stamp of a picture is between those that are shown before and after it."""
        time, number = picture.sample.decode_time - self._shift, bisect(shown, picture.place, key=place_of)
        earlier = shown[number - 1] if number else before
        return (earlier is None or time > earlier.time) and (number == len(shown) or time < shown[number].time)

    def put(self, picture: ShownPicture, shown: Sequence[ShownPicture], before: ShownPicture | None) -> None:
        """Give the picture that came last its time.

        ``shown`` are the others that are known, in the order in which pictures are shown; ``before`` is shown before
        all of them.
        """
        stamp = picture.sample.decode_time
        picture.time, picture.shift = stamp - self._shift, self._shift
        number = bisect(shown, picture.place, key=place_of)
        earlier, later = shown[number - 1] if number else before, shown[number] if number < len(shown) else None
        self._decide(picture, shown[number - 2] if number > 1 else before)
        if self._step is None or earlier is None:
            return
        self._shaken = max(self._shaken - 1, 0)
        expected = picture.expected = earlier.time + self._distance(earlier, picture)
        lower, upper = self._bounds(picture, earlier, later)
        if lower < picture.time and (upper is None or picture.time < upper):
            ahead = picture.time - expected
            if later is not None or 2 * ahead <= 3 * self.period:
                self._own.clear()
                return
            if ahead <= self._longest_pause(earlier, picture) and not self._is_shifted(stamp - expected):
                self.doubted = picture
                self._own.clear()
                return
        self._correct(picture, earlier, later)

    def settle(self) -> None:
        """Leave a stamp that is in doubt to the recorder: nothing more comes that would tell."""
        doubted, self.doubted = self.doubted, None
        if doubted is not None and self._is_even and doubted.time - doubted.expected > self._little:
            self._move(doubted, doubted.expected)

    def _decide(self, picture: ShownPicture, before: ShownPicture | None) -> None:
        """Tell whether the one in doubt is off, now that another picture came; ``before`` is shown before it."""
        doubted = self.doubted
        if doubted is None:
            return
        doubted.waited += 1
        if picture.place[0] == doubted.place[0]:
            ahead = picture.time - doubted.expected - self._distance(doubted, picture)
        else:
            ahead = doubted.time - doubted.expected if picture.time > doubted.time else 0
        if picture.place > doubted.place:
            self.doubted = None
            if picture.time <= doubted.time or (self._is_even and abs(ahead) * _LEAST <= self.period):
                latest = doubted.expected if before is None else before.time + self.period // _LEAST
                self._move(doubted, max(doubted.expected, latest))
        elif doubted.waited >= _PATIENCE or 2 * ahead > doubted.time - doubted.expected:
            self.doubted = None

    @property
    def is_shaken(self) -> bool:
        """Whether one of the last 64 stamps contradicted the order by a little."""
        return self._shaken > 0

    @property
    def _little(self) -> int:
        # Where stamps are shaken, a few first steps are as likely short as usual: then those that are long count, too.
        steps = self._steps
        average = self.unit * sum(ticks for ticks, _ in steps) // max(sum(count for _, count in steps), 1)
        return min(self.second // _LITTLE, 3 * max(self.period, average))

    @property
    def _is_even(self) -> bool:
        """Whether pictures come evenly."""
        steps = [ticks / counts for ticks, counts in self._steps]
        return 2 * len(steps) >= _STEPS and max(steps) * 8 <= min(steps) * 9

    def _distance(self, earlier: ShownPicture, later: ShownPicture) -> int:
        """The ticks between two pictures by their order counts."""
        if self._step is None or earlier.place[0] != later.place[0]:
            return self.period
        return round((later.place[1] - earlier.place[1]) * self._step)

    def _longest_pause(self, earlier: ShownPicture, later: ShownPicture) -> int:
        """The ticks of a second for each picture from one to another; no bound where order counts begin anew."""
        if earlier.place[0] != later.place[0]:
            return _NEVER
        return self.second * max((later.place[1] - earlier.place[1]) // self.unit, 1)

    def _bounds(
        self, picture: ShownPicture, earlier: ShownPicture, later: ShownPicture | None
    ) -> tuple[int, int | None]:
        """Between which times the picture is shown; room is left for others where stamps are shaken."""
        lower, upper = earlier.time, None if later is None else later.time
        if self._shaken or self._is_regular:
            lower += max(self._distance(earlier, picture) // _LEAST - 1, 0)
            if upper is not None and later is not None:
                upper -= max(self._distance(picture, later) // _LEAST - 1, 0)
        return lower, upper

    def _is_shifted(self, shift: int) -> bool:
        """Tell whether the pictures before were as far off."""
        return bool(self._own) and abs(shift - self._own[-1]) <= self.period

    def _correct(self, picture: ShownPicture, earlier: ShownPicture, later: ShownPicture | None) -> None:
        """Give a picture the time that its place gives, since its stamp does not."""
        expected = picture.expected
        if later is not None and later is not self.doubted and later.place[0] == picture.place[0]:
            whole, part = later.place[1] - earlier.place[1], picture.place[1] - earlier.place[1]
            if earlier.place[0] != picture.place[0]:
                whole, part = 2, 1
            expected = earlier.time + (later.time - earlier.time) * part // max(whole, 1)
        self._move(picture, expected)
        if picture.shift == self._shift and later is None:
            stamp, halfway = picture.sample.decode_time - picture.shift, earlier.time + (expected - earlier.time) // 2
            picture.time = max(halfway, stamp - self._little)  # back to where the stamps are, on average

    def _move(self, picture: ShownPicture, time: int) -> None:
        """Let a picture be shown at a time: its stamp was shaken, or is of a clock with another shift."""
        if abs(picture.time - time) <= self._little:
            self._shaken = _SHAKEN
            self._own.clear()
        else:
            picture.shift = picture.time + picture.shift - time
            if not self._is_shifted(picture.shift):
                self._own.clear()
            self._own.append(picture.shift)
            if len(self._own) >= _SET:
                self._shift = picture.shift
                self._own.clear()
        picture.time = time
