"""Fields of boxes as people read them: dates, fixed-point numbers, languages, transformations."""

from collections.abc import Callable, Mapping
from struct import unpack
from typing import Any

from onvif_bmff.bmff import UNITY_MATRIX, Box
from onvif_bmff.errors import TimeError
from onvif_bmff.timing import UtcTime

__all__ = ["of_1904", "of_ntp", "reading"]

_SECONDS_1904_TO_1970 = 2_082_844_800
_SECONDS_1900_TO_1970 = 2_208_988_800


def of_1904(moment: int) -> str | None:
    """Return seconds since 1904 as UTC; None for 0, which stands for unknown, and what lies outside of all years."""
    try:
        return UtcTime((moment - _SECONDS_1904_TO_1970) * 1_000_000).isoformat(0) if moment else None
    except TimeError:
        return None


def of_ntp(timestamp: int) -> str | None:
    """Return an NTP timestamp (32 bits of seconds since 1900, 32 of their fraction) as UTC; None for 0."""
    whole, part = timestamp >> 32, timestamp & 0xFFFFFFFF
    try:
        moment = UtcTime((whole - _SECONDS_1900_TO_1970) * 1_000_000 + (part * 1_000_000 >> 32))
    except TimeError:
        return None
    return moment.isoformat(6) if timestamp else None


def _fixed(bits: int) -> Callable[[int], str]:
    return lambda value: f"{value / (1 << bits):.10g}"


_TURNS: Mapping[tuple[float, ...], str] = {
    (1, 0, 0, 1): "unity",
    (0, 1, -1, 0): "rotated by 90°",
    (-1, 0, 0, -1): "rotated by 180°",
    (0, -1, 1, 0): "rotated by 270°",
    (-1, 0, 0, 1): "mirrored, left to right",
    (1, 0, 0, -1): "mirrored, top to bottom",
}
"""Transformations by a, b, c and d of the matrix, seen as ISO/IEC 14496-12, 6.2.2 applies it."""


def _matrix(value: bytes) -> str | None:
    """Return a matrix as its name and its offset, or as its nine numbers."""
    if len(value) != len(UNITY_MATRIX):
        return None
    a, b, u, c, d, v, x, y, w = unpack(">9i", value)
    places = [number / 65536 for number in (a, b, c, d, x, y)]
    name = _TURNS.get((places[0], places[1], places[2], places[3]))
    if name is None or (u, v, w) != (0, 0, 1 << 30):
        rows = (places[0], places[1], u / 2**30), (places[2], places[3], v / 2**30), (places[4], places[5], w / 2**30)
        return "; ".join(" ".join(f"{number:.6g}" for number in row) for row in rows)
    return name if not (x or y) else f"{name}, moved by {places[4]:.6g}, {places[5]:.6g}"


def _counted_string(value: bytes) -> str | None:
    """Return the text of bytes that begin with their number."""
    length = value[0] if value else 0
    return value[1 : length + 1].decode("utf-8", "replace") if length < len(value) else None


_MACINTOSH = (
    "English", "French", "German", "Italian", "Dutch", "Swedish", "Spanish", "Danish", "Portuguese",
    "Norwegian", "Hebrew", "Japanese", "Arabic", "Finnish", "Greek", "Icelandic", "Maltese", "Turkish",
    "Croatian", "Traditional Chinese", "Urdu", "Hindi", "Thai", "Korean", "Lithuanian", "Polish", "Hungarian",
    "Estonian", "Latvian", "Sami", "Faroese", "Farsi", "Russian", "Simplified Chinese", "Flemish", "Irish",
    "Albanian", "Romanian", "Czech", "Slovak", "Slovenian",
)  # fmt: skip
"""Languages by the first Macintosh codes. QuickTime File Format, "Language code values"."""
_UNSPECIFIED = 0x7FFF


def _language(value: int) -> str | None:
    """Return the letters of a packed language code, or the name of a Macintosh one."""
    if value == _UNSPECIFIED:
        return "unspecified"
    if value < len(_MACINTOSH):
        return f"{_MACINTOSH[value]} (QuickTime {value})"
    letters = [value >> shift & 31 for shift in (10, 5, 0)]
    is_text = value < 1 << 15 and all(0 < letter < 27 for letter in letters)
    return "".join(chr(0x60 + letter) for letter in letters) if is_text else None


_BY_NAME: Mapping[str, Callable[[Any], str | None]] = {
    "creation_time": of_1904,
    "modification_time": of_1904,
    "ntp_timestamp": of_ntp,
    "matrix": _matrix,
    "horizontal_resolution": _fixed(16),
    "vertical_resolution": _fixed(16),
    "compressor_name": _counted_string,
    "sample_rate": _fixed(16),
}
"""Fields that mean the same in every box that has one of this name."""
_BY_BOX: Mapping[tuple[str, str], Callable[[Any], str | None]] = {
    ("mvhd", "rate"): _fixed(16),
    ("mvhd", "volume"): _fixed(8),
    ("tkhd", "volume"): _fixed(8),
    ("tkhd", "width"): _fixed(16),
    ("tkhd", "height"): _fixed(16),
    ("mdhd", "language"): _language,
    ("smhd", "balance"): _fixed(8),
    ("schm", "scheme_version"): _fixed(16),
}


def reading(found: Box, name: str) -> str | None:
    """Return a field of a box as people read it; None where it stands for itself."""
    read = _BY_BOX.get((found.type, name)) or _BY_NAME.get(name)
    return None if read is None else read(getattr(found, name))
