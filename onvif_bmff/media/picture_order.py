"""What the beginning of a slice header says of its picture, in the terms that H.264 and H.265 share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from onvif_bmff.media.codec import NalCodec
from onvif_bmff.media.nal import Buffer

__all__ = ["MAX_REORDER", "PictureCodec", "PictureHeader", "PictureHeaders", "deepest", "first_shown", "order_count"]

MAX_REORDER = 16
"""No stream reorders more pictures than a decoder's buffer has frames. H.264, A.3.1; H.265, A.4.2."""


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """The picture of a slice.

    ``identity`` is equal for slices of one picture and differs between neighbouring pictures (H.264, 7.4.1.2.4);
    ``first`` says whether the slice is the first of its picture in raster order, ``intra`` whether it is an I slice,
    ``reference`` whether other pictures may refer to its picture. ``restarts``: the picture begins a coded video
    sequence, and all pictures before it are shown before it. ``order`` is its picture order count since then; None
    where the header does not tell. ``field`` is frame_num and bottom_field_flag of a field; None for a frame.
    """

    identity: tuple[int | bool, ...]
    first: bool
    intra: bool
    reference: bool
    restarts: bool
    order: int | None
    field: tuple[int, int] | None = None

    def pairs_with(self, earlier: "PictureHeader") -> bool:
        """Return whether it is the other field of the frame of ``earlier``."""
        mine, other = self.field, earlier.field
        return mine is not None and other is not None and mine[0] == other[0] and mine[1] != other[1]


class PictureHeaders(Protocol):
    """Reads picture headers of one stream, in decoding order."""

    @property
    def reorder_depth(self) -> int | None:
        """Most pictures that come before another one in decoding order and are shown after it; None: not stated."""
        ...

    def update(self, nal: Buffer) -> None:
        """Take a NAL unit that may be a parameter set; what cannot be read is passed over."""
        ...

    def read(self, nal: Buffer) -> PictureHeader:
        """Read the header of a slice. Raises ``BitstreamError`` where it cannot be read."""
        ...


@runtime_checkable
class PictureCodec(NalCodec, Protocol):
    """A codec that reads the picture headers of its stream."""

    def picture_headers(self) -> PictureHeaders:
        """Return what reads the headers of a stream from its beginning on, with the codec's parameter sets."""
        ...


def order_count(lsb: int, bits: int, before: int) -> int:
    """Return the picture order count nearest to ``before`` whose lowest ``bits`` bits are ``lsb``.

    H.264, 8.2.1.1; H.265, 8.3.1.
    """
    half = 1 << (bits - 1)
    return before + half - (half + before - lsb) % (half * 2)


def deepest(depths: Iterable[int | None]) -> int | None:
    """Return the largest of the reorder depths that some parameter sets state; None where one states none."""
    found = list(depths)
    return None if not found or None in found else max(depth for depth in found if depth is not None)


def first_shown(shown: Sequence[int], timescale: int) -> int:
    """Return when the first of some pictures is shown that are decoded in this order, by when each is (ticks).

    Those behind the first one may be shown before it, where an open group begins; within a second, or the time is off.
    """
    return min([time for time in shown if time > shown[0] - timescale])
