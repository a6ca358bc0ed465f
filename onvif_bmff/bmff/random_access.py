"""Random access to fragments. ISO/IEC 14496-12, 8.8.9 to 8.8.11."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from onvif_bmff.bmff.language.box import ContainerBox, FullBox
from onvif_bmff.bmff.language.children import Children
from onvif_bmff.bmff.language.columns import Columns
from onvif_bmff.bmff.language.declare import box
from onvif_bmff.bmff.language.wire import U32, Bits, Table, by_version

__all__ = ["MovieFragmentRandomAccessBox", "MovieFragmentRandomAccessOffsetBox", "TrackFragmentRandomAccessBox"]

_CODES = ("B", "H", "t", "I")


@box("mfra", children=Children(one=("mfro",), many=("tfra",)))
class MovieFragmentRandomAccessBox(ContainerBox):
    """Where the sync samples lie; last box of a file. ISO/IEC 14496-12, 8.8.9."""


def _number(length: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda this: _CODES[this[length]]


@box("tfra", versions=(0, 1))
class TrackFragmentRandomAccessBox(FullBox):
    """Sync samples of one track. ISO/IEC 14496-12, 8.8.10.

    Columns: ``time`` (presentation time in media ticks), ``moof_offset`` (from the start of the file), and the
    numbers, from 1, of traf, trun and sample; the three lengths are their widths in bytes less one.
    """

    track_id: U32
    reserved: Annotated[int, Bits(26)] = 0
    length_size_of_traf_num: Annotated[int, Bits(2)] = 0
    length_size_of_trun_num: Annotated[int, Bits(2)] = 0
    length_size_of_sample_num: Annotated[int, Bits(2)] = 0
    entries: Annotated[
        Columns,
        Table(
            U32,
            time=by_version("I", "Q"),
            moof_offset=by_version("I", "Q"),
            traf_number=_number("length_size_of_traf_num"),
            trun_number=_number("length_size_of_trun_num"),
            sample_number=_number("length_size_of_sample_num"),
        ),
    ]


@box("mfro")
class MovieFragmentRandomAccessOffsetBox(FullBox):
    """Size of the mfra around it, so that the file's last four bytes find it. ISO/IEC 14496-12, 8.8.11."""

    parent_size: U32
