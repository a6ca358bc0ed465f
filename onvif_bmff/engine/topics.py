"""Which segments an event caused, for their attribute EventTopic. ONVIF Recording Control 25.12, B.9, Table B.1."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from onvif_bmff.engine.targets import OutputPlan
from onvif_bmff.objects.events import FragmentWritten, RecordingEvent, SegmentOpened, SegmentSealed
from onvif_bmff.objects.extensions import only_kind_in

__all__ = ["SegmentTopics"]


class SegmentTopics:
    """Labels the segments of one output with the topic of the event that activated their job.

    A segment is labelled if a job that an event opened fed it at any time while it was open; with several events, the
    first counts. What other jobs record before and afterwards, be it in the same span, is not labelled.
    """

    def __init__(self) -> None:
        self._in_force: dict[str, str] = {}
        self._open: dict[str, str | None] = {}
        self._unwritten: dict[str, str | None] = {}  # of the fragment being written, by extension

    def follow(self, plan: OutputPlan) -> None:
        """Take the feeds for which everything from now on is recorded."""
        for extension in self._unwritten:
            self._unwritten[extension] = self._unwritten[extension] or self._topic(extension)
        self._in_force = {}
        for token, kind in plan.tracks:
            feed = plan.feeds.get(token)
            if feed is not None and feed.event_topic is not None:
                self._in_force.setdefault(kind, feed.event_topic)
        for extension, topic in self._open.items():
            if topic is None:
                self._open[extension] = self._topic(extension)

    def label(self, events: Iterable[RecordingEvent]) -> Sequence[RecordingEvent]:
        """Return the events, with the topics in the attributes of sealed segments."""
        found: list[RecordingEvent] = []
        for event in events:
            extension = event.key.extension
            if isinstance(event, SegmentOpened):
                # A segment opens when its first fragment is complete: an event may have ended in between.
                self._open[extension] = self._unwritten.get(extension) or self._topic(extension)
            elif isinstance(event, FragmentWritten):
                self._unwritten[extension] = None
            elif isinstance(event, SegmentSealed):
                topic = self._open.pop(extension, None)
                if topic is not None:
                    event = replace(event, attributes=replace(event.attributes, event_topic=topic))
            found.append(event)
        return found

    def _topic(self, extension: str) -> str | None:
        kind = only_kind_in(extension)  # B.7; other objects hold all tracks
        if kind is not None:
            return self._in_force.get(kind)
        return next(iter(self._in_force.values()), None)
