"""MP4 files as timed samples: progressive, fragmented, or one after the other in one file.

The file is mapped into memory, never read as a whole: boxes are parsed one by one as the walk comes to them, media
data are not touched, and sample data are views on the map.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike
from types import TracebackType
from typing import Protocol

from onvif_bmff.bmff import Box, MovieBox, MovieFragmentBox, parse_boxes, read_box_header
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.fragment_samples import FragmentReader, TrackFragment
from onvif_bmff.demux.sample_tables import CodecChange, MovieTrack, read_tracks, table_samples
from onvif_bmff.errors import BoxError, MediaError, OnvifBmffError, ProtectionError
from onvif_bmff.ingest.mapping import map_file
from onvif_bmff.media.interleaving import interleave
from onvif_bmff.media.nal import with_long_lengths
from onvif_bmff.media.sample_entries import is_protected
from onvif_bmff.media.track import Sample, Track

__all__ = ["FragmentStage", "InputFragment", "Mp4Input", "open_mp4"]


class FragmentStage(Protocol):
    """Takes samples of protected tracks and gives them back decrypted, in order: ``cenc.decrypt.FragmentDecryptor``."""

    def __call__(self, fragment: TrackFragment, samples: Iterable[Sample], /) -> Iterable[Sample]:
        """Decrypt the samples of a fragment."""
        ...

    def table(self, track: MovieTrack, samples: Iterable[Sample | CodecChange], /) -> Iterator[Sample | CodecChange]:
        """Decrypt the samples that the movie box itself describes."""
        ...


_MAX_PENDING = 64
"""How many track fragments are read ahead of the sample that is due, for the order of tracks in between."""


@dataclass(frozen=True, slots=True)
class InputFragment:
    """One movie fragment: the moof box, where in the file it begins, and its tracks' samples."""

    moof: MovieFragmentBox
    offset: int
    tracks: tuple[TrackFragment, ...]


class Mp4Input:
    """An MP4 file's tracks and samples. ``Mp4Input(data)`` for bytes at hand, ``open_mp4`` for a file.

    ``tracks`` are the video, audio and metadata tracks in the order of the file, named VIDEO001, AUDIO001, META001,
    VIDEO002, … with the track's own timescale and number; ``others`` those that cannot be recorded (hints, subtitles,
    chapters, …). ``movie`` is the movie box, ``data`` the file. Codecs are the clear ones, also of encrypted tracks.

    Raises ``BoxError`` for a file that is not one, ``MediaError`` for one without movie box or without a track that
    can be recorded.
    """

    def __init__(self, data: bytes | memoryview, *, closing: Callable[[], None] | None = None) -> None:
        self.data = memoryview(data)
        self._closing = closing
        self.movie, self._fragments_from = self._find_movie()
        sources = read_tracks(self.movie)
        self.sources: tuple[MovieTrack, ...] = tuple([one for one in sources if one.is_media])
        self.others: tuple[MovieTrack, ...] = tuple([one for one in sources if not one.is_media])
        self._all = sources
        if not self.sources:
            raise MediaError("the file has no video, audio or metadata track")
        counts: dict[str, int] = {}
        tracks: list[Track] = []
        for source in self.sources:
            counts[source.handler] = number = counts.get(source.handler, 0) + 1
            token = f"{source.type.token_prefix}{number:03}"
            tracks.append(Track(token, source.track_id, source.timescale, source.codec(), source.language))
        self.tracks = tuple(tracks)

    def __enter__(self) -> "Mp4Input":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Samples that are still held stay valid, and keep the map until they are gone."""
        self.data = memoryview(b"")
        if self._closing is not None:
            self._closing()

    @property
    def is_protected(self) -> bool:
        """Whether any track is encrypted, so that ``samples`` needs a stage that decrypts."""
        return any(source.is_protected for source in self.sources)

    def fragments(self) -> Iterator[InputFragment]:
        """Yield the movie fragments in file order; none of a progressive file.

        Raises ``BoxError`` or ``MediaError`` at the first that is broken, after those before it.
        """
        return self._read_fragments(SampleBudget(len(self.data)))

    def _read_fragments(self, budget: SampleBudget) -> Iterator[InputFragment]:
        reader = FragmentReader(self._all, len(self.data), budget)
        for found, offset in self._boxes(self._fragments_from):
            if isinstance(found, MovieFragmentBox):
                yield InputFragment(found, offset, reader.read(found, offset))
            elif isinstance(found, MovieBox) and found != self.movie:
                raise MediaError(f"the file has another movie box at byte {offset}")

    def samples(self, stage: FragmentStage | None = None) -> Iterator[Sample | CodecChange]:
        """Yield all samples, interleaved by decode time, and a ``CodecChange`` before those of another sample entry.

        Times are presentation times in ticks of the track: edit lists are applied as a shift, so that tracks are in
        step and times may begin below zero (see ``demux.sample_tables``). Data are views on the file, or bytes where
        NAL lengths of 1 or 2 bytes had to become 4. ``stage`` decrypts those of protected tracks.

        Raises ``ProtectionError`` for an encrypted file without a stage, ``BoxError`` or ``MediaError`` where the
        file is broken, after the samples before it.
        """
        if stage is None and self.is_protected:
            raise ProtectionError("the file is encrypted: its samples need to be decrypted")
        budget = SampleBudget(len(self.data))
        walk = _Walk(self._read_fragments(budget), self.sources, self.data, stage, budget)
        yield from interleave([source.timescale for source in self.sources], walk.more)
        walk.finish()

    def _find_movie(self) -> tuple[MovieBox, int]:
        """The movie box, and where the fragments may begin: at the first moof, should one lie before the moov."""
        start: int | None = None
        for found, offset in self._boxes(0):
            if isinstance(found, MovieFragmentBox) and start is None:
                start = offset
            if isinstance(found, MovieBox):
                return found, offset + (found.read_size or 0) if start is None else start
        raise MediaError("the file has no movie box (moov)")

    def _boxes(self, position: int) -> Iterator[tuple[Box, int]]:
        """The movie boxes and fragments at the top level from ``position`` on, with their offsets."""
        data = self.data
        end = len(data)
        while position < end:
            header = read_box_header(data, position, end)
            if header is None or header[2] < position + 8:
                raise BoxError("no box begins here", offset=position)
            name, _, stop, _ = header
            if name == b"mdat" and stop > end and position:
                return  # a recording that broke off: its last samples say where they miss data
            if name in (b"moov", b"moof"):
                yield self._parse(position, min(stop, end)), position
            elif stop > end:
                path = "/" + name.decode("latin-1")
                raise BoxError(f"the box runs {stop - end} bytes past its file", path=path, offset=position)
            position = stop

    def _parse(self, position: int, stop: int) -> Box:
        try:
            found = parse_boxes(self.data[position:stop])[0]
        except BoxError as error:
            raise BoxError(error.reason, path=error.path, offset=error.offset + position) from None
        for _, inner in found.walk():
            if inner.offset is not None:
                inner.offset += position
        return found


class _ReadAhead:
    """The parts of fragments that wait, by the number of their track; what breaks the file off is kept for the end."""

    def __init__(self, fragments: Iterator[InputFragment], sources: Sequence[MovieTrack]) -> None:
        self._fragments = fragments
        self._numbers = {source.track_id: number for number, source in enumerate(sources)}
        self._queues: list[deque[TrackFragment]] = [deque() for _ in sources]
        self._waiting = 0
        self._ended = False
        self._fault: OnvifBmffError | None = None

    def read_for(self, number: int) -> None:
        """Read fragments until one has a part of a track, the file ends, or too many parts wait."""
        while not self._queues[number] and not self._ended and self._waiting < _MAX_PENDING:
            self._read()

    def has(self, number: int) -> bool:
        """Tell whether a part of a track waits."""
        return bool(self._queues[number])

    def take(self, number: int) -> TrackFragment:
        """Remove and return the first part of a track."""
        self._waiting -= 1
        return self._queues[number].popleft()

    def finish(self) -> None:
        """Raise what broke the file off, if anything did."""
        if self._fault is not None:
            raise self._fault

    def _read(self) -> None:
        try:
            for part in next(self._fragments).tracks:
                number = self._numbers.get(part.track.track_id)
                if number is not None and part.runs:
                    self._queues[number].append(part)
                    self._waiting += 1
        except StopIteration:
            self._ended = True
        except OnvifBmffError as error:
            self._ended, self._fault = True, error


class _Walk:
    """One pass over a file: each track's own tables first, then its parts of the fragments.

    Fragments are read when a track has none left; those of the other tracks wait meanwhile, so that tracks
    interleave even where the file has them apart. Only so many wait: a track that stays without samples for long
    drops out of the order until its next fragment is found.
    """

    def __init__(
        self,
        fragments: Iterator[InputFragment],
        sources: Sequence[MovieTrack],
        data: memoryview,
        stage: FragmentStage | None,
        budget: SampleBudget,
    ) -> None:
        self._ahead = _ReadAhead(fragments, sources)
        self._sources = sources
        self._data = data
        self._stage = stage
        self._budget = budget
        self._used = [source.first_description for source in sources]
        self._fresh = set(range(len(sources)))
        self._idle: set[int] = set()
        self._plain: dict[int, bool] = {}

    def more(self, number: int) -> list[tuple[int, Iterator[Sample | CodecChange]]]:
        """Return what comes next in track ``number``, and in tracks that had to wait. See ``interleave``."""
        source = self._sources[number]
        if number in self._fresh:
            self._fresh.remove(number)
            if source.sample_count:
                samples = table_samples(source, self._data, self._budget)
                if self._stage is not None and source.is_protected:
                    samples = self._stage.table(source, samples)
                return [(number, self._converted(number, samples))]
        self._ahead.read_for(number)
        self._idle.add(number)
        found = []
        for one in sorted(filter(self._ahead.has, self._idle)):
            self._idle.remove(one)
            found.append((one, self._converted(one, self._of_fragment(one, self._ahead.take(one)))))
        return found

    def finish(self) -> None:
        """Raise what broke the walk off, now that all samples before it are out."""
        self._ahead.finish()

    def _of_fragment(self, number: int, part: TrackFragment) -> Iterator[Sample | CodecChange]:
        source = part.track
        if part.description != self._used[number]:
            time = part.decode_time + source.presentation_shift
            yield CodecChange(source.track_id, time, source.codec(part.description), part.description)
        samples = part.samples(self._data)
        if self._stage is not None and is_protected(source.entry(part.description)):
            yield from self._stage(part, samples)
        else:
            yield from samples

    def _converted(self, number: int, items: Iterator[Sample | CodecChange]) -> Iterator[Sample | CodecChange]:
        """The items with NAL lengths of 4 bytes, keeping account of the sample entry in use."""
        source = self._sources[number]
        if number not in self._plain:
            entries = range(1, len(source.entries) + 1)
            self._plain[number] = all(source.nal_length_size(index) in (None, 4) for index in entries)
        if self._plain[number]:
            return items if len(source.entries) == 1 else self._watched(number, items)
        return self._lengthened(number, self._watched(number, items))

    def _watched(self, number: int, items: Iterator[Sample | CodecChange]) -> Iterator[Sample | CodecChange]:
        for item in items:
            if isinstance(item, CodecChange):
                self._used[number] = item.description
            yield item

    def _lengthened(self, number: int, items: Iterator[Sample | CodecChange]) -> Iterator[Sample | CodecChange]:
        source = self._sources[number]
        for item in items:
            if isinstance(item, Sample):
                size = source.nal_length_size(self._used[number])
                if size is not None and size != 4:
                    item.data = with_long_lengths(item.data, size)
            yield item


def open_mp4(path: str | PathLike[str]) -> Mp4Input:
    """Open an MP4 file for reading; close it, or use it in a ``with`` statement.

    Raises what ``map_file`` raises where the file cannot be opened, and what ``Mp4Input`` raises where it is no MP4
    file. The file must not shrink while it is open.
    """
    mapped = map_file(path)

    def close() -> None:
        with suppress(BufferError):  # samples in use still look into the map; it goes with the last of them
            mapped.close()

    try:
        return Mp4Input(memoryview(mapped), closing=close)
    except BaseException:
        close()
        raise
