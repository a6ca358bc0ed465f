"""Room in a spool: whether another object may begin, and what is dropped for it."""

from collections.abc import Callable, Sequence

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, OnvifBmffError, StoreError
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.stored import SPAN_END_CONTENT_TYPE, ObjectStore
from onvif_bmff.runtime import Runtime
from onvif_bmff.storage.spool import Dropped, SpoolPolicy, WhenFull
from onvif_bmff.storage.spool_contents import SpoolContents
from onvif_bmff.storage.spool_notes import SpoolNotes, is_full_disk
from onvif_bmff.storage.waiting_spans import Waiting, waiting

__all__ = ["SpoolRoom"]

_END = "_end"
_TRIES = 3
"""Tries to write the end of a span whose rest is dropped, as a disk that was full may fail once more."""


class SpoolRoom:
    """Makes room in a spool as the policy says: what waits of one span is dropped from its first segment on.

    Segments go from the last to the first, so that at each moment what is left of the span is its beginning, and the
    span is ended behind its last segment that is kept. What is half done after a crash is done by ``complete``.

    Args:
        store: the objects that wait.
        contents: what is known about them.
        notes: where drops are noted.
        policy: when the spool is full, and what is dropped.
        runtime: gives the present instant.
        log: where drops are logged.
        on_dropped: called with each drop.
    """

    def __init__(
        self,
        store: ObjectStore,
        contents: SpoolContents,
        notes: SpoolNotes,
        policy: SpoolPolicy,
        runtime: Runtime,
        log: CauseLog,
        on_dropped: Callable[[Dropped], None] | None,
    ) -> None:
        self._store = store
        self._contents = contents
        self._notes = notes
        self._policy = policy
        self._runtime = runtime
        self._log = log
        self._on_dropped = on_dropped
        self._lock = runtime.lock()

    def admit(self, key: str) -> None:
        """Let an object begin; the end of a span needs no room.

        Raises:
            StoreError: the spool is full.
            SpanEndedError: what waited of its span was dropped.
        """
        self._contents.begin(key)
        most = None if waiting(key, 0).is_end else self._policy.most_bytes
        while most is not None and self._contents.size >= most:
            if self._policy.when_full is WhenFull.REFUSE or not self.drop_one():
                raise StoreError(f"the spool is full: {self._contents.size} bytes wait")
        self._contents.check(key)

    def check(self, key: str) -> None:
        """Check that an object can still be sealed; see ``SpoolContents.check``."""
        self._contents.check(key)

    def failed(self, error: StoreError) -> None:
        """Note that the spool could not be written; if its disk is full, something is dropped."""
        if self._policy.when_full is not WhenFull.REFUSE and is_full_disk(error):
            self.drop_one()

    def drop_one(self) -> bool:
        """Drop what waits of one span; return whether anything was dropped."""
        with self._lock:
            cut = self._contents.cut()
            segments = [one for one in cut if not one.is_end]
            if not segments:
                return False
            self._notes.begin_drop(self._what(segments))
            gone, kept = self._remove(cut)
            for one in kept:
                self._contents.add(one.key, one.size, is_event=False)
            end = self._finish(gone)
            if end is not None:
                self._contents.add(end, 0, is_event=False)
            return bool(gone)

    def complete(self, keys: Sequence[str]) -> None:
        """Finish what a process that ended had begun to drop; ``keys`` are all that wait, and nothing is queued yet.

        Raises:
            StoreError: some of it cannot be removed; it would be uploaded behind the end of its span.
        """
        half = self._notes.dropping
        if half is None:
            return
        first = waiting(half.first, 0)
        _, kept = self._remove(_left_of(half, keys))
        if kept:
            raise StoreError(f"{kept[-1].key}: it was being dropped, and cannot be removed from the spool")
        self._finish([first], half)

    def _what(self, segments: Sequence[Waiting]) -> Dropped:
        size = sum(one.size for one in segments)
        return Dropped(segments[0].key, segments[-1].key, len(segments), size, str(self._runtime.now()))

    def _remove(self, cut: Sequence[Waiting]) -> tuple[list[Waiting], Sequence[Waiting]]:
        """Remove objects, the last first; return the segments that are gone, in order, and what is left."""
        for number in range(len(cut) - 1, -1, -1):
            try:
                self._store.delete(cut[number].key)
            except ObjectNotFoundError:
                continue
            except (OnvifBmffError, OSError) as error:
                self._log.error("dropping", "%s: not dropped: %s", cut[number].key, error)
                return [one for one in cut[number + 1 :] if not one.is_end], cut[: number + 1]
        return [one for one in cut if not one.is_end], ()

    def _finish(self, gone: Sequence[Waiting], half: Dropped | None = None) -> str | None:
        """End the span before the segments that are gone, and note, log and report them; return the key of the end."""
        if not gone:
            self._notes.end_drop(None)
            return None
        end = self._end_before(gone[0]) if gone[0].counter else None
        what = half or self._what(gone)
        self._notes.end_drop(what)
        self._log.error(
            "dropped",
            "the spool is full: %d segments of %d bytes are dropped, from %s to %s",
            what.objects, what.bytes, what.first, what.last,
        )  # fmt: skip
        if self._on_dropped is not None:
            self._on_dropped(what)
        return end

    def _end_before(self, first: Waiting) -> str | None:
        """End a span with the segment before one that is gone, which begins where that ends; return the key."""
        key = first.key + _END
        for attempt in range(_TRIES):
            try:
                writer = self._store.open_writer(key, content_type=SPAN_END_CONTENT_TYPE)
                try:
                    writer.seal({})
                finally:
                    writer.abandon()
            except ObjectExistsError:
                return key
            except (OnvifBmffError, OSError) as error:
                if attempt == _TRIES - 1:
                    self._log.error("ending", "%s: the span is not ended: %s", key, error)
            else:
                return key
        return None


def _left_of(half: Dropped, keys: Sequence[str]) -> list[Waiting]:
    """Return what is left of segments that were being dropped, in order, with the end of their span.

    Segments went from the last to the first, so those that are left follow the first one, counter by counter; others of
    that time are of another span, as where a clock was set back.
    """
    first, last = waiting(half.first, 0), waiting(half.last, 0)
    near = sorted(one for one in (waiting(key, 0) for key in keys) if one.place == first.place and one >= first)
    found: list[Waiting] = []
    for one in near:
        counter = first.counter + len(found)
        if not one.is_end and one <= last and one.counter == counter and (found or one.key == first.key):
            found.append(one)
    ends = [one for one in near if one.is_end and one.counter == last.counter + 1 and one.time >= last.time]
    return found + ends[:1]
