"""A recorder's events on their way into a store that may fail.

A segment that the store would not take is lost from its beginning. Its span then ends where the segment began, which is
where the one before it ended: what is in the store stays whole and true, and the loss is a gap between spans.
"""

from collections.abc import Iterable
from contextlib import suppress

from onvif_bmff.device.recovery import span_end_of
from onvif_bmff.errors import ObjectExistsError
from onvif_bmff.objects.events import FragmentWritten, RecordingEvent, SegmentOpened, SegmentSealed, SpanEnded
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ObjectStore, ObjectWriter, SpanEndObject

__all__ = ["Delivery"]


class Delivery:
    """Writes the events of one recorder into a store, and outlives the store's failures.

    ``error`` is what went wrong since `settle` was called last, None if nothing did. ``objects`` and ``fragments``
    count what the store has taken.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._writers: dict[str, tuple[ObjectKey, ObjectWriter]] = {}
        self._lost: set[str] = set()
        self._sealed: dict[str, ObjectKey] = {}
        self._owed: list[tuple[ObjectKey, ObjectKey | None]] = []
        self.error: str | None = None
        self.objects = 0
        self.fragments = 0

    def add_all(self, events: Iterable[RecordingEvent]) -> None:
        """Take events in order. Never raises: see ``error``."""
        for event in events:
            key = event.key
            span = key.extension
            if span in self._lost:
                if isinstance(event, SpanEnded):
                    self._lost.discard(span)
                continue
            try:
                self._carry_out(event, span)
            except Exception as error:  # a store may be anybody's, and must not take others down with it
                self._fail(event, error)

    def settle(self) -> bool:
        """Write the span ends that could not be written before, and forget the error; True if all is well."""
        self.error = None
        while self._owed:
            end, last = self._owed[0]
            try:
                exact = None if last is None else span_end_of(self._store, str(last))
                self._store.put(SpanEndObject(exact or end))
            except ObjectExistsError:
                pass
            except Exception as error:
                self.error = _text(error)
                return False
            self._owed.pop(0)
        return True

    def give_up(self) -> None:
        """Drop the segments that are open: nobody will complete them."""
        for span in list(self._writers):
            self._drop(span)

    def _carry_out(self, event: RecordingEvent, span: str) -> None:
        if isinstance(event, FragmentWritten):
            self._writers[span][1].append(*event.buffers)
            self.fragments += 1
        elif isinstance(event, SegmentOpened):
            writer = self._store.open_writer(str(event.key), content_type=event.content_type)
            self._writers[span] = (event.key, writer)
            writer.append(event.header)
        elif isinstance(event, SegmentSealed):
            writer = self._writers[span][1]
            if event.trailer:
                writer.append(event.trailer)
            writer.seal(event.attributes.to_metadata())
            del self._writers[span]
            self._sealed[span] = event.key
            self.objects += 1
        else:
            self._store.put(SpanEndObject(event.key))
            self.objects += 1

    def _fail(self, event: RecordingEvent, error: Exception) -> None:
        self.error = self.error or _text(error)
        if isinstance(event, SpanEnded):
            if not isinstance(error, ObjectExistsError):
                self._owed.append((event.key, None))
            return
        span = event.key.extension
        self._lost.add(span)
        if span in self._writers:
            self._drop(span)
        else:
            self._end_before(event.key)

    def _drop(self, span: str) -> None:
        key, writer = self._writers.pop(span)
        with suppress(Exception):
            writer.abandon()
        self._end_before(key)

    def _end_before(self, key: ObjectKey) -> None:
        """End the span of a lost segment where that one began, if anything of the span is stored."""
        if key.counter:
            end = ObjectKey(
                key.prefix, key.time, key.postfix, key.counter, key.extension, span_end=True, digits=key.digits
            )
            self._owed.append((end, self._sealed.get(key.extension)))


def _text(error: Exception) -> str:
    return f"The storage failed: {error}" if str(error) else f"The storage failed: {type(error).__name__}"
