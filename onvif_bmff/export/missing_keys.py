"""Which tracks of a protected file cannot be decrypted with the keys at hand. ISO/IEC 23001-7, 5 to 8."""

from collections.abc import Collection, Iterable
from uuid import UUID

from onvif_bmff.bmff import Box, MovieBox, MovieFragmentBox
from onvif_bmff.cenc.protection import ProtectionRun, SeigDescriptions, protection_of, protection_runs
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.fragment_samples import FragmentReader
from onvif_bmff.demux.sample_tables import MovieTrack, read_tracks
from onvif_bmff.errors import MediaError

__all__ = ["tracks_without_keys"]


def tracks_without_keys(
    boxes: Iterable[tuple[Box, int]], size: int, keys: Collection[UUID]
) -> dict[int, tuple[UUID, ...]]:
    """Return the track_IDs of which samples need keys that are missing, with the KIDs of those.

    Args:
        boxes: the movie boxes and fragments of a file, with their positions.
        size: bytes of the file.
        keys: the known KIDs, looked at when all boxes have passed.

    Raises:
        BoxError, MediaError: the file is invalid.
        ProtectionError: a sample group has no description.
    """
    budget = SampleBudget(size)
    used: dict[int, dict[UUID, None]] = {}
    reader: FragmentReader | None = None
    groups: dict[int, SeigDescriptions] = {}
    for found, start in boxes:
        if isinstance(found, MovieBox):
            tracks = read_tracks(found)
            reader = FragmentReader(tracks, size, budget)
            groups = {track.track_id: SeigDescriptions.of(track.table.children) for track in tracks}
            for track in tracks:
                if track.is_protected and track.sample_count:
                    _note(used, track.track_id, _table_runs(track))
        elif isinstance(found, MovieFragmentBox):
            if reader is None:
                raise MediaError("a fragment comes before any movie box")
            for part in reader.read(found, start):
                default = protection_of(part.track.entry(part.description))
                if default is not None and part.sample_count:
                    own, of_track = part.box.children, groups[part.track.track_id]
                    _note(used, part.track.track_id, protection_runs(default, part.sample_count, own, of_track))
    missing = {number: tuple(kid for kid in kids if kid not in keys) for number, kids in used.items()}
    return {number: kids for number, kids in missing.items() if kids}


def _table_runs(track: MovieTrack) -> list[ProtectionRun]:
    """Return how the samples are protected that the movie box itself describes."""
    default = protection_of(track.entry(track.first_description))
    boxes = (*track.table.children, *track.box.children)
    return [] if default is None else protection_runs(default, track.sample_count, boxes)


def _note(used: dict[int, dict[UUID, None]], number: int, runs: Iterable[ProtectionRun]) -> None:
    for _, protection in runs:
        if protection.is_protected:
            used.setdefault(number, {})[protection.kid] = None
