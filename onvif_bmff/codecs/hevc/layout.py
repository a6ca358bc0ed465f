"""What H.265 parameter sets say about slice segment headers: ITU-T H.265 (ISO/IEC 23008-2), 7.3.6.1.

Worked out once for every picture parameter set, so that measuring a header only has to read it.
"""

from dataclasses import dataclass

from onvif_bmff.codecs.hevc.pps import HevcPps
from onvif_bmff.codecs.hevc.sets import ShortTermRefPicSet
from onvif_bmff.codecs.hevc.syntax import HevcSps

__all__ = ["HevcSliceLayout", "hevc_slice_layout"]


@dataclass(slots=True)
class HevcSliceLayout:
    """What the slice segment headers of one picture parameter set look like. Element names as in 7.4.7.1."""

    dependent_slices: bool
    size_in_ctbs: int
    address_bits: int
    extra_bits: int
    bits_after_type: int
    poc_lsb_bits: int
    sets: list[ShortTermRefPicSet]
    used: list[tuple[int, int]]
    """For every set of the SPS, how many earlier and how many later pictures are in use."""
    set_index_bits: int
    long_term: bool
    long_term_used: tuple[bool, ...]
    long_term_index_bits: int
    temporal_mvp: bool
    sao: bool
    chroma_array_type: int
    references: tuple[int, int]
    lists_modification: bool
    cabac_init: bool
    weighted: tuple[bool, bool]
    """By slice type, B and P: whether a prediction weight table follows."""
    integer_mv: bool
    curr_pic_ref: bool
    qp_offsets: int
    qp_offset_list: bool
    deblocking_override: bool
    deblocking_disabled: bool
    across_slices: bool
    max_entry_points: int
    """-1 when slice segment headers have no entry points."""
    extension: bool


def hevc_slice_layout(sps: HevcSps, pps: HevcPps) -> HevcSliceLayout:
    """Gather from both parameter sets what `HevcSliceLayout` holds."""
    size_in_ctbs = sps.size_in_ctbs
    max_entry_points = -1
    if pps.tiles or pps.entropy_coding_sync:
        columns, rows = pps.tiles or (1, 1)
        if pps.entropy_coding_sync:
            rows = (sps.coded_height - 1 >> sps.log2_ctb_size) + 1
        max_entry_points = columns * rows - 1
    sets = sps.short_term_ref_pic_sets
    candidates = sps.long_term_used_by_curr_pic
    return HevcSliceLayout(
        dependent_slices=pps.dependent_slice_segments,
        size_in_ctbs=size_in_ctbs,
        address_bits=(size_in_ctbs - 1).bit_length(),
        extra_bits=pps.num_extra_slice_header_bits,
        bits_after_type=pps.output_flag_present + 2 * sps.separate_colour_planes,
        poc_lsb_bits=sps.log2_max_pic_order_cnt_lsb,
        sets=sets,
        used=[(item.used_before, item.used_after) for item in sets],
        set_index_bits=max(len(sets) - 1, 0).bit_length(),
        long_term=sps.long_term_ref_pics_present,
        long_term_used=candidates,
        long_term_index_bits=max(len(candidates) - 1, 0).bit_length(),
        temporal_mvp=sps.temporal_mvp,
        sao=sps.sample_adaptive_offset,
        chroma_array_type=sps.chroma_array_type,
        references=pps.num_ref_idx_default,
        lists_modification=pps.lists_modification_present,
        cabac_init=pps.cabac_init_present,
        weighted=(pps.weighted_bipred, pps.weighted_pred),
        integer_mv=sps.motion_vector_resolution_control_idc == 2,
        curr_pic_ref=pps.curr_pic_ref,
        qp_offsets=2 * pps.slice_chroma_qp_offsets_present + 3 * pps.slice_act_qp_offsets_present,
        qp_offset_list=pps.chroma_qp_offset_list,
        deblocking_override=pps.deblocking_filter_override,
        deblocking_disabled=pps.deblocking_filter_disabled,
        across_slices=pps.loop_filter_across_slices,
        max_entry_points=max_entry_points,
        extension=pps.slice_header_extension_present,
    )
