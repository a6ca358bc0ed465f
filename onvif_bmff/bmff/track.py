"""A track and its media. ISO/IEC 14496-12, 8.3 to 8.7.2, 12."""

from typing import Annotated

from onvif_bmff.bmff.language.box import ContainerBox, FullBox, FullContainerBox
from onvif_bmff.bmff.language.children import Children
from onvif_bmff.bmff.language.columns import Columns
from onvif_bmff.bmff.language.declare import box
from onvif_bmff.bmff.language.wire import S16, U16, U32, U64, Bytes, FourCC, Rest, String, Table, by_version
from onvif_bmff.bmff.movie import UNITY_MATRIX

__all__ = [
    "DataEntryUrlBox",
    "DataInformationBox",
    "DataReferenceBox",
    "EditBox",
    "EditListBox",
    "ExtendedLanguageBox",
    "HandlerBox",
    "MediaBox",
    "MediaHeaderBox",
    "MediaInformationBox",
    "NullMediaHeaderBox",
    "SoundMediaHeaderBox",
    "SubtitleMediaHeaderBox",
    "TrackBox",
    "TrackHeaderBox",
    "TrackReferenceBox",
    "VideoMediaHeaderBox",
    "pack_language",
]


def pack_language(code: str) -> int:
    """Return the 15-bit form of a three-letter language code ("und" if it is none). ISO/IEC 14496-12, 8.4.2."""
    if len(code) != 3 or not all("a" <= letter <= "z" for letter in code):
        code = "und"
    first, second, third = (ord(letter) - 0x60 for letter in code)
    return first << 10 | second << 5 | third


@box("trak", children=Children(one=("tkhd", "mdia"), optional=("tref", "edts", "meta", "udta")))
class TrackBox(ContainerBox):
    """One track. ISO/IEC 14496-12, 8.3.1."""


@box("tkhd", versions=(0, 1))
class TrackHeaderBox(FullBox):
    """Identity and presentation of a track; width and height are 16.16. ISO/IEC 14496-12, 8.3.2.

    Flags: 1 enabled, 2 in movie, 4 in preview, 8 size is aspect ratio.
    """

    creation_time: Annotated[int, by_version(U32, U64)] = 0
    modification_time: Annotated[int, by_version(U32, U64)] = 0
    track_id: U32
    reserved1: U32 = 0
    duration: Annotated[int, by_version(U32, U64)] = 0
    reserved2: Annotated[bytes, Bytes(8)] = bytes(8)
    layer: S16 = 0
    alternate_group: S16 = 0
    volume: S16 = 0
    reserved3: U16 = 0
    matrix: Annotated[bytes, Bytes(36)] = UNITY_MATRIX
    width: U32 = 0
    height: U32 = 0


@box("tref")
class TrackReferenceBox(ContainerBox):
    """References to other tracks. ISO/IEC 14496-12, 8.3.3."""


@box("edts", children=Children(optional=("elst",)))
class EditBox(ContainerBox):
    """Holds the edit list. ISO/IEC 14496-12, 8.6.5."""


@box("elst", versions=(0, 1))
class EditListBox(FullBox):
    """Maps media time to presentation time. ISO/IEC 14496-12, 8.6.6.

    Columns: ``edit_duration`` (movie ticks), ``media_time`` (media ticks; -1 is an empty edit), ``media_rate``
    and ``media_rate_fraction``.
    """

    entries: Annotated[
        Columns,
        Table(
            U32,
            edit_duration=by_version("I", "Q"),
            media_time=by_version("i", "q"),
            media_rate="h",
            media_rate_fraction="h",
        ),
    ]


@box("mdia", children=Children(one=("mdhd", "hdlr", "minf"), optional=("elng",)))
class MediaBox(ContainerBox):
    """The media of a track. ISO/IEC 14496-12, 8.4.1."""


@box("mdhd", versions=(0, 1))
class MediaHeaderBox(FullBox):
    """Timescale (ticks a second), duration and language of the media. ISO/IEC 14496-12, 8.4.2."""

    creation_time: Annotated[int, by_version(U32, U64)] = 0
    modification_time: Annotated[int, by_version(U32, U64)] = 0
    timescale: U32
    duration: Annotated[int, by_version(U32, U64)] = 0
    language: U16 = 0x55C4
    pre_defined: U16 = 0


@box("hdlr")
class HandlerBox(FullBox):
    """Type of the media. ISO/IEC 14496-12, 8.4.3.

    ``name_bytes`` is kept raw: QuickTime writes a counted string there, some writers leave the NUL out.
    """

    pre_defined: U32 = 0
    handler_type: FourCC
    reserved: Annotated[bytes, Bytes(12)] = bytes(12)
    name_bytes: Rest = b"\0"

    @property
    def name(self) -> str:
        """The name as text, up to the first NUL."""
        return self.name_bytes.split(b"\0")[0].decode("utf-8", "replace")


@box("elng")
class ExtendedLanguageBox(FullBox):
    """Language tag of BCP 47. ISO/IEC 14496-12, 8.4.6."""

    extended_language: String


@box("minf", children=Children(one=("vmhd|smhd|hmhd|nmhd|sthd", "dinf", "stbl")))
class MediaInformationBox(ContainerBox):
    """Media information. ISO/IEC 14496-12, 8.4.4."""


@box("vmhd")
class VideoMediaHeaderBox(FullBox):
    """Header of video. ISO/IEC 14496-12, 12.1.2."""

    flags: int = 1
    graphics_mode: U16 = 0
    opcolor: Annotated[bytes, Bytes(6)] = bytes(6)


@box("smhd")
class SoundMediaHeaderBox(FullBox):
    """Header of audio. ISO/IEC 14496-12, 12.2.2."""

    balance: S16 = 0
    reserved: U16 = 0


@box("nmhd")
class NullMediaHeaderBox(FullBox):
    """Header of media without one of its own, such as metadata. ISO/IEC 14496-12, 8.4.5.2."""


@box("sthd")
class SubtitleMediaHeaderBox(FullBox):
    """Header of subtitles. ISO/IEC 14496-12, 12.6.2."""


@box("dinf", children=Children(one=("dref",)))
class DataInformationBox(ContainerBox):
    """Where the media data lies. ISO/IEC 14496-12, 8.7.1."""


@box("dref")
class DataReferenceBox(FullContainerBox):
    """Table of data references. ISO/IEC 14496-12, 8.7.2."""

    entry_count: U32


@box("url ")
class DataEntryUrlBox(FullBox):
    """A data reference; flag 1 means: in this file. ISO/IEC 14496-12, 8.7.2."""

    flags: int = 1
    location: Rest = b""
