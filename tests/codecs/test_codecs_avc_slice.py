"""The length of H.264 slice headers, against headers written bit by bit."""

from fractions import Fraction

import pytest
from codecs_avc_headers import make_avc
from hypothesis import given, settings
from hypothesis import strategies as st
from support_bits import BitWriter

from onvif_bmff.codecs.avc.slice import AvcSliceHeaders, avc_slice_type
from onvif_bmff.codecs.avc.syntax import avc_is_vcl, avc_nal_type, avc_starts_picture, parse_avc_pps, parse_avc_sps
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.vui import ColourInfo

SEEDS = st.integers(0, 1 << 32)


@given(SEEDS)
@settings(max_examples=100)
def test_offsets_are_exact(seed):
    case = make_avc(seed, slices=6)
    headers = AvcSliceHeaders([case.sps], [case.pps])
    for nal, offset, letter in case.slices:
        assert headers.payload_offset(nal) == offset
        assert headers.payload_offset(memoryview(nal)) == offset
        assert avc_slice_type(nal) == letter
        assert avc_is_vcl(avc_nal_type(nal))


@given(SEEDS)
@settings(max_examples=50)
def test_offsets_of_multiview_slices_are_exact(seed):
    case = make_avc(seed, multiview=True)
    headers = AvcSliceHeaders([case.sps], [case.pps])
    for nal, offset, _ in case.slices:
        assert headers.payload_offset(nal) == offset


@given(SEEDS)
@settings(max_examples=100)
def test_sps_facts(seed):
    case = make_avc(seed, slices=0)
    sps = parse_avc_sps(case.sps)
    for name, value in case.facts.items():
        found = getattr(sps, name)
        if name == "colour" and found is not None:
            found = (found.primaries, found.transfer, found.matrix, found.full_range)
        assert found == value, name


@given(SEEDS, st.data())
@settings(max_examples=50)
def test_headers_cut_short_are_refused(seed, data):
    case = make_avc(seed, slices=1)
    headers = AvcSliceHeaders([case.sps], [case.pps])
    nal, offset, _ = case.slices[0]
    cut = data.draw(st.integers(0, offset - 1))
    # A header cut behind its last byte would still be whole, hence the bytes of the header only.
    with pytest.raises(BitstreamError):
        headers.payload_offset(nal[:cut])


def test_parameter_sets_in_band():
    first, second = make_avc(1), make_avc(2)
    headers = AvcSliceHeaders()
    with pytest.raises(BitstreamError, match="not known"):
        headers.payload_offset(first.slices[0][0])
    assert headers.update(first.pps)
    with pytest.raises(BitstreamError, match="sequence parameter set"):
        headers.payload_offset(first.slices[0][0])
    for case in (first, second, first):
        assert headers.update(case.sps)
        headers.update(case.pps)
        assert not headers.update(case.sps)
        assert not headers.update(case.pps)
        assert not headers.update(case.slices[0][0])
        for nal, offset, _ in case.slices:
            assert headers.payload_offset(nal) == offset


def test_a_changed_sps_changes_the_measure():
    # 4 and 16 bits of frame_num, else alike: profile 66, level 30, poc type 2, 2 by 2 macroblocks.
    def sps(frame_num_code):
        bits = "1" + frame_num_code + "011" + "010" + "0" + "010" + "010" + "1" + "1" + "0" + "0" + "1"
        bits += "0" * (-len(bits) % 8)
        return bytes((0x67, 66, 0, 30)) + int(bits, 2).to_bytes(len(bits) // 8, "big")

    assert parse_avc_sps(sps("1")).log2_max_frame_num == 4
    assert parse_avc_sps(sps("0001101")).log2_max_frame_num == 16
    pps = bytes((0x68, 0b11001110, 0b00111000, 0b10000000))
    assert not parse_avc_pps(pps).entropy_coding_mode
    # first_mb 0, type P, pps 0, frame_num, no override, no modification, qp 0: 3 + 16 bits or 3 + 4 bits
    nal = bytes((0x01, 0b11100000, 0b01000000, 0b00000100, 0x55, 0x55))
    headers = AvcSliceHeaders([sps("1")], [pps])
    assert headers.payload_offset(nal) == 4 - 1
    assert headers.update(sps("0001101"))
    assert headers.payload_offset(nal) == 4


@pytest.mark.parametrize(
    ("nal", "reason"),
    [
        (b"", "not a NAL unit"),
        (b"\x67\x42", "type 7"),
        (b"\xe5\x88", "not a NAL unit"),
        (b"\x02\x88", "type 2"),
        (b"\x13\x88", "type 19"),
        (b"\x74\x80\0\0\x88\x84", "scalable"),
        (b"\x65", "does not end"),
        (b"\x65" + bytes(100), "does not end"),
    ],
)
def test_units_without_a_header_are_refused(nal, reason):
    case = make_avc(3)
    with pytest.raises(BitstreamError, match=reason):
        AvcSliceHeaders([case.sps], [case.pps]).payload_offset(nal)


def test_wrong_parameter_sets_are_refused():
    case = make_avc(3)
    with pytest.raises(BitstreamError):
        AvcSliceHeaders([case.sps[:5]])
    with pytest.raises(BitstreamError):
        AvcSliceHeaders([case.sps], [case.pps[:1]])
    with pytest.raises(BitstreamError, match="not a sequence"):
        parse_avc_sps(case.pps)
    with pytest.raises(BitstreamError, match="not a picture"):
        parse_avc_pps(case.sps)
    with pytest.raises(BitstreamError, match="empty"):
        parse_avc_sps(b"")


def test_first_slice():
    assert avc_starts_picture(b"\x65\x88\x84")
    assert not avc_starts_picture(b"\x65\x48\x84")
    assert not avc_starts_picture(b"\x67\x88\x84")
    with pytest.raises(BitstreamError):
        avc_slice_type(b"\x67\x88")


def test_parameter_sets_of_an_encoder():
    # libx264, 1080p at 30000/1001 frames a second, BT.709
    sps = parse_avc_sps(bytes.fromhex("67640028acd940780227e5c05a808080a000007d20001d4c01e30632c0"))
    assert (sps.width, sps.height, sps.frame_rate) == (1920, 1080, Fraction(30000, 1001))
    assert (sps.profile_idc, sps.constraint_flags, sps.level_idc) == (100, 0, 40)
    assert sps.colour == ColourInfo(1, 1, 1, full_range=False)
    assert (sps.max_num_ref_frames, sps.max_num_reorder_frames) == (4, 2)
    pps = parse_avc_pps(bytes.fromhex("68ebe3cb22c0"))
    assert pps.entropy_coding_mode
    assert pps.transform_8x8_mode
    assert (pps.weighted_pred, pps.weighted_bipred_idc, pps.num_ref_idx_default) == (True, 2, (3, 1))


# One reference, CABAC, weights and deblocking in every slice; 2 by 2 macroblocks.
PLAIN_SPS = bytes((0x67, 66, 0, 30, 0b11011010, 0b00100101, 0b10010000))
PLAIN_PPS = bytes((0x68, 0b11101111, 0b01111100, 0b10000000))
# What a P slice behind the NAL header 0x21 says, field by field; a number is one Exp-Golomb code.
PLAIN_P = {
    "first_mb": 0,
    "type": 0,
    "pps": 0,
    "frame_num": "0000",
    "override": "0",
    "modification": "0",
    "luma denominator": 0,
    "chroma denominator": 0,
    "weights": "00",
    "marking": "0",
    "cabac_init_idc": 0,
    "qp": 0,
    "deblocking": 0,
    "offsets": "11",
}


def p_slice(**changes):
    out = BitWriter()
    out.u(8, 0x21)
    for value in (PLAIN_P | changes).values():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, str):
                out.bits += [int(bit) for bit in part]
            else:
                out.ue(part)
    out.trailing()
    return out.bytes() + b"\x55" * 8


def test_plain_slice():
    headers = AvcSliceHeaders([PLAIN_SPS], [PLAIN_PPS])
    assert headers.payload_offset(p_slice()) == 4
    assert headers.payload_offset(p_slice(override=("1", 31), weights="00" * 32)) == 13
    assert headers.payload_offset(p_slice(modification=("1", 0, 7, 2, 1, 3))) == 6
    assert headers.payload_offset(p_slice(marking=("1", 1, 0, 2, 0, 3, 0, 0, 4, 0, 5, 6, 0, 0))) == 8


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"first_mb": 4}, "outside the picture"),
        ({"type": 10}, "slice_type is 10"),
        ({"pps": 1}, "set 1, which is not known"),
        ({"override": ("1", 32)}, "32 active references"),
        ({"modification": ("1", 4)}, "modification_of_pic_nums_idc is 4"),
        ({"modification": ("1", *(0, 0) * 40)}, "does not end"),
        ({"luma denominator": 8}, "denominator"),
        ({"chroma denominator": 8}, "denominator"),
        ({"marking": ("1", 7)}, "memory_management_control_operation is 7"),
        ({"marking": ("1", *(5,) * 80)}, "does not end"),
        ({"cabac_init_idc": 3}, "cabac_init_idc"),
        ({"qp": 200}, "slice_qp_delta"),
        ({"deblocking": 3}, "disable_deblocking_filter_idc"),
    ],
)
def test_values_that_cannot_be(changes, reason):
    with pytest.raises(BitstreamError, match=reason):
        AvcSliceHeaders([PLAIN_SPS], [PLAIN_PPS]).payload_offset(p_slice(**changes))
