"""From what a recorder says to what a store holds."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from onvif_bmff.errors import StateError, StoreError
from onvif_bmff.objects.events import (
    FragmentWritten,
    RecordingEvent,
    SegmentOpened,
    SegmentSealed,
    SpanEnded,
)
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import Buffer, ObjectStore, ObjectWriter, SpanEndObject

__all__ = ["StoreFailure", "StoreSink"]


@dataclass(frozen=True, slots=True)
class StoreFailure:
    """An object that a store would not take."""

    key: ObjectKey
    error: StoreError


class StoreSink:
    """Streams recording events into a store. Holds a writer for every open segment, and no media.

    When the store fails, the writer of that segment is abandoned, so nothing of it becomes visible, the
    rest of the segment's events are passed over, and the failure is reported: to ``on_failure`` if given,
    otherwise by raising it. Recording can go on either way; other segments are not touched.

    Args:
        store: where the objects go.
        overwrite: replace objects that exist.
        on_stored: told the key and size in bytes of every object that is now in the store.
        on_failure: told of every object that is not.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        overwrite: bool = False,
        on_stored: Callable[[ObjectKey, int], None] | None = None,
        on_failure: Callable[[StoreFailure], None] | None = None,
    ) -> None:
        self._store = store
        self._overwrite = overwrite
        self._on_stored = on_stored
        self._on_failure = on_failure
        self._writers: dict[ObjectKey, ObjectWriter | None] = {}
        self._sizes: dict[ObjectKey, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add_all(self, events: Iterable[RecordingEvent]) -> None:
        """Take events in order; see `add`."""
        for event in events:
            self.add(event)

    def add(self, event: RecordingEvent) -> None:
        """Take an event.

        Raises:
            StateError: the event is about a segment that is not open, or opens one twice.
            StoreError: the store failed, and there is no ``on_failure``.
        """
        key = event.key
        if isinstance(event, SegmentOpened):
            if key in self._writers:
                raise StateError(f"the segment is open already: {key}")
        elif not isinstance(event, SpanEnded):
            if key not in self._writers:
                raise StateError(f"no segment is open under this key: {key}")
            if self._writers[key] is None:  # it failed before
                if isinstance(event, SegmentSealed):
                    del self._writers[key]
                return
        try:
            self._carry_out(event)
        except BaseException as error:
            self._give_up(event)
            if not isinstance(error, StoreError) or self._on_failure is None:
                raise
            self._on_failure(StoreFailure(key, error))

    def close(self) -> None:
        """Abandon every segment that is still open. Call it when no more events will come."""
        writers, self._writers = self._writers, {}
        self._sizes.clear()
        for writer in writers.values():
            if writer is not None:
                with suppress(StoreError):
                    writer.abandon()

    def _carry_out(self, event: RecordingEvent) -> None:
        key = event.key
        if isinstance(event, FragmentWritten):
            self._append(key, *event.buffers)
        elif isinstance(event, SegmentOpened):
            self._sizes[key] = 0
            self._writers[key] = self._store.open_writer(
                str(key), content_type=event.content_type, overwrite=self._overwrite
            )
            self._append(key, event.header)
        elif isinstance(event, SegmentSealed):
            if event.trailer:
                self._append(key, event.trailer)
            writer = self._writers[key]
            if writer is not None:
                writer.seal(event.attributes.to_metadata())
            del self._writers[key]
            self._stored(key, self._sizes.pop(key))
        else:
            self._store.put(SpanEndObject(key), overwrite=self._overwrite)
            self._stored(key, 0)

    def _append(self, key: ObjectKey, *buffers: Buffer) -> None:
        writer = self._writers[key]
        if writer is not None:
            writer.append(*buffers)
            self._sizes[key] += sum(memoryview(buffer).nbytes for buffer in buffers)

    def _stored(self, key: ObjectKey, size: int) -> None:
        if self._on_stored is not None:
            self._on_stored(key, size)

    def _give_up(self, event: RecordingEvent) -> None:
        """Drop the writer of a segment; its later events, if any come, find None in its place."""
        key = event.key
        writer = self._writers.pop(key, None)
        self._sizes.pop(key, None)
        if isinstance(event, SegmentOpened | FragmentWritten):
            self._writers[key] = None
        if writer is not None:
            with suppress(StoreError):
                writer.abandon()
