"""The movie and what applies to all its tracks. ISO/IEC 14496-12, 8.2, 8.8.1 to 8.8.3."""

from typing import Annotated

from onvif_bmff.bmff.language.box import ContainerBox, FullBox
from onvif_bmff.bmff.language.children import Children
from onvif_bmff.bmff.language.declare import box
from onvif_bmff.bmff.language.probing import Probed
from onvif_bmff.bmff.language.wire import S16, S32, U32, U64, Bytes, String, by_version

__all__ = [
    "UNITY_MATRIX",
    "KindBox",
    "MetaBox",
    "MovieBox",
    "MovieExtendsBox",
    "MovieExtendsHeaderBox",
    "MovieHeaderBox",
    "TrackExtendsBox",
    "UserDataBox",
]

UNITY_MATRIX = b"".join(number.to_bytes(4, "big") for number in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))
"""Transformation matrix that changes nothing: nine 32-bit numbers, 16.16 and 2.30."""


@box(
    "moov", children=Children(one=("mvhd",), some=("trak",), optional=("mvex", "meta", "udta", "iods"), many=("pssh",))
)
class MovieBox(ContainerBox):
    """Metadata of all tracks. ISO/IEC 14496-12, 8.2.1."""


@box("mvhd", versions=(0, 1))
class MovieHeaderBox(FullBox):
    """Times and defaults of the movie; times in seconds since 1904, duration in ticks. ISO/IEC 14496-12, 8.2.2."""

    creation_time: Annotated[int, by_version(U32, U64)] = 0
    modification_time: Annotated[int, by_version(U32, U64)] = 0
    timescale: U32
    duration: Annotated[int, by_version(U32, U64)] = 0
    rate: S32 = 0x10000
    volume: S16 = 0x100
    reserved: Annotated[bytes, Bytes(10)] = bytes(10)
    matrix: Annotated[bytes, Bytes(36)] = UNITY_MATRIX
    pre_defined: Annotated[bytes, Bytes(24)] = bytes(24)
    next_track_id: U32


@box("mvex", children=Children(some=("trex",), optional=("mehd", "leva")))
class MovieExtendsBox(ContainerBox):
    """Tells that fragments follow. ISO/IEC 14496-12, 8.8.1."""


@box("mehd", versions=(0, 1))
class MovieExtendsHeaderBox(FullBox):
    """Duration with all fragments, in movie ticks. ISO/IEC 14496-12, 8.8.2."""

    fragment_duration: Annotated[int, by_version(U32, U64)]


@box("trex")
class TrackExtendsBox(FullBox):
    """Defaults of a track's fragments. ISO/IEC 14496-12, 8.8.3."""

    track_id: U32
    default_sample_description_index: U32 = 1
    default_sample_duration: U32 = 0
    default_sample_size: U32 = 0
    default_sample_flags: U32 = 0


@box("udta", children=Children(many=("kind", "cprt")))
class UserDataBox(ContainerBox):
    """User data. ISO/IEC 14496-12, 8.10.1."""


@box("kind")
class KindBox(FullBox):
    """Role of a track. ISO/IEC 14496-12, 8.10.4."""

    scheme_uri: String
    value: String = ""


def _meta_candidates(view: memoryview, pos: int, end: int) -> tuple[int, ...]:
    return (pos + 4, pos) if end - pos >= 4 else (pos,)


@box("meta", children=Children(one=("hdlr",)))
class MetaBox(ContainerBox):
    """Untimed metadata. ISO/IEC 14496-12, 8.11.1.

    ``version_and_flags`` is empty in QuickTime files, where the box has neither.
    """

    version_and_flags: Annotated[bytes, Probed(_meta_candidates, rest=7)] = bytes(4)
