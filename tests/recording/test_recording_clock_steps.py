"""A source whose clock is set inside a group of pictures: nothing is lost, and new spans begin with the next group."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from recording_kit import AUDIO, FORMATS, META, SCALES, SECOND, START, VIDEO, audio, metadata, mixed, of, target, video
from support_recorded import check_recording

from onvif_bmff.media import ClockOrigin, ClockReading
from onvif_bmff.recording.cuts import CUTS, CutCause, Moment, Spans
from onvif_bmff.recording.formats import MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.timing_faults import TimingFault

BOTH = pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
EPOCH = 100_000
"""Seconds that the source's counter has when the recording begins."""
AT = Fraction(52, 10)
"""Seconds after the beginning at which a clock is set: inside a group of pictures."""

AHEAD = 1
"""Seconds of sound in CMAF that may be stored already when it is known where the clock of the pictures was set."""


def sent(*tracks, seconds=12):
    """What a source sends of each track, in order."""
    made = {
        1: video(seconds, start=EPOCH, duration=0),
        2: audio(seconds, start=EPOCH, duration=0),
        3: metadata(*(EPOCH + second for second in range(seconds))),
    }
    return mixed(*(made[track.track_id] for track in tracks))


def stepped(samples, by, *track_ids, at=AT):
    """Samples of tracks whose counters step by so many seconds."""
    return [
        replace(one, decode_time=one.decode_time + round(by * SCALES[one.track_id]))
        if one.track_id in track_ids and one.decode_time >= (EPOCH + at) * SCALES[one.track_id]
        else one
        for one in samples
    ]


def recorded(tracks, samples, chosen, readings=()):
    """The spans of a recording, and the recorder; ``readings`` are pairs of (sample, reading before it)."""
    recorder = Recorder(tracks, target(chosen, segment=60))
    recorder.activate(START, media_time=Fraction(EPOCH))
    events, todo = [], dict(readings)
    for number, sample in enumerate(samples):
        if number in todo:
            events += recorder.read_clock(todo[number])
        events += recorder.push(sample)
    events += recorder.deactivate()
    return check_recording(events, in_step=False), recorder


def shown(spans, track_id, chosen):
    """When each sample of a track is shown, in seconds after the start."""
    extension = "mp4" if chosen is MP4 else {1: "m4v", 2: "m4a", 3: "m4m"}[track_id]
    found = []
    for span in of(spans, extension):
        for segment in span.segments:
            first = next(one for one in segment.samples if one.track_id == (1 if chosen is MP4 else track_id))
            key = (segment.obj.key.time - START) / SECOND
            found += [
                key + (one.presented - first.presented) / span.timescale
                for one in segment.samples
                if one.track_id == track_id
            ]
    return found


@BOTH
@pytest.mark.parametrize("by", [-2, -1_000, 100_000])
@pytest.mark.parametrize("tracks", [(VIDEO,), (VIDEO, AUDIO), (VIDEO, AUDIO, META)], ids=lambda given: str(len(given)))
def test_all_go_on_where_they_were_and_new_spans_begin_with_the_next_group(chosen, by, tracks):
    samples = stepped(sent(*tracks), by, 1, 2, 3)
    spans, recorder = recorded(tracks, samples, chosen)
    assert not recorder.dropped
    assert recorder.timing.keys() == {TimingFault.DISCONTINUITY}
    for extension in {span.extension for span in spans}:
        first, second = of(spans, extension)
        begins, ends = (second.segments[0].obj.key.time - START) / SECOND, (first.end.key.time - START) / SECOND
        assert 6 <= begins <= 6 + (AHEAD if extension == "m4a" else 0.001)
        assert begins == pytest.approx(ends, abs=0.022)
    for track in tracks:
        nominal = {1: 0.04, 2: 1_024 / 48_000, 3: 1}[track.track_id]
        times = shown(spans, track.track_id, chosen)
        assert len(times) == sum(one.track_id == track.track_id for one in samples)
        apart, near = [later - before for before, later in pairwise(times)], 0.1 if track is META else 0.001
        assert apart == pytest.approx([nominal] * len(apart), abs=near)


@BOTH
@pytest.mark.parametrize("by", [-2, 3])
def test_sound_alone_goes_on_in_its_span(chosen, by):
    samples = stepped(sent(VIDEO, AUDIO), by, 2)
    spans, recorder = recorded((VIDEO, AUDIO), samples, chosen)
    assert recorder.timing == {TimingFault.DISCONTINUITY: 1}
    assert not recorder.dropped
    assert len(spans) == (1 if chosen is MP4 else 2), "nothing is different for anybody but the sound"
    assert sum(len(span.samples()) for span in spans) == len(samples)


@BOTH
def test_pictures_alone_take_the_sound_along(chosen):
    samples = stepped(sent(VIDEO, AUDIO), -2, 1)
    spans, recorder = recorded((VIDEO, AUDIO), samples, chosen)
    assert not recorder.dropped
    assert len(spans) == (2 if chosen is MP4 else 4)
    assert sum(len(span.samples()) for span in spans) == len(samples)


@BOTH
@pytest.mark.parametrize("by", [1.2, 2, 5, 9.5])
@pytest.mark.parametrize("track_id", [1, 2])
def test_a_step_ahead_of_one_track_is_no_gap_if_the_other_goes_on(chosen, by, track_id):
    """When it is decided, a second later, the other track is nearly as far as the stamps that stepped."""
    spans, recorder = recorded((VIDEO, AUDIO), stepped(sent(VIDEO, AUDIO), by, track_id), chosen)
    assert recorder.timing == {TimingFault.DISCONTINUITY: 1}
    assert not recorder.dropped
    for track, nominal in ((1, 0.04), (2, 1_024 / 48_000)):
        apart = [later - before for before, later in pairwise(shown(spans, track, chosen))]
        assert apart == pytest.approx([nominal] * len(apart), abs=0.001)


@BOTH
@pytest.mark.parametrize("by", [1.2, 2, 5, 9.5])
@pytest.mark.parametrize("track_id", [1, 2])
def test_a_gap_of_one_track_is_a_gap_though_the_other_goes_on(chosen, by, track_id):
    samples = [
        one
        for one in sent(VIDEO, AUDIO, seconds=24)
        if one.track_id != track_id or not AT <= Fraction(one.decode_time, SCALES[track_id]) - EPOCH < AT + Fraction(by)
    ]
    recorder = recorded((VIDEO, AUDIO), samples, chosen)[1]
    assert recorder.timing == {TimingFault.GAP: 1}


@BOTH
@pytest.mark.parametrize("by", [1.2, 2, 60])
@pytest.mark.parametrize("is_gap", [False, True], ids=["step", "gap"])
def test_a_reading_beside_stamps_that_go_on_later_tells_a_step_from_a_gap(chosen, by, is_gap):
    """By arrival no time has passed, or as much as by the stamps: nothing has to be taken back later."""
    samples, recorder = stepped(sent(VIDEO), by, 1), Recorder((VIDEO,), target(chosen, segment=60))
    recorder.activate(START, media_time=Fraction(EPOCH))
    events, off = [], 0.0 if is_gap else by
    for sample in samples:
        media = Fraction(sample.decode_time, SCALES[1])
        if (sample.decode_time // 3_600) % 20 == 0:
            passed = float(media - EPOCH) - off * (media >= EPOCH + AT)
            utc = START.plus_microseconds(round(passed * 1_000_000))
            events += recorder.read_clock(ClockReading(1, media, utc, ClockOrigin.ARRIVAL))
        events += recorder.push(sample)
    events += recorder.deactivate()
    spans = check_recording(events, in_step=False)
    assert recorder.timing == {TimingFault.GAP if is_gap else TimingFault.DISCONTINUITY: 1}
    assert [round((span.segments[0].obj.key.time - START) / SECOND, 2) for span in spans] == [0, 6 + by * is_gap]


@BOTH
@pytest.mark.parametrize("at", [Fraction(501, 100), Fraction(57, 10)], ids=str)
@pytest.mark.parametrize("by", [-2, -500])
def test_the_new_spans_have_the_time_of_the_readings(chosen, at, by):
    """The camera's clock was set, and its counter goes by it: what lies before the new spans keeps the old time."""
    plain = sent(VIDEO, AUDIO)
    samples = stepped(plain, by, 1, 2, at=at)
    times = [one.decode_time / SCALES[one.track_id] - EPOCH for one in plain]
    readings = []
    for second in (Fraction(1, 2), Fraction(5, 2), Fraction(9, 2), Fraction(29, 5), Fraction(39, 5)):
        said = second + by * (second >= at)
        utc = START.plus_microseconds(round(said * 1_000_000))
        place = next(number for number, time in enumerate(times) if time >= second)
        readings.append((place, ClockReading(None, EPOCH + said, utc, ClockOrigin.CAMERA)))
    spans, recorder = recorded((VIDEO, AUDIO), samples, chosen, readings)
    assert not recorder.dropped
    assert recorder.timing[TimingFault.CLOCK_SET] == 1
    for track_id in (1, 2):
        right = [time for time, one in zip(times, plain, strict=True) if one.track_id == track_id]
        found = shown(spans, track_id, chosen)
        ahead = AHEAD if track_id == 2 and chosen is not MP4 else 0
        old = [place for place, time in enumerate(right) if time < 6 - 0.001]
        new = [place for place, time in enumerate(right) if time >= 6 - 0.001 + ahead]
        assert [found[place] for place in old] == pytest.approx([right[place] for place in old], abs=0.001)
        assert [found[place] for place in new] == pytest.approx([right[place] + by for place in new], abs=0.001)
        assert found == pytest.approx(
            [time + by * (found[place] < time - 1) for place, time in enumerate(right)], abs=0.001
        )


@BOTH
def test_what_leads_decides_and_may_be_sound(chosen):
    samples = stepped(sent(AUDIO), -7, 2)
    spans, recorder = recorded((AUDIO,), samples, chosen)
    assert not recorder.dropped
    assert len(spans) == 2
    key = spans[1].segments[0].obj.key.time
    assert 0 <= (key - START) / SECOND - AT < 1_024 / 48_000, "each sample is sync"


@BOTH
@pytest.mark.parametrize("stepped_by", [0, -1_000])
def test_readings_count_though_each_comes_beside_a_stamp_in_doubt(chosen, stepped_by):
    """Each second picture has the stamp of the one before it; the camera's clock is an hour ahead."""
    plain = video(20, start=EPOCH, duration=0)
    samples = [replace(one, decode_time=plain[n // 2 * 2].decode_time) for n, one in enumerate(plain)]
    samples = stepped(samples, stepped_by, 1)
    readings = []
    for n in range(21, 500, 50):  # before the next picture tells what the last one means
        time = Fraction(n, 25)
        counter = EPOCH + time + stepped_by * (time >= AT)
        utc = START.plus_microseconds(round((3_600 + time) * 1_000_000))
        readings.append((n + 1, ClockReading(None, counter, utc, ClockOrigin.CAMERA)))
    spans, recorder = recorded((VIDEO,), samples, chosen, readings)
    assert not recorder.dropped
    found = shown(spans, 1, chosen)
    assert len(found) == len(samples)
    assert found[300:] == pytest.approx([3_600 + n / 25 for n in range(300, 500)], abs=0.1)


def test_the_table_has_a_row_for_it():
    cut = CUTS[CutCause.CLOCK_STEPPED]
    assert (cut.moment, cut.spans) == (Moment.SYNC, Spans.ALL)
