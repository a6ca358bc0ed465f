"""Assignment of keys and end objects to spans. ONVIF Recording Control 25.12, B.2 to B.5."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onvif_bmff.playback.key_order import time_of

if TYPE_CHECKING:
    from onvif_bmff.playback.key_columns import SpanColumns

__all__ = ["MAX_OPEN", "OpenSpan", "SpanEnds", "choose", "without"]

_SECOND = 1_000_000
MAX_OPEN = 16
"""Number of open spans, and of undecided ends, considered at a time."""
# The next segment may be this many times later than the longest segment seen, times the counters passed.
_PATIENCE = 10
_LIVELY = 4
# How long after the start of a span the end of the one before may follow, in orders: three seconds.
_LAG = 3 * 4 * _SECOND
# A segment is longer than this many microseconds, about a packet of audio.
_OVERHANG = 250_000


@dataclass(slots=True, eq=False)
class OpenSpan:
    """A span that may continue."""

    number: int
    first: int
    last: int
    last_counter: int
    longest: int = 0
    superseded: int | None = None
    """The order at which a later span began."""

    def expects(self, counter: int, order: int, newest: "OpenSpan") -> bool:
        """Return whether a segment with this counter and order is likely the next one of this span.

        For the span seen last, the counter decides. An older span continues only if both ran at the same time, or if
        it was silent for a few segments at most. Otherwise it has ended, and the segment belongs to the newer span,
        whose objects in between are lost.
        """
        if counter != self.last_counter + 1:
            return False
        return self is newest or self.last >= newest.first or order - self.last <= _LIVELY * self.longest

    def may_jump_to(self, counter: int, order: int) -> bool:
        """Return whether a segment with this counter and order may belong to this span, with objects lost before."""
        steps = counter - self.last_counter
        return steps > 0 and (not self.longest or order - self.last <= _PATIENCE * steps * self.longest)

    def may_end(self, counter: int, order: int, newest: "OpenSpan") -> bool:
        """Return whether a span end with this counter and order continues the span without lost objects.

        A span may end somewhat later than its successor began, since its tracks do not all end at once; or both ran at
        the same time.
        """
        if counter != self.last_counter + 1:
            return False
        if self.superseded is None or self is newest or self.last >= newest.first:
            return True
        if _passed(self.superseded, order) <= _OVERHANG:
            return True  # none of the newer ones can have ended yet, however long the last segment of this one lasted
        # The last segment may be much longer than others (the source paused), and orders count whole seconds double.
        patience = _PATIENCE * self.longest + _LAG if self.longest else None
        return order - self.superseded <= _LAG and (patience is None or order - self.last <= patience)


@dataclass(slots=True, eq=False)
class _OpenEnd:
    """A span end that fits several spans, until later segments show which of them continue."""

    order: int
    counter: int
    digits: int
    owners: list[OpenSpan]


class SpanEnds:
    """Assigns each span end to the span whose counter and time it continues."""

    def __init__(self, spans: "SpanColumns") -> None:
        self._spans = spans
        self._open: list[_OpenEnd] = []

    def take(self, candidates: list[OpenSpan], order: int, counter: int, digits: int) -> list[OpenSpan]:
        """Take the next span end, which may belong to any of ``candidates``; return the spans that have ended."""
        owners = [one for one in candidates if one.may_end(counter, order, candidates[-1])]
        if not owners:
            found = choose(candidates, counter, order)
            if found is None:
                self._spans.orphans.append((order, counter, digits))
                return []
            owners = [found]
        owners.sort(key=lambda one: one.first)
        end = _OpenEnd(order, counter, digits, owners)
        self._open.append(end)
        if len(owners) == 1 or _ends_older_span(end):
            over = [*self._assign(end, owners[max(0, len(owners) - 2)]), *self._match()]
        else:
            over = self._match()
        if len(self._open) > MAX_OPEN:
            self._give_up(self._open[0])
        return over

    def goes_on(self, span: OpenSpan) -> list[OpenSpan]:
        """Note that a span has a further segment, so no earlier end is its own. Return the spans that have ended."""
        return [*self._free(span), *self._match()] if self._open else []

    def close(self) -> None:
        """Declare the remaining ends ambiguous."""
        while self._open:
            self._give_up(self._open[0])

    def _match(self) -> list[OpenSpan]:
        """Assign, in order, ends that are as many as the spans to which they may belong; return the ended spans."""
        over: list[OpenSpan] = []
        for end in list(self._open):
            ends, spans = self._entangled(end)
            if end in self._open and len(ends) == len(spans):
                self._open = [one for one in self._open if one not in ends]
                for one, owner in zip(ends, sorted(spans, key=lambda one: one.first), strict=True):
                    over += self._assign(one, owner)
        return over

    def _entangled(self, end: _OpenEnd) -> tuple[list[_OpenEnd], set[OpenSpan]]:
        """Return the ends, in order, that compete with an end for spans, and all those spans."""
        spans = set(end.owners)
        while True:
            ends = [one for one in self._open if not spans.isdisjoint(one.owners)]
            more = {owner for one in ends for owner in one.owners}
            if more == spans:
                return ends, spans
            spans = more

    def _assign(self, end: _OpenEnd, owner: OpenSpan) -> list[OpenSpan]:
        self._open = [one for one in self._open if one is not end]
        self._spans.set_end(owner.number, end.order, end.counter, end.digits)
        return [owner, *self._free(owner)]

    def _free(self, span: OpenSpan) -> list[OpenSpan]:
        """Remove a span from the possible owners of undecided ends; return the spans that have ended."""
        over: list[OpenSpan] = []
        for end in [one for one in self._open if span in one.owners]:
            if end not in self._open:
                continue  # assigned in the meantime
            end.owners = [one for one in end.owners if one is not span]
            if len(end.owners) == 1:
                over += self._assign(end, end.owners[0])
        return over

    def _give_up(self, end: _OpenEnd) -> None:
        self._open.remove(end)
        self._spans.ambiguous_ends += 1
        self._spans.ambiguous.update(owner.number for owner in end.owners)


def _ends_older_span(end: _OpenEnd) -> bool:
    """Return whether the newest possible span began too shortly before the end, which so belongs to an older one."""
    newest = end.owners[-1]
    if newest.first != newest.last:
        return False
    return _passed(newest.first, end.order) <= _OVERHANG


def _passed(since: int, order: int) -> int:
    """Return the microseconds between two orders."""
    return time_of(order).microseconds_since(time_of(since))


def choose(candidates: list[OpenSpan], counter: int, order: int) -> OpenSpan | None:
    """Return the span that a segment or end with this counter continues; of several the one seen last."""
    for candidate in reversed(candidates):
        if candidate.expects(counter, order, candidates[-1]):
            return candidate
    for candidate in reversed(candidates):
        if candidate.may_jump_to(counter, order):
            return candidate
    return None


def without(candidates: list[OpenSpan], over: list[OpenSpan], order: int) -> list[OpenSpan]:
    """Return the candidates without ended spans, and without older ones too long silent to have an end."""
    for found in over:
        candidates = [
            one
            for one in candidates
            if one is not found
            and (one.last >= found.first or (one.superseded is not None and order - one.superseded <= _LAG))
        ]
    return candidates
