"""Vectors and subsamples of samples (sample auxiliary information). ISO/IEC 23001-7, 7.

They lie in senc, or PIFF's form of it, or where saiz and saio refer to (often at the start of the mdat).
"""

from collections.abc import Sequence
from itertools import accumulate, repeat
from struct import Struct, error, unpack_from
from typing import Final

from onvif_bmff.bmff import (
    PIFF_SENC,
    Box,
    SampleAuxiliaryInformationOffsetsBox,
    SampleAuxiliaryInformationSizesBox,
    SampleEncryptionBox,
    UnknownBox,
    UuidBox,
)
from onvif_bmff.cenc.cipher import Range
from onvif_bmff.cenc.protection import Protection, ProtectionRun, piff_protection
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.errors import InvariantError, ProtectionError, UnsupportedSchemeError

__all__ = ["SampleMaps", "Work", "read_sample_maps"]

Work = tuple[Protection, list[tuple[bytes, Sequence[Range]]]]
"""A protection, and the vector and ranges of each sample with it."""

_SUBSAMPLES: Final = 0x2
_PIFF_OVERRIDE: Final = 0x1
_PIFF_OVERRIDE_SIZE: Final = 20

_count_at = Struct(">H").unpack_from
_one_at = Struct(">HI").unpack_from


class SampleMaps:
    """Vectors and protected ranges of samples, taken in order.

    Args:
        runs: how the samples are protected.
        records: their vectors and subsamples, concatenated.
        subsamples: whether each record has a list of subsamples; with ``sizes``, the size of each record decides.
        sizes: bytes of each record.
        all_recorded: whether samples that are not protected have a record too.
    """

    __slots__ = ("_all_recorded", "_at", "_number", "_records", "_run", "_runs", "_sizes", "_subsamples", "_taken")

    def __init__(
        self,
        runs: Sequence[ProtectionRun],
        records: bytes = b"",
        *,
        subsamples: bool = False,
        sizes: Sequence[int] | None = None,
        all_recorded: bool = True,
    ) -> None:
        self._runs = runs
        self._records = records
        self._subsamples = subsamples
        self._sizes = sizes
        self._all_recorded = all_recorded
        self._run = self._taken = self._at = self._number = 0

    def take(self, sizes: Sequence[int]) -> list[Work]:
        """Return vectors and ranges of the next samples, of ``sizes`` bytes, as positions in a buffer of them.

        Raises:
            ProtectionError: the records end early, or do not fit the samples.
        """
        found: list[Work] = []
        base = first = 0
        while first < len(sizes):
            if self._run == len(self._runs):
                raise ProtectionError("there are more samples than protection is known for")
            length, protection = self._runs[self._run]
            count = min(length - self._taken, len(sizes) - first)
            part = sizes[first : first + count]
            if protection.is_protected:
                found.append((protection, self._read(protection, part, base)))
            elif self._all_recorded:
                self._skip(count)
            base += sum(part)
            first += count
            self._number += count
            self._taken += count
            if self._taken == length:
                self._run, self._taken = self._run + 1, 0
        return found

    def close(self) -> None:
        """Check that all records were used: remaining bytes mean that they were misread.

        Raises:
            ProtectionError: some were not.
        """
        if self._run == len(self._runs) and self._at != len(self._records) and self._sizes is None:
            raise ProtectionError(
                f"the samples use {self._at} of {len(self._records)} bytes of their protection information"
            )

    def _read(self, protection: Protection, sizes: Sequence[int], base: int) -> list[tuple[bytes, Sequence[Range]]]:
        records, at, iv_size = self._records, self._at, protection.iv_size
        iv = protection.constant_iv
        lengths = repeat(self._subsamples, len(sizes)) if self._sizes is None else self._lengths(iv_size, len(sizes))
        found: list[tuple[bytes, Sequence[Range]]] = []
        add = found.append
        try:
            for size, mapped in zip(sizes, lengths, strict=True):
                if iv_size:
                    iv = records[at : at + iv_size]
                    at += iv_size
                end = base + size
                if not mapped:
                    add((iv, ((base, end),)))
                else:
                    count = _count_at(records, at)[0]
                    at += 2
                    if count == 1:  # the usual sample
                        clear, protected = _one_at(records, at)
                        at += 6
                        if clear + protected != size:
                            raise _unfit(clear + protected, size)
                        add((iv, ((base + clear, end),)))
                    else:
                        add((iv, _ranges(records, at, count, base, size)))
                        at += 6 * count
                base = end
        except error:
            raise ProtectionError("the protection information of samples ends early") from None
        if at > len(records):
            raise ProtectionError("the protection information of samples ends early")
        self._at = at
        return found

    def _lengths(self, iv_size: int, count: int) -> list[bool]:
        """Return for each of the next records whether it has more than a vector."""
        if self._sizes is None:
            raise InvariantError("the sizes of protection information are asked for where all are the same")
        sizes = self._sizes[self._number : self._number + count]
        if any(size < iv_size for size in sizes):
            raise ProtectionError("the protection information of a sample is smaller than its initialisation vector")
        return [size > iv_size for size in sizes]

    def _skip(self, count: int) -> None:
        """Skip the records of samples that are not protected: no vector, and possibly an empty list."""
        if self._sizes is not None:
            self._at += sum(self._sizes[self._number : self._number + count])
        elif self._subsamples:
            for _ in range(count):
                if self._at + 2 > len(self._records):
                    raise ProtectionError("the protection information of samples ends early")
                self._at += 2 + 6 * _count_at(self._records, self._at)[0]


def _ranges(records: bytes, at: int, count: int, base: int, size: int) -> Sequence[Range]:
    """Return the protected ranges of a sample with ``count`` subsamples; all of it if there are none."""
    if not count:
        return ((base, base + size),)
    flat = unpack_from(">" + "HI" * count, records, at)
    ends = list(accumulate(flat))
    if ends[-1] != size:
        raise _unfit(ends[-1], size)
    return [(base + start, base + end) for start, end in zip(ends[::2], ends[1::2], strict=True) if end > start]


def _unfit(covered: int, size: int) -> ProtectionError:
    return ProtectionError(f"the subsamples cover {covered} bytes of a sample of {size}")


def read_sample_maps(
    runs: Sequence[ProtectionRun],
    boxes: Sequence[Box],
    *,
    base: int = 0,
    data: bytes | memoryview = b"",
    chunks: Sequence[int] = (),
    budget: SampleBudget | None = None,
) -> SampleMaps:
    """Return the maps of the samples of a traf, or of a stbl.

    Without auxiliary information, samples with a constant vector are protected as a whole.

    Args:
        runs: how the samples are protected.
        boxes: children of the traf or stbl.
        base: position in ``data`` from which offsets of saio count.
        data: the file.
        chunks: number of samples of each trun or chunk, for which saio may have one offset each.
        budget: limits the information that lies outside of boxes.

    Raises:
        ProtectionError: information is missing, does not fit the samples, or lies outside the file.
        BoxError: the budget is exceeded.
    """
    count = sum([length for length, _ in runs])
    for found in boxes:
        if isinstance(found, SampleEncryptionBox):
            return _of_senc(runs, count, found.flags, found.sample_count, found.data)
        if isinstance(found, UnknownBox) and found.type == "senc":
            raise UnsupportedSchemeError("samples protected with several keys each are not supported (senc version)")
        if isinstance(found, UuidBox) and found.user_type == PIFF_SENC:
            return _of_piff(runs, count, bytes(found.data))
    if any(protection.is_protected and protection.iv_size for _, protection in runs) or _saiz(runs, boxes) is not None:
        return _of_saiz(runs, count, boxes, base, memoryview(data), chunks, budget or SampleBudget(len(data)))
    return SampleMaps(runs)


def _of_senc(runs: Sequence[ProtectionRun], count: int, flags: int, given: int, data: bytes) -> SampleMaps:
    protected = sum([length for length, protection in runs if protection.is_protected])
    constant = not any(protection.is_protected and protection.iv_size for _, protection in runs)
    if not given and constant:
        return SampleMaps(runs)
    if given not in (count, protected):
        raise ProtectionError(f"protection information of {given} samples, where there are {count}")
    return SampleMaps(runs, data, subsamples=bool(flags & _SUBSAMPLES), all_recorded=given == count)


def _of_piff(runs: Sequence[ProtectionRun], count: int, data: bytes) -> SampleMaps:
    flags, at = int.from_bytes(data[1:4], "big"), 4
    if flags & _PIFF_OVERRIDE:
        at += _PIFF_OVERRIDE_SIZE
        if len(data) >= at:
            runs = [(count, piff_protection(data[4:at]))]
    if len(data) < at + 4:
        raise ProtectionError("the PIFF sample encryption box is cut off")
    return _of_senc(runs, count, flags, int.from_bytes(data[at : at + 4], "big"), data[at + 4 :])


def _schemes(runs: Sequence[ProtectionRun]) -> set[str | None]:
    return {None, *(protection.scheme.fourcc for _, protection in runs)}


def _saiz(runs: Sequence[ProtectionRun], boxes: Sequence[Box]) -> SampleAuxiliaryInformationSizesBox | None:
    """Return the sizes of the scheme's information; None if there are none, or all are 0."""
    schemes = _schemes(runs)
    for found in boxes:
        if isinstance(found, SampleAuxiliaryInformationSizesBox) and found.aux_info_type in schemes:
            return found if found.default_sample_info_size or any(found.sizes) else None
    return None


def _of_saiz(
    runs: Sequence[ProtectionRun],
    count: int,
    boxes: Sequence[Box],
    base: int,
    data: memoryview,
    chunks: Sequence[int],
    budget: SampleBudget,
) -> SampleMaps:
    given, schemes = _saiz(runs, boxes), _schemes(runs)
    places = next(
        (
            found
            for found in boxes
            if isinstance(found, SampleAuxiliaryInformationOffsetsBox) and found.aux_info_type in schemes
        ),
        None,
    )
    if given is None or places is None:
        raise ProtectionError("the initialisation vectors of protected samples are missing")
    if given.sample_count > count:
        raise ProtectionError(f"protection information of {given.sample_count} samples, where there are {count}")
    if given.default_sample_info_size * given.sample_count > len(data):
        raise ProtectionError("the protection information lies outside the file")
    sizes = bytes([given.default_sample_info_size]) * given.sample_count
    sizes = (sizes if given.default_sample_info_size else given.sizes) + bytes(count - given.sample_count)
    offsets = places.entries["offset"]
    if len(offsets) == 1:
        chunks = (count,)
    elif len(offsets) != len(chunks):
        raise ProtectionError(f"protection information lies in {len(offsets)} places, the samples in {len(chunks)}")
    parts: list[memoryview] = []
    first = total = 0
    for offset, length in zip(offsets, chunks, strict=True):
        start, size = base + offset, sum(sizes[first : first + length])
        total += size
        if start + size > len(data) or total > len(data):
            raise ProtectionError("the protection information lies outside the file")
        budget.charge(0, size, track_id=0, path=f"/{places.type}", offset=places.offset)
        parts.append(data[start : start + size])
        first += length
    return SampleMaps(runs, b"".join(parts), sizes=sizes)
