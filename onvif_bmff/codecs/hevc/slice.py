"""Where the slice data of an H.265 slice segment begins: slice_segment_header(), ITU-T H.265, 7.3.6.

Built like `onvif_bmff.codecs.avc.slice`: the first bytes of the unit are one integer, ``left`` counts its bits
that are not read yet, and running out of bits ends in the ValueError of a negative shift.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from onvif_bmff.codecs.hevc.layout import HevcSliceLayout, hevc_slice_layout
from onvif_bmff.codecs.hevc.pps import HevcPps, parse_hevc_pps
from onvif_bmff.codecs.hevc.sets import MAX_PICTURES, skip_short_term_ref_pic_set
from onvif_bmff.codecs.hevc.syntax import (
    IDR_PICTURES,
    NAL_BLA_W_LP,
    NAL_PPS,
    NAL_SPS,
    SLICE_SEGMENTS,
    HevcSps,
    hevc_layer_id,
    hevc_nal_type,
    parse_hevc_sps,
)
from onvif_bmff.codecs.nal_video import UnitKinds, payload_offset
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import MASKS, Buffer, SliceType
from onvif_bmff.media.nal_family import HEVC

__all__ = ["HevcSliceHeaders"]

_REACH = 48
_UNITS = UnitKinds(HEVC.types, HEVC.header_size, SLICE_SEGMENTS, frozenset((NAL_SPS, NAL_PPS)), hevc_layer_id)
_B, _P, _I = range(3)
_TYPES = (SliceType.B, SliceType.P, SliceType.I)

_MAX_LONG_TERM = 33

_Pictures = tuple[int, int, int, int]
"""Earlier, later and long-term pictures in use; 1 if motion vectors are predicted from another picture's."""
_NO_PICTURES: _Pictures = (0, 0, 0, 0)
_Entries = tuple[Sequence[int] | None, Sequence[int] | None]
"""list_entry_l0 and list_entry_l1, None for a list without."""
_NO_ENTRIES: _Entries = (None, None)


class HevcSliceHeaders:
    """Measures slice segment headers of the base layer of one H.265 stream.

    ``sps`` and ``pps`` are the parameter sets of the sample entry, NAL headers included; parameter sets that
    come in band go to `update`, in stream order. Raises BitstreamError for any that cannot be read.

    ``payload_offset`` measures VCL units with nuh_layer_id 0. H.265, 7.3.6.
    """

    __slots__ = ("_layouts", "_pps", "_sps", "_type", "reach", "units")

    max_reach: ClassVar[int] = 1 << 16  # entry points of the largest pictures with tiles and wavefronts stay below this
    payload_offset = payload_offset

    def __init__(self, sps: Iterable[Buffer] = (), pps: Iterable[Buffer] = ()) -> None:
        self.reach, self.units = _REACH, _UNITS
        self._sps: dict[int, tuple[bytes, HevcSps]] = {}
        self._pps: dict[int, tuple[bytes, HevcPps]] = {}
        self._type: SliceType | None = None  # of the header measured last
        self._layouts: dict[int, HevcSliceLayout] = {}  # by PPS id; emptied when a parameter set changes
        for nal in (*sps, *pps):
            self.update(nal)

    def update(self, nal: Buffer) -> bool:
        """Take a parameter set that came in band; other units and enhancement layers are ignored.

        Returns whether it changed anything. Raises BitstreamError when it cannot be read.
        """
        nal_type = hevc_nal_type(nal)
        if nal_type not in (NAL_SPS, NAL_PPS) or hevc_layer_id(nal):
            return False
        data = bytes(nal)
        known = self._sps if nal_type == NAL_SPS else self._pps
        if any(data == old for old, _ in known.values()):
            return False
        if nal_type == NAL_SPS:
            sps = parse_hevc_sps(data)
            self._sps[sps.sps_id] = (data, sps)
        else:
            pps = parse_hevc_pps(data)
            self._pps[pps.pps_id] = (data, pps)
        self._layouts.clear()
        return True

    def slice_type(self, nal: Buffer) -> SliceType | None:
        """Return how the blocks of a slice are predicted; None for a dependent slice segment.

        Errors are those of ``payload_offset``.
        """
        self.payload_offset(nal)
        return self._type

    def _find_layout(self, pps_id: int) -> HevcSliceLayout:
        if pps_id not in self._pps:
            raise BitstreamError(f"a slice refers to picture parameter set {pps_id}, which is not known")
        pps = self._pps[pps_id][1]
        if pps.sps_id not in self._sps:
            raise BitstreamError(f"a slice refers to sequence parameter set {pps.sps_id}, which is not known")
        layout = hevc_slice_layout(self._sps[pps.sps_id][1], pps)
        self._layouts[pps_id] = layout
        return layout

    def header_length(self, data: bytes) -> int:
        """Return the bytes of NAL header and slice header; ``ValueError`` when ``data`` is too short for them."""
        if len(data) < 3 or data[0] & 0x80:
            raise BitstreamError("not a slice segment of H.265")
        nal_type = HEVC.types[data[0]]
        if nal_type not in SLICE_SEGMENTS:
            raise BitstreamError(f"NAL units of type {nal_type} have no slice segment header")
        if hevc_layer_id(data):
            raise BitstreamError("slices of enhancement layers are not supported")
        masks = MASKS
        bits = int.from_bytes(data, "big")
        total = len(data) * 8
        left = total - (18 if nal_type >= NAL_BLA_W_LP else 17)  # no_output_of_prior_pics_flag
        rest = bits & masks[left]
        left = 2 * rest.bit_length() - left - 1
        pps_id = (rest >> left) - 1
        layout = self._layouts.get(pps_id) or self._find_layout(pps_id)

        dependent = 0
        if data[2] < 0x80:  # not first_slice_segment_in_pic_flag
            if layout.dependent_slices:
                left -= 1
                dependent = bits >> left & 1
            left -= layout.address_bits
            if bits >> left & masks[layout.address_bits] >= layout.size_in_ctbs:
                raise BitstreamError("slice_segment_address is outside the picture")
        if dependent:
            self._type = None
        else:
            left -= layout.extra_bits
            rest = bits & masks[left]
            left = 2 * rest.bit_length() - left - 1
            code = (rest >> left) - 1
            if code > _I:
                raise BitstreamError(f"slice_type is {code}, above its limit of 2")
            self._type = _TYPES[code]
            left = _skip_slice(bits, left - layout.bits_after_type, layout, code, nal_type)

        if layout.max_entry_points >= 0:
            left = _skip_entry_points(bits, left, layout.max_entry_points)
        if layout.extension:
            rest = bits & masks[left]
            left = 2 * rest.bit_length() - left - 1
            count = (rest >> left) - 1
            if count > 256:
                raise BitstreamError("slice_segment_header_extension_length is above its limit of 256")
            left -= 8 * count
        # byte_alignment(): a one, then zeros up to the next byte.
        left -= 1
        padding = left & 7
        if bits >> left - padding & masks[padding + 1] != 1 << padding:
            raise BitstreamError("the slice segment header does not end in alignment bits")
        return total - left + padding >> 3


def _skip_entry_points(bits: int, left: int, most: int) -> int:
    """From num_entry_point_offsets, which is at most ``most``, to the last of them."""
    rest = bits & MASKS[left]
    left = 2 * rest.bit_length() - left - 1
    count = (rest >> left) - 1
    if not count:
        return left
    if count > most:
        raise BitstreamError(f"num_entry_point_offsets is {count}, more than the picture has")
    rest = bits & MASKS[left]
    left = 2 * rest.bit_length() - left - 1
    width = rest >> left
    if width > 32:
        raise BitstreamError(f"offset_len_minus1 is {width - 1}, above its limit of 31")
    return left - count * width


def _skip_slice(bits: int, left: int, layout: HevcSliceLayout, slice_type: int, nal_type: int) -> int:
    """The part of a slice header that dependent slice segments take over, from pic_output_flag's end on."""
    masks = MASKS
    pictures = _NO_PICTURES
    if nal_type not in IDR_PICTURES:
        left, pictures = _skip_reference_pictures(bits, left, layout)
    sao = 0
    if layout.sao:
        left -= 2 if layout.chroma_array_type else 1
        sao = bits >> left & (3 if layout.chroma_array_type else 1)
    if slice_type != _I:
        left = _skip_prediction(bits, left, layout, slice_type, pictures)

    rest = bits & masks[left]
    left = 2 * rest.bit_length() - left - 1
    if rest >> left > 200:  # twice the range of qp with 16 bits a sample, plus one
        raise BitstreamError("slice_qp_delta is out of range")
    for _ in range(layout.qp_offsets):
        left = 2 * (bits & masks[left]).bit_length() - left - 1
    if layout.qp_offset_list:
        left -= 1
    disabled: int = layout.deblocking_disabled
    if layout.deblocking_override:
        left -= 1
        if bits >> left & 1:  # deblocking_filter_override_flag
            left -= 1
            disabled = bits >> left & 1
            if not disabled:
                left = 2 * (bits & masks[left]).bit_length() - left - 1
                left = 2 * (bits & masks[left]).bit_length() - left - 1
    if layout.across_slices and (sao or not disabled):
        left -= 1
    return left


def _skip_reference_pictures(bits: int, left: int, layout: HevcSliceLayout) -> tuple[int, _Pictures]:
    """From slice_pic_order_cnt_lsb to slice_temporal_mvp_enabled_flag; also what is in use."""
    long_term = temporal_mvp = 0
    left -= layout.poc_lsb_bits + 1
    if bits >> left & 1:  # short_term_ref_pic_set_sps_flag
        width = layout.set_index_bits
        left -= width
        index = bits >> left & MASKS[width]
        if index >= len(layout.used):
            raise BitstreamError("a slice refers to a reference picture set that is not there")
        before, after = layout.used[index]
    else:
        left, before, after = skip_short_term_ref_pic_set(bits, left, layout.sets)
    if layout.long_term:
        left, long_term = _skip_long_term(bits, left, layout)
    if layout.temporal_mvp:
        left -= 1
        temporal_mvp = bits >> left & 1
    return left, (before, after, long_term, temporal_mvp)


def _skip_long_term(bits: int, left: int, layout: HevcSliceLayout) -> tuple[int, int]:
    """The long-term pictures of a slice; also how many of them are in use."""
    from_sps = 0
    candidates = layout.long_term_used
    if candidates:
        rest = bits & MASKS[left]
        left = 2 * rest.bit_length() - left - 1
        from_sps = (rest >> left) - 1
    rest = bits & MASKS[left]
    left = 2 * rest.bit_length() - left - 1
    count = from_sps + (rest >> left) - 1
    if count > _MAX_LONG_TERM:
        raise BitstreamError("a slice has too many long-term reference pictures")
    used = 0
    for index in range(count):
        if index < from_sps:
            width = layout.long_term_index_bits
            left -= width
            candidate = bits >> left & MASKS[width]
            if candidate >= len(candidates):
                raise BitstreamError("a slice refers to a long-term picture that is not there")
            used += candidates[candidate]
        else:
            left -= layout.poc_lsb_bits + 1
            used += bits >> left & 1
        left -= 1
        if bits >> left & 1:  # delta_poc_msb_present_flag
            left = 2 * (bits & MASKS[left]).bit_length() - left - 1
    return left, used


def _skip_prediction(bits: int, left: int, layout: HevcSliceLayout, slice_type: int, pictures: _Pictures) -> int:
    """From num_ref_idx_active_override_flag to use_integer_mv_flag, in slices that refer to other pictures."""
    masks = MASKS
    before, after, long_term, temporal_mvp = pictures
    references, references_l1 = layout.references
    if slice_type == _P:
        references_l1 = 0
    left -= 1
    if bits >> left & 1:  # num_ref_idx_active_override_flag
        rest = bits & masks[left]
        left = 2 * rest.bit_length() - left - 1
        references = rest >> left
        if references_l1:
            rest = bits & masks[left]
            left = 2 * rest.bit_length() - left - 1
            references_l1 = rest >> left
        if references > MAX_PICTURES or references_l1 > MAX_PICTURES:
            raise BitstreamError("a slice has more than 16 active references")
    in_use = before + after + long_term + layout.curr_pic_ref
    entries = _NO_ENTRIES
    if in_use > 1 and layout.lists_modification:
        left, entries = _skip_list_modification(bits, left, (references, references_l1), in_use)
    if references_l1:
        left -= 1  # mvd_l1_zero_flag
    if layout.cabac_init:
        left -= 1
    if temporal_mvp:
        in_list = references
        if references_l1:
            left -= 1
            if not bits >> left & 1:  # collocated_from_l0_flag
                in_list = references_l1
        if in_list > 1:
            left = 2 * (bits & masks[left]).bit_length() - left - 1
    if layout.weighted[slice_type]:
        counts = (references, references_l1)
        if layout.curr_pic_ref:
            counts = _other_pictures(pictures, counts, entries)
        left = _skip_weights(bits, left, counts, layout.chroma_array_type)
    rest = bits & masks[left]
    left = 2 * rest.bit_length() - left - 1
    if rest >> left > 5:
        raise BitstreamError("five_minus_max_num_merge_cand is above its limit of 4")
    return left - layout.integer_mv


def _skip_list_modification(bits: int, left: int, counts: tuple[int, int], in_use: int) -> tuple[int, _Entries]:
    """ref_pic_lists_modification(); also the coded entries of both lists. H.265, 7.3.6.2."""
    entries: list[Sequence[int] | None] = [None, None]
    width = (in_use - 1).bit_length()
    for index, active in enumerate(counts):
        if active:
            left -= 1
            if bits >> left & 1:  # ref_pic_list_modification_flag
                left -= active * width
                coded = bits >> left & MASKS[active * width]
                entries[index] = [coded >> width * place & MASKS[width] for place in range(active)]
    return left, (entries[0], entries[1])


def _other_pictures(pictures: _Pictures, counts: tuple[int, int], entries: _Entries) -> tuple[int, int]:
    """How many entries of each reference list are not the current picture itself. H.265, 8.3.4.

    ``counts`` are the active entries of the lists, ``entries`` those that are coded.
    """
    cycle = sum(pictures[:3]) + 1  # the current picture comes last in every round
    found: list[int] = []
    for active, coded in zip(counts, entries, strict=True):
        if coded is not None:
            found.append(sum(place % cycle != cycle - 1 for place in coded))
        else:
            found.append(active - active // cycle)
    # The current picture takes the last place of a list 0 that was cut short.
    return found[0] - (entries[0] is None and cycle > counts[0]), found[1]


def _skip_weights(bits: int, left: int, counts: tuple[int, int], chroma_array_type: int) -> int:
    """pred_weight_table(). H.265, 7.3.6.3."""
    rest = bits & MASKS[left]
    left = 2 * rest.bit_length() - left - 1
    if rest >> left > 8:
        raise BitstreamError("luma_log2_weight_denom is above its limit of 7")
    if chroma_array_type:
        left = 2 * (bits & MASKS[left]).bit_length() - left - 1
    for count in counts:
        if count:
            left -= count
            codes = 2 * (bits >> left & MASKS[count]).bit_count()
            if chroma_array_type:
                left -= count
                codes += 4 * (bits >> left & MASKS[count]).bit_count()
            for _ in range(codes):
                left = 2 * (bits & MASKS[left]).bit_length() - left - 1
    return left
