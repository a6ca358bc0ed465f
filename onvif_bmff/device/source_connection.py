"""One thread that has a source open: what it watches, and what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from onvif_bmff.device.sources import SampleSource, SourceSettings
from onvif_bmff.device.steady_clock import SteadyClock
from onvif_bmff.engine.arrivals import SourceClock
from onvif_bmff.engine.silence import SilenceWatch
from onvif_bmff.media.track import Track
from onvif_bmff.recording.readings import ClockChoice
from onvif_bmff.runtime import Flag, Task

__all__ = ["SourceConnection"]

_OPENING = 6
"""How many times the limit of silence a source may take to open."""
_SLACK = 0.02
"""Seconds by which estimates of arrival may be off."""
_LATE = 0.25
"""The same in a simulation whose clock runs fast, for each second that it gains in one: how late threads may be."""


@dataclass(slots=True, eq=False)
class SourceConnection:
    """One thread that opens and plays a source, again and again until it is given up.

    Args:
        stop: set when nothing is wanted of it any more.
        delay: seconds to wait before the source is opened next.
        opening: when the attempt to open it began; None before and after that.
        closing: since when it is being closed; None before and after that, and of a source that is done.
        watch: says whether what is open is silent; None while nothing is open.
        clock: ties the media time of the open source to UTC; None while nothing is open.
        times_set: how often the clock had been set when the source was opened, or was told of that since.
        nominal: seconds that a sample of the source lasts, as far as is known.
        limit: seconds of silence, as the open source or the settings say.
        ahead: how far the camera's clock was ahead of the device's at its last reading.
        given_up: whether another one has taken its place, or will.
        task: the thread.
    """

    stop: Flag
    delay: float
    opening: float | None = None
    closing: float | None = None
    watch: SilenceWatch | None = None
    clock: SourceClock | None = None
    times_set: int = 0
    nominal: float | None = None
    limit: float = 10.0
    ahead: timedelta | None = None
    given_up: bool = False
    task: Task | None = None

    def opened(
        self, source: SampleSource, tracks: Sequence[Track], settings: SourceSettings, now: float, clock: SteadyClock
    ) -> None:
        """Watch a source whose tracks are known, from now on."""
        self.opening = None
        self.limit = getattr(source, "silence_limit", settings.silence_limit).total_seconds()
        self.watch = SilenceWatch(tracks, self.limit, now, self.nominal)
        choice = ClockChoice(getattr(source, "clock", settings.clock))
        slack = _SLACK + (clock.rate - 1) * _LATE
        self.clock = SourceClock(choice, tracks, clock.at, slack, self.clock, clock.elapsed())

    def ended(self) -> None:
        """Note that nothing is open any more, though it may not be closed yet."""
        if self.watch is not None:
            self.nominal, self.watch, self.clock = self.watch.nominal, None, None
        self.opening = None

    def fault(self, now: float) -> str | None:
        """Return why there is nothing to wait for any more; None if there is."""
        if self.watch is not None:
            silent = self.watch.silent_for(now)
            return None if silent is None else f"The source failed: no media for {silent:.0f} s"
        if self.opening is not None and now - self.opening > _OPENING * self.limit:
            return f"The source failed: it did not open within {_OPENING * self.limit:g} s"
        if self.closing is not None and now - self.closing > self.limit:
            return f"The source failed: it did not close within {self.limit:g} s"
        return None

    @property
    def has_ended(self) -> bool:
        """Whether its thread has ended, or could not be started."""
        return self.given_up if self.task is None else self.task.ended
