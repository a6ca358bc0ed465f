"""Objects that wait to be uploaded: in order within each kind of span, so that no span ends before its segments.

An object of a place (prefix, postfix and extension) is uploaded when all before it are, one at a time; places are
independent of each other, and the one whose next object is the oldest comes first. After a failure its place waits.
Until an upload succeeds only one at a time is tried, now and then, of another place if there is one: so one bad object
does not stop the others, and a service that comes back is not met by everything at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from onvif_bmff.errors import ObjectKeyError
from onvif_bmff.objects.key import ObjectKey

__all__ = ["UploadQueue", "Waiting"]

_Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """An object that waits, in the order of uploads: its time in microseconds (0 if its key is none of a recording)."""

    time: int
    key: str
    size: int = field(compare=False)
    place: _Place = field(compare=False)


def waiting(key: str, size: int) -> Waiting:
    """Return an object with its place and time."""
    try:
        found = ObjectKey.parse(key)
    except ObjectKeyError:
        return Waiting(0, key, size, ("", "", key))
    return Waiting(found.time.microseconds, key, size, (found.prefix, found.postfix, found.extension))


@dataclass(slots=True)
class _Pause:
    """How long to wait after the last failure, and until when; ``seconds`` is 0 without one."""

    seconds: float = 0.0
    until: float = 0.0


class UploadQueue:
    """Which object is uploaded next. Not for use by several tasks at once.

    Args:
        first: seconds until the next upload after a failure.
        longest: the longest pause; each is twice as long as the one before.
        chance: returns a number from 0 to 1, by half of which a pause is shortened.

    ``size`` are the bytes of all objects that wait or are being uploaded, ``count`` their number.
    """

    def __init__(self, first: float, longest: float, chance: Callable[[], float]) -> None:
        self._first, self._longest, self._chance = first, longest, chance
        self._places: dict[_Place, list[Waiting]] = {}
        self._busy: dict[_Place, Waiting] = {}
        self._pauses: dict[_Place, _Pause] = {}
        self._pause = _Pause()
        self.size = self.count = 0

    def add(self, key: str, size: int) -> None:
        """Add an object."""
        one = waiting(key, size)
        heappush(self._places.setdefault(one.place, []), one)
        self.size += size
        self.count += 1

    def take(self, now: float) -> Waiting | None:
        """Return the object to be uploaded now, if there is one and it may be tried at this time."""
        if self.is_failing and (self._busy or now < self._pause.until):
            return None
        none = _Pause()
        free = (
            (self._pauses.get(place, none), heap[0]) for place, heap in self._places.items() if place not in self._busy
        )
        due = [(pause.seconds, one) for pause, one in free if now >= pause.until]
        best = min(due, default=(0, None))[1]  # of a place that failed less, then the oldest
        if best is not None:
            heappop(self._places[best.place])
            if not self._places[best.place]:
                del self._places[best.place]
            self._busy[best.place] = best
        return best

    def done(self, one: Waiting) -> None:
        """Note that an object waits no longer, and that the service works."""
        del self._busy[one.place]
        self._pauses.pop(one.place, None)
        self._pause = _Pause()
        self.size -= one.size
        self.count -= 1

    def failed(self, one: Waiting, now: float) -> None:
        """Note that an object has to be tried again."""
        del self._busy[one.place]
        heappush(self._places.setdefault(one.place, []), one)
        self._extend(self._pause, now)
        self._extend(self._pauses.setdefault(one.place, _Pause()), now)

    def _extend(self, pause: _Pause, now: float) -> None:
        pause.seconds = min(pause.seconds * 2, self._longest) if pause.seconds else self._first
        pause.until = now + pause.seconds * (1 - self._chance() / 2)

    def forget(self, key: str) -> int | None:
        """Let an object wait no longer; return its size, or None if it does not wait."""
        place = waiting(key, 0).place
        heap = self._places.get(place, [])
        one = next((one for one in heap if one.key == key), None)
        if one is None:
            return None
        heap.remove(one)
        heapify(heap)
        if not heap:
            del self._places[place]
        self.size -= one.size
        self.count -= 1
        return one.size

    def is_busy(self, key: str) -> bool:
        """Return whether an object is being uploaded."""
        return any(one.key == key for one in self._busy.values())

    def pause(self, now: float) -> float:
        """Return in how many seconds ``take`` may have something, if nothing happens before; 0 for no such time."""
        due = [pause.until for place, pause in self._pauses.items() if place in self._places]
        return max(0.0, self._pause.until - now, min(due, default=now) - now)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is being uploaded."""
        return not self.count

    @property
    def is_failing(self) -> bool:
        """Whether the last upload failed."""
        return self._pause.seconds > 0
