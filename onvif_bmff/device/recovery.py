"""After a crash: complete what was being written, and end the spans that nobody ended. B.2, B.5."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, runtime_checkable

from onvif_bmff.errors import ObjectExistsError, ObjectKeyError, OnvifBmffError
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ObjectStore, SpanEndObject
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.recording.formats import full_content_type
from onvif_bmff.recording.labels import Labels
from onvif_bmff.recording.recovery import RecoveredSegment, recover_segment, span_end_before
from onvif_bmff.storage.directory import DirectoryWriter
from onvif_bmff.storage.open_area import UnsealedObject
from onvif_bmff.timing import UtcTime

__all__ = ["RecoverableStore", "RecoveryReport", "end_open_spans", "recover_store", "span_end_of"]

_LOOKBACK = timedelta(days=2)


@runtime_checkable
class RecoverableStore(Protocol):
    """A store that keeps what a dead process was writing: `DirectoryStore`."""

    def unsealed(self) -> list[UnsealedObject]:
        """What was left behind."""
        ...

    def read_unsealed(self, item: UnsealedObject, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of it."""
        ...

    def resume(self, item: UnsealedObject, size: int | None = None) -> DirectoryWriter:
        """Go on with it."""
        ...


@dataclass(slots=True)
class RecoveryReport:
    """What was done: keys of segments completed and given up, of span end objects written, and what went wrong."""

    recovered: list[str] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def recover_store(store: ObjectStore, labels: Labels = Labels()) -> RecoveryReport:  # noqa: B008
    """Complete the segments that dead processes left open in a store, and end their spans.

    Only the unfinished fragment of each is lost. A segment without a whole fragment is given up, and so is what is no
    segment at all. What fails is reported, never raised, and left for the next time.
    """
    report = RecoveryReport()
    if not isinstance(store, RecoverableStore):
        return report
    try:
        items = store.unsealed()
    except OnvifBmffError as error:
        report.errors.append(str(error))
        return report
    found: list[tuple[UnsealedObject, ObjectKey, RecoveredSegment | None]] = []
    for item in items:
        try:
            key = ObjectKey.parse(item.key)
        except ObjectKeyError:
            continue  # not ours
        try:
            recovered = None if key.span_end else recover_segment(store.read_unsealed(item), key, labels=labels)
        except OnvifBmffError as error:
            report.errors.append(f"{item.key}: {error}")
            recovered = None
        found.append((item, key, recovered))
    for item, key, recovered in found:
        try:
            _complete(store, item, key, recovered, _content_type(found, key), report)
        except OnvifBmffError as error:
            report.errors.append(f"{item.key}: {error}")
    return report


def _content_type(found: Iterable[tuple[UnsealedObject, ObjectKey, RecoveredSegment | None]], key: ObjectKey) -> str:
    """The FullContentType of the recording that a segment belongs to: of all its segments that were open together."""
    tracks = [
        track
        for _, other, one in found
        if one is not None and (other.prefix, other.postfix) == (key.prefix, key.postfix)
        for track in one.tracks
    ]
    return full_content_type(tracks) if tracks else ""


def _complete(
    store: ObjectStore,
    item: UnsealedObject,
    key: ObjectKey,
    recovered: RecoveredSegment | None,
    content_type: str,
    report: RecoveryReport,
) -> None:
    assert isinstance(store, RecoverableStore)
    end: ObjectKey | None
    if key.span_end:
        store.resume(item, 0).abandon()
        end = key
    elif recovered is None:
        store.resume(item).abandon()
        report.abandoned.append(item.key)
        end = _end_of_rest(store, key)
    else:
        writer = store.resume(item, recovered.size)
        try:
            if recovered.trailer:
                writer.append(recovered.trailer)
            metadata = recovered.attributes.to_metadata()
            metadata["FullContentType"] = content_type
            writer.seal(metadata)
            report.recovered.append(item.key)
        except ObjectExistsError:
            report.abandoned.append(item.key)
        finally:
            writer.abandon()
        end = recovered.span_end
    if end is not None:
        _end(store, end, report)


def _end_of_rest(store: ObjectStore, key: ObjectKey) -> ObjectKey | None:
    """The end of a span whose last segment, of ``key``, is lost."""
    end = span_end_before(key)
    if end is None:
        return None
    timeline = Timeline.from_store(
        store, key.time - _LOOKBACK, key.time, prefix=key.prefix, postfix=key.postfix, lookback=_LOOKBACK
    )
    for span in reversed(list(timeline.of(key.extension))):
        last = span.segments[-1]
        if span.end is None and last.key.counter == key.counter - 1:
            return span_end_of(store, last.name)
    return end


def span_end_of(store: ObjectStore, name: str) -> ObjectKey | None:
    """The key of the span end object behind a stored segment; None if it has no samples.

    Raises ``StoreError`` if it cannot be read, ``BoxError`` or ``MediaError`` if it is none.
    """
    found = recover_segment(store.get(name), ObjectKey.parse(name))
    return None if found is None else found.span_end


def _end(store: ObjectStore, end: ObjectKey, report: RecoveryReport) -> None:
    try:
        store.put(SpanEndObject(end))
    except ObjectExistsError:
        return
    report.ended.append(str(end))


def end_open_spans(
    store: ObjectStore, places: Mapping[str, str] | Iterable[tuple[str, str]], started: UtcTime
) -> RecoveryReport:
    """Write the end objects of spans that began before ``started`` and have none.

    Args:
        store: where they lie.
        places: prefix and postfix of each recording.
        started: when this device began to record; spans that began later are its own.

    A span ends where the last sample of its last segment does, for which that segment is read.
    """
    report = RecoveryReport()
    for prefix, postfix in places.items() if isinstance(places, Mapping) else places:
        try:
            timeline = Timeline.from_store(
                store, started - _LOOKBACK, started, prefix=prefix, postfix=postfix, lookback=_LOOKBACK
            )
            for span in timeline.spans:
                if span.end is not None or span.start >= started:
                    continue
                last = span.segments[-1]
                end = span_end_of(store, last.name)
                if end is None:
                    continue
                _end(store, end, report)
        except OnvifBmffError as error:
            report.errors.append(f"{prefix}: {error}")
    return report
