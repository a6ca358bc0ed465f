"""Formats that are not ISO BMFF, by the first bytes of an object: other recorders store them under keys of segments."""

from collections.abc import Sequence
from typing import Final

__all__ = ["SIGNATURE", "foreign_format"]

SIGNATURE: Final = 512
"""Bytes that suffice to tell a format."""

_SIGNATURES: Final[Sequence[tuple[int, bytes, str]]] = (
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM file"),
    (8, b"AVI ", "an AVI file"),
    (8, b"WAVE", "a WAVE file"),
    (0, b"FLV\x01", "a Flash video"),
    (0, b"OggS", "an Ogg file"),
    (0, b"\x00\x00\x01\xba", "an MPEG program stream"),
    (0, b"\x00\x00\x00\x01", "a byte stream of NAL units"),
    (0, b"ID3", "an MP3 file"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"PK\x03\x04", "a ZIP file"),
    (0, b"%PDF-", "a PDF file"),
    (0, b"<?xml", "an XML document"),
    (0, b"#EXTM3U", "an HLS playlist"),
)
_PACKET: Final = 188
_TEXT: Final = frozenset(b"\t\n\r" + bytes(range(0x20, 0x7F)))
_BOXES: Final = frozenset((b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"sidx", b"wide", b"emsg"))


def foreign_format(data: bytes | memoryview) -> str | None:
    """Return what begins with ``data`` (``SIGNATURE`` bytes suffice); None for ISO BMFF, and for what is unknown."""
    start = bytes(data[:SIGNATURE])
    if start[4:8] in _BOXES or not start:
        return None
    for offset, signature, what in _SIGNATURES:
        if start.startswith(signature, offset):
            return what
    if len(start) > 2 * _PACKET and {start[0], start[_PACKET], start[2 * _PACKET]} == {0x47}:
        return "an MPEG transport stream"
    return "a text" if _TEXT.issuperset(start) else None
