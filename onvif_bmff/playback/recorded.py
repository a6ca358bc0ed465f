"""Recorded segments and spans, as light views on the columns of a timeline."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import overload

from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.playback.key_columns import SpanColumns
from onvif_bmff.playback.key_order import time_of
from onvif_bmff.timing import UtcTime

__all__ = ["Gap", "LostObjects", "OrphanEnd", "Overlap", "RecordedSegment", "RecordedSpan", "SpanList", "SpanState"]


class SpanState(Enum):
    """How a span ended, by the keys."""

    CLOSED = "closed"
    """It has a span end object."""
    OPEN = "open"
    """It has no end object, and no later span: it is still recorded, or the recorder stopped without ending it."""
    AMBIGUOUS = "ambiguous"
    """There is an end object whose counter and time fit this span and another one."""
    CUT_OFF = "cut off"
    """It has no end object, though a later span began: the recorder crashed, or writes no end objects."""


@dataclass(frozen=True, slots=True)
class RecordedSegment:
    """A segment object of a span.

    ``name`` is the key as listed. ``end`` is the start of the next segment or the end of the span; None if the next
    object is lost or the span has no end object. ``span`` is the span of the segment.
    """

    name: str
    key: ObjectKey
    end: UtcTime | None
    span: "RecordedSpan" = field(compare=False, repr=False)

    @property
    def start(self) -> UtcTime:
        """Time of the first sample, in the resolution of the key."""
        return self.key.time


@dataclass(frozen=True, slots=True)
class LostObjects:
    """Missing counters of a span: lost objects, not a gap in the recording.

    ``after`` is the start of the last segment before them (None at the beginning of a span), ``before`` the start of
    the next one, or the end of the span. ``trimmed``: they precede all objects of their kind, as after deletion by
    retention or life-cycle rules.
    """

    first_counter: int
    count: int
    after: UtcTime | None
    before: UtcTime
    trimmed: bool = False


@dataclass(frozen=True, slots=True)
class OrphanEnd:
    """A span end object without any object of its span. ``trimmed``: it precedes all objects of its kind."""

    key: ObjectKey
    trimmed: bool


class RecordedSpan:
    """Successive segments of one kind, without a time gap (ONVIF Recording Control 25.12, B.2)."""

    __slots__ = ("_columns", "_number")

    def __init__(self, columns: SpanColumns, number: int) -> None:
        self._columns = columns
        self._number = number

    def __repr__(self) -> str:
        return f"<span {self.segments[0].name!r} {self.state.value}, {len(self.segments)} segments>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RecordedSpan):
            return NotImplemented
        return self._columns is other._columns and self._number == other._number

    def __hash__(self) -> int:
        return hash((id(self._columns), self._number))

    @property
    def prefix(self) -> str:
        """Path before the date in the keys."""
        return self._columns.prefix

    @property
    def postfix(self) -> str:
        """Path after the date in the keys."""
        return self._columns.postfix

    @property
    def extension(self) -> str:
        """Extension of the keys: ``mp4``, ``m4v``, ``m4a`` or ``m4m``."""
        return self._columns.extension

    @property
    def segments(self) -> "SegmentList":
        """The segments in order of time; a sequence that creates them on access."""
        return SegmentList(self._columns, self._number)

    @property
    def start(self) -> UtcTime:
        """Start of the first segment."""
        return time_of(self._columns.starts[self._number])

    @property
    def end(self) -> UtcTime | None:
        """Time of the span end object, or None."""
        order = self._columns.end_orders[self._number]
        return None if order == -1 else time_of(order)

    @property
    def last_start(self) -> UtcTime:
        """Start of the last segment, which the span exceeds even if its end is unknown."""
        return time_of(self._columns.orders[self._columns.firsts[self._number + 1] - 1])

    @property
    def end_name(self) -> str | None:
        """The key of the span end object as listed, or None."""
        key = self._columns.end_key(self._number)
        return None if key is None else str(key)

    @property
    def state(self) -> SpanState:
        """How the span ended."""
        if self._columns.end_orders[self._number] != -1:
            return SpanState.CLOSED
        if self._number in self._columns.ambiguous:
            return SpanState.AMBIGUOUS
        return SpanState.OPEN if self._number == len(self._columns) - 1 else SpanState.CUT_OFF

    @property
    def first_counter(self) -> int:
        """Counter of the first segment; above 0 if earlier ones are missing."""
        return self._columns.counters[self._columns.firsts[self._number]]

    def lost(self) -> Iterator[LostObjects]:
        """Objects of the span that are missing, in order of counters."""
        columns, number = self._columns, self._number
        expected = 0
        after: UtcTime | None = None
        last = columns.firsts[number + 1]
        for index in range(columns.firsts[number], last):
            counter = columns.counters[index]
            if counter > expected:
                before = time_of(columns.orders[index])
                if index > columns.firsts[number]:
                    after = time_of(columns.orders[index - 1])
                yield LostObjects(expected, counter - expected, after, before, after is None and not number)
            expected = counter + 1
        end = self.end
        if end is not None and columns.end_counters[number] > expected:
            count = columns.end_counters[number] - expected
            yield LostObjects(expected, count, time_of(columns.orders[last - 1]), end)


class SegmentList(Sequence[RecordedSegment]):
    """The segments of a span."""

    __slots__ = ("_columns", "_first", "_number")

    def __init__(self, columns: SpanColumns, number: int) -> None:
        self._columns = columns
        self._number = number
        self._first = columns.firsts[number]

    def __len__(self) -> int:
        return self._columns.firsts[self._number + 1] - self._first

    @overload
    def __getitem__(self, index: int) -> RecordedSegment: ...

    @overload
    def __getitem__(self, index: slice) -> list[RecordedSegment]: ...

    def __getitem__(self, index: int | slice) -> RecordedSegment | list[RecordedSegment]:
        places = range(self._first, self._first + len(self))
        if isinstance(index, slice):
            return [self._at(place) for place in places[index]]
        return self._at(places[index])

    def _at(self, place: int) -> RecordedSegment:
        columns = self._columns
        key = columns.key(place)
        end: UtcTime | None = None
        if place + 1 < self._first + len(self):
            if columns.counters[place + 1] == key.counter + 1:
                end = time_of(columns.orders[place + 1])
        elif columns.end_orders[self._number] != -1 and columns.end_counters[self._number] == key.counter + 1:
            end = time_of(columns.end_orders[self._number])
        return RecordedSegment(str(key), key, end, RecordedSpan(columns, self._number))

    def before(self, order: int) -> RecordedSegment:
        """Return the last segment at or before an order, which must not precede the span."""
        place = bisect_right(self._columns.orders, order, self._first, self._first + len(self)) - 1
        return self._at(place)


class SpanList(Sequence[RecordedSpan]):
    """The spans of a timeline, by kind and time."""

    def __init__(self, kinds: Sequence[SpanColumns]) -> None:
        self._kinds = kinds

    def __len__(self) -> int:
        return sum(map(len, self._kinds))

    @overload
    def __getitem__(self, index: int) -> RecordedSpan: ...

    @overload
    def __getitem__(self, index: slice) -> list[RecordedSpan]: ...

    def __getitem__(self, index: int | slice) -> RecordedSpan | list[RecordedSpan]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        place = range(len(self))[index]
        kinds = iter(self._kinds)
        kind = next(kinds)
        while place >= len(kind):
            place -= len(kind)
            kind = next(kinds)
        return RecordedSpan(kind, place)

    def __iter__(self) -> Iterator[RecordedSpan]:
        for kind in self._kinds:
            for number in range(len(kind)):
                yield RecordedSpan(kind, number)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the spans as an Arrow table, a row for each; see ``arrow_of_spans``."""
        from onvif_bmff.playback.arrow_tables import arrow_of_spans

        return arrow_of_spans(self)


@dataclass(frozen=True, slots=True)
class Gap:
    """A time between two spans of one kind in which nothing was recorded.

    ``exact`` is false if a bound is unknown: the span ``before`` has no end object, so the gap begins somewhere after
    ``start``, the start of its last segment; or the first objects of the span ``after`` are lost, so the gap ends
    somewhere before ``end``.
    """

    start: UtcTime
    end: UtcTime
    before: RecordedSpan
    after: RecordedSpan
    exact: bool

    @property
    def duration(self) -> timedelta:
        """Length of the gap; the longest possible one if it is not ``exact``."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Overlap:
    """A time covered by two spans of one kind, at least from ``start`` to ``end``."""

    start: UtcTime
    end: UtcTime
    first: RecordedSpan
    second: RecordedSpan
