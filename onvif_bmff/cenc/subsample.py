"""Subsamples: the clear and protected bytes of a sample, as ISO/IEC 23001-7 stores them.

A map covers its sample exactly, with alternating clear and protected bytes. It is stored as a 16-bit count and, for
each subsample, 16 bits of clear and 32 bits of protected bytes: in ``senc`` after the sample's vector, if it has one. A
record with its vector has at most 255 bytes, since ``saiz`` stores its size in one byte.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from heapq import nlargest
from itertools import chain
from struct import Struct

from onvif_bmff.cenc.scheme import BLOCK
from onvif_bmff.errors import ProtectionError

__all__ = [
    "cbcs_subsamples",
    "cenc_subsamples",
    "pack_subsamples",
    "protected_ranges",
    "subsample_limit",
    "unpack_subsamples",
]

Range = tuple[int, int]
Subsample = tuple[int, int]

_MAX_CLEAR = 0xFFFF
_MAX_RECORD = 255
_WHOLE = ~(BLOCK - 1)

_COUNT = Struct(">H")
_ONE = Struct(">HHI")
_ENTRY = Struct(">HI")
_pack_one = _ONE.pack


def subsample_limit(iv_size: int) -> int:
    """Return the largest number of subsamples in a record with a vector of 0, 8 or 16 bytes: 42, 40 or 39."""
    return (_MAX_RECORD - _COUNT.size - iv_size) // _ENTRY.size


_CENC_LIMIT = subsample_limit(8)
_CBCS_LIMIT = subsample_limit(0)


def cenc_subsamples(
    size: int, ranges: Sequence[Range], base: int = 0, *, limit: int = _CENC_LIMIT
) -> tuple[bytes, list[Range]]:
    """Return the map of a NAL video sample in cenc.

    In each slice, the largest multiple of 16 bytes at its end is protected; the remaining bytes stay clear with the
    slice header before them. If the record would be too long, the smallest slices stay clear completely.

    Args:
        size: bytes of the sample.
        ranges: start and end of the slice data in the sample, ascending and not overlapping.
        base: position of the sample in the buffer that will be encrypted.
        limit: largest number of subsamples in the record.

    Returns:
        the packed map, and the protected ranges as positions in the buffer.

    Raises:
        ProtectionError: the ranges are not in order or not in the sample, or the sample is too large for a map.
    """
    if len(ranges) == 1:  # the usual sample: one slice up to its end
        start, end = ranges[0]
        protected = end - start & _WHOLE
        clear = end - protected
        if end == size and protected > 0 <= start and clear <= _MAX_CLEAR:
            return _pack_one(1, clear, protected), [(base + clear, base + size)]
    entries, whole = _map(size, ranges, _WHOLE)
    if len(entries) > limit:
        entries, whole = _fit(size, whole, limit)
    return pack_subsamples(entries), [(base + start, base + end) for start, end in whole]


def cbcs_subsamples(
    size: int, ranges: Sequence[Range], base: int = 0, *, limit: int = _CBCS_LIMIT
) -> tuple[bytes, list[Range]]:
    """Return the map of a NAL video sample in cbcs: slice data is protected to its last byte.

    Arguments and result as in ``cenc_subsamples``.

    Raises:
        ProtectionError: the ranges are not in order or not in the sample, or are too many for the record; in this
            scheme no slice data may stay clear.
    """
    if len(ranges) == 1:
        start, end = ranges[0]
        if end == size and end > start >= 0 and start <= _MAX_CLEAR:
            return _pack_one(1, start, end - start), [(base + start, base + end)]
    entries, kept = _map(size, ranges, -1)
    if len(entries) > limit:
        raise ProtectionError(
            f"a sample with {len(kept)} slices needs {len(entries)} subsamples, and cbcs has room for {limit}"
        )
    return pack_subsamples(entries), [(base + start, base + end) for start, end in kept]


def pack_subsamples(entries: Sequence[Subsample]) -> bytes:
    """Return the stored form of a map.

    Args:
        entries: pairs of clear (up to 65535) and protected bytes, no more than 65535 pairs.
    """
    return _packer(len(entries))(len(entries), *chain.from_iterable(entries))


def unpack_subsamples(data: bytes | memoryview, offset: int = 0) -> tuple[list[Subsample], int]:
    """Read a stored map.

    Returns:
        pairs of clear and protected bytes, and the offset after them.

    Raises:
        ProtectionError: the data ends within the map.
    """
    if offset < 0 or offset + _COUNT.size > len(data):
        raise ProtectionError("the subsample records end too early")
    (count,) = _COUNT.unpack_from(data, offset)
    start = offset + _COUNT.size
    end = start + count * _ENTRY.size
    if end > len(data):
        raise ProtectionError("the subsample records end too early")
    return list(_ENTRY.iter_unpack(data[start:end])), end


def protected_ranges(entries: Sequence[Subsample], size: int, base: int = 0) -> list[Range]:
    """Return the protected ranges that a map describes.

    A map without subsamples protects the whole sample.

    Args:
        entries: pairs of clear and protected bytes.
        size: bytes of the sample.
        base: position of the sample in a buffer; the ranges returned are positions in that buffer.

    Raises:
        ProtectionError: the map does not cover the sample exactly.
    """
    if not entries:
        return [(base, base + size)] if size else []
    ranges: list[Range] = []
    at = base
    for clear, protected in entries:
        at += clear
        if protected:
            ranges.append((at, at + protected))
            at += protected
    if at - base != size:
        raise ProtectionError(f"the subsamples cover {at - base} bytes of a sample of {size}")
    return ranges


@lru_cache(maxsize=64)
def _packer(count: int) -> Callable[..., bytes]:
    return Struct(">H" + "HI" * count).pack


def _map(size: int, ranges: Sequence[Range], rounding: int) -> tuple[list[Subsample], list[Range]]:
    """Return the map of these ranges, and the protected ends of them, of a length masked by ``rounding``.

    Long clear runs take several subsamples; bytes after the last range are clear.
    """
    entries: list[Subsample] = []
    kept: list[Range] = []
    at = last = 0
    for start, end in ranges:
        if not last <= start <= end:
            raise ProtectionError("the slices of a sample overlap or are not in order")
        last = end
        protected = end - start & rounding
        if protected:
            start = end - protected
            clear = start - at
            if clear > _MAX_CLEAR:
                clear = _clear(entries, clear)
            entries.append((clear, protected))
            kept.append((start, end))
            at = end
    if last > size:
        raise ProtectionError(f"a slice ends at byte {last} of a sample of {size}")
    if at < size or not entries:
        entries.append((_clear(entries, size - at), 0))
    return entries, kept


def _clear(entries: list[Subsample], clear: int) -> int:
    """Add subsamples for a long clear run until its rest fits into one; return that rest."""
    pieces = (clear - 1) // _MAX_CLEAR if clear else 0
    entries += [(_MAX_CLEAR, 0)] * pieces
    return clear - pieces * _MAX_CLEAR


def _fit(size: int, ranges: Sequence[Range], limit: int) -> tuple[list[Subsample], list[Range]]:
    """Return the map of as many of the largest ranges as fit a record, and these ranges.

    Fewer ranges do not always need fewer subsamples, since long clear runs take several; so each number of ranges is
    tried, from the largest.
    """
    largest = nlargest(limit, ranges, key=lambda part: part[1] - part[0])
    while True:
        entries, kept = _map(size, sorted(largest), -1)
        if len(entries) <= limit:
            return entries, kept
        if not largest:
            raise ProtectionError(f"a sample of {size} bytes is too large for {limit} subsamples")
        largest.pop()
