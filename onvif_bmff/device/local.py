"""Data that the device keeps itself: its age is limited, and tracks can be deleted. 5.3.1, 5.10, 5.26.3.

The service asks while it is locked, so nothing here touches the store at once: deletions are done by a thread of their
own, and told when they are done.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from queue import SimpleQueue
from threading import Thread

from onvif_bmff.control.device import TimeRange
from onvif_bmff.control.engine_targets import local_prefix
from onvif_bmff.errors import ObjectNotFoundError, OnvifBmffError
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.timing import UtcTime

__all__ = ["LocalRecordings"]

Deleted = Callable[[str, str, TimeRange], None]
_JOIN = timedelta(milliseconds=1)


class LocalRecordings:
    """The local data of all recordings, in one store, as the service's `LocalData`.

    Segments are deleted whole, once their last sample is too old; a range that is reported is what was really deleted.

    Args:
        store: where the data lie, each track below ``recording/track``.
        deleted: told of every range that was deleted: `EngineSide.report_data_deleted`.
    """

    def __init__(self, store: ObjectStore, deleted: Deleted) -> None:
        self._store = store
        self._deleted = deleted
        self._work: SimpleQueue[tuple[str, str, UtcTime | None] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="local data", daemon=True)
        self._thread.start()

    def delete_before(self, recording_token: str, track_token: str, limit: UtcTime) -> Sequence[TimeRange]:
        """Have deleted what is older than an instant; see `LocalData`. Ranges are told later."""
        self._work.put((recording_token, track_token, limit))
        return ()

    def delete_track(self, recording_token: str, track_token: str) -> Sequence[TimeRange]:
        """Have all of a track deleted; see `LocalData`."""
        self._work.put((recording_token, track_token, None))
        return ()

    def close(self, timeout: float | None = None) -> None:
        """End the thread, after what it has been asked to do."""
        self._work.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        while (asked := self._work.get()) is not None:
            recording, track, limit = asked
            try:
                for found in delete_segments(self._store, local_prefix(recording, track), limit):
                    self._deleted(recording, track, found)
            except OnvifBmffError:
                continue  # retention comes back to it within a minute, a deleted track at the next start


def delete_segments(store: ObjectStore, prefix: str, limit: UtcTime | None) -> list[TimeRange]:
    """Delete the segments below a prefix that end at or before ``limit`` (None: all there are), and their span ends.

    Returns the ranges of time that are gone. Raises ``StoreError`` if the store failed.
    """
    ranges: list[TimeRange] = []
    timeline = Timeline.from_keys(store.keys(f"{prefix}/"), prefix=prefix)
    for span in timeline.spans:
        segments = list(span.segments)
        kept = False
        for number, segment in enumerate(segments):
            end = segment.end
            if limit is not None and (end is None or end > limit):
                kept = True
                break
            _delete(store, segment.name)
            end = end or segment.start
            if ranges and number and segment.start - ranges[-1].end <= _JOIN:
                ranges[-1] = TimeRange(ranges[-1].start, end)
            else:
                ranges.append(TimeRange(segment.start, end))
        if not kept and span.end_name is not None:
            _delete(store, span.end_name)
    return ranges


def _delete(store: ObjectStore, key: str) -> None:
    try:
        store.delete(key)
    except ObjectNotFoundError:
        return
