"""The segments that a device keeps itself: listed, and uploaded on request (ONVIF Recording Control 26.06).

They are CMAF objects below ``recording/track`` in the local store, whole and never changed, so lists of them are
stable. An upload copies them as they are, the oldest first, one after another: under the prefix and postfix of the
recording's target where that is CMAF, else below the target's prefix with the track, or below ``recording/track``
without a target. What is there already is not written again, so an upload can be repeated. Into the place that the
recording writes to itself (StorageStrategy Both) goes what is missing there, as spans of its own: see ``OwnPlace``.
"""

import heapq
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from onvif_bmff.control.environment import SegmentExportOperation, TimeRange
from onvif_bmff.control.places import local_prefix
from onvif_bmff.control.plan import RecordingPlan
from onvif_bmff.control.types.configuration import RecordingTargetConfiguration, StorageStrategy, TargetFormat
from onvif_bmff.control.types.segments import RecordedSegmentItem
from onvif_bmff.device.own_place import OwnPlace
from onvif_bmff.device.running_exports import RunningExports
from onvif_bmff.errors import ObjectAttributeError, ObjectExistsError, ObjectNotFoundError, OnvifBmffError, StateError
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.extensions import media_in
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import LocatedStore, ObjectInfo, ObjectStore, SpanEndObject
from onvif_bmff.playback.recorded import RecordedSegment, RecordedSpan
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.recovery.segment import recover_segment
from onvif_bmff.runtime import SYSTEM, Flag, Runtime
from onvif_bmff.timing import UtcTime

__all__ = ["LocalSegments", "SegmentUploader"]

_log = logging.getLogger(__name__)

_BLOCK = 1 << 20
_TRIES = 4
_FIRST_RETRY = 1.0
_MANY_FOLDERS = timedelta(days=2)
"""A longer range is listed as a whole: one listing of all keys is less than one for each hour."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A segment, the token of its track, its last instant, and what the store knows of it."""

    track: str
    segment: RecordedSegment
    end: UtcTime
    info: ObjectInfo

    @property
    def order(self) -> tuple[UtcTime, str]:
        return self.segment.start, self.segment.name


class LocalSegments:
    """The service's ``RecordedSegments``: whole segments of the local store.

    Args:
        store: holds the local data, each track below ``recording/track``.
        plan: returns the plan of a recording, or None if there is none.
    """

    def __init__(self, store: ObjectStore, plan: Callable[[str], RecordingPlan | None]) -> None:
        self.store = store
        self._plan = plan

    def segments(self, recording_token: str, time: TimeRange) -> Iterator[RecordedSegmentItem]:
        """Yield whole segments that share an instant with a range, in the order of their starts; see the protocol."""
        for found in self.find(recording_token, time):
            attributes = _attributes(found.info)
            media_type = attributes.full_content_type or found.info.content_type or "application/octet-stream"
            yield RecordedSegmentItem(found.segment.start, found.end, media_type)

    def find(self, recording_token: str, time: TimeRange, kind: str | None = None) -> Iterator[_Found]:
        """Yield the same segments of one kind of track, or with None of all."""
        plan = self._plan(recording_token)
        tracks = () if plan is None else plan.tracks
        of = [self._of_track(recording_token, track, time) for track, type_ in tracks if kind in (None, type_)]
        yield from heapq.merge(*of, key=lambda found: found.order)

    def _of_track(self, recording: str, track: str, time: TimeRange) -> Iterator[_Found]:
        prefix = local_prefix(recording, track)
        plan = self._plan(recording)
        target = None if plan is None else plan.configuration.target
        lookback = timedelta(hours=1) if target is None else max(timedelta(hours=1), 2 * target.segment_duration)
        start: UtcTime | None = time.start
        if time.end.microseconds_since(time.start) > _MANY_FOLDERS // timedelta(microseconds=1):
            start = None
        timeline = Timeline.from_store(self.store, start, time.end, prefix=prefix, postfix="", lookback=lookback)
        for span in timeline.spans:
            for segment in span.segments:
                if segment.start >= time.end:
                    break
                if segment.end is not None and segment.end <= time.start:
                    continue
                with suppress(ObjectNotFoundError):  # deleted since it was listed
                    info = self.store.head(segment.name)
                    end = segment.end or segment.start + (_attributes(info).duration or timedelta(0))
                    if end > time.start:
                        yield _Found(track, segment, end, info)


class SegmentUploader:
    """The service's ``SegmentExporter``: copies whole local segments into a storage, one export after another.

    A storage that fails is tried again a few times; then the export ends with an error that says so. Keys that exist
    are not written again.

    Args:
        segments: finds the segments.
        storages: stores by token.
        plan: returns the plan of a recording, or None if there is none.
        report: ``DeviceSide.report_segment``.
        report_done: ``DeviceSide.report_segments_done``.
        runtime: runs the threads.
    """

    def __init__(
        self,
        segments: LocalSegments,
        storages: Mapping[str, ObjectStore],
        plan: Callable[[str], RecordingPlan | None],
        report: Callable[[str, str, float], None],
        report_done: Callable[[str, str | None], None],
        runtime: Runtime = SYSTEM,
    ) -> None:
        self._segments = segments
        self._storages = storages
        self._plan = plan
        self._report = report
        self._report_done = report_done
        self._running = RunningExports("segment export", runtime)

    def start(self, operation: SegmentExportOperation) -> None:
        """Begin in the background; see ``SegmentExporter.start``."""
        self._running.start(operation.token, partial(self._run, operation))

    def stop(self, operation_token: str) -> None:
        """End an export early; what is uploaded stays, and nothing of the segment in progress is visible."""
        self._running.stop(operation_token)

    def close(self, timeout: float | None = None) -> None:
        """Stop all exports."""
        self._running.close(timeout)

    def _run(self, operation: SegmentExportOperation, stop: Flag) -> None:
        error: str | None = None
        try:
            error = self._upload_all(operation, stop)
        except Exception as failure:  # noqa: BLE001 - third-party stores may raise anything; the export must end
            error = str(failure) or type(failure).__name__
        if error is not None:
            _log.warning("the export %s of segments ended early: %s", operation.token, error)
        if not stop.is_set():
            with suppress(StateError):  # stopped just now
                self._report_done(operation.token, error)

    def _upload_all(self, operation: SegmentExportOperation, stop: Flag) -> str | None:
        """Upload everything; return why not."""
        store = self._storages.get(operation.storage_token)
        if store is None:
            return "the storage is not there"
        given = self._segments.find(operation.recording, operation.time, operation.track)
        found = [one for one in given if operation.since is None or one.segment.start >= operation.since]
        names = self._names(operation, store, found)
        found = [one for one in found if one.segment.name in names]
        location = store.location.rstrip("/") if isinstance(store, LocatedStore) else operation.storage_token
        types = _full_content_types(found) if self._lie_together(operation.recording) else {}
        for number, one in enumerate(found, 1):
            key, end = names[one.segment.name]
            failure = self._try(store, one, (key, end), types.get(one.segment.span), stop)
            if stop.is_set():
                return None
            if failure is not None:
                return f"{key}: {failure}"
            with suppress(StateError):
                self._report(operation.token, f"{location}/{key}", number / len(found))
        return None

    def _names(
        self, operation: SegmentExportOperation, store: ObjectStore, found: Sequence[_Found]
    ) -> dict[str, tuple[ObjectKey, ObjectKey | None]]:
        """Return the keys of the segments that are to be uploaded, each with that of a span end if one follows."""
        plan = self._plan(operation.recording)
        target = None if plan is None else plan.configuration.target
        if target is None or not _writes_there(target, operation.storage_token):
            named = ((one, self._key(operation.recording, one)) for one in found)
            return {one.segment.name: (key, _end_behind(one, key)) for one, key in named}
        place = OwnPlace(store, target.prefix or "", target.postfix or "")
        fitting: dict[str, list[_Found]] = {}
        for one in found:
            extension = one.segment.key.extension
            if place.has_room(extension, one.segment.start, one.end):
                fitting.setdefault(extension, []).append(one)
        return {
            one.segment.name: keys
            for group in fitting.values()
            for one, keys in zip(
                group, place.names((one.segment, partial(self._last_end, one)) for one in group), strict=True
            )
        }

    def _last_end(self, found: _Found) -> UtcTime:
        """Return the end of the sample of a segment that is shown last, which need not be where the next one begins.

        Nor is it where its durations end: the last picture that is decoded may be shown before others. B.5.
        """
        with suppress(OnvifBmffError):
            made = recover_segment(self._segments.store.get(found.info.key), found.segment.key, sealed=True)
            if made is not None:
                return made.span_end.time
        duration = _attributes(found.info).duration
        return found.end if duration is None else min(found.end, found.segment.start + duration)

    def _lie_together(self, recording: str) -> bool:
        """Return whether all tracks of a recording are uploaded to one place."""
        plan = self._plan(recording)
        target = None if plan is None else plan.configuration.target
        return target is not None and target.format == TargetFormat.CMAF

    def _key(self, recording: str, found: _Found) -> ObjectKey:
        plan = self._plan(recording)
        target = None if plan is None else plan.configuration.target
        key = found.segment.key
        if target is None:
            return key
        if target.format == TargetFormat.CMAF:
            return replace(key, prefix=target.prefix or "", postfix=target.postfix or "")
        lead = f"{target.prefix}/{found.track}" if target.prefix else found.track
        return replace(key, prefix=lead, postfix=target.postfix or "")

    def _try(
        self,
        store: ObjectStore,
        found: _Found,
        keys: tuple[ObjectKey, ObjectKey | None],
        full_type: str | None,
        stop: Flag,
    ) -> str | None:
        """Upload a segment, and its span's end behind the last one; return why that failed again and again."""
        delay, failure = _FIRST_RETRY, ""
        for attempt in range(_TRIES):
            if attempt and stop.wait(delay):
                return None
            delay *= 2
            try:
                with suppress(ObjectExistsError):
                    self._copy(store, found, str(keys[0]), full_type, stop)
                if keys[1] is not None:
                    with suppress(ObjectExistsError):
                        store.put(SpanEndObject(keys[1]))
            except ObjectNotFoundError:
                return None  # too old by now, and deleted
            except Exception as error:  # noqa: BLE001 - third-party stores may raise anything
                failure = str(error) or type(error).__name__
            else:
                return None
        return failure

    def _copy(self, store: ObjectStore, found: _Found, name: str, full_type: str | None, stop: Flag) -> None:
        content_type = found.info.content_type or MediaKind.VIDEO.content_type
        writer = store.open_writer(name, content_type=content_type)
        try:
            for start in range(0, found.info.size, _BLOCK):
                if stop.is_set():
                    return
                writer.append(self._segments.store.get(found.info.key, start, _BLOCK))
            writer.seal(_with_full_type(found.info.attributes, full_type))
        finally:
            with suppress(OnvifBmffError):
                writer.abandon()


def _writes_there(target: RecordingTargetConfiguration, storage_token: str) -> bool:
    """Return whether a recording writes to the place by itself into which its segments are uploaded."""
    both = target.storage_strategy == StorageStrategy.BOTH
    return both and target.storage == storage_token and target.format == TargetFormat.CMAF


def _end_behind(found: _Found, key: ObjectKey) -> ObjectKey | None:
    """Return the key of the end of a span behind its last segment; None behind others, and where it is open."""
    span = found.segment.span
    if span.end_name is None or found.segment.name != span.segments[-1].name:
        return None
    end = ObjectKey.parse(span.end_name, prefix=found.segment.key.prefix, postfix=found.segment.key.postfix)
    return replace(end, prefix=key.prefix, postfix=key.postfix)


def _attributes(info: ObjectInfo) -> ObjectAttributes:
    try:
        return ObjectAttributes.from_metadata(info.attributes, strict=False)
    except ObjectAttributeError:
        return ObjectAttributes()


def _codecs(found: _Found) -> list[str]:
    full = _attributes(found.info).full_content_type or ""
    return [name for name in full.partition('codecs="')[2].rstrip('"').split(",") if name]


def _full_content_types(found: Iterable[_Found]) -> dict[RecordedSpan, str]:
    """Return the content type of all media of each span's time: tracks that were kept apart lie together (B.9)."""
    spans: dict[RecordedSpan, tuple[UtcTime, UtcTime, list[str]]] = {}
    for one in found:
        span = one.segment.span
        start, end, names = spans.get(span, (one.segment.start, one.end, []))
        spans[span] = start, max(end, one.end), list(dict.fromkeys([*names, *_codecs(one)]))
    ranked = sorted(spans, key=lambda span: [kind.rank for kind in media_in(span.extension)])
    made: dict[RecordedSpan, str] = {}
    for span, (start, end, _) in spans.items():
        beside = [more for first, last, more in (spans[one] for one in ranked) if first < end and last > start]
        codecs = dict.fromkeys(name for more in beside for name in more)
        if codecs:
            made[span] = f'{MediaKind.VIDEO.content_type}; codecs="{",".join(codecs)}"'
    return made


def _with_full_type(attributes: Mapping[str, str], full_type: str | None) -> Mapping[str, str]:
    if full_type is None or not any(name.lower() == "fullcontenttype" for name in attributes):
        return attributes
    return {name: full_type if name.lower() == "fullcontenttype" else value for name, value in attributes.items()}
