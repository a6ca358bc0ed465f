"""What the samples of one object may cost its readers: one account for all tracks, tables, fragments and runs.

A run of some 20 bytes can declare any number of samples, and any number of runs can refer to the same bytes. Honest
objects do neither for long: each sample has a row in a table or data of its own, and hardly any bytes belong to two
samples. So the cost of an object is bounded by its size, whatever it says, and whatever a recorder writes is within:

- there are no more samples than the object has bytes (audio of one byte a frame comes near that);
- samples, and what encrypts them where it lies outside of boxes, take up no more than eight times its bytes, each
  byte counted as often as it is claimed.
"""

from typing import Final

from onvif_bmff.errors import BoxError

__all__ = ["SampleBudget"]

_REUSE: Final = 8
"""How many times over the bytes of an object may be claimed; files that share data between samples do exist."""


class SampleBudget:
    """The samples and bytes that may still be claimed in one pass over an object.

    ``size`` is how many bytes of it are known so far; readers that take an object piece by piece ``allow`` for more of
    them as they come. What is not used up in one fragment is left for the next.
    """

    __slots__ = ("_bytes", "_samples", "_size")

    def __init__(self, size: int = 0) -> None:
        self._size = self._samples = self._bytes = 0
        self.allow(size)

    def allow(self, size: int) -> None:
        """Take ``size`` more bytes of the object into account."""
        self._size += size
        self._samples += size
        self._bytes += _REUSE * size

    def charge(self, samples: int, size: int, *, track_id: int, path: str, offset: int | None) -> None:
        """Charge ``samples`` of ``size`` bytes in total, claimed by the box at ``path`` and ``offset``.

        Raises ``BoxError`` when that is more than the object can have.
        """
        self._samples -= samples
        self._bytes -= size
        if self._samples < 0:
            reason = f"the object has more samples than its {self._size} bytes can hold"
        elif self._bytes < 0:
            reason = f"its samples use the {self._size} bytes of the object over and over"
        else:
            return
        raise BoxError(f"{reason} (track {track_id})", path=path, offset=offset or 0)
