"""Movie fragments. ISO/IEC 14496-12, 8.8.4 to 8.8.12, and sample groups, 8.9."""

from typing import Annotated

from onvif_bmff.bmff.language.box import ContainerBox, FullBox
from onvif_bmff.bmff.language.children import Children
from onvif_bmff.bmff.language.columns import Columns
from onvif_bmff.bmff.language.declare import box
from onvif_bmff.bmff.language.wire import S32, U32, U64, FourCC, Rest, Table, by_version, when, when_flag

__all__ = [
    "NON_SYNC_SAMPLE",
    "MovieFragmentBox",
    "MovieFragmentHeaderBox",
    "SampleGroupDescriptionBox",
    "SampleToGroupBox",
    "SubSampleInformationBox",
    "TrackFragmentBaseMediaDecodeTimeBox",
    "TrackFragmentBox",
    "TrackFragmentHeaderBox",
    "TrackRunBox",
]

NON_SYNC_SAMPLE = 0x00010000
"""The bit of a sample's flags that says: not a sync sample. ISO/IEC 14496-12, 8.8.3.1."""


@box("moof", children=Children(one=("mfhd",), optional=("meta",), many=("traf", "pssh")))
class MovieFragmentBox(ContainerBox):
    """One fragment. ISO/IEC 14496-12, 8.8.4."""


@box("mfhd")
class MovieFragmentHeaderBox(FullBox):
    """Number of the fragment. ISO/IEC 14496-12, 8.8.5."""

    sequence_number: U32


@box(
    "traf",
    children=Children(
        one=("tfhd",), optional=("tfdt", "senc", "meta"), many=("trun", "sbgp", "sgpd", "subs", "saiz", "saio")
    ),
)
class TrackFragmentBox(ContainerBox):
    """One track's part of a fragment. ISO/IEC 14496-12, 8.8.6."""


@box("tfhd")
class TrackFragmentHeaderBox(FullBox):
    """Defaults of the samples. ISO/IEC 14496-12, 8.8.7. Flag 0x20000: offsets count from the moof."""

    track_id: U32
    base_data_offset: Annotated[int | None, when_flag(0x1, U64)] = None
    sample_description_index: Annotated[int | None, when_flag(0x2, U32)] = None
    default_sample_duration: Annotated[int | None, when_flag(0x8, U32)] = None
    default_sample_size: Annotated[int | None, when_flag(0x10, U32)] = None
    default_sample_flags: Annotated[int | None, when_flag(0x20, U32)] = None


@box("tfdt", versions=(0, 1))
class TrackFragmentBaseMediaDecodeTimeBox(FullBox):
    """Decode time of the fragment's first sample, in media ticks. ISO/IEC 14496-12, 8.8.12."""

    base_media_decode_time: Annotated[int, by_version(U32, U64)]


@box("trun", versions=(0, 1))
class TrackRunBox(FullBox):
    """A run of samples. ISO/IEC 14496-12, 8.8.8.

    ``samples`` has those of the columns ``duration`` (ticks), ``size`` (bytes), ``flags`` and
    ``composition_offset`` (ticks, signed in version 1) that the flags name; without any it is a bare count.
    """

    sample_count: U32
    data_offset: Annotated[int | None, when_flag(0x1, S32)] = None
    first_sample_flags: Annotated[int | None, when_flag(0x4, U32)] = None
    samples: Annotated[
        Columns,
        Table(
            lambda this: this["sample_count"],
            duration=when_flag(0x100, "I"),
            size=when_flag(0x200, "I"),
            flags=when_flag(0x400, "I"),
            composition_offset=when_flag(0x800, by_version("I", "i")),
        ),
    ]


@box("subs", versions=(0, 1))
class SubSampleInformationBox(FullBox):
    """Parts of samples; kept as bytes. ISO/IEC 14496-12, 8.7.7."""

    data: Rest = b""


@box("sgpd", versions=(0, 1, 2))
class SampleGroupDescriptionBox(FullBox):
    """Descriptions of groups of samples. ISO/IEC 14496-12, 8.9.3.

    ``default_length`` is the length of each description where it is not 0 (in version 2 the field is the
    default index). ``descriptions`` keeps the entries as bytes: ``protection.seig_entries`` reads 'seig'.
    """

    grouping_type: FourCC
    default_length: Annotated[int | None, when(lambda this: this["version"] >= 1, U32)] = None
    entry_count: U32
    descriptions: Rest = b""


@box("sbgp", versions=(0, 1))
class SampleToGroupBox(FullBox):
    """Which samples belong to which group, in runs. ISO/IEC 14496-12, 8.9.2.

    An index above 0x10000 names an entry of the sgpd in the same traf.
    """

    grouping_type: FourCC
    grouping_type_parameter: Annotated[int | None, when(lambda this: this["version"] == 1, U32)] = None
    entries: Annotated[Columns, Table(U32, sample_count="I", group_description_index="I")]
