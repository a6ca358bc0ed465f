"""Where the time line of a span begins: tick 0 of its objects."""

from dataclasses import dataclass

__all__ = ["Origin"]


@dataclass(slots=True, eq=False)
class Origin:
    """The source time that is tick 0 in all spans that opened together, so that they stay in step.

    ``time`` counts ticks of ``timescale``. It is None until the first fragment is written, and then becomes the
    earliest time that any track has ``note``d, or the multiple of ``step`` before it: what all tracks can express in
    ticks of their own. ``zero`` is another time that is tick 0, before that one, if there is one.
    """

    timescale: int
    step: int = 1
    time: int | None = None
    earliest: int | None = None
    zero: int | None = None

    def note(self, time: int) -> None:
        """Take a track's first time, in ticks of ``timescale``."""
        if self.earliest is None or time < self.earliest:
            self.earliest = time

    def settle(self) -> int:
        """Return tick 0, fixing the origin now if it is not."""
        if self.time is None:
            self.time = (self.earliest or 0) // self.step * self.step
        return self.time if self.zero is None else self.zero
