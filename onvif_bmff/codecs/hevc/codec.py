"""H.265 in an ISO file: ISO/IEC 14496-15, 8; codecs string by its Annex E."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from onvif_bmff.bmff import Box, ContainerBox, HevcConfigurationBox, HevcParameterArray
from onvif_bmff.codecs.hevc.picture import HevcPictureHeaders, hevc_roll_distance
from onvif_bmff.codecs.hevc.pps import parse_hevc_pps
from onvif_bmff.codecs.hevc.slice import HevcSliceHeaders
from onvif_bmff.codecs.hevc.syntax import (
    NAL_PPS,
    NAL_SPS,
    NAL_VPS,
    parse_hevc_sps,
    parse_hevc_vps,
)
from onvif_bmff.codecs.nal_video import (
    configuration_record,
    make_configured_entry,
    protected_ranges,
    read_configured_entry,
)
from onvif_bmff.codecs.registry import register
from onvif_bmff.errors import BitstreamError, MediaError
from onvif_bmff.media.nal import Buffer
from onvif_bmff.media.nal_family import HEVC, NalFamily
from onvif_bmff.media.sample_entries import (
    completed_entry,
    entry_bytes,
    presentation_size,
    read_sample_entry,
    with_long_nal_lengths,
)
from onvif_bmff.media.vui import ColourInfo
from onvif_bmff.media_kind import MediaKind

__all__ = ["HevcCodec"]


@dataclass(frozen=True, slots=True)
class HevcCodec:
    """H.265 with its parameter sets: 'hvc1' (all sets in the entry) or 'hev1' (sets may come in band).

    ``entry`` is the sample entry's bytes and alone decides equality; the rest is read from it: ``vps``, ``sps``
    and ``pps`` as NAL units, ``width`` and ``height`` of the cropped picture in pixels, ``frame_rate`` in
    pictures a second (None where the sets do not give it).

    One instance serves one stream in decoding order: parameter sets that come in band hold for the samples after
    them, as in a decoder.
    """

    entry: bytes = field(repr=False)
    sample_entry_type: str = field(init=False, compare=False)
    width: int = field(init=False, compare=False)
    height: int = field(init=False, compare=False)
    frame_rate: Fraction | None = field(init=False, compare=False)
    vps: tuple[bytes, ...] = field(init=False, compare=False, repr=False)
    sps: tuple[bytes, ...] = field(init=False, compare=False, repr=False)
    pps: tuple[bytes, ...] = field(init=False, compare=False, repr=False)
    _codecs: str = field(init=False, compare=False, repr=False)
    slice_headers: HevcSliceHeaders | None = field(init=False, compare=False, repr=False, default=None)

    def __post_init__(self) -> None:
        entry, config = read_configured_entry(self.entry, HevcConfigurationBox, HEVC)
        put = object.__setattr__
        put(self, "sample_entry_type", entry.type)
        put(self, "width", entry.width)
        put(self, "height", entry.height)
        for name, nal_type in (("vps", NAL_VPS), ("sps", NAL_SPS), ("pps", NAL_PPS)):
            found = [nal for array in config.arrays if array.nal_unit_type == nal_type for nal in array.nal_units]
            put(self, name, tuple(found))
        put(self, "frame_rate", _frame_rate(self.vps, self.sps))
        put(self, "_codecs", _codecs_parameter(entry.type, config))

    @classmethod
    def from_parameter_sets(
        cls,
        vps: Sequence[Buffer],
        sps: Sequence[Buffer],
        pps: Sequence[Buffer],
        *,
        sample_entry_type: str = HEVC.with_sets,
    ) -> "HevcCodec":
        """Make the codec from parameter sets: NAL units with their header, without start codes.

        The first SPS gives profile, size, shape of the pixels and colours. Raises ``BitstreamError`` for sets
        that cannot be read, ``MediaError`` where one kind is missing or the type is neither hvc1 nor hev1.
        """
        if sample_entry_type not in HEVC.own:
            raise MediaError(f"{sample_entry_type!r} is no sample entry for H.265")
        if not (vps and sps and pps):
            raise MediaError("video, sequence and picture parameter sets are all needed")
        first = parse_hevc_sps(sps[0])
        for other in vps:
            parse_hevc_vps(other)
        for other in sps[1:]:
            parse_hevc_sps(other)
        for other in pps:
            parse_hevc_pps(other)
        profile = first.profile_tier_level
        complete = int(sample_entry_type == HEVC.with_sets)
        arrays = [
            HevcParameterArray(
                array_completeness=complete, nal_unit_type=nal_type, nal_units=tuple([bytes(one) for one in sets])
            )
            for nal_type, sets in ((NAL_VPS, vps), (NAL_SPS, sps), (NAL_PPS, pps))
        ]
        config = HevcConfigurationBox(
            general_profile_space=profile.profile_space,
            general_tier_flag=int(profile.tier),
            general_profile_idc=profile.profile_idc,
            general_profile_compatibility_flags=profile.compatibility_flags,
            general_constraint_indicator_flags=profile.constraint_flags,
            general_level_idc=profile.level_idc,
            min_spatial_segmentation_idc=first.min_spatial_segmentation_idc,
            chroma_format_idc=first.chroma_format_idc,
            bit_depth_luma_minus8=first.bit_depth_luma - 8,
            bit_depth_chroma_minus8=first.bit_depth_chroma - 8,
            num_temporal_layers=first.max_sub_layers,
            temporal_id_nested=int(first.temporal_id_nesting),
            arrays=tuple(arrays),
        )
        return cls(make_configured_entry(sample_entry_type, first, config))

    @classmethod
    def from_sample_entry(cls, entry: ContainerBox) -> "HevcCodec":
        """Make the codec from a file's clear entry, which is kept as it is, save for NAL lengths of 4 bytes.

        An 'hev1' without colr or pasp gets them, as CMAF wants it.
        """
        if entry.type == HEVC.in_band:
            entry = completed_entry(entry, *_picture_hints(entry))
        return cls(entry_bytes(with_long_nal_lengths(entry)))

    @property
    def hvcc(self) -> bytes:
        """The HEVCDecoderConfigurationRecord, the payload of 'hvcC': FFmpeg's extradata. ISO/IEC 14496-15, 8.3.3.1."""
        return configuration_record(self.sample_entry(), HevcConfigurationBox)

    @property
    def media_type(self) -> MediaKind:
        """``MediaKind.VIDEO``."""
        return MediaKind.VIDEO

    @property
    def nal_family(self) -> NalFamily:
        """``HEVC``."""
        return HEVC

    @property
    def presentation_size(self) -> tuple[int, int]:
        """Width and height in square pixels, for the track header."""
        return presentation_size(self.sample_entry())

    def sample_entry(self) -> Box:
        """Return the clear sample entry."""
        return read_sample_entry(self.entry)

    def codecs_parameter(self) -> str:
        """Return for example "hvc1.1.6.L93.B0". ISO/IEC 14496-15, Annex E.3."""
        return self._codecs

    def start_slice_headers(self) -> HevcSliceHeaders:
        """Make ``slice_headers`` of the parameter sets in the sample entry, and return them."""
        headers = HevcSliceHeaders(self.sps, self.pps)
        object.__setattr__(self, "slice_headers", headers)
        return headers

    def picture_headers(self) -> HevcPictureHeaders:
        """Return what reads the picture headers of a stream from its beginning on."""
        return HevcPictureHeaders((*self.sps, *self.pps))

    def roll_distance(self, samples: Iterable[Buffer]) -> int | None:
        """Return what decoding can do from the first of some samples on, by its picture and recovery point.

        0: it is a sync sample; None: it is no start. Else a gradual refresh ends that many samples behind it.
        """
        return hevc_roll_distance(samples, (*self.sps, *self.pps))

    protected_ranges = protected_ranges


def _codecs_parameter(sample_entry_type: str, config: HevcConfigurationBox) -> str:
    """Type, profile, compatibility flags (first flag in the lowest bit), tier and level, constraint bytes."""
    space = ("", "A", "B", "C")[config.general_profile_space]
    compatibility = int(f"{config.general_profile_compatibility_flags:032b}"[::-1], 2)
    tier = "H" if config.general_tier_flag else "L"
    constraints = config.general_constraint_indicator_flags.to_bytes(6, "big").rstrip(b"\0") or b"\0"
    parts = [
        sample_entry_type,
        f"{space}{config.general_profile_idc}",
        f"{compatibility:X}",
        f"{tier}{config.general_level_idc}",
        *(f"{byte:X}" for byte in constraints),
    ]
    return ".".join(parts)


def _picture_hints(entry: ContainerBox) -> tuple[tuple[int, int], ColourInfo | None]:
    """Shape of the pixels and colours by the first SPS of an entry; what is usual where it cannot be read."""
    config = entry.find(HevcConfigurationBox)
    arrays = config.arrays if config is not None else ()
    sets = [nal for array in arrays if array.nal_unit_type == NAL_SPS for nal in array.nal_units]
    try:
        sps = parse_hevc_sps(sets[0]) if sets else None
    except BitstreamError:
        sps = None
    return ((1, 1), None) if sps is None else (sps.sample_aspect_ratio, sps.colour)


def _frame_rate(vps: tuple[bytes, ...], sps: tuple[bytes, ...]) -> Fraction | None:
    """The picture rate by the first SPS or else VPS; None if neither gives it, or it cannot be read."""
    try:
        rate = parse_hevc_sps(sps[0]).frame_rate if sps else None
        return rate if rate is not None or not vps else parse_hevc_vps(vps[0]).frame_rate
    except BitstreamError:
        return None


register(*HEVC.own)(HevcCodec.from_sample_entry)
