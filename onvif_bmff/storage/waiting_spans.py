"""Objects that wait in a spool, by the spans that they belong to."""

from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from onvif_bmff.errors import ObjectKeyError
from onvif_bmff.objects.key import ObjectKey

__all__ = ["SpanPlace", "Waiting", "WaitingPlace", "WaitingSpan", "is_of_event", "waiting"]

SpanPlace: TypeAlias = tuple[str, str, str]
"""What all spans of one kind have in common: prefix, postfix and extension."""

_EVENT = "eventtopic"


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """An object that waits, in the order of uploads within its span.

    ``time`` is in microseconds, 0 if its key is none of a recording; that counts as a span of its own.
    """

    time: int
    counter: int
    is_end: bool
    key: str
    size: int = field(compare=False)
    place: SpanPlace = field(compare=False)


def waiting(key: str, size: int) -> Waiting:
    """Return an object with its place, time and counter."""
    try:
        found = ObjectKey.parse(key)
    except ObjectKeyError:
        return Waiting(0, 0, is_end=False, key=key, size=size, place=("", "", key))
    place = (found.prefix, found.postfix, found.extension)
    return Waiting(found.time.microseconds, found.counter, found.span_end, key, size, place)


def is_of_event(attributes: Mapping[str, str]) -> bool:
    """Return whether an event caused a segment: it has the attribute ``EventTopic`` (B.9)."""
    return any(name.lower() == _EVENT for name in attributes)


@dataclass(slots=True, eq=False)
class WaitingSpan:
    """What waits of a span, in order, and ``busy``, the object that is being uploaded, which came before.

    ``start`` is the time of the first object that was added. ``in_doubt``: the remote store may have the first object
    already, as it was asked to take it.
    """

    objects: list[Waiting]
    start: int
    is_event: bool
    busy: Waiting | None = None
    in_doubt: bool = False

    @property
    def fixed(self) -> int:
        """How many of the objects that wait the remote store may have."""
        return int(self.in_doubt and self.busy is None)

    @property
    def has_segments(self) -> bool:
        """Whether a segment waits that the remote store cannot have, and not only the end."""
        left = self.objects[self.fixed :]
        return bool(left) and not left[0].is_end

    @property
    def is_ended(self) -> bool:
        """Whether the end waits, or is being uploaded."""
        last = self.objects[-1] if self.objects else self.busy
        return last is not None and last.is_end

    def holds(self, one: Waiting) -> bool:
        """Return whether an object is of this span: it follows the last one, or comes late, between others."""
        first = self.busy or self.objects[0]
        last = self.objects[-1] if self.objects else first
        if one.counter == 0 and not one.is_end:
            return False
        if last.is_end:
            return first.counter < one.counter < last.counter and first.time <= one.time <= last.time
        return one.counter == last.counter + 1 and last.time <= one.time


class WaitingPlace:
    """The spans of one place that wait; at most one object of them is being uploaded.

    Args:
        rank: returns what spans are ordered by; the lowest is uploaded first.
    """

    def __init__(self, rank: Callable[[WaitingSpan], tuple[int, int]]) -> None:
        self._rank = rank
        self._best: WaitingSpan | None = None
        self._busy: WaitingSpan | None = None
        self.spans: list[WaitingSpan] = []

    @property
    def busy(self) -> Waiting | None:
        """The object that is being uploaded."""
        return None if self._busy is None else self._busy.busy

    def add(self, one: Waiting, *, is_event: bool, in_doubt: bool) -> None:
        """Add an object to its span; ``in_doubt``: the remote store may have it, if no other one of its span waits."""
        found = [span for span in self.spans if span.holds(one)]
        # A span that begins where another one ends does not end there itself, if that can be.
        span = max(found, key=lambda span: (span.start < one.time, span.start), default=None)
        if span is None:
            self.spans.append(WaitingSpan([one], one.time, is_event, in_doubt=in_doubt))
        else:
            insort(span.objects, one)
            span.is_event = span.is_event or is_event
        self._best = None

    def best(self) -> WaitingSpan:
        """Return the span whose next object is to be uploaded; none is being uploaded now."""
        if self._best is None:
            self._best = min(self.spans, key=self._rank)
        return self._best

    def take(self) -> Waiting:
        """Take the next object out, to be uploaded."""
        span = self.best()
        span.busy = span.objects.pop(0)
        self._busy, self._best = span, None
        return span.busy

    def end_upload(self, *, failed: bool, sent: bool) -> None:
        """Note the end of an upload; after a failure its object is the first of its span again, and may be ``sent``."""
        span = self._busy
        if span is None or span.busy is None:
            return
        span.in_doubt = failed and (span.in_doubt or sent)
        if failed:
            span.objects.insert(0, span.busy)
        span.busy = self._busy = None
        self._leave(span)

    def holds(self, key: str) -> bool:
        """Return whether an object waits here."""
        return any(one.key == key for span in self.spans for one in span.objects)

    def remove(self, key: str) -> Waiting | None:
        """Take an object out that waits; None if it does not."""
        for span in self.spans:
            for one in span.objects:
                if one.key == key:
                    span.in_doubt = span.in_doubt and (span.busy is not None or one is not span.objects[0])
                    span.objects.remove(one)
                    self._leave(span)
                    return one
        return None

    def cut(self, span: WaitingSpan) -> list[Waiting]:
        """Take out what waits of a span, but for what the remote store may have, and return it in order."""
        kept = span.fixed
        cut, span.objects = span.objects[kept:], span.objects[:kept]
        self._leave(span)
        return cut

    def _leave(self, span: WaitingSpan) -> None:
        self._best = None
        if not span.objects and span.busy is None:
            self.spans.remove(span)

    def goes_on(self, span: WaitingSpan) -> bool:
        """Return whether more of a span may come: no other one of the place begins later, and it has no end."""
        return not span.is_ended and all(span.start >= other.start for other in self.spans)
