"""The queue of objects of one kind of span to a store that may fail: in order, retried, and consistent in the end.

An object is stored only after all before it are stored or given up. So the store stays consistent whatever is lost: a
span ends with its last stored segment, before the hole, and the next segment that is stored begins another one, whose
counters start with 0 (B.4, B.5).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from onvif_bmff.errors import (
    InvariantError,
    ObjectExistsError,
    ObjectNotFoundError,
    OnvifBmffError,
    StateError,
    StoreError,
)
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.attributes import OBJECT_ID
from onvif_bmff.objects.events import SegmentSealed
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import Buffer, ObjectStore, SpanEndObject, is_stored
from onvif_bmff.storage.locks import NewObjectsLocked
from onvif_bmff.storage.pending import LOST, PendingSegment, RetryPolicy, SpanEndedError, StoreFailure
from onvif_bmff.storage.retry_state import RetryState
from onvif_bmff.timing import UtcTime

__all__ = ["SpanQueue"]

MAX_JOBS = 1000
"""Number of waiting objects beyond which end objects are given up."""


@dataclass(slots=True, eq=False)
class _SpanEnd:
    """A span end object; ``owed`` if ``key`` is its name in the store already, not the recorder's."""

    key: ObjectKey
    owed: bool
    tried: bool = False
    postponed: bool = False


@dataclass(slots=True)
class _StoredSpan:
    """The span in the store. ``base`` is the recorder's counter of its first segment.

    ``last`` are key and end time of its last segment; None if there is none. ``broken``: it has ended because a segment
    is missing, and the next segment begins another one.
    """

    base: int = 0
    last: tuple[ObjectKey, UtcTime | None] | None = None
    broken: bool = False

    def begin_with(self, counter: int) -> None:
        """Note that a segment with this counter is to be stored next."""
        if counter == 0:
            self.base, self.last, self.broken = 0, None, False
        elif self.broken:
            self.base, self.broken = counter, False

    def stored_key(self, key: ObjectKey, earliest: UtcTime | None = None) -> ObjectKey:
        """Return the key in the store of what the recorder gave this key; one that begins the span is ``earliest``."""
        if not self.base:
            return key
        time = earliest if earliest is not None and key.counter == self.base else key.time
        return replace(key, counter=key.counter - self.base, time=time)


class SpanQueue:
    """Objects to be stored, of the spans of one prefix, postfix and extension.

    Args:
        store: where it goes.
        overwrite: replace objects that exist.
        policy: how failures are retried.
        clock: monotonic time in seconds.
        on_stored: called with key and size of each object that is in the store; raises nothing.
        on_lost: called with each object that is given up; raises nothing.
        log: where failures of the store are logged.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        overwrite: bool,
        policy: RetryPolicy,
        clock: Callable[[], float],
        on_stored: Callable[[ObjectKey, int], None],
        on_lost: Callable[[StoreFailure], None],
        log: CauseLog,
    ) -> None:
        self._store = store
        self._overwrite = overwrite
        self._on_stored = on_stored
        self._on_lost = on_lost
        self._jobs: deque[PendingSegment | _SpanEnd] = deque()
        self._span = _StoredSpan()
        self._retry = RetryState(policy, clock, log)
        self.open: PendingSegment | None = None

    @property
    def error(self) -> Exception | None:
        """The store's last error; None after a success."""
        return self._retry.error

    @property
    def retry_at(self) -> float | None:
        """Time of the next attempt, by the clock; None for at once."""
        return self._retry.retry_at

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self._jobs

    def segments(self) -> list[PendingSegment]:
        """Return the segments that wait, the oldest first; from any thread."""
        return [job for job in list(self._jobs) if isinstance(job, PendingSegment) and job.given_up is None]

    def begin(self, segment: PendingSegment) -> None:
        """Add a segment whose header is held."""
        if self.open is not None:
            raise InvariantError(f"{segment.key} begins while {self.open.key} is open")
        self.open = segment
        self._jobs.append(segment)

    def append(self, segment: PendingSegment, buffers: tuple[Buffer, ...]) -> None:
        """Write the bytes of a segment that were just held, if the store has everything before them."""
        if segment.writer is None or not buffers:
            return
        try:
            segment.writer.append(*buffers)
        except BaseException as error:
            segment.drop_writer()
            if not isinstance(error, Exception):
                raise
            if self._failed(segment, error):
                self.work()

    def seal(self, event: SegmentSealed) -> None:
        """Complete the open segment."""
        segment, self.open = self.open, None
        if segment is not None:
            segment.sealed = event

    def end(self, key: ObjectKey) -> None:
        """Add a span end object."""
        self._jobs.append(_SpanEnd(key, owed=False))

    def is_due(self) -> bool:
        """Return whether there is something to do now."""
        return bool(self._jobs) and self._retry.is_due()

    def work(self) -> None:
        """Store what can be stored now. An interrupt propagates, and nothing is lost by it."""
        while self._jobs:
            job = self._jobs[0]
            try:
                if not self._advance(job):
                    return
            except Exception as error:  # noqa: BLE001
                # Third-party stores may raise anything, and must not stop other queues.
                if not self._failed(job, error):
                    return
            except BaseException:
                if isinstance(job, PendingSegment):
                    job.drop_writer()
                raise

    def give_up(self, segment: PendingSegment, reason: str, error: Exception) -> None:
        """Give a segment up. If it may be in the store, the store is asked before anything follows it."""
        if segment.given_up is not None:
            return
        segment.given_up = StoreFailure(
            segment.stored_key or segment.key, error, segment.sample_count, reason, segment is self.open
        )
        segment.let_go()
        segment.drop_writer()
        if not segment.in_doubt:
            self._on_lost(segment.given_up)

    def abandon(self) -> None:
        """Give up all waiting objects; end the span before them if the store accepts that now."""
        error = self.error or StoreError("the store did not take it in time")
        for segment in self.segments():
            self.give_up(segment, LOST.PATIENCE if segment.sealed else LOST.UNSEALED, error)
        self.open = None
        self.work()
        for job in self._jobs:
            if isinstance(job, _SpanEnd):
                self._on_lost(StoreFailure(job.key, self.error or error))
            elif job.in_doubt and job.given_up is not None:
                self._on_lost(replace(job.given_up, reason=LOST.UNKNOWN))  # a recovery finds its true end
        self._jobs.clear()

    # ---- one object --------------------------------------------------------------------------------

    def _advance(self, job: PendingSegment | _SpanEnd) -> bool:
        """Do the next step for the first waiting object; return False if more of it has to arrive first."""
        if isinstance(job, _SpanEnd):
            self._put_end(job)
            return True
        if job.in_doubt and self._resolve(job):
            return True
        if job.given_up is not None:
            self._leave_out(job)
            return True
        if job.writer is None:
            self._open_writer(job)
        if job.sealed is None:
            self._retry.succeeded()
            return False
        writer = job.writer
        if writer is None:
            raise InvariantError(f"{job.key} is to be sealed, and nothing writes it")
        metadata = job.sealed.attributes.to_metadata()
        job.in_doubt = True
        writer.seal({**metadata, OBJECT_ID: job.object_id})
        self._stored(job)
        return True

    def _open_writer(self, job: PendingSegment) -> None:
        """Open a writer, and append all bytes held of the object."""
        self._span.begin_with(job.key.counter)
        job.stored_key = self._span.stored_key(job.key, job.opened.earliest)
        held = job.held
        if held is None:
            raise StoreError("the bytes of the segment are no longer at hand")
        job.writer = self._store.open_writer(
            str(job.stored_key), content_type=job.opened.content_type, overwrite=self._overwrite
        )
        for piece in held.pieces():
            job.writer.append(*piece)

    def _put_end(self, job: _SpanEnd) -> None:
        key = job.key
        if not job.owed:
            if self._span.broken:  # nothing of this span was stored after the hole, and what was before it has its end
                self._finish(job)
                return
            key = self._span.stored_key(key)
        again, job.tried = job.tried, True
        try:
            self._store.put(SpanEndObject(key), overwrite=self._overwrite)
        except ObjectExistsError as error:
            if not is_stored(self._store, str(key)):
                raise StoreError(f"the store says that an object exists, and has none: {key}") from error
            if not job.owed and not again:
                raise
            # An identical end object: ours, whose answer was lost, or that of a recovery.
            self._lock(str(key))
        self._finish(job)
        self._on_stored(key, 0)

    def _lock(self, key: str) -> None:
        """Lock an object that turned out to be stored, if new objects are locked: what was not answered may be that."""
        if isinstance(self._store, NewObjectsLocked):
            self._store.lock_as_new(key)

    def _finish(self, job: PendingSegment | _SpanEnd) -> None:
        if self._jobs.popleft() is not job:
            raise InvariantError(f"{job.key} was stored out of its turn")
        if isinstance(job, _SpanEnd) and not job.owed:
            self._span = _StoredSpan()
        self._retry.succeeded()

    def _stored(self, job: PendingSegment) -> None:
        """Note that a segment is in the store."""
        job.in_doubt, job.writer = False, None
        job.let_go()
        key, last = job.stored_key, self._span.last
        if key is None or key.counter != (0 if last is None else last[0].counter + 1):
            raise InvariantError(f"the segment of the span after {last and last[0]} has the key {key}")
        self._span.last = (key, job.sealed.end_time if job.sealed else None)
        self._finish(job)
        self._on_stored(key, job.size)

    def _leave_out(self, job: PendingSegment) -> None:
        """Skip a segment that was given up: the span ends before it."""
        if self._jobs.popleft() is not job or job.given_up is None:
            raise InvariantError(f"{job.key} was left out, and not given up")
        self._retry.restart()
        if self._span.last is not None:
            key, end = self._span.last
            self._jobs.appendleft(_SpanEnd(key.ending(end or job.key.time), owed=True))
        self._span.last, self._span.broken = None, True

    def _resolve(self, job: PendingSegment) -> bool:
        """Ask the store about a segment whose sealing was not answered; return True if it is stored and ours."""
        try:
            info = self._store.head(str(job.stored_key))
        except ObjectNotFoundError:
            job.in_doubt = False
        else:
            name = OBJECT_ID.lower()
            if any(key.lower() == name and value == job.object_id for key, value in info.attributes.items()):
                self._lock(str(job.stored_key))
                self._stored(job)
                return True
            job.in_doubt = False
            if not self._overwrite and job.given_up is None:
                self.give_up(job, LOST.REFUSED, ObjectExistsError(f"another object has this key: {job.stored_key}"))
                return False
        if job.given_up is not None:
            self._on_lost(job.given_up)
        return False

    # ---- failures ----------------------------------------------------------------------------------

    def _failed(self, job: PendingSegment | _SpanEnd, error: Exception) -> bool:
        """Note a failure; return True if there is something to try at once."""
        key = (job.stored_key or job.key) if isinstance(job, PendingSegment) else job.key
        first = self._retry.failed(key, error)
        if isinstance(job, PendingSegment):
            job.drop_writer()
            if isinstance(error, ObjectExistsError):
                job.in_doubt = True  # ours, another's, or none at all: services report races this way, too
        late = self._retry.is_late()
        if isinstance(job, _SpanEnd):
            if self._is_final(job, error):
                self._leave_out_end(StoreFailure(key, error))
                return True
            if (late or job.postponed) and self._postpone(job):
                return True
        elif job.given_up is None and (late or self._is_final(job, error)):
            is_ended = isinstance(error, SpanEndedError)
            self.give_up(job, LOST.ENDED if is_ended else LOST.PATIENCE if late else LOST.REFUSED, error)
            return True
        if first:
            return True
        self._retry.postpone()
        return False

    def _leave_out_end(self, failure: StoreFailure) -> None:
        self._jobs.popleft()
        self._span.last, self._span.base = None, 0
        self._retry.restart()
        self._on_lost(failure)

    def _postpone(self, job: _SpanEnd) -> bool:
        """Put the next segment first, since media matter more than span ends; return False if there is none."""
        at = next((n for n, other in enumerate(self._jobs) if isinstance(other, PendingSegment)), None)
        if at is None:
            return False
        if len(self._jobs) > MAX_JOBS:
            self._leave_out_end(StoreFailure(job.key, self.error or StoreError("the store does not take it")))
            return True
        self._jobs.popleft()
        key = job.key
        if not job.owed:
            key = self._span.stored_key(key)
            self._span.last, self._span.base = None, 0
        self._jobs.insert(at, _SpanEnd(key, owed=True, tried=True, postponed=True))
        self._retry.restart()
        return True

    @staticmethod
    def _is_final(job: PendingSegment | _SpanEnd, error: Exception) -> bool:
        """Return whether retrying is useless."""
        if isinstance(error, SpanEndedError) or (isinstance(job, PendingSegment) and job.held is None):
            return True
        if isinstance(error, ObjectExistsError):
            return isinstance(job, _SpanEnd)
        return isinstance(error, OnvifBmffError) and not isinstance(error, StoreError | StateError)
