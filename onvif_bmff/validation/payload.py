"""Checks of sample data alone: intra pictures, and signs of decryption with a wrong key.

Only lengths, types and the first bits of a slice are read; nothing is decoded.
"""

from collections.abc import Iterable

from onvif_bmff.bmff import Box, ContainerBox, EsdBox, XmlMetaDataSampleEntry
from onvif_bmff.bmff.descriptors import read_esds
from onvif_bmff.errors import BitstreamError, BoxError
from onvif_bmff.media.nal import BitReader, remove_emulation_prevention
from onvif_bmff.media.nal_family import AVC, NAL_FAMILIES, nal_family_of

__all__ = ["decryption_fault", "is_intra"]

NalRanges = Iterable[tuple[int, int]]

_HEAD = 40
"""Bytes of a slice that surely contain its first two fields, emulation prevention included."""
_INTRA = (2, 4)
"""slice_type of I and SI slices, modulo 5."""
_START_CODES = (b"\0\0\0", b"\0\0\1", b"\0\0\2")
_AAC_END = 7
_MPEG4_AUDIO = 0x40


def is_intra(kind: str, data: memoryview, units: NalRanges) -> bool | None:
    """Return whether a picture is intra coded, by its first slice; None if that cannot be determined.

    ``kind`` is the type of the (clear) sample entry.
    """
    family = NAL_FAMILIES.get(kind)
    for start, end in units if family is not None else ():
        if family is None or family.unit_type(data, start) not in family.slices:
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


def _is_aac(entry: Box) -> bool:
    box = entry.find(EsdBox) if isinstance(entry, ContainerBox) and entry.type == "mp4a" else None
    try:
        return box is not None and read_esds(box).object_type == _MPEG4_AUDIO
    except BoxError:
        return False


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
