"""Objects that wait to be uploaded: by whole spans, ascending within each, so that no span ends before its segments.

Objects of one place (prefix, postfix and extension) are uploaded one at a time; places are independent of each other.
First come spans that an event caused, then the oldest or the newest, as asked for. After a failure its place waits.
Until an upload succeeds only one at a time is tried, now and then, of another place if there is one: so one bad object
does not stop the others, and a service that comes back is not met by everything at once.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from onvif_bmff.storage.spool import UploadOrder
from onvif_bmff.storage.waiting_spans import SpanPlace, Waiting, WaitingPlace, WaitingSpan, waiting

__all__ = ["UploadQueue"]


@dataclass(slots=True)
class _Pause:
    """How long to wait after the last failure, and until when; ``seconds`` is 0 without one."""

    seconds: float = 0.0
    until: float = 0.0


_NO_PAUSE = _Pause()


def _oldest(span: WaitingSpan) -> tuple[int, int]:
    return (not span.is_event, span.objects[0].time)


def _newest(span: WaitingSpan) -> tuple[int, int]:
    return (not span.is_event, -span.start)


class UploadQueue:
    """Which object is uploaded next. Not for use by several tasks at once.

    Args:
        first: seconds until the next upload after a failure.
        longest: the longest pause; each is twice as long as the one before.
        chance: returns a number from 0 to 1, by half of which a pause is shortened.
        order: which span goes first.

    ``size`` are the bytes of all objects that wait or are being uploaded, ``count`` their number. ``held_back``: the
    last ``take`` would have returned an object if it had fewer bytes.
    """

    def __init__(
        self, first: float, longest: float, chance: Callable[[], float], order: UploadOrder = UploadOrder.OLDEST
    ) -> None:
        self._first, self._longest, self._chance = first, longest, chance
        self._rank = _newest if order is UploadOrder.NEWEST else _oldest
        self._places: dict[SpanPlace, WaitingPlace] = {}
        self._busy: dict[SpanPlace, Waiting] = {}
        self._pauses: dict[SpanPlace, _Pause] = {}
        self._pause = _Pause()
        self.size = self.count = 0
        self.held_back = False

    def add(self, key: str, size: int, *, is_event: bool = False, in_doubt: bool = False) -> None:
        """Add an object.

        Args:
            key: its key.
            size: its bytes.
            is_event: an event caused it, and so its span.
            in_doubt: the remote store may have it already.
        """
        one = waiting(key, size)
        self._place(one.place).add(one, is_event=is_event, in_doubt=in_doubt)
        self.size += size
        self.count += 1

    def take(self, now: float, most: int | None = None) -> Waiting | None:
        """Return the object to be uploaded now, if there is one and it may be tried at this time.

        ``most`` is how many bytes it may have; None for any number.
        """
        if self.is_failing and (self._busy or now < self._pause.until):
            return None
        due = []
        self.held_back = False
        for at, place in self._places.items():
            pause = self._pauses.get(at, _NO_PAUSE)
            if at in self._busy or now < pause.until:
                continue
            span = place.best()
            one = span.objects[0]
            if most is None or one.size <= most:
                due.append((pause.seconds, self._rank(span), one.key, place))
            else:
                self.held_back = True
        if not due:
            return None
        best = min(due, key=lambda found: found[:3])[3]  # of a place that failed less, then by the span
        one = best.take()
        self._busy[one.place] = one
        return one

    def done(self, one: Waiting) -> None:
        """Note that an object waits no longer, and that the service works."""
        self._end(one, failed=False, sent=True)
        self._pauses.pop(one.place, None)
        self._pause = _Pause()
        self.size -= one.size
        self.count -= 1

    def failed(self, one: Waiting, now: float, *, sent: bool = True) -> None:
        """Note that an object has to be tried again; ``sent``: the remote store may have it."""
        self._end(one, failed=True, sent=sent)
        self._extend(self._pause, now)
        self._extend(self._pauses.setdefault(one.place, _Pause()), now)

    def _end(self, one: Waiting, *, failed: bool, sent: bool) -> None:
        del self._busy[one.place]
        self._places[one.place].end_upload(failed=failed, sent=sent)
        self._forget_empty(one.place)

    def _extend(self, pause: _Pause, now: float) -> None:
        pause.seconds = min(pause.seconds * 2, self._longest) if pause.seconds else self._first
        pause.until = now + pause.seconds * (1 - self._chance() / 2)

    def forget(self, key: str) -> int | None:
        """Let an object wait no longer; return its size, or None if it does not wait."""
        at = waiting(key, 0).place
        one = self._places[at].remove(key) if at in self._places else None
        if one is None:
            return None
        self._leave(at, [one])
        return one.size

    def cut(self, *, newest: bool, spare: Collection[SpanPlace] = ()) -> tuple[list[Waiting], bool] | None:
        """Take what waits of one span out; return it in order, and whether more of the span may come.

        It is the oldest or the newest span, and one that an event caused only if there is no other. An object of it
        that is being uploaded, or that the remote store may have, stays. None if no segment waits.

        Args:
            newest: which span.
            spare: places whose spans have to stay.
        """
        found = [
            (span.is_event, -span.start if newest else span.start, at, span)
            for at, place in self._places.items()
            if at not in spare
            for span in place.spans
            if span.has_segments
        ]
        if not found:
            return None
        _, _, at, span = min(found, key=lambda one: one[:3])
        place = self._places[at]
        goes_on = place.goes_on(span)
        cut = place.cut(span)
        self._leave(at, cut)
        return cut, goes_on

    def _leave(self, at: SpanPlace, gone: list[Waiting]) -> None:
        self._forget_empty(at)
        self.size -= sum(one.size for one in gone)
        self.count -= len(gone)

    def _place(self, at: SpanPlace) -> WaitingPlace:
        if at not in self._places:
            self._places[at] = WaitingPlace(self._rank)
        return self._places[at]

    def _forget_empty(self, at: SpanPlace) -> None:
        if not self._places[at].spans:
            del self._places[at]

    def is_busy(self, key: str) -> bool:
        """Return whether an object is being uploaded."""
        return any(one.key == key for one in self._busy.values())

    def holds(self, key: str) -> bool:
        """Return whether an object waits, or is being uploaded; looks through all of its place."""
        place = self._places.get(waiting(key, 0).place)
        return self.is_busy(key) or (place is not None and place.holds(key))

    def pause(self, now: float) -> float:
        """Return in how many seconds ``take`` may have something, if nothing happens before; 0 for no such time."""
        due = [pause.until for place, pause in self._pauses.items() if place in self._places]
        return max(0.0, self._pause.until - now, min(due, default=now) - now)

    @property
    def is_failing(self) -> bool:
        """Whether the last upload failed."""
        return self._pause.seconds > 0
