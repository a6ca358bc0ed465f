"""Which samples a time range lets through, at its edges: each track by itself, in decoding order."""

import pytest

from onvif_bmff.media import Sample
from onvif_bmff.media.track import TrackType
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.playback.gate import SAME_TIME, RangeGate
from onvif_bmff.playback.played import PlayedSample, PlayedTrack
from onvif_bmff.timing import UtcTime

CLOCK = MediaClock(UtcTime(0), 0, 1_000)


def made_track(number, kind):
    return PlayedTrack(number, kind, 0, 1_000, None, "und", None)


VIDEO = made_track(0, TrackType.VIDEO)
AUDIO = made_track(1, TrackType.AUDIO)
SECOND_VIDEO = made_track(2, TrackType.VIDEO)


def one(time, *, sync=False, track=VIDEO, duration=40, offset=0):
    """A sample decoded at ``time`` (milliseconds), presented ``offset`` later."""
    return PlayedSample(track, Sample(track.number + 1, time, duration, b"x", sync, offset), CLOCK, 0)


def gate(start=None, end=None):
    return RangeGate(None if start is None else UtcTime(start * 1_000), None if end is None else UtcTime(end * 1_000))


def passed(found, samples):
    """Decode times of what a gate gives for samples."""
    return [played.sample.decode_time for sample in samples for played in found.push(sample)]


def flushed(found):
    return [played.sample.decode_time for played in found.flush()]


# ---- sync samples and losses -----------------------------------------------------------------------------


@pytest.mark.parametrize("end", [None, 10_000])
def test_nothing_passes_before_the_first_sync_sample(end):
    samples = [one(0), one(40), one(80, sync=True), one(120)]
    assert passed(gate(end=end), samples) == [80, 120]


@pytest.mark.parametrize("end", [None, 10_000])
def test_after_a_loss_a_track_goes_on_with_a_sync_sample(end):
    found = gate(end=end)
    assert passed(found, [one(0, sync=True), one(0, sync=True, track=AUDIO), one(40)]) == [0, 0, 40]
    found.interrupted()
    late = [one(200), one(200, track=AUDIO), one(240, sync=True), one(280), one(280, track=AUDIO)]
    assert passed(found, late) == [240, 280]


# ---- spans that overlap ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("time", "passes"), [(-1, False), (0, True), (1, True)])
def test_a_span_may_begin_a_little_before_the_one_before_it_ended(time, passes):
    """Keys are cut to milliseconds, so a span that follows may seem to begin that much earlier."""
    found = gate()
    found.open_span()
    assert passed(found, [one(0, sync=True, duration=100)]) == [0]
    found.open_span()
    begin = 100 - SAME_TIME // 1_000 + time
    assert passed(found, [one(begin, sync=True)]) == [begin] * passes


@pytest.mark.parametrize(("begin", "passes"), [(397, False), (398, True), (450, True), (501, True)])
def test_a_span_may_begin_100_ms_before_the_keys_say_that_the_one_before_it_ended(begin, passes):
    """The recorder followed its clock; by the clock of the first span's beginning that ended at 1000."""
    found = gate()
    passed(found, [one(0, sync=True, duration=1_000)])
    found.open_span(UtcTime(500_000))
    assert passed(found, [one(begin, sync=True), one(begin + 40)]) == [begin, begin + 40] * passes


def test_keys_that_are_not_those_of_a_followed_clock_say_nothing_of_an_overlap():
    """Of spans that overlap, ends may be taken for each other's."""
    found = gate()
    passed(found, [one(0, sync=True, duration=1_000)])
    found.open_span(UtcTime(399_000))
    assert passed(found, [one(500, sync=True), one(540), one(998, sync=True)]) == [998]


def test_what_overlaps_is_passed_over_up_to_the_next_sync_sample():
    found = gate()
    passed(found, [one(0, sync=True, duration=1_000)])
    found.open_span()
    samples = [one(800, sync=True), one(960), one(1_000), one(1_040), one(1_080, sync=True), one(1_120)]
    assert passed(found, samples) == [1_080, 1_120]
    assert passed(found, [one(900, sync=True)]) == [900], "the end of the older span is asked once"


def test_a_track_that_did_not_come_before_has_nothing_to_pass_over():
    found = gate()
    passed(found, [one(0, sync=True, duration=1_000)])
    found.open_span()
    assert passed(found, [one(0, sync=True, track=AUDIO)]) == [0]


def test_a_sample_that_is_passed_over_is_not_the_last_one():
    """A third span is held against what was given, not against what was passed over."""
    found = gate()
    passed(found, [one(0, sync=True, duration=1_000)])
    found.open_span()
    assert passed(found, [one(500, sync=True, duration=5_000)]) == []
    found.open_span()
    assert passed(found, [one(1_000, sync=True)]) == [1_000]


# ---- the start -------------------------------------------------------------------------------------------


def group(first, count=5):
    return [one(first + 40 * number, sync=not number) for number in range(count)]


@pytest.mark.parametrize(("start", "begins"), [(199, 0), (200, 200), (201, 200)])
def test_a_range_begins_with_the_last_sync_sample_at_or_before_its_start(start, begins):
    found = gate(start)
    times = passed(found, [*group(0), *group(200), *group(400)])
    assert times == list(range(begins, 600, 40))
    assert flushed(found) == []


def test_a_sample_at_the_start_opens_nothing_yet():
    """At the start itself a later one may still be the last before it: nothing passes until one is after it."""
    found = gate(200)
    assert passed(found, [*group(0), one(200, sync=True)]) == []
    assert flushed(found) == [200]
    found = gate(200)
    assert passed(found, [*group(0), one(201, sync=True)]) == [201], "what is over by the start is not wanted"


def test_a_sample_that_lasts_over_the_start_is_wanted():
    found = gate(200)
    assert passed(found, [one(0, sync=True, duration=201), one(201, sync=True)]) == [0, 201]
    found = gate(200)
    assert passed(found, [one(0, sync=True, duration=200), one(201, sync=True)]) == [201]


@pytest.mark.parametrize(("start", "kept"), [(1_080, True), (1_079, True), (1_081, False)])
def test_without_a_sync_sample_a_second_tells_that_a_picture_is_over(start, kept):
    """Pictures decoded later may be presented earlier, within a second."""
    found = gate(start)
    assert passed(found, [one(0, sync=True), one(40, duration=41), one(start + 1)]) == ([0, 40] if kept else []) + [
        start + 1
    ]


def test_the_start_is_about_presentation_and_the_longest_counts():
    found = gate(100)
    samples = [one(0, sync=True, offset=80), one(40, offset=160, duration=1_000), one(80, offset=0)]
    assert passed(found, samples[:1]) == []
    assert passed(found, samples[1:]) == [0, 40, 80]
    found = gate(100)
    waiting = [one(0, sync=True, offset=20, duration=200), one(20, offset=20, duration=20), one(300, sync=True)]
    assert passed(found, waiting) == [0, 20, 300]


def test_what_waits_at_the_end_of_the_recording_comes_if_it_lasts():
    for duration, expected in ((1_001, [0]), (1_000, []), (999, [])):
        found = gate(1_000)
        assert passed(found, [one(0, sync=True, duration=duration)]) == []
        assert flushed(found) == expected
        assert flushed(found) == [], "only once"


def test_video_that_waits_comes_with_the_first_sound_after_the_start():
    found = gate(1_000)
    before = [one(0, sync=True, duration=500), one(500, duration=700), one(960, sync=True, track=AUDIO)]
    assert passed(found, before) == []
    assert passed(found, [one(1_010, sync=True, track=AUDIO)]) == [0, 500, 1_010]
    assert passed(found, [one(1_200)]) == [1_200], "and goes on"
    assert flushed(found) == []


def test_video_that_has_nothing_left_at_the_first_sound_needs_a_sync_sample():
    """Its last picture is over a second and more before the start."""
    found = gate(3_000)
    assert passed(found, [one(0, sync=True), one(3_010, sync=True, track=AUDIO)]) == [3_010]
    assert passed(found, [one(3_020), one(3_060, sync=True)]) == [3_060]


def test_waiting_samples_of_several_tracks_come_in_decoding_order():
    found = gate(1_000)
    samples = [
        one(900, sync=True, duration=400),
        one(800, sync=True, duration=500, track=SECOND_VIDEO),
        one(950, sync=True, duration=400, track=AUDIO),
    ]
    assert passed(found, samples) == []
    assert passed(found, [one(1_001, sync=True, track=AUDIO)]) == [800, 900, 950, 1_001]


def test_sound_that_waits_does_not_come_with_video():
    found = gate(1_000)
    assert passed(found, [one(900, sync=True, duration=400, track=AUDIO), one(1_010, sync=True)]) == [1_010]
    assert flushed(found) == [900]


# ---- the end ---------------------------------------------------------------------------------------------


def test_a_range_ends_before_its_end():
    samples = [one(40 * number, sync=True, track=AUDIO) for number in range(10)]
    assert passed(gate(end=200), samples) == [0, 40, 80, 120, 160]
    assert passed(gate(end=201), samples) == [0, 40, 80, 120, 160, 200]


def test_pictures_decoded_after_the_end_come_where_a_later_one_is_presented_before_it():
    found = gate(end=200)
    samples = [one(0, sync=True), one(40, offset=160), one(80, offset=240), one(120, offset=79), one(160, offset=40)]
    assert [passed(found, [sample]) for sample in samples] == [[0], [], [], [40, 80, 120], []]
    assert not found.done


def test_sixteen_pictures_may_come_between():
    for many, expected in ((16, True), (17, False)):
        found = gate(end=1_000)
        late = [one(40 + number, offset=2_000) for number in range(many)]
        assert passed(found, [one(0, sync=True), *late]) == [0]
        assert found.done is not expected
        assert bool(passed(found, [one(200)])) is expected


def test_sound_is_done_with_its_first_sample_after_the_end():
    found = gate(end=1_000)
    assert not found.done, "nothing has come"
    assert passed(found, [one(960, sync=True, track=AUDIO), one(1_000, sync=True, track=AUDIO)]) == [960]
    assert found.done
    assert passed(found, [one(900, sync=True, track=AUDIO)]) == [], "what is done stays done"


def test_all_tracks_have_to_be_past_the_end():
    found = gate(end=1_000)
    passed(found, [one(0, sync=True), one(1_000, sync=True, track=AUDIO)])
    assert not found.done
    passed(found, [one(1_000 + number) for number in range(17)])
    assert found.done


def test_a_range_between_two_samples():
    """Nothing is presented in it but what was there before and lasts."""
    found = gate(100, 150)
    assert passed(found, [one(0, sync=True, duration=200), one(200, sync=True, duration=200)]) == [0]


def test_pictures_that_waited_behind_the_end_come_once():
    found = gate(end=200)
    samples = [one(0, sync=True), one(40, offset=160), one(80, offset=40), one(120, offset=100), one(160, offset=20)]
    assert [passed(found, [sample]) for sample in samples] == [[0], [], [40, 80], [], [120, 160]]


def test_video_that_is_over_for_less_than_a_second_may_go_on_behind_the_first_sound():
    """A picture that is decoded later may be presented at the start still, and needs those before it."""
    found = gate(3_000)
    assert passed(found, [one(2_000, sync=True, duration=900), one(3_010, sync=True, track=AUDIO)]) == [2_000, 3_010]
    assert passed(found, [one(3_020)]) == [3_020]


def test_when_a_picture_is_over_counts_from_its_presentation():
    found = gate(100)
    assert passed(found, [one(0, sync=True, offset=70, duration=40), one(101, sync=True)]) == [0, 101]


def test_times_are_kept_to_the_microsecond_around_1970():
    clock = MediaClock(UtcTime(0), 0, 1_000_000)
    track = PlayedTrack(0, TrackType.VIDEO, 0, 1_000_000, None, "und", None)
    for duration, wanted in ((101, True), (100, False)):
        found = RangeGate(UtcTime(0), None)
        assert not list(found.push(PlayedSample(track, Sample(1, -100, duration, b"x", True), clock, 0)))
        later = found.push(PlayedSample(track, Sample(1, 50, 40, b"x", True), clock, 0))
        assert [played.sample.decode_time for played in later] == [-100] * wanted + [50]


def test_keys_are_cut_by_less_than_two_milliseconds():
    assert SAME_TIME == 2_000
