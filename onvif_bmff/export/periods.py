"""Stored objects where they lie, in periods that each have one time line, with fillers where a track has nothing.

A span counts from a time of its own. Within a period each track has pieces of spans on one time line, and DASH lets it
say how that relates to the period. So a period begins with each span of pictures. A span of sound waits for the next
piece of pictures, for a period that began within a piece would show no picture until the next one; what it has before
that is silent, at most as long as a piece. Spans whose decode times count from 1970 are on one time line: one period.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import BinaryIO

from onvif_bmff.bmff import FileTypeBox, build_boxes
from onvif_bmff.errors import BoxError, MediaError, ObjectNotFoundError
from onvif_bmff.export.chunks import build_chunk
from onvif_bmff.export.fillers import Filler, filler_of
from onvif_bmff.export.movie import OutputTrack, build_movie, fragmented_tables
from onvif_bmff.export.mpd import AdaptationSet, ByteRange, MediaPiece, Period
from onvif_bmff.export.parts import ContinuousPart
from onvif_bmff.export.writers import OutputSample
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.playback.header import SegmentHeader
from onvif_bmff.playback.object_check import headers_agree
from onvif_bmff.playback.recorded import RecordedSegment, RecordedSpan
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.timing import UtcTime

__all__ = ["FillerFile", "LineTrack", "are_on_one_line", "line_track", "make_periods"]

_SECOND = 1_000_000
_BRIDGED = 100_000
"""Microseconds: players go on over a shorter hole."""
_TOGETHER = 150_000
"""Microseconds within which spans of several tracks count as beginning together."""
_SAME_LINE = 3_000
"""Microseconds by which time lines may differ, for keys have milliseconds."""
_EARLY = 40_000
"""Microseconds by which sound may come too early: about a packet, for it begins with the first whole one."""
_LEFT_OUT = 60 * _SECOND
"""Microseconds: longer times without any recording are left out."""
_PIECE = 2 * _SECOND
_OFF = 60 * _SECOND
"""Microseconds by which media may lie outside the times that keys say."""
_DAY = 86_400 * _SECOND


@dataclass(slots=True)
class _Piece:
    """A subsegment, from ``start`` to ``end`` (µs since 1970)."""

    name: str
    offset: int
    stop: int
    start: int
    end: int


@dataclass(slots=True)
class _Line:
    """Pieces of one track on one time line, which ``clock`` relates to UTC, under one header.

    ``active``: from when on the track plays them (µs).
    """

    span: RecordedSpan
    header: SegmentHeader
    map_name: str
    clock: MediaClock
    pieces: list[_Piece] = field(default_factory=list)
    active: int = 0

    @property
    def zero(self) -> int:
        """When its tick 0 is, in microseconds since 1970."""
        return self.clock.microseconds(0, 1)

    def ticks(self, microseconds: int) -> int:
        """Return the media time of an instant."""
        return self.clock.ticks_at(UtcTime(microseconds), self.header.lead.timescale)


@dataclass(slots=True)
class LineTrack:
    """A track of a recording: its time lines, in order of time. ``number`` names it in all periods."""

    number: int
    kind: MediaKind
    lines: list[_Line]


def line_track(number: int, kind: MediaKind, parts: Iterable[ContinuousPart], seeker: Seeker) -> LineTrack | None:
    """Return a track of continuous parts; None if nothing of them can be played.

    Raises:
        MediaError: media lie far outside the time of their object.
        StoreError: the store failed.
    """
    lines: list[_Line] = []
    for part in parts:
        clock = _clock_of(part, seeker)
        if clock is None:
            continue
        first = part.subsegments[0][0]
        line = _Line(first.span, part.header, part.map_name, clock)
        if not lines or not _goes_on(lines[-1], line):
            lines.append(line)
        for (segment, one), length in zip(part.subsegments, part.lengths(), strict=True):
            start = one.start.microseconds
            _check(segment, start)
            lines[-1].pieces.append(_Piece(segment.name, one.offset, one.stop, start, start + length))
    return LineTrack(number, kind, lines) if lines else None


def _check(segment: RecordedSegment, start: int) -> None:
    """See that a piece lies in its object's time: what is damaged must not be filled without end."""
    first = segment.start.microseconds
    last = first + _DAY if segment.end is None else segment.end.microseconds
    if not first - _OFF <= start <= last + _OFF:
        raise MediaError("media lie outside the time of the object").about(segment.name)


def _clock_of(part: ContinuousPart, seeker: Seeker) -> MediaClock | None:
    """Return the clock of a part by the first of its objects whose first fragment can be read."""
    for segment in dict.fromkeys(segment for segment, _ in part.subsegments):
        try:
            return MediaClock(segment.key.time, *seeker.first_presentation(segment))
        except (BoxError, MediaError, ObjectNotFoundError):
            continue
    return None


def _goes_on(before: _Line, line: _Line) -> bool:
    if abs(before.zero - line.zero) > _SAME_LINE:
        return False
    return before.span == line.span or headers_agree(before.header, line.header)


class FillerFile:
    """Fillers of one track, in a file that is opened when the first one is written. ``uri`` is where it lies."""

    def __init__(self, uri: str, open_file: Callable[[], BinaryIO]) -> None:
        self.uri = uri
        self._open_file = open_file
        self._file: BinaryIO | None = None
        self._size = 0
        self._number = 0

    def write(self, data: bytes) -> ByteRange:
        """Write bytes; return where they lie."""
        if self._file is None:
            self._file = self._open_file()
        self._file.write(data)
        start, self._size = self._size, self._size + len(data)
        return ByteRange(self.uri, start, self._size)

    def fill(self, line: _Line, start: int, end: int) -> list[MediaPiece]:
        """Write a filler from ``start`` to ``end`` (µs) on a time line; nothing if its codec has none."""
        track = line.header.lead
        filler, scale = filler_of(track.codec()), track.timescale
        made: list[MediaPiece] = []
        if filler is None:
            return made
        at, until = max(line.ticks(start), 0), line.ticks(end)
        bounds = _bounds(filler, at, until, scale)
        step = max(1, _PIECE * filler.length.denominator // (filler.length.numerator * _SECOND))
        for first in range(0, len(bounds) - 1, step):
            part = bounds[first : first + step + 1]
            samples = [
                OutputSample(time, later - time, 0, True, 1, filler.samples[number % len(filler.samples)])  # noqa: FBT003
                for number, (time, later) in enumerate(pairwise(part), first)
            ]
            self._number += 1
            place = self.write(build_chunk(track.track_id, self._number, samples))
            made.append(MediaPiece(place, part[0], part[-1] - part[0]))
        return made

    def header(self, line: _Line) -> ByteRange:
        """Write a header for fillers alone, for the track of a line; return where it lies."""
        track = line.header.lead
        output = OutputTrack(track.track_id, track.type, track.timescale, track.language, [track.codec()])
        brands = FileTypeBox(major_brand="iso6", compatible_brands=("iso6", "mp41"))
        movie = build_movie((output,), (fragmented_tables(output),), track.timescale, fragmented=True)
        return self.write(build_boxes((brands, movie)))


def _bounds(filler: Filler, start: int, end: int, scale: int) -> list[int]:
    """Return the times at which samples of a filler begin, and at which the last one ends, in ticks."""
    length = filler.length * scale
    count = int((end - start) / length)
    if filler.stretches and (count == 0 or end - start - int(count * length) > length / 4):
        count += 1
    found = [start + int(number * length) for number in range(count + 1)]
    if filler.stretches:
        found[-1] = end
    return found


def are_on_one_line(tracks: Sequence[LineTrack]) -> bool:
    """Return whether one period is enough: each track has one time line, and all time lines begin at one instant."""
    zeros = [line.zero for track in tracks for line in track.lines]
    earliest = min(line.pieces[0].start for track in tracks for line in track.lines)
    if any(len(track.lines) > 1 for track in tracks) or max(zeros) > earliest:
        return False
    return max(zeros) - min(zeros) <= _SAME_LINE and not _holes([p for one in tracks for p in one.lines[0].pieces])


# ---- periods --------------------------------------------------------------------------------------


def make_periods(
    tracks: Sequence[LineTrack], fillers: Sequence[FillerFile], uri_of: Callable[[str], str]
) -> list[Period]:
    """Return the periods of tracks, and write their ``fillers``. ``uri_of`` returns where an object lies."""
    _activate(tracks)
    pieces = [piece for track in tracks for line in track.lines for piece in line.pieces]
    begin = min(line.active for track in tracks for line in track.lines)
    end = max(piece.end for piece in pieces)
    holes = _holes(pieces)
    bounds = {line.active for track in tracks for line in track.lines} | {begin, end}
    bounds |= {bound for hole in holes for bound in hole}
    made: list[Period] = []
    time = 0
    for start, stop in pairwise(sorted(bound for bound in bounds if begin <= bound <= end)):
        if any(hole[0] <= start and stop <= hole[1] for hole in holes):
            continue
        sets = [_set(track, file, start, stop, uri_of) for track, file in zip(tracks, fillers, strict=True)]
        made.append(Period(time, stop - start, UtcTime(start), [one for one in sets if one is not None]))
        time += stop - start
    return made


def _activate(tracks: Sequence[LineTrack]) -> None:
    """Settle from when on each time line is played."""
    shown = sorted(
        (piece.start, piece.end)
        for track in tracks
        if track.kind is MediaKind.VIDEO
        for line in track.lines
        for piece in line.pieces
    )
    earliest = min(line.pieces[0].start for track in tracks for line in track.lines)
    taken: list[int] = []
    for track in sorted(tracks, key=lambda track: track.kind.rank):
        for number, line in enumerate(track.lines):
            start = line.pieces[0].start
            if number == 0 and line.zero <= earliest:
                start = earliest  # fillers before it can be on its time line
            if track.kind is not MediaKind.VIDEO:
                start = _boundary(shown, start)
            line.active = next((one for one in taken if -_EARLY <= start - one <= _TOGETHER), start)
            taken.append(line.active)


def _boundary(shown: Sequence[tuple[int, int]], start: int) -> int:
    """Return the first time from about ``start`` on at which no piece of pictures is cut."""
    index = bisect_left(shown, (start - _EARLY, 0))
    following = shown[index][0] if index < len(shown) else None
    is_cut = index > 0 and shown[index - 1][1] > start + _SAME_LINE
    if following is not None and (is_cut or following - start <= _TOGETHER):
        return following
    return start


def _holes(pieces: Sequence[_Piece]) -> list[tuple[int, int]]:
    """Return the long times in which nothing was recorded."""
    found: list[tuple[int, int]] = []
    reach: int | None = None
    for start, end in sorted((piece.start, piece.end) for piece in pieces):
        if reach is not None and start - reach > _LEFT_OUT:
            found.append((reach, start))
        reach = end if reach is None else max(reach, end)
    return found


def _set(
    track: LineTrack, file: FillerFile, start: int, stop: int, uri_of: Callable[[str], str]
) -> AdaptationSet | None:
    """Return what a track has in a period; None if it has nothing and there is no filler."""
    line = next((line for line in reversed(track.lines) if line.active <= start), None)
    made: list[MediaPiece] = []
    if line is None:
        known = track.lines[0]
        lead = known.header.lead
        line = _Line(known.span, known.header, "", MediaClock(UtcTime(start), 0, lead.timescale))
        if filler_of(lead.codec()) is None:
            return None
        header = file.header(line)
    else:
        header = ByteRange(uri_of(line.map_name), 0, line.header.size)
    reach = start
    for piece in line.pieces:
        if piece.end <= start + _SAME_LINE or piece.start >= stop - _SAME_LINE:
            continue
        if piece.start - reach > _BRIDGED:
            made += file.fill(line, reach, piece.start)
        place = ByteRange(uri_of(piece.name), piece.offset, piece.stop)
        made.append(MediaPiece(place, line.ticks(piece.start), line.ticks(piece.end) - line.ticks(piece.start)))
        reach = piece.end
    if stop - reach > _BRIDGED:
        made += file.fill(line, reach, stop)
    if not made:
        return None
    lead = line.header.lead
    offset = max(0, line.ticks(start))
    return AdaptationSet(track.number, track.kind, [lead.codec()], lead.language, lead.timescale, offset, header, made)
