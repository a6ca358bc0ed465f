"""How far an activation has come, and what ties its media time to UTC."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.recording.clock_parts import NEVER
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.recording.track_state import TrackState

__all__ = ["Progress", "UtcAnchor"]


@dataclass(slots=True, eq=False)
class Progress:
    """How far the tracks of an activation have come, in ticks of ``timescale``.

    ``newest`` is the time of the newest sample of any track, ``first`` of the very first. A track is silent after
    ``patience`` ticks without a sample. At ``look_at`` it is time to look for what silent tracks hold back.
    """

    timescale: int
    patience: int
    newest: int = NEVER
    first: int | None = None
    look_at: int = 0

    def is_leading(self, state: "TrackState", states: "Iterable[TrackState]") -> bool:
        """Tell whether a track decides for all: the first of ``states`` that is not silent."""
        for other in states:
            if other is state:
                return True
            since = other.latest if other.latest is not None else self.first
            if since is not None and self.newest - since <= self.patience:
                return False
        return True


@dataclass(slots=True, eq=False)
class UtcAnchor:
    """What ties media time to UTC: ``clock`` in the spans that are open, ``given`` in those that open next.

    With neither, the first sample stored is presented at ``start``.
    """

    start: UtcTime
    given: MediaClock | None = None
    clock: MediaClock | None = None

    def settle(self, state: "TrackState", presented: int) -> MediaClock:
        """Fix the clock of spans that open with a sample of a track, presented at these ticks of it."""
        given, self.given = self.given, None
        if given is not None:
            time = state.clock.source_time(Fraction(given.ticks, given.timescale))
            self.clock = MediaClock(given.at, time.numerator, time.denominator)
        elif self.clock is None:
            self.clock = MediaClock(self.start, presented, state.track.timescale)
        return self.clock
