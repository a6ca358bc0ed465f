"""Sample tables whose numbers disagree, made to agree: a wrong row costs itself. ISO/IEC 14496-12, 8.5 to 8.7.

A table that is as it should be stays the same object. Where FFmpeg reads a wrong one too, times come out as there.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Final

from onvif_bmff.bmff import (
    Box,
    ChunkLargeOffsetBox,
    ChunkOffsetBox,
    Columns,
    CompactSampleSizeBox,
    CompositionOffsetBox,
    SampleSizeBox,
    SampleTableBox,
    SampleToChunkBox,
    SyncSampleBox,
    TimeToSampleBox,
)
from onvif_bmff.demux.faults import InputFaults
from onvif_bmff.demux.table_columns import signed_offsets

__all__ = ["TableMender", "replaced", "with_count"]

_NEGATIVE: Final = 1 << 31
_LONGEST_REORDERING: Final = 60
"""Seconds: no picture is presented so much later or earlier than it is decoded."""


@dataclass(slots=True)
class TableMender:
    """Mends the tables of one track.

    ``name`` is how messages call the track; ``timescale`` its ticks a second; ``duration`` that of its media header
    in ticks, 0 if it gives none; ``entries`` the number of its sample entries.
    """

    name: str
    timescale: int
    duration: int
    entries: int
    faults: InputFaults

    def mend(self, table: SampleTableBox) -> SampleTableBox:
        """Return ``table`` with all tables in agreement, itself where they are. Sync samples stay as they are."""
        table = self._chunks(self._sizes(table))
        count = _count(table)
        if not count:
            return table
        in_chunks = _in_chunks(table)
        if in_chunks < count:
            self._tell("has samples in no chunk", samples=count - in_chunks)
            table, count = with_count(table, in_chunks), in_chunks
        return self._sync(self._offsets(self._durations(table, count), count), count) if count else table

    def _tell(self, text: str, *, samples: int = 0) -> None:
        self.faults.tell(f"{self.name} {text}", samples=samples)

    # ---- sizes and chunks ----

    def _sizes(self, table: SampleTableBox) -> SampleTableBox:
        compact = table.find(CompactSampleSizeBox)
        if table.find(SampleSizeBox) is None and compact is not None and compact.field_size not in (4, 8, 16):
            self._tell(f"has sizes of {compact.field_size} bits (stz2)", samples=compact.sample_count)
            return replaced(table, compact, SampleSizeBox())
        return table

    def _chunks(self, table: SampleTableBox) -> SampleTableBox:
        short, long = table.find(ChunkOffsetBox), table.find(ChunkLargeOffsetBox)
        if short is not None and long is not None and not len(short.entries) and len(long.entries):
            self._tell("has two tables of chunks, one of them empty")
            table = replaced(table, short)
        chunks = long if short is None or not len(short.entries) else short
        number = len(chunks.entries) if chunks is not None else 0
        found = table.find(SampleToChunkBox)
        count = _count(table)
        if not count:
            if number:
                self.faults.tell(f"{self.name} has chunks, but no sizes of samples", loss=True)
            return table
        if found is None or not len(found.entries):
            in_chunk = {1: count, count: 1}.get(number)
            if in_chunk is None:
                self._tell("does not say which samples are in which chunk", samples=count)
                return with_count(table, 0)
            self._tell("does not say which samples are in which chunk: there is only one way")
            row = Columns(first_chunk=[1], samples_per_chunk=[in_chunk], sample_description_index=[1])
            made = SampleToChunkBox(entries=row)
            return replaced(table, found, made)
        return replaced(table, found, self._to_chunks(found))

    def _to_chunks(self, found: SampleToChunkBox) -> SampleToChunkBox:
        rows = found.entries
        firsts, indexes = rows["first_chunk"], rows["sample_description_index"]
        ordered = firsts[0] == 1 and all(map(int.__lt__, firsts, firsts[1:]))
        if ordered and min(indexes) >= 1 and max(indexes) <= max(self.entries, 1):
            return found
        kept: tuple[array[int], ...] = (array("I"), array("I"), array("I"))
        if not ordered:
            self._tell("has chunks that are not in order")
        for first, in_chunk, given in rows.rows():
            index = given if 0 < given <= max(self.entries, 1) else 1
            if index != given:
                self._tell(f"uses sample entry {given}, which is not there: 1 is used")
            if not kept[0] or first > kept[0][-1]:
                for column, number in zip(kept, (first if kept[0] else 1, in_chunk, index), strict=True):
                    column.append(number)
        return replace(found, entries=Columns(None, **dict(zip(rows.names, kept, strict=True))))

    # ---- times ----

    def _durations(self, table: SampleTableBox, count: int) -> SampleTableBox:
        found = table.find(TimeToSampleBox)
        rows = found.entries if found is not None else TimeToSampleBox().entries
        counts, deltas = rows["sample_count"], rows["sample_delta"]
        if len(deltas) and max(deltas) >= _NEGATIVE:
            self._tell("has negative durations: each is taken for one tick")
            deltas = array("I", (1 if delta >= _NEGATIVE else delta for delta in deltas))
        given = sum(counts)
        usual = self.duration // count
        if usual and given >= count and not any(deltas):
            self._tell("has durations of 0: its samples are taken to be equally long")
            counts, deltas = array("I", [count]), array("I", [usual])
        elif given < count:
            self._tell("has fewer durations than samples: the last one is used for the others")
            last = deltas[-1] if given else usual or max(self.timescale // 25, 1)
            counts, deltas = _longer(counts, count - given), _longer(deltas, last)
        if deltas is rows["sample_delta"]:
            return table
        return replaced(table, found, TimeToSampleBox(entries=Columns(sample_count=counts, sample_delta=deltas)))

    def _offsets(self, table: SampleTableBox, count: int) -> SampleTableBox:
        found = table.find(CompositionOffsetBox)
        if found is None:
            return table
        counts, offsets = found.entries["sample_count"], signed_offsets(found.entries["sample_offset"])
        most = max(_LONGEST_REORDERING * self.timescale, 16 * _longest(table))
        absurd = len(offsets) > 0 and (max(offsets) > most or min(offsets) < -most)
        given = sum(counts)
        if not absurd and given >= count:
            return table
        if absurd:
            self._tell("has composition offsets beyond all reason: those of the samples before them are used")
            offsets = array("i", _reasonable(offsets, most))
        if given < count:
            self._tell("has fewer composition offsets than samples: that of the first sample is used for the others")
            counts, offsets = _longer(counts, count - given), _longer(offsets, _first(counts, offsets))
        made = CompositionOffsetBox(version=1, entries=Columns(sample_count=counts, sample_offset=offsets))
        return replaced(table, found, made)

    # ---- sync samples ----

    def _sync(self, table: SampleTableBox, count: int) -> SampleTableBox:
        found = table.find(SyncSampleBox)
        if found is None:
            return table
        numbers = found.entries["sample_number"]
        if all(map(int.__lt__, numbers, numbers[1:])) and (not numbers or (numbers[0] > 0 and numbers[-1] <= count)):
            return table
        kept = array("I", (number for number, _ in groupby(sorted(numbers)) if 0 < number <= count))
        self._tell("has sync samples out of order, twice, or that it does not have")
        return replaced(table, found, replace(found, entries=Columns(sample_number=kept)))


def with_count(table: SampleTableBox, count: int) -> SampleTableBox:
    """Return ``table`` with the sizes of the first ``count`` samples only."""
    plain, compact = table.find(SampleSizeBox), table.find(CompactSampleSizeBox)
    if plain is not None:
        sizes = plain.entries.get("size")
        entries = Columns(count) if sizes is None else Columns(size=sizes[:count])
        return replaced(table, plain, replace(plain, entries=entries))
    if compact is not None:
        packed = compact.packed[: (count * compact.field_size + 7) // 8]
        return replaced(table, compact, replace(compact, sample_count=count, packed=packed))
    return table


def _count(table: SampleTableBox) -> int:
    sizes = table.find(SampleSizeBox) or table.find(CompactSampleSizeBox)
    return sizes.sample_count if sizes is not None else 0


def _in_chunks(table: SampleTableBox) -> int:
    """How many samples the chunks hold."""
    chunks = table.find(ChunkOffsetBox) or table.find(ChunkLargeOffsetBox)
    number = len(chunks.entries) if chunks is not None else 0
    total = 0
    for (first, in_chunk), (following, _) in pairwise(_chunk_runs(table, number + 1)):
        total += in_chunk * max(min(following, number + 1) - first, 0)
    return total


def _chunk_runs(table: SampleTableBox, end: int) -> Iterator[tuple[int, int]]:
    rows = table.require(SampleToChunkBox).entries
    yield from zip(rows["first_chunk"], rows["samples_per_chunk"], strict=True)
    yield end, 0


def _longer(column: "array[int]", value: int) -> "array[int]":
    made = column[:]
    made.append(value)
    return made


def _first(counts: "array[int]", values: "array[int]") -> int:
    """The value of the first sample, 0 if none has any: with one offset for all that have none, times go on evenly."""
    return next((value for count, value in zip(counts, values, strict=True) if count), 0)


def _longest(table: SampleTableBox) -> int:
    times = table.find(TimeToSampleBox)
    return max(times.entries["sample_delta"], default=0) if times is not None else 0


def _reasonable(offsets: "array[int]", most: int) -> Iterator[int]:
    last = next((offset for offset in offsets if -most <= offset <= most), 0)
    for offset in offsets:
        if -most <= offset <= most:
            last = offset
        yield last


def replaced(table: SampleTableBox, old: Box | None, new: Box | None = None) -> SampleTableBox:
    """Return ``table`` with ``new`` in place of ``old``, or at its end; without ``old`` where ``new`` is None."""
    if old is new:
        return table
    kept = [new if child is old else child for child in table.children]
    if old is None:
        kept.append(new)
    return replace(table, children=tuple([child for child in kept if child is not None]))
