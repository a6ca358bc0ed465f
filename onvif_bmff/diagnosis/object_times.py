"""The times of the samples of a stored object, without its media data."""

from array import array
from collections.abc import Iterable, Iterator
from itertools import repeat

from onvif_bmff.bmff import NON_SYNC_SAMPLE
from onvif_bmff.demux.fragment_samples import TrackFragment

__all__ = ["fragment_times"]


def fragment_times(part: TrackFragment) -> Iterator[tuple[int, int, int, bool]]:
    """Yield decode time, composition offset, duration (ticks) and sync of each sample."""
    time = part.decode_time
    for run in part.runs:
        columns = map(_each, (run.duration, run.composition_offset))
        for _, flags, duration, offset in zip(range(run.count), run.all_flags(), *columns, strict=False):
            yield time, offset, duration, not flags & NON_SYNC_SAMPLE
            time += duration


def _each(column: "array[int] | int") -> Iterable[int]:
    return column if isinstance(column, array) else repeat(column)
