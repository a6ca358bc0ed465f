"""Which span a key goes on with, and which one an end object ends. ONVIF Recording Control 25.12, B.2 to B.5."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onvif_bmff.playback.key_order import time_of

if TYPE_CHECKING:
    from onvif_bmff.playback.key_columns import SpanColumns

__all__ = ["MAX_OPEN", "OpenSpan", "SpanEnds", "choose", "without"]

_SECOND = 1_000_000
MAX_OPEN = 16
"""How many spans, and ends that may be those of several, are considered at a time."""
# How much longer than the longest seen segment, times the counters passed, the way to the next one may be.
_PATIENCE = 10
_LIVELY = 4
# How long after the start of a span the end of the one before it may come, in orders: three seconds.
_LAG = 3 * 4 * _SECOND
# So many microseconds, a packet of sound, are no segment of the span that has begun.
_OVERHANG = 250_000


@dataclass(slots=True, eq=False)
class OpenSpan:
    """A span that may go on."""

    number: int
    first: int
    last: int
    last_counter: int
    longest: int = 0
    superseded: int | None = None
    """The order at which a later span began."""

    def expects(self, counter: int, order: int, newest: "OpenSpan") -> bool:
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

    def may_end(self, counter: int, order: int, newest: "OpenSpan") -> bool:
        """Whether a span end with this counter at this time continues the span, with no object lost between.

        A span that another one has followed may end somewhat later than that began, for its tracks do not all end at
        once; or both run at the same time.
        """
        if counter != self.last_counter + 1:
            return False
        if self.superseded is None or self is newest or self.last >= newest.first:
            return True
        # Its last segment may be long beside the others (a pause of the source), and orders count whole seconds double.
        patience = _PATIENCE * self.longest + _LAG if self.longest else None
        return order - self.superseded <= _LAG and (patience is None or order - self.last <= patience)


@dataclass(slots=True, eq=False)
class _OpenEnd:
    """A span end that continues several spans, until what comes later shows which of them goes on."""

    order: int
    counter: int
    digits: int
    owners: list[OpenSpan]


class SpanEnds:
    """Gives each span end to the span whose counter and time it continues."""

    def __init__(self, spans: "SpanColumns") -> None:
        self._spans = spans
        self._open: list[_OpenEnd] = []

    def take(self, candidates: list[OpenSpan], order: int, counter: int, digits: int) -> list[OpenSpan]:
        """Take the next span end, which may be that of any of ``candidates``; return the spans that are over now."""
        owners = [one for one in candidates if one.may_end(counter, order, candidates[-1])]
        if not owners:
            found = choose(candidates, counter, order)
            if found is None:
                self._spans.orphan_ends += 1
                return []
            owners = [found]
        owners.sort(key=lambda one: one.first)
        end = _OpenEnd(order, counter, digits, owners)
        self._open.append(end)
        if len(owners) == 1 or _hangs_over(end):
            return self._settle(end, owners[max(0, len(owners) - 2)])
        over = self._match()
        if len(self._open) > MAX_OPEN:
            self._give_up(self._open[0])
        return over

    def goes_on(self, span: OpenSpan) -> list[OpenSpan]:
        """Note that a span has another segment: no end before that is its own. Return the spans that are over."""
        return [*self._free(span), *self._match()] if self._open else []

    def close(self) -> None:
        """Decide that what nothing has decided is ambiguous."""
        while self._open:
            self._give_up(self._open[0])

    def _match(self) -> list[OpenSpan]:
        """Settle, in order, open ends that are as many as the spans that they may be those of."""
        over: list[OpenSpan] = []
        for end in list(self._open):
            ends, spans = self._entangled(end)
            if end in self._open and len(ends) == len(spans):
                self._open = [one for one in self._open if one not in ends]
                for one, owner in zip(ends, sorted(spans, key=lambda one: one.first), strict=True):
                    over += self._settle(one, owner)
        return over

    def _entangled(self, end: _OpenEnd) -> tuple[list[_OpenEnd], set[OpenSpan]]:
        """The open ends, in order, that may be those of the spans that an end may be that of, and all their spans."""
        spans = set(end.owners)
        while True:
            ends = [one for one in self._open if not spans.isdisjoint(one.owners)]
            more = {owner for one in ends for owner in one.owners}
            if more == spans:
                return ends, spans
            spans = more

    def _settle(self, end: _OpenEnd, owner: OpenSpan) -> list[OpenSpan]:
        self._open = [one for one in self._open if one is not end]
        self._spans.set_end(owner.number, end.order, end.counter, end.digits)
        return [owner, *self._free(owner)]

    def _free(self, span: OpenSpan) -> list[OpenSpan]:
        """Take a span from those that open ends may be that of."""
        over: list[OpenSpan] = []
        for end in [one for one in self._open if span in one.owners]:
            if end not in self._open:
                continue  # settled meanwhile
            end.owners = [one for one in end.owners if one is not span]
            if len(end.owners) == 1:
                over += self._settle(end, end.owners[0])
        return over

    def _give_up(self, end: _OpenEnd) -> None:
        self._open.remove(end)
        self._spans.ambiguous_ends += 1
        self._spans.ambiguous.update(owner.number for owner in end.owners)


def _hangs_over(end: _OpenEnd) -> bool:
    """Whether the newest span that an end may be that of has begun so shortly before that it is an older one's."""
    newest = end.owners[-1]
    if newest.first != newest.last:
        return False
    return time_of(end.order).microseconds_since(time_of(newest.first)) <= _OVERHANG


def choose(candidates: list[OpenSpan], counter: int, order: int) -> OpenSpan | None:
    """The span that a segment or end with this counter belongs to, the one seen last first."""
    for candidate in reversed(candidates):
        if candidate.expects(counter, order, candidates[-1]):
            return candidate
    for candidate in reversed(candidates):
        if candidate.may_jump_to(counter, order):
            return candidate
    return None


def without(candidates: list[OpenSpan], over: list[OpenSpan], order: int) -> list[OpenSpan]:
    """Take away spans that are over, and those that fell silent before one of them began and can have no end by now."""
    for found in over:
        candidates = [
            one
            for one in candidates
            if one is not found
            and (one.last >= found.first or (one.superseded is not None and order - one.superseded <= _LAG))
        ]
    return candidates
