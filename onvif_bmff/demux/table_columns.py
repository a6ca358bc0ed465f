"""Columns of a movie box's sample tables, spread out sample by sample as they are taken. ISO/IEC 14496-12, 8.6, 8.7.

None of them holds more than its box does, whatever numbers of samples the rows state.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, repeat

from onvif_bmff.bmff import (
    ChunkLargeOffsetBox,
    ChunkOffsetBox,
    CompactSampleSizeBox,
    CompositionOffsetBox,
    SampleSizeBox,
    SampleTableBox,
    SampleToChunkBox,
    SyncSampleBox,
    TimeToSampleBox,
)
from onvif_bmff.errors import MediaError

__all__ = ["chunks_of", "durations_of", "offsets_of", "signed_offsets", "sizes_of", "sync_of"]


def chunks_of(table: SampleTableBox, track_id: int) -> Iterator[tuple[int, int, int]]:
    """Return the offset in the file, number of samples and sample description of each chunk."""
    box = table.find(ChunkOffsetBox) or table.find(ChunkLargeOffsetBox)
    to_chunk = table.require(SampleToChunkBox).entries
    offsets: Sequence[int] = box.entries["chunk_offset"] if box is not None else ()
    following = chain(to_chunk["first_chunk"][1:], (len(offsets) + 1,))
    positions = iter(offsets)
    expected = 1
    for (first, in_chunk, description), stop in zip(to_chunk.rows(), following, strict=False):
        if first != expected or stop < first:
            raise MediaError(f"the chunks of track {track_id} are not in order")
        for position in islice(positions, stop - first):
            yield position, in_chunk, description
        expected = stop


def sizes_of(table: SampleTableBox) -> Iterable[int]:
    """Return the bytes of each sample."""
    plain = table.find(SampleSizeBox)
    if plain is not None:
        return plain.entries["size"] if "size" in plain.entries else repeat(plain.sample_size, plain.sample_count)
    compact = table.require(CompactSampleSizeBox)
    if compact.field_size not in (4, 8, 16):
        raise MediaError(f"sizes of {compact.field_size} bits in stz2: 4, 8 or 16 needed")
    return compact.sizes()


def durations_of(table: SampleTableBox) -> Iterable[int]:
    """Return the ticks of each sample."""
    entries = table.require(TimeToSampleBox).entries
    return _spread(entries["sample_delta"], entries["sample_count"])


def offsets_of(table: SampleTableBox) -> Iterable[int]:
    """Return the composition offset of each sample."""
    box = table.find(CompositionOffsetBox)
    if box is None:
        return repeat(0)
    return _spread(signed_offsets(box.entries["sample_offset"]), box.entries["sample_count"])


def _spread(values: Iterable[int], counts: Iterable[int]) -> Iterator[int]:
    spread: Callable[[int, int], Iterable[int]] = repeat
    return chain.from_iterable(map(spread, values, counts))


def signed_offsets(column: "array[int]") -> "array[int]":
    """Return composition offsets as signed numbers, also where version 0, which has none, was used for them.

    No honest offset reaches 2^31 ticks, but writers that keep to QuickTime put negative ones there.
    """
    return array("i", column.tobytes()) if column.typecode == "I" else column


def sync_of(table: SampleTableBox) -> Iterator[bool]:
    """Return whether each sample is a sync sample; for more samples than there are."""
    box = table.find(SyncSampleBox)
    if box is None:
        return repeat(object=True)
    return chain(chain.from_iterable(_sync_runs(box)), repeat(object=False))


def _sync_runs(box: SyncSampleBox) -> Iterator[Iterable[bool]]:
    before = 0
    for number in box.entries["sample_number"]:
        if number <= before:
            raise MediaError("the sync samples are not in order")
        yield repeat(object=False, times=number - before - 1)
        yield (True,)
        before = number
