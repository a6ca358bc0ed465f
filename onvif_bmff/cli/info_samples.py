"""The samples of files and stored segments without their data: times, sizes and places."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, repeat

from onvif_bmff.bmff import NON_SYNC_SAMPLE, SampleSizeBox, SampleToChunkBox, TimeToSampleBox
from onvif_bmff.demux import (
    MovieTrack,
    SampleBudget,
    TrackFragment,
    durations_of,
    offsets_of,
    sync_of,
    table_chunks,
)
from onvif_bmff.errors import MediaError
from onvif_bmff.media_kind import MediaKind

__all__ = ["SampleFact", "fragment_facts", "table_facts"]


@dataclass(slots=True)
class SampleFact:
    """A sample: ``decode_time``, ``duration`` and ``composition_offset`` in ticks, with the edit list applied.

    ``position`` is its place in the object, ``size`` its bytes, ``description`` the number of its sample entry.
    ``frames`` is above 1 for neighbouring frames of PCM, which are one fact.
    """

    decode_time: int
    duration: int
    composition_offset: int
    size: int
    sync: bool
    position: int
    description: int
    frames: int = 1


def table_facts(track: MovieTrack, size: int, budget: SampleBudget) -> Iterator[SampleFact]:
    """Yield the samples that the movie box itself describes; ``size`` is that of the file.

    Raises as ``demux.table_chunks`` does.
    """
    if not track.sample_count:
        return
    table, time = track.table, track.presentation_shift
    if table.find(TimeToSampleBox) is None or table.find(SampleToChunkBox) is None:
        raise MediaError(f"track {track.track_id} has samples, but no stts or no stsc")
    chunks = table_chunks(track, size, budget)
    if _has_single_frames(track):
        for position, sizes, description in chunks:
            count = len(sizes)
            yield SampleFact(time, count, 0, sum(sizes), sync=True, position=position, description=description,
                             frames=count)  # fmt: skip
            time += count
        return
    rows = zip(durations_of(table), offsets_of(table), sync_of(table), strict=False)
    for position, sizes, description in chunks:
        found = list(islice(rows, len(sizes)))
        if len(found) < len(sizes):
            raise MediaError(f"the tables of track {track.track_id} disagree: samples have no duration or offset")
        for length, (duration, offset, sync) in zip(sizes, found, strict=True):
            yield SampleFact(time, duration, offset, length, sync, position, description)
            time += duration
            position += length


def _has_single_frames(track: MovieTrack) -> bool:
    """Return whether samples are frames of PCM: audio of one size, a tick each."""
    sizes = track.table.find(SampleSizeBox)
    deltas = track.table.require(TimeToSampleBox).entries["sample_delta"]
    one_tick = len(deltas) == 1 and deltas[0] == 1
    return one_tick and track.handler == MediaKind.AUDIO.handler and sizes is not None and sizes.sample_size > 0


def fragment_facts(part: TrackFragment) -> Iterator[SampleFact]:
    """Yield the samples of a track fragment; places count as those of its runs."""
    time = part.decode_time + part.track.presentation_shift
    for run in part.runs:
        position = run.position
        columns = map(_each, (run.size, run.duration, run.composition_offset))
        for _, flags, size, duration, offset in zip(range(run.count), run.all_flags(), *columns, strict=False):
            yield SampleFact(time, duration, offset, size, not flags & NON_SYNC_SAMPLE, position, part.description)
            time += duration
            position += size


def _each(column: "array[int] | int") -> Iterable[int]:
    return column if isinstance(column, array) else repeat(column)
