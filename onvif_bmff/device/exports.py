"""ExportRecordedData: recordings become one MP4 file each, in a store, in the background. 5.21 to 5.23."""

import io
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.control.environment import ExportOperation
from onvif_bmff.control.types.export import FileProgress
from onvif_bmff.device.running_exports import RunningExports
from onvif_bmff.errors import (
    ObjectDamagedError,
    ObjectNotFoundError,
    OnvifBmffError,
    PersistenceError,
    StateError,
)
from onvif_bmff.export.export import export_movie
from onvif_bmff.logs import CauseLog
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.extensions import media_in
from onvif_bmff.objects.stored import Buffer, ObjectStore, ObjectWriter, OpenAreaStore
from onvif_bmff.playback.left_out import LeftOut
from onvif_bmff.playback.selection import Selection, join, select
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.runtime import SYSTEM, Flag, Runtime
from onvif_bmff.timing import UtcTime

__all__ = ["EXPORT_FORMATS", "ExportPart", "MovieExporter", "clear_unfinished_exports"]

EXPORT_FORMATS = ("MP4",)
"""Formats that ``MovieExporter`` writes."""

_log = logging.getLogger(__name__)
_REPORT_EVERY = 0.05
_RETRY = 5.0
_CONTENT_TYPE = MediaKind.VIDEO.content_type


@dataclass(frozen=True, slots=True)
class ExportPart:
    """The objects of a recording: their store and places, their keys, and the age limit of accessible data.

    ``places`` are pairs of prefix and postfix: one, or one for each track where tracks are kept apart.
    """

    store: ObjectStore
    places: tuple[tuple[str, str], ...]
    keys: KeyRing | None = field(default=None, repr=False)
    since: UtcTime | None = None


class _Progress(Protocol):
    def __call__(
        self,
        operation_token: str,
        progress: float,
        files: Sequence[FileProgress] = (),
        *,
        finished: bool = False,
        error: str | None = None,
    ) -> None: ...


class _StoppedError(Exception):
    pass


class _Output(io.RawIOBase):
    """A file that becomes an object in a store."""

    def __init__(self, writer: ObjectWriter, written: Callable[[int], None]) -> None:
        self._writer = writer
        self._written = written
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Buffer) -> int:  # type: ignore[override]
        size = memoryview(data).nbytes
        self._writer.append(bytes(data))
        self._size += size
        self._written(self._size)
        return size


class MovieExporter:
    """The service's ``Exporter``: each recording that has data in the range becomes ``relative path/recording.mp4``.

    Objects that are damaged, missing or encrypted with other keys are left out; all that is whole is exported, and the
    error with which the operation then ends names them.

    Args:
        storages: stores by token.
        part: returns the part of a recording, or None if it has none; called in the thread of the export.
        report: ``DeviceSide.report_export``.
        runtime: runs the threads.
    """

    def __init__(
        self,
        storages: Mapping[str, ObjectStore],
        part: Callable[[str], ExportPart | None],
        report: _Progress,
        runtime: Runtime = SYSTEM,
    ) -> None:
        self._storages = storages
        self._part = part
        self._report = report
        self._running = RunningExports("export", runtime)

    def start(self, operation: ExportOperation) -> Sequence[str]:
        """Begin in the background; see ``Exporter.start``."""
        path = operation.storage_destination.relative_path
        lead = f"{path.strip('/')}/" if path and path.strip("/") else ""
        names = [f"{lead}{token}.mp4" for token in operation.recordings]
        self._running.start(operation.token, partial(self._run, operation, names))
        return names

    def stop(self, operation_token: str) -> None:
        """End an export early; complete files stay, the unfinished one is discarded."""
        self._running.stop(operation_token)

    def close(self, timeout: float | None = None) -> None:
        """Stop all exports."""
        self._running.close(timeout)

    def _run(self, operation: ExportOperation, names: Sequence[str], stop: Flag) -> None:
        done, causes = [0.0] * len(names), CauseLog(_log)
        reported = 0.0

        def report(number: int, progress: float, *, finished: bool = False, error: str | None = None) -> None:
            nonlocal reported
            if stop.is_set():
                raise _StoppedError
            done[number] = progress
            total = 1.0 if finished and error is None else sum(done) / max(len(done), 1)
            if finished or total - reported >= _REPORT_EVERY:
                reported = total
                files = [FileProgress(name, value) for name, value in zip(names, done, strict=True)]
                self._report(operation.token, total, files, finished=finished, error=error)

        try:
            problem: str | None = None
            for number, token in enumerate(operation.recordings):
                try:
                    lost = self._export(operation, token, names[number], partial(report, number))
                    report(number, 1.0)
                    if lost:
                        problem = problem or f"{token}: {len(lost)} objects are not whole in it, first {lost[0]}"
                except _StoppedError:
                    raise
                except Exception as error:  # noqa: BLE001
                    # Third-party stores may raise anything; the export must come to an end.
                    text = str(error) or type(error).__name__
                    _log.warning("the export %s fails: %s", names[number], text, extra={"recording": token})
                    problem = problem or f"{token}: {text}"
            while True:
                try:
                    if names:
                        report(len(names) - 1, done[-1], finished=True, error=problem)
                    else:
                        self._report(operation.token, 1.0, (), finished=True)
                    return
                except PersistenceError as error:
                    # A recording whose deletion waited for the export cannot be deleted now.
                    causes.warning(operation.token, "the end of an export could not be stored: %s", error)
                    stop.wait(_RETRY)
        except _StoppedError:
            return
        except StateError as error:
            _log.debug("the export %s ends early: %s", operation.token, error)

    def _export(
        self, operation: ExportOperation, token: str, name: str, report: Callable[[float], None]
    ) -> Sequence[LeftOut]:
        """Export a recording; return what was left out."""
        part = self._part(token)
        if part is None:
            return ()
        start = operation.start_point
        timelines = {place: Timeline.from_store(part.store, prefix=place[0], postfix=place[1]) for place in part.places}
        if part.since is not None and (start is None or start < part.since):
            start = _first_accessible(timelines.values(), part.since)
            if start is None:
                return ()
        if start is not None and operation.end_point is not None and operation.end_point <= start:
            return ()
        selection = join(
            select(timeline, start=start, end=operation.end_point, prefix=prefix, postfix=postfix)
            for (prefix, postfix), timeline in timelines.items()
        )
        if not selection:
            return ()
        expected = max(_size(part.store, selection), 1)
        store = self._storages[operation.storage_destination.storage_token]
        writer = store.open_writer(name, content_type=_CONTENT_TYPE)
        try:
            out = _Output(writer, lambda size: report(min(size / expected, 0.99)))
            done = export_movie(part.store, selection, out, keys=part.keys, strict=False)  # type: ignore[arg-type]
            writer.seal({})
            for one in done.left_out:
                _log.warning("the export %s lacks: %s", name, one)
            return done.left_out
        finally:
            try:
                writer.abandon()
            except OnvifBmffError as error:
                _log.warning("%s: what was written of an export is left in the store: %s", name, error)


def clear_unfinished_exports(store: ObjectStore, recordings: Collection[str]) -> list[str]:
    """Remove files of exports that ended with their process, and return their names.

    Raises ``StoreError`` if the store failed.
    """
    found: list[str] = []
    if not isinstance(store, OpenAreaStore):
        return found
    for item in store.unsealed():
        stem, _, extension = item.key.rpartition("/")[2].rpartition(".")
        if item.content_type == _CONTENT_TYPE and extension == "mp4" and stem in recordings:
            store.resume(item).abandon()
            found.append(item.key)
    return found


def _first_accessible(timelines: Iterable[Timeline], since: UtcTime) -> UtcTime | None:
    """Return where a file may begin of which nothing is older than a limit (5.3.1); None for nowhere.

    It begins with the first segment of the leading kind of media behind the limit. A file has to begin with a sync
    sample: that before the limit is too old.
    """
    first: dict[int, UtcTime] = {}
    for timeline in timelines:
        for span in timeline.spans:
            rank = min(kind.rank for kind in media_in(span.extension))
            for segment in span.segments:
                if segment.start >= since:
                    first[rank] = min(first.get(rank, segment.start), segment.start)
                    break
    return first[min(first)] if first else None


def _size(store: ObjectStore, selection: Selection) -> int:
    """Return the approximate size of an export in bytes."""
    size = 0
    for piece in (piece for parts in selection.parts.values() for piece in parts):
        for segment in piece.segments():
            with suppress(ObjectNotFoundError, ObjectDamagedError):  # the export says so
                size += store.head(segment.name).size
    return size
