"""Video usability information: the part that H.264 and H.265 write alike (both Annex E.2.1)."""

from dataclasses import dataclass
from fractions import Fraction

from onvif_bmff.media.nal import BitReader

__all__ = ["UNSPECIFIED", "ColourInfo", "picture_rate", "read_picture_hints"]

_EXTENDED_SAR = 255
_SAMPLE_ASPECT_RATIOS = (
    (1, 1),  # 0 is "unspecified": players take square samples
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
)


@dataclass(slots=True, frozen=True)
class ColourInfo:
    """What the sample values mean, as code points of ISO/IEC 23091-2; 2 stands for "unspecified"."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = False


UNSPECIFIED = ColourInfo()


def _read_sample_aspect_ratio(reader: BitReader) -> tuple[int, int]:
    """Width and height of one luma sample, from aspect_ratio_info_present_flag on; (1, 1) when not known."""
    if not reader.flag():
        return 1, 1
    idc = reader.u(8)
    if idc == _EXTENDED_SAR:
        width, height = reader.u(16), reader.u(16)
        return (width, height) if width and height else (1, 1)
    return _SAMPLE_ASPECT_RATIOS[idc] if idc < len(_SAMPLE_ASPECT_RATIOS) else (1, 1)


def _read_colour(reader: BitReader) -> ColourInfo | None:
    """The colour description, from video_signal_type_present_flag on; None when it is absent."""
    if not reader.flag():
        return None
    reader.skip(3)  # video_format
    full_range = reader.flag()
    if not reader.flag():
        return ColourInfo(full_range=full_range)
    return ColourInfo(reader.u(8), reader.u(8), reader.u(8), full_range)


def read_picture_hints(reader: BitReader) -> tuple[tuple[int, int], ColourInfo | None]:
    """Read the first four groups of vui_parameters(): sample aspect ratio, overscan, colour, chroma location."""
    aspect = _read_sample_aspect_ratio(reader)
    if reader.flag():
        reader.skip(1)  # overscan_appropriate_flag
    colour = _read_colour(reader)
    if reader.flag():
        reader.ue(5, "chroma_sample_loc_type_top_field")
        reader.ue(5, "chroma_sample_loc_type_bottom_field")
    return aspect, colour


def picture_rate(time_scale: int, num_units_in_tick: int, ticks_per_picture: int) -> Fraction | None:
    """Return the pictures a second; None if either figure is zero, as some encoders write by mistake."""
    if not time_scale or not num_units_in_tick:
        return None
    return Fraction(time_scale, num_units_in_tick * ticks_per_picture)
