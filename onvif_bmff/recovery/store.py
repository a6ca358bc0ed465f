"""Everything that a store needs after recorders died: unsealed segments completed, spans ended. B.2, B.5."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from onvif_bmff.errors import ObjectDamagedError, ObjectExistsError, ObjectNotFoundError, OnvifBmffError, StoreError
from onvif_bmff.objects.extensions import is_cmaf
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import (
    ObjectStore,
    OpenAreaStore,
    ReleasableWriter,
    SpanEndObject,
    UnsealedObject,
    WatchedOpenArea,
    is_stored,
)
from onvif_bmff.playback.recorded import RecordedSpan
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.recording.formats import full_content_type
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recovery.days import recorded_days
from onvif_bmff.recovery.ends import continues, has_end, nearly
from onvif_bmff.recovery.names import parsed, segment_of, shown_place
from onvif_bmff.recovery.segment import RecoveredSegment, recover_segment, span_end_before
from onvif_bmff.timing import UtcTime

__all__ = ["RecoveryReport", "recover_store"]

_log = logging.getLogger(__name__)
_Place: TypeAlias = tuple[str, str]
_DAYS = 2
"""Days before the last one of a recording in which spans that nobody ended are looked for, too."""


@dataclass(slots=True)
class RecoveryReport:
    """What was done, or with ``dry_run`` what would be.

    Keys of segments completed, of segments given up, and of span end objects written; what was ``left`` alone, because
    somebody records there; and what went wrong.
    """

    recovered: list[str] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dry_run: bool = False


Bound: TypeAlias = Callable[[str, str], UtcTime]


def recover_store(
    store: ObjectStore,
    labels: SegmentLabels = SegmentLabels(),  # noqa: B008
    *,
    places: Iterable[tuple[str, str]] | None = None,
    before: UtcTime | Bound | None = None,
    exclusive: bool = False,
    dry_run: bool = False,
) -> RecoveryReport:
    """Complete the segments that dead recorders left open in a store, and end the spans that nobody ended.

    Of a segment only the unfinished fragment is lost. One without a whole fragment is given up, and so is what is no
    segment at all; its span ends with the segment before it. A span ends where the last sample of its last segment
    does, for which that segment is read. A segment whose recorder stored it another time is given up too; where another
    object has its key, that is an error, and the segment stays. What fails is reported, never raised, and left for the
    next time; a second call finds nothing to do.

    Args:
        store: what holds the objects. Unsealed segments are looked for if it is an `OpenAreaStore`.
        labels: of the recorder, for the attributes of completed segments.
        places: prefix and postfix of each recording in which spans are to be ended; the day of its last key is found in
            some forty requests, however long ago that is, and spans are ended that reach into it or the two days
            before. None lists the whole store, and ends all spans.
        before: spans that have media from this instant on are left open; or what gives it for a prefix and a postfix.
        exclusive: nobody but the caller records into the store. Otherwise places are left alone in which a segment is
            being written, as far as the store can tell (`WatchedOpenArea`), or that have media from ``before`` on.
        dry_run: only report what would be done.
    """
    report = RecoveryReport(dry_run=dry_run)
    task = _Recovery(store, labels, before, report, exclusive=exclusive)
    try:
        task.look_for_writers()
    except OnvifBmffError as error:
        report.errors.append(str(error))
        return report
    task.complete_segments()
    for place in [None] if places is None else sorted(set(places)):
        try:
            task.end_spans(place)
        except OnvifBmffError as error:
            report.errors.append(f"{shown_place(place) or 'listing the store'}: {error}")
    for name in ("recovered", "abandoned", "ended", "left"):
        for what in getattr(report, name):
            _log.info("%s%s: %s", "would be " if dry_run else "", name, what)
    for problem in report.errors:
        _log.warning("not recovered: %s", problem)
    return report


_Found: TypeAlias = tuple[UnsealedObject, ObjectKey, RecoveredSegment | None]


class _Recovery:
    """One run over a store; ``report`` says what it did."""

    def __init__(
        self,
        store: ObjectStore,
        labels: SegmentLabels,
        before: UtcTime | Bound | None,
        report: RecoveryReport,
        *,
        exclusive: bool,
    ) -> None:
        self._store = store
        self._labels = labels
        self._before = before
        self._report = report
        self._exclusive = exclusive
        self._unsealed: tuple[UnsealedObject, ...] = ()
        self._in_use: set[_Place] = set()
        self._unlisted: set[tuple[str, str, str, int]] = set()  # segments that a listing has not yet

    def _bound(self, prefix: str, postfix: str) -> UtcTime | None:
        return self._before(prefix, postfix) if callable(self._before) else self._before

    def look_for_writers(self) -> None:
        """Find what dead writers left, and where living ones are."""
        store = self._store
        written: tuple[str, ...] = ()
        if isinstance(store, WatchedOpenArea):
            state = store.open_area_state()
            self._unsealed, written = state.unsealed, state.being_written
        if isinstance(store, OpenAreaStore) and not (self._report.dry_run and isinstance(store, WatchedOpenArea)):
            self._unsealed = tuple(store.unsealed())
        if not self._exclusive:
            keys = (parsed(name) for name in written)
            self._in_use = {(key.prefix, key.postfix) for key in keys if key is not None}

    # ---- segments that nobody sealed ---------------------------------------------------------------

    def complete_segments(self) -> None:
        """Complete or give up what dead writers left."""
        report, store = self._report, self._store
        if not isinstance(store, OpenAreaStore):
            return
        found: list[_Found] = []
        for item in self._unsealed:
            key = parsed(item.key)
            if key is None:
                continue  # not ours
            before = self._bound(key.prefix, key.postfix)
            if (key.prefix, key.postfix) in self._in_use or (before is not None and key.time >= before):
                report.left.append(item.key)  # perhaps of somebody who tries it again
                continue
            recovered = None
            try:
                if not key.span_end:
                    recovered = recover_segment(store.read_unsealed(item), key, labels=self._labels)
            except ObjectNotFoundError:
                continue  # somebody else recovers it
            except StoreError as error:
                report.errors.append(f"{item.key}: {error}")
                self._unlisted.add(segment_of(key))
                continue
            except OnvifBmffError as error:  # it is no segment
                report.errors.append(f"{item.key}: {error}")
            found.append((item, key, recovered))
        # Of several of one key the longest first: it may hold what the others do.
        found.sort(key=lambda one: (one[0].key, -one[2].size if one[2] else 0))
        for item, key, recovered in found:
            try:
                self._complete(store, item, key, recovered, self._content_type(found, key))
            except ObjectNotFoundError:
                continue
            except OnvifBmffError as error:
                report.errors.append(f"{item.key}: {error}")
                self._unlisted.add(segment_of(key))  # the next time, so its span does not end before it

    def _content_type(self, found: Iterable[_Found], key: ObjectKey) -> str:
        """Return the FullContentType of a segment's recording; empty where nothing says what else it holds.

        In MP4 that are the tracks of the segment, in CMAF what the segment before it says.
        """
        if not is_cmaf(key.extension):
            tracks = [track for _, other, one in found if one is not None and other == key for track in one.tracks]
            return full_content_type(tracks) if tracks else ""
        span = self._open_span_before(key) if key.counter else None
        if span is None or self._report.dry_run:
            return ""
        try:
            attributes = self._store.head(span.segments[-1].name).attributes
        except (ObjectDamagedError, ObjectNotFoundError):
            return ""
        return next((value for name, value in attributes.items() if name.lower() == "fullcontenttype"), "")

    def _complete(
        self,
        store: OpenAreaStore,
        item: UnsealedObject,
        key: ObjectKey,
        recovered: RecoveredSegment | None,
        content_type: str,
    ) -> None:
        report, dry_run = self._report, self._report.dry_run
        if key.span_end:
            if not dry_run:
                store.resume(item, 0).abandon()
            self._end(key)
            return
        if recovered is None or self._was_given_up(key):
            if not dry_run:
                store.resume(item).abandon()
            report.abandoned.append(item.key)
            self._end_before(key)
            return
        if not dry_run:
            writer = store.resume(item, recovered.size)
            try:
                if recovered.trailer:
                    writer.append(recovered.trailer)
                metadata = recovered.attributes.to_metadata()
                metadata |= {"FullContentType": content_type} if content_type else {}
                writer.seal(metadata)
            except ObjectExistsError:
                if not self._has_bytes(store.read_unsealed(item, 0, recovered.size), item.key):
                    raise StoreError("another object has its key; what is unsealed is kept") from None
                writer.abandon()
                report.abandoned.append(item.key)  # its recorder stored it another time, and may have gone on
                return
            finally:
                # No copy but this one may exist, whatever failed or was interrupted: it is there the next time.
                if isinstance(writer, ReleasableWriter):
                    writer.release()
        report.recovered.append(item.key)
        if dry_run:
            self._unlisted.add(segment_of(key))
        self._end(recovered.span_end)

    def _has_bytes(self, data: bytes, name: str) -> bool:
        """Tell whether an object holds all of these bytes, and perhaps more behind them.

        A service says of a race, too, that the object exists: that there is none is then no answer yet.
        """
        try:
            return self._store.get(name, 0, len(data)) == data
        except ObjectNotFoundError as error:
            raise StoreError(f"the store says that an object exists, and has none: {name}") from error

    def _was_given_up(self, key: ObjectKey) -> bool:
        """Return whether the span was ended where its segment of ``key`` begins: its recorder counted that as lost."""
        end = span_end_before(key)
        if end is None or not is_stored(self._store, str(end)):
            return False
        return self._open_span_before(key) is None  # else that is the end of another span

    def _end_before(self, key: ObjectKey) -> None:
        """End the span whose segment of ``key`` is given up, if anything of it is stored."""
        span = self._open_span_before(key) if key.counter else None
        if span is not None:
            self._end_span(span)

    def _open_span_before(self, key: ObjectKey) -> RecordedSpan | None:
        """Return the open span whose next segment has a key; None if there is none."""
        listed: list[str] = []
        for number, (_, keys) in enumerate(recorded_days(self._store, key.prefix, key.postfix, until=key.time)):
            listed += keys
            timeline = Timeline.from_keys(listed, prefix=key.prefix, postfix=key.postfix)
            for span in reversed(list(timeline.of(key.extension))):
                is_next = span.segments[-1].key.counter == key.counter - 1 and span.last_start <= key.time
                if span.end is None and is_next:
                    return span
            if number == _DAYS:
                break
        return None

    # ---- spans that nobody ended -------------------------------------------------------------------

    def end_spans(self, place: _Place | None) -> None:
        """End the spans of a place, or with None those of the whole store."""
        if place is None:
            timeline = Timeline.from_store(self._store)
            for one in timeline.recordings:
                self._end_all(one, list(timeline.of(prefix=one[0], postfix=one[1])))
            return
        prefix, postfix = place
        listed = list(self._last_keys(prefix, postfix))
        self._end_all(place, list(Timeline.from_keys(listed, prefix=prefix, postfix=postfix).spans))

    def _last_keys(self, prefix: str, postfix: str) -> Iterator[str]:
        """The keys of the last day of a place on which something began ``before``, and of two days on either side."""
        last: int | None = None
        newer: list[tuple[int, list[str]]] = []
        for day, keys in recorded_days(self._store, prefix, postfix):
            if last is None:
                newer = [one for one in newer if one[0] - day <= _DAYS]
                newer.append((day, keys))
                if not any(self._is_old(name, prefix, postfix) for name in keys):
                    continue
                last = day
                for _, found in newer:
                    yield from found
            elif last - day <= _DAYS:
                yield from keys
            else:
                return

    def _is_old(self, name: str, prefix: str, postfix: str) -> bool:
        before, key = self._bound(prefix, postfix), parsed(name, prefix, postfix)
        return before is None or (key is not None and key.time < before)

    def _end_all(self, place: _Place, spans: list[RecordedSpan]) -> None:
        open_spans = [span for span in spans if span.end is None]
        before = self._bound(*place)
        if before is not None:  # what began later may have the end that keys give to a span from before
            open_spans += [
                one for one in spans if one.last_start < before and one.end is not None and one.end >= before
            ]
        if not open_spans:
            return
        if not self._exclusive:
            newest = max(span.end or span.last_start for span in spans)
            if place in self._in_use or (before is not None and newest >= before):
                self._report.left += [span.segments[-1].name for span in open_spans if span.end is None]
                return
        ended = [span for span in spans if span.end is not None]
        beheaded = [span for span in spans if span.first_counter]
        for one in open_spans:
            span: RecordedSpan | None = one
            while span is not None:
                # Keys may give an end to the next span that began before it: that one has none then.
                span = self._end_if_old(span, ended, beheaded)

    def _end_if_old(
        self, span: RecordedSpan, ended: list[RecordedSpan], beheaded: list[RecordedSpan]
    ) -> RecordedSpan | None:
        """End a span, unless one of ``beheaded`` is the rest of it.

        If its end object is there, take the span that has it by keys out of ``ended``, and return that.
        """
        last, before = span.segments[-1], self._bound(span.prefix, span.postfix)
        if before is not None and span.last_start >= before:
            return None
        if (span.prefix, span.postfix, span.extension, last.key.counter + 1) in self._unlisted:
            return None  # the span ends behind a segment that is not there yet
        try:
            end = self._end_of(span)
            if end is None or has_end(span, end) or any(continues(one, end) for one in beheaded):
                return None
            other = next((one for one in ended if has_end(one, end)), None)
            if other is None:
                self._end(end)
            else:
                ended.remove(other)
            return other
        except ObjectNotFoundError:
            return None  # deleted meanwhile
        except OnvifBmffError as error:
            self._report.errors.append(f"{last.name}: {error}")
            return None

    def _end_span(self, span: RecordedSpan) -> None:
        end = self._end_of(span)
        if end is not None:
            self._end(end)

    def _end_of(self, span: RecordedSpan) -> ObjectKey | None:
        """Return the key of the end object of a span, by its last segment; None if it shall not be written."""
        last = span.segments[-1]
        key = ObjectKey.parse(last.name, prefix=span.prefix, postfix=span.postfix)
        found = recover_segment(self._store.get(last.name), key, sealed=True)
        if found is None:
            self._report.errors.append(f"{last.name}: nobody can tell where its span ends: it has no samples")
            return None
        before = self._bound(span.prefix, span.postfix)
        if not self._exclusive and before is not None and found.span_end.time >= before:
            self._report.left.append(last.name)
            return None
        return found.span_end

    def _end(self, end: ObjectKey) -> None:
        name = str(end)
        if name in self._report.ended or any(is_stored(self._store, str(one)) for one in nearly(end)):
            return
        if not self._report.dry_run:
            try:
                self._store.put(SpanEndObject(end))
            except ObjectExistsError as error:
                if not is_stored(self._store, name):
                    raise StoreError(f"the store says that an object exists, and has none: {name}") from error
                return
        elif is_stored(self._store, name):
            return
        self._report.ended.append(name)
