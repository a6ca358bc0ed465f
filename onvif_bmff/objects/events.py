"""Events of a recorder: segments are opened, grow and are sealed; spans end.

The write path streams: the key of a segment is known with its first sample, its bytes are written fragment by fragment,
and its attributes are known when it is sealed. Whole objects are assembled from these events by ``ObjectCollector``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from onvif_bmff.errors import StateError
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import Buffer, SegmentObject, SpanEndObject, StorageObject
from onvif_bmff.timing import UtcTime

__all__ = [
    "FragmentWritten",
    "ObjectCollector",
    "RecordingEvent",
    "SegmentOpened",
    "SegmentSealed",
    "SpanEnded",
    "collect_objects",
]


@dataclass(slots=True)
class SegmentOpened:
    """A segment begins. ``header`` is the first bytes of its object: ``ftyp`` and ``moov``.

    ``earliest`` is when its first sample is presented if that is not the time in the key, which is that of the leading
    track: the time in the key of an object that begins a span instead, because those before it cannot be stored (B.4).
    """

    key: ObjectKey
    content_type: str
    header: bytes = field(repr=False)
    earliest: UtcTime | None = None


@dataclass(slots=True)
class FragmentWritten:
    """A fragment of an open segment is complete.

    ``buffers`` in order are the next bytes of the object; they must not be changed any more. ``start_time``
    is that of its earliest sample, ``duration_ticks`` its length in ticks of the track that leads the cuts,
    ``sample_count`` how many samples of all tracks it holds.
    """

    key: ObjectKey
    buffers: tuple[Buffer, ...] = field(repr=False)
    start_time: UtcTime
    duration_ticks: int
    sample_count: int = 0


@dataclass(slots=True)
class SegmentSealed:
    """A segment is complete. ``trailer`` is the last bytes of its object: ``mfra``, or nothing.

    ``end_time`` is the end of its last sample, where its span ends if nothing that follows can be stored (B.5); None if
    it is unknown.
    """

    key: ObjectKey
    trailer: bytes = field(repr=False)
    attributes: ObjectAttributes
    end_time: UtcTime | None = None


@dataclass(slots=True)
class SpanEnded:
    """A span is closed; ``key`` is that of its span end object (B.5)."""

    key: ObjectKey


RecordingEvent: TypeAlias = SegmentOpened | FragmentWritten | SegmentSealed | SpanEnded


class ObjectCollector:
    """Assembles whole objects from events. Holds the bytes of every open segment."""

    def __init__(self) -> None:
        self._open: dict[ObjectKey, tuple[str, list[Buffer]]] = {}

    @property
    def open_keys(self) -> tuple[ObjectKey, ...]:
        """Keys of the segments that are open."""
        return tuple(self._open)

    def add(self, event: RecordingEvent) -> StorageObject | None:
        """Process an event, and return the object that it completes, or None.

        Raises:
            StateError: the event is about a segment that is not open, or opens one twice.
        """
        match event:
            case FragmentWritten():
                self._segment(event.key)[1].extend(event.buffers)
                return None
            case SegmentOpened():
                if event.key in self._open:
                    raise StateError(f"the segment is open already: {event.key}")
                self._open[event.key] = (event.content_type, [event.header])
                return None
            case SegmentSealed():
                content_type, buffers = self._segment(event.key)
                del self._open[event.key]
                buffers.append(event.trailer)
                return SegmentObject(event.key, b"".join(buffers), content_type, event.attributes)
            case SpanEnded():
                return SpanEndObject(event.key)

    def _segment(self, key: ObjectKey) -> tuple[str, list[Buffer]]:
        found = self._open.get(key)
        if found is None:
            raise StateError(f"no segment is open under this key: {key}")
        return found


def collect_objects(events: Iterable[RecordingEvent]) -> list[StorageObject]:
    """Return the whole objects of a finished recording, in the order in which they were completed.

    Raises:
        StateError: the events are out of order, or a segment is never sealed.
    """
    collector = ObjectCollector()
    objects = [obj for obj in map(collector.add, events) if obj is not None]
    if collector.open_keys:
        raise StateError(f"a segment was never sealed: {collector.open_keys[0]}")
    return objects
