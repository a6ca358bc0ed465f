"""NAL units as cameras cut them, put together again."""

import random

import pytest
from codecs_clips import CLIPS, read_clip
from codecs_parameter_sets import (
    AVC_DELIMITER,
    AVC_SEI,
    HEVC_DELIMITER,
    HEVC_IDR,
    HEVC_INTER,
    HEVC_PPS,
    HEVC_SEI,
    HEVC_SPS,
    HEVC_VPS,
    IDR,
    IDR_SECOND_SLICE,
    INTER,
    OTHER_PPS,
    PPS,
    SPS,
    avc,
    stream,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.codecs.access_units import AvcAccessUnits, HevcAccessUnits
from onvif_bmff.codecs.avc.picture import AvcPictureHeaders, avc_recovery_frame_count
from onvif_bmff.codecs.hevc.picture import HevcPictureHeaders, hevc_recovery_order_count
from onvif_bmff.codecs.nal_access_units import MAX_WAITING, LostUnits
from onvif_bmff.codecs.picture_assembly import PictureAssembly
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import iter_nal_units
from onvif_bmff.media.nal_family import AVC, HEVC
from onvif_bmff.media.picture_order import order_count
from onvif_bmff.media.sei import sei_messages


def assembled(family, deliveries, codec=None):
    assembly = PictureAssembly(family, codec)
    found = [unit for units, time in deliveries for unit in assembly.push(units, time)]
    return [(one.units, one.time) for one in (*found, *assembly.flush())]


@pytest.mark.interop
@pytest.mark.parametrize("name", CLIPS)
def test_access_units_come_out_however_they_were_cut(make_clip, name):
    """One NAL unit at a time, with and without delimiters, by time and slice headers, or by slice headers alone."""
    clip = read_clip(make_clip, name)
    rng = random.Random(name)
    bare = [[unit for unit in units if clip.family.unit_type(unit, 0) != clip.family.delimiter] for units in clip.units]
    for units in (clip.units, bare):
        whole = [(one, n * 3600) for n, one in enumerate(units)]
        assert assembled(clip.family, whole) == whole
        alone = [([unit], n * 3600) for n, one in enumerate(units) for unit in one]
        assert assembled(clip.family, alone) == whole
        pieces = []
        for one, time in whole:
            cuts = sorted(rng.sample(range(len(one) + 1), min(2, len(one) + 1)))
            pieces += [(part, time) for part in (one[: cuts[0]], one[cuts[0] : cuts[-1]], one[cuts[-1] :])]
        assert assembled(clip.family, pieces) == whole
        assert [one for one, _ in assembled(clip.family, [(one, 0) for one, _ in alone])] == units


@pytest.mark.interop
@pytest.mark.parametrize("name", CLIPS)
def test_pictures_are_shown_in_the_order_that_a_decoder_shows_them(make_clip, name):
    clip = read_clip(make_clip, name)
    headers = AvcPictureHeaders() if clip.family is AVC else HevcPictureHeaders()
    orders, sequence = [], 0
    for units in clip.units:
        for unit in units:
            if clip.family.unit_type(unit, 0) not in clip.family.slices:
                headers.update(unit)
                continue
            picture = headers.read(unit)
            if picture.first:
                sequence += picture.restarts
                orders.append((sequence, picture.order))
    places = sorted(range(len(orders)), key=orders.__getitem__)
    assert [places.index(n) for n in range(len(orders))] == clip.ranks
    late = [sum(rank > clip.ranks[n] for rank in clip.ranks[:n]) for n in range(len(clip.ranks))]
    assert max(late) <= headers.reorder_depth <= max(late) + 1


def test_what_comes_before_a_picture_goes_with_it_whatever_its_time():
    """As Reolink's cameras do it: sets with the time of the picture before."""
    cut = [([SPS], 0), ([PPS], 0), ([IDR], 0), ([SPS], 0), ([PPS], 0), ([AVC_SEI], 3600), ([IDR], 3600)]
    assert assembled(AVC, cut) == [([SPS, PPS, IDR], 0), ([SPS, PPS, AVC_SEI, IDR], 3600)]
    glued = [([SPS, PPS, IDR, SPS, PPS], 0), ([IDR], 3600)]
    assert assembled(AVC, glued) == [([SPS, PPS, IDR], 0), ([SPS, PPS, IDR], 3600)]


def test_slices_of_one_picture_belong_together():
    cut = [([SPS, PPS, IDR], 0), ([IDR_SECOND_SLICE], 0), ([INTER], 3600)]
    assert assembled(AVC, cut) == [([SPS, PPS, IDR, IDR_SECOND_SLICE], 0), ([INTER], 3600)]
    lost = [([SPS, PPS, IDR], 0), ([INTER], 3600), ([IDR_SECOND_SLICE], 7200), ([IDR], 10800)]
    assert [units for units, _ in assembled(AVC, lost)] == [[SPS, PPS, IDR], [INTER], [IDR_SECOND_SLICE], [IDR]]
    twice = [([SPS, PPS, IDR], 0), ([IDR], 0), ([INTER], 0), ([INTER], 0)]
    assert [units for units, _ in assembled(AVC, twice)] == [[SPS, PPS, IDR], [IDR], [INTER], [INTER]]


def test_sets_may_be_known_beforehand_or_not_at_all():
    cut = [([IDR], 0), ([IDR_SECOND_SLICE], 0), ([INTER], 3600)]
    together = [([IDR, IDR_SECOND_SLICE], 0), ([INTER], 3600)]
    assert assembled(AVC, cut, avc()) == assembled(AVC, cut) == together


LONG_NUMBERS_SPS = bytes.fromhex("6742c00a8d682c4e40")
"""176 by 144 pixels, frame_num of 16 bits, order counts of type 2."""


def at_macroblock(number):
    """A slice of the picture of INTER that begins at a macroblock, with other data behind its order count."""
    bits = f"{int.from_bytes(INTER[1:3], 'big'):016b}"[1:15] + f"{number:08b}"
    code = f"{number + 1:b}"
    body = "0" * (len(code) - 1) + code + bits + "1"
    return INTER[:1] + int(body.ljust(48, "0"), 2).to_bytes(6, "big")


@pytest.mark.parametrize("early", [1, 2, 3])
def test_a_changed_set_counts_from_the_picture_that_starts_decoding_with_it(early):
    """Slices that come meanwhile are of the old one, whose frame_num is of fewer bits: they stay together."""
    pictures = [[at_macroblock(0), at_macroblock(6), at_macroblock(30)] for _ in range(3)]
    pictures[-early] = [LONG_NUMBERS_SPS, OTHER_PPS, *pictures[-early]]
    whole = [[SPS, PPS, IDR, IDR_SECOND_SLICE], *pictures, [IDR]]
    assert assembled(AVC, [([unit], n) for n, units in enumerate(whole) for unit in units]) == [
        (units, n) for n, units in enumerate(whole)
    ]


def test_suffixes_belong_to_the_picture_before():
    suffix, end = b"\x50\x01\x84\x00\x80", b"\x4a\x01"
    sets = [HEVC_VPS, HEVC_SPS, HEVC_PPS]
    cut = [([*sets, HEVC_IDR], 0), ([suffix], 0), ([end], 0), ([HEVC_SEI], 3600), ([HEVC_INTER], 3600)]
    assert assembled(HEVC, cut) == [([*sets, HEVC_IDR, suffix, end], 0), ([HEVC_SEI, HEVC_INTER], 3600)]


def test_units_without_a_picture_go_before_the_next_one():
    units = AvcAccessUnits(avc())
    assert units.convert(stream(IDR)) is not None
    for alone in (AVC_DELIMITER, AVC_SEI, SPS):
        assert units.convert([alone]) is None
    assert list(iter_nal_units(units.convert([INTER]).data)) == [AVC_DELIMITER, AVC_SEI, INTER]
    assert units.convert([AVC_SEI]) is None
    again = units.convert([AVC_DELIMITER, INTER]).data
    assert list(iter_nal_units(again)) == [AVC_DELIMITER, AVC_SEI, INTER]
    assert units.convert([AVC_SEI]) is None
    assert list(iter_nal_units(units.finish())) == [AVC_SEI]
    assert (units.finish(), not units.lost) == (b"", True)


def test_sets_by_themselves_stay_in_band():
    units = HevcAccessUnits(in_band=True)
    for alone in (HEVC_DELIMITER, HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_SEI):
        assert units.convert([alone]) is None
    kept = [HEVC_DELIMITER, HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_SEI, HEVC_IDR]
    assert list(iter_nal_units(units.convert([HEVC_IDR]).data)) == kept


def test_no_more_wait_than_can_be_of_a_picture():
    units = AvcAccessUnits(avc())
    for _ in range(100):
        units.convert([AVC_SEI])
    assert units.lost == {LostUnits.TOO_MANY_WAITING: 100 - MAX_WAITING}
    large = b"\x06\x05" + b"\x55" * (700 << 10)
    assert units.convert([large]) is None
    assert units.convert([large]) is None
    assert list(iter_nal_units(units.convert([IDR]).data)) == [large, IDR]


def test_order_counts_go_on_where_their_lowest_bits_wrap():
    assert [order_count(lsb, 4, 14) for lsb in (14, 15, 0, 6, 7, 13)] == [14, 15, 16, 22, 7, 13]
    assert order_count(8, 4, 0) == 8


def test_messages_of_sei():
    two = b"\x06\x01\x02\x40\x00\x06\x01\xc4\x80"
    assert list(sei_messages(two, 1)) == [(1, b"\x40\x00"), (6, b"\xc4")]
    long = bytes((6, 255, 255, 5, 255, 45)) + bytes(range(1, 256)) + b"\x09" * 45 + b"\x80"
    ((kind, payload),) = sei_messages(long, 1)
    assert (kind, len(payload)) == (515, 300)
    assert list(sei_messages(b"\x06\x06\x09\x01\x80", 1)) == []
    assert avc_recovery_frame_count([two]) == 0
    assert avc_recovery_frame_count([b"\x06\x06\x01\x28\x80"]) == 4
    assert avc_recovery_frame_count([AVC_SEI, b"\x06\x06\x00\x80"]) is None
    assert hevc_recovery_order_count([b"\x4e\x01\x06\x01\x60\x80"]) == -1


JUNK = st.one_of(st.binary(max_size=60), st.lists(st.sampled_from((0, 1, 3, 128, 255)), max_size=60).map(bytes))
AVC_UNITS = st.one_of(
    st.sampled_from((AVC_DELIMITER, AVC_SEI, SPS, PPS, IDR, IDR_SECOND_SLICE, INTER)),
    st.tuples(st.sampled_from((1, 2, 5, 6, 7, 8, 9, 0x41, 0x65, 0x67)), JUNK).map(
        lambda two: bytes((two[0],)) + two[1]
    ),
)
HEVC_UNITS = st.one_of(
    st.sampled_from((HEVC_DELIMITER, HEVC_SEI, HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_IDR, HEVC_INTER)),
    st.tuples(st.integers(0, 127), JUNK).map(lambda two: bytes((two[0], 1)) + two[1]),
)


@pytest.mark.parametrize(("family", "pieces"), [(AVC, AVC_UNITS), (HEVC, HEVC_UNITS)])
@given(data=st.data())
@settings(max_examples=200)
def test_whatever_comes_each_unit_is_given_out_once_and_in_order(family, pieces, data):
    deliveries = data.draw(st.lists(st.tuples(st.lists(pieces, max_size=4), st.integers(0, 3)), max_size=12))
    given = [unit for units, _ in deliveries for unit in units]
    found = assembled(family, deliveries)
    assert [unit for units, _ in found for unit in units] == given
    converter = AvcAccessUnits() if family is AVC else HevcAccessUnits()
    for units, _ in found:
        converter.convert(units)
    headers = AvcPictureHeaders([SPS, PPS]) if family is AVC else HevcPictureHeaders([HEVC_SPS, HEVC_PPS])
    for unit in given:
        headers.update(unit)
        try:
            headers.read(unit)
        except BitstreamError:
            continue
