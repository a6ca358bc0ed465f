"""What a device gives away: movies, and the segments that it keeps itself."""

from collections.abc import Callable, Sequence

from onvif_bmff.cenc.keys.content import ContentKey, parse_kid
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.control.device_side import DeviceSide
from onvif_bmff.control.places import local_prefix
from onvif_bmff.control.plan import Place, RecordingPlan
from onvif_bmff.control.types.export import FileProgress
from onvif_bmff.device.exports import ExportPart, MovieExporter
from onvif_bmff.device.segments import LocalSegments, SegmentUploader
from onvif_bmff.device.stores import DeviceStores
from onvif_bmff.runtime import Runtime

__all__ = ["DeviceExports"]


class DeviceExports:
    """The exporters of a device, wired to its stores and its service.

    ``movies`` does ExportRecordedData (5.21). ``segments`` lists and ``uploader`` uploads what the device keeps itself
    (26.06); both are None without a local store.

    Args:
        stores: the stores of the device.
        device_side: returns the service's side of the device, which is made after this.
        runtime: runs the threads.
    """

    def __init__(self, stores: DeviceStores, device_side: Callable[[], DeviceSide], runtime: Runtime) -> None:
        self._stores = stores
        self._device_side = device_side
        self.movies = MovieExporter(stores.storages, self._part, self._progress, runtime)
        self.segments: LocalSegments | None = None
        self.uploader: SegmentUploader | None = None
        if stores.local is not None:
            self.segments = LocalSegments(stores.local, self._plan)
            self.uploader = SegmentUploader(
                self.segments, stores.storages, self._plan, self._segment, self._segments_done, runtime
            )

    def close(self, timeout: float) -> None:
        """Stop all exports, and wait so many seconds for each."""
        self.movies.close(timeout)
        if self.uploader is not None:
            self.uploader.close(timeout)

    def _plan(self, recording: str) -> RecordingPlan | None:
        return self._device_side().plans().recordings.get(recording)

    def _part(self, recording: str) -> ExportPart | None:
        plan = self._plan(recording)
        if plan is None:
            return None
        target = plan.configuration.target
        keys = KeyRing(ContentKey(parse_kid(kid), key) for kid, key in plan.keys.items()) if plan.keys else None
        if target is not None and Place.EXTERNAL in plan.places:
            store = self._stores.get(target.storage)
            return None if store is None else ExportPart(store, ((target.prefix or "", target.postfix or ""),), keys)
        if self._stores.local is None or not plan.tracks:
            return None
        since = self._device_side().accessible_since(recording)
        places = tuple((local_prefix(recording, track), "") for track, _ in plan.tracks)
        return ExportPart(self._stores.local, places, keys, since)

    def _progress(
        self,
        operation_token: str,
        progress: float,
        files: Sequence[FileProgress] = (),
        *,
        finished: bool = False,
        error: str | None = None,
    ) -> None:
        self._device_side().report_export(operation_token, progress, files, finished=finished, error=error)

    def _segment(self, operation_token: str, file_name: str, progress: float) -> None:
        self._device_side().report_segment(operation_token, file_name, progress)

    def _segments_done(self, operation_token: str, error: str | None) -> None:
        self._device_side().report_segments_done(operation_token, error)
