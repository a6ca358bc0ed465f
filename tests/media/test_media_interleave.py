"""Merging streams by decode time."""

from dataclasses import dataclass
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.media.interleaving import interleave


@dataclass(frozen=True)
class Item:
    stream: int
    decode_time: int


def merge(timescales, parts):
    """``parts[n]`` lists the iterables that stream ``n`` consists of."""
    left = [list(one) for one in parts]

    def more(number):
        return [(number, iter(left[number].pop(0)))] if left[number] else []

    return list(interleave(timescales, more))


def items(stream, times):
    return [Item(stream, time) for time in times]


def test_equal_times_go_by_the_number_of_the_stream():
    merged = merge([10, 20], [[items(0, [0, 5, 10])], [items(1, [0, 10, 20])]])
    assert [(one.stream, one.decode_time) for one in merged] == [(0, 0), (1, 0), (0, 5), (1, 10), (0, 10), (1, 20)]


def test_nothing():
    assert merge([], []) == []
    assert merge([1, 1], [[], [[]]]) == []


def test_a_stream_that_waits_comes_in_later():
    """Stream 1 is not there at first; it turns up when stream 0 asks for more."""
    asked = []

    def more(number):
        asked.append(number)
        if asked == [0]:
            return [(0, iter(items(0, [0, 1])))]
        if asked == [0, 1, 0]:
            return [(0, iter(items(0, [2, 3]))), (1, iter(items(1, [2, 9])))]
        return []

    merged = [(one.stream, one.decode_time) for one in interleave([1, 1], more)]
    assert merged == [(0, 0), (0, 1), (0, 2), (1, 2), (0, 3), (1, 9)]


ASCENDING = st.lists(st.integers(-50, 50), max_size=12).map(sorted)


@given(st.lists(st.tuples(st.integers(1, 9), st.lists(ASCENDING, max_size=3)), max_size=5))
def test_streams_in_order_come_out_in_order(streams):
    timescales = [timescale for timescale, _ in streams]
    parts = []
    for number, (_, lists) in enumerate(streams):
        start, shifted = 0, []
        for times in lists:
            shifted.append(items(number, [start + time for time in times]))
            start += 101
        parts.append(shifted)
    expected = [one for lists in parts for part in lists for one in part]
    expected.sort(key=lambda one: (Fraction(one.decode_time, timescales[one.stream]), one.stream))
    assert merge(timescales, parts) == expected


@given(st.lists(st.lists(st.integers(-9, 9), max_size=9), max_size=4))
def test_streams_out_of_order_lose_nothing(streams):
    merged = merge([7] * len(streams), [[items(number, times)] for number, times in enumerate(streams)])
    for number, times in enumerate(streams):
        assert [one.decode_time for one in merged if one.stream == number] == times
