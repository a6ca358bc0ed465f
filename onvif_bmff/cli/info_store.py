"""The facts on the recordings of a store. Of each segment the header and the movie fragments are read, no media."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from onvif_bmff.cenc import protection_headers
from onvif_bmff.cli.info_file import sample_row
from onvif_bmff.cli.info_samples import fragment_facts
from onvif_bmff.cli.info_tracks import TrackSums, protection_systems
from onvif_bmff.errors import BoxError, MediaError, ObjectDamagedError, ObjectNotFoundError, TimeError
from onvif_bmff.jobs.groups import NamedKey, grouped
from onvif_bmff.jobs.sources import StoreSource as Source
from onvif_bmff.jobs.sources import opened
from onvif_bmff.jobs.tasks import Shared, Workers
from onvif_bmff.objects import MediaClock, ReadableStore
from onvif_bmff.playback import (
    ArrowColumn,
    ArrowType,
    RecordedSegment,
    RecordedSpan,
    SegmentHeader,
    StoreSource,
    Timeline,
    arrow_of_rows,
    joined_tracks,
    read_header,
    segment_fragments,
)
from onvif_bmff.timing import UtcTime

__all__ = ["Recording", "SegmentFacts", "StoreFacts", "read_by_workers"]

_BLOCK = 64 << 10
"""Bytes of one request: boxes are small, and the media data between them are left out."""
_SEGMENTS = 64
"""Segments of a task at most, where workers share them."""
_DAMAGE = (BoxError, MediaError, ObjectDamagedError, ObjectNotFoundError)


class Recording:
    """The facts on the recording under one prefix and postfix."""

    def __init__(self, prefix: str, postfix: str) -> None:
        self.prefix, self.postfix = prefix, postfix
        self.start: UtcTime | None = None
        self.end: UtcTime | None = None
        self.spans = self.segments = self.size = 0
        self.systems: list[dict[str, Any]] = []
        self.tracks: dict[tuple[str, str, int], TrackSums] = {}

    def span(self, span: RecordedSpan, segments: list[RecordedSegment]) -> None:
        """Take the wanted segments of a span into account."""
        self.spans += 1
        first, last = segments[0], segments[-1]
        end = last.end or last.start
        self.start = first.start if self.start is None else min(self.start, first.start)
        self.end = end if self.end is None else max(self.end, end)

    def header(self, extension: str, header: SegmentHeader) -> dict[int, TrackSums]:
        """Return the sums of each track_ID of a header."""
        for found in protection_systems(header.protection_headers):
            if found not in self.systems:
                self.systems.append(found)
        joined, sums = joined_tracks(header), {}
        for track in header.movie_tracks:
            kind, ordinal = joined.get(track.track_id, (track.handler, track.track_id))
            identity = extension, str(kind), ordinal
            if identity not in self.tracks:
                self.tracks[identity] = TrackSums(track)
            own = sums[track.track_id] = self.tracks[identity]
            own.use(track)
            own.describe(track.first_description)
            own.groups(track.table.children)
        return sums

    def add_all(self, others: "Recording") -> None:
        """Add the facts on the segments that follow these."""
        self.segments += others.segments
        self.size += others.size
        self.systems += [one for one in others.systems if one not in self.systems]
        for identity, sums in others.tracks.items():
            if identity in self.tracks:
                self.tracks[identity].add_all(sums)
            else:
                self.tracks[identity] = sums

    def to_json(self) -> dict[str, Any]:
        """Return the facts as plain values."""
        return {
            "prefix": self.prefix,
            "postfix": self.postfix,
            "start": None if self.start is None else str(self.start),
            "end": None if self.end is None else str(self.end),
            "spans": self.spans,
            "segments": self.segments,
            "size": self.size,
            "tracks": [{"extension": extension, **sums.to_json()} for (extension, _, _), sums in self.tracks.items()],
            "protection_systems": self.systems,
        }


_PLACE = (("prefix", ArrowType.TEXT), ("postfix", ArrowType.TEXT))
_TRACK = (
    ("extension", ArrowType.TEXT),
    ("kind", ArrowType.TEXT),
    ("track_id", ArrowType.INT64),
    ("codec", ArrowType.TEXT),
    ("timescale", ArrowType.INT64),
    ("samples", ArrowType.INT64),
    ("sync_samples", ArrowType.INT64),
    ("bytes", ArrowType.INT64),
    ("largest_sample", ArrowType.INT64),
    ("duration", ArrowType.FLOAT64),
    ("bit_rate", ArrowType.INT64),
    ("encrypted", ArrowType.BOOL),
)
"""Columns of the facts on tracks as a table: the members of JSON, but for codec (its name) and encrypted."""


def _row_of(facts: dict[str, Any]) -> list[Any]:
    codec = facts["codec"]
    plain = {
        **facts,
        "codec": None if codec is None else codec.get("name"),
        "encrypted": facts["encryption"] is not None,
    }
    return [plain[name] for name, _ in _TRACK]


@dataclass(slots=True)
class SegmentFacts:
    """The facts on some segments of a recording; ``damage`` as in ``StoreFacts``."""

    recording: Recording
    damage: list[dict[str, Any]]


class StoreFacts:
    """What is in a store. ``rows`` reads it, and is to be taken to its end before anything else is asked.

    ``damage`` are objects that could not be read, or not to their end: ``key``, ``error``.

    ``path`` is how the store is named.

    Raises ``TimeError`` for a range that ends before it starts.
    """

    def __init__(
        self,
        store: ReadableStore,
        path: str,
        *,
        start: UtcTime | None,
        end: UtcTime | None,
        prefix: str | None,
        postfix: str | None,
    ) -> None:
        self._path = path
        self._store = store
        self._range = start, end
        self._timeline = Timeline.from_store(self._store, start, end, prefix=prefix, postfix=postfix)
        self._recordings: dict[tuple[str, str], Recording] = {}
        self.damage: list[dict[str, Any]] = []

    def names(self) -> tuple[int, int] | None:
        """Return how many names there are, and how many keys of recordings among them, if no segment was wanted."""
        if self._recordings:
            return None
        return self._timeline.objects + self._timeline.foreign, self._timeline.objects

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield all samples, as ``--samples`` shows them, segment by segment."""
        for recording, span, segments in self._wanted():
            recording.span(span, segments)
            yield from _segment_rows(self._store, recording, [(one.key, one.name) for one in segments], self.damage)

    def read_by(self, look: Callable[[Iterator[NamedKey]], Iterator[SegmentFacts]]) -> None:
        """Do as ``rows``, but let others read the segments, and add up what they found, in order."""
        objects = ((one.key, one.name) for _, _, segments in self._wanted() for one in segments)
        for facts in look(objects):
            place = facts.recording.prefix, facts.recording.postfix
            self._found(*place).add_all(facts.recording)
            self.damage += facts.damage
        for recording, span, segments in self._wanted():
            recording.span(span, segments)

    def _wanted(self) -> Iterator[tuple[Recording, RecordedSpan, list[RecordedSegment]]]:
        for span in self._timeline.spans:
            segments = [segment for segment in span.segments if self._is_wanted(segment)]
            if segments:
                yield self._found(span.prefix, span.postfix), span, segments

    def _found(self, prefix: str, postfix: str) -> Recording:
        if (prefix, postfix) not in self._recordings:
            self._recordings[prefix, postfix] = Recording(prefix, postfix)
        return self._recordings[prefix, postfix]

    def _is_wanted(self, segment: RecordedSegment) -> bool:
        start, end = self._range
        return (end is None or segment.start < end) and (
            start is None or segment.start >= start or (segment.end is not None and segment.end > start)
        )

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the facts as an Arrow table, a row for each track of each recording. ``rows`` must have been read."""
        rows = (
            [recording.prefix, recording.postfix, *_row_of(facts)]
            for recording in self._recordings.values()
            for facts in recording.to_json()["tracks"]
        )
        return arrow_of_rows([ArrowColumn(name, kind) for name, kind in (*_PLACE, *_TRACK)], rows)

    def to_json(self) -> dict[str, Any]:
        """Return the facts as plain values."""
        return {
            "kind": "store",
            "path": self._path,
            "recordings": [recording.to_json() for recording in self._recordings.values()],
            "foreign": self._timeline.foreign,
            "damage": self.damage,
        }


def _segment_rows(
    store: ReadableStore, recording: Recording, segments: Iterable[NamedKey], damage: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the samples of the segments of a span, and add the facts on them to a recording, and to ``damage``."""
    known: SegmentHeader | None = None
    for key, name in segments:
        try:
            source = StoreSource(store, name, block=_BLOCK)
            known = _header_of(source, known)
            yield from _segment(store, recording, (key, name), source, known)
        except _DAMAGE as error:
            damage.append({"key": name, "error": str(error)})


def _segment(
    store: ReadableStore, recording: Recording, segment: NamedKey, source: StoreSource, header: SegmentHeader
) -> Iterator[dict[str, Any]]:
    key, name = segment
    size = store.head(name).size
    recording.segments += 1
    recording.size += size
    tracks = recording.header(key.extension, header)
    counts = dict.fromkeys(tracks, 0)
    clock: MediaClock | None = None
    for moof, parts in segment_fragments(source, header, size):
        recording.systems += [
            one for one in protection_systems(protection_headers(moof)) if one not in recording.systems
        ]
        if clock is None and any(part.sample_count for part in parts):
            ticks, timescale = header.first_presentation(parts, first_of_span=key.counter == 0)
            clock = MediaClock(key.time, ticks, timescale)
        for part in parts:
            number = part.track.track_id
            tracks[number].groups(part.box.children)
            for fact in fragment_facts(part):
                tracks[number].add(fact)
                counts[number] += 1
                row = sample_row(part.track, counts[number], fact)
                utc = _utc(clock, fact.decode_time + fact.composition_offset, part.track.timescale)
                yield {"key": name, **row, "utc": utc}


def _header_of(source: StoreSource, known: SegmentHeader | None) -> SegmentHeader:
    """Return the header of an object: the known one if its bytes are the same."""
    if known is not None and source.view(0, known.size) == known.raw:
        return known
    return read_header(source)


def _utc(clock: MediaClock | None, ticks: int, timescale: int) -> str | None:
    try:
        return None if clock is None else clock.utc(ticks, timescale).isoformat(6)
    except TimeError:
        return None


# ---- by several workers ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Task:
    """Segments to read, of one place and day."""

    source: Shared[Source]
    objects: tuple[NamedKey, ...]

    def __repr__(self) -> str:
        return f"{len(self.objects)} segments from {self.objects[0][1]!r} on"


def read_by_workers(facts: StoreFacts, source: Source, workers: Workers) -> None:
    """Read the segments of a store by workers, in place of ``StoreFacts.rows``.

    Raises:
        StoreError: the store failed, or workers were lost for good.
    """
    shared = Shared(source)

    def look(objects: Iterator[NamedKey]) -> Iterator[SegmentFacts]:
        return workers.run(_read, (_Task(shared, group) for group in grouped(objects, _SEGMENTS)))

    facts.read_by(look)


def _read(task: _Task) -> SegmentFacts:
    """Read the segments of a task. Runs in a worker."""
    first = task.objects[0][0]
    found = SegmentFacts(Recording(first.prefix, first.postfix), [])
    for _ in _segment_rows(opened(task.source.value), found.recording, task.objects, found.damage):
        pass
    return found
