"""Stores the events of a recorder as objects."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import Self

from onvif_bmff.errors import StateError, StoreError
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.events import (
    FragmentWritten,
    RecordingEvent,
    SegmentOpened,
    SpanEnded,
)
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import Buffer, ObjectStore
from onvif_bmff.runtime import SYSTEM
from onvif_bmff.storage.held import HeldBytes, Room
from onvif_bmff.storage.pending import LOST, PendingSegment, RetryPolicy, StoreFailure
from onvif_bmff.storage.sink_outcomes import SinkOutcomes
from onvif_bmff.storage.span_queue import SpanQueue

__all__ = ["RetryPolicy", "Room", "StoreFailure", "StoreSink"]

_log = logging.getLogger(__name__)
_Place = tuple[str, str, str]


class StoreSink:
    """Streams recording events into a store, and survives the store's failures.

    The bytes of a segment are held until the store has acknowledged it. When the store fails, what was written of the
    segment is abandoned and all of it is written again, according to ``policy``; later events wait. Before a segment
    whose sealing was not answered is written again, the store is asked whether it is there: each segment is identified
    by an attribute ``ObjectId``.

    An object is given up when the store refuses it for good, after the policy's patience, or when there
    is no room for more. Then its span ends with the last segment that is stored, before the hole, and the next segment
    that is stored begins another span, with counters from 0. The failure is reported: to ``on_failure`` if given,
    otherwise by raising it once the event is processed. Recording can go on either way; other spans are not affected.

    Args:
        store: where the objects go.
        overwrite: replace objects that exist.
        on_stored: called with the key and size in bytes of every object that is now in the store. The first exception
            that it raises is raised by the call once all events are processed; nothing is lost by it, and later ones
            are logged.
        on_failure: called with every object that is given up, once the event that led to it is processed.
        policy: how the store is retried.
        room: what may be held in memory and in temporary files; may be shared with other sinks.
        clock: monotonic time in seconds.
        sleep: waits so many seconds, where the policy's ``blocking`` and ``closing`` allow it.
        random: source of random bytes, for the ``ObjectId``.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        overwrite: bool = False,
        on_stored: Callable[[ObjectKey, int], None] | None = None,
        on_failure: Callable[[StoreFailure], None] | None = None,
        policy: RetryPolicy = RetryPolicy(),  # noqa: B008
        room: Room | None = None,
        clock: Callable[[], float] = SYSTEM.monotonic,
        sleep: Callable[[float], None] = SYSTEM.sleep,
        random: Callable[[int], bytes] = SYSTEM.random,
    ) -> None:
        self._store = store
        self._overwrite = overwrite
        self._policy = policy
        self._room = room or Room()
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._queues: dict[_Place, SpanQueue] = {}
        self._outcomes = SinkOutcomes(on_stored, on_failure, CauseLog(_log, clock=clock))
        self._events: deque[RecordingEvent] = deque()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        try:
            self.close()
        except StoreError as failure:  # the error being raised is more informative
            _log.error("what was left could not be stored: %s", failure)

    @property
    def dropped(self) -> Counter[str]:
        """Samples that are lost, by reason."""
        return self._outcomes.dropped

    @property
    def waiting(self) -> list[PendingSegment]:
        """The complete segments that the store has not taken yet; from any thread."""
        return [one for queue in list(self._queues.values()) for one in queue.segments() if one.sealed is not None]

    @property
    def trouble(self) -> Exception | None:
        """The store's last error while something waits for a retry; None otherwise."""
        errors = (queue.error for queue in list(self._queues.values()))
        return next((error for error in errors if error is not None), None)

    @property
    def retry_in(self) -> float | None:
        """Seconds until ``retry`` has something to do; None if nothing waits."""
        due = [queue.retry_at for queue in self._queues.values() if queue.retry_at is not None]
        return max(min(due) - self._clock(), 0.0) if due else None

    def add_all(self, events: Iterable[RecordingEvent]) -> None:
        """Process events in order; see ``add``. All are processed, whatever fails meanwhile."""
        self._events.extend(events)
        self._take_all()
        self._outcomes.report()

    def add(self, event: RecordingEvent) -> None:
        """Process an event.

        Raises:
            StateError: the event is about a segment that is not open, or opens one twice.
            StoreError: an object was given up, and there is no ``on_failure``.
        """
        self._events.append(event)
        self._take_all()
        self._outcomes.report()

    def retry(self) -> None:
        """Retry the store where that is due. ``add`` does so too; call this while no events arrive.

        Raises:
            StoreError: as ``add``.
        """
        self._work()
        self._outcomes.report()

    def close(self) -> None:
        """Abandon every segment that is still open, and store the rest. Call it after the last event.

        Waits for a store that fails as long as the policy's ``closing`` says.

        Raises:
            StoreError: as ``add``.
        """
        self._take_all()
        for queue in self._queues.values():
            self._leave_open(queue)
        self._wait(self._policy.closing, lambda: all(queue.idle for queue in self._queues.values()))
        for queue in self._queues.values():
            queue.abandon()
        self._queues.clear()
        self._outcomes.report()

    # ---- events ------------------------------------------------------------------------------------

    def _take_all(self) -> None:
        """Process all events. After an interrupt the next call processes the rest."""
        while self._events:
            try:
                queue, segment, buffers = self._absorb(self._events[0])
            except StateError:
                self._events.popleft()
                raise
            self._events.popleft()
            if segment is not None:
                queue.append(segment, buffers)
            self._work()

    def _absorb(self, event: RecordingEvent) -> tuple[SpanQueue, PendingSegment | None, tuple[Buffer, ...]]:
        """Hold the bytes of an event; return its queue, its segment, and the bytes to be written."""
        key = event.key
        place = (key.prefix, key.postfix, key.extension)
        queue = self._queues.get(place)
        if queue is None:
            queue = self._queues[place] = self._make_queue()
        segment = queue.open
        if isinstance(event, SpanEnded):
            queue.end(key)
            return queue, None, ()
        if isinstance(event, SegmentOpened):
            if segment is not None and segment.key == key:
                raise StateError(f"the segment is open already: {segment.key}")
            self._leave_open(queue)
            self._count += 1
            held = HeldBytes(self._room)
            segment = PendingSegment(replace(event, header=b""), self._random(16).hex(), self._count, held)
            queue.begin(segment)
            self._hold(segment, (event.header,))
            return queue, segment, (event.header,)
        if segment is None or segment.key != key:
            raise StateError(f"no segment is open under this key: {key}")
        if isinstance(event, FragmentWritten):
            if segment.given_up is None:
                self._hold(segment, event.buffers)
            if segment.given_up is not None:
                self._outcomes.dropped[segment.given_up.reason or LOST.REFUSED] += event.sample_count
                return queue, None, ()
            segment.sample_count += event.sample_count
            return queue, segment, event.buffers
        buffers: tuple[Buffer, ...] = (event.trailer,) if event.trailer else ()
        if buffers and segment.given_up is None:
            self._hold(segment, buffers)
        queue.seal(event)
        return queue, segment, buffers

    @staticmethod
    def _leave_open(queue: SpanQueue) -> None:
        """Give up the open segment of a queue, which will not be completed."""
        segment, queue.open = queue.open, None
        if segment is not None:
            queue.give_up(segment, LOST.UNSEALED, StoreError("nobody completed the segment"))

    def _make_queue(self) -> SpanQueue:
        return SpanQueue(
            self._store,
            overwrite=self._overwrite,
            policy=self._policy,
            clock=self._clock,
            on_stored=self._outcomes.stored,
            on_lost=self._outcomes.lost,
            log=self._outcomes.log,
        )

    # ---- waiting and holding -----------------------------------------------------------------------

    def _work(self) -> None:
        for queue in self._queues.values():
            if queue.is_due():
                queue.work()

    def _wait(self, seconds: float, enough: Callable[[], bool]) -> bool:
        """Retry the store until ``enough`` is true or so many seconds have passed; return ``enough``."""
        until = self._clock() + seconds
        while True:
            self._work()
            if enough():
                return True
            left, pause = until - self._clock(), self.retry_in
            if left <= 0 or pause is None:
                return False
            self._sleep(min(left, max(pause, 0.001)))

    def _hold(self, segment: PendingSegment, buffers: tuple[Buffer, ...]) -> None:
        """Hold bytes of an open segment; give something up if there is no room for them."""
        size = sum(memoryview(buffer).nbytes for buffer in buffers)

        def held() -> bool:
            if segment.held is None or segment.held.add(buffers, size):
                return True
            if segment.writer is None:
                return False
            segment.let_go()  # the store has the bytes before them, and will most likely accept the rest
            return True

        if not held():
            self._make_room(segment, held)
        segment.size += size

    def _make_room(self, segment: PendingSegment, held: Callable[[], bool]) -> None:
        """Make room for bytes of a segment by giving something else up; at worst the segment itself."""
        self._work()
        if held():
            return
        for queue in self._queues.values():
            other = queue.open
            if other is not None and other.writer is not None and other.held is not None:
                other.let_go()
                if held():
                    return
        if not self._outcomes.in_vain and self._wait(self._policy.blocking, held):
            return
        self._outcomes.in_vain = True
        waiting = sorted(
            ((one.number, one, queue) for queue in self._queues.values() for one in queue.segments()),
            key=lambda found: found[0],
        )
        for _, victim, queue in waiting:
            if victim.writer is None:
                queue.give_up(victim, LOST.ROOM, queue.error or StoreError("there is no room to hold more media"))
                if victim is segment or held():
                    return
