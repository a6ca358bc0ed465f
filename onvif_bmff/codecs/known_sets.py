"""The parameter sets by which the slice headers of a stream are read, while the stream changes them.

A changed sequence parameter set counts from the picture that starts decoding with it, and what comes beside it with it,
however early they come (``nal_access_units`` says the same of the codec). Slices that come meanwhile are still of the
old ones: read by the new ones, they would seem to be of other pictures. H.264, 7.4.1.2.1; H.265, 7.4.2.4.2.
"""

from typing import Generic, TypeVar

__all__ = ["KnownSets"]

AnySps = TypeVar("AnySps")
AnyPps = TypeVar("AnyPps")


class KnownSets(Generic[AnySps, AnyPps]):
    """The sets in force, by their identifiers: ``sps`` and ``pps``. ``waits`` says whether others came meanwhile."""

    __slots__ = ("_coming_pps", "_coming_sps", "pps", "sps", "waits")

    def __init__(self) -> None:
        self.sps: dict[int, AnySps] = {}
        self.pps: dict[int, AnyPps] = {}
        self._coming_sps: dict[int, AnySps] = {}
        self._coming_pps: dict[int, AnyPps] = {}
        self.waits = False

    def put_sps(self, number: int, found: AnySps) -> None:
        """Take a sequence parameter set: at once if it is the first of its identifier."""
        _put(self.sps, self._coming_sps, number, found)
        self.waits = bool(self._coming_sps or self._coming_pps)

    def put_pps(self, number: int, found: AnyPps) -> None:
        """Take a picture parameter set: at once if it is the first of its identifier."""
        _put(self.pps, self._coming_pps, number, found)
        self.waits = bool(self._coming_sps or self._coming_pps)

    def settle(self, *, starts: bool) -> bool:
        """Put what waits in force before a slice is read, and return whether that was done.

        ``starts`` says whether decoding can start at its picture: no other one needs a changed sequence parameter set.
        """
        if self._coming_sps and not starts:
            return False
        self.sps.update(self._coming_sps)
        self.pps.update(self._coming_pps)
        self._coming_sps.clear()
        self._coming_pps.clear()
        self.waits = False
        return True


AnySet = TypeVar("AnySet")


def _put(known: dict[int, AnySet], coming: dict[int, AnySet], number: int, found: AnySet) -> None:
    if known.setdefault(number, found) == found:
        coming.pop(number, None)
    else:
        coming[number] = found
