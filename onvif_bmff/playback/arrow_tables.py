"""What was recorded as tables: a row for each segment, or for each span."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from onvif_bmff.playback.arrow import ArrowColumn, ArrowType, arrow_stream
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.playback.recorded import RecordedSpan

__all__ = ["arrow_of_rows", "arrow_of_segments", "arrow_of_spans"]

_ROWS = 10_000
"""Rows of a batch."""

_PLACE = [ArrowColumn(name, ArrowType.TEXT) for name in ("prefix", "postfix", "extension")]
_SEGMENTS = [
    ArrowColumn("key", ArrowType.TEXT),
    *_PLACE,
    ArrowColumn("span", ArrowType.INT64),
    ArrowColumn("counter", ArrowType.UINT64),
    ArrowColumn("start", ArrowType.TIME),
    ArrowColumn("end", ArrowType.TIME),
]
_SPANS = [
    *_PLACE,
    ArrowColumn("span", ArrowType.INT64),
    ArrowColumn("state", ArrowType.TEXT),
    ArrowColumn("start", ArrowType.TIME),
    ArrowColumn("end", ArrowType.TIME),
    ArrowColumn("last_start", ArrowType.TIME),
    ArrowColumn("segments", ArrowType.INT64),
    ArrowColumn("lost", ArrowType.UINT64),
    ArrowColumn("trimmed", ArrowType.UINT64),
]


def arrow_of_segments(spans: "Iterable[RecordedSpan]") -> object:
    """Return a stream with a row for each segment: key, place, number of its span, counter, start, and end if known."""
    return arrow_of_rows(_SEGMENTS, _segment_rows(spans))


def arrow_of_spans(spans: "Iterable[RecordedSpan]") -> object:
    """Return a stream with a row for each span. ``lost`` counts its missing objects, ``trimmed`` those of retention."""
    return arrow_of_rows(_SPANS, _span_rows(spans))


def arrow_of_rows(columns: Sequence[ArrowColumn], rows: Iterable[Sequence[Any]]) -> object:
    """Return a stream with these rows, as ``__arrow_c_stream__`` gives it. They are taken as it is read."""
    return arrow_stream(columns, _batches(rows))


def _batches(rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Sequence[Any]]]:
    source = iter(rows)
    while batch := list(islice(source, _ROWS)):
        yield list(zip(*batch, strict=True))


def _segment_rows(spans: "Iterable[RecordedSpan]") -> Iterator[Sequence[Any]]:
    for number, span in enumerate(spans):
        place = span.prefix, span.postfix, span.extension, number
        for one in span.segments:
            yield one.name, *place, one.key.counter, _time(one.start), _time(one.end)


def _span_rows(spans: "Iterable[RecordedSpan]") -> Iterator[Sequence[Any]]:
    for number, span in enumerate(spans):
        lost = list(span.lost())
        yield (
            span.prefix,
            span.postfix,
            span.extension,
            number,
            span.state.value,
            _time(span.start),
            _time(span.end),
            _time(span.last_start),
            len(span.segments),
            sum(one.count for one in lost if not one.trimmed),
            sum(one.count for one in lost if one.trimmed),
        )


def _time(time: UtcTime | None) -> int | None:
    return None if time is None else time.microseconds
