"""Boxes of the file level. ISO/IEC 14496-12, 4.3, 8.1, 8.16."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Annotated, Any

from onvif_bmff.bmff.language.box import Box, FullBox
from onvif_bmff.bmff.language.columns import Columns, no_rows
from onvif_bmff.bmff.language.declare import box
from onvif_bmff.bmff.language.wire import (
    U16,
    U32,
    U64,
    FourCC,
    ListOf,
    Rest,
    String,
    Table,
    Uuid,
    View,
    by_version,
    when,
)

__all__ = [
    "EventMessageBox",
    "FileTypeBox",
    "FreeSpaceBox",
    "MediaDataBox",
    "ProducerReferenceTimeBox",
    "SegmentIndexBox",
    "SegmentTypeBox",
    "SkipBox",
    "UuidBox",
]


@box("ftyp")
class FileTypeBox(Box):
    """Brands of the file. ISO/IEC 14496-12, 4.3."""

    major_brand: FourCC
    minor_version: U32 = 0
    compatible_brands: Annotated[tuple[str, ...], ListOf(None, FourCC)] = ()


@box("styp")
class SegmentTypeBox(Box):
    """Brands of a media segment. ISO/IEC 14496-12, 8.16.2."""

    major_brand: FourCC
    minor_version: U32 = 0
    compatible_brands: Annotated[tuple[str, ...], ListOf(None, FourCC)] = ()


@box("mdat")
class MediaDataBox(Box):
    """Media data; ``data`` is a view on the input when parsed, and never copied. ISO/IEC 14496-12, 8.1.1."""

    data: View = b""


@box("free")
class FreeSpaceBox(Box):
    """Bytes without meaning. ISO/IEC 14496-12, 8.1.2."""

    data: View = b""


@box("skip")
class SkipBox(Box):
    """Bytes without meaning. ISO/IEC 14496-12, 8.1.2."""

    data: View = b""


@box("uuid")
class UuidBox(Box):
    """A box of somebody's own type. ISO/IEC 14496-12, 4.2."""

    user_type: Uuid
    data: View = b""


@box("sidx", versions=(0, 1))
class SegmentIndexBox(FullBox):
    """Index of subsegments. ISO/IEC 14496-12, 8.16.3.

    ``references`` has the columns ``reference`` (1 bit type, 31 bits size), ``duration`` (ticks of ``timescale``)
    and ``sap`` (1 bit starts_with_SAP, 3 bits type, 28 bits delta).
    """

    reference_id: U32
    timescale: U32
    earliest_presentation_time: Annotated[int, by_version(U32, U64)] = 0
    first_offset: Annotated[int, by_version(U32, U64)] = 0
    reserved: U16 = 0
    references: Annotated[Columns, Table(U16, reference="I", duration="I", sap="I")] = field(
        default_factory=no_rows("reference", "duration", "sap")
    )


@box("prft", versions=(0, 1))
class ProducerReferenceTimeBox(FullBox):
    """Wall-clock time (NTP format) of a media time. ISO/IEC 14496-12, 8.16.5."""

    reference_track_id: U32
    ntp_timestamp: U64
    media_time: Annotated[int, by_version(U32, U64)]


def _is_version(number: int) -> Callable[[Mapping[str, Any]], bool]:
    return lambda this: bool(this["version"] == number)


_EMSG_1 = ("timescale", "presentation_time", "event_duration", "id", "scheme_id_uri", "value")
"""Version 1 has the strings behind the numbers."""


@box("emsg", versions=(0, 1), orders={1: _EMSG_1})
class EventMessageBox(FullBox):
    """An event on the media timeline. ISO/IEC 23009-1, 5.10.3.3.

    Version 0 carries ``presentation_time_delta``, version 1 ``presentation_time``; the other one is None.
    """

    scheme_id_uri: String
    value: String = ""
    timescale: U32
    presentation_time_delta: Annotated[int | None, when(_is_version(0), U32)] = None
    presentation_time: Annotated[int | None, when(_is_version(1), U64)] = None
    event_duration: U32 = 0
    id: U32 = 0
    message_data: Rest = b""
