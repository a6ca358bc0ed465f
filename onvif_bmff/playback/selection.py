"""The part of a timeline to play: one recording, a time range, a kind of media."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from onvif_bmff.errors import MediaError, TimeError
from onvif_bmff.media.track import TrackType
from onvif_bmff.objects.extensions import media_in, ordinal_of
from onvif_bmff.playback.recorded import OrphanEnd, RecordedSegment, RecordedSpan
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.timing import UtcTime

__all__ = ["Selection", "SpanPart", "join", "select"]


@dataclass(frozen=True, slots=True)
class SpanPart:
    """The segments ``first`` to ``stop`` (excluded) of a span.

    ``ordinal`` (from 0) is that of its track among those of its kind, where several spans of a kind play in parallel.
    """

    span: RecordedSpan
    first: int
    stop: int
    ordinal: int = 0

    def segments(self) -> Iterator[RecordedSegment]:
        """Return an iterator over the segments."""
        segments = self.span.segments
        return (segments[index] for index in range(self.first, self.stop))

    def runs(self) -> Iterator["SpanPart"]:
        """Yield the runs of segments without lost objects between them."""
        segments = self.span.segments
        begin, before = self.first, -1
        for index in range(self.first, self.stop):
            counter = segments[index].key.counter
            if index > self.first and counter != before + 1:
                yield SpanPart(self.span, begin, index, self.ordinal)
                begin = index
            before = counter
        yield SpanPart(self.span, begin, self.stop, self.ordinal)


@dataclass(frozen=True, slots=True)
class Selection:
    """Parts of the spans of one recording, by extension, each in order of time.

    ``start`` and ``end`` limit the time (None: no limit), ``media`` the kind of media (None: all). ``orphans`` are
    the end objects in that time of which all objects of the span are missing.
    """

    parts: dict[str, tuple[SpanPart, ...]] = field(repr=False)
    start: UtcTime | None = None
    end: UtcTime | None = None
    media: TrackType | None = None
    orphans: tuple[OrphanEnd, ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return any(self.parts.values())


def select(
    timeline: Timeline,
    *,
    start: UtcTime | None = None,
    end: UtcTime | None = None,
    prefix: str | None = None,
    postfix: str | None = None,
    media: TrackType | None = None,
) -> Selection:
    """Select the segments that may have media from ``start`` to ``end``.

    ``prefix`` and ``postfix`` name the recording; they may be None if the timeline has only one.

    Raises:
        TimeError: the range ends before it starts.
        MediaError: the timeline has several recordings.
    """
    if start is not None and end is not None and end <= start:
        raise TimeError("the range ends before it starts")
    spans = timeline.of(media, prefix=prefix, postfix=postfix)
    recordings = {(span.prefix, span.postfix) for span in spans}
    if len(recordings) > 1:
        names = ", ".join(f"{one or '-'} … {other or '-'}" for one, other in sorted(recordings)[:5])
        raise MediaError(f"there are {len(recordings)} recordings, choose one by prefix and postfix: {names}")
    found: dict[str, list[SpanPart]] = {}
    for span in spans:
        if end is not None and span.start >= end:
            continue
        if start is not None and span.end is not None and span.end <= start:
            continue
        first, stop = _within(span, start, end)
        if stop > first:
            found.setdefault(span.extension, []).append(SpanPart(span, first, stop, ordinal_of(span.extension)))
    orphans = tuple(
        orphan
        for orphan in timeline.orphans(media, prefix=prefix, postfix=postfix)
        if (start is None or orphan.key.time > start) and (end is None or orphan.key.time <= end)
    )
    return Selection({name: tuple(parts) for name, parts in found.items()}, start, end, media, orphans)


def join(selections: Iterable[Selection]) -> Selection:
    """Join selections of recordings that store one track each, so that they play as one recording.

    All must have the same range and kind of media. Spans of one kind in several selections are separate tracks.

    Raises:
        MediaError: there is no selection.
    """
    given = list(selections)
    if not given:
        raise MediaError("there is nothing to put together")
    found: dict[str, list[SpanPart]] = {}
    for selection in given:
        taken = {extension: _next_ordinal(found, extension) for extension in selection.parts}
        for extension, parts in selection.parts.items():
            ordinal = taken[extension]
            found.setdefault(extension, []).extend(replace(part, ordinal=part.ordinal + ordinal) for part in parts)
    orphans = tuple(orphan for selection in given for orphan in selection.orphans)
    return replace(given[0], parts={extension: tuple(parts) for extension, parts in found.items()}, orphans=orphans)


def _within(span: RecordedSpan, start: UtcTime | None, end: UtcTime | None) -> tuple[int, int]:
    """Return the range of a span's segments, first and stop, that may have media from ``start`` to ``end``."""
    segments = span.segments
    first, stop = 0, len(segments)
    if start is not None:
        first = max(0, bisect_right(segments, start, key=_start) - 1)
        known = segments[first].end
        if known is not None and known <= start:
            first += 1  # the next segment, or the end of the span
    if end is not None:
        stop = bisect_right(segments, end, first, key=_start)
        if stop > first and segments[stop - 1].start >= end:
            stop -= 1
    return first, stop


def _next_ordinal(found: dict[str, list[SpanPart]], extension: str) -> int:
    """Return the first ordinal that no part has that may hold media of the same kind."""
    media = media_in(extension)
    ordinals = [part.ordinal for other, parts in found.items() if media & media_in(other) for part in parts]
    return max(ordinals, default=-1) + 1


def _start(segment: RecordedSegment) -> UtcTime:
    return segment.start
