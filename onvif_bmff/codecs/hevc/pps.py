"""H.265 picture parameter sets: ITU-T H.265 (ISO/IEC 23008-2), 7.3.2.3."""

from dataclasses import dataclass

from onvif_bmff.codecs.hevc.sets import skip_scaling_lists
from onvif_bmff.codecs.hevc.syntax import NAL_PPS, open_parameter_set
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import BitReader, Buffer

__all__ = ["HevcPps", "parse_hevc_pps"]


@dataclass(slots=True, kw_only=True)
class HevcPps:
    """A picture parameter set. Names are those of H.265, 7.4.3.3."""

    pps_id: int
    sps_id: int
    dependent_slice_segments: bool
    output_flag_present: bool
    num_extra_slice_header_bits: int
    cabac_init_present: bool
    num_ref_idx_default: tuple[int, int]
    """Default number of active references in list 0 and list 1."""
    slice_chroma_qp_offsets_present: bool = False
    weighted_pred: bool = False
    weighted_bipred: bool = False
    tiles: tuple[int, int] | None = None
    """Number of tile columns and rows, None without tiles."""
    entropy_coding_sync: bool = False
    """Wavefronts: every row of coding tree blocks can be decoded by itself."""
    loop_filter_across_slices: bool = False
    deblocking_filter_override: bool = False
    deblocking_filter_disabled: bool = False
    lists_modification_present: bool = False
    slice_header_extension_present: bool = False
    chroma_qp_offset_list: bool = False
    curr_pic_ref: bool = False
    """Screen content coding: a picture may refer to itself."""
    slice_act_qp_offsets_present: bool = False

    @property
    def parallelism_type(self) -> int:
        """The parallelismType of hvcC: 1 slices, 2 tiles, 3 wavefronts, 0 mixed. ISO/IEC 14496-15, 8.3.3.1.3."""
        if self.entropy_coding_sync:
            return 0 if self.tiles else 3
        return 2 if self.tiles else 1


def parse_hevc_pps(nal: Buffer) -> HevcPps:
    """Read a picture parameter set (NAL type 34), NAL header included.

    Raises BitstreamError for anything that is not one, or that breaks a limit of H.265, 7.4.3.3.
    """
    reader = open_parameter_set(nal, NAL_PPS, "picture")
    pps = HevcPps(
        pps_id=reader.ue(63, "pps_pic_parameter_set_id"),
        sps_id=reader.ue(15, "pps_seq_parameter_set_id"),
        dependent_slice_segments=reader.flag(),
        output_flag_present=reader.flag(),
        num_extra_slice_header_bits=reader.u(3),
        # sign_data_hiding_enabled_flag comes first
        cabac_init_present=bool(reader.u(2) & 1),
        num_ref_idx_default=(
            1 + reader.ue(14, "num_ref_idx_l0_default_active_minus1"),
            1 + reader.ue(14, "num_ref_idx_l1_default_active_minus1"),
        ),
    )
    reader.se(-74, 25, "init_qp_minus26")
    reader.skip(1)  # constrained_intra_pred_flag
    transform_skip = reader.flag()
    if reader.flag():
        reader.ue(3, "diff_cu_qp_delta_depth")
    reader.se(-12, 12, "pps_cb_qp_offset")
    reader.se(-12, 12, "pps_cr_qp_offset")
    pps.slice_chroma_qp_offsets_present = reader.flag()
    pps.weighted_pred = reader.flag()
    pps.weighted_bipred = reader.flag()
    reader.skip(1)  # transquant_bypass_enabled_flag
    tiles = reader.flag()
    pps.entropy_coding_sync = reader.flag()
    if tiles:
        pps.tiles = _read_tiles(reader)
    pps.loop_filter_across_slices = reader.flag()
    if reader.flag():  # deblocking_filter_control_present_flag
        pps.deblocking_filter_override = reader.flag()
        pps.deblocking_filter_disabled = reader.flag()
        if not pps.deblocking_filter_disabled:
            reader.se(-6, 6, "pps_beta_offset_div2")
            reader.se(-6, 6, "pps_tc_offset_div2")
    if reader.flag():
        skip_scaling_lists(reader)
    pps.lists_modification_present = reader.flag()
    reader.ue(4, "log2_parallel_merge_level_minus2")
    pps.slice_header_extension_present = reader.flag()
    if reader.flag():
        _read_extensions(reader, pps, transform_skip=transform_skip)
    return pps


def _read_tiles(reader: BitReader) -> tuple[int, int]:
    columns = 1 + reader.ue(0xFFF, "num_tile_columns_minus1")
    rows = 1 + reader.ue(0xFFF, "num_tile_rows_minus1")
    if not reader.flag():  # uniform_spacing_flag
        for _ in range(columns + rows - 2):
            reader.ue()  # column widths, row heights
    reader.skip(1)  # loop_filter_across_tiles_enabled_flag
    return columns, rows


def _read_extensions(reader: BitReader, pps: HevcPps, *, transform_skip: bool) -> None:
    """The range and screen content extensions. H.265, 7.3.2.3.2 and 7.3.2.3.3."""
    range_extension, multilayer, three_d, screen_content = (reader.flag() for _ in range(4))
    reader.skip(4)
    if range_extension:
        if transform_skip:
            reader.ue(3, "log2_max_transform_skip_block_size_minus2")
        reader.skip(1)  # cross_component_prediction_enabled_flag
        pps.chroma_qp_offset_list = reader.flag()
        if pps.chroma_qp_offset_list:
            reader.ue(3, "diff_cu_chroma_qp_offset_depth")
            for _ in range(2 * (1 + reader.ue(5, "chroma_qp_offset_list_len_minus1"))):
                reader.se(-12, 12, "qp_offset_list")
        reader.ue(8, "log2_sao_offset_scale_luma")
        reader.ue(8, "log2_sao_offset_scale_chroma")
    if screen_content:
        if multilayer or three_d:
            raise BitstreamError("multilayer and screen content extensions in one picture parameter set")
        pps.curr_pic_ref = reader.flag()
        if reader.flag():  # residual_adaptive_colour_transform_enabled_flag
            pps.slice_act_qp_offsets_present = reader.flag()
        # Palette predictors and default offsets follow; slice headers do not depend on them.
