"""Where the slice data of an H.265 slice segment begins: slice_segment_header(), ITU-T H.265, 7.3.6.

Built like `onvif_bmff.codecs.avc.slice`: the first bytes of the unit are one integer, ``left`` counts its bits
that are not read yet, and running out of bits ends in the ValueError of a negative shift.
"""

# ruff: noqa: FBT001 - flags by position: what has them runs once for each slice

from collections.abc import Iterable

from onvif_bmff.codecs.hevc.layout import SliceLayout, slice_layout
from onvif_bmff.codecs.hevc.pps import HevcPps, parse_hevc_pps
from onvif_bmff.codecs.hevc.sets import MAX_PICTURES, ShortTermRefPicSet
from onvif_bmff.codecs.hevc.syntax import (
    NAL_BLA_W_LP,
    NAL_IDR_N_LP,
    NAL_IDR_W_RADL,
    NAL_PPS,
    NAL_SPS,
    HevcSps,
    hevc_is_vcl,
    hevc_nal_type,
    parse_hevc_sps,
)
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import MASKS, Buffer, SliceType, emulated_length

__all__ = ["HevcSliceHeaders"]

_REACH = 48
"""Bytes that are looked at first; most slice segment headers are shorter."""
_FURTHEST = 1 << 16
"""No header is longer: entry points of the largest pictures with tiles and wavefronts stay below this."""

_B, _P, _I = range(3)
_TYPES = (SliceType.B, SliceType.P, SliceType.I)
_MAX_LONG_TERM = 33


class HevcSliceHeaders:
    """Measures slice segment headers of the base layer of one H.265 stream.

    ``sps`` and ``pps`` are the parameter sets of the sample entry, NAL headers included; parameter sets that
    come in band go to `update`, in stream order. Raises BitstreamError for any that cannot be read.
    """

    __slots__ = ("_layouts", "_pps", "_sps")

    def __init__(self, sps: Iterable[Buffer] = (), pps: Iterable[Buffer] = ()) -> None:
        self._sps: dict[int, tuple[bytes, HevcSps]] = {}
        self._pps: dict[int, tuple[bytes, HevcPps]] = {}
        self._layouts: dict[int, SliceLayout] = {}  # by PPS id; emptied when a parameter set changes
        for nal in (*sps, *pps):
            self.update(nal)

    def update(self, nal: Buffer) -> bool:
        """Take a parameter set that came in band; other units and enhancement layers are ignored.

        Returns whether it changed anything. Raises BitstreamError when it cannot be read.
        """
        nal_type = hevc_nal_type(nal)
        if nal_type not in (NAL_SPS, NAL_PPS) or nal[0] & 1 or nal[1] >> 3:
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

    def payload_offset(self, nal: Buffer) -> int:
        """Number of bytes from the start of a slice segment's NAL unit to the first byte of its slice data.

        The NAL header, the alignment bits that end the slice header, and emulation prevention bytes inside it
        count; an emulation prevention byte right behind it does not. ``nal`` is a VCL unit with nuh_layer_id
        0. Raises BitstreamError for other units, for references to unknown parameter sets and for headers
        that cannot be. H.265, 7.3.6; ISO/IEC 23001-7, 9.5.
        """
        return self._measure(nal)[0]

    def slice_type(self, nal: Buffer) -> SliceType | None:
        """How the blocks of a slice are predicted; None for a dependent slice segment. Errors as above."""
        return self._measure(nal)[1]

    def _measure(self, nal: Buffer) -> tuple[int, SliceType | None]:
        reach = _REACH
        while True:
            head = bytes(nal[:reach])
            plain = head.replace(b"\0\0\3", b"\0\0") if b"\0\0\3" in head else head
            try:
                length, slice_type = self._header_bytes(plain)
            except BitstreamError:
                raise
            except ValueError:  # a negative shift: the header goes on behind these bytes
                if len(nal) <= reach or reach >= _FURTHEST:
                    raise BitstreamError("the slice segment header does not end") from None
                reach *= 8
                continue
            return length if plain is head else emulated_length(head, length), slice_type

    def _find_layout(self, pps_id: int) -> SliceLayout:
        if pps_id not in self._pps:
            raise BitstreamError(f"a slice refers to picture parameter set {pps_id}, which is not known")
        pps = self._pps[pps_id][1]
        if pps.sps_id not in self._sps:
            raise BitstreamError(f"a slice refers to sequence parameter set {pps.sps_id}, which is not known")
        layout = slice_layout(self._sps[pps.sps_id][1], pps)
        self._layouts[pps_id] = layout
        return layout

    def _header_bytes(  # noqa: C901 - the syntax table in its order; a call for each part would cost every slice
        self, data: bytes
    ) -> tuple[int, SliceType | None]:
        """Length of NAL header and slice header in bytes. ValueError when ``data`` is too short for them."""
        if len(data) < 3 or data[0] & 0x80:
            raise BitstreamError("not a slice segment of H.265")
        nal_type = data[0] >> 1
        if not hevc_is_vcl(nal_type):
            raise BitstreamError(f"NAL units of type {nal_type} have no slice segment header")
        if data[0] & 1 or data[1] >> 3:
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
            slice_type = None
        else:
            left -= layout.extra_bits
            rest = bits & masks[left]
            left = 2 * rest.bit_length() - left - 1
            code = (rest >> left) - 1
            if code > _I:
                raise BitstreamError(f"slice_type is {code}, above its limit of 2")
            slice_type = _TYPES[code]
            idr = nal_type in (NAL_IDR_W_RADL, NAL_IDR_N_LP)
            left = _skip_slice(bits, left - layout.bits_after_type, layout, code, idr)

        if layout.most_entry_points >= 0:
            rest = bits & masks[left]
            left = 2 * rest.bit_length() - left - 1
            count = (rest >> left) - 1
            if count:
                if count > layout.most_entry_points:
                    raise BitstreamError(f"num_entry_point_offsets is {count}, more than the picture has")
                rest = bits & masks[left]
                left = 2 * rest.bit_length() - left - 1
                width = rest >> left
                if width > 32:
                    raise BitstreamError(f"offset_len_minus1 is {width - 1}, above its limit of 31")
                left -= count * width
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
        return total - left + padding >> 3, slice_type


def _skip_slice(  # noqa: C901 - the syntax table in its order; a call for each part would cost every slice
    bits: int, left: int, layout: SliceLayout, slice_type: int, idr: bool
) -> int:
    """The part of a slice header that dependent slice segments take over, from pic_output_flag's end on."""
    masks = MASKS
    before = after = long_term = temporal_mvp = 0
    if not idr:
        left -= layout.poc_lsb_bits + 1
        if bits >> left & 1:  # short_term_ref_pic_set_sps_flag
            width = layout.set_index_bits
            left -= width
            index = bits >> left & masks[width]
            if index >= len(layout.used):
                raise BitstreamError("a slice refers to a reference picture set that is not there")
            before, after = layout.used[index]
        else:
            left, before, after = _skip_short_term(bits, left, layout.sets)
        if layout.long_term:
            left, long_term = _skip_long_term(bits, left, layout)
        if layout.temporal_mvp:
            left -= 1
            temporal_mvp = bits >> left & 1
    sao = 0
    if layout.sao:
        left -= 2 if layout.chroma else 1
        sao = bits >> left & (3 if layout.chroma else 1)

    if slice_type != _I:
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
        entries: list[int | None] = [None, None]
        width = (in_use - 1).bit_length() if in_use > 1 else 0
        if width and layout.lists_modification:
            for index, active in enumerate((references, references_l1) if references_l1 else (references,)):
                left -= 1
                if bits >> left & 1:  # ref_pic_list_modification_flag
                    left -= active * width
                    entries[index] = bits >> left & masks[active * width]
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
            others, others_l1 = references, references_l1
            if layout.curr_pic_ref:
                others = _other_pictures((before, after, long_term), references, entries[0], width, closing=True)
                others_l1 = _other_pictures((after, before, long_term), references_l1, entries[1], width)
            left = _skip_weights(bits, left, others, others_l1, layout.chroma)
        rest = bits & masks[left]
        left = 2 * rest.bit_length() - left - 1
        if rest >> left > 5:
            raise BitstreamError("five_minus_max_num_merge_cand is above its limit of 4")
        if layout.integer_mv:
            left -= 1

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


def _skip_short_term(bits: int, left: int, sets: list[ShortTermRefPicSet]) -> tuple[int, int, int]:
    """st_ref_pic_set() of a slice; also how many earlier and later pictures it has in use. H.265, 7.3.7."""
    used = [0, 0]
    if sets:
        left -= 1
        if bits >> left & 1:  # inter_ref_pic_set_prediction_flag
            rest = bits & MASKS[left]
            left = 2 * rest.bit_length() - left - 1
            back = rest >> left
            if back > len(sets):
                raise BitstreamError("delta_idx_minus1 points in front of the first reference picture set")
            left -= 1
            negative = bits >> left & 1
            rest = bits & MASKS[left]
            left = 2 * rest.bit_length() - left - 1
            delta = -(rest >> left) if negative else rest >> left
            source = sets[-back]
            for distance, _ in (*source.before, *source.after, (0, True)):
                left -= 1
                if not bits >> left & 1:  # used_by_curr_pic_flag
                    left -= 1  # use_delta_flag
                elif distance + delta:
                    used[distance + delta > 0] += 1
            return left, used[0], used[1]
    rest = bits & MASKS[left]
    left = 2 * rest.bit_length() - left - 1
    num_before = (rest >> left) - 1
    rest = bits & MASKS[left]
    left = 2 * rest.bit_length() - left - 1
    num_after = (rest >> left) - 1
    if num_before + num_after > MAX_PICTURES:
        raise BitstreamError("a reference picture set holds more than 16 pictures")
    for later, count in enumerate((num_before, num_after)):
        for _ in range(count):
            left = 2 * (bits & MASKS[left]).bit_length() - left - 2
            used[later] += bits >> left & 1
    return left, used[0], used[1]


def _skip_long_term(bits: int, left: int, layout: SliceLayout) -> tuple[int, int]:
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


def _other_pictures(
    counts: tuple[int, int, int], active: int, entries: int | None, width: int, *, closing: bool = False
) -> int:
    """How many entries of a reference list are not the current picture itself. H.265, 8.3.4.

    ``counts`` are the pictures in the order of the list, ``entries`` the coded list_entry values of ``width``
    bits each. ``closing``: the current picture takes the last place of a list that was cut short.
    """
    cycle = sum(counts) + 1  # the current picture comes last in every round
    if entries is not None:
        places = [entries >> width * index & MASKS[width] for index in range(active)]
        return sum(place % cycle != cycle - 1 for place in places)
    others = active - active // cycle
    return others - 1 if closing and cycle > active else others


def _skip_weights(bits: int, left: int, references: int, references_l1: int, chroma: bool) -> int:
    """pred_weight_table(). H.265, 7.3.6.3."""
    rest = bits & MASKS[left]
    left = 2 * rest.bit_length() - left - 1
    if rest >> left > 8:
        raise BitstreamError("luma_log2_weight_denom is above its limit of 7")
    if chroma:
        left = 2 * (bits & MASKS[left]).bit_length() - left - 1
    for count in (references, references_l1):
        if count:
            left -= count
            codes = 2 * (bits >> left & MASKS[count]).bit_count()
            if chroma:
                left -= count
                codes += 4 * (bits >> left & MASKS[count]).bit_count()
            for _ in range(codes):
                left = 2 * (bits & MASKS[left]).bit_length() - left - 1
    return left
