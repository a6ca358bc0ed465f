"""Which samples are sync samples in truth, and the 'roll' sample groups of those at which a gradual refresh begins.

A source says at which samples decoding can start (``Sample.sync``). A codec knows better what that means
(``media.codec.RandomAccessCodec``): a sync sample, the begin of a gradual refresh, after which so many samples have to
be decoded until pictures are right, or neither, where a stream has no such points and its segments are cut by time.
ISO/IEC 14496-12, 8.9 and 10.1.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, islice
from operator import attrgetter

from onvif_bmff.media.codec import Codec, RandomAccessCodec
from onvif_bmff.media.track import Sample

__all__ = ["RollDistance", "roll_distance_of", "sync_samples"]

RollDistance = Callable[[Iterable[bytes | memoryview]], int | None]
"""``RandomAccessCodec.roll_distance`` of a codec."""

_DATA = attrgetter("data")
_FARTHEST = (1 << 15) - 1
_LOCAL = 0x10000
_ROLL = b"roll"


def roll_distance_of(codec: Codec) -> RollDistance | None:
    """Return what tells the samples of a codec apart; None where all that are called sync are so."""
    return codec.roll_distance if isinstance(codec, RandomAccessCodec) else None


def sync_samples(
    samples: Sequence[Sample], called: Sequence[bool], distance_of: RollDistance
) -> tuple[list[bool], bytes]:
    """Return for each sample of a traf whether it is a sync sample, and the boxes of its 'roll' groups, if any.

    ``called`` says which of them the source calls so.
    """
    syncs = list(called)
    distances: dict[int, int] = {}
    for number, sync in enumerate(called):
        if sync:
            distance = distance_of(map(_DATA, islice(samples, number, None)))
            if distance != 0:
                syncs[number] = False
            if distance:
                distances[number] = min(distance, _FARTHEST)
    return syncs, _boxes(distances, len(samples)) if distances else b""


def _boxes(distances: dict[int, int], count: int) -> bytes:
    """Sbgp and sgpd of the groups of some samples, by number. ISO/IEC 14496-12, 8.9.2, 8.9.3."""
    kinds = sorted(set(distances.values()))
    indexes = [_LOCAL + 1 + kinds.index(distances[n]) if n in distances else 0 for n in range(count)]
    runs = [(index, len(list(group))) for index, group in groupby(indexes)]
    rows = b"".join([struct.pack(">II", length, index) for index, length in runs])
    sbgp = struct.pack(">I4sI4sI", 20 + len(rows), b"sbgp", 0, _ROLL, len(runs)) + rows
    entries = b"".join([struct.pack(">h", distance) for distance in kinds])
    return sbgp + struct.pack(">I4sI4sII", 24 + len(entries), b"sgpd", 1 << 24, _ROLL, 2, len(kinds)) + entries
