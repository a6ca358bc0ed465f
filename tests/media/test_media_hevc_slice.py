"""The length of H.265 slice segment headers, against headers written bit by bit."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_bits import escape
from media_hevc_headers import make_hevc

from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.hevc_pps import parse_hevc_pps
from onvif_bmff.media.hevc_sets import ProfileTierLevel
from onvif_bmff.media.hevc_slice import HevcSliceHeaders
from onvif_bmff.media.hevc_syntax import (
    hevc_is_idr,
    hevc_is_irap,
    hevc_is_vcl,
    hevc_nal_type,
    hevc_starts_picture,
    parse_hevc_sps,
    parse_hevc_vps,
)
from onvif_bmff.media.nal import remove_emulation_prevention

SEEDS = st.integers(0, 1 << 32)


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
        bytes.fromhex(
            "420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84"
        )
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
    assert [kind for kind in range(64) if hevc_is_idr(kind)] == [19, 20]
    assert hevc_starts_picture(b"\x26\x01\x80")
    assert not hevc_starts_picture(b"\x26\x01\x40")
    assert not hevc_starts_picture(b"\x40\x01\x80")
