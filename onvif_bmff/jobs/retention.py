"""What is too old, so that what is left stays valid. ONVIF Recording Control 25.12, B.2 to B.5."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from onvif_bmff.playback.recorded import RecordedSegment, RecordedSpan, SpanState
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.timing import UtcTime

__all__ = ["Hold", "expired_keys", "is_recorded_in"]


@dataclass(frozen=True, slots=True)
class Hold:
    """A range of time of which nothing is deleted: what was recorded from ``start`` to before ``end``."""

    start: UtcTime
    end: UtcTime

    def covers(self, start: UtcTime, end: UtcTime) -> bool:
        """Return whether something that lasts from ``start`` to ``end`` lies in it, at least in part."""
        return start < self.end and (end > self.start or start >= self.start)


def expired_keys(timeline: Timeline, before: UtcTime, holds: Collection[Hold] = ()) -> Iterator[list[str]]:
    """Yield the keys of what had ended at an instant, for each prefix, postfix and extension, oldest first.

    Whole segments go. What is left of a recording stays valid: only its oldest span loses its first segments, and
    others go as a whole, their end objects last. The last segment of a span that is still open stays, for its end is
    not known; so does a span of which a later segment is held.

    Args:
        timeline: all keys of the recordings that are asked for, at least those up to ``before``.
        before: what ended at this instant or earlier is too old.
        holds: nothing of these times is deleted.
    """
    orphans: dict[tuple[str, str, str], list[str]] = {}
    for orphan in timeline.orphans():
        key = orphan.key
        if key.time <= before and not any(hold.covers(key.time, key.time) for hold in holds):
            orphans.setdefault((key.prefix, key.postfix, key.extension), []).append(str(key))
    for kind in sorted({*orphans, *timeline.kinds}):
        prefix, postfix, extension = kind
        spans = timeline.of(extension, prefix=prefix, postfix=postfix)
        found = [*_of_spans(spans, before, holds), *orphans.get(kind, ())]
        if found:
            yield found


def _of_spans(spans: "Sequence[RecordedSpan]", before: UtcTime, holds: Collection[Hold]) -> Iterator[str]:
    """Yield the keys that go of one kind of spans."""
    may_trim = True
    for number, span in enumerate(spans):
        if span.start >= before:
            break
        later = (spans[place] for place in range(number + 1, len(spans)))
        old: list[str] = []
        for segment in span.segments:
            if not _is_old(segment, span, later, before, holds):
                break
            old.append(segment.name)
        if len(old) == len(span.segments):
            yield from old
            if span.end_name is not None:
                yield span.end_name
        elif may_trim:
            yield from old
            may_trim = False  # a second span without its first objects would look as if they were lost


def _is_old(
    segment: RecordedSegment,
    span: RecordedSpan,
    later: Iterable[RecordedSpan],
    before: UtcTime,
    holds: Collection[Hold],
) -> bool:
    end = segment.end
    if end is None:  # the object behind it is lost, or the span has no end object
        end = _next_start(segment, span, later)
    if end is None or end > before:
        return False
    return not any(hold.covers(segment.start, end) for hold in holds)


def is_recorded_in(hold: Hold, segment: RecordedSegment, span: RecordedSpan, later: Iterable[RecordedSpan]) -> bool:
    """Return whether a segment has media of a time; one whose end is not known may last without end.

    Args:
        hold: the time.
        segment: the segment.
        span: its span.
        later: the spans of its kind behind that.
    """
    end = segment.end or _next_start(segment, span, later)
    return segment.start < hold.end if end is None else hold.covers(segment.start, end)


def _next_start(segment: RecordedSegment, span: RecordedSpan, later: Iterable[RecordedSpan]) -> UtcTime | None:
    """Return an instant at which a segment of unknown end is over; None if none is known.

    Spans may overlap, where a clock was set back: one that began before the segment says nothing about its end.
    """
    if segment.start < span.last_start:
        return next(one.start for one in span.segments if one.start > segment.start)
    if span.state is SpanState.OPEN:
        return None
    return next((one.start for following in later for one in following.segments if one.start > segment.start), None)
