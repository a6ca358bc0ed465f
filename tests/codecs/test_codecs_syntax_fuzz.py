"""Whatever the bytes, a parser gives a result or a MediaError, and in time that grows with them."""

import contextlib

import pytest
from codecs_avc_headers import make_avc
from codecs_hevc_headers import make_hevc
from hypothesis import given, settings
from hypothesis import strategies as st
from support_work import bounded_work

from onvif_bmff.codecs.aac.syntax import AudioSpecificConfig, iter_adts, parse_adts_header
from onvif_bmff.codecs.av1.syntax import find_av1_sequence_header, iter_obus, parse_av1_sequence_header
from onvif_bmff.codecs.avc.slice import AvcSliceHeaders, avc_slice_type
from onvif_bmff.codecs.avc.syntax import avc_starts_picture, parse_avc_pps, parse_avc_sps
from onvif_bmff.codecs.hevc.pps import parse_hevc_pps
from onvif_bmff.codecs.hevc.slice import HevcSliceHeaders
from onvif_bmff.codecs.hevc.syntax import hevc_starts_picture, parse_hevc_sps, parse_hevc_vps
from onvif_bmff.codecs.jpeg.syntax import parse_jpeg
from onvif_bmff.codecs.opus.syntax import opus_packet_duration, parse_opus_head
from onvif_bmff.errors import MediaError
from onvif_bmff.media.nal import annex_b_to_length_prefixed, nal_ranges, split_annex_b

PARSERS = [
    (parse_avc_sps, b"\x67"),
    (parse_avc_sps, b"\x67\x64\0\x28\xac"),
    (parse_avc_pps, b"\x68"),
    (parse_hevc_vps, b"\x40\x01"),
    (parse_hevc_sps, b"\x42\x01"),
    (parse_hevc_sps, bytes.fromhex("420101016000000300900000030000030078")),
    (parse_hevc_pps, b"\x44\x01"),
    (avc_slice_type, b"\x65"),
    (avc_starts_picture, b""),
    (hevc_starts_picture, b""),
    (lambda data: list(iter_obus(data)), b""),
    (find_av1_sequence_header, b"\x0a\x0b"),
    (parse_av1_sequence_header, b""),
    (parse_jpeg, b"\xff\xd8"),
    (AudioSpecificConfig.parse, b""),
    (parse_adts_header, b"\xff\xf1"),
    (lambda data: list(iter_adts(data)), b"\xff\xf1"),
    (opus_packet_duration, b""),
    (parse_opus_head, b"OpusHead\x01"),
    (nal_ranges, b""),
    (lambda data: nal_ranges(data, 1), b""),
    (split_annex_b, b"\0\0\1"),
    (annex_b_to_length_prefixed, b""),
]
JUNK = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from((0, 1, 3, 128, 255)), max_size=200).map(bytes),
)


@pytest.mark.parametrize(("parse", "prefix"), PARSERS)
@given(junk=JUNK)
@settings(max_examples=60)
def test_random_bytes(parse, prefix, junk):
    for data in (junk, prefix + junk):
        try:
            parse(data)
        except MediaError:
            continue


@pytest.mark.parametrize(
    ("make", "kind", "types"),
    [
        (make_avc, AvcSliceHeaders, (0x65, 0x41, 0x01, 0x74)),
        (make_hevc, HevcSliceHeaders, (0x26, 0x02, 0x2A, 0x00)),
    ],
)
@given(seed=st.integers(0, 1 << 32), junk=JUNK)
@settings(max_examples=100)
def test_random_slices(make, kind, types, seed, junk):
    case = make(seed, slices=1)
    headers = kind([case.sps], [case.pps])
    slice_nal = case.slices[0][0]
    middle = len(slice_nal) // 2
    for nal in (*(bytes((first, 1)) + junk for first in types), slice_nal[:middle] + junk + slice_nal[middle:]):
        try:
            offset = headers.payload_offset(nal)
        except MediaError:
            continue
        assert 1 <= offset <= len(nal)


@pytest.mark.parametrize(("make", "kind"), [(make_avc, AvcSliceHeaders), (make_hevc, HevcSliceHeaders)])
@given(seed=st.integers(0, 1 << 32), data=st.data())
@settings(max_examples=60)
def test_damaged_parameter_sets(make, kind, seed, data):
    case = make(seed, slices=2)
    sets = []
    for nal in (case.sps, case.pps):
        damaged = bytearray(nal)
        for _ in range(data.draw(st.integers(0, 3))):
            damaged[data.draw(st.integers(1, len(nal) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        sets.append(bytes(damaged))
    try:
        headers = kind(sets[:1], sets[1:])
        for nal, _, _ in case.slices:
            headers.payload_offset(nal)
    except MediaError:
        return


@pytest.mark.parametrize(("parse", "prefix"), PARSERS)
@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"\x80", b"\0\0\3", b"\x5a", b"\xb6\xdb\x6d", b"\0\0\1"])
def test_long_input_is_no_trap(parse, prefix, fill):
    data = prefix + fill * (400_000 // len(fill))
    with bounded_work(), contextlib.suppress(MediaError):  # quadratic work would take minutes
        parse(data)


@pytest.mark.parametrize(
    ("make", "kind", "start"),
    [(make_avc, AvcSliceHeaders, b"\x65\x88\x84"), (make_hevc, HevcSliceHeaders, b"\x02\x01\xc0")],
)
@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"\x5a", b"\0\0\3", b"\xb6\xdb\x6d"])
def test_long_slices_are_no_trap(make, kind, start, fill):
    nal = start + fill * (1_000_000 // len(fill))
    for seed in range(20):
        case = make(seed)
        headers = kind([case.sps], [case.pps])
        for body in (nal, case.slices[0][0][:8] + nal):
            with bounded_work(), contextlib.suppress(MediaError):
                assert 1 <= headers.payload_offset(body) <= len(body)
