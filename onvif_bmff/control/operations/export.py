"""Export of recorded data: start, stop, state, progress (5.21 to 5.23).

The work is done by the application's ``Exporter``, which reports with ``report``. Exports live in memory: after
a restart their tokens are unknown. A recording that is deleted while an export reads it stays until that
export ends; the deletion itself is durable.
"""

from collections.abc import Sequence
from dataclasses import replace

from onvif_bmff.control.environment import ExportOperation
from onvif_bmff.control.faults import ActionNotSupported, BadConfiguration
from onvif_bmff.control.operations.checks import check_tokens, check_types, is_progress
from onvif_bmff.control.transaction import ExportRecord, Transaction, as_text, export_event
from onvif_bmff.control.types.common import PropertyOperation
from onvif_bmff.control.types.export import ExportState, FileProgress, SearchScope, StorageReferencePath
from onvif_bmff.errors import StateError
from onvif_bmff.timing import UtcTime

__all__ = [
    "accept_export",
    "begin_export",
    "export_state",
    "report",
    "stop_export",
]

_MAX_PATH_LENGTH = 512


def accept_export(
    tx: Transaction,
    start_point: UtcTime | None,
    end_point: UtcTime | None,
    search_scope: SearchScope,
    file_format: str,
    storage_destination: StorageReferencePath,
) -> ExportOperation:
    """ExportRecordedData, before anything is begun (5.21)."""
    formats = tx.environment.capabilities.supported_export_file_formats
    if not formats:
        raise ActionNotSupported
    check_types(search_scope, SearchScope, "SearchScope")
    check_types(storage_destination, StorageReferencePath, "StorageDestination")
    check_types(start_point, UtcTime | None, "StartPoint")
    check_types(end_point, UtcTime | None, "EndPoint")
    as_text(file_format, "FileFormat")
    if file_format not in formats:
        raise BadConfiguration("the export file format is not supported")
    if start_point is not None and end_point is not None and end_point < start_point:
        raise BadConfiguration("EndPoint is before StartPoint")
    check_tokens("StorageToken", storage_destination.storage_token)
    _check_path(storage_destination.relative_path or "")
    if not tx.environment.resources.has_storage(storage_destination.storage_token):
        raise BadConfiguration("StorageToken names no storage configuration")
    return ExportOperation(
        tx.new_token("export"),
        _select(tx, search_scope),
        file_format,
        storage_destination,
        start_point,
        end_point,
    )


def _check_path(path: str) -> None:
    if len(path.encode()) > _MAX_PATH_LENGTH or any(part in (".", "..") for part in path.split("/")):
        raise BadConfiguration(
            f'RelativePath must not hold "." or ".." parts, nor be longer than {_MAX_PATH_LENGTH} bytes'
        )
    if not path.isprintable():
        raise BadConfiguration("RelativePath must not hold control characters")


def _select(tx: Transaction, scope: SearchScope) -> tuple[str, ...]:
    """Return the recordings of a scope; a deleted one that waits for older exports is excluded."""
    if scope.recording_information_filter:
        raise BadConfiguration("RecordingInformationFilter is not supported")
    known = {token for token, recording in tx.state.recordings.items() if not recording.deletion_pending}
    if not known.issuperset(scope.included_recordings):
        raise BadConfiguration("IncludedRecordings names an unknown recording")
    found = tuple(dict.fromkeys(scope.included_recordings)) or tuple(t for t in tx.state.recordings if t in known)
    if scope.included_sources:
        wanted = {(source.token, source.type) for source in scope.included_sources}
        fed = {
            job.configuration.recording_token
            for job in tx.state.jobs.values()
            for source in job.configuration.source
            if source.source_token and (source.source_token.token, source.source_token.type) in wanted
        }
        found = tuple(token for token in found if token in fed)
    return found


def begin_export(tx: Transaction, operation: ExportOperation, file_names: Sequence[str]) -> None:
    """Register an export that the exporter has begun."""
    files = tuple(FileProgress(name, 0.0) for name in file_names)
    tx.volatile.exports[operation.token] = ExportRecord(operation, files)
    _emit(tx, tx.volatile.exports[operation.token], PropertyOperation.INITIALIZED)


def export_state(tx: Transaction, operation_token: object) -> ExportState:
    """GetExportRecordedDataState (5.23); finished exports can be queried for a while."""
    export = _find(tx, operation_token)
    return ExportState(export.progress, export.files)


def stop_export(tx: Transaction, operation_token: object) -> ExportState:
    """StopExportRecordedData (5.22): afterwards the operation does not exist any more."""
    export = _find(tx, operation_token)
    del tx.volatile.exports[export.operation.token]
    if not export.finished:
        _emit(tx, export, PropertyOperation.DELETED)
    return ExportState(export.progress, export.files)


def report(
    tx: Transaction,
    operation_token: str,
    progress: float,
    files: Sequence[FileProgress],
    *,
    finished: bool,
    error: str | None,
) -> None:
    """Take the progress of an export, and of each file, each 0.0 to 1.0.

    Without files, the known ones stay unchanged.

    Raises:
        StateError: there is no such export, it has finished, or a progress is out of range.
    """
    export = tx.volatile.exports.get(operation_token)
    if export is None or export.finished:
        raise StateError("progress was reported of an export that is not running")
    if not all(is_progress(value) for value in (progress, *(file.progress for file in files))):
        raise StateError("progress is a number from 0.0 to 1.0")
    export = replace(export, progress=float(progress), files=tuple(files) or export.files, finished=finished)
    tx.volatile.exports[operation_token] = export
    _emit(tx, export, PropertyOperation.CHANGED, error)
    if finished:
        _emit(tx, export, PropertyOperation.DELETED, error)
        _forget_oldest(tx)


def _forget_oldest(tx: Transaction) -> None:
    finished = [token for token, export in tx.volatile.exports.items() if export.finished]
    for token in finished[: max(len(finished) - tx.environment.limits.finished_exports, 0)]:
        del tx.volatile.exports[token]


def _find(tx: Transaction, operation_token: object) -> ExportRecord:
    if not tx.environment.capabilities.supported_export_file_formats:
        raise ActionNotSupported
    found = tx.volatile.exports.get(as_text(operation_token, "OperationToken"))
    if found is None:
        raise BadConfiguration("the operation does not exist")
    return found


def _emit(tx: Transaction, export: ExportRecord, operation: PropertyOperation, error: str | None = None) -> None:
    tx.emit(export_event(tx.now, operation, export, error))
