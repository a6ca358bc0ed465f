"""The objects of one kind of span on their way into a store that may fail: in order, tried again, and true in the end.

An object is stored only when all before it are, or are given up. So whatever is lost, what is in the store is whole: a
span ends with its last stored segment, before the hole, and the next segment that is stored begins another one, whose
counters start with 0 (B.4, B.5).
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, OnvifBmffError, StateError, StoreError
from onvif_bmff.objects.attributes import OBJECT_ID
from onvif_bmff.objects.events import SegmentSealed
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import Buffer, ObjectStore, SpanEndObject
from onvif_bmff.storage.pending import LOST, PendingSegment, RetryPolicy, StoreFailure
from onvif_bmff.timing import UtcTime

__all__ = ["SpanQueue"]

_log = logging.getLogger(__name__)
_MOST_JOBS = 1000
"""Objects that may wait before end objects are given up."""


@dataclass(slots=True, eq=False)
class _End:
    """A span end object; ``owed`` if ``key`` is its name in the store, whatever the queue calls it."""

    key: ObjectKey
    owed: bool
    tried: bool = False
    postponed: bool = False


class SpanQueue:
    """What is to be stored of the spans of one prefix, postfix and extension.

    Args:
        store: where it goes.
        overwrite: replace objects that exist.
        policy: how it is tried again.
        clock: seconds that only grow.
        stored: told the key and size of each object that is in the store; raises nothing.
        lost: told of each that is given up; likewise.

    ``retry_at`` is when the store is to be tried again, None if it has not failed; ``error`` what it said then.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        overwrite: bool,
        policy: RetryPolicy,
        clock: Callable[[], float],
        stored: Callable[[ObjectKey, int], None],
        lost: Callable[[StoreFailure], None],
    ) -> None:
        self._store = store
        self._overwrite = overwrite
        self._policy = policy
        self._clock = clock
        self._tell_stored = stored
        self._tell_lost = lost
        self._jobs: deque[PendingSegment | _End] = deque()
        self._base = 0
        self._last: tuple[ObjectKey, UtcTime | None] | None = None
        self._broken = False
        self._failing_since: float | None = None
        self._delay: float | None = None
        self.retry_at: float | None = None
        self.error: Exception | None = None
        self.open: PendingSegment | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self._jobs

    def segments(self) -> list[PendingSegment]:
        """The segments that wait, the oldest first."""
        return [job for job in self._jobs if isinstance(job, PendingSegment) and job.given_up is None]

    def begin(self, segment: PendingSegment) -> None:
        """Take a segment whose header is held."""
        self.open = segment
        self._jobs.append(segment)

    def append(self, segment: PendingSegment, buffers: tuple[Buffer, ...]) -> None:
        """Hand on what has just been held of a segment, if the store has all before it."""
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
        """Take a span end object."""
        self._jobs.append(_End(key, owed=False))

    def is_due(self) -> bool:
        """Tell whether there is something to be done now."""
        return bool(self._jobs) and (self.retry_at is None or self._clock() >= self.retry_at)

    def work(self) -> None:
        """Store what can be stored now. An interrupt comes through, and nothing is lost then."""
        while self._jobs:
            job = self._jobs[0]
            try:
                if not self._advance(job):
                    return
            except Exception as error:  # a store may be anybody's, and must not take others down with it
                if not self._failed(job, error):
                    return
            except BaseException:
                if isinstance(job, PendingSegment):
                    job.drop_writer()
                raise

    def give_up(self, segment: PendingSegment, reason: str, error: Exception) -> None:
        """Store a segment no more. If it may be in the store, that is found out before anything follows it."""
        if segment.given_up is not None:
            return
        segment.given_up = StoreFailure(
            segment.stored_key or segment.key, error, segment.sample_count, reason, segment is self.open
        )
        segment.let_go()
        segment.drop_writer()
        if not segment.in_doubt:
            self._tell_lost(segment.given_up)

    def abandon(self) -> None:
        """Give up all that waits; end the span before it if the store takes that now."""
        error = self.error or StoreError("the store did not take it in time")
        for segment in self.segments():
            self.give_up(segment, LOST.PATIENCE if segment.sealed else LOST.UNSEALED, error)
        self.open = None
        self.work()
        for job in self._jobs:
            if isinstance(job, _End):
                self._tell_lost(StoreFailure(job.key, self.error or error))
            elif job.in_doubt and job.given_up is not None:
                self._tell_lost(replace(job.given_up, reason=LOST.UNKNOWN))  # a recovery ends the span where it ends
        self._jobs.clear()

    # ---- one object --------------------------------------------------------------------------------

    def _advance(self, job: PendingSegment | _End) -> bool:
        """Do the next thing for the first object that waits; False if more of it has to come first."""
        if isinstance(job, _End):
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
            self._all_is_well()
            return False
        writer = job.writer
        assert writer is not None
        metadata = job.sealed.attributes.to_metadata()
        job.in_doubt = True
        writer.seal({**metadata, OBJECT_ID: job.object_id})
        self._stored(job)
        return True

    def _open_writer(self, job: PendingSegment) -> None:
        """Begin an object with all that is held of it."""
        counter = job.key.counter
        if counter == 0:
            self._base, self._broken, self._last = 0, False, None
        elif self._broken:
            self._base, self._broken = counter, False
        job.stored_key = replace(job.key, counter=counter - self._base) if self._base else job.key
        held = job.held
        if held is None:
            raise StoreError("the bytes of the segment are no longer at hand")
        job.writer = self._store.open_writer(
            str(job.stored_key), content_type=job.content_type, overwrite=self._overwrite
        )
        for piece in held.pieces():
            job.writer.append(*piece)

    def _put_end(self, job: _End) -> None:
        key = job.key
        if not job.owed:
            if self._broken:  # nothing of this span was stored since the hole, and what was has its end
                self._finish(job)
                return
            key = replace(key, counter=key.counter - self._base) if self._base else key
        again, job.tried = job.tried, True
        try:
            self._store.put(SpanEndObject(key), overwrite=self._overwrite)
        except ObjectExistsError as error:
            if not self._is_there(key):
                raise StoreError(f"the store says that an object exists, and has none: {key}") from error
            if not job.owed and not again:
                raise
            # It is empty and says the same: ours, whose answer was lost, or that of a recovery.
        self._finish(job)
        self._tell_stored(key, 0)

    def _finish(self, job: PendingSegment | _End) -> None:
        self._jobs.popleft()
        if isinstance(job, _End) and not job.owed:
            self._last, self._base, self._broken = None, 0, False
        self._all_is_well()

    def _stored(self, job: PendingSegment) -> None:
        """Note that a segment is in the store."""
        job.in_doubt, job.writer = False, None
        job.let_go()
        assert job.stored_key is not None
        self._last = (job.stored_key, job.sealed.end_time if job.sealed else None)
        self._finish(job)
        self._tell_stored(job.stored_key, job.size)

    def _leave_out(self, job: PendingSegment) -> None:
        """Pass over a segment that is given up: the span ends before it."""
        self._jobs.popleft()
        self._failing_since = self._delay = self.retry_at = None
        if self._last is not None:
            key, end = self._last
            self._jobs.appendleft(_End(key.ending(end or job.key.time), owed=True))
        self._last, self._broken = None, True

    def _is_there(self, key: ObjectKey) -> bool:
        try:
            self._store.head(str(key))
        except ObjectNotFoundError:
            return False
        return True

    def _resolve(self, job: PendingSegment) -> bool:
        """Ask the store what became of a segment whose sealing was not answered; True if it is there and ours."""
        try:
            info = self._store.head(str(job.stored_key))
        except ObjectNotFoundError:
            job.in_doubt = False
        else:
            name = OBJECT_ID.lower()
            if any(key.lower() == name and value == job.object_id for key, value in info.attributes.items()):
                self._stored(job)
                return True
            job.in_doubt = False
            if not self._overwrite and job.given_up is None:
                self.give_up(job, LOST.REFUSED, ObjectExistsError(f"another object has this key: {job.stored_key}"))
                return False
        if job.given_up is not None:
            self._tell_lost(job.given_up)
        return False

    # ---- failures ----------------------------------------------------------------------------------

    def _all_is_well(self) -> None:
        if self.error is not None:
            _log.info("the store takes objects again")
        self._failing_since = self._delay = self.retry_at = self.error = None

    def _failed(self, job: PendingSegment | _End, error: Exception) -> bool:
        """Take note of a failure; True if the store is to be tried again at once, or something else is."""
        key = (job.stored_key or job.key) if isinstance(job, PendingSegment) else job.key
        if self.error is None:
            _log.warning("%s: the store failed and is tried again: %s", key, error)
        self.error = error
        now = self._clock()
        first = self._failing_since is None
        since = self._failing_since = now if self._failing_since is None else self._failing_since
        if isinstance(job, PendingSegment):
            job.drop_writer()
            if isinstance(error, ObjectExistsError):
                job.in_doubt = True  # ours after all, or somebody else's, or nobody's: services say so of races, too
        late = now - since >= self._policy.patience
        if isinstance(job, _End):
            if self._is_final(job, error):
                self._leave_out_end(StoreFailure(key, error))
                return True
            if (late or job.postponed) and self._postpone(job):
                return True
        elif job.given_up is None and (late or self._is_final(job, error)):
            self.give_up(job, LOST.PATIENCE if late else LOST.REFUSED, error)
            return True
        if first:
            return True
        delay = self._policy.first if self._delay is None else min(self._delay * 2, self._policy.longest)
        self._delay, self.retry_at = delay, now + delay
        return False

    def _leave_out_end(self, failure: StoreFailure) -> None:
        self._jobs.popleft()
        self._last, self._base = None, 0
        self._failing_since = self._delay = self.retry_at = None
        self._tell_lost(failure)

    def _postpone(self, job: _End) -> bool:
        """Let the next segment go first: media are worth more than the end of their span. False if there is none."""
        at = next((n for n, other in enumerate(self._jobs) if isinstance(other, PendingSegment)), None)
        if at is None:
            return False
        if len(self._jobs) > _MOST_JOBS:
            self._leave_out_end(StoreFailure(job.key, self.error or StoreError("the store does not take it")))
            return True
        self._jobs.popleft()
        key = job.key
        if not job.owed:
            key = replace(key, counter=key.counter - self._base) if self._base else key
            self._last, self._base = None, 0
        self._jobs.insert(at, _End(key, owed=True, tried=True, postponed=True))
        self._failing_since = self._delay = self.retry_at = None
        return True

    @staticmethod
    def _is_final(job: PendingSegment | _End, error: Exception) -> bool:
        """Tell whether trying again is of no use."""
        if isinstance(job, PendingSegment) and job.held is None:
            return True
        if isinstance(error, ObjectExistsError):
            return isinstance(job, _End)
        return isinstance(error, OnvifBmffError) and not isinstance(error, StoreError | StateError)
