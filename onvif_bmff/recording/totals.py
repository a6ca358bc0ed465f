"""What a segment holds, and the mfra that follows from it. ISO/IEC 14496-12, 8.8.9."""

from array import array
from dataclasses import dataclass, field

from onvif_bmff.bmff import (
    Columns,
    MovieFragmentRandomAccessBox,
    MovieFragmentRandomAccessOffsetBox,
    TrackFragmentRandomAccessBox,
)
from onvif_bmff.recording.fragment import Fragment

__all__ = ["SegmentTotals", "TrackTotals", "make_random_access"]


@dataclass(slots=True)
class TrackTotals:
    """What a segment holds of one track, in ticks of the file and bytes."""

    duration: int = 0
    sample_count: int = 0
    size: int = 0
    times: "array[int]" = field(default_factory=lambda: array("Q"))
    moof_offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    traf_numbers: "array[int]" = field(default_factory=lambda: array("I"))
    sample_numbers: "array[int]" = field(default_factory=lambda: array("I"))


@dataclass(slots=True)
class SegmentTotals:
    """What a segment holds: its tracks by track_id, its bytes, and its presentation times in ticks."""

    tracks: dict[int, TrackTotals]
    size: int = 0
    fragment_count: int = 0
    presentation_end: dict[int, int] = field(default_factory=dict)

    def add(self, fragment: Fragment) -> None:
        """Count a fragment, which lies behind what the segment held before."""
        for number, run in enumerate(fragment.runs, 1):
            track_id = run.track.track_id
            of_track = self.tracks[track_id]
            of_track.duration += run.duration
            of_track.sample_count += run.sample_count
            of_track.size += run.size
            if run.sync_number:
                of_track.times.append(run.sync_time)
                of_track.moof_offsets.append(self.size)
                of_track.traf_numbers.append(number)
                of_track.sample_numbers.append(run.sync_number)
            self.presentation_end[track_id] = max(run.presentation_end, self.presentation_end.get(track_id, 0))
        self.size += fragment.size
        self.fragment_count += 1


def make_random_access(totals: SegmentTotals) -> MovieFragmentRandomAccessBox:
    """Return the mfra of a segment: each track's first sync sample of each fragment. ISO/IEC 14496-12, 8.8.9.

    The track that is first in the movie comes last, where readers that take the last bytes of an object have it whole.
    """
    tables = tuple(_tfra(track_id, found) for track_id, found in reversed(totals.tracks.items()) if len(found.times))
    size = 8 + 16 + sum(table.size for table in tables)
    return MovieFragmentRandomAccessBox(children=(*tables, MovieFragmentRandomAccessOffsetBox(parent_size=size)))


def _tfra(track_id: int, totals: TrackTotals) -> TrackFragmentRandomAccessBox:
    count = len(totals.times)
    wide = max(totals.times[-1], totals.moof_offsets[-1]) >= 1 << 32
    most, farthest = max(totals.traf_numbers), max(totals.sample_numbers)
    return TrackFragmentRandomAccessBox(
        version=1 if wide else 0,
        track_id=track_id,
        length_size_of_traf_num=0 if most < 256 else 1,
        length_size_of_trun_num=0,
        length_size_of_sample_num=1 if farthest < 1 << 16 else 3,
        entries=Columns(
            time=totals.times,
            moof_offset=totals.moof_offsets,
            traf_number=totals.traf_numbers,
            trun_number=array("B", [1]) * count,
            sample_number=totals.sample_numbers,
        ),
    )
