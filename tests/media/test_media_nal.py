"""NAL units in samples and byte streams, emulation prevention, and the bit reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_bits import BitWriter, escape, offset_behind

from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import (
    MASKS,
    BitReader,
    annex_b_to_length_prefixed,
    emulated_length,
    iter_nal_units,
    length_prefixed_to_annex_b,
    nal_ranges,
    remove_emulation_prevention,
    split_annex_b,
)

ZEROS_AND_SMALL = st.lists(st.sampled_from((0, 0, 0, 1, 2, 3, 4, 255)), max_size=40).map(bytes)


def unit(body):
    """A unit as it can stand in a byte stream: escaped, and not ending in zero."""
    return escape(b"\x65" + body + b"\x80")[0]


@pytest.mark.parametrize(
    ("sample", "size", "ranges"),
    [
        (b"", 4, []),
        (b"\0\0\0\2ab\0\0\0\1c", 4, [(4, 6), (10, 11)]),
        (b"\0\2ab\0\1c", 2, [(2, 4), (6, 7)]),
        (b"\2ab\1c", 1, [(1, 3), (4, 5)]),
        (b"\0\0\0\0\0\0\0\1c", 4, [(8, 9)]),
        (b"\0\1c\0", 1, [(2, 3)]),
    ],
)
def test_ranges(sample, size, ranges):
    for kind in (bytes, bytearray, memoryview):
        assert nal_ranges(kind(sample), size) == ranges
    assert [bytes(view) for view in iter_nal_units(sample, size)] == [sample[a:b] for a, b in ranges]


@pytest.mark.parametrize(
    ("sample", "size"),
    [
        (b"\0", 4),
        (b"\0\0\0\1", 4),
        (b"\0\0\0\2a", 4),
        (b"\xff\xff\xff\xffa", 4),
        (b"\0\0\0\1a\0\0\0", 4),
        (b"\0\3ab", 2),
        (b"\3ab", 1),
        (b"\0\0\1a", 3),
        (b"", 0),
    ],
)
def test_samples_that_do_not_add_up(sample, size):
    with pytest.raises(BitstreamError):
        nal_ranges(sample, size)


@pytest.mark.parametrize(
    ("stream", "units"),
    [
        (b"", []),
        (b"\0\0\0", []),
        (b"\0\0\1", []),
        (b"\0\0\1a", [b"a"]),
        (b"\0\0\0\1a\0\0\0\1b\0\0\1c\0\0\0", [b"a", b"b", b"c"]),
        (b"\0\0\0\0\0\0\1a\0\0\0\0\0\1\0\0\1b", [b"a", b"b"]),
        (b"\0\0\1a\0\0\3b", [b"a\0\0\3b"]),
    ],
)
def test_byte_streams(stream, units):
    assert split_annex_b(stream) == units
    assert split_annex_b(memoryview(stream)) == units


@pytest.mark.parametrize("stream", [b"a", b"\0\0\2", b"\0\0\2\0\0\1a"])
def test_byte_streams_begin_with_a_start_code(stream):
    with pytest.raises(BitstreamError, match="start code"):
        split_annex_b(stream)


@given(st.lists(ZEROS_AND_SMALL.map(unit), max_size=5), st.sampled_from((1, 2, 4)))
def test_conversion_both_ways(units, size):
    sample = b"".join(len(item).to_bytes(size, "big") + item for item in units)
    stream = length_prefixed_to_annex_b(sample, size)
    assert split_annex_b(stream) == units
    assert annex_b_to_length_prefixed(stream, size) == sample


def test_units_too_long_for_their_field():
    with pytest.raises(BitstreamError, match="does not fit"):
        annex_b_to_length_prefixed(b"\0\0\1" + b"a" * 256, 1)
    with pytest.raises(BitstreamError, match="do not exist"):
        annex_b_to_length_prefixed(b"\0\0\1a", 3)


@given(ZEROS_AND_SMALL, st.data())
def test_emulation_prevention(body, data):
    plain = b"\x65" + body + b"\x80"
    count = data.draw(st.integers(1, len(plain)))
    nal, offset = escape(plain, count)
    assert remove_emulation_prevention(nal) == plain
    assert remove_emulation_prevention(memoryview(nal)) == plain
    assert emulated_length(nal, count) == offset == offset_behind(nal, count)


ELEMENTS = st.one_of(
    st.tuples(st.just("u"), st.integers(0, 700)).flatmap(
        lambda item: st.tuples(st.just("u"), st.just(item[1]), st.integers(0, (1 << item[1]) - 1))
    ),
    st.tuples(st.just("ue"), st.just(0), st.integers(0, (1 << 32) - 2) | st.integers(0, 20)),
    st.tuples(st.just("se"), st.just(0), st.integers(-(1 << 31) + 1, (1 << 31) - 1) | st.integers(-9, 9)),
    st.tuples(st.just("skip"), st.integers(0, 2000), st.just(0)),
)


@given(st.lists(ELEMENTS, max_size=30), st.integers(0, 20))
def test_bit_reader(elements, start):
    writer = BitWriter()
    writer.u(start, 0)
    for kind, width, value in elements:
        if kind == "u":
            writer.u(width, value)
        elif kind == "skip":
            writer.u(width, 0)
        else:
            getattr(writer, kind)(value)
    end = len(writer.bits)
    writer.trailing()
    data = writer.bytes()
    reader = BitReader(data, start)
    for kind, width, value in elements:
        assert reader.more_rbsp_data() == (reader.position < end)
        if kind == "skip":
            reader.skip(width)
        else:
            assert (reader.u(width) if kind == "u" else getattr(reader, kind)()) == value
    assert reader.position == end
    assert reader.remaining == len(data) * 8 - end
    assert not reader.more_rbsp_data()
    assert reader.flag()
    reader.skip(reader.remaining)
    for read in (reader.flag, reader.ue, reader.se, lambda: reader.u(9), lambda: reader.skip(1)):
        with pytest.raises(BitstreamError, match="ends"):
            read()


def test_limits_are_named():
    data = bytes((0b00100_001, 0b00_000000))
    with pytest.raises(BitstreamError, match="width is 3, above its limit of 2"):
        BitReader(data).ue(2, "width")
    with pytest.raises(BitstreamError, match="shift is 2, outside -1 to 1"):
        BitReader(data).se(-1, 1, "shift")
    with pytest.raises(BitstreamError, match="above its limit"):
        BitReader(bytes(4) + b"\xff" * 5).ue()
    assert not BitReader(b"\0\0").more_rbsp_data()


def test_a_start_position_outside_is_refused():
    with pytest.raises(BitstreamError):
        BitReader(b"", 8).u(1)


def test_masks():
    assert all(MASKS[width] == (1 << width) - 1 for width in (0, 1, 64, 512, 513, 9000))
    with pytest.raises(ValueError, match="negative"):
        MASKS[-1]
