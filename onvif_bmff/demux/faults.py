"""What is wrong in a file that is read all the same: each fault is noted once, with the samples that it costs."""

from typing import Final

__all__ = ["InputFaults"]

_MOST: Final = 64
"""Faults that are kept as text; a hostile file could have one for each of its bytes."""


class InputFaults:
    """The faults of one file, in the order in which they were found.

    Faults of one text are one. A reader that is given none of these stops at the first fault with an error.
    """

    __slots__ = ("_found", "_is_loss", "_left_out")

    def __init__(self) -> None:
        self._found: dict[str, int] = {}
        self._is_loss = False
        self._left_out = 0

    def tell(self, text: str, *, samples: int = 0, loss: bool = False) -> None:
        """Note a fault that costs ``samples``; ``loss``: it costs media, however many samples they are."""
        self._is_loss = self._is_loss or loss or samples > 0
        if text in self._found:
            self._found[text] += samples
        elif len(self._found) < _MOST:
            self._found[text] = samples
        else:
            self._left_out += 1

    @property
    def is_loss(self) -> bool:
        """Whether media were lost by any of the faults."""
        return self._is_loss

    @property
    def texts(self) -> tuple[str, ...]:
        """One sentence a fault."""
        found = [f"{text} ({_samples(lost)} lost)" if lost else text for text, lost in self._found.items()]
        return (*found, f"{self._left_out} more faults") if self._left_out else tuple(found)


def _samples(count: int) -> str:
    return "1 sample" if count == 1 else f"{count} samples"
