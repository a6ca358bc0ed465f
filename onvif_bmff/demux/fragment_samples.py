"""Samples of movie fragments: all the defaults and offsets of moof, traf, tfhd and trun. ISO/IEC 14496-12, 8.8.

No file is touched in here. ``FragmentReader`` turns one moof after another into ``TrackFragment``s, which know
where the samples lie in the file (or stored segment), and yield them; what encrypts them is in ``TrackFragment.box``.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice, repeat
from operator import add

from onvif_bmff.bmff import (
    NON_SYNC_SAMPLE,
    MovieFragmentBox,
    TrackExtendsBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackRunBox,
)
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.faults import InputFaults
from onvif_bmff.demux.roll_starts import starts_in, with_starts
from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.demux.table_columns import signed_offsets
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.media.picture_order import first_shown
from onvif_bmff.media.track import Sample

__all__ = ["FragmentReader", "SampleRun", "SampleViews", "TrackFragment"]

_BASE_IS_MOOF = 0x020000
_MAX_EMPTY_SAMPLES = 16
"""Samples of a run that take no byte at all, neither in the table nor as data: more would be a bomb of 32 bits."""


@dataclass(slots=True, kw_only=True)
class SampleRun:
    """One trun with all defaults resolved. A column is an ``array`` of ``count`` numbers, or the one number of all.

    ``position`` is where the first sample's data begin; the others follow without gaps. Durations and composition
    offsets are in ticks, sizes in bytes.
    """

    position: int
    count: int
    duration: "array[int] | int"
    size: "array[int] | int"
    flags: "array[int] | int"
    first_flags: int | None
    composition_offset: "array[int] | int"

    @property
    def data_size(self) -> int:
        """Bytes of all samples."""
        return sum(self.size) if isinstance(self.size, array) else self.size * self.count

    def iter_sizes(self) -> Iterable[int]:
        """Yield the size of each sample in bytes."""
        return self.size if isinstance(self.size, array) else repeat(self.size, self.count)

    @property
    def total_duration(self) -> int:
        """Ticks of all samples."""
        return sum(self.duration) if isinstance(self.duration, array) else self.duration * self.count

    def shown(self, begin: int) -> Iterable[int]:
        """Return when each sample is presented, the first one decoded at ``begin``; only it where none is reordered."""
        offsets = self.composition_offset
        if isinstance(offsets, int):
            return (begin + offsets,) if self.count else ()
        return map(add, accumulate(_each(self.duration), initial=begin), offsets)

    def whole_samples(self, end: int) -> int:
        """Return how many samples, from the first on, lie before byte ``end`` of the file."""
        left = end - self.position
        if self.position < 0 or left < 0:
            return 0
        if not isinstance(self.size, array):
            return min(self.count, left // self.size) if self.size else self.count
        for number, size in enumerate(self.size):
            left -= size
            if left < 0:
                return number
        return self.count

    def cut(self, count: int) -> None:
        """Keep the first ``count`` samples only."""
        self.count = count
        if isinstance(self.duration, array):
            self.duration = self.duration[:count]
        if isinstance(self.size, array):
            self.size = self.size[:count]
        if isinstance(self.flags, array):
            self.flags = self.flags[:count]
        if isinstance(self.composition_offset, array):
            self.composition_offset = self.composition_offset[:count]

    def all_flags(self) -> Iterable[int]:
        """Yield the flags of each sample; without end where all samples have the same."""
        flags = _each(self.flags)
        return flags if self.first_flags is None else chain((self.first_flags,), _but_first(flags))


@dataclass(slots=True, kw_only=True)
class TrackFragment:
    """The samples of one track in one fragment.

    ``decode_time`` is the media time (ticks) of the first sample; ``description`` the index (from 1) of the sample
    entry; ``box`` the traf with whatever else it holds (senc, saiz, saio, sgpd, sbgp); ``moof_offset`` where the
    fragment begins, which offsets in saio count from; ``budget`` the account that is charged for what lies there.
    """

    track: MovieTrack
    box: TrackFragmentBox
    moof_offset: int
    description: int
    decode_time: int
    runs: tuple[SampleRun, ...]
    budget: SampleBudget = field(repr=False, compare=False)

    @property
    def sample_count(self) -> int:
        """Number of samples."""
        return sum([run.count for run in self.runs])

    @property
    def duration(self) -> int:
        """Ticks of all samples."""
        return sum([run.total_duration for run in self.runs])

    @property
    def first_presentation(self) -> int:
        """The presentation time (ticks) of the first sample, which there has to be."""
        offsets = self.runs[0].composition_offset
        offset = offsets if isinstance(offsets, int) else offsets[0]
        return self.decode_time + self.track.presentation_shift + offset

    @property
    def earliest_presentation(self) -> int:
        """When the first of the samples is presented (ticks), of which there has to be one: see ``first_shown``."""
        begin = self.decode_time + self.track.presentation_shift
        shown: list[int] = []
        for run in self.runs:
            shown.extend(run.shown(begin))
            begin += run.total_duration
        return first_shown(shown, self.track.timescale)

    def iter_sizes(self) -> Iterator[int]:
        """Yield the size of each sample in bytes."""
        return chain.from_iterable([run.iter_sizes() for run in self.runs])

    def sizes(self) -> list[int]:
        """Return the size of each sample in bytes."""
        return list(self.iter_sizes())

    def ranges(self) -> list[tuple[int, int]]:
        """Return where each sample begins and ends in the file."""
        found: list[tuple[int, int]] = []
        for run in self.runs:
            start = run.position
            for size in run.iter_sizes():
                found.append((start, start + size))
                start += size
        return found

    @property
    def roll_starts(self) -> frozenset[int]:
        """The numbers (from 0) of samples at which a gradual refresh begins; by their flags they are not sync."""
        return starts_in(self.box, self.track.table, self.sample_count)

    @property
    def has_start(self) -> bool:
        """Whether decoding can start at any of the samples: at a sync sample, or where a gradual refresh begins."""
        flags = chain.from_iterable(islice(run.all_flags(), run.count) for run in self.runs)
        return not all(flag & NON_SYNC_SAMPLE for flag in flags) or bool(self.roll_starts)

    def samples(self, data: memoryview) -> Iterator[Sample]:
        """Yield the samples; their data are views on ``data``, the whole file. Times are those of presentation.

        A sample is ``sync`` by its flags, or where a gradual refresh begins with it.
        """
        starts = self.roll_starts
        return with_starts(self._rows(data), starts) if starts else self._rows(data)

    def _rows(self, data: memoryview) -> Iterator[Sample]:
        track_id = self.track.track_id
        time = self.decode_time + self.track.presentation_shift
        for run in self.runs:
            position = run.position
            rows = zip(
                range(run.count),
                _each(run.size),
                _each(run.duration),
                run.all_flags(),
                _each(run.composition_offset),
                strict=False,
            )
            for _, size, duration, flags, offset in rows:
                end = position + size
                yield Sample(track_id, time, duration, data[position:end], not flags & NON_SYNC_SAMPLE, offset)
                position = end
                time += duration


class SampleViews:
    """The data of a traf's samples, sliced as they are looked at: a view is larger than many a sample."""

    def __init__(self) -> None:
        self._runs: list[tuple[SampleRun, memoryview, int]] = []
        self._count = 0

    def add(self, run: SampleRun, view: memoryview, at: int) -> None:
        """Add the samples of a run, which begin at byte ``at`` of ``view``."""
        self._runs.append((run, view, at))
        self._count += run.count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[memoryview]:
        for run, view, at in self._runs:
            for size in run.iter_sizes():
                yield view[at : at + size]
                at += size

    @property
    def first(self) -> memoryview:
        """Data of the first sample."""
        return next(iter(self))


class FragmentReader:
    """Reads the fragments of one file in order, for a fragment may go on where the one before it ended.

    ``tracks`` as ``read_tracks`` gives them; ``size`` of the file in bytes, which no sample may exceed; ``budget`` what
    all fragments may claim together, by default as much as a file of ``size`` may. With ``faults`` a wrong fragment
    costs only what is wrong in it, and is noted there: a traf of an unknown track, samples outside the file; an
    index of a sample entry that is not there is taken for 1.
    """

    def __init__(
        self,
        tracks: Iterable[MovieTrack],
        size: int,
        budget: SampleBudget | None = None,
        faults: InputFaults | None = None,
    ) -> None:
        self._tracks = {track.track_id: track for track in tracks}
        self._size = size
        self._faults = faults
        self._budget = SampleBudget(size) if budget is None else budget
        self._next_time = {track.track_id: track.duration for track in self._tracks.values()}

    def read(
        self, moof: MovieFragmentBox, offset: int | None = None, end: int | None = None
    ) -> tuple[TrackFragment, ...]:
        """Return what each traf of ``moof`` holds, in file order; a traf without samples is there, without runs.

        ``offset`` is where the moof begins in the file (its own ``offset`` if None); ``end`` where the data that it
        may use do (the ``size`` of the file if None). Raises ``BoxError`` for a traf without header and for samples
        that exceed the budget, ``MediaError`` for a track that the movie does not have, a sample entry that is not
        there, and data outside the file.
        """
        start = offset if offset is not None else moof.offset or 0
        end = self._size if end is None else end
        found: list[TrackFragment] = []
        base = start
        for box in moof.find_all(TrackFragmentBox):
            header = box.find(TrackFragmentHeaderBox)
            if header is None:
                self._without_header(box)
                continue
            track = self._tracks.get(header.track_id)
            if track is None and self._faults is None:
                raise MediaError(f"a fragment of track {header.track_id}, which the movie does not have")
            if header.base_data_offset is not None:
                base = header.base_data_offset
            elif header.flags & _BASE_IS_MOOF:
                base = start
            defaults = _Defaults(header, track)
            runs: list[SampleRun] = []
            position = base
            for run_box in box.find_all(TrackRunBox):
                if run_box.data_offset is not None:
                    position = base + run_box.data_offset
                run = defaults.run(run_box, position)
                position = self._check(run, run_box, header.track_id, end)
                if run.count or self._faults is None:
                    runs.append(run)
            # Without base-data-offset and default-base-is-moof, the next traf's data follow this one's.
            base = position
            if track is not None:
                if self._faults is not None:
                    defaults.description = self._known_description(track, defaults.description, self._faults)
                track.entry(defaults.description)
                found.append(self._fragment(track, box, start, defaults.description, runs))
            elif self._faults is not None:
                text = f"fragments of track {header.track_id}, which the movie does not have"
                self._faults.tell(text, samples=sum([run.count for run in runs]))
        return tuple(found)

    def _without_header(self, box: TrackFragmentBox) -> None:
        if self._faults is None:
            raise BoxError("no tfhd box", path="/traf", offset=box.offset or 0)
        self._faults.tell("a fragment of some track has no header (tfhd)", loss=True)

    def next_time(self, track_id: int) -> int:
        """Return the media time (ticks) at which the samples that were read of a track end."""
        return self._next_time[track_id]

    def _known_description(self, track: MovieTrack, index: int, faults: InputFaults) -> int:
        """The index of a sample entry that is there."""
        if 0 < index <= len(track.entries):
            return index
        faults.tell(f"fragments of track {track.track_id} use sample entry {index}, which is not there: 1 is used")
        return 1

    def _fragment(
        self, track: MovieTrack, box: TrackFragmentBox, start: int, description: int, runs: list[SampleRun]
    ) -> TrackFragment:
        time_box = box.find(TrackFragmentBaseMediaDecodeTimeBox)
        time = time_box.base_media_decode_time if time_box is not None else self._next_time[track.track_id]
        made = TrackFragment(
            track=track,
            box=box,
            moof_offset=start,
            description=description,
            decode_time=time,
            runs=tuple(runs),
            budget=self._budget,
        )
        self._next_time[track.track_id] = time + made.duration
        return made

    def _check(self, run: SampleRun, box: TrackRunBox, track_id: int, most: int) -> int:
        """Where the data of ``run`` end, if they are in the file. With faults, the run is cut to what there is."""
        size = run.data_size
        end = run.position + size
        fault = ""
        if run.count and (run.position < 0 or end > most):
            fault = f"the samples of track {track_id} lie at bytes {run.position} to {end} of {most}"
        elif not size and not box.samples.names and run.count > _MAX_EMPTY_SAMPLES:
            fault = f"a run of {run.count} samples of track {track_id} has no bytes"
        if fault and self._faults is None:
            raise MediaError(fault)
        if fault and self._faults is not None:
            whole = run.whole_samples(most) if size else 0
            text = f"fragments of track {track_id} have samples outside the file" if size else fault
            self._faults.tell(text, samples=run.count - whole)
            run.cut(whole)
            size = run.data_size
        self._budget.charge(run.count, size, track_id=track_id, path="/moof/traf/trun", offset=box.offset)
        return end


class _Defaults:
    """Where a traf's samples get what their run does not say: tfhd, else trex, else nothing. 8.8.3, 8.8.7."""

    __slots__ = ("description", "duration", "flags", "size")

    def __init__(self, header: TrackFragmentHeaderBox, track: MovieTrack | None) -> None:
        fallback = (track.defaults if track is not None else None) or TrackExtendsBox(track_id=header.track_id)
        self.description: int = _either(header.sample_description_index, fallback.default_sample_description_index)
        self.duration: int = _either(header.default_sample_duration, fallback.default_sample_duration)
        self.size: int = _either(header.default_sample_size, fallback.default_sample_size)
        self.flags: int = _either(header.default_sample_flags, fallback.default_sample_flags)

    def run(self, box: TrackRunBox, position: int) -> SampleRun:
        columns = box.samples
        duration, size, flags = columns.get("duration"), columns.get("size"), columns.get("flags")
        offset = columns.get("composition_offset")
        return SampleRun(
            position=position,
            count=box.sample_count,
            duration=self.duration if duration is None else duration,
            size=self.size if size is None else size,
            flags=self.flags if flags is None else flags,
            first_flags=box.first_sample_flags,
            composition_offset=0 if offset is None else signed_offsets(offset),
        )


def _either(own: int | None, fallback: int) -> int:
    return fallback if own is None else own


def _each(column: "array[int] | int") -> Iterable[int]:
    return column if isinstance(column, array) else repeat(column)


def _but_first(flags: Iterable[int]) -> Iterator[int]:
    rest = iter(flags)
    next(rest, None)
    return rest
