"""Local data of the device: its age is limited, and tracks can be deleted. 5.3.1, 5.10, 5.26.3.

The service calls while it is locked, so nothing here accesses the store at once: a separate thread does the
deletions, and reports them when they are done.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from onvif_bmff.control.environment import TimeRange
from onvif_bmff.control.places import local_prefix
from onvif_bmff.errors import ObjectNotFoundError, OnvifBmffError
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.runtime import SYSTEM, Runtime, WorkQueue
from onvif_bmff.timing import UtcTime

__all__ = ["LocalRecordings"]

_log = logging.getLogger(__name__)

Deleted = Callable[[str, str, TimeRange], None]
_JOIN = timedelta(milliseconds=1)
_PATIENCE = 0.05


@dataclass(frozen=True, slots=True)
class _Deletion:
    """Delete what ended by an instant, or with ``whole`` what began by then."""

    recording: str
    track: str
    at: UtcTime
    whole: bool


class _End:
    """Nothing follows."""


class LocalRecordings:
    """The local data of all recordings, in one store, as the service's ``LocalData``.

    Segments are deleted whole, once their last sample is too old; a reported range is what was really deleted.

    Args:
        store: holds the data, each track below ``recording/track``.
        deleted: called with every range that was deleted: ``DeviceSide.report_data_deleted``.
        clock: the present instant.
        is_written: returns whether a writer that began a track before an instant is still running; a deleted track is
            removed after that, so that nothing of it reappears.
        runtime: runs the thread, and waits.
    """

    def __init__(
        self,
        store: ObjectStore,
        deleted: Deleted,
        clock: Callable[[], UtcTime],
        is_written: Callable[[str, str, UtcTime], bool],
        runtime: Runtime = SYSTEM,
    ) -> None:
        self._store = store
        self._deleted = deleted
        self._clock = clock
        self._is_written = is_written
        self._log = CauseLog(_log)
        self._work: WorkQueue[_Deletion | _End] = WorkQueue(runtime)
        self._task = runtime.spawn(self._run, "local data")

    def delete_before(self, recording_token: str, track_token: str, limit: UtcTime) -> Sequence[TimeRange]:
        """Request the deletion of data older than an instant; see ``LocalData``. Ranges are reported later."""
        self._work.put(_Deletion(recording_token, track_token, limit, whole=False))
        return ()

    def delete_track(self, recording_token: str, track_token: str) -> Sequence[TimeRange]:
        """Request the deletion of all data of a track; see ``LocalData``."""
        self._work.put(_Deletion(recording_token, track_token, self._clock(), whole=True))
        return ()

    def close(self, timeout: float | None = None) -> None:
        """End the thread, after all requested deletions."""
        self._work.put(_End())
        self._task.join(timeout)

    def _run(self) -> None:
        waiting: list[_Deletion] = []
        while True:
            asked = self._work.take(_PATIENCE if waiting else None)
            if isinstance(asked, _End):
                return
            if asked is not None and asked.whole:
                waiting.append(asked)
            elif asked is not None:
                self._delete(asked)
            waiting = [
                one for one in waiting if self._is_written(one.recording, one.track, one.at) or not self._delete(one)
            ]

    def _delete(self, what: _Deletion) -> bool:
        """Delete and report; return False if the store failed."""
        prefix = local_prefix(what.recording, what.track)
        try:
            for found in delete_segments(self._store, prefix, what.at, whole=what.whole):
                self._deleted(what.recording, what.track, found)
        except OnvifBmffError as error:
            self._log.warning(type(error).__name__, "%s: local data are not deleted: %s", prefix, error)
            return False
        return True


def delete_segments(store: ObjectStore, prefix: str, limit: UtcTime, *, whole: bool = False) -> list[TimeRange]:
    """Delete the segments below a prefix that end at or before ``limit``, and their span ends.

    With ``whole`` these are all segments of spans that began by then. Returns the ranges of time that are gone. Raises
    ``StoreError`` if the store failed.
    """
    ranges: list[TimeRange] = []
    timeline = Timeline.from_keys(store.keys(f"{prefix}/"), prefix=prefix)
    for span in timeline.spans:
        kept = whole and span.start > limit
        for number, segment in enumerate(() if kept else list(span.segments)):
            end = segment.end
            if not whole and (end is None or end > limit):
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
