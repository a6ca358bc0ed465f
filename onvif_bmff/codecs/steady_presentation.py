"""Presentation times that are shaken by more than pictures are apart: put where pictures come evenly.

Held between those of their neighbours they are in order, but players drop pictures that come too close together.
"""

from collections.abc import Sequence

from onvif_bmff.codecs.presentation_line import PresentationLine, ShownPicture
from onvif_bmff.media.even_line import SteadyLine

__all__ = ["SteadyPresentation"]


_LEAST = 4
"""What part of the usual time is left to a picture, at least."""
_MOST = 10
"""Part of a second by which a stamp is moved at most."""
_ENOUGH = 20
"""Stamps that tell where the line is."""


class SteadyPresentation:
    """When the pictures of one track are shown, in that order, for some time after stamps contradicted it.

    ``latest`` is the picture that was put last.
    """

    __slots__ = ("_line", "_most", "_number", "_step", "_unit", "latest")

    def __init__(self) -> None:
        self._line = SteadyLine(_ENOUGH)
        self._number = self._most = self._step = 0
        self._unit = 1
        self.latest: ShownPicture | None = None

    def put(self, slot: ShownPicture, shown: Sequence[ShownPicture], line: PresentationLine) -> int:
        """Return when the picture of a slot is shown, the next one in that order, before those ``shown`` after it."""
        self._unit, self._most = line.unit or self._unit, line.second // _MOST
        last, self.latest = self.latest, slot
        at = slot.time if last is None or last.at is None else last.at
        before = (self._number, at)
        if last is not None:
            self._number += self._distance(last, slot)
        pace = self._pace(line)
        place = self._line.put(self._number, slot.time, before, pace, is_shaken=line.is_shaken)
        self._step = self._line.step or pace
        if slot.at is None:
            place = slot.time if place is None else place
            if place == slot.time and (last is None or place > at or not self._step):
                slot.at = place
            else:
                slot.at = self._near(slot, self._between(at, place, slot, shown))
        return slot.at

    def ahead(self, picture: ShownPicture, slot: ShownPicture, shown: Sequence[ShownPicture]) -> int:
        """Return how much later than that of a slot a picture is shown, before it or among those ``shown`` after it."""
        at = slot.time if slot.at is None else slot.at
        if picture.at is None:
            picture.at = picture.time
            if self._line.is_known:
                number, earlier = 0, slot
                for later in shown:
                    number += self._distance(earlier, later)
                    if later is picture:
                        break
                    earlier = later
                picture.at = self._near(picture, at + number * self._step)
        return picture.at - at

    def _pace(self, line: PresentationLine) -> int:
        return (self._line.is_known and self._line.step) or line.period

    def _near(self, picture: ShownPicture, at: int) -> int:
        """Return a time that is no farther from the stamp of a picture than it may be moved."""
        stamp = picture.sample.decode_time - picture.shift
        return min(max(at, stamp - self._most), stamp + self._most)

    def _between(self, at: int, place: int, slot: ShownPicture, shown: Sequence[ShownPicture]) -> int:
        """Return a place after that of the picture before, ``at`` a time, and before that of one that is certain."""
        least, number, earlier = self._step // _LEAST, 0, slot
        place = max(place, at + max(least, 1))
        for later in shown:
            number += self._distance(earlier, later)
            if later.at is not None:
                place = min(place, max(later.at - number * least, at + (later.at - at) // (number + 1)))
                break
            earlier = later
        return place

    def _distance(self, earlier: ShownPicture, later: ShownPicture) -> int:
        """How many pictures on one is from another, by their order counts."""
        if later.place[0] != earlier.place[0]:
            return 1
        return max(round((later.place[1] - earlier.place[1]) / self._unit), 1)
