"""Recorded segments: list and export (26.06).

The application lists (``RecordedSegments``) and uploads (``SegmentExporter``) segments; this module validates
requests, limits answers, and sends events to clients. Where the specification is silent:

* A range that ends before it begins is BadDuration, an empty one too for an export; wrong types, tracks and
  numbers of results are BadConfiguration.
* Data beyond the retention time are neither listed nor exported (5.3.1). As segments are whole, those that began
  before that are left out; they are deleted once all of them is too old.
* A recording that keeps nothing itself cannot be exported from: InvalidStorage.
* A Track is considered in CMAF only; the segments of a multiplexed recording hold all tracks.
* As with other exports, a recording that is deleted goes when the export ends (5.21).
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from onvif_bmff.control.environment import SegmentExportOperation, TimeRange
from onvif_bmff.control.faults import (
    ActionNotSupported,
    BadConfiguration,
    BadDuration,
    InvalidStorage,
    NoOperation,
    NoRecording,
    NoStorage,
)
from onvif_bmff.control.operations.checks import check_types, is_progress, is_token
from onvif_bmff.control.state import Recording
from onvif_bmff.control.transaction import SegmentExportRecord, Transaction, as_text, segment_export_event
from onvif_bmff.control.types.common import PropertyOperation
from onvif_bmff.control.types.configuration import StorageStrategy, TargetFormat, TrackType
from onvif_bmff.control.types.export import FileProgress
from onvif_bmff.control.types.segments import DateTimeRange, RecordedSegmentItem, SegmentListResult
from onvif_bmff.errors import StateError
from onvif_bmff.timing import UtcTime

__all__ = [
    "accept_listing",
    "begin_segment_export",
    "cut_listing",
    "end_export",
    "report_segment",
    "stop_segment_export",
]


def accept_listing(
    tx: Transaction, time: DateTimeRange, recording_token: str, max_results: int | None
) -> tuple[TimeRange, int, UtcTime | None]:
    """Return the validated range and limit of a listing, and the instant before which no segment may begin."""
    if not _is_offered(tx) or tx.environment.segments is None:
        raise ActionNotSupported
    recording = tx.recording(recording_token)
    wanted = _accept_time(tx, time, recording)
    check_types(max_results, int | None, "MaxResults")
    if max_results is not None and max_results < 1:
        raise BadConfiguration("MaxResults must be one or more")
    if not _is_local(recording):
        raise NoStorage
    limit = tx.environment.limits.listed_segments
    return wanted, min(max_results or limit, limit), recording.accessible_since(tx.now)


def cut_listing(
    found: Iterable[RecordedSegmentItem], wanted: TimeRange, most: int, since: UtcTime | None = None
) -> SegmentListResult:
    """Return the first segments of a list, at most ``most``, of those that begin ``since`` an instant.

    Clients continue from the last end that they got. Segments of several tracks overlap, so a cut lies where no
    omitted segment ends before that. Only if there is no such place is one left out.
    """
    inside = (
        s
        for s in found
        if s.start_time < wanted.end and s.end_time > wanted.start and (since is None or s.start_time >= since)
    )
    taken = list(islice(inside, most))
    left = []
    for segment in inside:
        left.append(segment)
        if segment.start_time >= taken[-1].end_time:
            break
    if not left:
        return SegmentListResult(tuple(taken), has_more_results=False)
    ends = min(segment.end_time for segment in left)
    for count in range(len(taken), 0, -1):
        if taken[count - 1].end_time < ends:
            return SegmentListResult(tuple(taken[:count]), has_more_results=True)
        ends = min(ends, taken[count - 1].end_time)
    return SegmentListResult(tuple(taken), has_more_results=True)


def begin_segment_export(
    tx: Transaction,
    time: DateTimeRange,
    recording_token: str,
    alias: str | None,
    storage_token: str | None,
    track: str | None,
) -> SegmentExportOperation:
    """ExportRecordedSegments: register an export that is about to begin, and send its event."""
    environment = tx.environment
    if not _is_offered(tx) or environment.segment_exporter is None:
        raise ActionNotSupported
    recording = tx.recording(recording_token)
    if recording.deletion_pending:
        raise NoRecording
    check_types(alias, str | None, "Alias")
    check_types(track, str | None, "Track")
    check_types(storage_token, str | None, "StorageToken")
    if track is not None and track not in set(TrackType):
        raise BadConfiguration("Track is Video, Audio or Metadata")
    wanted = _accept_time(tx, time, recording)
    if time.until <= time.from_:
        raise BadDuration("the time to export is empty")
    target = recording.configuration.target
    storage = target.storage if storage_token is None and target is not None else storage_token
    if (
        not _is_local(recording)
        or storage is None
        or not is_token(storage)
        or not environment.resources.has_storage(storage)
    ):
        raise InvalidStorage
    if target is not None and target.format != TargetFormat.CMAF:
        track = None
    operation = SegmentExportOperation(
        tx.new_token("export"),
        recording.token,
        wanted,
        storage,
        TrackType(track) if track else None,
        alias,
        recording.accessible_since(tx.now),
    )
    export = SegmentExportRecord(operation)
    tx.volatile.segment_exports[operation.token] = export
    tx.emit(segment_export_event(tx.now, PropertyOperation.INITIALIZED, export))
    return operation


def stop_segment_export(tx: Transaction, operation_token: object) -> None:
    """StopExportRecordedSegments: afterwards the operation does not exist any more."""
    if not _is_offered(tx) or tx.environment.segment_exporter is None:
        raise ActionNotSupported
    held = tx.volatile.segment_exports
    export = held.pop(as_text(operation_token, "OperationToken"), None)
    if export is None:
        raise NoOperation
    tx.emit(segment_export_event(tx.now, PropertyOperation.DELETED, export))


def report_segment(tx: Transaction, operation_token: str, file_name: str, progress: float) -> None:
    """Take the report of one uploaded segment.

    Raises:
        StateError: there is no such export, or a value is out of range.
    """
    export = _running(tx, operation_token)
    if not is_progress(progress) or not file_name:
        raise StateError("an uploaded segment has a name, and a progress from 0.0 to 1.0")
    export = replace(export, progress=float(progress), last=FileProgress(file_name, 1.0))
    tx.volatile.segment_exports[operation_token] = export
    tx.emit(segment_export_event(tx.now, PropertyOperation.CHANGED, export))


def end_export(tx: Transaction, operation_token: str, error: str | None) -> None:
    """Take the report that an export is over.

    Raises:
        StateError: there is no such export.
    """
    export = _running(tx, operation_token)
    del tx.volatile.segment_exports[operation_token]
    if error is None:
        export = replace(export, progress=1.0)
    tx.emit(segment_export_event(tx.now, PropertyOperation.DELETED, export, error))


def _running(tx: Transaction, operation_token: object) -> SegmentExportRecord:
    export = tx.volatile.segment_exports.get(as_text(operation_token, "OperationToken"))
    if export is None:
        raise StateError("there is no such export of segments")
    return export


def _is_offered(tx: Transaction) -> bool:
    return tx.environment.profile.segment_operations and tx.environment.capabilities.segment_export


def _is_local(recording: Recording) -> bool:
    """Return whether the device keeps the data of a recording itself."""
    target = recording.configuration.target
    return target is None or target.storage_strategy in (StorageStrategy.LOCAL, StorageStrategy.BOTH)


def _accept_time(tx: Transaction, time: DateTimeRange, recording: Recording) -> TimeRange:
    check_types(time, DateTimeRange, "Time")
    if time.until < time.from_:
        raise BadDuration("Until is before From")
    oldest = recording.accessible_since(tx.now)
    return TimeRange(time.from_ if oldest is None else max(time.from_, oldest), time.until)
