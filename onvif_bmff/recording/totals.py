"""What a segment holds, and the mfra that follows from it. ISO/IEC 14496-12, 8.8.9."""

from array import array
from dataclasses import dataclass, field

from onvif_bmff.bmff import (
    MovieFragmentRandomAccessBox,
    TrackFragmentRandomAccessBox,
)
from onvif_bmff.errors import InvariantError
from onvif_bmff.objects.random_access import movie_random_access, track_random_access
from onvif_bmff.recording.fragment import Fragment

__all__ = ["SegmentTotals", "TrackTotals", "make_random_access"]


@dataclass(slots=True, eq=False)
class TrackTotals:
    """What a segment holds of one track, in ticks of the file and bytes; decode times go ``until`` there."""

    duration: int = 0
    sample_count: int = 0
    size: int = 0
    until: int = 0
    times: "array[int]" = field(default_factory=lambda: array("Q"))
    moof_offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    traf_numbers: "array[int]" = field(default_factory=lambda: array("I"))
    sample_numbers: "array[int]" = field(default_factory=lambda: array("I"))


@dataclass(slots=True, eq=False)
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
            if run.decode_time < of_track.until:
                raise InvariantError(
                    f"track {track_id}: a fragment begins before the last one ends, at {run.decode_time}"
                )
            of_track.until = run.decode_time + run.duration
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
    return movie_random_access(tables)


def _tfra(track_id: int, totals: TrackTotals) -> TrackFragmentRandomAccessBox:
    truns = array("B", [1]) * len(totals.times)
    numbers = totals.traf_numbers, truns, totals.sample_numbers
    return track_random_access(track_id, totals.times, totals.moof_offsets, numbers, three_bytes=False)
