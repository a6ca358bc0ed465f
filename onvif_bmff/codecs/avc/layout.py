"""What H.264 parameter sets say about slice headers: ITU-T H.264 (ISO/IEC 14496-10), 7.3.3.

Worked out once for every picture parameter set, so that measuring a header only has to read it.
"""

from dataclasses import dataclass

from onvif_bmff.codecs.avc.syntax import AvcPps, AvcSps

__all__ = ["AvcSliceLayout", "avc_slice_layout"]


@dataclass(slots=True)
class AvcSliceLayout:
    """What the parameter sets say about the slice headers that refer to one picture parameter set."""

    sps_id: int
    frame_num_bits: int
    """Those of colour_plane_id and of frame_num."""
    picture_bits: int
    """All from colour_plane_id to redundant_pic_cnt, but for IDR pictures; 0 where that differs between pictures."""
    field_possible: bool
    frame_size_in_mbs: int
    poc_type: int
    poc_lsb_bits: int
    delta_poc: bool
    bottom_delta: bool
    redundant: bool
    references: tuple[int, int]
    weighted: tuple[bool, bool, bool, bool, bool]
    """By slice type: whether a prediction weight table follows."""
    chroma_array_type: int
    cabac: bool
    deblocking: bool
    group_cycle_bits: int


def avc_slice_layout(sps: AvcSps, pps: AvcPps) -> AvcSliceLayout:
    """Gather from both parameter sets what `AvcSliceLayout` holds."""
    group_cycle_bits = 0
    if pps.slice_group_change_rate:
        map_units = sps.width_in_mbs * sps.height_in_map_units
        # Ceil(Log2(PicSizeInMapUnits / SliceGroupChangeRate + 1)), H.264, 7.4.3.
        group_cycle_bits = (-(-map_units // pps.slice_group_change_rate)).bit_length()
    weighted_p = pps.weighted_pred
    frame_num_bits = sps.log2_max_frame_num + 2 * sps.separate_colour_planes
    poc_lsb_bits = sps.log2_max_pic_order_cnt_lsb if sps.pic_order_cnt_type == 0 else 0
    delta_poc = sps.pic_order_cnt_type == 1 and not sps.delta_pic_order_always_zero
    bottom_delta = pps.bottom_field_pic_order_in_frame_present and sps.pic_order_cnt_type == 0
    varies = delta_poc or bottom_delta or pps.redundant_pic_cnt_present or not sps.frame_mbs_only
    return AvcSliceLayout(
        sps_id=sps.sps_id,
        frame_num_bits=frame_num_bits,
        picture_bits=0 if varies else frame_num_bits + poc_lsb_bits,
        field_possible=not sps.frame_mbs_only,
        frame_size_in_mbs=sps.coded_width * sps.coded_height >> 8,
        poc_type=sps.pic_order_cnt_type,
        poc_lsb_bits=poc_lsb_bits,
        delta_poc=delta_poc,
        bottom_delta=pps.bottom_field_pic_order_in_frame_present,
        redundant=pps.redundant_pic_cnt_present,
        references=pps.num_ref_idx_default,
        weighted=(weighted_p, pps.weighted_bipred_idc == 1, False, weighted_p, False),
        chroma_array_type=sps.chroma_array_type,
        cabac=pps.entropy_coding_mode,
        deblocking=pps.deblocking_filter_control_present,
        group_cycle_bits=group_cycle_bits,
    )
