"""Readings of clocks: the decision by itself, and the keys of recordings that follow them."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from math import copysign

import pytest
from recording_kit import AUDIO, FORMATS, META, MJPEG, START, audio, metadata, mixed, target, video

from onvif_bmff.errors import MediaError, StateError
from onvif_bmff.media import ClockOrigin, ClockReading, Sample
from onvif_bmff.objects.events import SegmentOpened, SpanEnded
from onvif_bmff.recording.clock_parts import SharedTime
from onvif_bmff.recording.formats import CMAF
from onvif_bmff.recording.readings import READINGS, ClockChoice, ReadingSituation, ReadingVerdict, judge_reading
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.timing_faults import TimingFault
from onvif_bmff.storage import MemoryStore, StoreSink
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

CAMERA, ARRIVAL = ClockOrigin.CAMERA, ClockOrigin.ARRIVAL
DAY = timedelta(days=1)
SLACK = timedelta(seconds=0.05)


@pytest.mark.parametrize(
    ("origin", "off", "since", "situation"),
    [
        (CAMERA, 0.0, 0, ReadingSituation.EXACT),
        (CAMERA, 0.0099, 0, ReadingSituation.EXACT),
        (CAMERA, -0.01, 0, ReadingSituation.CLOSE),
        (CAMERA, 0.1, 60, ReadingSituation.CLOSE),
        (CAMERA, 0.100001, 5, ReadingSituation.OFF),
        (CAMERA, -0.2, 5.01, ReadingSituation.OFF_FOR_GOOD),
        (ARRIVAL, 3 * 86_400, 1, ReadingSituation.OFF),
        (CAMERA, 86_400, 1, ReadingSituation.OFF),
        (CAMERA, 86_401, 6, ReadingSituation.IMPOSSIBLE),
        (CAMERA, -86_401, 6, ReadingSituation.IMPOSSIBLE),
    ],
)
def test_the_situations(origin, off, since, situation):
    found = judge_reading(
        origin,
        START.plus_microseconds(round(off * 1e6)),
        choice=ClockChoice.AUTO,
        camera_followed=False,
        arrival=START,
        expected=START,
        off_for=Fraction(since),
    )
    assert found is situation


@pytest.mark.parametrize(
    ("origin", "off", "situation"),
    [
        (ARRIVAL, -0.3, ReadingSituation.MISTAKEN),
        (CAMERA, -0.3, ReadingSituation.OFF_FOR_GOOD),  # it was set back itself
        (ARRIVAL, -0.09, ReadingSituation.CLOSE),
    ],
)
def test_the_arrival_takes_a_step_back_for_a_delay(origin, off, situation):
    at = START.plus_microseconds(round(off * 1e6))
    found = judge_reading(
        origin, at, choice=ClockChoice.AUTO, camera_followed=False, arrival=START, expected=START, off_for=Fraction(9),
        repeats_step=True,
    )  # fmt: skip
    assert found is situation


@pytest.mark.parametrize(
    ("time", "off", "repeats"),
    [(10, -0.3, True), (55, -0.21, True), (56, -0.3, False), (9, -0.3, False), (10, -0.41, False), (10, 0.3, False)],
)
def test_a_reading_repeats_a_step_back(time, off, repeats):
    shared = SharedTime()
    shared.note_step(Sample(1, 9_700, 0, b"x"), 10_000, 1000)
    shared.note_step(Sample(1, 12_000, 0, b"x"), 11_000, 1000)  # ahead: the arrival shows it at once
    assert shared.repeats_step(Fraction(time), Fraction(off).limit_denominator(1000)) is repeats


def test_a_camera_of_the_last_century_is_not_believed_whatever_came_when():
    for year, situation in ((1999, ReadingSituation.IMPOSSIBLE), (2000, ReadingSituation.EXACT)):
        at = UtcTime.from_fields(year, 1, 1)
        found = judge_reading(
            CAMERA, at, choice=ClockChoice.CAMERA, camera_followed=True, arrival=at, expected=at, off_for=Fraction()
        )
        assert found is situation


@pytest.mark.parametrize(
    ("origin", "choice", "followed", "counts"),
    [
        (CAMERA, ClockChoice.CAMERA, False, True), (ARRIVAL, ClockChoice.CAMERA, False, False),
        (CAMERA, ClockChoice.ARRIVAL, True, False), (ARRIVAL, ClockChoice.ARRIVAL, True, True),
        (CAMERA, ClockChoice.AUTO, False, True), (ARRIVAL, ClockChoice.AUTO, False, True),
        (ARRIVAL, ClockChoice.AUTO, True, False),
    ],
)  # fmt: skip
def test_whose_readings_count(origin, choice, followed, counts):
    found = judge_reading(
        origin, START, choice=choice, camera_followed=followed, arrival=START, expected=START, off_for=Fraction()
    )
    assert (found is not ReadingSituation.NOT_CHOSEN) == counts


def test_each_situation_has_a_verdict():
    assert set(READINGS) == set(ReadingSituation)
    assert set(READINGS.values()) == set(ReadingVerdict)


# ---- recordings --------------------------------------------------------------------------------------------


def pictures(seconds, **more):
    return [replace(one, data=b"\xff\xd8" + one.data, sync=True, **more) for one in video(seconds)]


def documents(*times):
    return [replace(one, data=b"<a/>") for one in metadata(*times)]


class Followed:
    """A recording with a reading each second: ``offset`` gives what the clock says more than the media at a time."""

    def __init__(
        self, samples, offset, chosen, *, origin=CAMERA, tracks=(MJPEG,), segment=4, each=1, span=None, **options
    ):
        self.recorder = Recorder(tracks, target(chosen, segment=segment, span=span, digits=6), **options)
        self.recorder.activate(START, media_time=Fraction(0))
        scales = {track.track_id: track.timescale for track in tracks}
        events, following = [], Fraction(0)
        for sample in samples:
            media = Fraction(sample.decode_time, scales[sample.track_id])
            if media >= following:
                following = media + each
                said = offset(media)
                if said is not None:
                    reading = ClockReading(
                        sample.track_id, media, START.plus_microseconds(round((media + said) * 10**6)), origin
                    )
                    events += self.recorder.read_clock(reading)
            events += self.recorder.push(sample)
        events += self.recorder.deactivate()
        self.keys = [event.key for event in events if isinstance(event, SegmentOpened)]
        self.ends = [event.key for event in events if isinstance(event, SpanEnded)]
        self.spans = len(self.ends)
        store = MemoryStore()
        with StoreSink(store) as sink:
            sink.add_all(events)
        self.findings = [one for one in validate_store(store) if one.level.value == "error"]
        self.timing = self.recorder.timing

    @property
    def starts(self):
        """Seconds from the start of each segment."""
        return [(key.time - START).total_seconds() for key in self.keys]


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_readings_that_say_the_same_change_nothing(chosen):
    found = Followed(pictures(20), lambda media: Fraction(9, 1000), chosen)
    assert found.starts == [4 * n for n in range(5)]
    assert not found.timing
    assert found.spans == 1


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("drift", [Fraction(1, 100), Fraction(-1, 100), Fraction(1, 1_000)])
def test_drift_is_followed_inside_the_span(chosen, drift):
    found = Followed(pictures(60), lambda media: media * drift, chosen)
    assert found.spans == 1
    for media, start in zip(range(0, 60, 4), found.starts, strict=True):
        assert abs(start - float(media * (1 + drift))) < 0.06, "within the second since the last reading"
    assert found.timing.keys() == {TimingFault.CLOCK_FOLLOWED}
    assert not found.findings


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize(("denied", "right_from"), [(25, 39), (24, 39), (18, 47)])
def test_a_reading_that_denies_a_gap_needs_not_last(chosen, denied, right_from):
    """The counter steps by 25 s. The first reading behind that opens spans, instead of one that comes 5 s later."""
    samples = [
        replace(one, decode_time=one.decode_time + 25 * 90_000 * (one.decode_time >= 900_000)) for one in pictures(30)
    ]
    found = Followed(samples, lambda media: Fraction(0) if media < 10 else Fraction(-denied), chosen, each=4)
    assert found.timing == {TimingFault.GAP: 1, TimingFault.CLOCK_SET: 1}
    assert found.spans == 3
    assert found.starts[:4] == [0, 4, 8, 35]
    opened = next(later for earlier, later in pairwise(found.starts[3:]) if later - earlier != 4)
    assert opened == pytest.approx(right_from - denied, abs=0.05)


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_pictures_that_come_slower_than_they_say_do_not_fall_behind(chosen):
    """Stamped at 25 a second, sent at 21: each new span is at the right time."""
    found = Followed(pictures(300), lambda media: media * Fraction(4, 21), chosen, origin=ARRIVAL, segment=10)
    assert found.timing[TimingFault.CLOCK_SET] >= 20
    assert abs(found.starts[-1] - 300 * 25 / 21) < 12
    assert not found.findings


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("step", [0.2, 3, 10_800, -1.2, -7_200])
def test_a_clock_that_is_off_for_more_than_5_seconds_opens_a_span(chosen, step):
    found = Followed(pictures(30), lambda media: Fraction(0) if media < 10 else Fraction(step), chosen)
    assert found.spans == 2
    assert found.timing == {TimingFault.CLOCK_SET: 1}
    assert found.starts[:4] == [0, 4, 8, 12], "one that is off is waited for 5 seconds"
    assert found.starts[4] - step == pytest.approx(16, abs=0.05)
    assert found.starts[5] - found.starts[4] == pytest.approx(4)


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("span", [None, 8], ids=["one span", "spans of 8 s"])
@pytest.mark.parametrize("back", [0.15, 0.3, 0.8, 0.98])
def test_new_spans_catch_up_with_a_clock_that_was_set_back_a_little(chosen, back, span):
    """They do not overlap those before, and go back from one short segment to the next, until they are right."""
    found = Followed(pictures(90), lambda media: Fraction(0 if media < 10 else str(-back)), chosen, span=span)
    assert +found.timing == {TimingFault.CLOCK_SET: 1}
    assert not found.findings
    set_at = 15.96  # 5 s behind the step, by readings each second: at the picture that is held back then
    early = [one for one in found.starts if one < set_at - 0.02]
    late = found.starts[len(early) :]
    assert early == pytest.approx([4 * n for n in range(len(early))])
    assert late[0] == pytest.approx(set_at, abs=0.011), "where the one before ends"
    steps = [after - before for before, after in pairwise(late)]
    behind = round((back - 0.1) / 0.1 + 0.49)
    assert all(0.85 < one < 1.1 for one in steps[: behind - 1]), steps
    media = round((found.starts[-1] + back) * 25) / 25  # of the picture that the last segment begins with
    assert found.starts[-1] == pytest.approx(media - back, abs=0.011)


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("off", [0.5, 3_600, -3_600])
def test_single_readings_that_are_off_change_nothing(chosen, off):
    found = Followed(pictures(40), lambda media: Fraction(off) if int(media) % 7 == 3 else Fraction(0), chosen)
    assert found.starts == [4 * n for n in range(10)]
    assert not found.timing


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_a_camera_that_is_days_off_is_not_believed(chosen):
    found = Followed(pictures(20), lambda media: Fraction(2 * 86_400), chosen)
    assert found.starts == [4 * n for n in range(5)]
    assert found.timing == {TimingFault.READING_DISBELIEVED: 20}


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_a_recording_begins_by_the_reading_that_comes_before_it(chosen):
    found = Followed(pictures(10), lambda media: Fraction(5, 2), chosen)
    assert found.starts[0] == 2.5
    assert found.spans == 1


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("by", [10_800, -10_800, 5, -5])
def test_stamps_that_are_set_while_the_clock_goes_on(chosen, by):
    """Stamps three hours ahead do not give keys three hours ahead, if there are readings."""
    samples = [
        replace(one, decode_time=one.decode_time + 90_000 * (20_000 + (by if number >= 260 else 0)))
        for number, one in enumerate(pictures(30))
    ]
    recorder = Recorder([MJPEG], target(chosen, segment=4))
    recorder.activate(START, media_time=Fraction(20_000))
    events = []
    for number, one in enumerate(samples):
        if number % 12 == 0:
            at, media = START.plus_microseconds(number * 40_000), Fraction(one.decode_time, 90_000)
            events += recorder.read_clock(ClockReading(1, media, at, ARRIVAL))
        events += recorder.push(one)
    events += recorder.deactivate()
    starts = [(event.key.time - START).total_seconds() for event in events if isinstance(event, SegmentOpened)]
    assert starts == pytest.approx([0, 4, 8, 10.4, 14.4, 18.4, 22.4, 26.4], abs=0.02)


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("by", [-25, -5, 25])
@pytest.mark.parametrize("origin", ClockOrigin, ids=str)
def test_a_reading_from_before_a_step_of_the_counter_keeps_its_time(chosen, by, origin):
    """Spans that open because of the step go by a reading from before it, for there is none yet from behind it."""
    recorder = Recorder([MJPEG], target(chosen, segment=4))
    recorder.activate(START, media_time=Fraction(20_000))
    events = []
    for number, one in enumerate(pictures(20)):
        sample = replace(one, decode_time=one.decode_time + 90_000 * (20_000 + (by if number >= 260 else 0)))
        if number % 12 == 0 and number < 260:
            at, media = START.plus_microseconds(number * 40_000), Fraction(sample.decode_time, 90_000)
            events += recorder.read_clock(ClockReading(1, media, at, origin))
        events += recorder.push(sample)
    events += recorder.deactivate()
    starts = [(event.key.time - START).total_seconds() for event in events if isinstance(event, SegmentOpened)]
    missing = by if by > 0 else 0  # a single track that goes on later had a gap
    assert starts == pytest.approx([0, 4, 8, 10.4 + missing, 14.4 + missing, 18.4 + missing], abs=0.02)


def test_a_reading_is_of_a_track_that_there_is_and_of_an_active_recording():
    recorder = Recorder([MJPEG], target())
    reading = ClockReading(None, Fraction(0), START, CAMERA)
    with pytest.raises(StateError):
        recorder.read_clock(reading)
    recorder.activate(START)
    with pytest.raises(MediaError, match="no track 9"):
        recorder.read_clock(replace(reading, track_id=9))
    assert list(recorder.read_clock(reading)) == []
    huge = replace(reading, media_time=Fraction(10**30))
    assert list(recorder.read_clock(huge)) == []
    assert Recorder([MJPEG], target(), clock="arrival").active is False
    with pytest.raises(ValueError, match="sundial"):
        Recorder([MJPEG], target(), clock="sundial")


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_tracks_follow_one_clock(chosen):
    both = mixed(pictures(40), audio(40))
    found = Followed(both, lambda media: media / 100, chosen, tracks=(MJPEG, AUDIO))
    assert not found.findings
    assert found.spans == (2 if chosen.name == "CMAF" else 1)


@pytest.mark.parametrize("step", [Fraction(9, 100), Fraction(-9, 100)])
def test_what_two_spans_follow_adds_up_in_neither(step):
    """Pictures and sound begin segments 2 seconds apart; the clock goes on by 90 ms between any two of them."""
    late = [one for one in audio(30) if one.decode_time >= 2 * AUDIO.timescale]
    found = Followed(
        mixed(pictures(30), late),
        lambda media: step * min(max(int(media - 1) // 2, 0), 2),
        CMAF,
        tracks=(MJPEG, AUDIO),
        each=Fraction(1, 2),
    )
    assert not found.findings
    assert found.spans == 2
    assert found.timing.keys() == {TimingFault.CLOCK_FOLLOWED}
    starts = [start for start, key in zip(found.starts, found.keys, strict=True) if key.extension == "m4v"]
    assert starts[:4] == pytest.approx([0, 4 + float(step), 8 + 2 * float(step), 12 + 2 * float(step)])


def test_what_goes_further_than_two_spans_follow_opens_new_ones():
    late = [one for one in audio(40) if one.decode_time >= 7 * AUDIO.timescale]
    found = Followed(
        mixed(pictures(40), late),
        lambda media: Fraction(9, 100) * min(max(int(media - 5) // 4, 0), 2),
        CMAF,
        tracks=(MJPEG, AUDIO),
        segment=12,
    )
    assert not found.findings
    assert found.timing[TimingFault.CLOCK_SET] == 1
    assert found.spans == 4


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("drift", [Fraction(1, 10_000), Fraction(-1, 10_000)])
def test_drift_of_a_quartz_is_followed_and_opens_no_span(chosen, drift):
    """100 ppm for half an hour, beside a segment of metadata that stays open: it counts for nothing."""
    found = Followed(
        mixed([replace(one, duration=0) for one in pictures(1_800)[::25]], documents(0, 1, 2)),
        lambda media: media * drift,
        chosen,
        tracks=(MJPEG, META),
        segment=60,
        each=5,
    )
    assert not found.findings
    assert found.timing.keys() == {TimingFault.CLOCK_FOLLOWED}
    assert found.spans == (2 if chosen is CMAF else 1)
    lead = [start for start, key in zip(found.starts, found.keys, strict=True) if key.extension != "m4m"]
    for number, start in enumerate(lead):
        assert start == pytest.approx(60 * number * (1 + float(drift)), abs=0.017)  # 10 ms, and a segment's drift


@pytest.mark.parametrize("drift", [Fraction(1, 100), Fraction(-1, 100)])
def test_a_document_after_a_minute_is_put_right_by_a_tenth_of_a_second(drift):
    """The segment of metadata stays open as long as no document comes; the pictures' follow meanwhile."""
    found = Followed(
        mixed(pictures(100), documents(0, 1, 2, 60, 61, 90, 91)),
        lambda media: media * drift,
        CMAF,
        tracks=(MJPEG, META),
    )
    assert not found.findings
    assert found.timing.keys() == {TimingFault.CLOCK_FOLLOWED}
    starts = [start for start, key in zip(found.starts, found.keys, strict=True) if key.extension == "m4m"]
    assert starts == pytest.approx(
        [float(drift), 60 + float(drift) + copysign(0.1, drift), 90 + float(drift) + copysign(0.2, drift)], abs=0.001
    )


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize(("off", "segment"), [(-0.09, 4), (-0.09, 8), (-0.03, 4), (0.09, 4)])
def test_a_span_that_follows_another_does_not_begin_before_that_one_ends(chosen, off, segment):
    """The clock is off by less than is followed when SpanDuration is reached; it is followed from then on."""
    found = Followed(
        mixed(pictures(40), audio(40)),
        lambda media: Fraction(off) if media > 5 else Fraction(0),
        chosen,
        tracks=(MJPEG, AUDIO),
        segment=segment,
        span=8,
    )
    assert not found.findings
    assert found.timing.keys() == {TimingFault.CLOCK_FOLLOWED}
    for extension in {key.extension for key in found.keys}:
        keys = [key.time for key in found.keys if key.extension == extension]
        first = [key.time for key in found.keys if key.extension == extension and key.counter == 0]
        ends = [key.time for key in found.ends if key.extension.removesuffix("_end") == extension]
        assert len(first) == len(ends) == 5
        early = [(end - begin).total_seconds() for end, begin in zip(ends, first[1:], strict=False)]
        assert max(early) <= 0.0101
        assert keys[-1] - START == pytest.approx(timedelta(seconds=36 + off if segment == 4 else 32 + off), abs=SLACK)


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_spans_of_one_segment_follow_a_quartz_all_the_same(chosen):
    """Each span begins before the one before it ends, by what the clock lost in it: less than a sample."""
    found = Followed(pictures(400), lambda media: media * Fraction(-1, 5_000), chosen, segment=10, span=10)
    assert not found.findings
    assert found.timing.keys() <= {TimingFault.CLOCK_FOLLOWED}
    assert found.spans == 40
    assert found.starts[-1] == pytest.approx(390 * (1 - 1 / 5_000), abs=0.02)
