"""Rules of indexes: sidx, mfra, and its copy in the SeekTable attribute. ONVIF 25.12, B.6, B.7, B.9.2."""

import base64
import binascii
from bisect import bisect_left
from collections.abc import Sequence

from onvif_bmff.bmff import (
    NON_SYNC_SAMPLE,
    MovieFragmentRandomAccessBox,
    MovieFragmentRandomAccessOffsetBox,
    SegmentIndexBox,
    TrackFragmentRandomAccessBox,
)
from onvif_bmff.errors import ObjectAttributeError
from onvif_bmff.objects.seek_table import SeekEntry, SeekTable
from onvif_bmff.validation.observed import Context, ObservedFragment, ObservedSegment, ObservedTrack

__all__ = ["check_random_access", "check_seek_table", "check_segment_indexes"]

_MAX_ENTRIES = 20
_MFRO_SIZE = 16
_TO_INDEX = 31
"""The bit of a reference that says: to another sidx. ISO/IEC 14496-12, 8.16.3."""
_SECONDS = 10
"""Distances up to this count as "every few seconds"."""
_ATTRIBUTE = "@SeekTable"


def check_random_access(
    context: Context, observed: ObservedSegment, found: MovieFragmentRandomAccessBox | None
) -> None:
    """Check the mfra of a segment (None: it has none)."""
    add = context.findings.add
    if found is None:
        if not context.is_cmaf:
            add("ANX-B.6-06", "there is no mfra")
        return
    size = found.find(MovieFragmentRandomAccessOffsetBox)
    if size is None or size.parent_size != found.read_size or found.children[-1] is not size:
        message = "no mfro at its end that tells its size"
        add("ANX-B.3-08", message, offset=found.offset, path="/mfra/mfro")
    rule = context.rule("ANX-B.7-11", "ANX-B.6-07")
    index = _Index(observed)
    for table in found.find_all(TrackFragmentRandomAccessBox):
        track = observed.tracks.get(table.track_id)
        path = "/mfra/tfra"
        if track is None:
            message = f"a table of track {table.track_id}, which the moov does not have"
            add(rule, message, offset=table.offset, path=path)
            continue
        for row in table.entries.rows():
            fault = index.fault_of(track, SeekEntry._make(row))
            if fault is not None:
                add(rule, f"track {table.track_id}: {fault}", offset=table.offset, path=path)
    listed: dict[int, set[int]] = {}
    for table in found.find_all(TrackFragmentRandomAccessBox):
        listed.setdefault(table.track_id, set()).update(table.entries["moof_offset"])
    for track_id, track in observed.tracks.items():
        have = listed.get(track_id, set())
        for part in track.parts:
            if part.first_is_sync and part.moof_offset not in have:
                message = f"no entry for track {track_id} in the fragment at byte {part.moof_offset}"
                add(rule, message, offset=found.offset, path="/mfra")


def check_segment_indexes(context: Context, observed: ObservedSegment, indexes: Sequence[SegmentIndexBox]) -> None:
    """Check that each sidx of a segment refers to its fragments, one after the other."""
    rule = context.rule("C-48", "ANX-B.3-08")
    count = sum(part.first_is_sync for track in observed.tracks.values() for part in track.parts)
    for index in indexes:
        references = index.references["reference"]
        message: str | None = None
        if any(reference >> _TO_INDEX for reference in references):
            if context.is_cmaf:
                message = "references to other indexes"
        elif context.is_cmaf and len(references) != count:
            message = f"{len(references)} references for {count} fragments"
        else:
            message = _fault_of_references(observed, index, references)
        if message is not None:
            context.findings.add(rule, message, offset=index.offset, path="/sidx")


def _fault_of_references(observed: ObservedSegment, index: SegmentIndexBox, references: Sequence[int]) -> str | None:
    """Return why the pieces that a sidx refers to are not fragments as a whole, or None."""
    position = (index.offset or 0) + (index.read_size or 0) + index.first_offset
    for size in references:
        first, last = bisect_left(observed.moofs, position), bisect_left(observed.moofs, position + size)
        if first == last or observed.data_ends[last - 1] > position + size:
            return f"no whole fragments lie at bytes {position} to {position + size}"
        position += size
    return None


class _Index:
    """The samples of a segment by moof and number, to check entries against."""

    def __init__(self, observed: ObservedSegment) -> None:
        self._moofs = set(observed.moofs)
        self._parts = {
            (track_id, part.moof_offset): part for track_id, track in observed.tracks.items() for part in track.parts
        }
        self._spread: tuple[ObservedFragment | None, list[Sequence[int]]] = (None, [])
        self._budget = 4 * sum(track.samples for track in observed.tracks.values()) + 1000

    def fault_of(self, track: ObservedTrack, entry: SeekEntry) -> str | None:
        """Return what is wrong with an entry, or None."""
        if entry.moof_offset not in self._moofs:
            return f"no fragment begins at byte {entry.moof_offset}"
        part = self._parts.get((track.track.track_id, entry.moof_offset))
        if part is None:
            return f"the fragment at byte {entry.moof_offset} has no samples of it"
        if part.traf_number != entry.traf_number:
            return f"it is traf {part.traf_number} at byte {entry.moof_offset}, not {entry.traf_number}"
        sample = self._sample(part, entry.trun_number, entry.sample_number)
        if sample is None:
            return f"no sample {entry.sample_number} in trun {entry.trun_number} at byte {entry.moof_offset}"
        time, is_sync = sample
        if not is_sync:
            return f"the sample at byte {entry.moof_offset} is no sync sample"
        if entry.time not in (time, time + track.track.presentation_shift):
            return f"the sample at byte {entry.moof_offset} is shown at {time}, not {entry.time}"
        return None

    def _sample(self, part: ObservedFragment, trun: int, sample: int) -> tuple[int, bool] | None:
        if trun == sample == 1 and part.runs[0].count:
            return part.first_time, part.first_is_sync
        if self._spread[0] is not part:
            if part.count > self._budget:
                return None
            self._budget -= part.count
            self._spread = part, part.decode_times()
        if not (0 < trun <= len(part.runs) and 0 < sample <= part.runs[trun - 1].count):
            return None
        run, times = part.runs[trun - 1], self._spread[1][trun - 1]
        time = times[sample - 1] if not isinstance(run.duration, int) else times[0] + (sample - 1) * run.duration
        offsets, flags = run.composition_offset, run.flags
        if sample == 1 and run.first_flags is not None:
            flags = run.first_flags
        offset = offsets if isinstance(offsets, int) else offsets[sample - 1]
        return time + offset, not (flags if isinstance(flags, int) else flags[sample - 1]) & NON_SYNC_SAMPLE


def check_seek_table(context: Context, observed: ObservedSegment, text: str) -> None:
    """Check the SeekTable attribute of a segment that was read."""
    add = context.findings.add
    try:
        table = SeekTable.from_base64(text)
    except ObjectAttributeError as error:
        if _keeps_length_of_mfro(text):
            add("ANX-B.9.2-07", "the length still counts an mfro that is not there", path=_ATTRIBUTE)
        else:
            add("ANX-B.9.2-01", str(error), path=_ATTRIBUTE)
        return
    if len(table) > _MAX_ENTRIES:
        add("ANX-B.9.2-04", f"{len(table)} entries", path=_ATTRIBUTE)
    if not observed.complete:
        return
    index = _Index(observed)
    for of_track in table.tracks:
        track = observed.tracks.get(of_track.track_id)
        if track is None:
            add("ANX-B.9.2-01", f"track {of_track.track_id} is not in the moov", path=_ATTRIBUTE)
            continue
        for entry in of_track.entries:
            fault = index.fault_of(track, entry)
            if fault is not None:
                add("ANX-B.9.2-01", f"track {of_track.track_id}: {fault}", path=_ATTRIBUTE)
    for track_id, track in observed.tracks.items():
        if not track.parts or not track.parts[0].first_is_sync:
            continue
        of_track_or_none = table.track(track_id)
        first = of_track_or_none.entries[0] if of_track_or_none is not None else None
        if first is None or first.moof_offset > track.parts[0].moof_offset:
            add("ANX-B.9.2-05", f"no entry for the first sample of track {track_id}", path=_ATTRIBUTE)
    _check_precision(context, observed, table)


def _keeps_length_of_mfro(text: str) -> bool:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return data[4:8] == b"mfra" and int.from_bytes(data[:4], "big") == len(data) + _MFRO_SIZE


def _check_precision(context: Context, observed: ObservedSegment, table: SeekTable) -> None:
    """Report entries left out although there was room and their neighbours are far apart."""
    lead = observed.lead
    found = table.track(lead.track.track_id) if lead is not None else None
    if lead is None or found is None or len(table) >= _MAX_ENTRIES:
        return
    limit = _SECONDS * lead.track.timescale
    times = [entry.time for entry in found.entries]
    stops = [*times[1:], lead.end]
    places = iter(sorted(part.first_time for part in lead.parts if part.first_is_sync))
    place = next(places, None)
    for time, stop in zip(times, stops, strict=True):
        while place is not None and place <= time:
            place = next(places, None)
        if stop - time > limit and place is not None and place < stop:
            message = f"no entry from {time} to {stop}, while a fragment begins at {place}"
            context.findings.add("ANX-B.9.2-03", message, path=_ATTRIBUTE)
            return
