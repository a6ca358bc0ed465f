"""H.265 video and sequence parameter sets: ITU-T H.265 (ISO/IEC 23008-2), 7.3.2.1, 7.3.2.2 and Annex E."""

from dataclasses import dataclass
from fractions import Fraction

from onvif_bmff.codecs.hevc.sets import (
    ProfileTierLevel,
    ShortTermRefPicSet,
    read_profile_tier_level,
    read_short_term_ref_pic_set,
    skip_hrd,
    skip_scaling_lists,
)
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import BitReader, Buffer, remove_emulation_prevention
from onvif_bmff.media.nal_family import HEVC
from onvif_bmff.media.vui import ColourInfo, picture_rate, read_picture_hints

__all__ = [
    "HevcSps",
    "HevcVps",
    "hevc_is_irap",
    "hevc_is_vcl",
    "hevc_layer_id",
    "hevc_nal_type",
    "hevc_slice_pps_id",
    "hevc_starts_picture",
    "parse_hevc_sps",
    "parse_hevc_vps",
]

NAL_BLA_W_LP = 16
NAL_IDR_W_RADL = 19
NAL_IDR_N_LP = 20
NAL_CRA = 21
NAL_VPS = 32
NAL_SPS = 33
NAL_PPS = 34
NAL_PREFIX_SEI = 39
NAL_SUFFIX_SEI = 40

SLICE_SEGMENTS = frozenset((*range(10), *range(NAL_BLA_W_LP, NAL_CRA + 1)))
"""Types that are slice segments, reserved ones left out. H.265, table 7-1."""
IDR_PICTURES = frozenset((NAL_IDR_W_RADL, NAL_IDR_N_LP))

_MAX_PIXELS = 0xFFFF


@dataclass(slots=True, kw_only=True)
class HevcVps:
    """A video parameter set as far as recorders need it. Names are those of H.265, 7.4.3.1."""

    vps_id: int
    max_sub_layers: int
    temporal_id_nesting: bool
    profile_tier_level: ProfileTierLevel
    frame_rate: Fraction | None = None
    """Pictures a second from the timing information, None when there is none."""


@dataclass(slots=True, kw_only=True)
class HevcSps:
    """A sequence parameter set. Names are those of H.265, 7.4.3.2; sizes are in luma samples."""

    vps_id: int
    sps_id: int
    max_sub_layers: int
    temporal_id_nesting: bool
    profile_tier_level: ProfileTierLevel
    chroma_format_idc: int
    separate_colour_planes: bool
    coded_width: int
    coded_height: int
    conformance_window: tuple[int, int, int, int]
    """Left, right, top and bottom, in the units of the chroma format."""
    bit_depth_luma: int
    bit_depth_chroma: int
    log2_max_pic_order_cnt_lsb: int
    max_num_reorder_pics: int
    """Of the highest sub-layer."""
    log2_ctb_size: int
    sample_adaptive_offset: bool
    short_term_ref_pic_sets: list[ShortTermRefPicSet]
    long_term_ref_pics_present: bool
    long_term_used_by_curr_pic: tuple[bool, ...]
    """used_by_curr_pic_lt_sps_flag of every candidate long-term picture."""
    temporal_mvp: bool
    motion_vector_resolution_control_idc: int = 0
    sample_aspect_ratio: tuple[int, int] = (1, 1)
    colour: ColourInfo | None = None
    frame_rate: Fraction | None = None
    """Frames a second from the timing information, None when there is none."""
    field_seq: bool = False
    min_spatial_segmentation_idc: int = 0

    @property
    def chroma_array_type(self) -> int:
        """chroma_format_idc, or 0 when the colour planes are coded apart."""
        return 0 if self.separate_colour_planes else self.chroma_format_idc

    @property
    def width(self) -> int:
        """Width of the picture that is shown."""
        unit = 2 if self.chroma_format_idc in (1, 2) else 1
        return self.coded_width - unit * (self.conformance_window[0] + self.conformance_window[1])

    @property
    def height(self) -> int:
        """Height of the picture that is shown (of one field, when `field_seq`)."""
        unit = 2 if self.chroma_format_idc == 1 else 1
        return self.coded_height - unit * (self.conformance_window[2] + self.conformance_window[3])

    @property
    def size_in_ctbs(self) -> int:
        """Number of coding tree blocks of a picture (PicSizeInCtbsY)."""
        shift, rest = self.log2_ctb_size, (1 << self.log2_ctb_size) - 1
        return ((self.coded_width + rest) >> shift) * ((self.coded_height + rest) >> shift)


def hevc_nal_type(nal: Buffer) -> int:
    """Return the nal_unit_type, 0 to 63, of a NAL unit. H.265, 7.4.2.2."""
    if len(nal) < 2:
        raise BitstreamError("a NAL unit is shorter than its header")
    return HEVC.types[nal[0]]


def hevc_layer_id(nal: Buffer) -> int:
    """Return the nuh_layer_id, 0 to 63, of a NAL unit of two bytes or more; 0 is the base layer. H.265, 7.4.2.2."""
    return (nal[0] & 1) << 5 | nal[1] >> 3


def hevc_is_vcl(nal_type: int) -> bool:
    """Return whether units of this type are slice segments: 0 to 9 and 16 to 21. H.265, table 7-1."""
    return nal_type in SLICE_SEGMENTS


def hevc_is_irap(nal_type: int) -> bool:
    """Return whether the unit belongs to a random access picture (IDR, CRA, BLA), where decoding can start."""
    return nal_type in HEVC.random_access


def hevc_starts_picture(nal: Buffer) -> bool:
    """Return whether the unit is the first slice segment of a picture."""
    return len(nal) > 2 and nal[2] >= 0x80 and HEVC.types[nal[0]] in SLICE_SEGMENTS


def hevc_slice_pps_id(nal: Buffer) -> int:
    """Return slice_pic_parameter_set_id of a slice segment; -1 where it cannot be read. H.265, 7.3.6.1."""
    reader = BitReader(remove_emulation_prevention(nal[:16]))
    try:
        reader.skip(18 if hevc_nal_type(nal) >= NAL_BLA_W_LP else 17)  # no_output_of_prior_pics_flag
        return reader.ue(63, "slice_pic_parameter_set_id")
    except BitstreamError:
        return -1


def open_parameter_set(nal: Buffer, nal_type: int, what: str) -> BitReader:
    """Return a reader behind the NAL header of a parameter set of the base layer."""
    if hevc_nal_type(nal) != nal_type:
        raise BitstreamError(f"not a {what} parameter set")
    if hevc_layer_id(nal):
        raise BitstreamError(f"a {what} parameter set of an enhancement layer is not supported")
    return BitReader(remove_emulation_prevention(nal), 16)


def parse_hevc_vps(nal: Buffer) -> HevcVps:
    """Read a video parameter set (NAL type 32) up to its timing, NAL header included.

    Raises BitstreamError for anything that is not one, or that breaks a limit of H.265, 7.4.3.1.
    """
    reader = open_parameter_set(nal, NAL_VPS, "video")
    vps_id = reader.u(4)
    reader.skip(8)  # vps_base_layer_internal_flag, .._available_flag, vps_max_layers_minus1
    max_sub_layers = _sub_layers(reader)
    nesting = reader.flag()
    reader.skip(16)
    vps = HevcVps(
        vps_id=vps_id,
        max_sub_layers=max_sub_layers,
        temporal_id_nesting=nesting,
        profile_tier_level=read_profile_tier_level(reader, max_sub_layers),
    )
    _read_sub_layer_ordering(reader, max_sub_layers)
    max_layer_id = reader.u(6)
    reader.skip(reader.ue(1023, "vps_num_layer_sets_minus1") * (max_layer_id + 1))
    if reader.flag():
        num_units_in_tick, time_scale = reader.u(32), reader.u(32)
        vps.frame_rate = picture_rate(time_scale, num_units_in_tick, 1)
    return vps


def parse_hevc_sps(nal: Buffer) -> HevcSps:
    """Read a sequence parameter set (NAL type 33), NAL header included.

    Raises BitstreamError for anything that is not one, or that breaks a limit of H.265, 7.4.3.2.
    """
    reader = open_parameter_set(nal, NAL_SPS, "sequence")
    vps_id = reader.u(4)
    max_sub_layers = _sub_layers(reader)
    nesting = reader.flag()
    profile = read_profile_tier_level(reader, max_sub_layers)
    sps_id = reader.ue(15, "sps_seq_parameter_set_id")
    chroma_format_idc = reader.ue(3, "chroma_format_idc")
    separate = chroma_format_idc == 3 and reader.flag()
    width = reader.ue(_MAX_PIXELS, "pic_width_in_luma_samples")
    height = reader.ue(_MAX_PIXELS, "pic_height_in_luma_samples")
    window = (0, 0, 0, 0)
    if reader.flag():
        window = _read_conformance_window(reader)
    luma = 8 + reader.ue(8, "bit_depth_luma_minus8")
    chroma = 8 + reader.ue(8, "bit_depth_chroma_minus8")
    log2_max_lsb = 4 + reader.ue(12, "log2_max_pic_order_cnt_lsb_minus4")
    max_num_reorder_pics = _read_sub_layer_ordering(reader, max_sub_layers)
    log2_min_cb = 3 + reader.ue(3, "log2_min_luma_coding_block_size_minus3")
    log2_ctb = log2_min_cb + reader.ue(6 - log2_min_cb, "log2_diff_max_min_luma_coding_block_size")
    for _ in range(4):
        reader.ue(4)  # transform block sizes and hierarchy depths
    if reader.flag() and reader.flag():  # scaling_list_enabled_flag, sps_scaling_list_data_present_flag
        skip_scaling_lists(reader)
    reader.skip(1)  # amp_enabled_flag
    sao = reader.flag()
    if reader.flag():  # pcm_enabled_flag
        _skip_pcm(reader)
    sets = _read_short_term_sets(reader)
    long_term = reader.flag()
    long_term_used = _read_long_term_used(reader, log2_max_lsb) if long_term else ()
    sps = HevcSps(
        vps_id=vps_id,
        sps_id=sps_id,
        max_sub_layers=max_sub_layers,
        temporal_id_nesting=nesting,
        profile_tier_level=profile,
        chroma_format_idc=chroma_format_idc,
        separate_colour_planes=separate,
        coded_width=width,
        coded_height=height,
        conformance_window=window,
        bit_depth_luma=luma,
        bit_depth_chroma=chroma,
        log2_max_pic_order_cnt_lsb=log2_max_lsb,
        max_num_reorder_pics=max_num_reorder_pics,
        log2_ctb_size=log2_ctb,
        sample_adaptive_offset=sao,
        short_term_ref_pic_sets=sets,
        long_term_ref_pics_present=long_term,
        long_term_used_by_curr_pic=long_term_used,
        temporal_mvp=reader.flag(),
    )
    _check_size(sps, log2_min_cb)
    reader.skip(1)  # strong_intra_smoothing_enabled_flag
    if reader.flag():
        _read_vui(reader, sps)
    if reader.flag():
        _read_extensions(reader, sps)
    return sps


def _read_conformance_window(reader: BitReader) -> tuple[int, int, int, int]:
    return (
        reader.ue(_MAX_PIXELS, "conf_win_left_offset"),
        reader.ue(_MAX_PIXELS, "conf_win_right_offset"),
        reader.ue(_MAX_PIXELS, "conf_win_top_offset"),
        reader.ue(_MAX_PIXELS, "conf_win_bottom_offset"),
    )


def _skip_pcm(reader: BitReader) -> None:
    reader.skip(8)  # sample bit depths
    reader.ue(2, "log2_min_pcm_luma_coding_block_size_minus3")
    reader.ue(2, "log2_diff_max_min_pcm_luma_coding_block_size")
    reader.skip(1)  # pcm_loop_filter_disabled_flag


def _read_long_term_used(reader: BitReader, log2_max_lsb: int) -> tuple[bool, ...]:
    """used_by_curr_pic_lt_sps_flag of each long-term reference picture."""
    used = []
    for _ in range(reader.ue(32, "num_long_term_ref_pics_sps")):
        reader.skip(log2_max_lsb)  # lt_ref_pic_poc_lsb_sps
        used.append(reader.flag())
    return tuple(used)


def _read_short_term_sets(reader: BitReader) -> list[ShortTermRefPicSet]:
    sets: list[ShortTermRefPicSet] = []
    for _ in range(reader.ue(64, "num_short_term_ref_pic_sets")):
        sets.append(read_short_term_ref_pic_set(reader, sets))
    return sets


def _check_size(sps: HevcSps, log2_min_cb: int) -> None:
    """Raise ``BitstreamError`` for a picture of no samples, or one that is not whole coding blocks of that size."""
    if sps.width <= 0 or sps.height <= 0:
        raise BitstreamError(f"a picture of {sps.width} by {sps.height} samples is not possible")
    if (sps.coded_width | sps.coded_height) & ((1 << log2_min_cb) - 1):
        raise BitstreamError(f"a picture of {sps.coded_width} by {sps.coded_height} samples is not whole coding blocks")


def _sub_layers(reader: BitReader) -> int:
    count = 1 + reader.u(3)
    if count == 8:
        raise BitstreamError("max_sub_layers_minus1 is 7, above its limit of 6")
    return count


def _read_sub_layer_ordering(reader: BitReader, max_sub_layers: int) -> int:
    """sps_max_num_reorder_pics or vps_max_num_reorder_pics of the highest sub-layer."""
    reorder = 0
    for _ in range(max_sub_layers if reader.flag() else 1):
        reader.ue(15, "max_dec_pic_buffering_minus1")
        reorder = reader.ue(15, "max_num_reorder_pics")
        reader.ue()  # max_latency_increase_plus1
    return reorder


def _read_vui(reader: BitReader, sps: HevcSps) -> None:
    """vui_parameters(). H.265, E.2.1."""
    sps.sample_aspect_ratio, sps.colour = read_picture_hints(reader)
    reader.skip(1)  # neutral_chroma_indication_flag
    sps.field_seq = reader.flag()
    reader.skip(1)  # frame_field_info_present_flag
    if reader.flag():  # default_display_window_flag
        for _ in range(4):
            reader.ue()
    if reader.flag():
        num_units_in_tick, time_scale = reader.u(32), reader.u(32)
        sps.frame_rate = picture_rate(time_scale, num_units_in_tick, 2 if sps.field_seq else 1)
        if reader.flag():
            reader.ue()  # vui_num_ticks_poc_diff_one_minus1
        if reader.flag():
            skip_hrd(reader, sps.max_sub_layers)
    if reader.flag():  # bitstream_restriction_flag
        reader.skip(3)
        sps.min_spatial_segmentation_idc = reader.ue(4095, "min_spatial_segmentation_idc")
        for _ in range(4):
            reader.ue()


def _read_extensions(reader: BitReader, sps: HevcSps) -> None:
    """The range, multilayer, 3D and screen content extensions. H.265, 7.3.2.2.2, F.7, I.7 and 7.3.2.2.3."""
    range_extension, multilayer, three_d, screen_content = (reader.flag() for _ in range(4))
    reader.skip(4)
    if range_extension:
        reader.skip(9)
    if multilayer:
        reader.skip(1)  # inter_view_mv_vert_constraint_flag
    if three_d and screen_content:
        raise BitstreamError("3D and screen content extensions in one sequence parameter set")
    if screen_content:
        reader.skip(1)  # sps_curr_pic_ref_enabled_flag
        if reader.flag():  # palette_mode_enabled_flag
            reader.ue(64, "palette_max_size")
            reader.ue(128, "delta_palette_max_predictor_size")
            if reader.flag():
                count = 1 + reader.ue(128, "sps_num_palette_predictor_initializers_minus1")
                chroma = 0 if sps.chroma_format_idc == 0 else 2 * sps.bit_depth_chroma
                reader.skip(count * (sps.bit_depth_luma + chroma))
        sps.motion_vector_resolution_control_idc = reader.u(2)
        if sps.motion_vector_resolution_control_idc == 3:
            raise BitstreamError("motion_vector_resolution_control_idc is 3, above its limit of 2")
        reader.skip(1)  # intra_boundary_filtering_disabled_flag
