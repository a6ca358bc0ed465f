"""Where the slice data of an H.264 slice begins: slice_header(), ITU-T H.264 (ISO/IEC 14496-10), 7.3.3.

Common Encryption leaves slice headers clear and encrypts slice data, so a recorder needs the length of every
slice header that passes. That is a few million headers an hour on a busy machine; hence one function with
the first bytes of the unit as one integer, shifts and masks, and no object per field. Within it

* ``bits`` is that integer and ``left`` how many of its bits are not read yet;
* a fixed-length element is ``left -= n`` and, if wanted, ``bits >> left & mask``;
* an Exp-Golomb code is found with ``bit_length()`` of what is left;
* running out of bits makes ``left`` negative, and the next shift raises ValueError.
"""

from collections.abc import Iterable
from typing import ClassVar

from onvif_bmff.codecs.avc.layout import AvcSliceLayout, avc_slice_layout
from onvif_bmff.codecs.avc.syntax import (
    NAL_IDR,
    NAL_PPS,
    NAL_SLICE,
    NAL_SLICE_EXTENSION,
    NAL_SPS,
    NAL_SUBSET_SPS,
    AvcSps,
    avc_nal_type,
    avc_pps_ids,
    parse_avc_pps,
    parse_avc_sps,
)
from onvif_bmff.codecs.nal_video import UnitKinds, payload_offset
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import (
    MASKS,
    BitReader,
    Buffer,
    SliceType,
    remove_emulation_prevention,
)
from onvif_bmff.media.nal_family import AVC

__all__ = ["AvcSliceHeaders", "avc_slice_type"]

_REACH = 32
_UNITS = UnitKinds(AVC.types, AVC.header_size, AVC.slices, frozenset((NAL_SPS, NAL_PPS)))
_P, _B, _I, _SP, _SI = range(5)
_TYPES = (SliceType.P, SliceType.B, SliceType.I, SliceType.SP, SliceType.SI)
_MAX_REFERENCES = 32
_MAX_MARKING_COMMANDS = 66
# Exp-Golomb operands behind memory_management_control_operation 1 to 6 (H.264, 7.3.3.3).
_MARKING_OPERANDS = (0, 1, 1, 2, 1, 0, 1)


def avc_slice_type(nal: Buffer) -> SliceType:
    """Return how the blocks of a slice (NAL types 1 to 5) are predicted. Raises BitstreamError for other units."""
    if avc_nal_type(nal) not in (NAL_SLICE, 2, NAL_IDR):
        raise BitstreamError("not the beginning of a slice")
    reader = BitReader(remove_emulation_prevention(nal[:24]), 8)
    reader.ue(name="first_mb_in_slice")
    return _TYPES[reader.ue(9, "slice_type") % 5]


class _View:
    """What the slices of the base view, or those of all other views, refer to.

    ``sps`` by seq_parameter_set_id; ``layouts`` by pic_parameter_set_id, derived and emptied when a parameter set
    changes; ``last_modification`` the largest modification_of_pic_nums_idc but that which ends a list.
    """

    __slots__ = ("last_modification", "layouts", "sps")

    def __init__(self, last_modification: int) -> None:
        self.sps: dict[int, tuple[bytes, AvcSps]] = {}
        self.layouts: dict[int, AvcSliceLayout] = {}
        self.last_modification = last_modification


class AvcSliceHeaders:
    """Measures slice headers of one H.264 stream.

    ``sps`` and ``pps`` are the parameter sets of the sample entry, NAL headers included; parameter sets that
    come in band go to `update`, in stream order. Raises BitstreamError for any that cannot be read.

    ``payload_offset`` measures units of type 1 or 5, and of type 20 with a multiview slice. H.264, 7.3.3.
    """

    __slots__ = ("_base", "_others", "_pps", "_previous", "reach", "units")

    max_reach: ClassVar[int] = 1 << 14  # the longest part, 64 weights of 6 values, stays below two kilobytes
    payload_offset = payload_offset

    def __init__(self, sps: Iterable[Buffer] = (), pps: Iterable[Buffer] = ()) -> None:
        self.reach, self.units = _REACH, _UNITS
        self._base = _View(last_modification=3)
        self._others = _View(last_modification=5)  # H.7.3.3.1.1
        self._pps: dict[int, tuple[bytes, int]] = {}
        # The middle of the header measured last: NAL header, bits, where in them it begins and ends (bits left),
        # slice type and layout. Slices of one picture have it in common.
        self._previous: tuple[int, int, int, int, int, AvcSliceLayout] | None = None
        for nal in (*sps, *pps):
            self.update(nal)
        for pps_id, (_, sps_id) in self._pps.items():
            if sps_id in self._base.sps:
                self._base.layouts[pps_id] = self._derive(pps_id, self._base.sps)

    def update(self, nal: Buffer) -> bool:
        """Take a parameter set that came in band; units of other types are ignored.

        Returns whether it changed anything. Raises BitstreamError when it cannot be read.
        """
        nal_type = avc_nal_type(nal)
        if nal_type in (NAL_SPS, NAL_SUBSET_SPS):
            known = (self._base if nal_type == NAL_SPS else self._others).sps
            data = bytes(nal)
            if any(data == old for old, _ in known.values()):
                return False
            sps = parse_avc_sps(data)
            known[sps.sps_id] = (data, sps)
        elif nal_type == NAL_PPS:
            data = bytes(nal)
            pps_id, sps_id = avc_pps_ids(data)
            if self._pps.get(pps_id) == (data, sps_id):
                return False
            self._pps[pps_id] = (data, sps_id)
        else:
            return False
        self._base.layouts.clear()
        self._others.layouts.clear()
        self._previous = None
        return True

    def _derive(self, pps_id: int, known: dict[int, tuple[bytes, AvcSps]]) -> AvcSliceLayout:
        if pps_id not in self._pps:
            raise BitstreamError(f"a slice refers to picture parameter set {pps_id}, which is not known")
        data, sps_id = self._pps[pps_id]
        if sps_id not in known:
            raise BitstreamError(f"a slice refers to sequence parameter set {sps_id}, which is not known")
        sps = known[sps_id][1]
        return avc_slice_layout(sps, parse_avc_pps(data, sps.chroma_format_idc))

    def header_length(self, data: bytes) -> int:
        """Return the bytes of NAL header and slice header; ``ValueError`` when ``data`` is too short for them."""
        if not data or data[0] & 0x80:
            raise BitstreamError("not a NAL unit of H.264")
        masks = MASKS
        bits = int.from_bytes(data, "big")
        total = len(data) * 8
        nal_type = AVC.types[data[0]]
        view = self._base
        if nal_type in (NAL_SLICE, NAL_IDR):
            left = total - 8
        elif nal_type == NAL_SLICE_EXTENSION:
            left = total - 32
            extension = bits >> left
            if extension & 0x800000:
                raise BitstreamError("slices of scalable video (SVC) are not supported")
            nal_type = NAL_SLICE if extension & 0x400000 else NAL_IDR  # non_idr_flag
            view = self._others
        else:
            raise BitstreamError(f"NAL units of type {nal_type} have no slice header that can be measured")

        rest = bits & masks[left]
        left = 2 * rest.bit_length() - left - 1
        first_mb = (rest >> left) - 1
        found = None
        if first_mb and view is self._base:
            found = self._same_middle(data[0], bits, left)
        if found is None:
            found = self._middle(data[0], nal_type, bits, left, view)
        left, slice_type, layout = found
        if first_mb >= layout.frame_size_in_mbs:
            raise BitstreamError(f"first_mb_in_slice is {first_mb}, outside the picture")
        rest = bits & masks[left]
        left = 2 * rest.bit_length() - left - 1
        if rest >> left > 176:  # twice the range of qp with 14 bits a sample, plus one
            raise BitstreamError("slice_qp_delta is out of range")
        if slice_type >= _SP:
            if slice_type == _SP:
                left -= 1  # sp_for_switch_flag
            left = 2 * (bits & masks[left]).bit_length() - left - 1
        if layout.deblocking:
            rest = bits & masks[left]
            left = 2 * rest.bit_length() - left - 1
            disable = rest >> left
            if disable > 3:
                raise BitstreamError("disable_deblocking_filter_idc is above its limit of 2")
            if disable != 2:
                left = 2 * (bits & masks[left]).bit_length() - left - 1
                left = 2 * (bits & masks[left]).bit_length() - left - 1
        left -= layout.group_cycle_bits
        if left < 0:
            raise ValueError
        return total - left + 7 >> 3

    def _same_middle(self, nal_header: int, bits: int, left: int) -> tuple[int, int, AvcSliceLayout] | None:
        """The end of the middle if it is bit for bit that of the slice before; then it means the same. Else None."""
        previous = self._previous
        if previous is None or previous[0] != nal_header:
            return None
        _, before, begin, end, slice_type, layout = previous
        width = begin - end
        left -= width
        if left < 0 or (bits >> left ^ before >> end) & MASKS[width]:
            return None
        return left, slice_type, layout

    def _middle(
        self, nal_header: int, nal_type: int, bits: int, left: int, view: _View
    ) -> tuple[int, int, AvcSliceLayout]:
        """From slice_type to what precedes slice_qp_delta: bits left behind it, slice type and layout.

        ``nal_type`` is NAL_SLICE or NAL_IDR, in other views what a slice of that kind has in the base view.
        """
        masks = MASKS
        begin = left
        rest = bits & masks[left]
        left = 2 * rest.bit_length() - left - 1
        slice_type = (rest >> left) - 1
        rest = bits & masks[left]
        left = 2 * rest.bit_length() - left - 1
        pps_id = (rest >> left) - 1
        if slice_type > 4:
            slice_type -= 5
            if slice_type > 4:
                raise BitstreamError(f"slice_type is {slice_type + 5}, above its limit of 9")
        layout = view.layouts.get(pps_id)
        if layout is None:
            layout = view.layouts[pps_id] = self._derive(pps_id, view.sps)
        if layout.picture_bits and nal_type != NAL_IDR:
            left -= layout.picture_bits
        else:
            left = _skip_picture(bits, left, layout, nal_type)
        inter = slice_type not in (_I, _SI)
        if slice_type == _P and not layout.weighted[_P] and not bits >> left - 2 & 3:
            left -= 2  # a usual P slice: num_ref_idx_active_override_flag, ref_pic_list_modification_flag_l0
        elif inter:
            left = _skip_prediction(bits, left, layout, slice_type, view.last_modification)
        if nal_header & 0x60:  # nal_ref_idc
            left -= 1
            if nal_type == NAL_IDR:
                left -= 1  # no_output_of_prior_pics_flag, long_term_reference_flag
            elif bits >> left & 1:  # adaptive_ref_pic_marking_mode_flag
                left = _skip_marking(bits, left)
        if inter and layout.cabac:
            rest = bits & masks[left]
            left = 2 * rest.bit_length() - left - 1
            if rest >> left > 3:
                raise BitstreamError("cabac_init_idc is above its limit of 2")
        if left >= 0 and view is self._base:
            self._previous = (nal_header, bits, begin, left, slice_type, layout)
        return left, slice_type, layout


def _skip_picture(bits: int, left: int, layout: AvcSliceLayout, nal_type: int) -> int:
    """From colour_plane_id to redundant_pic_cnt: which picture it is, and its place in the output order."""
    left -= layout.frame_num_bits
    field = 0
    if layout.field_possible:
        left -= 1
        field = bits >> left & 1
        left -= field  # bottom_field_flag
    codes = 0
    if nal_type == NAL_IDR:
        left = 2 * (bits & MASKS[left]).bit_length() - left - 1  # idr_pic_id
    if layout.poc_type == 0:
        left -= layout.poc_lsb_bits
        codes = layout.bottom_delta and not field
    elif layout.delta_poc:
        codes = 2 if layout.bottom_delta and not field else 1
    for _ in range(codes + layout.redundant):
        left = 2 * (bits & MASKS[left]).bit_length() - left - 1
    return left


def _skip_prediction(bits: int, left: int, layout: AvcSliceLayout, slice_type: int, last_modification: int) -> int:
    """From direct_spatial_mv_pred_flag to the end of pred_weight_table(), in slices that refer to other pictures."""
    references, references_l1 = layout.references
    if slice_type == _B:
        left -= 1  # direct_spatial_mv_pred_flag
    else:
        references_l1 = 0
    left -= 1
    if bits >> left & 1:  # num_ref_idx_active_override_flag
        rest = bits & MASKS[left]
        left = 2 * rest.bit_length() - left - 1
        references = rest >> left
        if references_l1:
            rest = bits & MASKS[left]
            left = 2 * rest.bit_length() - left - 1
            references_l1 = rest >> left
        if references > _MAX_REFERENCES or references_l1 > _MAX_REFERENCES:
            raise BitstreamError("a slice has more than 32 active references")
    left -= 1
    if bits >> left & 1:  # ref_pic_list_modification_flag_l0
        left = _skip_list_modification(bits, left, last_modification)
    if references_l1:
        left -= 1
        if bits >> left & 1:
            left = _skip_list_modification(bits, left, last_modification)
    if layout.weighted[slice_type]:
        left = _skip_weights(bits, left, references + references_l1, layout.chroma_array_type)
    return left


def _skip_list_modification(bits: int, left: int, last: int) -> int:
    """The rest of ref_pic_list_modification() for one list; ``last`` is the largest operation. H.264, 7.3.3.1."""
    for _ in range(_MAX_REFERENCES + 1):
        rest = bits & MASKS[left]
        left = 2 * rest.bit_length() - left - 1
        operation = (rest >> left) - 1
        if operation == 3:
            return left
        if operation > last:
            raise BitstreamError(f"modification_of_pic_nums_idc is {operation}, above its limit of {last}")
        left = 2 * (bits & MASKS[left]).bit_length() - left - 1
    raise BitstreamError("a reference picture list modification does not end")


def _skip_weights(bits: int, left: int, references: int, chroma_array_type: int) -> int:
    """pred_weight_table(). H.264, 7.3.3.2."""
    for _ in range(2 if chroma_array_type else 1):
        rest = bits & MASKS[left]
        left = 2 * rest.bit_length() - left - 1
        if rest >> left > 8:
            raise BitstreamError("the denominator of prediction weights is above its limit of 7")
    for _ in range(references):
        left -= 1
        count = 2 if bits >> left & 1 else 0
        if count:
            for _ in range(count):
                left = 2 * (bits & MASKS[left]).bit_length() - left - 1
        if chroma_array_type:
            left -= 1
            if bits >> left & 1:
                for _ in range(4):
                    left = 2 * (bits & MASKS[left]).bit_length() - left - 1
    return left


def _skip_marking(bits: int, left: int) -> int:
    """The commands of dec_ref_pic_marking(). H.264, 7.3.3.3."""
    for _ in range(_MAX_MARKING_COMMANDS + 1):
        rest = bits & MASKS[left]
        left = 2 * rest.bit_length() - left - 1
        command = (rest >> left) - 1
        if command == 0:
            return left
        if command > 6:
            raise BitstreamError(f"memory_management_control_operation is {command}, above its limit of 6")
        for _ in range(_MARKING_OPERANDS[command]):
            left = 2 * (bits & MASKS[left]).bit_length() - left - 1
    raise BitstreamError("a list of memory management commands does not end")
