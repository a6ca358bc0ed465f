"""Keys of one kind of span as columns of numbers, and how they fall into spans.

A timeline of a million keys must not keep a million strings. Order, counter and precision of a key are 17
bytes; its name can be written again from them. Everything here works on whole columns and is linear in the
number of keys, except for one sort where keys come out of order.
"""

from array import array
from dataclasses import dataclass
from itertools import islice
from operator import le, lt

from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.timing import UtcTime

__all__ = ["KeyColumns", "SpanColumns", "order_of", "time_of"]

_SECOND = 1_000_000
_MAX_CANDIDATES = 16
# How much longer than the longest seen segment, times the counters passed, the way to the next one may be.
_PATIENCE = 10
_LIVELY = 4
# How long after the start of a span the end of the one before it may come, in orders: three seconds.
_LAG = 3 * 4 * _SECOND


def order_of(time: UtcTime, *, span_end: bool = False) -> int:
    """A number that sorts keys by time, leap seconds included, and ends before what begins at that time."""
    return 2 * time.sort_key + (not span_end)


def time_of(order: int) -> UtcTime:
    """The instant of an `order_of`."""
    doubled, microsecond = divmod(order >> 1, _SECOND)
    second, normal = divmod(doubled, 2)
    return UtcTime(second * _SECOND + microsecond, not normal)


@dataclass(slots=True, eq=False)
class _Candidate:
    """A span that may go on."""

    number: int
    first: int
    last: int
    last_counter: int
    longest: int = 0

    def expects(self, counter: int, order: int, newest: "_Candidate") -> bool:
        """Whether the next counter after so long is likely this span's.

        For the span that was seen last it is. For an older one it is only while both are seen to run at
        once, or it has just been silent for about a segment. Otherwise it is over, and the counter is that of
        a later object of the newer span whose neighbours are lost.
        """
        if counter != self.last_counter + 1:
            return False
        return self is newest or self.last >= newest.first or order - self.last <= _LIVELY * self.longest

    def may_jump_to(self, counter: int, order: int) -> bool:
        """Whether a later counter after so long may be this span's, with objects lost between."""
        steps = counter - self.last_counter
        return steps > 0 and (not self.longest or order - self.last <= _PATIENCE * steps * self.longest)


class KeyColumns:
    """Keys of one prefix, postfix and extension, in any order; `arrange` sorts them into spans."""

    def __init__(self, prefix: str, postfix: str, extension: str) -> None:
        self.prefix = prefix
        self.postfix = postfix
        self.extension = extension
        self.orders = array("q")
        self.counters = array("Q")
        self.digits = array("B")
        self.padded: dict[tuple[int, int], int] = {}
        """Digits of counters that were written with leading zeros, by order and counter."""

    def arrange(self) -> "SpanColumns":
        """Sort the keys into spans. The columns of this object are used up.

        Segments of a span have counters that grow with time. A counter of 0 begins a span. Others continue
        the span that expects them, or skip some of its counters (objects are lost), or begin a span whose
        first objects are not there.
        """
        duplicates = self._sort()
        spans = SpanColumns(self, duplicates)
        orders, counters, digits = self.orders, self.counters, self.digits
        numbers = array("I")  # of the span of each segment
        ends = [index for index, order in enumerate(orders) if not order & 1]
        candidates: list[_Candidate] = []
        newest: _Candidate | None = None
        for index, order in enumerate(orders):
            counter = counters[index]
            if order & 1:
                if newest is not None and counter == newest.last_counter + 1:
                    found: _Candidate | None = newest
                elif counter:
                    found = _choose(candidates, counter, order)
                else:
                    found = None
                if found is None:
                    found = _Candidate(spans.add(), order, order, counter)
                    candidates.append(found)
                    if len(candidates) > _MAX_CANDIDATES:
                        del candidates[0]
                else:
                    if order - found.last > found.longest:
                        found.longest = order - found.last
                    found.last = order
                    found.last_counter = counter
                    if found is not newest:
                        candidates.remove(found)
                        candidates.append(found)
                newest = found
                numbers.append(found.number)
            else:
                found = _late_end(candidates, counter, order) or _choose(candidates, counter, order)
                if found is None:
                    spans.orphan_ends += 1
                    continue
                spans.set_end(found.number, order, counter, digits[index])
                # Spans that fell silent before this one began are over, too.
                candidates = [one for one in candidates if one is not found and one.last >= found.first]
                newest = candidates[-1] if candidates else None
        if ends:
            for column in (orders, counters, digits):
                _remove(column, ends)
        spans.take(orders, counters, digits, numbers)
        return spans

    def _sort(self) -> int:
        """Put the keys in order of time, then counter; drop those that came twice and say how many."""
        orders = self.orders
        if all(map(lt, orders, islice(orders, 1, None))):
            return 0
        counters, digits = self.counters, self.digits
        rank = sorted(range(len(orders)), key=orders.__getitem__)
        self.orders, self.counters, self.digits = array("q"), array("Q"), array("B")
        at = 0
        while at < len(rank):
            order = orders[rank[at]]
            end = at + 1
            while end < len(rank) and orders[rank[end]] == order:
                end += 1
            if end == at + 1:
                rows = [(counters[rank[at]], digits[rank[at]])]
            else:
                rows = sorted({(counters[index], digits[index]) for index in rank[at:end]})
            for counter, digit in rows:
                self.orders.append(order)
                self.counters.append(counter)
                self.digits.append(digit)
            at = end
        return len(rank) - len(self.orders)


def _late_end(candidates: list[_Candidate], counter: int, order: int) -> _Candidate | None:
    """The span before the newest, if this is its end: tracks of a span do not all end where the next one begins."""
    if len(candidates) < 2:
        return None
    older, newest = candidates[-2:]
    if newest.first != newest.last or order - newest.first > _LAG or counter != older.last_counter + 1:
        return None
    # Its last segment may be long beside the others (a pause of the source), and orders count whole seconds double.
    return older if not older.longest or order - older.last <= _PATIENCE * older.longest + _LAG else None


def _choose(candidates: list[_Candidate], counter: int, order: int) -> _Candidate | None:
    """The span that a segment or end with this counter belongs to, the one seen last first."""
    for candidate in reversed(candidates):
        if candidate.expects(counter, order, candidates[-1]):
            return candidate
    for candidate in reversed(candidates):
        if candidate.may_jump_to(counter, order):
            return candidate
    return None


def _remove(column: "array[int]", indexes: list[int]) -> None:
    """Remove elements at ascending indexes, in one pass."""
    kept = array(column.typecode)
    start = 0
    for index in indexes:
        kept.extend(column[start:index])
        start = index + 1
    kept.extend(column[start:])
    column[:] = kept


class SpanColumns:
    """Spans of one prefix, postfix and extension, in order of their first segment.

    ``orders``, ``counters`` and ``digits`` hold the segments span by span; span ``i`` has those from
    ``firsts[i]`` to ``firsts[i + 1]``. ``end_orders[i]`` is -1 if the span has no end object.
    """

    def __init__(self, keys: KeyColumns, duplicates: int) -> None:
        self.prefix = keys.prefix
        self.postfix = keys.postfix
        self.extension = keys.extension
        self.duplicates = duplicates
        self.orphan_ends = 0
        self.orders = array("q")
        self.counters = array("Q")
        self.digits = array("B")
        self.firsts = array("Q")
        self.end_orders = array("q")
        self.end_counters = array("Q")
        self.end_digits = array("B")
        self.starts = array("q")
        self.reaches = array("q")
        """For each span the latest order that it or an earlier one is known to reach."""
        self._padded = keys.padded

    def __len__(self) -> int:
        return len(self.end_orders)

    def add(self) -> int:
        """A new span without end; its number."""
        self.end_orders.append(-1)
        self.end_counters.append(0)
        self.end_digits.append(0)
        return len(self.end_orders) - 1

    def set_end(self, number: int, order: int, counter: int, digits: int) -> None:
        """Give a span its end object."""
        self.end_orders[number] = order
        self.end_counters[number] = counter
        self.end_digits[number] = digits

    def take(self, orders: "array[int]", counters: "array[int]", digits: "array[int]", numbers: "array[int]") -> None:
        """Take the segments in order of time with the number of the span of each."""
        if not all(map(le, numbers, islice(numbers, 1, None))):
            rank = sorted(range(len(numbers)), key=numbers.__getitem__)
            orders = array("q", map(orders.__getitem__, rank))
            counters = array("Q", map(counters.__getitem__, rank))
            digits = array("B", map(digits.__getitem__, rank))
            numbers = array("I", map(numbers.__getitem__, rank))
        self.orders, self.counters, self.digits = orders, counters, digits
        before = -1
        for index, number in enumerate(numbers):
            if number != before:
                self.firsts.append(index)
                before = number
        self.firsts.append(len(numbers))
        reach = -1 << 62
        for number in range(len(self)):
            self.starts.append(orders[self.firsts[number]])
            reach = max(reach, orders[self.firsts[number + 1] - 1], self.end_orders[number])
            self.reaches.append(reach)

    def key(self, index: int) -> ObjectKey:
        """The key of the segment at an index of the columns."""
        return self._key(self.orders[index], self.counters[index], self.digits[index], span_end=False)

    def end_key(self, number: int) -> ObjectKey | None:
        """The key of the end object of a span, or None."""
        order = self.end_orders[number]
        if order == -1:
            return None
        return self._key(order, self.end_counters[number], self.end_digits[number], span_end=True)

    def _key(self, order: int, counter: int, digits: int, *, span_end: bool) -> ObjectKey:
        padded = self._padded.get((order, counter), 0)
        return ObjectKey(self.prefix, time_of(order), self.postfix, counter, self.extension, span_end, digits, padded)

    @property
    def kept_bytes(self) -> int:
        """Size of the columns."""
        columns = (
            self.orders,
            self.counters,
            self.digits,
            self.firsts,
            self.end_orders,
            self.end_counters,
            self.end_digits,
            self.starts,
            self.reaches,
        )
        return sum(column.buffer_info()[1] * column.itemsize for column in columns)
