"""The length of H.265 slice segment headers, against headers written bit by bit."""

from fractions import Fraction

import pytest
from codecs_hevc_headers import make_hevc
from hypothesis import given, settings
from hypothesis import strategies as st
from support_bits import BitWriter, escape

from onvif_bmff.codecs.hevc.pps import parse_hevc_pps
from onvif_bmff.codecs.hevc.sets import ProfileTierLevel
from onvif_bmff.codecs.hevc.slice import HevcSliceHeaders
from onvif_bmff.codecs.hevc.syntax import (
    IDR_PICTURES,
    hevc_is_irap,
    hevc_is_vcl,
    hevc_layer_id,
    hevc_nal_type,
    hevc_starts_picture,
    parse_hevc_sps,
    parse_hevc_vps,
)
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import remove_emulation_prevention

SEEDS = st.integers(0, 1 << 32)


@given(st.integers(0, 63), st.integers(0, 63), st.integers(1, 7))
def test_the_layer_is_read_from_both_bytes_of_the_header(kind, layer, temporal_id):
    nal = (kind << 9 | layer << 3 | temporal_id).to_bytes(2, "big")
    assert (hevc_nal_type(nal), hevc_layer_id(nal)) == (kind, layer)


@given(SEEDS, st.booleans())
@settings(max_examples=100)
def test_offsets_are_exact(seed, screen_content):
    case = make_hevc(seed, screen_content=screen_content, slices=6)
    headers = HevcSliceHeaders([case.sps], [case.pps])
    for nal, offset, letter in case.slices:
        assert headers.payload_offset(nal) == offset
        assert headers.payload_offset(memoryview(nal)) == offset
        assert headers.slice_type(nal) == letter
        assert hevc_is_vcl(hevc_nal_type(nal))


@given(SEEDS, st.booleans())
@settings(max_examples=60)
def test_sps_and_vps_facts(seed, screen_content):
    case = make_hevc(seed, screen_content=screen_content, slices=0)
    sps = parse_hevc_sps(case.sps)
    for name, value in case.facts.items():
        found = getattr(sps, name)
        if name == "colour" and found is not None:
            found = (found.primaries, found.transfer, found.matrix, found.full_range)
        elif name == "short_term_ref_pic_sets":
            found = [[*item.before, *item.after] for item in found]
        assert found == value, name
    assert sps.profile_tier_level.profile_idc == 1
    assert sps.profile_tier_level.level_idc == 93
    vps = parse_hevc_vps(case.vps)
    assert vps.max_sub_layers == sps.max_sub_layers
    assert vps.profile_tier_level == sps.profile_tier_level
    assert vps.frame_rate in (None, Fraction(60000, 1001))


@given(SEEDS, st.data())
@settings(max_examples=50)
def test_headers_cut_short_are_refused(seed, data):
    case = make_hevc(seed, slices=1)
    headers = HevcSliceHeaders([case.sps], [case.pps])
    nal, offset, _ = case.slices[0]
    with pytest.raises(BitstreamError):
        headers.payload_offset(nal[: data.draw(st.integers(0, offset - 1))])


@given(SEEDS)
@settings(max_examples=50)
def test_wrong_alignment_is_refused(seed):
    case = make_hevc(seed)
    headers = HevcSliceHeaders([case.sps], [case.pps])
    for nal, offset, _ in case.slices:
        plain = bytearray(remove_emulation_prevention(nal))
        last = len(remove_emulation_prevention(nal[:offset])) - 1
        plain[last] &= plain[last] - 1  # the lowest one of the header is the one of byte_alignment()
        with pytest.raises(BitstreamError, match="alignment"):
            headers.payload_offset(escape(plain)[0])


def test_parameter_sets_in_band():
    first, second = make_hevc(1), make_hevc(5)
    headers = HevcSliceHeaders()
    with pytest.raises(BitstreamError, match="not known"):
        headers.payload_offset(first.slices[0][0])
    assert headers.update(first.pps)
    with pytest.raises(BitstreamError, match="sequence parameter set"):
        headers.payload_offset(first.slices[0][0])
    assert not headers.update(first.vps)
    for case in (first, second, first):
        headers.update(case.sps)
        headers.update(case.pps)
        assert not headers.update(case.sps)
        assert not headers.update(case.pps)
        assert not headers.update(case.slices[0][0])
        for nal, offset, _ in case.slices:
            assert headers.payload_offset(nal) == offset


@pytest.mark.parametrize(
    ("nal", "reason"),
    [
        (b"", "not a slice segment"),
        (b"\x26\x01", "not a slice segment"),
        (b"\xa6\x01\x80\x80", "not a slice segment"),
        (b"\x40\x01\x80\x80", "type 32"),
        (b"\x14\x01\x80\x80", "type 10"),
        (b"\x2c\x01\x80\x80", "type 22"),
        (b"\x26\x09\x80\x80", "enhancement"),
        (b"\x27\x01\x80\x80", "enhancement"),
        (b"\x26\x01" + bytes(100), "does not end"),
    ],
)
def test_units_without_a_header_are_refused(nal, reason):
    case = make_hevc(3)
    with pytest.raises(BitstreamError, match=reason):
        HevcSliceHeaders([case.sps], [case.pps]).payload_offset(nal)


def test_wrong_parameter_sets_are_refused():
    case = make_hevc(3)
    for parse, nal in ((parse_hevc_sps, case.sps), (parse_hevc_pps, case.pps), (parse_hevc_vps, case.vps)):
        for size in (0, 1, 2, 3):
            with pytest.raises(BitstreamError):
                parse(nal[:size])
        with pytest.raises(BitstreamError, match="enhancement"):
            parse(bytes((nal[0], nal[1] | 8)) + nal[2:])
        with pytest.raises(BitstreamError, match="not a"):
            parse(bytes((0x26,)) + nal[1:])
    headers = HevcSliceHeaders()
    assert not headers.update(bytes((case.sps[0], case.sps[1] | 8)) + case.sps[2:])


def test_parameter_sets_of_an_encoder():
    # libx265, 1080p at 25 frames a second
    sps = parse_hevc_sps(
        bytes.fromhex("420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84")
    )
    assert (sps.width, sps.height, sps.frame_rate) == (1920, 1080, 25)
    assert sps.profile_tier_level == ProfileTierLevel(0, False, 1, 0x60000000, 0x900000000000, 120)
    assert (sps.log2_ctb_size, sps.size_in_ctbs) == (6, 30 * 17)
    pps = parse_hevc_pps(bytes.fromhex("4401c172b46240"))
    assert pps.entropy_coding_sync
    assert pps.parallelism_type == 3


def test_nal_types():
    assert [kind for kind in range(64) if hevc_is_vcl(kind)] == [*range(10), *range(16, 22)]
    assert [kind for kind in range(64) if hevc_is_irap(kind)] == [*range(16, 24)]
    assert sorted(IDR_PICTURES) == [19, 20]
    assert hevc_starts_picture(b"\x26\x01\x80")
    assert not hevc_starts_picture(b"\x26\x01\x40")
    assert not hevc_starts_picture(b"\x40\x01\x80")


# 64 by 64 samples in blocks of 16; weights, lists and two short-term sets; tiles 2 by 2.
def plain_headers():
    sps = BitWriter()
    sps.u(16, 0x4201)
    sps.u(8, 1)
    sps.u(32, 0x01600000)
    sps.u(64, 0x0090000000000000)
    for value in (0, 1, 64, 64):
        sps.ue(value)
    sps.flag(0)
    for value in (0, 0, 0):  # depths, 4 bits of picture order count
        sps.ue(value)
    sps.flag(0)
    for value in (4, 2, 0, 0, 1, 0, 3, 0, 0):  # buffering; coding blocks of 8 to 16; transform blocks
        sps.ue(value)
    sps.u(4, 0b0010)  # sample adaptive offset only
    sps.ue(3)
    for index in range(3):
        if index:
            sps.flag(0)
        sps.ue(1)
        sps.ue(0)
        sps.ue(index)
        sps.flag(1)
    sps.flag(1)
    sps.ue(3)  # three long-term candidates
    for _ in range(3):
        sps.u(5, 1)
    sps.u(4, 0)
    sps.trailing()
    pps = BitWriter()
    pps.u(16, 0x4401)
    pps.u(2, 3)
    pps.u(7, 0)
    for value in (0, 0, 0):
        pps.ue(value)
    pps.u(3, 0)
    for value in (0, 0):
        pps.ue(value)
    pps.u(6, 0b010010)  # weighted_pred, tiles
    pps.ue(1)
    pps.ue(1)
    pps.u(2, 0b11)
    pps.u(4, 0)
    pps.ue(0)
    pps.u(2, 0b10)  # slice header extension
    pps.trailing()
    return HevcSliceHeaders([sps.bytes()], [pps.bytes()])


PLAIN_P = {
    "start": "1",
    "pps": 0,
    "address": "",
    "type": 1,
    "lsb": "0000",
    "set": "100",
    "long-term": (0, 0),
    "sao": "00",
    "override": "0",
    "luma denominator": 0,
    "chroma denominator": 0,
    "weights": "00",
    "merge": 0,
    "qp": 0,
    "entry points": 0,
    "extension": 0,
}


def p_slice(**changes):
    out = BitWriter()
    out.u(16, 0x0201)
    for value in (PLAIN_P | changes).values():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, str):
                out.bits += [int(bit) for bit in part]
            else:
                out.ue(part)
    out.trailing()
    return out.bytes() + b"\x55" * 8


def test_plain_slice():
    headers = plain_headers()
    assert headers.payload_offset(p_slice()) == 6
    assert headers.payload_offset(p_slice(**{"entry points": (3, 31, "01" * 48)})) == 20
    assert headers.payload_offset(p_slice(extension=(256, "01" * 8 * 128))) == 264
    assert headers.payload_offset(p_slice(set=("00", 16, 0, *(0, "1") * 16))) == 11


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pps": 1}, "set 1, which is not known"),
        ({"start": "0", "address": "1111", "type": 3}, "slice_type is 3"),
        ({"type": 3}, "slice_type is 3"),
        ({"set": "111"}, "set that is not there"),
        ({"set": ("00", 9, 8)}, "more than 16 pictures"),
        ({"set": ("01", 3)}, "in front of the first"),
        ({"long-term": (1, 0, "11", "0")}, "long-term picture that is not there"),
        ({"long-term": (20, 20)}, "too many long-term"),
        ({"override": ("1", 16)}, "16 active references"),
        ({"luma denominator": 8}, "luma_log2_weight_denom"),
        ({"merge": 5}, "five_minus_max_num_merge_cand"),
        ({"qp": 300}, "slice_qp_delta"),
        ({"entry points": 4}, "num_entry_point_offsets is 4"),
        ({"entry points": (1, 32)}, "offset_len_minus1 is 32"),
        ({"extension": 257}, "extension_length"),
    ],
)
def test_values_that_cannot_be(changes, reason):
    with pytest.raises(BitstreamError, match=reason):
        plain_headers().payload_offset(p_slice(**changes))


def test_addresses_outside_the_picture_are_refused():
    case = next(case for case in map(make_hevc, range(99)) if 20 < parse_hevc_sps(case.sps).size_in_ctbs < 32)
    pps_id = parse_hevc_pps(case.pps).pps_id
    out = BitWriter()
    out.u(16, 0x0201)
    out.flag(0)
    out.ue(pps_id)
    out.u(40, (1 << 40) - 1)
    with pytest.raises(BitstreamError, match="outside the picture"):
        HevcSliceHeaders([case.sps], [case.pps]).payload_offset(
            bytes(int("".join(map(str, (out.bits + [1] * 7)[at : at + 8])), 2) for at in range(0, len(out.bits), 8))
        )
