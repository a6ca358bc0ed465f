"""Timestamps that do not simply follow: the decision by itself, and what becomes of cameras that cause it."""

import random
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recording_kit import (
    AUDIO,
    FORMATS,
    FRAME,
    META,
    MJPEG,
    MP4,
    SCALES,
    START,
    audio,
    metadata,
    mixed,
    of,
    target,
    video,
)
from support_recorded import check_recording

from onvif_bmff.errors import MediaError
from onvif_bmff.media import ClockOrigin, ClockReading
from onvif_bmff.recording.placing import moved_along, places
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.rhythm import Rhythm
from onvif_bmff.recording.stamps import (
    STAMPS,
    Bounds,
    Judgement,
    Neighbours,
    Situation,
    Verdict,
    gap_limit,
    is_denied,
    judge,
)
from onvif_bmff.recording.timing_faults import TimingFault
from onvif_bmff.storage import MemoryStore, StoreSink
from onvif_bmff.validation import validate_store

BOUNDS = Bounds(1000, 1 << 32)
SPARSE = Bounds(1000, 1 << 32, sparse=True)
DAY = 86_400_000

# ---- the decision ------------------------------------------------------------------------------------------


def line(start, count, step=40):
    return [start + step * n for n in range(count)]


@pytest.mark.parametrize(
    ("held_back", "situation", "off"),
    [
        ([40], Situation.FOLLOWS, 0),
        ([120], Situation.FOLLOWS, 0),
        ([121], Situation.UNDECIDED, 0),
        ([500, 540], Situation.UNDECIDED, 0),
        ([500, 80], Situation.RETURNS, 1),
        ([-3_000, 80], Situation.RETURNS, 1),
        ([3_600_000, 3_600_040, 3_600_080, 3_600_120, 3_600_160, 240], Situation.RETURNS, 5),
        (line(1_000, 26), Situation.PAUSE, 0),
        (line(1_001, 26), Situation.SILENCE, 0),
        (line(1_001, 25), Situation.UNDECIDED, 0),
        (line(DAY, 26), Situation.SILENCE, 0),
        (line(DAY + 1, 26), Situation.AHEAD, 0),
        (line(-160, 26), Situation.BACK, 0),
        ([0, *line(40, 1)], Situation.RETURNS, 1),
        ([77_000, *line(-5_000, 26)], Situation.BACK, 1),
        ([3_600_000, *line(9_000, 26)], Situation.SILENCE, 1),
        ([n * n * 77_777 % 1_000_003 + 10_000 for n in range(30)], Situation.UNDECIDED, 0),
        ([n * n * 77_777 % 1_000_003 + 10_000 for n in range(31)], Situation.STRAY, 1),
    ],
)
def test_the_situations(held_back, situation, off):
    found = judge(held_back, Neighbours(0, 40), BOUNDS)
    assert (found.situation, found.off) == (situation, off)


@pytest.mark.parametrize(
    ("held_back", "situation"),
    [([40], Situation.FOLLOWS), ([900], Situation.PAUSE), ([9_000], Situation.SILENCE), ([DAY + 1], Situation.STRAY),
     ([0], Situation.STRAY), ([-40, -80], Situation.STRAY)],
)  # fmt: skip
def test_where_the_media_end_there_is_an_answer(held_back, situation):
    assert judge(held_back, Neighbours(0, 40), BOUNDS, ended=True).situation is situation


@pytest.mark.parametrize(("back", "situation"), [(130, Situation.RETURNS), (400, Situation.BACK)])
def test_stamps_that_are_shaken_were_not_set_back_unless_by_more_than_they_are_shaken(back, situation):
    """Off by up to 80 ms at 60 a second, and early by half a frame more at the end, so that none is expected."""
    shaken = [80, -80, 60, -60, 40, -40, 20, -20, 0, -70]
    stamps = [17 * (n + 1) - back + shaken[n % 10] for n in range(64)]
    stamps.append(17 * 65 - back - 80)
    assert judge(stamps, Neighbours(0, 17), BOUNDS).situation is situation
    assert judge(line(17 - back, 65, 17), Neighbours(0, 17), BOUNDS).situation is Situation.BACK


@pytest.mark.parametrize(
    ("later", "while_it_goes_on", "at_the_end"),
    [
        (1_000, Situation.FOLLOWS, Situation.FOLLOWS),
        (1_001, Situation.UNDECIDED, Situation.FOLLOWS),
        (60_000, Situation.UNDECIDED, Situation.FOLLOWS),
        (60_001, Situation.UNDECIDED, Situation.SILENCE),
        (DAY + 1, Situation.UNDECIDED, Situation.STRAY),
    ],
)
def test_of_two_samples_nothing_tells_a_gap(later, while_it_goes_on, at_the_end):
    assert judge([later], Neighbours(0, 0), BOUNDS).situation is while_it_goes_on
    assert judge([later], Neighbours(0, 0), BOUNDS, ended=True).situation is at_the_end


@pytest.mark.parametrize(
    ("read_off", "others", "situation"),
    [
        (-5_000, {}, Situation.AHEAD),
        (-4_000, {}, Situation.AHEAD),
        (-3_999, {}, Situation.SILENCE),  # more than a gap is left
        (0, {}, Situation.SILENCE),
        (-5_000, {"reached": 40, "stamped": 6_000}, Situation.AHEAD),
        (-5_000, {"reached": 5_000, "stamped": 6_000}, Situation.SILENCE),  # another was judged to be there
        (-5_000, {"reached": 40, "stamped": 6_000, "wavers": True}, Situation.UNDECIDED),
        (0, {"reached": 40, "stamped": 6_000}, Situation.SILENCE),
        (0, {"reached": 1_000, "stamped": 1_000, "gone_on": True}, Situation.AHEAD),
    ],
)
def test_a_reading_beside_stamps_in_doubt_tells_a_step_from_a_gap(read_off, others, situation):
    around = Neighbours(0, 40, read_off=read_off, **others)
    assert judge(line(5_000, 26), around, BOUNDS).situation is situation
    assert judge(line(5_000, 52), around, BOUNDS).situation is (
        Situation.AHEAD if situation is Situation.UNDECIDED else situation
    ), "it does not wait for longer"


@pytest.mark.parametrize(("gap", "off", "denied"), [(1_040, -541, True), (1_040, -539, False), (8_000, -6_000, True)])
def test_a_reading_need_not_be_exact(gap, off, denied):
    assert is_denied(Fraction(gap, 1000), Fraction(off, 1000)) is denied


def test_other_tracks_confirm_a_gap_or_contradict_it():
    ahead = line(5_000, 26)
    assert judge(ahead[:1], Neighbours(0, 40, reached=5_000), BOUNDS).situation is Situation.SILENCE
    assert judge(ahead[:1], Neighbours(0, 40, reached=4_999), BOUNDS).situation is Situation.UNDECIDED
    slow = line(60_000, 3, 600)
    assert judge(slow, Neighbours(0, 600, stamped=61_000), BOUNDS).situation is Situation.SILENCE
    assert judge(slow, Neighbours(0, 600, stamped=59_000), BOUNDS).situation is Situation.UNDECIDED
    assert judge(ahead, Neighbours(0, 40, 1_000, 1_000, gone_on=True), BOUNDS).situation is Situation.AHEAD
    assert judge(ahead, Neighbours(0, 40, 40, 40, gone_on=False), BOUNDS).situation is Situation.SILENCE
    near = line(1_200, 27)
    for stamped, situation in ((1_040, Situation.AHEAD), (1_600, Situation.AHEAD), (2_000, Situation.SILENCE)):
        around = Neighbours(0, 40, 1_000, stamped, gone_on=True)
        assert judge(near, around, BOUNDS).situation is situation


@pytest.mark.parametrize("step", [1_001, 1_200, 2_000, 2_100, 3_000])
@pytest.mark.parametrize(
    ("others", "situation"),
    [
        (0, Situation.AHEAD),  # they went on: the clock of this track alone was set
        (0.4, Situation.AHEAD),
        (0.6, Situation.SILENCE),  # they come as late as that
        (1, Situation.SILENCE),  # they went on while this one paused, or paused as well
    ],
)
def test_a_gap_is_contradicted_by_where_other_tracks_were_when_it_was_over(step, others, situation):
    """A second later, when it is decided, they have gone on by a second, which says nothing."""
    ahead = line(step, 26)
    around = Neighbours(0, 40, stamped=round(others * step) + 1_000, gone_on=True)
    assert judge(ahead, around, BOUNDS).situation is situation


@pytest.mark.parametrize(
    ("held_back", "situation", "off"),
    [
        ([10_000], Situation.FOLLOWS, 0),
        ([10_001], Situation.UNDECIDED, 0),
        ([10_001, 10_002], Situation.FOLLOWS, 1),
        ([3_600_000, 700], Situation.RETURNS, 1),
        ([-700], Situation.UNDECIDED, 0),
        ([-700, -600, -500, -400, -300, -200], Situation.BACK, 0),
        ([DAY + 1, DAY + 2], Situation.AHEAD, 0),
    ],
)
def test_documents(held_back, situation, off):
    found = judge(held_back, Neighbours(0, 40), SPARSE)
    assert (found.situation, found.off) == (situation, off)


@pytest.mark.parametrize(
    ("situation", "stamps", "put", "before"),
    [
        (Situation.RETURNS, [9_000, 80], [40], 1),
        (Situation.RETURNS, [9_000, -70, 160], [53, 106], 2),
        (Situation.PAUSE, [0, 500], [40], 1),
        (Situation.PAUSE, [501, 500], [460], 0),
        (Situation.PAUSE, [9_000, 500], [250], 1),
        (Situation.SILENCE, [0, 5_000], [40], 1),
        (Situation.SILENCE, [5_001, 5_000], [4_960], 0),
        (Situation.SILENCE, [0, 5_060, 5_000], [40, 4_960], 1),
        (Situation.SILENCE, [70_000, 5_000], [40], 1),
        (Situation.BACK, [77_000, 80], [40], 1),
    ],
)
def test_samples_that_are_off_are_put_where_they_are_nearer_to_their_stamps(situation, stamps, put, before):
    assert places(Judgement(situation, len(stamps) - 1), stamps, 0, 40) == (put, before)


@pytest.mark.parametrize(
    ("held_back", "around", "situation", "off"),
    [
        ([-260], Neighbours(0, 40, moved=300), Situation.ALONG, 0),
        ([-260], Neighbours(0, 40), Situation.UNDECIDED, 0),
        ([-300, -220], Neighbours(0, 40, moved=300), Situation.ALONG, 1),
        ([240], Neighbours(0, 40, moved=300), Situation.UNDECIDED, 0),
        ([580], Neighbours(0, 40, moved=-1), Situation.UNDECIDED, 0),
        ([5_040], Neighbours(0, 40, moved=-5_000), Situation.ALONG, 0),
        ([5_040], Neighbours(0, 40, 5_040, moved=300), Situation.SILENCE, 0),
    ],
)
def test_a_track_goes_along_with_one_whose_clock_was_set(held_back, around, situation, off):
    for ended in (False, True)[: 1 + (situation is Situation.ALONG)]:
        found = judge(held_back, around, BOUNDS, ended=ended)
        assert (found.situation, found.off) == (situation, off)


def test_uneven_stamps_wait_for_another_track_that_goes_back():
    shaken = [40 * (n + 1) - 110 + 25 * (n % 3) for n in range(30)]
    assert judge(shaken, Neighbours(0, 40), BOUNDS).situation is Situation.RETURNS
    assert judge(shaken, Neighbours(0, 40, set_back=True), BOUNDS).situation is Situation.UNDECIDED
    assert judge(shaken, Neighbours(0, 40, set_back=True), BOUNDS, ended=True).situation is Situation.RETURNS


@pytest.mark.parametrize(
    ("document", "stamped", "judged", "by"),
    [
        (1_000, 1_000, 1_000, 0),
        (1_000, 1_020, 4_020, 3_000),
        (4_000, 1_020, 4_020, 0),
        (4_000, 4_020, 1_020, -3_000),
        (3_000, 1_000, 5_000, 0),
    ],
)
def test_documents_are_moved_as_the_media_that_they_were_stamped_with(document, stamped, judged, by):
    assert moved_along(document, stamped, judged) == by


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(-(1 << 40), 1 << 40) | st.integers(-200, 2_000), min_size=1, max_size=60),
    st.integers(0, 5_000),
    st.booleans(),
    st.booleans(),
)
def test_any_stamps_have_an_answer_that_can_be_carried_out(held_back, nominal, ended, sparse):
    found = judge(held_back, Neighbours(0, nominal), SPARSE if sparse else BOUNDS, ended=ended)
    assert found.verdict is not Verdict.WAIT or not ended
    if found.verdict is Verdict.WAIT:
        return
    assert found.off + found.stands >= 1
    assert found.off + found.stands <= len(held_back)
    if found.stands and found.verdict is not Verdict.DISCONTINUITY:
        assert held_back[found.off] > found.off, "there is room for those that are off"
    if found.verdict is Verdict.KEEP:
        kept = [0, *held_back[: found.off + 1]]
        assert kept == sorted(set(kept))


def test_each_situation_has_a_verdict():
    assert set(STAMPS) == set(Situation)
    assert set(STAMPS.values()) == set(Verdict)


@pytest.mark.parametrize(
    ("nominal", "limit"),
    [(0, 1_000), (20, 1_000), (333, 1_000), (334, 1_002), (1_000, 3_000), (3_000, 9_000), (4_000, 10_000),
     (6_666, 10_000), (6_668, 10_002), (20_000, 30_000)],
)  # fmt: skip
def test_the_longest_interval_that_is_no_gap(nominal, limit):
    assert gap_limit(nominal, BOUNDS) == limit
    assert gap_limit(nominal, replace(BOUNDS, max_gap=500)) == 500
    assert gap_limit(nominal, replace(BOUNDS, longest=400)) == 400


# ---- the nominal duration ----------------------------------------------------------------------------------


@given(st.lists(st.sampled_from((40, 40, 40, 33, 100)) | st.integers(1, 2_000), min_size=1, max_size=60))
def test_the_nominal_duration_is_the_median_of_the_last_16(durations):
    """Also where those that are nominal are not noted, but counted."""
    rhythm, time = Rhythm(BOUNDS), 0
    rhythm.begin(0, 0)
    for duration in durations:
        if duration != rhythm.nominal:
            rhythm.note(time, duration)
        time += duration
    last = sorted(durations[-16:])
    assert rhythm.now(time) == last[len(last) // 2]


@given(st.lists(st.integers(0, 16), min_size=80, max_size=120))
def test_later_samples_are_expected_by_the_average_where_stamps_are_shaken(shaken):
    rhythm = Rhythm(BOUNDS)
    rhythm.begin(0, 0)
    times = [40 * number + by for number, by in enumerate(shaken)]
    for time, later in pairwise(times):
        if later - time != rhythm.nominal:
            rhythm.note(time, later - time)
    rhythm.now(times[-1])
    assert abs(rhythm.pace - 40) <= 2


# ---- cameras -----------------------------------------------------------------------------------------------

LONG_AGO = 20_000


def pictures(seconds, **more):
    return [replace(one, data=b"\xff\xd8" + one.data, **more) for one in video(seconds, start=LONG_AGO)]


PICTURES, SOUND = pictures(8, duration=0), audio(8, start=LONG_AGO, duration=0)


def moved(by, which, samples=PICTURES):
    """Samples of which some have other stamps, by so many seconds."""
    return [
        replace(one, decode_time=one.decode_time + round(by * SCALES[one.track_id])) if which(number) else one
        for number, one in enumerate(samples)
    ]


def recorded(samples, chosen, tracks=(MJPEG,), **options):
    """The spans of a recording in which every sample is stored or counted, and in which nothing is wrong."""
    recorder = Recorder(tracks, target(chosen, segment=4), **options)
    recorder.activate(START, media_time=Fraction(LONG_AGO))
    events = [event for one in samples for event in recorder.push(one)] + recorder.deactivate()
    spans = check_recording(events)
    stored = sum(len(span.samples()) for span in spans)
    assert stored + sum(recorder.dropped.values()) == len(samples)
    store = MemoryStore()
    with StoreSink(store) as sink:
        sink.add_all(events)
    assert [finding for finding in validate_store(store) if finding.level.value == "error"] == []
    return spans, recorder


def spacing(spans, track_id=1):
    """How far pictures are apart, in ticks of 90 kHz."""
    return [
        round((later.presented - earlier.presented) * 90_000 / span.timescale)
        for span in spans
        if track_id in span.kinds
        for earlier, later in pairwise(span.samples(track_id))
    ]


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("by", [-9_800, 37_600, -20, 20, -9, 9, -3, 2, -0.5, 0.5, -3_600, 3_600 * 30])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_stamps_that_are_off_once_in_two_seconds_move_nothing(chosen, by, count):
    """DVRs do so, by hours; Wyze's cameras by three seconds, for some pictures."""
    spans, recorder = recorded(moved(by, lambda n: n >= 25 and 0 <= n % 50 - 30 < count), chosen)
    assert [len(span.samples()) for span in spans] == [200]
    assert set(spacing(spans)) == {FRAME}
    assert recorder.timing == {TimingFault.RESTAMPED: 4 * count}
    assert [segment.obj.key.time - START for segment in spans[0].segments] == [
        segment.obj.attributes.duration * n for n, segment in enumerate(spans[0].segments)
    ]


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("by", [-0.2, -0.5, -1.5, -2, -9.5, -3_600, -10_000])
def test_a_step_back_that_lasts_opens_a_span_at_the_right_time(chosen, by):
    spans, recorder = recorded(moved(by, lambda n: n >= 110), chosen)
    assert [len(span.samples()) for span in spans] == [125, 75], "up to the next sync sample the old span goes on"
    assert not recorder.dropped
    assert set(spacing(spans)) == {FRAME}
    assert [(span.segments[0].obj.key.time - START).total_seconds() for span in spans] == [0, 5]
    assert recorder.timing == {TimingFault.DISCONTINUITY: 1}


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize(("by", "gap"), [(0.2, False), (0.9, False), (1, True), (1.5, True), (9.5, True), (60, True)])
def test_a_step_ahead_is_a_pause_or_a_gap(chosen, by, gap):
    spans, recorder = recorded(moved(by, lambda n: n >= 110), chosen)
    assert len(spans) == 1 + gap
    assert max(spacing(spans)) == (FRAME if gap else FRAME + by * 90_000)
    assert recorder.timing == ({TimingFault.GAP: 1} if gap else {})


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("seed", range(5))
def test_jitter_makes_no_picture_a_tick_long(chosen, seed):
    chance = random.Random(seed)
    samples = [replace(one, decode_time=one.decode_time + chance.randint(-4_000, 4_000)) for one in PICTURES]
    rising = [later.decode_time - earlier.decode_time for earlier, later in pairwise(samples)]
    spans, recorder = recorded(samples, chosen)
    assert [len(span.samples()) for span in spans] == [200]
    assert not recorder.dropped
    closest = min(step for step in rising if step > 0)
    assert min(spacing(spans)) >= min(closest, FRAME // 4), "closer only where they were sent so"
    assert max(spacing(spans)) <= max(rising)


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("by", [-3_600, 3_600, 100_000, -100_000])
def test_a_first_stamp_that_is_off_moves_nothing(chosen, by):
    spans, _ = recorded(moved(by, lambda n: n == 0), chosen)
    assert [len(span.samples()) for span in spans] == [200]
    assert spans[0].segments[0].obj.key.time == START


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_a_clock_that_stands_still_or_says_anything_is_replaced_by_even_steps(chosen):
    for samples in (
        [replace(one, decode_time=5) for one in PICTURES],
        [replace(one, decode_time=7 if n else 0) for n, one in enumerate(PICTURES)],
    ):
        spans, _ = recorded(samples, chosen)
        assert [len(span.samples()) for span in spans] == [200]
        assert min(spacing(spans)[2:]) >= FRAME // 2
    chance = random.Random(1)
    spans, _ = recorded([replace(one, decode_time=chance.randrange(1 << 32)) for one in PICTURES], chosen)
    assert sum(len(span.samples()) for span in spans) >= 190


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_one_picture_in_20_seconds_is_one_span(chosen):
    samples = [replace(one, decode_time=(LONG_AGO + n * 20) * 90_000, sync=True) for n, one in enumerate(PICTURES[:60])]
    spans, recorder = recorded(samples, chosen)
    assert [len(span.samples()) for span in spans] == [60]
    assert not recorder.timing


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("pause", [0.4, 0.98])
def test_sound_that_is_sent_where_there_is_any_has_no_gaps(chosen, pause):
    """Opus with discontinuous transmission: bursts of packets, and one in 400 ms between."""
    at, times = Fraction(LONG_AGO), []
    for number in range(400):
        times.append(at)
        at += Fraction(pause) if number // 50 % 2 else Fraction(1, 50)
    samples = [replace(SOUND[0], decode_time=round(time * 48_000), data=b"%d" % n) for n, time in enumerate(times)]
    spans, recorder = recorded(samples, chosen, tracks=(AUDIO,))
    assert [len(span.samples()) for span in spans] == [400]
    assert not recorder.timing


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("seconds", [1.1, 3, 9, 30])
@pytest.mark.parametrize("stated", [False, True])
def test_a_pause_of_the_whole_source_ends_all_spans(chosen, seconds, stated):
    more = {} if stated else {"duration": 0}
    both = mixed(pictures(20, **more), audio(20, start=LONG_AGO, duration=None if stated else 0))
    silent = (LONG_AGO + 8, LONG_AGO + 8 + seconds)
    samples = [one for one in both if not silent[0] <= one.decode_time / SCALES[one.track_id] < silent[1]]
    spans, recorder = recorded(samples, chosen, tracks=(MJPEG, AUDIO))
    assert recorder.timing == ({TimingFault.GAP: 2} if seconds < 12 else {})
    for span in spans:
        longest = max(one.duration for one in span.samples()) / span.timescale
        assert longest <= 0.041, "the one before a gap lasts as long as samples usually do"


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("pause", [3, 9, 15])
def test_no_sound_lands_in_an_object_that_is_seconds_younger(chosen, pause):
    """Sound pauses, pictures go on: what was heard before is stored where it was heard."""
    longer, more = pictures(24, duration=0), audio(24, start=LONG_AGO, duration=0)
    sound = [one for one in more if not 3 <= one.decode_time / 48_000 - LONG_AGO < 3 + pause]
    spans, _ = recorded(mixed(longer, sound), chosen, tracks=(MJPEG, AUDIO))
    for span in of(spans, "mp4" if chosen is MP4 else "m4a"):
        for segment in span.segments:
            first = min(one.presented for one in segment.samples if one.track_id == (1 if chosen is MP4 else 2))
            for one in segment.samples:
                assert (first - one.presented) / span.timescale <= 0.05


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("by", [-3_600, -3, 3, 3_600])
def test_tracks_whose_clock_is_set_together_stay_in_step(chosen, by):
    both = mixed(PICTURES, SOUND)
    _, recorder = recorded(moved(by, lambda n: n >= 250, both), chosen, tracks=(MJPEG, AUDIO))
    assert sum(recorder.timing.values()) == 2
    kinds = {TimingFault.GAP} if by > 0 else {TimingFault.DISCONTINUITY}
    assert set(recorder.timing) == kinds


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("track_id", [1, 2])
def test_one_track_whose_clock_is_set_ahead_has_no_gap(chosen, track_id):
    both = mixed(PICTURES, SOUND)
    samples = [
        replace(one, decode_time=one.decode_time + 3_600 * SCALES[track_id])
        if n >= 250 and one.track_id == track_id
        else one
        for n, one in enumerate(both)
    ]
    spans, recorder = recorded(samples, chosen, tracks=(MJPEG, AUDIO))
    assert recorder.timing == {TimingFault.DISCONTINUITY: 1}
    last = max(span.end.key.time for span in spans)
    assert abs((last - START).total_seconds() - 8) < 0.1


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("between", [6, 12, 24])
@pytest.mark.parametrize(("first", "second"), [(1.6, 11), (11, 1.6), (0.5, 3)])
def test_two_pauses_within_a_second_are_two(chosen, between, first, second):
    """What came between them was on a line of its own, too shortly to tell by itself, and never came back."""
    ends = 105 + between
    samples = [
        replace(
            one, decode_time=one.decode_time + round(((n >= 105) * first + (n >= ends) * second) * 90_000), sync=True
        )
        for n, one in enumerate(PICTURES)
    ]
    spans, recorder = recorded(samples, chosen)
    assert not recorder.dropped
    assert recorder.timing == {TimingFault.GAP: (first > 1) + (second > 1)}
    found = [
        (segment.obj.key.time - START).total_seconds() + (one.presented - segment.samples[0].presented) / span.timescale
        for span in spans
        for segment in span.segments
        for one in segment.samples
    ]
    assert found == pytest.approx([one.decode_time / 90_000 - LONG_AGO for one in samples], abs=0.001)


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_a_document_with_a_stamp_hours_ahead_is_put_between_its_neighbours(chosen):
    notes = [replace(one, decode_time=one.decode_time + LONG_AGO * 1_000, data=b"<a/>") for one in metadata(*range(8))]
    notes[3] = replace(notes[3], decode_time=notes[3].decode_time + 10_800_000)
    order = {id(one): one.decode_time / SCALES[one.track_id] for one in [*PICTURES, *notes]}
    order[id(notes[3])] -= 10_800
    samples = sorted([*PICTURES, *notes], key=lambda one: order[id(one)])
    spans, recorder = recorded(samples, chosen, tracks=(MJPEG, META))
    assert recorder.timing == {TimingFault.RESTAMPED: 1}
    found = [one for span in spans for one in span.samples(META.track_id)]
    assert len(found) == 8


def shown(spans, chosen):
    """Seconds from the beginning at which the documents are said to have happened."""
    for span in of(spans, "mp4" if chosen is MP4 else "m4m"):
        for segment in span.segments:
            first = next(one for one in segment.samples if one.track_id == (1 if chosen is MP4 else META.track_id))
            key = (segment.obj.key.time - START).total_seconds()
            for one in segment.samples:
                if one.track_id == META.track_id:
                    yield key + (one.presented - first.presented) / span.timescale


def rare_documents(by, which):
    """Pictures of 60 s, and a document each 6 s, of which some are stamped otherwise; segments are shorter."""
    pictures_, sent = pictures(60, duration=0), range(0, 60, 6)
    notes = [replace(one, decode_time=one.decode_time + LONG_AGO * 1_000, data=b"<a/>") for one in metadata(*sent)]
    off = {id(one) for number, one in enumerate(notes) if number in which}
    both = mixed(pictures_, notes)
    return [replace(one, decode_time=one.decode_time + by * 1_000) if id(one) in off else one for one in both]


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("by", [-3_600, -30, 2 * 86_400])
def test_a_lone_document_whose_stamp_is_off_moves_no_others_where_its_segment_ended_before(chosen, by):
    spans, recorder = recorded(rare_documents(by, {4}), chosen, tracks=(MJPEG, META))
    assert recorder.timing == {TimingFault.RESTAMPED: 1}
    found = list(shown(spans, chosen))
    assert found[4] == pytest.approx(24, abs=3)
    assert found[:4] + found[5:] == pytest.approx([0, 6, 12, 18, 30, 36, 42, 48, 54], abs=0.05)


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_documents_whose_clock_is_set_back_are_evenly_spaced_from_the_second_one_on(chosen):
    spans, recorder = recorded(rare_documents(-3_600, set(range(4, 10))), chosen, tracks=(MJPEG, META))
    first = {TimingFault.RESTAMPED: 1} if chosen is MP4 else {}  # in CMAF the segment goes on until it is known
    assert recorder.timing == {TimingFault.DISCONTINUITY: 1, **first}
    found = list(shown(spans, chosen))
    assert found == pytest.approx(list(range(0, 60, 6)), abs=3 if chosen is MP4 else 6)
    assert [later - one for one, later in pairwise(found[5:])] == pytest.approx([6] * 4, abs=0.05)


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize(("by", "every"), [(-0.4, 1), (-7, 1), (-7, 3), (-3_600, 2), (2 * 86_400, 1)])
def test_documents_go_along_where_the_clock_of_the_media_is_set(chosen, by, every):
    pictures_, sent = pictures(20, duration=0), range(0, 20, every)
    notes = [replace(one, decode_time=one.decode_time + LONG_AGO * 1_000, data=b"<a/>") for one in metadata(*sent)]
    both = mixed(pictures_, notes)
    place = both.index(pictures_[260])
    spans, recorder = recorded(moved(by, lambda n: n >= place, both), chosen, tracks=(MJPEG, META))
    assert recorder.timing == {TimingFault.DISCONTINUITY: 1}
    assert list(shown(spans, chosen)) == pytest.approx(list(sent), abs=0.05)


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("by", [3_600, -3_600])
def test_documents_wait_with_rare_pictures_until_it_is_known_whether_their_clock_was_set(chosen, by):
    """It takes 6 pictures, which last longer than two documents; readings say that there was no gap."""
    sent = range(0, 60, 4)
    shots = [replace(one, decode_time=one.decode_time + n * 86_400) for n, one in enumerate(PICTURES[:60])]
    notes = [replace(one, decode_time=one.decode_time + LONG_AGO * 1_000, data=b"<a/>") for one in metadata(*sent)]
    samples = moved(by, lambda n: n >= 30, mixed(shots, notes))
    recorder, events = Recorder((MJPEG, META), target(chosen, segment=4)), []
    recorder.activate(START, media_time=Fraction(LONG_AGO))
    for number, one in enumerate(samples):
        media = Fraction(one.decode_time, SCALES[one.track_id])
        passed = media - LONG_AGO - (by if number >= 30 else 0)
        if one.track_id == 1:
            utc = START.plus_microseconds(int(passed * 10**6))
            events += recorder.read_clock(ClockReading(1, media, utc, ClockOrigin.ARRIVAL))
        events += recorder.push(one)
    events += recorder.deactivate()
    assert not recorder.dropped
    assert list(shown(check_recording(events), chosen)) == pytest.approx(list(sent), abs=0.05)


def test_what_is_held_back_is_bounded():
    """Sixteen megabytes, or a thousand samples: then it is decided."""
    recorder = Recorder([MJPEG], target())
    recorder.activate(START)
    for one in PICTURES[:50]:
        recorder.push(one)
    big = [replace(one, decode_time=one.decode_time - 90_000 * 50, data=bytes(3 << 20)) for one in PICTURES[50:58]]
    assert sum(len(recorder.push(one)) > 0 for one in big) > 0
    many = Recorder([replace(MJPEG, timescale=1_000_000)], target())
    many.activate(START)
    for number in range(1_200):
        many.push(replace(PICTURES[0], decode_time=0, data=b"%d" % number))
    assert many.timing[TimingFault.RESTAMPED] >= 1_000


@pytest.mark.parametrize(
    ("of_target", "of_recorder", "spans"), [(None, None, 2), (10, None, 1), (2, None, 2), (2, 10, 1)]
)
def test_the_longest_gap_is_an_option_of_the_target_and_of_the_recorder(of_target, of_recorder, spans):
    samples = moved(3, lambda n: n >= 100)
    wanted = replace(target(), max_gap=None if of_target is None else timedelta(seconds=of_target))
    recorder = Recorder([MJPEG], wanted, max_gap=None if of_recorder is None else Fraction(of_recorder))
    recorder.activate(START)
    events = [event for one in samples for event in recorder.push(one)] + recorder.deactivate()
    assert len(check_recording(events)) == spans


def test_a_longest_gap_that_is_none():
    with pytest.raises(MediaError, match="gap"):
        replace(target(), max_gap=timedelta(0))
