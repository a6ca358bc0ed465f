"""The order of several tracks in one span."""

from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.media import Sample
from onvif_bmff.recording.interleave import Interleaver


def make(patience=1_000, tracks=(1, 2)):
    return Interleaver(tracks, dict.fromkeys(tracks, 1), patience)


def lead(time, sync=True):
    return Sample(1, time, 10, b"", sync)


def other(time, track_id=2):
    return Sample(track_id, time, 10, b"")


def run(interleaver, samples):
    out = [sample for one in samples for sample in interleaver.push(one)]
    return [(sample.track_id, sample.decode_time) for sample in out]


def test_others_come_before_the_sync_sample_they_precede():
    interleaver = make()
    # the sync sample at 100 waits until track 2 has come to it
    got = run(interleaver, [lead(0), other(0), lead(50, False), lead(100), other(50), other(99)])
    assert got == [(1, 0), (2, 0), (1, 50), (2, 50), (2, 99)]
    assert run(interleaver, [other(100)]) == [(1, 100), (2, 100)]


def test_a_whole_group_waits_at_most():
    interleaver = make()
    run(interleaver, [other(0), lead(0)])
    got = run(interleaver, [lead(10), lead(20, False), lead(30, False)])
    assert got == []
    assert run(interleaver, [lead(40)]) == [(1, 10), (1, 20), (1, 30)]


def test_what_comes_too_late_still_comes():
    interleaver = make()
    run(interleaver, [other(0), lead(0), lead(10), lead(40)])
    assert run(interleaver, [other(5)]) == [(2, 5)]


def test_nobody_waits_for_a_track_that_never_started():
    assert run(make(), [lead(0), lead(10), lead(20)]) == [(1, 0), (1, 10), (1, 20)]


def test_nobody_waits_for_long_for_a_track_that_stopped():
    interleaver = make(patience=100)
    got = run(interleaver, [other(0), lead(0), lead(50)])
    assert got[-1] == (1, 0) or (1, 50) not in got
    assert run(interleaver, [lead(n, False) for n in range(60, 130, 10)])[:2] == [(1, 50), (1, 60)]


def test_another_track_takes_the_lead_of_one_that_stopped_and_gives_it_back():
    interleaver = make(patience=100)
    run(interleaver, [lead(0), other(0)])
    assert interleaver.lead_id == 1
    got = run(interleaver, [other(n) for n in range(10, 200, 10)])
    assert interleaver.lead_id == 2
    assert got == [(2, n) for n in range(10, 200, 10)]
    run(interleaver, [lead(195)])
    assert interleaver.lead_id == 1


def test_a_leading_track_that_never_starts_is_waited_for_no_longer_than_patience():
    interleaver = make(patience=100)
    got = run(interleaver, [other(n) for n in range(0, 120, 10)])
    assert got == [(2, n) for n in range(0, 120, 10)]
    assert interleaver.lead_id == 2


def test_closing_gives_out_what_waits_in_order():
    interleaver = make()
    run(interleaver, [other(0), lead(0), lead(100), other(50), other(70)])
    interleaver.push(lead(120, False))
    assert [(s.track_id, s.decode_time) for s in interleaver.close()] == [(1, 100), (1, 120)]
    assert interleaver.close() == []


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 60), st.booleans()), max_size=120))
def test_nothing_is_lost_and_each_track_keeps_its_order(steps):
    interleaver = make(patience=200, tracks=(1, 2, 3))
    clock = {1: 0, 2: 0, 3: 0}
    pushed, out = [], []
    for track_id, ahead, sync in steps:
        clock[track_id] += ahead
        sample = Sample(track_id, clock[track_id], ahead, b"", sync or track_id != 1)
        pushed.append(sample)
        out.extend(interleaver.push(sample))
    out.extend(interleaver.close())
    for track_id in clock:
        assert [s for s in out if s.track_id == track_id] == [s for s in pushed if s.track_id == track_id]


def test_a_track_is_waited_for_until_more_than_patience_has_passed():
    for newest, released in ((99, False), (100, False), (101, True)):
        interleaver = make(patience=100)
        run(interleaver, [lead(0), other(0), lead(50)])
        assert ((1, 50) in run(interleaver, [lead(newest, False)])) is released


def test_the_lead_goes_over_when_more_than_patience_has_passed():
    for newest, leader in ((99, 1), (100, 1), (101, 2)):
        interleaver = make(patience=100)
        run(interleaver, [lead(0), other(0), other(newest)])
        assert interleaver.lead_id == leader
        never_began = make(patience=100)
        run(never_began, [other(0), other(newest)])
        assert never_began.lead_id == leader


def test_the_lead_goes_to_the_first_track_that_is_alive():
    interleaver = make(patience=100, tracks=(1, 2, 3))
    run(interleaver, [lead(0), other(0, 2), other(0, 3)])
    run(interleaver, [other(90, 2), other(150, 3)])
    assert interleaver.lead_id == 2
    run(interleaver, [other(191, 3)])
    assert interleaver.lead_id == 3
    run(interleaver, [other(192, 2)])
    assert interleaver.lead_id == 2
    run(interleaver, [lead(193)])
    assert interleaver.lead_id == 1


def test_a_track_that_stands_in_stays_behind_so_that_the_other_can_come_back():
    interleaver = Interleaver((1, 2), {1: 1, 2: 1}, 100, 20)
    run(interleaver, [lead(0), other(0)])
    got = run(interleaver, [other(time) for time in range(10, 131, 10)])
    assert interleaver.lead_id == 2
    assert got[-1] == (2, 110), "20 behind 130"
    assert run(interleaver, [lead(115)]) == [(1, 115)]
    assert interleaver.lead_id == 1
    got = run(interleaver, [other(140), lead(150, False)])
    assert got == [(2, 120), (2, 130), (2, 140), (1, 150)]


def test_a_shift_counts_as_part_of_the_time():
    interleaver = Interleaver((1, 2), {1: 1, 2: 2}, 1_000)
    assert [s.decode_time for s in interleaver.push(lead(0), 100)] == [0]
    assert [s.decode_time for s in interleaver.push(other(10), 40)] == [10]
    assert interleaver.push(other(10), 41) == [], "it is presented after the leading track's newest"
    assert [s.decode_time for s in interleaver.push(lead(3, False), 100)] == [10, 3]


def test_without_a_shift_times_are_the_decode_times():
    interleaver = Interleaver((1, 2), {1: 1, 2: 2}, 1_000)
    assert run(interleaver, [lead(10), other(5), other(6)]) == [(1, 10), (2, 5)], "the second is at 12"


def test_who_leads_in_place_of_another_keeps_what_is_newer_than_its_lag():
    interleaver = Interleaver((1, 2, 3), {1: 1, 2: 1, 3: 1}, 100, 10)
    run(interleaver, [lead(0), other(0), other(0, 3), *(other(n) for n in range(10, 300, 10))])
    assert interleaver.lead_id == 2
    assert run(interleaver, [other(280, 3)]) == [(3, 280)]
    assert run(interleaver, [other(281, 3)]) == []
