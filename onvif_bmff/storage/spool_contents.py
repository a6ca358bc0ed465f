"""What is in a spool, as all its parts see it at once: what waits, is being sealed or uploaded, and may not go on."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from onvif_bmff.errors import ObjectExistsError
from onvif_bmff.runtime import Runtime
from onvif_bmff.storage.pending import SpanEndedError
from onvif_bmff.storage.spool import SpoolPolicy, WhenFull
from onvif_bmff.storage.upload_queue import UploadQueue
from onvif_bmff.storage.waiting_spans import SpanPlace, Waiting, waiting

if TYPE_CHECKING:
    from onvif_bmff.storage.spool_notes import SpoolNotes

__all__ = ["RecentKeys", "SpoolContents"]

_RECENT = 10_000
"""Keys of uploaded objects that are remembered."""


class RecentKeys:
    """The keys that were added last, up to a number."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        """Add a key, in place of the oldest if there are many."""
        self._keys[key] = None
        if len(self._keys) > _RECENT:
            del self._keys[next(iter(self._keys))]

    def discard(self, key: str) -> None:
        """Forget a key."""
        self._keys.pop(key, None)


class SpoolContents:
    """Objects in a spool, for any number of tasks.

    ``recent`` are the keys of the last objects that were uploaded. ``exhausted``: what waits has to wait for the next
    day or month.

    Args:
        policy: what is uploaded first, and how much.
        notes: what was sent already.
        runtime: gives time and locks.
    """

    def __init__(self, policy: SpoolPolicy, notes: "SpoolNotes", runtime: Runtime) -> None:
        self._policy = policy
        self._notes = notes
        self._runtime = runtime
        self._lock = runtime.lock()
        self._queue = UploadQueue(
            policy.first, policy.longest, lambda: int.from_bytes(runtime.random(2)) / 65535, policy.order
        )
        self._sealing: Counter[str] = Counter()
        self._cut: set[SpanPlace] = set()
        self._pace = 0.0
        self.recent = RecentKeys()
        self.exhausted = False

    @property
    def size(self) -> int:
        """Bytes of all objects that wait."""
        return self._queue.size

    @property
    def count(self) -> int:
        """How many objects wait."""
        return self._queue.count

    @property
    def is_failing(self) -> bool:
        """Whether the last upload failed."""
        return self._queue.is_failing

    def add(self, key: str, size: int, *, is_event: bool, in_doubt: bool = False) -> None:
        """Add an object that is durable; see ``UploadQueue.add``."""
        with self._lock:
            self._queue.add(key, size, is_event=is_event, in_doubt=in_doubt)

    def holds(self, key: str) -> bool:
        """Return whether an object waits, or is being uploaded."""
        with self._lock:
            return self._queue.holds(key)

    # ---- writing -------------------------------------------------------------------------------------------

    def begin(self, key: str) -> None:
        """Note that an object is about to be written.

        Raises:
            SpanEndedError: what waited of its span was dropped, and it can have no more segments.
        """
        one = waiting(key, 0)
        with self._lock:
            if one.counter == 0 and not one.is_end:
                self._cut.discard(one.place)
        self.check(key)

    def check(self, key: str) -> None:
        """Check that an object can still be sealed.

        Raises:
            SpanEndedError: as ``begin``.
        """
        if self._cut:
            one = waiting(key, 0)
            if one.place in self._cut and (one.counter or one.is_end):
                raise SpanEndedError(f"the span was ended before, to make room in the spool: {key}")

    @contextmanager
    def sealing(self, key: str) -> Iterator[None]:
        """Keep a span from being dropped, and a key from being forgotten, while an object is sealed.

        Raises:
            SpanEndedError: as ``begin``.
            ObjectExistsError: an object of the key was uploaded meanwhile.
        """
        with self._lock:
            self.check(key)
            if key in self.recent:
                raise ObjectExistsError(f"an object took this key meanwhile: {key}")
            self._sealing[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._sealing[key] -= 1
                self._sealing += Counter()  # without zeros

    def hold_back(self, key: str) -> int | None:
        """Let an object wait no longer, after an upload that is under way; return its size, None if none waits."""
        while True:
            with self._lock:
                if not self._queue.is_busy(key):
                    return self._queue.forget(key)
            self._runtime.sleep(0.02)

    def cut(self) -> list[Waiting]:
        """Take what waits of one span out, to be dropped, as the policy says; nothing if nothing can be dropped."""
        with self._lock:
            spare = {waiting(key, 0).place for key in self._sealing}
            found = self._queue.cut(newest=self._policy.when_full is WhenFull.DROP_NEWEST, spare=spare)
            if found is None:
                return []
            gone, goes_on = found
            if goes_on:
                self._cut.add(gone[0].place)
            return gone

    # ---- uploads -------------------------------------------------------------------------------------------

    def take(self, day: str) -> Waiting | None:
        """Return the object to be uploaded now, which counts as sent on this day; None if there is none now."""
        with self._lock:
            now = self._runtime.monotonic()
            if now < self._pace:
                return None
            most = self._allowance(day)
            one = self._queue.take(now, most)
            self.exhausted = one is None and self._queue.held_back
            if one is None:
                return None
            if self._is_metered:
                self._notes.charge(day, one.size)
            rate = self._policy.bytes_a_second
            if rate is not None:
                self._pace = now + one.size / rate
            return one

    @property
    def _is_metered(self) -> bool:
        return self._policy.bytes_a_day is not None or self._policy.bytes_a_month is not None

    def _allowance(self, day: str) -> int | None:
        """Return how many bytes an object may have; None for any number."""
        sent = self._notes.sent(day)
        limits = (self._policy.bytes_a_day, self._policy.bytes_a_month)
        left = [limit - used for limit, used in zip(limits, sent, strict=True) if limit is not None and used]
        return max(0, min(left)) if left else None

    def pause(self) -> float:
        """Return in how many seconds ``take`` may have something, if nothing happens before; 0 for no such time."""
        with self._lock:
            now = self._runtime.monotonic()
            return max(self._queue.pause(now), self._pace - now)

    def uploaded(self, key: str) -> None:
        """Note that the remote store has an object, which is removed next; waits while another is sealed under its key.

        From now on its key is taken.
        """
        while True:
            with self._lock:
                if key not in self._sealing:
                    self.recent.add(key)
                    return
            self._runtime.sleep(0.02)

    def done(self, one: Waiting) -> None:
        """Note that an object waits no longer."""
        with self._lock:
            self._queue.done(one)
            self._notes.flush()

    def failed(self, one: Waiting, day: str, *, sent: bool) -> None:
        """Note that an object has to be tried again; ``day`` is when it was counted as sent, even if it was not."""
        with self._lock:
            self._queue.failed(one, self._runtime.monotonic(), sent=sent)
            if not sent and self._is_metered:
                self._notes.charge(day, -one.size)
