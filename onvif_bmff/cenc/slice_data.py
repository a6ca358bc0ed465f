"""The slice data of a NAL video sample, and a check that none stays clear. ISO/IEC 23001-7, 9.5.

A codec finds the slice data of a sample. An error in it would go unnoticed: a file with an 'encv' entry and no
protected byte plays in every player. So its ranges are checked against the NAL units here. Units without picture data
(parameter sets, SEI, …) may be clear, and units too short for a header and a block: in a still scene, nearly all
samples. Any other unit needs a range up to its end that leaves no more clear than a header. The usual sample, one slice
up to its end, needs only one comparison.
"""

import logging
from collections.abc import Sequence

from onvif_bmff.bmff import Box
from onvif_bmff.cenc.scheme import BLOCK
from onvif_bmff.errors import BitstreamError, OnvifBmffError, ProtectionError, UnsupportedSchemeError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.nal_family import AVC, NalFamily

__all__ = ["SHORT", "SliceData"]

Range = tuple[int, int]

CLEAR_LEAD = 96
"""Bytes of a slice that stay clear in cenc if its header cannot be parsed."""
SHORT = CLEAR_LEAD + BLOCK
"""A NAL unit with fewer bytes may be all header, or have less than a block after it."""
_MAX_HEADER = 512
"""Longest header of a slice with less than a block of data, entry points included."""
_MAX_HEADER_WITH_ENTRIES = 4096
"""Above the size of 440 entry points (H.265, A.4.1), the largest number; such a slice has more data than that."""
_LENGTH = 4

_log = logging.getLogger(__name__)


class SliceData:
    """Checked ranges of slice data in the samples of a NAL video track.

    Args:
        codec: that of the track.
        family: that of its NAL units.
        entry: the clear sample entry.

    Raises:
        UnsupportedSchemeError: the codec does not find slice data (``protected_ranges`` returns None), or the size of
            NAL lengths is not 1, 2 or 4.
    """

    __slots__ = ("_codec", "_entry_type", "_family", "_length_size", "_warned")

    def __init__(self, codec: Codec, family: NalFamily, entry: Box) -> None:
        self._codec = codec
        self._family = family
        self._entry_type = entry.type
        self._length_size = family.length_size(entry) or _LENGTH
        self._warned = False
        if self._length_size == 3:
            raise UnsupportedSchemeError(f"{entry.type!r} video with NAL lengths of 3 bytes cannot be encrypted")
        try:
            knows_none = codec.protected_ranges(b"") is None
        except Exception:  # noqa: BLE001 - a codec may refuse an empty sample; real ones count
            knows_none = False
        if knows_none:
            raise self._unknown()

    def checked(self, data: bytes | memoryview, ranges: Sequence[Range] | None, *, lenient: bool) -> Sequence[Range]:
        """Return the codec's ``ranges`` of a sample if they miss no slice data.

        ``lenient`` (cenc): if they miss some but not all, those units are added, without their first 96 bytes.

        Raises:
            UnsupportedSchemeError: the ranges are None.
            BitstreamError: the sample is not made of NAL units.
            ProtectionError: slice data of a block or more would stay clear.
        """
        if ranges is None:
            raise self._unknown()
        family, size = self._family, len(data)
        missed: list[tuple[int, int, int]] = []
        strange: list[tuple[int, int, int]] = []
        number, count = 0, len(ranges)
        end = 0
        for start, end in self._units(data):
            while number < count and ranges[number][1] <= start:
                number += 1
            if end - start < SHORT:
                continue
            is_named = False
            if number < count:
                first, last = ranges[number]
                is_named = first <= end
                if (first - start <= SHORT and last >= end) or (is_named and self._covers(ranges, number, start, end)):
                    continue
            kind = family.unit_type(data, start)
            if is_named:
                if kind in family.vcl:
                    raise _too_much_header(start, end)
            elif kind in family.vcl:
                missed.append((start, end, kind))
            elif kind not in family.other:
                strange.append((start, end, kind))
        if size - end >= BLOCK and any(data[end:]):
            raise BitstreamError(f"NAL units do not fill the sample of {size} bytes: they end at byte {end}")
        if not count and (missed or strange):
            kinds = ", ".join(map(str, sorted({kind for _, _, kind in missed or strange})))
            raise ProtectionError(
                f"a sample of {size} bytes would be stored in the clear: "
                f"its {family.name} NAL units of type {kinds} have no slice data that the codec knows"
            )
        if not missed:
            return ranges
        if not lenient:
            kinds = ", ".join(map(str, sorted({kind for _, _, kind in missed})))
            raise ProtectionError(
                f"slice data in {family.name} NAL units of type {kinds} would be stored in the clear: "
                "the codec does not know where they begin"
            )
        self._warn(f"slice data in {family.name} NAL units of type {missed[0][2]} are not known to the codec")
        return sorted([*ranges, *((start + CLEAR_LEAD, end) for start, end, _ in missed)])

    def unparsed(self, data: bytes | memoryview, error: Exception) -> list[Range]:
        """Return the ranges to protect in cenc if the slice headers of a sample cannot be parsed, due to ``error``.

        These are all units that may hold picture data, without their first 96 bytes, and bytes outside of NAL units.
        """
        self._warn(str(error) or type(error).__name__)
        family, size, length_size = self._family, len(data), self._length_size
        ranges: list[Range] = []
        position = 0
        while position + length_size < size:
            start = position + length_size
            position = start + int.from_bytes(data[position:start], "big")
            end = min(position, size)
            holds_pictures = family.unit_type(data, start) not in family.other or position > size
            if holds_pictures and end - start > CLEAR_LEAD:
                ranges.append((start + CLEAR_LEAD, end))
        return ranges

    def check_clear(self, data: bytes | memoryview, ranges: Sequence[Range], protected: Sequence[Range] = ()) -> None:
        """Check that a sample may stay clear if ``protected``, derived from ``ranges``, has no whole block.

        Raises:
            ProtectionError: a range has an unprotected block, or a unit more clear bytes than a header.
        """
        if any(end - start >= BLOCK for start, end in protected):
            return
        if any(end - start >= BLOCK for start, end in ranges):
            raise ProtectionError(f"a sample of {len(data)} bytes would be stored in the clear: it has too many parts")
        for start, end in self._units(data) if len(data) > _MAX_HEADER else ():
            if end - start > _MAX_HEADER and self._family.unit_type(data, start) not in self._family.other:
                raise _too_much_header(start, end)

    def failed(self, error: Exception) -> Exception:
        """Return the exception to raise for an error of the codec: itself, or one of this library in its place."""
        if isinstance(error, OnvifBmffError):
            return error
        what = str(error) or type(error).__name__
        return ProtectionError(f"the codec of {self._entry_type!r} video failed on a sample: {what}")

    def _covers(self, ranges: Sequence[Range], number: int, start: int, end: int) -> bool:
        """Return whether the ranges from ``number`` on leave at most a slice header of a unit clear."""
        covered = last = 0
        while number < len(ranges) and ranges[number][0] <= end:
            first, last = ranges[number]
            length = min(last, end) - max(first, start)
            covered += length if last >= end else length & -BLOCK  # of each range only whole blocks are protected
            number += 1
        clear = end - start - covered
        longest = _MAX_HEADER if self._family is AVC else max(_MAX_HEADER, min(covered, _MAX_HEADER_WITH_ENTRIES))
        return end - last < BLOCK and clear <= longest

    def _units(self, data: bytes | memoryview) -> list[Range]:
        """Return the ranges of the NAL units of a sample, up to the first that exceeds it."""
        size, length_size = len(data), self._length_size
        units: list[Range] = []
        position = 0
        while position + length_size <= size:
            start = position + length_size
            position = start + int.from_bytes(data[position:start], "big")
            if position > size:
                break
            units.append((start, position))
        return units

    def _unknown(self) -> UnsupportedSchemeError:
        return UnsupportedSchemeError(
            f"encryption of {self._entry_type!r} video is not supported: it is {self._family.name} in NAL units, "
            "and its codec does not say where slice data lie"
        )

    def _warn(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("%s video: %s; the first %d bytes of such units stay clear", self._entry_type, why, CLEAR_LEAD)


def _too_much_header(start: int, end: int) -> ProtectionError:
    return ProtectionError(
        f"a NAL unit of {end - start} bytes would be stored in the clear, all of it or much: "
        "by its ranges the codec says that it is all header"
    )
