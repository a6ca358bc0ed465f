"""Stored objects as pieces to play: subsegments, in parts without a loss or gap between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from onvif_bmff.errors import ProtectionError
from onvif_bmff.export.checked_subsegments import CheckedSubsegments
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.header import SegmentHeader
from onvif_bmff.playback.lead_in import shown_before, with_lead_in
from onvif_bmff.playback.left_out import LeftOut
from onvif_bmff.playback.object_check import settle_header
from onvif_bmff.playback.recorded import RecordedSegment
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.seek_point import Subsegment
from onvif_bmff.playback.selection import Selection, SpanPart
from onvif_bmff.timing import UtcTime

__all__ = ["ContinuousPart", "checked_parts", "strict_parts"]

_ROUNDED = 2_000
"""Microseconds by which keys and Duration attributes may be rounded."""


@dataclass(slots=True)
class ContinuousPart:
    """Subsegments without a loss or gap between them."""

    header: SegmentHeader
    map_name: str
    subsegments: list[tuple[RecordedSegment, Subsegment]]

    def lengths(self) -> list[int]:
        """Return how long each subsegment is played, in microseconds; their sum is the length of the part.

        Each lasts until the next one begins: ends by Duration attributes are rounded, and would add up to an error.
        """
        starts = [one.start.microseconds for _, one in self.subsegments]
        last = self.subsegments[-1][1]
        ends = [*starts[1:], starts[-1] + last.end.microseconds_since(last.start)]
        own = [one.end.microseconds_since(one.start) for _, one in self.subsegments]
        return [
            end - start if 0 < end - start <= length + _ROUNDED else length
            for start, end, length in zip(starts, ends, own, strict=True)
        ]


def strict_parts(parts: tuple[SpanPart, ...], selection: Selection, seeker: Seeker) -> Iterator[ContinuousPart]:
    """Yield the parts of spans, by the indexes of their objects.

    Raises:
        BoxError, MediaError: an object is invalid.
        ProtectionError: the recording is encrypted.
        StoreError: the store failed.
    """
    for part, start in _from_key_frames(parts, selection, seeker):
        for run in part.runs():
            first: RecordedSegment | None = None
            subsegments: list[tuple[RecordedSegment, Subsegment]] = []
            for segment in run.segments():
                first = first or segment
                header = seeker.header(segment)
                if header.is_protected:
                    raise ProtectionError(f"{segment.name} is encrypted, which players cannot play")
                found = seeker.subsegments(segment)
                subsegments += [
                    (segment, subsegment) for subsegment in found if _wanted(subsegment, start, selection.end)
                ]
            if first is not None and subsegments:
                yield ContinuousPart(seeker.header(first), first.name, subsegments)


def checked_parts(
    parts: tuple[SpanPart, ...], selection: Selection, store: ReadableStore, seeker: Seeker, left_out: list[LeftOut]
) -> Iterator[ContinuousPart]:
    """Yield the same as ``strict_parts``, of whole fragments only; note what is left out."""
    for part in parts:
        header, faults = settle_header(store, seeker, part)
        if header is None:
            left_out += faults
            continue
        if header.is_protected:
            name = part.span.segments[part.first].name
            raise ProtectionError(f"{name} is encrypted, which players cannot play")
        ((part, start),) = _from_key_frames((part,), selection, seeker)
        checked = CheckedSubsegments(store, seeker, part, header)
        current: ContinuousPart | None = None
        before = -1
        for index in range(part.first, part.stop):
            segment = part.span.segments[index]
            faults_before = len(checked.left_out)
            for number, run in enumerate(checked.of(index)):
                if current is None or number or segment.key.counter != before + 1:
                    if current is not None and current.subsegments:
                        yield current
                    current = ContinuousPart(header, segment.name, [])
                current.subsegments += [(segment, one) for one in run if _wanted(one, start, selection.end)]
            before = segment.key.counter if len(checked.left_out) == faults_before else -1
        if current is not None and current.subsegments:
            yield current
        left_out += checked.left_out


def _from_key_frames(
    parts: tuple[SpanPart, ...], selection: Selection, seeker: Seeker
) -> Iterator[tuple[SpanPart, UtcTime | None]]:
    """Yield each part, and from when on subsegments are wanted: from the group on that the first pictures need.

    Indexes list key frames; what is shown before one is decoded from the subsegment before on.
    """
    start = selection.start
    for part in parts:
        first = part.span.segments[part.first]
        if start is None or start < first.start:
            yield part, start
        else:
            wanted = start - timedelta(microseconds=shown_before(first, seeker))
            yield with_lead_in(part, start, seeker), wanted


def _wanted(subsegment: Subsegment, start: UtcTime | None, end: UtcTime | None) -> bool:
    return (start is None or subsegment.end > start) and (end is None or subsegment.start < end)
