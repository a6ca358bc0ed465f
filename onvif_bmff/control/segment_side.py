"""What release 26.06 adds to the service: its three operations on recorded segments, and what the device tells.

They are offered under a profile that has them (`PROFILE_26_06`), with the capability SegmentExport, and where
the device has what they need; otherwise they are refused as `ActionNotSupported`.
"""

from onvif_bmff.control.engine_side import EngineSide
from onvif_bmff.control.environment import SegmentExportOperation
from onvif_bmff.control.operations import segments
from onvif_bmff.control.transaction import Transaction
from onvif_bmff.control.types.segments import DateTimeRange, SegmentListResult

__all__ = ["SegmentSide"]


class SegmentSide(EngineSide):
    """The operations on recorded segments (26.06)."""

    # ---- operations --------------------------------------------------------------------------------

    def list_recorded_segments(
        self, time: DateTimeRange, recording_token: str, max_results: int | None = None
    ) -> SegmentListResult:
        """ListRecordedSegments, 26.06: whole segments that share an instant with a time, the oldest first.

        Faults: `NoRecording`, `NoStorage`, `BadDuration`, `BadConfiguration`, `ActionNotSupported`.
        """
        wanted, most = self._read(lambda tx: segments.accept_listing(tx, time, recording_token, max_results))
        source = self._environment.segments
        assert source is not None  # accept_listing saw to it
        # Not under the lock: a store may take its time, and recording must not wait for it.
        return segments.cut_listing(source.segments(recording_token, wanted), wanted, most)

    def export_recorded_segments(
        self,
        time: DateTimeRange,
        recording_token: str,
        *,
        alias: str | None = None,
        storage_token: str | None = None,
        track: str | None = None,
    ) -> str:
        """ExportRecordedSegments, 26.06: uploads segments and returns the operation token.

        ``storage_token`` replaces the storage of the recording's target; ``track`` is a `TrackType`; ``alias``
        comes back in every event. Faults: `NoRecording`, `InvalidStorage`, `BadDuration`, `BadConfiguration`,
        `ActionNotSupported`.
        """

        def begin(tx: Transaction) -> str:
            operation: SegmentExportOperation = segments.begin_segment_export(
                tx, time, recording_token, alias, storage_token, track
            )
            assert tx.environment.segment_exporter is not None  # begin_export saw to it
            tx.environment.segment_exporter.start(operation)
            return operation.token

        return self._run(begin)

    def stop_export_recorded_segments(self, operation_token: str) -> None:
        """StopExportRecordedSegments, 26.06. Faults: `NoOperation`, `ActionNotSupported`."""

        def stop(tx: Transaction) -> None:
            segments.stop_segment_export(tx, operation_token)
            if tx.environment.segment_exporter is not None:
                tx.environment.segment_exporter.stop(operation_token)

        self._run(stop)

    # ---- what the uploader tells -------------------------------------------------------------------

    def report_segment(self, operation_token: str, file_name: str, progress: float) -> None:
        """Say that one segment was uploaded (26.06); every call is one event.

        Args:
            operation_token: the export.
            file_name: StorageUri of the storage followed by the object key.
            progress: how much of the whole export is done, 0.0 to 1.0.

        Raises:
            StateError: there is no such export running, or a value is out of range.
        """
        self._run(lambda tx: segments.report_segment(tx, operation_token, file_name, progress))

    def report_segments_done(self, operation_token: str, error: str | None = None) -> None:
        """Say that an export of segments is over, well or with an error (26.06).

        Raises:
            StateError: there is no such export running.
        """
        self._run(lambda tx: segments.end_export(tx, operation_token, error))
