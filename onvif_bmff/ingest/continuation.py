"""What follows when another movie box comes in a file: recordings that were joined, or begun anew in one file."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from onvif_bmff.bmff import (
    ChunkLargeOffsetBox,
    ChunkOffsetBox,
    MovieBox,
    MovieFragmentBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
)
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.faults import InputFaults
from onvif_bmff.demux.fragment_samples import FragmentReader
from onvif_bmff.demux.sample_tables import CodecChange, MovieTrack
from onvif_bmff.ingest.walk import FragmentStage, InputFragment, Items, Walk
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.interleaving import interleave
from onvif_bmff.media.track import Sample
from onvif_bmff.mending.input_movie import InputMovie
from onvif_bmff.mending.top_level import TopLevel

__all__ = ["Continuation", "InputPart", "NextMovie"]


_OVERLAP: Final = Fraction(1)
"""Seconds by which times may go back where a recording goes on; further back it begins anew."""


@dataclass(frozen=True, slots=True)
class NextMovie:
    """Another movie of the file, whose movie box begins at byte ``offset``."""

    movie: InputMovie
    offset: int


class InputPart:
    """One movie of a file and what is its own: up to the end, or to ``following``, known after the last sample.

    A movie box that repeats the one before changes nothing, unless the times of the fragments begin anew behind it.
    """

    def __init__(self, movie: InputMovie, data: memoryview, budget: SampleBudget, faults: InputFaults | None) -> None:
        self.movie = movie
        self.following: NextMovie | None = None
        self._data = data
        self._budget = budget
        self._faults = faults
        self._base = len(data) - len(movie.data)
        self._reader = FragmentReader(movie.everything, len(movie.data), budget, faults)

    def walk(self, stage: FragmentStage | None) -> tuple[Items, Walk]:
        """Return the samples of the movie and its fragments, interleaved, and the walk to ``finish`` behind them.

        They are no generator of their own, which would cost a call for each sample.
        """
        walk = Walk(self.movie, self.fragments(), stage, self._budget, self._faults)
        return interleave([source.timescale for source in self.movie.sources], walk.more), walk

    def fragments(self) -> Iterator[InputFragment]:
        """Yield the fragments of the movie."""
        top = TopLevel(self._data, self._faults)
        repeated: NextMovie | None = None
        for found, place in top.boxes(self._base + self.movie.fragments_from):
            if isinstance(found, MovieFragmentBox):
                if repeated is not None and self._begins_anew(found):
                    self.following = self._told(repeated)
                    return
                repeated = None
                offset = place - self._base
                yield InputFragment(found, offset, self._reader.read(found, offset))
            elif isinstance(found, MovieBox):
                repeated = self._next(found, place, top.file_type)
                if repeated is not None and (found != self.movie.written or _lowest_chunk(found) is not None):
                    self.following = self._told(repeated)
                    return

    def _next(self, found: MovieBox, place: int, file_type: int) -> NextMovie | None:
        """The movie whose movie box was found; None where its media lie before it, so that it describes nothing new."""
        if self._faults is None:
            return NextMovie(self.movie, place) if found != self.movie.written else None
        base = self._base_of(found, place, file_type)
        if base is None:
            self._faults.tell(f"the movie box at byte {place} is of media before it, and is passed over")
            return None
        begin = place + (found.read_size or 0)
        return NextMovie(InputMovie(found, self._data[base:], begin - base, self._faults), place)

    def _told(self, following: NextMovie) -> NextMovie:
        if self._faults is not None:
            self._faults.tell(f"the file has another movie box at byte {following.offset}: its samples follow")
        return following

    def ends(self) -> dict[int, Fraction]:
        """Return when the samples of each track end, in seconds of presentation, as far as they were read."""
        return {
            source.track_id: Fraction(
                self._reader.next_time(source.track_id) + source.presentation_shift, source.timescale
            )
            for source in self.movie.sources
        }

    def _begins_anew(self, moof: MovieFragmentBox) -> bool:
        """Whether a fragment begins well before the samples of its track that are known end."""
        for part in moof.find_all(TrackFragmentBox):
            header, time = part.find(TrackFragmentHeaderBox), part.find(TrackFragmentBaseMediaDecodeTimeBox)
            for source in self.movie.sources if header is not None and time is not None else ():
                if header is not None and time is not None and source.track_id == header.track_id:
                    end = self._reader.next_time(source.track_id)
                    return time.base_media_decode_time < end - min(_OVERLAP * source.timescale, Fraction(end, 2))
        return False

    def _base_of(self, movie: MovieBox, place: int, file_type: int) -> int | None:
        """Where in the file the offsets of another movie box count from; None if its media are those before it.

        Files that were only put one behind the other count from the start of each.
        """
        start = file_type if self._base < file_type < place else None
        lowest = _lowest_chunk(movie)
        if lowest is None:
            return self._base if start is None else start
        if start is None:
            return self._base if lowest >= self._base + self.movie.fragments_from else None
        if lowest >= start:
            return 0
        return start if start + lowest < len(self._data) else None


class Continuation:
    """Puts the samples of later movies behind those of the first, on its tracks and in their ticks."""

    def __init__(self, first: InputMovie, faults: InputFaults) -> None:
        self._first = first
        self._faults = faults
        self._codecs: dict[int, Codec] = {source.track_id: source.codec() for source in first.sources}
        self._end = Fraction(0)
        self._shift = Fraction(0)

    def leave(self, part: InputPart) -> None:
        """Note when the samples of ``part`` ended; those of the next one follow."""
        self._end = max([self._end, *(end + self._shift for end in part.ends().values())])

    def samples(self, part: InputPart, stage: FragmentStage | None) -> Items:
        """Yield the samples of ``part``; a ``CodecChange`` before those whose codec is another than before."""
        tracks = self._tracks(part.movie)
        started = False
        items, walk = part.walk(stage)
        for item in items:
            source, target = tracks.get(item.track_id, (None, None))
            if source is None or target is None:
                continue
            if not started:
                begin = Fraction(item.decode_time, source.timescale)
                goes_on = begin >= self._end - min(_OVERLAP, self._end / 2)
                self._shift = Fraction(0) if goes_on else self._end - begin
                started = True
                yield from self._changes(part.movie, tracks)
            made = self._moved(item, source, target)
            if isinstance(made, CodecChange):
                self._codecs[target.track_id] = made.codec
            yield made
        walk.finish()

    def _tracks(self, movie: InputMovie) -> dict[int, tuple[MovieTrack, MovieTrack]]:
        """The track of the first movie for each of ``movie``: of its number and kind, else the next of its kind."""
        left = {source.track_id: source for source in self._first.sources}
        found: dict[int, tuple[MovieTrack, MovieTrack]] = {}
        for source in sorted(movie.sources, key=lambda source: source.track_id not in left):
            target = left.get(source.track_id)
            if target is None or target.handler != source.handler:
                target = next((one for one in left.values() if one.handler == source.handler), None)
            if target is None:
                text = f"track {source.track_id} of a later movie box has no like in the first, and is left out"
                self._faults.tell(text, loss=True)
                continue
            del left[target.track_id]
            found[source.track_id] = source, target
        return found

    def _changes(self, movie: InputMovie, tracks: dict[int, tuple[MovieTrack, MovieTrack]]) -> Iterator[CodecChange]:
        for source, target in tracks.values():
            codec = source.codec()
            if codec != self._codecs[target.track_id]:
                self._codecs[target.track_id] = codec
                time = int(self._end * target.timescale)
                yield CodecChange(target.track_id, time, codec, source.first_description)

    def _moved(self, item: Sample | CodecChange, source: MovieTrack, target: MovieTrack) -> Sample | CodecChange:
        ratio = Fraction(target.timescale, source.timescale)
        shift = round(self._shift * target.timescale)
        time = shift + round(item.decode_time * ratio)
        if isinstance(item, CodecChange):
            return CodecChange(target.track_id, time, item.codec, item.description)
        end = shift + round((item.decode_time + item.duration) * ratio)
        offset = round(item.composition_offset * ratio)
        return Sample(target.track_id, time, end - time, item.data, item.sync, offset)


def _lowest_chunk(movie: MovieBox) -> int | None:
    """The lowest offset of a chunk in any track."""
    found = [
        min(box.entries["chunk_offset"])
        for _, box in movie.walk()
        if isinstance(box, ChunkOffsetBox | ChunkLargeOffsetBox) and len(box.entries)
    ]
    return min(found, default=None)
