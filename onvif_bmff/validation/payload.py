"""Checks of sample data alone: intra pictures, and signs of decryption with a wrong key.

Only lengths, types and the first bits of a slice are read; nothing is decoded.
"""

from collections.abc import Callable, Iterable
from struct import Struct

from onvif_bmff.bmff import Box, ContainerBox, EsdBox, XmlMetaDataSampleEntry
from onvif_bmff.bmff.descriptors import read_esds
from onvif_bmff.errors import BitstreamError, BoxError
from onvif_bmff.media.nal import BitReader, remove_emulation_prevention
from onvif_bmff.media.nal_family import AVC, NAL_FAMILIES, NalFamily, nal_family_of

__all__ = ["content_check", "decryption_fault", "is_intra", "picture_fault"]

NalRanges = Iterable[tuple[int, int]]

_HEAD = 40
"""Bytes of a slice that surely contain its first two fields, emulation prevention included."""
_INTRA = (2, 4)
"""slice_type of I and SI slices, modulo 5."""
_START_CODES = (b"\0\0\0", b"\0\0\1", b"\0\0\2")
_AAC_END = 7
_MPEG4_AUDIO, _MPEG4_JPEG = 0x40, 0x6C
_ALL_ONES = 0xFF
_FORBIDDEN = 0x80
_LENGTHS = {1: Struct(">B").unpack_from, 2: Struct(">H").unpack_from, 4: Struct(">I").unpack_from}
_SEI = {"H.264": 6, "H.265": 39}
"""Types of NAL units with SEI messages in front of a picture, by the name of the family."""
_SEI_HEAD = 1024
_RECOVERY_POINT = 6
_BLANK = b" \t\r\n\0"


def picture_fault(data: memoryview, length_size: int, family: NalFamily) -> str | None:
    """Return why a sample is no picture in NAL units of ``family`` (H.264 or H.265), or None.

    Its units fill it, and of its slices one is the first of a picture. ISO/IEC 14496-15, 4.3, 5.3.2.
    """
    read = _LENGTHS.get(length_size)
    if read is None:
        return f"NAL length fields of {length_size} bytes do not exist"
    types, slices, header = family.types, family.slices, family.header_size
    position, end, begins = 0, len(data), None
    while position < end:
        start = position + length_size
        if start > end:
            return f"NAL units do not fill the sample: a length is cut off at byte {position} of {end}"
        size = read(data, position)[0]
        if not size and not position:
            return "the sample begins with a NAL unit without bytes"
        position = start + size
        if position > end:
            return f"NAL units do not fill the sample: they end at byte {position} of {end}"
        if not size:
            continue
        first = data[start]
        if first & _FORBIDDEN:
            return f"forbidden_zero_bit is set in the NAL unit at byte {start}"
        if not begins and types[first] in slices:
            begins = size > header and data[start + header] >> 7 == 1
    return "no slice of the sample is the first one of a picture" if begins is False else None


def content_check(entry: Box) -> Callable[[memoryview], str | None] | None:
    """Return what says why clear data are no sample of the (clear) ``entry``; None if nothing is known of them."""
    if isinstance(entry, XmlMetaDataSampleEntry):
        return {"": _document_fault, "xml": _document_fault, "gzip": _gzip_fault}.get(entry.content_encoding.lower())
    if entry.type in ("mjpg", "jpeg") or _object_type(entry, "mp4v") == _MPEG4_JPEG:
        return _jpeg_fault
    return _aac_fault if _is_aac(entry) else None


def _document_fault(data: memoryview) -> str | None:
    """XML begins and ends with a tag; UTF-16 is left as it is."""
    text = bytes(data).removeprefix(b"\xef\xbb\xbf").strip(_BLANK)
    is_wide = text[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in text[:2]
    is_right = (text.startswith(b"<") and text.endswith(b">")) or (is_wide and b"<" in text[:4])
    return None if is_right or not len(data) else "a metadata sample is no XML"


def _gzip_fault(data: memoryview) -> str | None:
    return None if bytes(data[:2]) == b"\x1f\x8b" or not len(data) else "a metadata sample is no gzip"


def _jpeg_fault(data: memoryview) -> str | None:
    return None if bytes(data[:2]) == b"\xff\xd8" or not len(data) else "a picture is no JPEG"


def _aac_fault(data: memoryview) -> str | None:
    """A raw AAC frame never begins with the syncword of ADTS. ISO/IEC 14496-3, 1.A.2.2."""
    if len(data) > 1 and data[0] == _ALL_ONES and data[1] & 0xF6 == 0xF0:
        return "an ADTS header is left on an AAC frame"
    return None


def is_intra(kind: str, data: memoryview, units: NalRanges) -> bool | None:
    """Return whether decoding can begin with a picture; None if that cannot be determined.

    It can with an intra picture, by its first slice, and with a recovery point. ``kind`` is the type of the (clear)
    sample entry.
    """
    family = NAL_FAMILIES.get(kind)
    for start, end in units if family is not None else ():
        if family is None or family.unit_type(data, start) not in family.slices:
            if family is not None and _is_recovery_point(family, data, start, end):
                return True
            continue
        if family is AVC:
            try:
                reader = BitReader(remove_emulation_prevention(data[start + 1 : min(end, start + _HEAD)]))
                reader.ue()
                return reader.ue() % 5 in _INTRA
            except BitstreamError:
                return None
        return family.unit_type(data, start) in family.random_access
    return None


def _is_recovery_point(family: NalFamily, data: memoryview, start: int, end: int) -> bool:
    """Return whether a NAL unit is an SEI message of a recovery point. H.264, D.1.8; H.265, D.2.8."""
    if family.unit_type(data, start) != _SEI.get(family.name):
        return False
    message = remove_emulation_prevention(data[start + family.header_size : min(end, start + _SEI_HEAD)])
    position = 0
    while position + 1 < len(message):
        numbers = []
        for _ in ("payloadType", "payloadSize"):
            number = 0
            while position < len(message) and message[position] == _ALL_ONES:
                number, position = number + _ALL_ONES, position + 1
            number += message[position] if position < len(message) else 0
            position += 1
            numbers.append(number)
        if numbers[0] == _RECOVERY_POINT:
            return True
        position += numbers[1]
    return False


def _object_type(entry: Box, kind: str) -> int | None:
    """Return the objectTypeIndication in the esds of an entry of this type; None if it has none."""
    box = entry.find(EsdBox) if isinstance(entry, ContainerBox) and entry.type == kind else None
    try:
        return None if box is None else read_esds(box).object_type
    except BoxError:
        return None


def _is_aac(entry: Box) -> bool:
    return _object_type(entry, "mp4a") == _MPEG4_AUDIO


def decryption_fault(entry: Box, data: memoryview, units: NalRanges | None) -> str | None:
    """Return why decrypted data cannot be a sample of the (clear) ``entry``, or None.

    A wrong key gives random bytes. In slice data they are noticed only if they contain a start code, which happens
    once in some megabytes; in other media by the first bytes of a sample.
    """
    if units is not None:
        family = nal_family_of(entry)
        for start, end in units:
            if family is None or family.unit_type(data, start) not in family.slices:
                continue  # not encrypted
            unit = bytes(data[start:end]).rstrip(b"\0")  # some encoders pad with zeros
            if any(code in unit for code in _START_CODES):
                return "a slice holds a start code"
        return None
    if isinstance(entry, XmlMetaDataSampleEntry) and not entry.content_encoding:
        begin = bytes(data[:64]).removeprefix(b"\xef\xbb\xbf").lstrip()
        return None if not begin or begin.startswith(b"<") else "a metadata sample is no XML"
    if entry.type in ("mjpg", "jpeg") and bytes(data[:2]) != b"\xff\xd8":
        return "a picture is no JPEG"
    if _is_aac(entry) and len(data) and data[0] >> 5 == _AAC_END:
        return "an AAC frame begins with its end"
    return None
