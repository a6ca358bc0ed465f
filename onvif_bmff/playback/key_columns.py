"""Keys of one kind as columns of numbers, and their arrangement in spans.

A timeline of a million keys must not keep a million strings. Order, counter and precision of a key take 17 bytes, from
which its name can be rebuilt. Everything here works on whole columns and is linear in the number of keys, except for
one sort if keys are not in order.
"""

from array import array
from itertools import islice
from operator import le, lt

from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.playback.key_order import time_of
from onvif_bmff.playback.span_ends import MAX_OPEN, OpenSpan, SpanEnds, choose, without

__all__ = ["KeyColumns", "SpanColumns"]

_MILLISECONDS = 3
"""Digits of a key that tell milliseconds."""


class KeyColumns:
    """Keys of one prefix, postfix and extension, in any order; ``arrange`` assigns them to spans."""

    def __init__(self, prefix: str, postfix: str, extension: str) -> None:
        self.prefix = prefix
        self.postfix = postfix
        self.extension = extension
        self.orders = array("q")
        self.counters = array("Q")
        self.digits = array("B")
        self.padded: dict[tuple[int, int], int] = {}
        """Number of digits of counters with leading zeros, by order and counter."""

    def extend(self, others: "KeyColumns") -> None:
        """Add further keys of the same kind."""
        self.orders += others.orders
        self.counters += others.counters
        self.digits += others.digits
        self.padded |= others.padded

    def arrange(self) -> "SpanColumns":
        """Assign the keys to spans. Consumes the columns of this object.

        Counters of a span increase with time. A counter of 0 begins a span. Others continue the span that expects
        them, or skip some of its counters (objects are lost), or begin a span whose first objects are missing. An end
        belongs to the span whose counter and time it continues; of several, to the one without later segments. If that
        does not decide it either, the spans are ambiguous.
        """
        duplicates = self._sort()
        spans = SpanColumns(self, duplicates)
        orders, counters, digits = self.orders, self.counters, self.digits
        numbers = array("I")  # the span of each segment
        ends = [index for index, order in enumerate(orders) if not order & 1]
        candidates: list[OpenSpan] = []
        newest: OpenSpan | None = None
        open_ends = SpanEnds(spans)
        for index, order in enumerate(orders):
            counter = counters[index]
            if order & 1:
                if newest is not None and counter == newest.last_counter + 1 and newest.last != order:
                    found: OpenSpan | None = newest
                elif counter:
                    found = _continued(candidates, counter, order, digits[index])
                else:
                    found = None
                if found is None:
                    found = _open_span(spans.add(), candidates, order, counter)
                else:
                    if order - found.last > found.longest:
                        found.longest = order - found.last
                    found.last = order
                    found.last_counter = counter
                    if found is not newest:
                        candidates.remove(found)
                        candidates.append(found)
                    candidates = without(candidates, open_ends.goes_on(found), order)
                newest = found
                numbers.append(found.number)
            else:
                over = open_ends.take(candidates, order, counter, digits[index])
                if over:
                    candidates = without(candidates, over, order)
                    newest = candidates[-1] if candidates else None
        open_ends.close()
        for column in (orders, counters, digits) if ends else ():
            _remove(column, ends)
        spans.take(orders, counters, digits, numbers)
        return spans

    def _sort(self) -> int:
        """Sort the keys by time and counter, and drop duplicates; return their number."""
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


def _continued(candidates: list[OpenSpan], counter: int, order: int, digits: int) -> OpenSpan | None:
    """Return the span that a segment continues; one that has a segment of the same time only if there is no other."""
    earlier = [one for one in candidates if one.last != order] if digits >= _MILLISECONDS else []
    return choose(earlier, counter, order) or choose(candidates, counter, order)


def _open_span(number: int, candidates: list[OpenSpan], order: int, counter: int) -> OpenSpan:
    """Begin a span at a segment, and make it the newest of the candidates, of which the oldest may be dropped."""
    for one in candidates:
        if one.superseded is None:
            one.superseded = order
    found = OpenSpan(number, order, order, counter)
    candidates.append(found)
    if len(candidates) > MAX_OPEN:
        del candidates[0]
    return found


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
        self.orphans: list[tuple[int, int, int]] = []
        """Order, counter and digits of end objects without a span."""
        self.ambiguous_ends = 0
        self.ambiguous: set[int] = set()
        """Spans to which one of several end objects, or none, may belong."""
        self.orders = array("q")
        self.counters = array("Q")
        self.digits = array("B")
        self.firsts = array("Q")
        self.end_orders = array("q")
        self.end_counters = array("Q")
        self.end_digits = array("B")
        self.starts = array("q")
        self.reaches = array("q")
        """For each span the latest order that it, or an earlier one, is known to reach."""
        self._padded = keys.padded

    def __len__(self) -> int:
        return len(self.end_orders)

    def add(self) -> int:
        """Add a span without end; return its number."""
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
        """Take over the segments in order of time, with the span of each (``numbers``)."""
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
        """Return the key of the segment at an index of the columns."""
        return self._key(self.orders[index], self.counters[index], self.digits[index], span_end=False)

    def end_key(self, number: int) -> ObjectKey | None:
        """Return the key of the end object of a span, or None."""
        order = self.end_orders[number]
        if order == -1:
            return None
        return self._key(order, self.end_counters[number], self.end_digits[number], span_end=True)

    def orphan_keys(self) -> list[ObjectKey]:
        """Return the keys of end objects without a span."""
        return [self._key(*orphan, span_end=True) for orphan in self.orphans]

    def _key(self, order: int, counter: int, digits: int, *, span_end: bool) -> ObjectKey:
        padded = self._padded.get((order, counter), 0)
        return ObjectKey(self.prefix, time_of(order), self.postfix, counter, self.extension, span_end, digits, padded)

    @property
    def kept_bytes(self) -> int:
        """Size of the columns, in bytes."""
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
