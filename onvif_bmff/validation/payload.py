"""What sample data tell by themselves: NAL units that fill a sample, pictures that need no others, keys that are wrong.

Cheap looks only: lengths, types and the first bits of a slice; nothing is decoded.
"""

from onvif_bmff.bmff import Box, XmlMetaDataSampleEntry
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import BitReader, remove_emulation_prevention

__all__ = ["NalRanges", "is_intra", "spoilt"]

NalRanges = list[tuple[int, int]]

_AVC, _HEVC = ("avc1", "avc3"), ("hvc1", "hev1")
_HEAD = 40
"""Bytes of a slice that hold its first two fields, whatever is emulated in them."""
_INTRA = (2, 4)
"""slice_type of I and SI slices, modulo 5."""
_START_CODES = (b"\0\0\0", b"\0\0\1", b"\0\0\2")
_AAC_END = 7


def is_intra(kind: str, data: memoryview, units: NalRanges) -> bool | None:
    """Whether a picture needs no others, as its first slice says; None if that cannot be told.

    ``kind`` is the type of the (clear) sample entry.
    """
    for start, end in units:
        if kind in _AVC and data[start] & 31 in (1, 5):
            try:
                reader = BitReader(remove_emulation_prevention(data[start + 1 : min(end, start + _HEAD)]))
                reader.ue()
                return reader.ue() % 5 in _INTRA
            except BitstreamError:
                return None
        if kind in _HEVC and (nal_type := data[start] >> 1 & 63) < 32:
            return 16 <= nal_type < 24
    return None


def spoilt(entry: Box, data: memoryview, units: NalRanges | None) -> str | None:
    """Why decrypted data cannot be a sample of the (clear) ``entry``; None where nothing is seen to be wrong.

    A wrong key makes noise. Noise in slice data is noticed only where it happens to hold a start code, or ends with a
    zero byte, neither of which a NAL unit may; other media are noticed by how their samples begin.
    """
    if units is not None:
        for start, end in units:
            unit = bytes(data[start:end])
            if not unit[-1] or any(code in unit for code in _START_CODES):
                return "a NAL unit holds a start code, or ends with a zero byte"
        return None
    if isinstance(entry, XmlMetaDataSampleEntry) and not entry.content_encoding:
        begin = bytes(data[:64]).removeprefix(b"\xef\xbb\xbf").lstrip()
        return None if not begin or begin.startswith(b"<") else "a metadata sample is no XML"
    if entry.type in ("mjpg", "jpeg") and bytes(data[:2]) != b"\xff\xd8":
        return "a picture is no JPEG"
    if entry.type == "mp4a" and len(data) and data[0] >> 5 == _AAC_END:
        return "an AAC frame begins with its end"
    return None
