"""Which bytes of a sample are encrypted, and why each of the others is clear. ISO/IEC 23001-7, 9.

The sources are those of a reader: tenc, sample groups, senc, and the clear headers of NAL units and slices. No key is
used, so whether bytes declared as encrypted really are cannot be checked here.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from onvif_bmff.bmff import Box
from onvif_bmff.cenc.protection import Protection
from onvif_bmff.cenc.scheme import BLOCK, ProtectionScheme
from onvif_bmff.cenc.slice_data import SHORT
from onvif_bmff.cenc.subsample import subsample_limit
from onvif_bmff.demux.fragment_samples import TrackFragment
from onvif_bmff.errors import InvariantError
from onvif_bmff.media.codec import Codec, family_of_codec
from onvif_bmff.media.nal_family import NalFamily, nal_family_of

__all__ = ["Account", "Clear", "SampleLayout", "account", "codec_of_part", "family_of", "slices_of"]

Range = tuple[int, int]

_LENGTH = 4
"""Bytes of NAL length fields without a configuration; the encryptor assumes the same."""


class Clear(Enum):
    """Why bytes of an encrypted track are clear; the value is the text of reports."""

    LENGTHS = "NAL length fields"
    SETS = "parameter sets"
    OTHER_UNITS = "SEI and other NAL units without pictures"
    HEADERS = "NAL and slice headers"
    LEAD = "first bytes of slices whose header is not parsed"
    SHORT = "slices with less than a block"
    ALIGNMENT = "less than a block of a slice, sample or range"
    PATTERN = "skipped by the pattern"
    SURPLUS = "slices beyond what a record can describe"
    UNSPECIFIED = "NAL units of types that no standard specifies"
    UNSEEN = "not looked into"
    UNEXPLAINED = "UNEXPLAINED"


@dataclass(slots=True)
class Account:
    """Number of encrypted bytes, and of clear bytes by reason."""

    encrypted: int = 0
    clear: Counter[Clear] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        """All bytes."""
        return self.encrypted + self.clear.total()

    @property
    def unexplained(self) -> int:
        """Clear bytes without a reason."""
        return self.clear[Clear.UNEXPLAINED]

    def add(self, other: "Account") -> None:
        """Add the counts of another account."""
        self.encrypted += other.encrypted
        self.clear.update(other.clear)


@dataclass(slots=True)
class SampleLayout:
    """Structure of a track's samples: NAL units of a ``family``, or anything else (None)."""

    family: NalFamily | None
    length_size: int | None
    codec: Codec | None

    @classmethod
    def of(cls, entry: Box, codec: Codec | None) -> "SampleLayout":
        """Return the layout for a (clear) sample entry; ``codec``, if given, finds slice data."""
        family = family_of(entry, codec)
        return cls(family, family.length_size(entry) or _LENGTH if family is not None else None, codec)

    def slices(self, data: memoryview) -> Sequence[Range]:
        """Return the ranges of slice data that the codec finds, possibly none."""
        return slices_of(self.codec, data) or ()


def family_of(entry: Box, codec: Codec | None) -> NalFamily | None:
    """Return the NAL family of a (clear) sample entry; of an unknown entry that of its registered ``codec``."""
    family = nal_family_of(entry)
    if family is not None or codec is None:
        return family
    try:
        return family_of_codec(codec)
    except Exception:  # noqa: BLE001 - a third-party codec may raise anything
        return None


def codec_of_part(part: TrackFragment) -> Codec | None:
    """Return the codec of a traf's samples; None if it cannot be created."""
    try:
        return part.track.codec(part.description)
    except Exception:  # noqa: BLE001 - a third-party codec may raise anything
        return None


def slices_of(codec: Codec | None, data: memoryview) -> Sequence[Range] | None:
    """Return the ranges of slice data that a codec finds in a sample, in order; None if it fails or they are invalid.

    A third-party codec may raise anything, and a sample may hold anything.
    """
    try:
        ranges = None if codec is None else codec.protected_ranges(data)
        found = None if ranges is None else [(start, end) for start, end in ranges]
        return found if found is None or all(0 <= start <= end for start, end in found) else None
    except Exception:  # noqa: BLE001 - a third-party codec may raise anything
        return None


def account(data: memoryview, layout: SampleLayout, protection: Protection, ranges: Sequence[Range] | None) -> Account:
    """Return the account of a sample.

    ``ranges`` are those declared as protected, in order; None if the sample is declared as clear.
    """
    found = Account()
    size = len(data)
    if ranges is None:
        found.clear[Clear.UNEXPLAINED] += size
        return found
    for start, end in ranges:
        _encrypted(found, protection, end - start)
    protected = sum([end - start for start, end in ranges])
    if protected == size:
        return found
    if layout.family is None or layout.length_size not in (1, 2, 4):
        found.clear[Clear.UNEXPLAINED] += size - protected
        return found
    _of_units(found, data, layout, protection, ranges)
    return found


def _encrypted(found: Account, protection: Protection, length: int) -> None:
    """Count the bytes of a protected range that the scheme encrypts, and those that it leaves clear."""
    if protection.scheme is ProtectionScheme.CENC:
        found.encrypted += length
        return
    crypt, skip = protection.pattern
    if protection.scheme is ProtectionScheme.CBC1 or not skip:
        encrypted = length // BLOCK * BLOCK
    else:
        encrypted = (length + skip * BLOCK) // ((crypt + skip) * BLOCK) * crypt * BLOCK
    found.encrypted += encrypted
    partial = min(length - encrypted, length % BLOCK)
    found.clear[Clear.ALIGNMENT] += partial
    found.clear[Clear.PATTERN] += length - encrypted - partial


def _of_units(
    found: Account, data: memoryview, layout: SampleLayout, protection: Protection, ranges: Sequence[Range]
) -> None:
    """Count the bytes outside the protected ranges of a sample of NAL units."""
    family, length_size, clear, size = layout.family, layout.length_size, found.clear, len(data)
    if family is None or length_size is None:
        raise InvariantError("samples without NAL units are taken apart into such")
    slices = layout.slices(data)
    begins = [start for start, _ in slices]
    is_named = bool(ranges or slices)  # the sample has known slices, protected or rightly clear
    is_full = len(ranges) >= subsample_limit(protection.iv_size) - 2
    cover = _Cover(ranges)
    position = 0
    while position + length_size <= size:
        start = position + length_size
        end = start + int.from_bytes(data[position:start], "big")
        if end > size:
            break
        clear[Clear.LENGTHS] += length_size - cover.within(position, start)
        position = end
        protected = cover.within(start, end)
        left = end - start - protected
        kind = family.unit_type(data, start) if start < end else -1
        if not left:
            continue
        if kind in family.other:
            clear[Clear.SETS if kind in family.sets else Clear.OTHER_UNITS] += left
            continue
        number = bisect_left(begins, start)
        known = number < len(begins) and begins[number] <= end and slices[number][1] == end
        if kind in family.vcl and known:
            begin = begins[number]
            header = begin - start - cover.within(start, begin)
            clear[Clear.HEADERS] += header
            reason = _reason(protection, end - begin, left - header, protected, end - start, is_full=is_full)
            clear[reason] += left - header
        elif protected and left < SHORT:
            clear[Clear.LEAD] += left
        elif end - start < SHORT:
            clear[Clear.SHORT] += left
        else:
            clear[Clear.UNSPECIFIED if kind not in family.vcl and is_named else Clear.UNEXPLAINED] += left
    protected = cover.within(position, size)
    rest = size - position - protected
    if rest < BLOCK or not any(data[position:]):
        clear[Clear.OTHER_UNITS] += rest
    elif rest <= SHORT + length_size:  # a NAL unit whose length does not fit, or none at all
        clear[Clear.LEAD if protected else Clear.SHORT] += rest
    else:
        clear[Clear.UNEXPLAINED] += rest


def _reason(protection: Protection, length: int, left: int, protected: int, unit: int, *, is_full: bool) -> Clear:
    """Return why ``left`` bytes of ``length`` of slice data, in a NAL unit of ``unit`` bytes, are clear."""
    if protected:
        if left < BLOCK:
            return Clear.ALIGNMENT
        is_lead = unit - protected < SHORT and protection.scheme is not ProtectionScheme.CBCS
        return Clear.LEAD if is_lead else Clear.UNEXPLAINED
    if length < BLOCK:
        return Clear.SHORT
    if is_full:
        return Clear.SURPLUS
    # Some writers keep the first 96 bytes of every slice clear, even if they can parse its header.
    return Clear.SHORT if unit < SHORT and protection.scheme is not ProtectionScheme.CBCS else Clear.UNEXPLAINED


class _Cover:
    """Counts covered bytes; ranges are in order, and queries must be too."""

    __slots__ = ("_at", "_ranges")

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._ranges = ranges
        self._at = 0

    def within(self, start: int, end: int) -> int:
        """Return the number of covered bytes from ``start`` to ``end``."""
        ranges, at, found = self._ranges, self._at, 0
        while at < len(ranges) and ranges[at][1] <= start:
            at += 1
        self._at = at
        while at < len(ranges) and ranges[at][0] < end:
            found += min(ranges[at][1], end) - max(ranges[at][0], start)
            at += 1
        return found
