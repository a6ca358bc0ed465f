"""What was recorded when, by the keys of objects alone (ONVIF Recording Control 25.12, B.2 to B.5)."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import timedelta
from typing import Self

from onvif_bmff.media.track import TrackType
from onvif_bmff.objects.extensions import EXTENSIONS, media_in
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.key_columns import SpanColumns
from onvif_bmff.playback.key_order import order_of, time_of
from onvif_bmff.playback.key_reader import KeyReader
from onvif_bmff.playback.listing import listing_prefixes
from onvif_bmff.playback.recorded import Gap, OrphanEnd, Overlap, RecordedSegment, RecordedSpan, SpanList
from onvif_bmff.timing import UtcTime

__all__ = ["Timeline"]


class Timeline:
    """Spans, gaps, lost objects and overlaps of recordings, by their keys.

    Nothing is guessed: if the end of a segment is unknown, because the next one is lost or the span has no end object,
    ends are None and gaps are not ``exact``.

    Keys take some 40 bytes each, as columns; names are rebuilt on request.

    Attributes:
        spans: all spans, ordered by prefix, postfix, extension and time.
        objects: number of keys of segments and span ends, including duplicates.
        foreign: number of other names.
        foreign_examples: the first ten of those.
        other_formats: number of those that are keys of segments but for their extension, by extension: objects that
            a recorder stores in another format (``mkv``).
        ambiguous: number of keys with more than one part that could be the date, while prefix and postfix
            were not both given; the last such part was taken.
        duplicates: number of repeated keys.
        orphan_ends: number of span end objects without a span.
        ambiguous_ends: number of span end objects that fit the counters and times of several spans.
    """

    def __init__(self, kinds: list[SpanColumns]) -> None:
        self._kinds = kinds
        self.spans = SpanList(kinds)
        self.objects = 0
        self.foreign = 0
        self.foreign_examples: list[str] = []
        self.other_formats: dict[str, int] = {}
        self.ambiguous = 0
        self.duplicates = sum(kind.duplicates for kind in kinds)
        self.orphan_ends = sum(len(kind.orphans) for kind in kinds)
        self.ambiguous_ends = sum(kind.ambiguous_ends for kind in kinds)

    def __repr__(self) -> str:
        return f"<timeline of {self.objects} objects in {len(self.spans)} spans>"

    # ---- making ------------------------------------------------------------------------------------

    @classmethod
    def from_keys(
        cls,
        keys: Iterable[str | ObjectKey],
        *,
        prefix: str | None = None,
        postfix: str | None = None,
        extensions: Collection[str] = EXTENSIONS,
    ) -> Self:
        """Read keys in any order. Names that are not keys, or of another recording, are counted and skipped.

        Args:
            keys: names of objects, iterated once.
            prefix: the configured prefix (empty: none is configured), or None for any.
            postfix: the configured postfix, likewise.
            extensions: those that count as recordings; all that are registered by default.
        """
        reader = KeyReader(prefix, postfix, extensions)
        reader.read(keys)
        return cls.of_keys(reader)

    @classmethod
    def of_keys(cls, reader: KeyReader) -> Self:
        """Arrange the keys that a reader has read. Consumes them."""
        made = cls([columns.arrange() for columns in reader.columns()])
        made.objects, made.foreign, made.ambiguous = reader.objects, reader.foreign, reader.ambiguous
        made.foreign_examples = reader.foreign_examples
        made.other_formats = dict(sorted(reader.other_formats.items()))
        return made

    @classmethod
    def from_store(
        cls,
        store: ReadableStore,
        start: UtcTime | None = None,
        end: UtcTime | None = None,
        *,
        prefix: str | None = None,
        postfix: str | None = None,
        lookback: timedelta = timedelta(hours=1),
        extensions: Collection[str] = EXTENSIONS,
    ) -> Self:
        """Read the keys of a store; with ``start`` and ``end`` only the folders of that time.

        See ``listing_prefixes`` for the folders, and ``from_keys``.

        Raises:
            TimeError: the range ends before it starts.
            StoreError: the store failed.
        """
        if start is None or end is None:
            folders: Iterable[str] = (f"{prefix}/" if prefix else "",)
        else:
            folders = listing_prefixes(start, end, prefix=prefix, postfix=postfix, lookback=lookback)
        keys = (key for folder in folders for key in store.keys(folder))
        return cls.from_keys(keys, prefix=prefix, postfix=postfix, extensions=extensions)

    # ---- asking ------------------------------------------------------------------------------------

    @property
    def recordings(self) -> list[tuple[str, str]]:
        """Prefix and postfix of each recording."""
        return sorted({(kind.prefix, kind.postfix) for kind in self._kinds})

    @property
    def kinds(self) -> list[tuple[str, str, str]]:
        """Prefix, postfix and extension of each kind of spans."""
        return [(kind.prefix, kind.postfix, kind.extension) for kind in self._kinds]

    @property
    def extensions(self) -> list[str]:
        """Extensions of the spans."""
        return sorted({kind.extension for kind in self._kinds})

    def of(
        self,
        media: TrackType | str | None = None,
        *,
        prefix: str | None = None,
        postfix: str | None = None,
    ) -> SpanList:
        """Return the spans of a type of media or an extension, and of a recording."""
        return SpanList(list(self._of(media, prefix, postfix)))

    def orphans(
        self,
        media: TrackType | str | None = None,
        *,
        prefix: str | None = None,
        postfix: str | None = None,
    ) -> Iterator[OrphanEnd]:
        """Yield the span end objects without a span: all objects of their spans are missing."""
        for kind in self._of(media, prefix, postfix):
            first = time_of(kind.orders[0]) if kind.orders else None
            for key in kind.orphan_keys():
                yield OrphanEnd(key, first is None or key.time <= first)

    def gaps(
        self,
        media: TrackType | str | None = None,
        *,
        shortest: timedelta = timedelta(milliseconds=1),
        end_of: Callable[[RecordedSegment], UtcTime | None] | None = None,
    ) -> Iterator[Gap]:
        """Yield the times without a recording between the spans of each kind, by kind and time.

        Lost objects of a span are not gaps; see ``RecordedSpan.lost``.

        Args:
            media: a type of media or an extension; all if None.
            shortest: shorter times, or equal ones, are not gaps. Keys usually have milliseconds.
            end_of: returns the end of the last segment of a span without end object, for example by its
                Duration attribute, or None if that is unknown.
        """
        for kind in self._of(media):
            reach: UtcTime | None = None
            reached_by = 0
            exact = False
            for number in range(len(kind)):
                span = RecordedSpan(kind, number)
                start = span.start
                if reach is not None and start - reach > shortest:
                    known = exact and span.first_counter == 0
                    yield Gap(reach, start, RecordedSpan(kind, reached_by), span, known)
                end = span.end
                if end is None and end_of is not None:
                    end = end_of(span.segments[-1])
                if reach is None or (end or span.last_start) >= reach:
                    reach, reached_by, exact = end or span.last_start, number, end is not None

    def overlaps(self, media: TrackType | str | None = None) -> Iterator[Overlap]:
        """Yield each span that begins before earlier ones of its kind end, with the one of them that ends last."""
        for kind in self._of(media):
            longest = 0
            for number in range(1, len(kind)):
                start = kind.starts[number]
                reach = kind.reaches[number - 1]
                # The order of a span end is even and that of a segment at the same instant the odd one after
                # it, so adjacent spans do not overlap.
                if start <= reach:
                    mine = max(kind.end_orders[number], kind.orders[kind.firsts[number + 1] - 1])
                    first, second = RecordedSpan(kind, longest), RecordedSpan(kind, number)
                    yield Overlap(time_of(start), time_of(min(reach, mine)), first, second)
                if kind.reaches[number] > reach:
                    longest = number

    def locate(
        self,
        at: UtcTime,
        media: TrackType | str | None = None,
        *,
        prefix: str | None = None,
        postfix: str | None = None,
    ) -> RecordedSegment | None:
        """Return the segment that covers an instant, or None if nothing was recorded then.

        If spans overlap, it is the segment that began last. A segment with unknown end (``end`` is None) counts
        until something else begins, so the instant may lie after its real end.
        """
        order = order_of(at)
        best: RecordedSegment | None = None
        for kind in self._of(media, prefix, postfix):
            found = _locate(kind, order)
            if found is not None and (best is None or found.start > best.start):
                best = found
        return best

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the segments as an Arrow table, a row for each; see ``arrow_of_segments``. ``spans`` is one, too."""
        from onvif_bmff.playback.arrow_tables import arrow_of_segments

        return arrow_of_segments(self.spans)

    @property
    def kept_bytes(self) -> int:
        """Memory of the columns, in bytes."""
        return sum(kind.kept_bytes for kind in self._kinds)

    def _of(
        self, media: TrackType | str | None, prefix: str | None = None, postfix: str | None = None
    ) -> Iterator[SpanColumns]:
        for kind in self._kinds:
            if (
                (
                    media is None
                    or (media in media_in(kind.extension) if isinstance(media, TrackType) else media == kind.extension)
                )
                and (prefix is None or kind.prefix == prefix)
                and (postfix is None or kind.postfix == postfix)
            ):
                yield kind


def _locate(kind: SpanColumns, order: int) -> RecordedSegment | None:
    """Return the last segment of a kind that covers the instant of an order."""
    number = bisect_right(kind.starts, order) - 1
    if number < 0:
        return None
    endless = True  # an earlier span ended before a later start, unless it is known to reach farther
    while True:
        end = kind.end_orders[number]
        last = kind.orders[kind.firsts[number + 1] - 1]
        if (end == -1 and endless) or order <= last or order < end:
            return RecordedSpan(kind, number).segments.before(order)
        if kind.reaches[number] < order:
            return None
        endless = False
        number -= 1
