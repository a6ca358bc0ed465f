"""One file a track for players: all tracks on one time line without holes, a filler where nothing was recorded.

Each file has one header and one timescale, and fragments whose decode times run on. The presentation begins at 0, for
some players move media that begin later, and lose pictures by that. Pieces, which playlists name, are about two seconds
long and begin with a sync sample.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO

from onvif_bmff.bmff import (
    FileTypeBox,
    build_boxes,
)
from onvif_bmff.errors import MediaError
from onvif_bmff.export.chunks import build_chunk
from onvif_bmff.export.fillers import Filler, filler_of
from onvif_bmff.export.movie import OutputTrack, build_movie, fragmented_tables
from onvif_bmff.export.writers import MAX_DURATION, OutputSample, Presented
from onvif_bmff.media_kind import MediaKind

__all__ = ["Piece", "Rendition", "RenditionWriter"]

_PIECE = 2
"""Seconds that a piece lasts at least, if there are sync samples."""
_LONGEST = 6
"""Seconds that a piece without media may last."""
BRIDGED = Fraction(1, 10)
"""Seconds: players go on over a shorter hole."""
_PACKET = Fraction(65, 1000)
"""Seconds of sound before the first picture that are left out: a packet of AAC at 16 kHz."""
_PATIENCE = 10
"""Seconds of sound that wait for the first picture, which is known when the second one comes."""
_MAX_BYTES = 4 << 20
_MAX_SAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes ``offset`` to ``offset + size`` of a file, presented from ``start`` on (ticks of the track).

    ``filled``: nothing was recorded. Its size is 0 where there is no filler either.
    """

    offset: int
    size: int
    start: int
    filled: bool


@dataclass(slots=True)
class _Chunk:
    """Samples that wait to be written; ``next`` is the decode time behind the last one, ``size`` their bytes."""

    samples: list[OutputSample] = field(default_factory=list)
    size: int = 0
    next: int = 0

    def takes(self, sample: OutputSample) -> bool:
        return not self.samples or (
            sample.time == self.next
            and sample.description == self.samples[0].description
            and self.size < _MAX_BYTES
            and len(self.samples) < _MAX_SAMPLES
        )

    def add(self, sample: OutputSample) -> None:
        self.samples.append(sample)
        self.size += len(sample.data)
        self.next = sample.time + sample.duration


class Rendition:
    """The file of one track, and what is in it.

    Attributes:
        name: of the file.
        track: its track.
        header: the bytes before the first piece.
        pieces: in order; each lasts until the next one begins, the last until ``end``.
        end: where the presentation ends, in ticks; so far, until ``finish``.
    """

    def __init__(self, name: str, file: BinaryIO, track: OutputTrack) -> None:
        self.name = name
        self.track = track
        brands = FileTypeBox(major_brand="iso6", compatible_brands=("iso6", "mp41"))
        movie = build_movie((track,), (fragmented_tables(track),), track.timescale, fragmented=True)
        self.header = build_boxes((brands, movie))
        self.pieces: list[Piece] = []
        self.end = 0
        self._file = file
        self._filler = filler_of(track.codecs[0])
        self._chunk = _Chunk()
        self._written = (len(self.header), 1)  # bytes, and the number of the next fragment
        self._last: OutputSample | None = None
        self._delay: int | None = None
        file.write(self.header)

    @property
    def peak(self) -> int:
        """The largest bit rate of any piece, in bits per second."""
        rates = [
            -(-one.size * 8 * self.track.timescale // max(length, 1))
            for one, length in zip(self.pieces, self.lengths(), strict=True)
        ]
        return max(rates, default=0)

    def lengths(self) -> list[int]:
        """Return how long each piece is presented, in ticks; their sum is the length of the presentation."""
        starts = [one.start for one in self.pieces]
        return [later - start for start, later in zip(starts, [*starts[1:], self.end], strict=True)]

    def add(self, sample: OutputSample) -> None:
        """Add a sample, in decoding order. The first one is decoded when it is presented, as in CMAF."""
        if sample.duration > MAX_DURATION:
            raise MediaError(f"a sample of {sample.duration} ticks is too long for a fragment; export less")
        if self._delay is None:
            self._delay = sample.offset
        sample.time += self._delay
        sample.offset -= self._delay
        last, presented = self._last, sample.time + sample.offset
        if last is None:
            self.fill(presented, sample.offset)
        elif sample.time - last.time - last.duration > BRIDGED * self.track.timescale:
            self.fill(presented, self.end - last.time - last.duration)
        self._put(sample, filled=False)
        self._last = sample

    def fill(self, until: int, offset: int | None = None) -> None:
        """Fill the presentation from its end so far until a time, if players would not go on over that.

        ``offset``: by how much decode times are earlier, in ticks; by as much as before if None.
        """
        scale = self.track.timescale
        if until - self.end <= BRIDGED * scale:
            return
        if offset is None:
            offset = 0 if self._last is None else self.end - self._last.time - self._last.duration
        filler = self._filler
        if filler is None:
            self._leave_open(until)
            return
        start, count = self.end, _count(filler, Fraction(until - self.end, scale))
        bounds = [start + int(number * filler.length * scale) for number in range(count + 1)]
        if filler.stretches:
            bounds[-1] = until
        for number in range(count):
            at, duration = bounds[number] - offset, bounds[number + 1] - bounds[number]
            data = filler.samples[number % len(filler.samples)]
            self._put(OutputSample(max(at, 0), duration, offset, True, 1, data), filled=True)  # noqa: FBT003
        self.end = until

    def finish(self) -> None:
        """Write the remaining samples."""
        self._flush()

    def _put(self, sample: OutputSample, *, filled: bool) -> None:
        presented = sample.time + sample.offset
        piece = self.pieces[-1] if self.pieces else None
        long_enough = piece is not None and presented - piece.start >= _PIECE * self.track.timescale
        if piece is None or not piece.size or piece.filled != filled or (sample.sync and long_enough):
            self._flush()
            self.pieces.append(Piece(self._written[0], 1, presented, filled))
        elif not self._chunk.takes(sample):
            self._flush()
        self._chunk.add(sample)
        self.end = max(self.end, presented + sample.duration)

    def _leave_open(self, until: int) -> None:
        """List times without media: players pass over them."""
        self._flush()
        step = _LONGEST * self.track.timescale
        self.pieces += [Piece(self._written[0], 0, start, filled=True) for start in range(self.end, until, step)]
        self.end = until

    def _flush(self) -> None:
        samples = self._chunk.samples
        if not samples:
            return
        position, number = self._written
        data = build_chunk(self.track.track_id, number & 0xFFFFFFFF, samples)
        self._file.write(data)
        self._written = position + len(data), number + 1
        piece = self.pieces[-1]
        self.pieces[-1] = Piece(piece.offset, position + len(data) - piece.offset, piece.start, piece.filled)
        self._chunk = _Chunk()


def _count(filler: Filler, seconds: Fraction) -> int:
    """Return how many samples of a filler fill a time; sound leaves less than one of its samples open."""
    whole = int(seconds / filler.length)
    if not filler.stretches:
        return whole
    return max(1, whole if seconds - whole * filler.length < filler.length / 4 else whole + 1)


class RenditionWriter:
    """Writes each track as a rendition; those of ``None`` are left out. A ``MovieWriter``.

    ``open_file`` opens a file to write by its name. ``start`` is when the presentation begins, in seconds of the times
    of the samples; None before the first one. Samples outside ``bounds``, in the same seconds, are refused with
    ``MediaError``: what is damaged must not be filled without end.
    """

    def __init__(
        self,
        tracks: Sequence[OutputTrack],
        names: Sequence[str | None],
        open_file: Callable[[str], BinaryIO],
        bounds: tuple[Fraction, Fraction],
    ) -> None:
        self.renditions = tuple(
            [
                None if name is None else Rendition(name, open_file(name), track)
                for name, track in zip(names, tracks, strict=True)
            ]
        )
        self.start: Fraction | None = None
        self._bounds = bounds
        self._waiting: list[tuple[Rendition, OutputSample]] = []

    def add(self, number: int, sample: OutputSample) -> None:
        """See ``MovieWriter.add``."""
        rendition = self.renditions[number]
        if rendition is None:
            return
        scale = rendition.track.timescale
        presented = Fraction(sample.time + sample.offset, scale)
        if not self._bounds[0] <= presented <= self._bounds[1]:
            raise MediaError(f"a sample in {rendition.name} would lie outside the times of all objects")
        self._waiting.append((rendition, sample))
        if self.start is None:
            self.start = self._settled(rendition, presented)
        if self.start is not None:
            self._write(self.start)

    def _settled(self, rendition: Rendition, presented: Fraction) -> Fraction | None:
        """Return when the presentation begins: with the first picture, if that follows soon; None: not known yet.

        Sound begins up to a packet before the pictures. Players that move the media of each rendition to its beginning
        would be off by that.
        """
        first, sample = self._waiting[0]
        begin = Fraction(sample.time + sample.offset, first.track.timescale)
        if rendition.track.type is MediaKind.VIDEO:
            return presented if presented - begin <= _PACKET else begin
        pictures = any(one is not None and one.track.type is MediaKind.VIDEO for one in self.renditions)
        return None if pictures and presented - begin <= _PATIENCE else begin

    def _write(self, start: Fraction) -> None:
        for rendition, sample in self._waiting:
            sample.time -= round(start * rendition.track.timescale)
            early = -(sample.time + sample.offset)
            if early > 0 and rendition.track.type is MediaKind.VIDEO and sample.duration > early:
                sample.time, sample.duration = sample.time + early, sample.duration - early
                early = 0  # by rounding
            if early <= 0:
                rendition.add(sample)
        self._waiting.clear()

    def finish(self, presented: Presented) -> None:
        """See ``MovieWriter.finish``; all renditions end together, and all that is in them is ``presented``."""
        if self.start is None and self._waiting:
            rendition, sample = self._waiting[0]
            self.start = Fraction(sample.time + sample.offset, rendition.track.timescale)
            self._write(self.start)
        there = [one for one in self.renditions if one is not None]
        end = max((Fraction(one.end, one.track.timescale) for one in there), default=Fraction(0))
        for one in there:
            one.fill(round(end * one.track.timescale))
            one.finish()
