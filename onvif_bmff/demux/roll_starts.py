"""Samples at which a gradual refresh begins: those of 'roll' groups of a positive distance. ISO/IEC 14496-12, 10.1."""

from collections.abc import Iterable, Iterator

from onvif_bmff.bmff import ContainerBox, SampleGroupDescriptionBox, SampleToGroupBox
from onvif_bmff.media.track import Sample

__all__ = ["starts_in", "with_starts"]

_ROLL = "roll"
_LOCAL = 0x10000


def starts_in(box: ContainerBox, table: ContainerBox | None, count: int) -> frozenset[int]:
    """Return the numbers (from 0) of such samples in a traf of ``count``; groups may be those of ``table``, the stbl.

    What does not fit together names none.
    """
    found: set[int] = set()
    for groups in box.find_all(SampleToGroupBox):
        if groups.grouping_type != _ROLL:
            continue
        own, shared = _distances(box), _distances(table)
        number = 0
        for length, index in zip(
            groups.entries["sample_count"], groups.entries["group_description_index"], strict=True
        ):
            distances, place = (own, index - _LOCAL) if index > _LOCAL else (shared, index)
            if 0 < place <= len(distances) and distances[place - 1] > 0:
                found.update(range(number, min(number + length, count)))
            number += length
            if number >= count:
                break
    return frozenset(found)


def with_starts(samples: Iterable[Sample], starts: frozenset[int]) -> Iterator[Sample]:
    """Yield samples, those at which a gradual refresh begins as sync samples: decoding can start there."""
    for number, sample in enumerate(samples):
        if number in starts:
            sample.sync = True
        yield sample


def _distances(box: ContainerBox | None) -> list[int]:
    """roll_distance of each 'roll' group that a traf or stbl describes."""
    for described in box.find_all(SampleGroupDescriptionBox) if box is not None else ():
        if described.grouping_type == _ROLL and described.version == 1 and described.default_length == 2:
            data = bytes(described.descriptions)
            ends = range(2, min(len(data), 2 * described.entry_count) + 1, 2)
            return [int.from_bytes(data[end - 2 : end], "big", signed=True) for end in ends]
    return []
