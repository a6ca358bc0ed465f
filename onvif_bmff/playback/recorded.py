"""What keys say was recorded: segments and spans, as light views on the columns of a timeline."""

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

__all__ = ["Gap", "LostObjects", "Overlap", "RecordedSegment", "RecordedSpan", "SpanList", "SpanState"]


class SpanState(Enum):
    """How a span ended, as far as keys tell."""

    CLOSED = "closed"
    """It has a span end object."""
    OPEN = "open"
    """It has none, and nothing came after it: it is still recorded, or its recorder stopped without a word."""
    AMBIGUOUS = "ambiguous"
    """There is an end object that may be its own, or that of another span: counters and times go with both."""
    CUT_OFF = "cut off"
    """It has none although a later span began: its recorder crashed, or does not write end objects."""


@dataclass(frozen=True, slots=True)
class RecordedSegment:
    """A segment object of a span.

    ``name`` is the key as it was listed. ``end`` is the start of the next segment or the end of the span; it
    is None where keys do not tell, because what comes next is lost or the span has no end object. ``span`` is
    the span that it belongs to.
    """

    name: str
    key: ObjectKey
    end: UtcTime | None
    span: "RecordedSpan" = field(compare=False, repr=False)

    @property
    def start(self) -> UtcTime:
        """Time of the first sample, as precise as the key."""
        return self.key.time


@dataclass(frozen=True, slots=True)
class LostObjects:
    """Counters of a span that no object has; lost objects, not a gap in the recording.

    ``after`` is the start of the last segment before them (None at the beginning of a span), ``before`` the
    start of the next one, or the end of the span. ``trimmed``: they come before all that is there of their kind, as
    retention and the life-cycle rules of a bucket leave it.
    """

    first_counter: int
    count: int
    after: UtcTime | None
    before: UtcTime
    trimmed: bool = False


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
        """Path before the date in its keys."""
        return self._columns.prefix

    @property
    def postfix(self) -> str:
        """Path after the date in its keys."""
        return self._columns.postfix

    @property
    def extension(self) -> str:
        """Extension of its keys, which tells the media: ``mp4``, ``m4v``, ``m4a`` or ``m4m``."""
        return self._columns.extension

    @property
    def segments(self) -> "SegmentList":
        """Its segments in order of time; a sequence that makes them when asked."""
        return SegmentList(self._columns, self._number)

    @property
    def start(self) -> UtcTime:
        """Start of the first segment that is there."""
        return time_of(self._columns.starts[self._number])

    @property
    def end(self) -> UtcTime | None:
        """The time of the span end object, None if there is none."""
        order = self._columns.end_orders[self._number]
        return None if order == -1 else time_of(order)

    @property
    def last_start(self) -> UtcTime:
        """Start of the last segment: the span lasts longer than that even if its end is unknown."""
        return time_of(self._columns.orders[self._columns.firsts[self._number + 1] - 1])

    @property
    def end_name(self) -> str | None:
        """The key of the span end object as it was listed, None if there is none."""
        key = self._columns.end_key(self._number)
        return None if key is None else str(key)

    @property
    def state(self) -> SpanState:
        """Whether it is closed, open, cut off, or may be any of these."""
        if self._columns.end_orders[self._number] != -1:
            return SpanState.CLOSED
        if self._number in self._columns.ambiguous:
            return SpanState.AMBIGUOUS
        return SpanState.OPEN if self._number == len(self._columns) - 1 else SpanState.CUT_OFF

    @property
    def first_counter(self) -> int:
        """Counter of the first segment that is there; above 0 if earlier ones are not among the keys."""
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
        """The last segment at or before an order, which is not before the span."""
        place = bisect_right(self._columns.orders, order, self._first, self._first + len(self)) - 1
        return self._at(place)


class SpanList(Sequence[RecordedSpan]):
    """All spans of a timeline, one kind after the other, each in order of time."""

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


@dataclass(frozen=True, slots=True)
class Gap:
    """A time between two spans of one kind in which nothing was recorded.

    ``exact`` is false where a bound is not known from keys: the earlier span has no end object, so the gap
    begins somewhere after ``start``, which is the start of that span's last segment; or the first objects of
    the later span are lost, so the gap ends somewhere before ``end``.
    """

    start: UtcTime
    end: UtcTime
    before: RecordedSpan
    after: RecordedSpan
    exact: bool

    @property
    def duration(self) -> timedelta:
        """Its length; the longest possible one if it is not ``exact``."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Overlap:
    """A time for which two spans of one kind have recordings, at least from ``start`` to ``end``."""

    start: UtcTime
    end: UtcTime
    first: RecordedSpan
    second: RecordedSpan
