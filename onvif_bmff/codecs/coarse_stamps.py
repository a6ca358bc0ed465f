"""Presentation times that are too coarse to tell pictures apart: put where pictures come evenly, by their order counts.

Some cameras stamp with whole seconds, or halves of one: then a dozen pictures in a row have one stamp. Where the stamp
changes, in the order in which pictures are shown, it is exact to a picture. So the line through these changes tells how
far apart pictures are, and when each is shown.
"""

from dataclasses import dataclass
from fractions import Fraction

from onvif_bmff.media.track import Sample, moved

__all__ = ["CoarseStamps"]

_Place = tuple[int, int, int]
"""Where a picture comes in the order in which pictures are shown: its sequence, order count in that, and arrival."""

_RUN = 4
"""So many pictures in a row with one stamp are of a coarse clock; so many tell that its stamp has changed, too."""
_FIRST, _DISTINCT = 8, 3
"""So many first pictures that have so few stamps are of one."""
_FINE = 8
"""So many in a row whose stamps differ are not."""
_MOST, _MOST_BYTES = 250, 16 << 20
"""Pictures, and their bytes, that wait until it is known how far apart they are."""
_REMEMBERED = 8
"""Stamps of which it is remembered where they began."""
_ENOUGH = 20
"""Pictures between two changes that tell how far apart they are."""
_SOFTLY = 32
"""What part of the way to a line that is drawn anew each picture is moved."""
_NEVER = 1 << 62
_FAR = 2
"""Steps of the stamp by which one is off, and says nothing of the others."""


@dataclass(slots=True, eq=False)
class _Level:
    """A stamp that ``count`` pictures have; the one with the order count ``first`` is shown before the others.

    ``is_change``: the one before that has another stamp, so that it is shown when the stamp says.
    """

    stamp: int
    first: int
    is_change: bool
    count: int = 1

    @property
    def is_certain(self) -> bool:
        return self.is_change and self.count >= _RUN


class _OrderCounts:
    """Order counts that go on from sequence to sequence."""

    __slots__ = ("_base", "_highest", "_last", "_sequence", "_unit")

    def __init__(self) -> None:
        self._base = self._highest = self._unit = 0
        self._sequence: int | None = None
        self._last = 0

    def count(self, place: _Place) -> int:
        """Return the order count of the next picture in decoding order."""
        sequence, order, _ = place
        if sequence != self._sequence:
            self._base = self._highest + max(self._unit, 1) - order
            self._sequence = sequence
        elif order != self._last:
            apart = abs(order - self._last)
            self._unit = min(self._unit or apart, apart)
        self._last = order
        self._highest = max(self._highest, self._base + order)
        return self._base + order


class _ChangesLine:
    """The line through the changes of a stamp.

    Pictures are put near it: ``_ahead`` of it where it was drawn anew, by less from picture to picture.
    """

    __slots__ = ("_ahead", "_levels", "_line", "_resolution", "_strays")

    def __init__(self) -> None:
        self._levels: list[_Level] = []
        self._strays = self._resolution = 0
        self._ahead = Fraction(0)
        self._line: tuple[Fraction, Fraction] | None = None

    @property
    def is_known(self) -> bool:
        """Whether two changes were seen that are far enough apart."""
        return self._line is not None

    def note(self, order: int, stamp: int) -> None:
        """Take the next picture in decoding order."""
        levels = self._levels
        self._ahead -= round(self._ahead / _SOFTLY)
        newest = levels[-1] if levels else None
        if newest is None or (stamp > newest.stamp and order > newest.first):
            if newest is not None and newest.is_change and not newest.is_certain:
                levels.pop()
            levels.append(_Level(stamp, order, newest is not None))
            del levels[:-_REMEMBERED]
        elif stamp == newest.stamp:
            newest.count += 1
            self._strays = 0
            if order < newest.first or newest.count == _RUN:
                newest.first = min(newest.first, order)
                self._draw(newest)
        elif order > newest.first:
            self._doubt(newest, order, stamp)

    def _doubt(self, newest: _Level, order: int, stamp: int) -> None:
        """Take a picture that is shown later than the newest stamp began, and has an earlier one."""
        if newest.is_change and not newest.is_certain:
            self._levels.pop()
            self.note(order, stamp)
            return
        self._strays += 1
        if self._strays >= _RUN:  # a clock was set back
            self._begin_at(_Level(stamp, order, is_change=False))

    def _begin_at(self, level: _Level) -> None:
        """Go on from a stamp that others lead nowhere to: the next change tells how much later it began."""
        level.is_change, self._strays, self._levels, self._ahead = False, 0, [level], Fraction(0)
        if self._line is not None:
            slope = self._line[1]
            self._line = level.stamp - slope * level.first, slope

    def _draw(self, newest: _Level) -> None:
        changes = [one for one in self._levels if one.is_certain]
        if newest not in changes:
            return
        if len(changes) > 1:
            step = changes[-1].stamp - changes[-2].stamp
            self._resolution = min(step, self._resolution or step)
            if self._line is not None:
                expected = self._line[1] * (newest.first - changes[-2].first)
                if abs(step - expected) > _FAR * self._resolution:  # media paused
                    self._begin_at(newest)
                    return
        if sum(one.count for one in changes[:-1]) >= _ENOUGH:
            first = changes[0]
            slope = Fraction(newest.stamp - first.stamp, max(newest.first - first.first, 1))
        elif self._line is not None:
            slope = self._line[1]
        else:
            return
        before = self._line
        self._line = sum((one.stamp - slope * one.first for one in changes), Fraction(0)) / len(changes), slope
        if before is not None:
            self._ahead += before[0] - self._line[0] + (before[1] - slope) * newest.first

    def at(self, order: int, stamp: int) -> int:
        """Return when the picture with an order count is shown; its stamp if that is off."""
        if self._line is None:
            return stamp
        offset, slope = self._line
        time = round(offset + slope * order + self._ahead)
        return time if abs(time - stamp) <= _FAR * self._resolution else stamp


class CoarseStamps:
    """Gives the pictures of one track finer stamps if theirs are coarse; others stay.

    ``push`` takes samples with their place, in decoding order, and returns those that are ready, in that order.
    Pictures wait for two changes of a coarse stamp with 20 between them, up to 250 or 16 MiB of them, for little is
    known of their distance before. The very first pictures wait for others as they do anyway where pictures are
    reordered, and for seven if two of them have one stamp.
    """

    __slots__ = ("_different", "_equal", "_held", "_is_coarse", "_is_first", "_last", "_line", "_orders")

    def __init__(self) -> None:
        self._held: list[tuple[Sample, _Place, int]] = []
        self._is_first, self._is_coarse = True, False
        self._equal = self._different = 0
        self._last: int | None = None
        self._orders, self._line = _OrderCounts(), _ChangesLine()

    def push(self, sample: Sample, place: _Place, depth: int) -> list[tuple[Sample, _Place]]:
        """Take the next picture of a stream that reorders so many; return what is ready."""
        stamp, order = sample.decode_time, self._orders.count(place)
        self._held.append((sample, place, order))
        if stamp == self._last:
            self._equal, self._different = self._equal + 1, 0
        else:
            self._equal, self._different, self._last = 1, self._different + 1, stamp
        if self._is_first:
            return [] if self._waits(depth) else self._settle(self._held)
        return self._settle(self._held[-1:])

    def flush(self) -> list[tuple[Sample, _Place]]:
        """Return what is held back."""
        held, line = self._held[:], self._line
        self._held.clear()
        if not self._is_coarse:
            return [(one, place) for one, place, _ in held]
        return [(moved(one, line.at(order, one.decode_time)), place) for one, place, order in held]

    def _waits(self, depth: int) -> bool:
        """Tell whether the first pictures wait for others."""
        count, stamps = len(self._held), {one.decode_time for one, _, _ in self._held}
        if count <= depth or (len(stamps) < count < _FIRST):
            return True
        self._is_first = False
        self._is_coarse = count >= _FIRST and len(stamps) <= _DISTINCT
        return False

    def _settle(self, new: list[tuple[Sample, _Place, int]]) -> list[tuple[Sample, _Place]]:
        if self._is_coarse and self._different >= _FINE:
            self._is_coarse = False
        elif not self._is_coarse and self._equal >= _RUN:
            self._is_coarse, self._line = True, _ChangesLine()
        if self._is_coarse:
            for sample, _, order in new:
                self._line.note(order, sample.decode_time)
            if not self._line.is_known:
                if len(self._held) < _MOST and sum(len(one.data) for one, _, _ in self._held) < _MOST_BYTES:
                    return []
                self._is_coarse, self._equal = False, -_NEVER
        return self.flush()
