"""Local segments that are missing in the place which the recording writes to itself: what an outage left out there.

With StorageStrategy Both a recording has two outputs, each with spans of its own. Where the storage was away for too
long, a span ended before the hole, and another begins behind it. Segments of a local span cannot go there as they are
named: they would follow the end of a span, and lie on what is there. So what fills a hole is a span of its own.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.playback.recorded import RecordedSegment
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.timing import UtcTime

__all__ = ["OwnPlace"]


class OwnPlace:
    """What lies in a place, and where local segments fit in between.

    Args:
        store: the storage of the recording.
        prefix: what stands before the date in its keys.
        postfix: what stands between date and time.
    """

    def __init__(self, store: ObjectStore, prefix: str, postfix: str) -> None:
        self._prefix, self._postfix = prefix, postfix
        self._starts: dict[str, list[UtcTime]] = {}
        self._ends: dict[str, list[UtcTime | None]] = {}
        every = [
            segment
            for span in Timeline.from_store(store, prefix=prefix, postfix=postfix).spans
            for segment in span.segments
        ]
        for segment in sorted(every, key=lambda one: one.start):
            self._starts.setdefault(segment.key.extension, []).append(segment.start)
            self._ends.setdefault(segment.key.extension, []).append(segment.end)

    def has_room(self, extension: str, start: UtcTime, end: UtcTime) -> bool:
        """Return whether a segment fits in: it overlaps with none, and lies before the newest.

        What is newer may be on its way there.
        """
        starts = self._starts.get(extension, [])
        place = bisect_left(starts, end)
        if place == len(starts):
            return False
        before = None if not place else self._ends[extension][place - 1] or starts[place]
        return before is None or before <= start

    def names(
        self, segments: Iterable[tuple[RecordedSegment, Callable[[], UtcTime]]]
    ) -> Iterator[tuple[ObjectKey, ObjectKey | None]]:
        """Yield the keys of segments that fit in, and the key of a span end behind the last one before a gap.

        Args:
            segments: those of one extension, in the order of their starts, each with what tells the end of its last
                sample.
        """
        every = list(segments)
        counter = 0
        for number, (segment, end_of) in enumerate(every):
            key = replace(segment.key, prefix=self._prefix, postfix=self._postfix, counter=counter, counter_digits=0)
            following = every[number + 1][0] if number + 1 < len(every) else None
            counter += 1
            if following is None or not _follows(segment, following):
                yield key, replace(key, time=end_of(), counter=counter, span_end=True)
                counter = 0
            else:
                yield key, None


def _follows(segment: RecordedSegment, following: RecordedSegment) -> bool:
    return following.start == segment.end and following.key.counter == segment.key.counter + 1
