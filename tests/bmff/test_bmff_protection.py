"""What boxes keep as bytes because its layout lies elsewhere: senc and seig entries, descriptors, probing."""

from uuid import UUID

import pytest
from bmff_bytes import KID, P, full
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.bmff import (
    AuxiliaryInfo,
    EsdBox,
    SampleGroupDescriptionBox,
    SeigEntry,
    parse_boxes,
    read_auxiliary_info,
)
from onvif_bmff.bmff.descriptors import DecoderConfig, build_esds, read_esds
from onvif_bmff.bmff.language.probing import is_box_sequence
from onvif_bmff.errors import BoxError


def test_auxiliary_information_with_and_without_subsamples():
    data = bytes(range(8)) + P(">HHIHI", 2, 5, 100, 0, 16) + bytes(8) + P(">H", 0)
    assert read_auxiliary_info(data, 2, 8, subsamples=True) == [
        AuxiliaryInfo(bytes(range(8)), ((5, 100), (0, 16))),
        AuxiliaryInfo(bytes(8), ()),
    ]
    assert read_auxiliary_info(KID * 2, 2, 16, subsamples=False) == [AuxiliaryInfo(KID, None)] * 2
    assert read_auxiliary_info(P(">HHI", 1, 5, 6), 1, 0, subsamples=True) == [AuxiliaryInfo(b"", ((5, 6),))]
    assert read_auxiliary_info(b"", 3, 0, subsamples=False) == [AuxiliaryInfo(b"", None)] * 3


@pytest.mark.parametrize(
    ("data", "count", "iv_size", "subsamples"),
    [
        (bytes(15), 2, 8, False),
        (bytes(8), 1, 8, True),
        (P(">HHI", 2, 5, 6), 1, 0, True),
        (P(">H", 1) + bytes(6) + b"\0", 2, 0, True),
        (b"", 0xFFFFFFFF, 0, False),
        (bytes(10) + P(">HHI", 1, 5, 6)[:-1] + bytes(9), 3, 8, True),
        (b"12345678" + P(">HHI", 1, 5, 6) + b"1234", 2, 8, True),
    ],
)
def test_auxiliary_information_that_is_cut_off(data, count, iv_size, subsamples):
    with pytest.raises(BoxError, match="/senc"):
        read_auxiliary_info(data, count, iv_size, subsamples=subsamples)


def test_seig_entries():
    plain = SeigEntry(UUID(bytes=KID), per_sample_iv_size=8)
    constant = SeigEntry(UUID(bytes=KID), constant_iv=KID, crypt_byte_block=1, skip_byte_block=9)
    assert plain.build() == b"\0\0\1\x08" + KID
    assert constant.build() == b"\0\x19\1\0" + KID + b"\x10" + KID
    assert (len(plain.build()), len(constant.build())) == (20, 37)
    one = full("sgpd", 1, 0, b"seig", P(">II", 37, 1), constant.build())
    assert len(one) == 61
    assert parse_boxes(one)[0] == SampleGroupDescriptionBox(
        version=1, grouping_type="seig", default_length=37, entry_count=1, descriptions=constant.build()
    )
    assert entries_of(one) == [constant]
    each = full("sgpd", 1, 0, b"seig", P(">II", 0, 2), P(">I", 20), plain.build(), P(">I", 37), constant.build())
    assert entries_of(each) == [plain, constant]
    assert entries_of(full("sgpd", 0, 0, b"seig", P(">I", 2), constant.build(), plain.build())) == [constant, plain]
    clear = SeigEntry(UUID(int=0), is_protected=0)
    assert entries_of(full("sgpd", 1, 0, b"seig", P(">II", 20, 1), clear.build())) == [clear]


def entries_of(data):
    from onvif_bmff.bmff import seig_entries

    return seig_entries(parse_boxes(data)[0])


@pytest.mark.parametrize(
    "rest",
    [
        P(">II", 20, 1) + bytes(19),
        P(">II", 37, 1) + b"\0\x19\1\0" + KID,
        P(">II", 37, 1) + b"\0\x19\1\0" + KID + b"\x10" + KID[:-1],
        P(">II", 37, 1) + b"\0\x19\1\0" + KID + b"\0",
        P(">II", 0, 1) + b"\0\0",
        P(">II", 20, 0xFFFFFFFF) + bytes(20),
    ],
)
def test_seig_entries_that_are_cut_off(rest):
    with pytest.raises(BoxError, match="/sgpd"):
        entries_of(full("sgpd", 1, 0, b"seig", rest))


@given(st.integers(0, 255), st.integers(0, 63), st.binary(max_size=300), st.integers(0, (1 << 24) - 1))
def test_descriptors_both_ways(object_type, stream_type, specific, buffer_size):
    config = DecoderConfig(object_type, stream_type, specific, buffer_size, 1, 1 << 31)
    assert read_esds(build_esds(config)) == config
    (read,) = parse_boxes(build_esds(config).build())
    assert read_esds(read) == config


def test_descriptors_as_mp4_writers_write_them():
    assert build_esds(DecoderConfig(0x40, 5, b"\x11\x90", 0, 0, 0)).data.hex() == (
        "0319" "000000" "0411" "4015" "000000" "00000000" "00000000" "0502" "1190" "060102"
    )  # fmt: skip
    long_form = bytes.fromhex(
        "038080802a0000e0000103616263000204808080144015" + "00" * 11 + "05808080021190068080800102"
    )
    assert read_esds(EsdBox(data=long_form)) == DecoderConfig(0x40, 5, b"\x11\x90")
    other_tag = bytes.fromhex("0314000000040f4015" + "00" * 11 + "1000")
    assert read_esds(EsdBox(data=other_tag)).specific_info == b""


@pytest.mark.parametrize(
    "data", ["", "03", "0301", "04020000", "0303000000", "03808080808000", "0305000000040d", "03050000400480",
     "031100000004" "0c" + "00" * 12]
)  # fmt: skip
def test_descriptors_that_are_cut_off(data):
    with pytest.raises(BoxError, match="/esds"):
        read_esds(EsdBox(data=bytes.fromhex(data)))


def test_box_sequences():
    free, large = P(">I4s", 8, b"free"), P(">I4sQ", 1, b"mdat", 16)

    def check(data, **options):
        return is_box_sequence(memoryview(data), 0, len(data), **options)

    assert check(b"")
    assert check(free + large + P(">I4s", 8, b"\xa9nam"))
    assert check(free + b"123", rest=3)
    assert not check(free + b"123")
    assert not check(P(">I4s", 1, b"mdat"))
    assert not check(P(">I4s", 8, b"\0\0\0\0"))
    assert not check(P(">I4s", 9, b"free"))
