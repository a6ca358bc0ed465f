"""What a power cut leaves of bytes that were not yet on the disk: zeros, a sector at a time.

A file system may know how long a file is before its last bytes are written. Coded media hardly ever have zeros where a
sector begins or ends, so that those are found in which samples were lost; uncoded sound may be silent.
"""

from collections.abc import Iterable

from onvif_bmff.demux.fragment_samples import TrackFragment

__all__ = ["is_torn"]

_SECTOR = 512
_ENOUGH = bytes(16)
_UNCODED = frozenset({"raw ", "NONE", "twos", "sowt", "lpcm", "ipcm", "fpcm", "in24", "in32", "fl32", "fl64"})
"""Sample entries of sound that is not coded."""


def is_torn(view: memoryview, parts: Iterable[TrackFragment]) -> bool:
    """Return whether samples of a fragment have zeros from the beginning of a sector on, or up to its end.

    16 zero bytes are enough, or fewer where the samples or the file end with them.
    """
    return any(
        _has_lost_sector(view, run.position, run.position + run.data_size)
        for part in parts
        if not _UNCODED & {entry.type for entry in part.track.entries}
        for run in part.runs
    )


def _has_lost_sector(view: memoryview, start: int, stop: int) -> bool:
    for at in range(-(-start // _SECTOR) * _SECTOR, stop, _SECTOR):
        after, before = view[at : min(at + 16, stop)], view[max(at - 16, start) : at]
        if after == _ENOUGH[: len(after)] and (len(after) >= 4 or stop == len(view)):
            return True
        if len(before) == 16 and before == _ENOUGH:
            return True
    return stop == len(view) and stop - start >= 4 and not any(view[stop - 4 : stop])
