"""H.264 parameter sets: ITU-T H.264 (ISO/IEC 14496-10), 7.3.2.1, 7.3.2.2 and Annex E."""

from dataclasses import dataclass
from fractions import Fraction

from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import BitReader, Buffer, remove_emulation_prevention
from onvif_bmff.media.nal_family import AVC
from onvif_bmff.media.vui import ColourInfo, picture_rate, read_picture_hints

__all__ = [
    "AvcPps",
    "AvcSps",
    "avc_is_idr",
    "avc_is_vcl",
    "avc_nal_type",
    "avc_pps_ids",
    "avc_slice_pps_id",
    "avc_starts_picture",
    "parse_avc_pps",
    "parse_avc_sps",
]

NAL_SLICE = 1
NAL_PARTITION_A = 2
NAL_IDR = 5
NAL_SEI = 6
NAL_SPS = 7
NAL_PPS = 8
NAL_PREFIX = 14
NAL_SUBSET_SPS = 15
NAL_SLICE_EXTENSION = 20

PROFILES_WITH_CHROMA = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 144, 244})
"""profile_idc values whose SPS states chroma format and bit depths (and whose avcC repeats them)."""

_OLD_HIGH_444 = 144
_MAX_PIXELS = 0xFFFF


@dataclass(slots=True, kw_only=True)
class AvcSps:
    """A sequence parameter set. Names are those of H.264, 7.4.2.1.1; sizes are in luma samples."""

    profile_idc: int
    constraint_flags: int
    level_idc: int
    sps_id: int
    chroma_format_idc: int
    separate_colour_planes: bool
    bit_depth_luma: int
    bit_depth_chroma: int
    log2_max_frame_num: int
    pic_order_cnt_type: int
    log2_max_pic_order_cnt_lsb: int
    delta_pic_order_always_zero: bool
    max_num_ref_frames: int
    width_in_mbs: int
    height_in_map_units: int
    frame_mbs_only: bool
    mb_adaptive_frame_field: bool
    crop: tuple[int, int, int, int]
    """Left, right, top and bottom, in the crop units of the chroma format."""
    sample_aspect_ratio: tuple[int, int] = (1, 1)
    colour: ColourInfo | None = None
    frame_rate: Fraction | None = None
    """Frames a second from the timing information, None when there is none."""
    fixed_frame_rate: bool = False
    max_num_reorder_frames: int | None = None

    @property
    def chroma_array_type(self) -> int:
        """chroma_format_idc, or 0 when the colour planes are coded apart."""
        return 0 if self.separate_colour_planes else self.chroma_format_idc

    @property
    def coded_width(self) -> int:
        """Width before cropping."""
        return self.width_in_mbs * 16

    @property
    def coded_height(self) -> int:
        """Height of a frame before cropping."""
        return self.height_in_map_units * (16 if self.frame_mbs_only else 32)

    @property
    def width(self) -> int:
        """Width of the picture that is shown."""
        unit = 2 if self.chroma_array_type in (1, 2) else 1
        return self.coded_width - unit * (self.crop[0] + self.crop[1])

    @property
    def height(self) -> int:
        """Height of the frame that is shown."""
        unit = (2 if self.chroma_array_type == 1 else 1) * (1 if self.frame_mbs_only else 2)
        return self.coded_height - unit * (self.crop[2] + self.crop[3])


@dataclass(slots=True, kw_only=True)
class AvcPps:
    """A picture parameter set. Names are those of H.264, 7.4.2.2."""

    pps_id: int
    sps_id: int
    entropy_coding_mode: bool
    """True for CABAC, False for CAVLC."""
    bottom_field_pic_order_in_frame_present: bool
    num_slice_groups: int
    slice_group_map_type: int
    slice_group_change_rate: int
    num_ref_idx_default: tuple[int, int]
    """Default number of active references in list 0 and list 1."""
    weighted_pred: bool
    weighted_bipred_idc: int
    pic_init_qp: int
    deblocking_filter_control_present: bool
    constrained_intra_pred: bool
    redundant_pic_cnt_present: bool
    transform_8x8_mode: bool = False
    scaling_matrix_present: bool = False


def avc_nal_type(nal: Buffer) -> int:
    """Return the nal_unit_type, 0 to 31, of a NAL unit. H.264, 7.4.1."""
    if not len(nal):
        raise BitstreamError("a NAL unit is empty")
    return AVC.types[nal[0]]


def avc_is_vcl(nal_type: int) -> bool:
    """Return whether units of this type carry slice data of the base view: types 1 to 5. H.264, table 7-1."""
    return 1 <= nal_type <= NAL_IDR


def avc_is_idr(nal_type: int) -> bool:
    """Return whether the unit is a slice of an IDR picture, where decoding can start."""
    return nal_type == NAL_IDR


def avc_starts_picture(nal: Buffer) -> bool:
    """Return whether the unit is a slice with macroblock 0, in usual slice order the first of its picture."""
    return len(nal) > 1 and nal[1] >= 0x80 and AVC.types[nal[0]] in (NAL_SLICE, NAL_PARTITION_A, NAL_IDR)


def avc_slice_pps_id(nal: Buffer) -> int:
    """Return pic_parameter_set_id of a slice; -1 where it cannot be read. H.264, 7.3.3."""
    reader = BitReader(remove_emulation_prevention(nal[:32]))
    try:
        reader.skip(8)
        reader.ue(name="first_mb_in_slice")
        reader.ue(9, "slice_type")
        return reader.ue(255, "pic_parameter_set_id")
    except BitstreamError:
        return -1


def parse_avc_sps(nal: Buffer) -> AvcSps:
    """Read a sequence parameter set (NAL type 7, or the common part of type 15), NAL header included.

    Raises BitstreamError for anything that is not one, or that breaks a limit of H.264, 7.4.2.1.1.
    """
    if avc_nal_type(nal) not in (NAL_SPS, NAL_SUBSET_SPS):
        raise BitstreamError("not a sequence parameter set")
    reader = BitReader(remove_emulation_prevention(nal), 8)
    profile_idc, constraint_flags, level_idc = reader.u(8), reader.u(8), reader.u(8)
    sps_id = reader.ue(31, "seq_parameter_set_id")
    chroma_format_idc, separate, luma, chroma = 1, False, 8, 8
    if profile_idc in PROFILES_WITH_CHROMA:
        chroma_format_idc, separate, luma, chroma = _read_chroma(reader, profile_idc)
    log2_max_frame_num = 4 + reader.ue(12, "log2_max_frame_num_minus4")
    poc_type = reader.ue(2, "pic_order_cnt_type")
    log2_max_lsb, always_zero = 0, False
    if poc_type == 0:
        log2_max_lsb = 4 + reader.ue(12, "log2_max_pic_order_cnt_lsb_minus4")
    elif poc_type == 1:
        always_zero = reader.flag()
        reader.se()  # offset_for_non_ref_pic
        reader.se()  # offset_for_top_to_bottom_field
        for _ in range(reader.ue(255, "num_ref_frames_in_pic_order_cnt_cycle")):
            reader.se()
    max_num_ref_frames = reader.ue(16, "max_num_ref_frames")
    reader.skip(1)  # gaps_in_frame_num_value_allowed_flag
    width_in_mbs = 1 + reader.ue(_MAX_PIXELS // 16, "pic_width_in_mbs_minus1")
    height_in_map_units = 1 + reader.ue(_MAX_PIXELS // 16, "pic_height_in_map_units_minus1")
    frame_mbs_only = reader.flag()
    mbaff = False if frame_mbs_only else reader.flag()
    reader.skip(1)  # direct_8x8_inference_flag
    crop = (0, 0, 0, 0)
    if reader.flag():
        crop = (
            reader.ue(_MAX_PIXELS, "frame_crop_left_offset"),
            reader.ue(_MAX_PIXELS, "frame_crop_right_offset"),
            reader.ue(_MAX_PIXELS, "frame_crop_top_offset"),
            reader.ue(_MAX_PIXELS, "frame_crop_bottom_offset"),
        )
    sps = AvcSps(
        profile_idc=profile_idc,
        constraint_flags=constraint_flags,
        level_idc=level_idc,
        sps_id=sps_id,
        chroma_format_idc=chroma_format_idc,
        separate_colour_planes=separate,
        bit_depth_luma=luma,
        bit_depth_chroma=chroma,
        log2_max_frame_num=log2_max_frame_num,
        pic_order_cnt_type=poc_type,
        log2_max_pic_order_cnt_lsb=log2_max_lsb,
        delta_pic_order_always_zero=always_zero,
        max_num_ref_frames=max_num_ref_frames,
        width_in_mbs=width_in_mbs,
        height_in_map_units=height_in_map_units,
        frame_mbs_only=frame_mbs_only,
        mb_adaptive_frame_field=mbaff,
        crop=crop,
    )
    if not (0 < sps.width <= _MAX_PIXELS and 0 < sps.height <= _MAX_PIXELS):
        raise BitstreamError(f"a picture of {sps.width} by {sps.height} samples is not possible")
    if reader.flag():
        _read_vui(reader, sps)
    return sps


def _read_chroma(reader: BitReader, profile_idc: int) -> tuple[int, bool, int, int]:
    """What the high profiles add: chroma_format_idc, separate_colour_plane_flag, and the two bit depths."""
    chroma_format_idc, separate = reader.ue(3, "chroma_format_idc"), False
    if chroma_format_idc == 3:
        separate = reader.flag()
        if separate and profile_idc == _OLD_HIGH_444:
            raise BitstreamError("residual colour transform (withdrawn profile 144) is not supported")
    luma = 8 + reader.ue(6, "bit_depth_luma_minus8")
    chroma = 8 + reader.ue(6, "bit_depth_chroma_minus8")
    reader.skip(1)  # qpprime_y_zero_transform_bypass_flag
    if reader.flag():
        _skip_scaling_lists(reader, 12 if chroma_format_idc == 3 else 8)
    return chroma_format_idc, separate, luma, chroma


def avc_pps_ids(nal: Buffer) -> tuple[int, int]:
    """Return pic_parameter_set_id and seq_parameter_set_id of a picture parameter set; read no more of it."""
    if avc_nal_type(nal) != NAL_PPS:
        raise BitstreamError("not a picture parameter set")
    reader = BitReader(remove_emulation_prevention(nal), 8)
    return reader.ue(255, "pic_parameter_set_id"), reader.ue(31, "seq_parameter_set_id")


def parse_avc_pps(nal: Buffer, chroma_format_idc: int = 1) -> AvcPps:
    """Read a picture parameter set (NAL type 8), NAL header included.

    ``chroma_format_idc`` is that of its SPS; it only matters to scaling matrices of 4:4:4 video. Raises
    BitstreamError for anything that is not one, or that breaks a limit of H.264, 7.4.2.2.
    """
    if avc_nal_type(nal) != NAL_PPS:
        raise BitstreamError("not a picture parameter set")
    reader = BitReader(remove_emulation_prevention(nal), 8)
    pps_id = reader.ue(255, "pic_parameter_set_id")
    sps_id = reader.ue(31, "seq_parameter_set_id")
    cabac = reader.flag()
    bottom_field = reader.flag()
    num_slice_groups = 1 + reader.ue(7, "num_slice_groups_minus1")
    map_type, change_rate = (0, 0) if num_slice_groups == 1 else _read_slice_groups(reader, num_slice_groups)
    num_ref_idx_l0 = 1 + reader.ue(31, "num_ref_idx_l0_default_active_minus1")
    num_ref_idx_l1 = 1 + reader.ue(31, "num_ref_idx_l1_default_active_minus1")
    weighted_pred = reader.flag()
    weighted_bipred_idc = reader.u(2)
    if weighted_bipred_idc == 3:
        raise BitstreamError("weighted_bipred_idc is 3, above its limit of 2")
    pic_init_qp = 26 + reader.se(-62, 25, "pic_init_qp_minus26")
    reader.se(-26, 25, "pic_init_qs_minus26")
    reader.se(-12, 12, "chroma_qp_index_offset")
    pps = AvcPps(
        pps_id=pps_id,
        sps_id=sps_id,
        entropy_coding_mode=cabac,
        bottom_field_pic_order_in_frame_present=bottom_field,
        num_slice_groups=num_slice_groups,
        slice_group_map_type=map_type,
        slice_group_change_rate=change_rate,
        num_ref_idx_default=(num_ref_idx_l0, num_ref_idx_l1),
        weighted_pred=weighted_pred,
        weighted_bipred_idc=weighted_bipred_idc,
        pic_init_qp=pic_init_qp,
        deblocking_filter_control_present=reader.flag(),
        constrained_intra_pred=reader.flag(),
        redundant_pic_cnt_present=reader.flag(),
    )
    if reader.more_rbsp_data():
        pps.transform_8x8_mode = reader.flag()
        pps.scaling_matrix_present = reader.flag()
        if pps.scaling_matrix_present:
            eights = (6 if chroma_format_idc == 3 else 2) if pps.transform_8x8_mode else 0
            _skip_scaling_lists(reader, 6 + eights)
        reader.se(-12, 12, "second_chroma_qp_index_offset")
    return pps


def _read_slice_groups(reader: BitReader, num_slice_groups: int) -> tuple[int, int]:
    """slice_group_map_type and the change rate (0 for the types without one)."""
    map_type = reader.ue(6, "slice_group_map_type")
    if map_type == 0:
        for _ in range(num_slice_groups):
            reader.ue()  # run_length_minus1
    elif map_type == 2:
        for _ in range(2 * (num_slice_groups - 1)):
            reader.ue()  # top_left, bottom_right
    elif map_type in (3, 4, 5):
        reader.skip(1)  # slice_group_change_direction_flag
        return map_type, 1 + reader.ue(name="slice_group_change_rate_minus1")
    elif map_type == 6:
        reader.skip((1 + reader.ue()) * (num_slice_groups - 1).bit_length())  # slice_group_id
    return map_type, 0


def _skip_scaling_lists(reader: BitReader, count: int) -> None:
    """Pass over ``count`` scaling lists: six of 16 coefficients, the others of 64. H.264, 7.3.2.1.1.1."""
    for index in range(count):
        if not reader.flag():
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + reader.se(-128, 127, "delta_scale")) & 255
            last = following or last


def _read_vui(reader: BitReader, sps: AvcSps) -> None:
    """vui_parameters(). H.264, E.1.1."""
    sps.sample_aspect_ratio, sps.colour = read_picture_hints(reader)
    if reader.flag():
        num_units_in_tick, time_scale = reader.u(32), reader.u(32)
        sps.fixed_frame_rate = reader.flag()
        sps.frame_rate = picture_rate(time_scale, num_units_in_tick, 2)  # a tick is the time of one field
    hrd_present = False
    for _ in ("nal", "vcl"):
        if reader.flag():
            hrd_present = True
            _skip_hrd(reader)
    if hrd_present:
        reader.skip(1)  # low_delay_hrd_flag
    reader.skip(1)  # pic_struct_present_flag
    if reader.flag():
        reader.skip(1)  # motion_vectors_over_pic_boundaries_flag
        restrictions = [reader.ue() for _ in range(6)]
        sps.max_num_reorder_frames = restrictions[4]


def _skip_hrd(reader: BitReader) -> None:
    """hrd_parameters(). H.264, E.1.2."""
    count = 1 + reader.ue(31, "cpb_cnt_minus1")
    reader.skip(8)  # bit_rate_scale, cpb_size_scale
    for _ in range(count):
        reader.ue()  # bit_rate_value_minus1
        reader.ue()  # cpb_size_value_minus1
        reader.skip(1)  # cbr_flag
    reader.skip(20)  # lengths of delays and of time_offset
