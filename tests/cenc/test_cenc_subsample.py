"""Subsample maps, against a second implementation and the rules one by one."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.cenc.subsample import (
    cbcs_subsamples,
    cenc_subsamples,
    pack_subsamples,
    protected_ranges,
    subsample_limit,
    unpack_subsamples,
)
from onvif_bmff.errors import ProtectionError


def entries_of(record):
    entries, end = unpack_subsamples(record)
    assert end == len(record)
    return entries


@st.composite
def slices(draw, most=12):
    """Size of a sample and the slice data in it."""
    at, ranges = 0, []
    for _ in range(draw(st.integers(0, most))):
        start = at + draw(st.one_of(st.integers(0, 30), st.sampled_from([65_534, 65_535, 65_536, 140_000])))
        at = start + draw(st.one_of(st.integers(0, 50), st.integers(0, 5000), st.just(70_000)))
        ranges.append((start, at))
    return at + draw(st.one_of(st.just(0), st.integers(0, 40), st.just(200_000))), ranges


def bytewise(size, ranges, entries):
    """Which bytes the map says are protected, as one flag for each byte."""
    flags = bytearray()
    for clear, protected in entries:
        flags += bytes(clear) + b"\1" * protected
    return flags


@pytest.mark.parametrize(("iv_size", "limit"), [(0, 42), (8, 40), (16, 39)])
def test_a_record_fits_the_byte_that_saiz_has(iv_size, limit):
    assert subsample_limit(iv_size) == limit
    assert iv_size + 2 + 6 * limit <= 255 < iv_size + 2 + 6 * (limit + 1)


@pytest.mark.requirement("ANX-B.8-06")
@pytest.mark.parametrize(
    ("size", "ranges", "entries"),
    [
        (1000, [(10, 1000)], [(24, 976)]),  # 990 bytes are 61 blocks and 14 bytes
        (1000, [(8, 1000)], [(8, 992)]),
        (1000, [(990, 1000)], [(1000, 0)]),  # less than a block stays clear
        (1000, [(984, 1000)], [(984, 16)]),
        (1000, [], [(1000, 0)]),
        (0, [], [(0, 0)]),
        (100, [(20, 60), (70, 90)], [(28, 32), (14, 16), (10, 0)]),
        (100, [(20, 60), (70, 80)], [(28, 32), (40, 0)]),
        (70_000, [(69_000, 70_000)], [(65_535, 0), (3473, 992)]),
        (65_551, [(65_535, 65_551)], [(65_535, 16)]),
        (65_552, [(65_536, 65_552)], [(65_535, 0), (1, 16)]),
        (131_070, [], [(65_535, 0), (65_535, 0)]),
        (131_071, [], [(65_535, 0), (65_535, 0), (1, 0)]),
        (65_616, [(0, 80)], [(0, 80), (65_535, 0), (1, 0)]),
    ],
)
def test_cenc_maps(size, ranges, entries):
    record, protected = cenc_subsamples(size, ranges, 1_000_000)
    assert entries_of(record) == entries
    assert all((end - start) % 16 == 0 for start, end in protected)
    assert protected == protected_ranges(entries, size, 1_000_000)


@pytest.mark.requirement("ANX-B.8-07")
@pytest.mark.parametrize(
    ("size", "ranges", "entries"),
    [
        (1000, [(10, 1000)], [(10, 990)]),
        (1000, [(995, 1000)], [(995, 5)]),  # listed, though nothing of it can be encrypted
        (1000, [(1000, 1000)], [(1000, 0)]),
        (1000, [], [(1000, 0)]),
        (100, [(20, 60), (60, 90)], [(20, 40), (0, 30), (10, 0)]),
        (100, [(0, 100)], [(0, 100)]),
        (70_000, [(65_535, 70_000)], [(65_535, 4465)]),
        (70_000, [(65_536, 70_000)], [(65_535, 0), (1, 4464)]),
    ],
)
def test_cbcs_maps(size, ranges, entries):
    record, protected = cbcs_subsamples(size, ranges, 77)
    assert entries_of(record) == entries
    assert protected == protected_ranges(entries, size, 77)


@given(slices())
@settings(max_examples=100, deadline=None)
def test_maps_cover_the_sample_and_protect_slice_data_only(case):
    size, ranges = case
    data = bytearray(size)
    for start, end in ranges:
        data[start:end] = b"\1" * (end - start)
    record, protected = cbcs_subsamples(size, ranges, limit=1000)
    assert bytewise(size, ranges, entries_of(record)) == data

    record, protected = cenc_subsamples(size, ranges, limit=1000)
    flags = bytewise(size, ranges, entries_of(record))
    assert len(flags) == size
    for start, end in ranges:
        whole = (end - start) // 16 * 16
        data[start : end - whole] = bytes(end - start - whole)
    assert flags == data
    assert protected == [(end - (end - start) // 16 * 16, end) for start, end in ranges if end - start >= 16]


@given(slices(most=60), st.sampled_from([39, 40]))
@settings(max_examples=60, deadline=None)
def test_cenc_leaves_surplus_slices_clear(case, limit):
    size, ranges = case
    try:
        record, protected = cenc_subsamples(size, ranges, limit=limit)
    except ProtectionError:
        assert -(-size // 65_535) > limit - len(ranges)
        return
    entries = entries_of(record)
    assert len(entries) <= limit
    assert sum(map(sum, entries)) == size
    assert protected == protected_ranges(entries, size)
    wanted = [(end - (end - start) // 16 * 16, end) for start, end in ranges if end - start >= 16]
    assert set(protected) <= set(wanted)


def test_the_smallest_slices_stay_clear():
    sizes = [16 * (1 + (number * 7) % 60) for number in range(60)]
    ranges, at = [], 0
    for size in sizes:
        ranges.append((at + 10, at + 10 + size))
        at += 10 + size
    _, protected = cenc_subsamples(at, ranges)
    lengths = sorted(end - start for start, end in protected)
    assert len(lengths) in (39, 40)  # one may go to what is clear at the end
    assert lengths == sorted(sizes)[-len(lengths) :]


def test_no_slice_of_cbcs_may_stay_clear():
    ranges = [(number * 20 + 5, number * 20 + 20) for number in range(43)]
    cbcs_subsamples(840, ranges[:42])
    with pytest.raises(ProtectionError, match="43 slices needs 43 subsamples, and cbcs has room for 42"):
        cbcs_subsamples(860, ranges)


def test_a_sample_can_be_too_large():
    assert len(entries_of(cenc_subsamples(40 * 65_535, [])[0])) == 40
    with pytest.raises(ProtectionError, match="too large"):
        cenc_subsamples(40 * 65_535 + 1, [])


def test_thousands_of_slices_take_no_time():
    ranges = [(number * 40 + 8, number * 40 + 40) for number in range(60_000)]
    record, protected = cenc_subsamples(2_400_000, ranges)
    assert len(entries_of(record)) <= 40
    assert protected


@pytest.mark.parametrize("build", [cenc_subsamples, cbcs_subsamples])
@pytest.mark.parametrize(
    "ranges",
    [
        [(-16, 100)],
        [(-16, 16)],
        [(50, 40)],
        [(0, 101)],
        [(0, 50), (40, 100)],
        [(50, 100), (0, 40)],
        [(0, 50), (60, 200)],
        [(101, 101)],
    ],
)
def test_slices_that_are_not_in_the_sample(build, ranges):
    with pytest.raises(ProtectionError):
        build(100, ranges)


class TestReading:
    @given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 2**32 - 1)), max_size=50), st.binary(max_size=9))
    @settings(max_examples=50, deadline=None)
    def test_round_trip(self, entries, lead):
        record = pack_subsamples(entries)
        assert record == struct.pack(">H", len(entries)) + b"".join(struct.pack(">HI", *entry) for entry in entries)
        for data in (lead + record + b"rest", memoryview(lead + record + b"rest")):
            assert unpack_subsamples(data, len(lead)) == (entries, len(lead) + len(record))

    @given(st.binary(max_size=40), st.integers(-3, 50))
    @settings(max_examples=50, deadline=None)
    def test_any_bytes(self, data, offset):
        try:
            entries, end = unpack_subsamples(data, offset)
        except ProtectionError:
            return
        assert data[offset:end] == pack_subsamples(entries)

    def test_cut_short(self):
        record = pack_subsamples([(1, 2), (3, 4)])
        for length in range(len(record)):
            with pytest.raises(ProtectionError, match="too early"):
                unpack_subsamples(record[:length])

    def test_no_subsamples_protect_everything(self):
        assert protected_ranges([], 100, 7) == [(7, 107)]
        assert protected_ranges([], 0, 7) == []

    @pytest.mark.parametrize("size", [0, 99, 101])
    def test_a_map_must_cover_its_sample(self, size):
        with pytest.raises(ProtectionError, match="cover 100 bytes"):
            protected_ranges([(10, 20), (30, 40)], size)
