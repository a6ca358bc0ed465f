"""NAL units and the bits inside them: what H.264 and H.265 have in common.

A *sample* of an ISO file carries NAL units behind length fields of 1, 2 or 4 bytes (ISO/IEC 14496-15, 5.3.2);
a camera's *byte stream* carries the same units between start codes (Annex B of H.264 and of H.265). Inside a
unit, emulation prevention bytes (``03`` after two zero bytes) keep start codes from appearing by accident.

Everything here costs time linear in the bytes it is given.
"""

from collections.abc import Iterator
from enum import StrEnum
from struct import Struct

from onvif_bmff.errors import BitstreamError

__all__ = [
    "BitReader",
    "Buffer",
    "SliceType",
    "annex_b_to_length_prefixed",
    "emulated_length",
    "iter_nal_ranges",
    "iter_nal_units",
    "length_prefixed_to_annex_b",
    "nal_ranges",
    "remove_emulation_prevention",
    "split_annex_b",
    "with_long_lengths",
]

Buffer = bytes | bytearray | memoryview

_EMULATED = b"\0\0\3"
_START_CODE = b"\0\0\1"
_LENGTH_READERS = {2: Struct(">H").unpack_from, 4: Struct(">I").unpack_from}

MAX_UE = (1 << 32) - 2
"""Largest value that an unsigned Exp-Golomb code of either standard may have."""

_WINDOW = 64


class _Masks(dict[int, int]):
    """All-ones masks by width; widths beyond the first few hundred bits are made when asked for."""

    def __missing__(self, width: int) -> int:
        return (1 << width) - 1


MASKS = _Masks((width, (1 << width) - 1) for width in range(513))
"""``(1 << width) - 1`` by width, as a look-up; a negative width raises ValueError as the shift would."""


class SliceType(StrEnum):
    """How the blocks of a slice may be predicted. SP and SI exist in H.264 only."""

    P = "P"
    B = "B"
    I = "I"  # noqa: E741  the name that the standards use
    SP = "SP"
    SI = "SI"


def nal_ranges(sample: Buffer, length_size: int = 4) -> list[tuple[int, int]]:
    """Return the (start, end) offsets of the NAL units in a length-prefixed sample, without the length fields.

    ``length_size`` is 1, 2 or 4. Units of zero bytes are left out. Raises BitstreamError when a length field
    is cut short or runs past the end of the sample. ISO/IEC 14496-15, 5.3.2.
    """
    return list(iter_nal_ranges(sample, length_size))


def iter_nal_ranges(sample: Buffer, length_size: int = 4) -> Iterator[tuple[int, int]]:
    """Yield what ``nal_ranges`` returns, for samples of very many units; raise at the place of the fault."""
    end = len(sample)
    position = 0
    if length_size == 1:
        while position < end:
            start = position + 1
            position = start + sample[position]
            if start < position <= end:
                yield start, position
    else:
        read = _LENGTH_READERS.get(length_size)
        if read is None:
            raise BitstreamError(f"NAL length fields of {length_size} bytes do not exist, only 1, 2 or 4")
        last = end - length_size
        while position <= last:
            start = position + length_size
            position = start + read(sample, position)[0]
            if start < position <= end:
                yield start, position
    if position != end:
        raise BitstreamError(f"NAL units do not fill the sample: they end at byte {position} of {end}")


def with_long_lengths(sample: Buffer, length_size: int) -> bytes:
    """Return the sample with NAL lengths of 4 bytes in place of ``length_size``. Errors as in `nal_ranges`."""
    view, made = memoryview(sample), bytearray()
    for start, end in iter_nal_ranges(view, length_size):
        made += (end - start).to_bytes(4, "big")
        made += view[start:end]
    return bytes(made)


def iter_nal_units(sample: Buffer, length_size: int = 4) -> Iterator[memoryview]:
    """Yield the NAL units of a length-prefixed sample, as views into it. Errors as in `nal_ranges`."""
    view = memoryview(sample)
    for start, end in nal_ranges(view, length_size):
        yield view[start:end]


def split_annex_b(stream: Buffer) -> list[bytes]:
    """Return the NAL units of a byte stream with start codes of three or four bytes.

    Zero bytes before and after units are dropped, and so are empty units. Raises BitstreamError when anything
    but zero bytes comes before the first start code. H.264 and H.265, Annex B.
    """
    data = bytes(stream)
    start = data.find(_START_CODE)
    if (data if start < 0 else data[:start]).strip(b"\0"):
        raise BitstreamError("the byte stream does not begin with a start code")
    units: list[bytes] = []
    while start >= 0:
        start += 3
        following = data.find(_START_CODE, start)
        # A unit never ends in a zero byte, so whatever zeros precede the next start code are padding.
        unit = data[start : following if following >= 0 else None].rstrip(b"\0")
        if unit:
            units.append(unit)
        start = following
    return units


def annex_b_to_length_prefixed(stream: Buffer, length_size: int = 4) -> bytes:
    """Return a byte stream as a sample: start codes become length fields of ``length_size`` bytes (1, 2 or 4).

    Raises BitstreamError for a stream that `split_annex_b` refuses and for units too long for their field.
    """
    if length_size not in (1, 2, 4):
        raise BitstreamError(f"NAL length fields of {length_size} bytes do not exist, only 1, 2 or 4")
    parts: list[bytes] = []
    for unit in split_annex_b(stream):
        if len(unit) >> 8 * length_size:
            raise BitstreamError(f"a NAL unit of {len(unit)} bytes does not fit a {length_size}-byte length")
        parts.append(len(unit).to_bytes(length_size, "big"))
        parts.append(unit)
    return b"".join(parts)


def length_prefixed_to_annex_b(sample: Buffer, length_size: int = 4) -> bytes:
    """Return a sample as a byte stream: length fields become start codes of four bytes. Errors as in `nal_ranges`."""
    parts: list[Buffer] = []
    for unit in iter_nal_units(sample, length_size):
        parts.append(b"\0\0\0\1")
        parts.append(unit)
    return b"".join(parts)


def remove_emulation_prevention(nal: Buffer) -> bytes:
    """Return the NAL unit without its emulation prevention bytes. H.264, 7.3.1; H.265, 7.3.1.1."""
    # replace() works from left to right and never looks back at what it removed, exactly as a decoder does.
    return bytes(nal).replace(_EMULATED, b"\0\0")


def emulated_length(nal: bytes, count: int) -> int:
    """Return how many bytes of ``nal`` hold the first ``count`` bytes that are left without emulation prevention.

    An emulation prevention byte right after those belongs to what follows.
    """
    removed = 0
    found = nal.find(_EMULATED)
    while found >= 0 and found + 2 - removed < count:
        removed += 1
        found = nal.find(_EMULATED, found + 3)
    return count + removed


class BitReader:
    """Reads the syntax elements of a parameter set, most significant bit first.

    ``data`` is free of emulation prevention; reading starts at bit ``position``. Every method raises
    BitstreamError when the bits run out. H.264, 7.2 and 9.1; H.265, 7.2 and 9.2.
    """

    # The bits at hand are one integer of a few dozen bytes, refilled on demand: shifting an integer that held
    # all of the data would make reading a long parameter set quadratic.
    __slots__ = ("_data", "_left", "_next", "_window")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self._next = position >> 3
        self._window = 0
        self._left = 0
        self.skip(position & 7)

    @property
    def position(self) -> int:
        """The number of bits read, from the start of the data."""
        return self._next * 8 - self._left

    @property
    def remaining(self) -> int:
        """Number of bits not read yet."""
        return (len(self._data) - self._next) * 8 + self._left

    def u(self, bits: int) -> int:
        """Read an unsigned number of ``bits`` bits."""
        if bits > self._left:
            self._fill(bits)
        self._left -= bits
        return (self._window >> self._left) & ((1 << bits) - 1)

    def flag(self) -> bool:
        """Read one bit."""
        return bool(self.u(1))

    def skip(self, bits: int) -> None:
        """Pass over ``bits`` bits."""
        if bits > self._left:
            position = self.position + bits
            if position > len(self._data) * 8:
                raise BitstreamError("the data ends in the middle of a syntax element")
            self._next = position >> 3
            self._left = 0
            self.u(position & 7)
        else:
            self._left -= bits

    def ue(self, limit: int = MAX_UE, name: str = "a value") -> int:
        """Read an unsigned Exp-Golomb number. Above ``limit`` it is an error that mentions ``name``."""
        if self._left < 64:
            self._fill(64, need=False)
        left = self._left
        rest = self._window & ((1 << left) - 1)
        length = rest.bit_length()
        left = 2 * length - left - 1
        if not length or left < 0:
            raise BitstreamError("the data ends in the middle of a syntax element")
        self._left = left
        value = (rest >> left) - 1
        if value > limit:
            raise BitstreamError(f"{name} is {value}, above its limit of {limit}")
        return value

    def se(self, low: int = -(1 << 31) + 1, high: int = (1 << 31) - 1, name: str = "a value") -> int:
        """Read a signed Exp-Golomb number. Outside ``low`` to ``high`` it is an error that has ``name``."""
        code = self.ue()
        value = (code + 1) >> 1 if code & 1 else -(code >> 1)
        if not low <= value <= high:
            raise BitstreamError(f"{name} is {value}, outside {low} to {high}")
        return value

    def more_rbsp_data(self) -> bool:
        """Return whether anything but the trailing bits is left. H.264 and H.265, 7.2."""
        stripped = self._data.rstrip(b"\0")
        if not stripped:
            return False
        last = stripped[-1]
        return self.position < len(stripped) * 8 - (last & -last).bit_length()

    def _fill(self, bits: int, *, need: bool = True) -> None:
        """Bring at least ``bits`` bits into the window; with ``need`` false, as many as there are."""
        chunk = self._data[self._next : self._next + _WINDOW + (bits >> 3)]
        self._next += len(chunk)
        kept = self._window & ((1 << self._left) - 1)
        self._window = kept << (len(chunk) * 8) | int.from_bytes(chunk, "big")
        self._left += len(chunk) * 8
        if need and self._left < bits:
            raise BitstreamError("the data ends in the middle of a syntax element")
