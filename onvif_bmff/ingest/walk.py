"""One pass over the samples of a movie and its fragments, tracks interleaved."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from onvif_bmff.bmff import MovieFragmentBox
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.faults import InputFaults
from onvif_bmff.demux.fragment_samples import TrackFragment
from onvif_bmff.demux.sample_tables import CodecChange, MovieTrack, table_samples
from onvif_bmff.errors import BitstreamError, OnvifBmffError
from onvif_bmff.media.nal import with_long_lengths
from onvif_bmff.media.sample_entries import is_protected
from onvif_bmff.media.track import Sample
from onvif_bmff.mending.input_movie import InputMovie
from onvif_bmff.mending.samples import NalForm, form_of, is_sync_picture

__all__ = ["FragmentStage", "InputFragment", "Items", "Walk"]

Items = Iterator[Sample | CodecChange]


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


class Walk:
    """One pass over a movie: each track's own tables first, then its parts of the fragments.

    Fragments are read when a track has none left; those of the other tracks wait meanwhile, so that tracks
    interleave even where the file has them apart. Only so many wait: a track that stays without samples for long
    drops out of the order until its next fragment is found.

    With ``faults`` samples are taken for what they are, whatever the sample entry says of their form.
    """

    def __init__(
        self,
        movie: InputMovie,
        fragments: Iterator[InputFragment],
        stage: FragmentStage | None,
        budget: SampleBudget,
        faults: InputFaults | None,
    ) -> None:
        self._movie = movie
        self._ahead = _ReadAhead(fragments, movie.sources)
        self._stage = stage
        self._budget = budget
        self._faults = faults
        self._used = [source.first_description for source in movie.sources]
        self._fresh = set(range(len(movie.sources)))
        self._idle: set[int] = set()
        self._plain: dict[int, bool] = {}
        self._forms: dict[tuple[int, int], int | None] = {}

    def more(self, number: int) -> list[tuple[int, Items]]:
        """Return what comes next in track ``number``, and in tracks that had to wait. See ``interleave``."""
        source = self._movie.sources[number]
        if number in self._fresh:
            self._fresh.remove(number)
            if source.sample_count:
                samples = table_samples(source, self._movie.data, self._budget, self._faults)
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

    def _of_fragment(self, number: int, part: TrackFragment) -> Items:
        source = part.track
        if part.description != self._used[number]:
            time = part.decode_time + source.presentation_shift
            yield CodecChange(source.track_id, time, source.codec(part.description), part.description)
        samples = part.samples(self._movie.data)
        if self._stage is not None and is_protected(source.entry(part.description)):
            yield from self._stage(part, samples)
        else:
            yield from samples

    def _converted(self, number: int, items: Items) -> Items:
        """The items with NAL lengths of 4 bytes, keeping account of the sample entry in use."""
        source = self._movie.sources[number]
        if number not in self._plain:
            entries = range(1, len(source.entries) + 1)
            self._plain[number] = all(source.nal_length_size(index) in (None, 4) for index in entries)
        if source.track_id in self._movie.looked_at:
            return self._looked_at(number, self._formed(number, self._watched(number, items)))
        if self._plain[number]:
            if self._faults is not None and source.nal_length_size(self._used[number]) is not None:
                items = self._checked(number, items)
            return items if len(source.entries) == 1 else self._watched(number, items)
        if self._faults is not None:
            return self._formed(number, self._watched(number, items))
        return self._lengthened(number, self._watched(number, items))

    def _checked(self, number: int, items: Items) -> Items:
        """The items as they are, if the first sample has NAL lengths of 4 bytes."""
        if (number, self._used[number]) in self._forms and self._form(number) == 4:
            return items
        held: list[Sample | CodecChange] = []
        for item in items:
            held.append(item)
            if isinstance(item, CodecChange):
                self._used[number] = item.description
            elif len(item.data):
                if self._form(number, item) == 4:
                    break
                return self._formed(number, chain(held, items))
        return chain(held, items)

    def _watched(self, number: int, items: Items) -> Items:
        for item in items:
            if isinstance(item, CodecChange):
                self._used[number] = item.description
            yield item

    def _lengthened(self, number: int, items: Items) -> Items:
        source = self._movie.sources[number]
        for item in items:
            if isinstance(item, Sample):
                size = source.nal_length_size(self._used[number])
                if size is not None and size != 4:
                    item.data = with_long_lengths(item.data, size)
            yield item

    def _form(self, number: int, sample: Sample | None = None) -> int:
        """The bytes of NAL lengths in samples of the entry in use, by the first of them; 0 for byte streams."""
        source, place = self._movie.sources[number], (number, self._used[number])
        claimed = source.nal_length_size(place[1])
        if claimed is None:
            return 4
        if place not in self._forms and sample is not None:
            found = self._forms[place] = form_of((sample.data,), claimed)
            if found not in (claimed, None) and self._faults is not None:
                what = f"NAL lengths of {found} bytes" if found else "start codes (a byte stream)"
                self._faults.tell(f"track {source.track_id} has samples with {what}, not with lengths of {claimed}")
        form = self._forms.get(place)
        return claimed if form is None else form

    def _formed(self, number: int, items: Items) -> Items:
        """The items with NAL lengths of 4 bytes, from whatever form the first of them has."""
        for item in items:
            if isinstance(item, Sample) and len(item.data):
                form = self._form(number, item)
                if form != 4:
                    try:
                        item.data = NalForm(form).convert(item.data)
                    except BitstreamError as error:
                        self._lose(number, error)
                        continue
            yield item

    def _looked_at(self, number: int, items: Items) -> Items:
        source = self._movie.sources[number]
        for item in items:
            if isinstance(item, Sample):
                item.sync = is_sync_picture(source.clear_entry(self._used[number]), item.data)
            yield item

    def _lose(self, number: int, error: BitstreamError) -> None:
        if self._faults is not None:
            self._faults.tell(f"track {self._movie.sources[number].track_id}: {error}", samples=1)
