"""Stamps of whole seconds, of reordered pictures: put where pictures come evenly."""

from itertools import pairwise

import pytest

from onvif_bmff.codecs.coarse_stamps import CoarseStamps
from onvif_bmff.media.track import Sample

SECOND = 90_000


def pictures(count, *, rate=25, first=0, sequence=0, group=50, reorders=3):
    """Numbers in the order of showing, and places, of pictures I P B B P B B in decoding order, of closed groups."""
    found = []
    for start in range(0, count, group):
        last = min(group, count - start)
        orders = [0]
        for anchor in range(reorders, last - 1 + reorders, reorders):
            anchor = min(anchor, last - 1)
            between = range(max(one for one in orders) + 1, anchor)
            orders += [anchor, *between]
        found += [
            (start + order, (sequence + start // group, 2 * order, len(found) + n)) for n, order in enumerate(orders)
        ]
    assert sorted(number for number, _ in found) == list(range(count))
    return [((first + number) * SECOND / rate, place) for number, place in found]


def stamped(made, resolution, phase=0):
    """Samples of pictures by a coarse clock, with their places, and the times at which they are shown."""
    times = [round(time + phase) for time, _ in made]
    return [
        (Sample(1, time // resolution * resolution, 0, b"%d" % number), place)
        for number, (time, (_, place)) in enumerate(zip(times, made, strict=True))
    ], times


def passed(sent, depth=2):
    coarse, found = CoarseStamps(), []
    for sample, place in sent:
        found += coarse.push(sample, place, depth)
    found += coarse.flush()
    assert [(one.data, place) for one, place in found] == [(one.data, place) for one, place in sent]
    return [one.decode_time for one, _ in found]


@pytest.mark.parametrize("rate", [12, 25, 30])
@pytest.mark.parametrize("phase", [0, 11_700, 41_000, 86_400, 89_999])
@pytest.mark.parametrize("resolution", [SECOND, SECOND // 2])
def test_pictures_are_shown_evenly_where_they_were(rate, phase, resolution):
    sent, times = stamped(pictures(rate * 12, rate=rate, group=2 * rate), resolution, phase)
    found = passed(sent)
    off = [got - right for got, right in zip(found, times, strict=True)]
    assert max(map(abs, off)) <= 1.25 * SECOND / rate
    shown = sorted(found)
    steps = [later - earlier for earlier, later in pairwise(shown)]
    assert all(0.7 < step * rate / SECOND < 1.4 for step in steps), (min(steps), max(steps))
    assert [found.index(one) for one in shown] == [times.index(one) for one in sorted(times)]


@pytest.mark.parametrize("resolution", [1, 3_600, 7_200])
def test_other_stamps_stay_and_nothing_waits_longer_than_for_reordering(resolution):
    sent, _ = stamped(pictures(100), resolution)
    assert passed(sent) == [one.decode_time for one, _ in sent]
    coarse = CoarseStamps()
    ready = [len(coarse.push(*one, 2)) for one in sent]
    assert ready == ([0, 0, 3] if resolution < 7_200 else ready[:3]) + ready[3:]
    assert set(ready[8:]) == {1}


def test_a_lone_stamp_that_is_off_stays_and_changes_no_other():
    sent, _ = stamped(pictures(250), SECOND)
    right = passed(sent)
    for off in (-40 * SECOND, 5 * SECOND, 9_800 * SECOND):
        changed = [(Sample(1, one.decode_time + off * (n == 120), 0, one.data), p) for n, (one, p) in enumerate(sent)]
        found = passed(changed)
        assert found[120] == changed[120][0].decode_time
        assert max(abs(a - b) for n, (a, b) in enumerate(zip(found, right, strict=True)) if n != 120) <= 2


@pytest.mark.parametrize("by", [-7 * SECOND, 6 * SECOND])
def test_behind_a_step_pictures_are_even_again(by):
    made = pictures(500)
    sent, times = stamped(made, SECOND)
    sent = [(Sample(1, one.decode_time + by * (n >= 200), 0, one.data), p) for n, (one, p) in enumerate(sent)]
    found = passed(sent)
    off = [got - by - right for got, right in zip(found[204:], times[204:], strict=True)]
    assert max(map(abs, off)) <= SECOND  # where in its second the camera's clock was set, only the next one tells
    assert max(map(abs, off[30:])) <= 2 * 3_600


def test_a_clock_that_stands_still_is_given_up():
    sent = [(Sample(1, 5, 0, b"%d" % n), place) for n, (_, place) in enumerate(pictures(400))]
    coarse = CoarseStamps()
    ready = [len(coarse.push(*one, 2)) for one in sent]
    assert ready == [0] * 249 + [250] + [1] * 150


def test_no_more_than_16_mib_wait():
    coarse, ready = CoarseStamps(), []
    for time, place in pictures(10):
        ready.append(len(coarse.push(Sample(1, int(time) // SECOND, 0, bytes(2 << 20)), place, 2)))
    assert ready == [0] * 7 + [8, 1, 1]


def test_stamps_may_become_fine():
    made = pictures(400)
    coarse, times = stamped(made, SECOND)
    sent = [one if n < 200 else (Sample(1, times[n], 0, one[0].data), one[1]) for n, one in enumerate(coarse)]
    assert passed(sent)[208:] == times[208:]
