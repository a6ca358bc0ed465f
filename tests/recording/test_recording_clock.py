"""Timestamps as sources deliver them."""

from fractions import Fraction

import pytest

from onvif_bmff.errors import MediaError
from onvif_bmff.media import Sample
from onvif_bmff.recording.clock_parts import SharedTime
from onvif_bmff.recording.sample_clock import SampleClock
from onvif_bmff.recording.stamps import Verdict


def run(clock, samples):
    """What comes out: (decode time, duration, composition offset, after a gap or a step) of each sample."""
    out = []
    for sample in samples:
        ready = clock.push(sample)
        if ready is not None:
            out.append((ready, clock.after))
        out += [(one, clock.after) for one in clock.ready()]
    clock.settle()
    out += [(one, clock.after) for one in clock.ready()]
    last = clock.flush()
    if last is not None:
        out.append((last, clock.after))
    return [(one.decode_time, one.duration, one.composition_offset, after is not None) for one, after in out]


def at(time, duration=0, *, sync=True, offset=0):
    return Sample(1, time, duration, b"x", sync, offset)


def times(clock, *pairs):
    return run(clock, [at(*pair) if isinstance(pair, tuple) else at(pair) for pair in pairs])


def test_known_durations_pass_untouched():
    samples = [at(time, 40) for time in (0, 40, 80)]
    clock = SampleClock(1000)
    out = [clock.push(sample) for sample in samples]
    assert out[0] is None
    assert out[1] is samples[0]
    assert out[2] is samples[1]
    assert clock.held.decode_time == 80
    assert clock.flush() is samples[2]
    assert clock.held is None
    assert clock.flush() is None


def test_live_durations_come_from_the_next_sample():
    assert times(SampleClock(1000), 0, 40, 90) == [(0, 40, 0, False), (40, 50, 0, False), (90, 50, 0, False)]


def test_a_lone_sample_lasts_a_25th_of_a_second():
    assert times(SampleClock(1000), 7) == [(7, 40, 0, False)]
    assert times(SampleClock(1), 7) == [(7, 1, 0, False)]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (4_800, [(0, 4_800, 0, False), (4_800, 4_800, 0, False)]),
        (60_001, [(59_961, 40, 0, False), (60_001, 40, 0, False)]),
    ],
)
def test_two_samples_without_durations_are_no_gap(later, expected):
    assert times(SampleClock(1000), 0, later) == expected


def test_the_next_decode_time_wins_over_a_stated_duration():
    out = times(SampleClock(1000), (0, 30), (40, 50), (80, 40))
    assert out == [(0, 40, 0, False), (40, 40, 0, False), (80, 40, 0, False)]


@pytest.mark.parametrize("back", [0, 1, 39, 5_000, 10_000])
def test_an_equal_or_backward_time_is_put_between_its_neighbours(back):
    out = run(SampleClock(1000), [at(20_000, 40), at(20_040, 40), at(20_040 - back, 40), at(20_080, 40)])
    assert out == [(20_000, 40, 0, False), (20_040, 20, 0, False), (20_060, 20, 0, False), (20_080, 40, 0, False)]


def test_presentation_of_a_picture_that_is_moved_stays_unless_it_is_sync():
    moved = [at(1_000, 40), at(960, 40, sync=False, offset=100), at(980, 40, sync=True, offset=100), at(1_040, 40)]
    assert [(time, offset) for time, _, offset, _ in run(SampleClock(1000), moved)] == [
        (1_000, 0),
        (1_013, 47),
        (1_026, 100),
        (1_040, 86),
    ]


def test_a_sync_sample_is_never_presented_before_the_one_before():
    out = run(SampleClock(1000), [at(0, 40, offset=500), at(40, 40, offset=-200), at(80, 40, sync=False, offset=-200)])
    assert [offset for _, _, offset, _ in out] == [500, 460, -200]


def test_a_source_that_starts_anew_goes_on_after_a_gap():
    out = times(SampleClock(1000), (50_000, 40), (50_040, 40), *((40 * n, 40) for n in range(26)))
    assert out == [(50_000 + 40 * n, 40, 0, n == 2) for n in range(28)]


def test_what_ends_before_it_is_known_to_start_anew_is_put_in_its_place():
    out = times(SampleClock(1000), (50_000, 40), (50_040, 40), (0, 40), (40, 40))
    assert out == [(50_000 + 40 * n, 40, 0, False) for n in range(4)]


def test_more_than_a_day_ahead_is_a_new_start_too():
    day = 86_400_000
    out = times(SampleClock(1000), (0, 40), (40, 40), *((40 + day + 1 + 40 * n, 40) for n in range(26)))
    assert out == [(40 * n, 40, 0, n == 2) for n in range(28)]


def test_a_pause_is_filled_up_to_a_gap_and_reported_beyond():
    assert times(SampleClock(1000), (0, 40), (1_000, 40))[0] == (0, 1_000, 0, False)
    out = times(SampleClock(1000), (0, 40), (40, 40), (1_041, 40))
    assert out == [(0, 40, 0, False), (40, 40, 0, False), (1_041, 40, 0, True)]
    ten = Fraction(10)
    assert times(SampleClock(1000, max_gap=ten), (0, 40), (10_000, 40))[0] == (0, 10_000, 0, False)
    out = times(SampleClock(1000, max_gap=ten), (0, 40), (40, 40), (10_041, 40))
    assert out == [(0, 40, 0, False), (40, 40, 0, False), (10_041, 40, 0, True)]
    out = times(SampleClock(1000, max_gap=Fraction(2)), (0, 40), (2_001, 40))
    assert out == [(0, 40, 0, False), (2_001, 40, 0, True)]


def test_a_stated_long_duration_is_no_gap():
    assert times(SampleClock(1000), (0, 20_000), (20_000, 40)) == [(0, 20_000, 0, False), (20_000, 40, 0, False)]


def test_the_sample_before_a_gap_never_lasts_into_what_follows():
    out = times(SampleClock(1000, max_gap=Fraction(10)), (0, 9_000), (9_000, 30_000), (39_000, 0), (54_000, 40))
    assert out[1:] == [(9_000, 30_000, 0, False), (39_000, 15_000, 0, False), (54_000, 40, 0, True)]


def test_sparse_media_have_no_gaps_within_a_day():
    clock = SampleClock(1000, sparse=True)
    out = times(clock, 0, 3_600_000, 3_600_100, 3_600_100 + 86_400_001)
    assert out[0] == (0, 3_600_000, 0, False)
    assert out[2] == (3_600_100, 1_000, 0, False)
    assert out[3][3]
    assert times(SampleClock(1000, sparse=True), 0, 60_000)[-1] == (60_000, 1_000, 0, False)


def test_durations_stay_within_what_the_file_holds():
    out = times(SampleClock(1000, longest=5_000), (0, 40), (40, 1 << 40), (80, -7), (6_000, 40))
    assert out == [(0, 40, 0, False), (40, 40, 0, False), (80, 40, 0, False), (6_000, 40, 0, True)]
    sparse = times(SampleClock(1000, longest=5_000, sparse=True), 0, 4_000, 9_001)
    assert sparse == [(0, 4_000, 0, False), (4_000, 1_000, 0, False), (9_001, 1_000, 0, True)]


def test_an_offset_that_no_file_holds_is_refused_without_effect():
    clock = SampleClock(1000)
    clock.push(at(0, 40))
    for offset in (1 << 29, -(1 << 29) - 1, 1 << 70):
        with pytest.raises(MediaError, match="composition offset"):
            clock.push(at(40, 40, offset=offset))
    assert clock.held.decode_time == 0
    assert clock.push(at(40, 40, offset=(1 << 29) - 1)).duration == 40


@pytest.mark.parametrize("bits", [32, 33])
def test_counters_wrap(bits):
    top = 1 << bits
    raw = [top - 80, top - 40, 0, 40, 80]
    out = run(SampleClock(1000, timestamp_bits=bits), [at(one, 40) for one in raw])
    assert out == [(top - 80 + 40 * n, 40, 0, False) for n in range(5)]


def test_counters_wrap_again_and_again():
    clock = SampleClock(1000, timestamp_bits=16)
    out = run(clock, [at(n * 9_000 % 65_536) for n in range(60)])
    assert [one[0] for one in out] == [n * 9_000 for n in range(60)]


def test_out_of_order_around_a_wrap():
    top = 1 << 32
    out = run(SampleClock(1000, timestamp_bits=32), [at(one) for one in (top - 40, 0, top - 20, 40)])
    assert [one[0] for one in out] == [top - 40, top, top + 20, top + 40]


def test_tracks_that_begin_on_either_side_of_a_wrap_are_in_step():
    shared, top = SharedTime(), 1 << 33
    video = SampleClock(90_000, timestamp_bits=33, shared=shared)
    audio = SampleClock(90_000, timestamp_bits=33, shared=shared)
    video.push(at(top - 10))
    audio.push(at(30))
    assert (video.held.decode_time, audio.held.decode_time) == (top - 10, top + 30)


def test_tracks_that_start_anew_together_stay_in_step():
    shared = SharedTime()
    video, audio = SampleClock(90_000, shared=shared), SampleClock(48_000, shared=shared)
    for seconds in (100, 101):
        video.push(at(seconds * 90_000, 90_000))
        audio.push(at(seconds * 48_000 + 4_800, 48_000))
    for seconds in range(21):
        video.push(at(seconds * 90_000, 90_000))
        audio.push(at(seconds * 48_000 + 9_600, 48_000))
    assert video.held.decode_time == 122 * 90_000
    assert audio.held.decode_time == 122 * 48_000 + 9_600, "the picture is certain first"
    # and once more, audio first
    for seconds in range(6):
        audio.push(at(seconds * 48_000, 48_000))
        video.push(at(seconds * 90_000, 90_000))
    assert audio.held.decode_time == 128 * 48_000 + 9_600
    assert Fraction(video.held.decode_time, 90_000) == Fraction(audio.held.decode_time, 48_000)


# ---- samples without bytes, which are left out -------------------------------------------------------------


def left_out(clock, samples, empty, then=()):
    """What is stored of ``samples`` if one without bytes comes after them: as ``run`` gives it."""
    for sample in samples:
        clock.push(sample)
    clock.lengthen(empty)
    return run(clock, then)


def test_one_left_out_at_a_wrap_of_the_counter():
    for times_before in ([200, 240], [250, 34, 74, 114, 154, 194, 240]):
        clock = SampleClock(1000, timestamp_bits=8)
        raw = [at(time, 40) for time in times_before]
        (last,) = left_out(clock, raw, at(24, 40))
        assert last[1] == 80, "from 240 to 256 + 64"


def test_one_left_out_after_the_source_began_anew():
    clock = SampleClock(1000)
    began = [at(50_000, 40), at(50_040, 40), *(at(40 * n, 40) for n in range(26))]
    for sample in began:
        clock.push(sample)
        list(clock.ready())
    assert left_out(clock, [], at(1_040, 40)) == [(51_080, 80, 0, False)]


@pytest.mark.parametrize(("told", "lasting"), [(1, 41), (2, 42), (40, 80), (0, 80), (-1, 80), (5_001, 80)])
def test_one_left_out_that_does_not_tell_how_long_it_lasts_counts_as_long_as_the_one_before(told, lasting):
    clock = SampleClock(1000, longest=5_000)
    assert left_out(clock, [at(0, 40), at(40, 40)], at(80, told)) == [(40, lasting, 0, False)]


def test_one_left_out_that_ends_where_the_one_before_it_does_changes_nothing():
    assert left_out(SampleClock(1000), [at(0, 40)], at(20, 20)) == [(0, 40, 0, False)]
    assert left_out(SampleClock(1000), [at(0, 40)], at(20, 21)) == [(0, 41, 0, False)]
    assert left_out(SampleClock(1000), [at(40, 40)], at(39, 80)) == [(40, 40, 0, False)], "it lies before"
    assert left_out(SampleClock(1000, longest=5_000), [at(0, 40)], at(40, 4_960)) == [(0, 5_000, 0, False)]
    assert left_out(SampleClock(1000, longest=5_000), [at(0, 40)], at(40, 4_961)) == [(0, 40, 0, False)]


@pytest.mark.parametrize(("pause", "lasting"), [(1_000, 1_040), (1_001, 40)])
def test_one_left_out_behind_a_gap_changes_nothing(pause, lasting):
    assert left_out(SampleClock(1000), [at(0, 40)], at(pause, 40)) == [(0, lasting, 0, False)]


def test_one_left_out_that_is_presented_with_the_one_before_or_later_gives_it_its_time():
    picture = at(40, 40, offset=40)
    assert left_out(SampleClock(1000), [picture], at(80, 40, offset=0))[0][1] == 80
    assert left_out(SampleClock(1000), [picture], at(80, 40, offset=-1))[0][1] == 40


def test_what_was_presented_before_a_picture_gives_its_time_to_the_next_such():
    picture = at(40, 40, offset=80)
    after = at(120, 40, sync=False, offset=-1)  # presented just before the picture
    got = left_out(SampleClock(1000), [picture], at(80, 40, offset=0), [after])
    assert got == [(40, 40, 80, False), (80, 80, 39, False)]
    after = at(120, 40, sync=False, offset=0)  # presented with it
    got = left_out(SampleClock(1000), [picture], at(80, 40, offset=0), [after])
    assert got == [(40, 80, 80, False), (120, 40, 0, False)]


def test_of_several_that_were_left_out_the_first_one_tells_when():
    clock = SampleClock(1000)
    clock.push(at(40, 40, offset=200))
    clock.lengthen(at(80, 40))
    clock.lengthen(at(120, 40))
    assert run(clock, [at(160, 40, sync=False)]) == [(40, 40, 200, False), (80, 120, 80, False)]


# ---- gaps --------------------------------------------------------------------------------------------------


def test_a_day_ahead_is_a_gap_and_more_is_a_new_start():
    day = 86_400_000
    for ahead, expected in ((40 + day, 40 + day), (41 + day, 80)):
        later = [(ahead + 40 * n, 40) for n in range(26)]
        assert times(SampleClock(1000), (0, 40), (40, 40), *later)[2] == (expected, 40, 0, True)


@pytest.mark.parametrize("back", [40, 400, 10_000, 10_001, 10_000_000])
@pytest.mark.parametrize(("count", "jumps"), [(1, False), (5, False), (25, False), (26, True), (60, True)])
def test_what_is_back_for_more_than_5_frames_and_a_second_jumped(back, count, jumps):
    first = [(20_000_000, 40), (20_000_040, 40)]
    clock = SampleClock(1000)
    got = times(clock, *first, *((20_000_080 - back + 40 * n, 40) for n in range(count)))
    if back == 40:  # the one stamp that comes twice is the only one that is off
        assert [gap for *_, gap in got] == [False] * (count + 2)
    else:
        assert got == [(20_000_000 + 40 * n, 40, 0, jumps and n == 2) for n in range(count + 2)]


def test_after_a_flush_the_next_sample_follows_no_gap():
    clock = SampleClock(1000)
    clock.push(at(0, 40))
    assert clock.flush().duration == 40
    clock.push(at(40, 40))
    clock.push(at(80, 40))
    assert clock.after is None


def test_a_track_is_silent_when_more_than_the_longest_gap_has_passed():
    clock = SampleClock(1000)
    clock.push(at(0, 0))
    clock.push(at(40, 0))
    assert clock.release(10_040) is None
    last = clock.release(10_041)
    assert (last.decode_time, last.duration) == (40, 40)
    assert clock.release(20_000) is None, "nothing is held any more"
    long = SampleClock(1000)
    long.push(at(0, 20_000))
    assert long.release(30_000) is None
    assert long.release(30_001).duration == 20_000


def test_a_document_is_cut_and_other_media_are_let_go_before_a_time():
    document = SampleClock(1000, sparse=True)
    document.push(at(1_000, 0))
    assert document.cut(1_000) is None
    assert document.cut(1_001).duration == 1
    document.push(at(2_000, 300))
    assert document.cut(5_000).duration == 300
    sound = SampleClock(1000)
    sound.push(at(0, 0))
    assert sound.cut(10).duration == 40
    picture = SampleClock(1000)
    picture.push(at(0, 40, sync=False))
    assert picture.cut(5_000) is None


def test_counters_of_any_width():
    narrow = [one[0] for one in times(SampleClock(1000, timestamp_bits=1), 0, 1, 0)]
    assert sorted(set(narrow)) == narrow, "two values tell nothing, and nothing is lost"
    wide = SampleClock(1000, timestamp_bits=64)
    assert [one[0] for one in times(wide, 5, 45)] == [5, 45]


def test_a_first_time_beyond_any_epoch_is_refused():
    far = (1 << 41) * 1000
    for first in (far - 1, 1 - far):
        clock = SampleClock(1000)
        clock.push(at(first))
        assert clock.held.decode_time == first
    for first in (far, -far):
        with pytest.raises(MediaError, match="decode time"):
            SampleClock(1000).push(at(first))


def test_source_time_counts_restarts_and_wraps():
    clock = SampleClock(1000, timestamp_bits=8)
    times(clock, 200, 240, 24, 64)
    assert clock.source_time(Fraction(64, 1000)) == Fraction(320, 1000)
    anew = SampleClock(1000)
    times(anew, (50_000, 40), (50_040, 40), *((40 * n, 40) for n in range(26)))
    assert anew.source_time(Fraction(1)) == Fraction(51_080, 1000)


def test_the_last_sample_lasts_as_long_as_the_one_before_however_that_is_known():
    assert times(SampleClock(1000), (0, 30), (30, 30), (60, 0))[-1] == (60, 30, 0, False)
    assert times(SampleClock(1000), (0, 30), (35, 30), (70, 0))[-1] == (70, 35, 0, False)
    assert times(SampleClock(1000), 0, 50, 100)[-1] == (100, 50, 0, False)


def test_what_comes_after_a_sample_was_let_go_begins_where_that_one_ended():
    for time, begin in ((60, 80), (79, 80), (80, 80), (81, 81)):
        clock = SampleClock(1000)
        clock.push(at(0))
        clock.push(at(40))
        assert clock.release(10_041).duration == 40
        assert clock.push(at(time)) is None
        assert clock.held.decode_time == begin
        clock.push(at(10_000))
        clock.settle()
        assert [clock.after for _ in clock.ready()] == [Verdict.GAP], "it was given up, so what follows begins anew"


def test_nothing_comes_after_a_gap_before_anything_came():
    clock = SampleClock(1000)
    assert clock.after is None
    clock.push(at(0, 40))
    assert clock.after is None


def test_what_follows_a_sync_sample_whose_presentation_is_moved_follows_no_gap():
    clock = SampleClock(1000)
    samples = [at(0, 40, offset=100), at(40, 40), at(80, 40, sync=False), at(120, 40, sync=False)]
    assert run(clock, samples) == [
        (0, 40, 100, False), (40, 40, 60, False), (80, 40, 0, False), (120, 40, 0, False)
    ]  # fmt: skip


def test_the_shortest_gap_is_of_a_tick():
    clock = SampleClock(10, max_gap=Fraction(1, 100))
    samples = [at(0, 1), at(1, 1), at(3, 1), at(4, 1)]
    assert [gap for *_, gap in run(clock, samples)] == [False, False, True, False]


def test_what_is_let_go_lasts_until_now_at_most():
    clock = SampleClock(1000, max_gap=Fraction(1, 100))
    assert clock.push(at(0, 40)) is None
    assert clock.push(at(40)).duration == 40
    assert clock.release(50) is None
    assert clock.release(55).duration == 15
