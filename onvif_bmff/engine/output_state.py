"""The states of an output and their transitions; the diagram in docs/architecture.md is drawn from them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from onvif_bmff.timing import UtcTime

__all__ = ["TRANSITIONS", "OutputEvent", "OutputState", "OutputTimes"]


_OVERHANG = timedelta(milliseconds=250)
_LEAD_IN = timedelta(milliseconds=50)


class OutputState(Enum):
    """State of an output."""

    IDLE = "nothing to record, or nothing to record it from"
    WAITING = "a source is open, and others are waited for"
    BLOCKED = "none of the tracks of the open sources can be recorded"
    RECORDING = "a recorder is active"
    PAUSED = "stopped by an error"


class OutputEvent(Enum):
    """Event that changes the state of an output."""

    CHANGED = "plan, sources or a codec change"
    NO_SOURCE = "no source is open"
    SOURCE_MISSING = "some sources are open"
    REFUSED = "every track is refused"
    STARTED = "recording begins"
    STOPPED = "recording stops"
    PAUSED = "an error"
    RESUMED = "another try"


TRANSITIONS: dict[OutputState, dict[OutputEvent, OutputState]] = {
    OutputState.IDLE: {
        OutputEvent.SOURCE_MISSING: OutputState.WAITING,
        OutputEvent.REFUSED: OutputState.BLOCKED,
        OutputEvent.STARTED: OutputState.RECORDING,
        OutputEvent.PAUSED: OutputState.PAUSED,
    },
    OutputState.WAITING: {
        OutputEvent.NO_SOURCE: OutputState.IDLE,
        OutputEvent.REFUSED: OutputState.BLOCKED,
        OutputEvent.STARTED: OutputState.RECORDING,
        OutputEvent.PAUSED: OutputState.PAUSED,
    },
    OutputState.BLOCKED: {
        OutputEvent.CHANGED: OutputState.IDLE,
        OutputEvent.PAUSED: OutputState.PAUSED,
    },
    OutputState.RECORDING: {
        OutputEvent.STOPPED: OutputState.IDLE,
    },
    OutputState.PAUSED: {
        OutputEvent.RESUMED: OutputState.IDLE,
    },
}
"""State → event → next state. An event that a state does not name leaves it as it is."""


@dataclass(slots=True)
class OutputTimes:
    """The instants that an output keeps.

    Args:
        base: media time 0 of the leading source; the others are counted from it.
        ending_since: when the output was first told the time since an event that is over goes on to a sync sample.
        waiting_since: first sample since sources are missing.
        began: presentation begin of what the present recorder recorded.
        previous_begin: begin of what the recorder before it recorded.
        previous_end: end of that.
    """

    base: UtcTime = UtcTime(0)  # noqa: RUF009 - immutable
    ending_since: UtcTime | None = None
    waiting_since: UtcTime | None = None
    began: UtcTime | None = None
    previous_begin: UtcTime | None = None
    previous_end: UtcTime | None = None

    def forget(self) -> None:
        """Forget what was recorded before, for a clock that was set."""
        self.ending_since = self.waiting_since = self.previous_begin = self.previous_end = None

    def end(self, ends: Iterable[UtcTime]) -> None:
        """Note that the present recorder stops, and when what it recorded of each track ended."""
        self.ending_since = None
        self.previous_end = max(ends, default=self.previous_end)
        self.previous_begin = self.began
        if self.began is not None and self.previous_end is not None and self.previous_end < self.began:
            self.forget()  # the source's clock was set back meanwhile

    def not_overlapping(self, epoch: UtcTime) -> UtcTime:
        """Return the instant of media time 0 of a source that has given nothing yet: not just before the last end.

        Pictures are shown after they are decoded, by some frames where they are reordered. If a source is opened again
        within that time, its first picture would come before the last one of the former span. So it is dated later,
        as long as that is no more than a quarter of a second. Sound may begin a little before media time 0.
        """
        if self.previous_end is None:
            return epoch
        first = self.previous_end + _LEAD_IN
        return first if epoch < first <= epoch + _OVERHANG else epoch

    def has_ended_for(self, now: UtcTime, most: timedelta) -> bool:
        """Return whether an event that is over goes on for longer than ``most``, since this was asked first."""
        if self.ending_since is None:
            self.ending_since = now
        return now - self.ending_since > most

    def have_waited(self, now: UtcTime | None, patience: timedelta) -> bool:
        """Return whether, at a sample of ``now``, ``patience`` with sources that are missing is over."""
        if now is None:
            return False
        if self.waiting_since is None:
            self.waiting_since = now
        return now - self.waiting_since >= patience
