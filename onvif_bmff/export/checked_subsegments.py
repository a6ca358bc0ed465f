"""The subsegments of an object that may be damaged: only whole fragments, by the boxes themselves."""

from dataclasses import dataclass

from onvif_bmff.bmff import NON_SYNC_SAMPLE
from onvif_bmff.errors import BoxError, MediaError, OnvifBmffError
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.fragments import StoredFragment
from onvif_bmff.playback.header import SegmentHeader, read_header
from onvif_bmff.playback.left_out import LeftOut
from onvif_bmff.playback.object_check import ObjectCheck, check_place, headers_agree
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.seek_point import Subsegment
from onvif_bmff.playback.selection import SpanPart
from onvif_bmff.playback.source import StoreSource
from onvif_bmff.playback.whole_fragments import WholeFragments
from onvif_bmff.timing import UtcTime

__all__ = ["CheckedSubsegments", "whole_size"]

_BLOCK = 8 << 10


@dataclass(slots=True)
class _Head:
    """Where a fragment lies, whether the leading track begins with a sync sample in it, and its time in microseconds.

    ``broken``: something before it is missing.
    """

    offset: int
    stop: int
    sync: bool
    start: int
    end: int
    broken: bool


class CheckedSubsegments:
    """Reads the boxes of the objects of a span, one after another.

    Attributes:
        left_out: what is not whole, or not a segment of this span.
    """

    def __init__(self, store: ReadableStore, seeker: Seeker, part: SpanPart, header: SegmentHeader) -> None:
        self._store = store
        self._seeker = seeker
        self._part = part
        self._header = header
        self._clock: MediaClock | None = None
        self.left_out: list[LeftOut] = []

    def of(self, index: int) -> list[list[Subsegment]]:
        """Return the subsegments of segment ``index`` of the span, in runs without a loss between them.

        Raises:
            StoreError: the store failed.
        """
        check = ObjectCheck(self._part.span.segments[index])
        heads: list[_Head] = []
        try:
            heads = self._heads(index, check)
        except OnvifBmffError as error:
            check.note(error)
        found = check.left_out()
        if found is not None:
            self.left_out.append(found)
            return _runs(heads)
        try:
            usual = self._seeker.subsegments(check.segment)
        except (BoxError, MediaError):
            return _runs(heads)
        places = {head.offset for head in heads}
        return [usual] if all(one.offset in places for one in usual) else _runs(heads)

    def _heads(self, index: int, check: ObjectCheck) -> list[_Head]:
        segment = check.segment
        source, size = _open(self._store, segment.name)
        if not headers_agree(read_header(source), self._header):
            raise MediaError("its header is not that of its span: it is another object, or the header is damaged")
        whole = WholeFragments(source, self._header, size=size)
        heads: list[_Head] = []
        clock, known = None, 0
        for fragment in whole:
            if clock is None:
                if not whole.faults:
                    check_place(self._seeker, self._part, index, self._header, fragment, self._clock)
                    first = self._header.first_presentation(fragment.parts, first_of_span=segment.key.counter == 0)
                    self._clock = MediaClock(segment.key.time, *first)
                if self._clock is None:
                    break
                clock = self._clock
            misplaced = check.misplaced(fragment, clock)
            if misplaced is not None:
                whole.faults.append(misplaced)
            for error in whole.faults[known:]:
                check.note(error)
            if misplaced is None:
                heads.append(self._head(fragment, clock, broken=len(whole.faults) > known))
                check.passed(fragment, clock, self._header.lead)
            known = len(whole.faults)
        for error in whole.faults[known:]:
            check.note(error)
        if not heads and not check.faults:
            raise MediaError("the segment has no fragments")
        if check.is_short_of(segment.end) and not whole.is_indexed:
            check.note(MediaError(f"the object ends early, before {segment.end}"))
        return heads

    def _head(self, fragment: StoredFragment, clock: MediaClock, *, broken: bool) -> _Head:
        lead = fragment.part(self._header.lead.track_id)
        stop = fragment.offset + fragment.size
        if lead is None:
            return _Head(fragment.offset, stop, False, 0, 0, broken)  # noqa: FBT003
        first = lead.earliest_presentation
        start = clock.microseconds(first, lead.track.timescale)
        end = clock.microseconds(first + lead.duration, lead.track.timescale)
        sync = not next(iter(lead.runs[0].all_flags())) & NON_SYNC_SAMPLE
        return _Head(fragment.offset, stop, sync, start, end, broken)


def _runs(heads: list[_Head]) -> list[list[Subsegment]]:
    """Return the subsegments of whole fragments; each begins with a sync sample."""
    runs: list[list[Subsegment]] = []
    open_at = -1
    for head in heads:
        goes_on = open_at == head.offset and not head.broken
        if head.sync:
            if not goes_on:
                runs.append([])
            runs[-1].append(Subsegment(head.offset, head.stop, UtcTime(head.start), UtcTime(head.end)))
            open_at = head.stop
        elif goes_on:
            last = runs[-1].pop()
            end = max(last.end, UtcTime(head.end))
            runs[-1].append(Subsegment(last.offset, head.stop, last.start, end))
            open_at = head.stop
    return runs


def whole_size(store: ReadableStore, name: str) -> tuple[int, OnvifBmffError | None]:
    """Return up to which byte an object is a segment of whole fragments, and the fault behind it if there is one.

    Raises:
        BoxError, MediaError: the header cannot be read.
        StoreError: the store failed.
    """
    source, size = _open(store, name)
    header = read_header(source)
    whole = WholeFragments(source, header, size=size)
    stop = header.size
    for fragment in whole:
        if whole.faults:
            break
        stop = fragment.offset + fragment.size
    return (stop, whole.faults[0]) if whole.faults else (size, None)


def _open(store: ReadableStore, name: str) -> tuple[StoreSource, int]:
    return StoreSource(store, name, block=_BLOCK), store.head(name).size
