"""Where the stamps of a stream begin anew within a session, as those of a camera whose encoder starts again.

Stamps of RTP begin anywhere, of each stream somewhere else, and only reports say how streams lie to each other. RFC
3550, 5.1, 6.4.1.
"""

__all__ = ["StampJumps"]

_JUMP = 10
"""Seconds back, or ahead of what the arrival explains, that are no pause and no delay."""
_PAUSE = 1.0
"""Seconds that pass between two packets without meaning that media are missing."""
_BACK, _AHEAD = 60, 86_400
"""Seconds by which stamps that began anew are moved as the wall clock says; if it is more, that was set as well."""


class StampJumps:
    """Tells of one stream whether its times jump, and when the packet behind that most likely is.

    ``is_anew`` is set where stamps have begun anew and no report came since.

    Args:
        timescale: ticks a second.
    """

    def __init__(self, timescale: int) -> None:
        self._timescale = timescale
        self._lead: float | None = None
        self._at: float | None = None
        self._passed = 0.0
        self._newest: int | None = None
        self._tied: tuple[int, int] | None = None
        self.is_anew = False

    def arrived(self, at: float | None) -> None:
        """Take when a packet came, in seconds of a clock that only grows; None: it is not known."""
        self._passed = at - self._at if at is not None and self._at is not None else 0.0
        self._at = at

    def see(self, ticks: int, last: int | None) -> bool:
        """Return whether the ticks of the packet that came are no time at which it can lie.

        ``last`` are those of the one before; None if there is none. Without a time of arrival nothing is ahead of it.
        """
        goes_back = last is not None and ticks - last < -_JUMP * self._timescale
        if self._at is None:
            return goes_back
        lead = ticks / self._timescale - self._at
        if self._lead is not None:
            if goes_back or lead > self._lead + _JUMP:
                return True
            lead = max(lead, self._lead)
        self._lead = lead
        return False

    def note(self, ticks: int, microseconds: int | None) -> None:
        """Take the ticks of the packet that came, and its wall clock if it came behind a report."""
        self._newest = ticks if self._newest is None else max(ticks, self._newest)
        if microseconds is not None:
            self._tied = ticks, microseconds

    def likely(self, usual: int, microseconds: int | None) -> int:
        """Return the ticks of the packet that came, behind a jump: by its wall clock, if it came behind a report.

        Else they are those of the newest one and the ``usual`` step, or what passed by arrival, from a second on.
        """
        passed = round(self._passed * self._timescale) if self._passed >= _PAUSE else usual
        ticks = (self._newest or 0) + passed
        if microseconds is None or self._tied is None:
            return ticks
        tied, clock = self._tied
        by_clock = tied + (microseconds - clock) * self._timescale // 1_000_000
        return by_clock if -_BACK <= (by_clock - ticks) // self._timescale <= _AHEAD else ticks
