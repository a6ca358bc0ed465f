"""What is lost while an error keeps an output from recording."""

from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.engine.sources import SourceSet, tracks_fed_by
from onvif_bmff.engine.targets import OutputPlan
from onvif_bmff.objects.events import RecordingEvent

__all__ = ["WHILE_PAUSED", "PausedMedia"]

WHILE_PAUSED = "while an error kept media from being recorded"
"""Why samples are dropped that came then, and for which there was no room."""


class PausedMedia:
    """Counts samples that should have been recorded while an output could not, and that are not kept until it can.

    ``events`` are those that were caused before the error.

    Args:
        sources: those of the output.
    """

    def __init__(self, sources: SourceSet) -> None:
        self._sources = sources
        self._came: int | None = None
        self.events: list[RecordingEvent] = []

    def take_events(self) -> list[RecordingEvent]:
        """Give out the events that were caused before the error."""
        events, self.events = self.events, []
        return events

    def begin(self, plan: OutputPlan) -> None:
        """Begin to count, unless that goes on already."""
        if self._came is None:
            self._came = self._kept(plan)

    def note(self, source: SourceReference, track_id: int, plan: OutputPlan) -> None:
        """Count a sample that came, if it should be recorded."""
        if self._came is not None and self._is_fed(source, track_id, plan):
            self._came += 1

    def end(self, plan: OutputPlan, *, recorded: bool = True) -> int:
        """Return how many are lost since the beginning; what is kept is not if it is ``recorded`` now."""
        came, self._came = self._came, None
        return 0 if came is None else max(came - (self._kept(plan) if recorded else 0), 0)

    def _kept(self, plan: OutputPlan) -> int:
        return sum(
            not recorded and self._is_fed(source, sample.track_id, plan)
            for source, one in self._sources.opened.items()
            if one.preroll is not None
            for sample, recorded in one.preroll.kept()
        )

    def _is_fed(self, source: SourceReference, track_id: int, plan: OutputPlan) -> bool:
        found = self._sources.opened.get(source)
        return found is not None and any(tracks_fed_by(found, source, track_id, plan.tracks, plan.feeds))
