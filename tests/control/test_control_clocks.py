"""Media time and UTC of live sources: readings of cameras, and arrival where there are none."""

import random
import threading
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from test_control_engine import AUDIO, ONE, SECOND, START, TWO, VIDEO, Rig, both, plan

from onvif_bmff.codecs import MetadataCodec
from onvif_bmff.control.plan import Feed
from onvif_bmff.device import SourceSettings
from onvif_bmff.device.source_connection import SourceConnection
from onvif_bmff.engine.arrivals import ArrivalEstimator, SourceClock, StampSteps, media_epoch
from onvif_bmff.media.clock_reading import ClockOrigin, ClockReading
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.recording.readings import ClockChoice
from onvif_bmff.timing import UtcTime

META = Track("META001", 3, 1_000, MetadataCodec())


def at(seconds):
    return START.plus_microseconds(round(seconds * 1e6))


def picture(media):
    return Sample(1, round(media * 90_000), 0, b"\xff\xd8", True)


def camera(utc, media=0):
    return ClockReading(None, Fraction(media), utc, ClockOrigin.CAMERA)


class Camera:
    """Pictures that happen at some rate, stamped at another, and arrive in order and never early."""

    def __init__(self, fps, rate, jitter, *, seconds=300, ahead=0.0, hold=()):
        chance = random.Random(f"{fps} {rate} {jitter}")
        self.pictures = []
        happened = latest = 0.0
        while happened < seconds:
            media = len(self.pictures) / fps + ahead
            late = happened + chance.random() * jitter
            latest = max(latest, late, *(until for since, until in hold if since <= happened < until))
            self.pictures.append((happened, media, latest))
            happened += 1 / (fps * rate)

    def errors(self, clock, since):
        """Of every picture from an arrival on, by how much it is misplaced by the newest reading."""
        epoch, found = 0.0, []
        for happened, media, arrival in self.pictures:
            reading = clock.arrived(picture(media), arrival)
            if reading is not None:
                epoch = media_epoch(reading).microseconds_since(START) / 1e6
            if arrival >= since:
                found.append(epoch + media - happened)
        return found


@pytest.mark.parametrize(
    ("made", "since", "bound"),
    [
        (Camera(25, 1.0, 0.01), 0, 0.05),
        (Camera(25, 1.0, 0.01, ahead=3 * 3600.0), 0, 0.05),
        (Camera(25, 21 / 25, 0.05), 12, 0.25),
        (Camera(25, 21 / 25, 0.05, ahead=3 * 3600.0), 12, 0.25),
        (Camera(25, 0.99, 0.1), 12, 0.1),
        (Camera(25, 1.0005, 0.05), 12, 0.06),
        (Camera(5, 1.1, 0.3), 12, 0.25),
        (Camera(1, 1.0, 1.5), 60, 0.25),
        (Camera(0.2, 1.0, 1.5), 60, 0.5),
        (Camera(25, 1.0, 0.1, hold=((100, 120),)), 12, 0.25),
        (Camera(1, 1.0, 1.0, hold=((100, 120), (200, 230))), 30, 0.25),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Camera) else str(value),
)
def test_without_readings_media_time_is_held_against_arrival(made, since, bound):
    clock = SourceClock(ClockChoice.AUTO, (VIDEO,), at)
    assert max(map(abs, made.errors(clock, since))) < bound


def test_a_lone_stamp_that_is_off_moves_nothing_and_a_step_that_lasts_does():
    clock = SourceClock(ClockChoice.AUTO, (VIDEO,), at)
    epochs = []
    for number in range(1500):
        time = number / 25
        media = time + (3600 if number % 50 == 49 else 0) + (7.5 if number >= 1000 else 0)
        reading = clock.arrived(picture(media), time)
        if reading is not None:
            epochs.append((number, media_epoch(reading).microseconds_since(START) / 1e6))
    assert all(abs(epoch) < 0.05 for number, epoch in epochs if number < 1000)
    assert all(abs(epoch + 7.5) < 0.05 for number, epoch in epochs if number >= 1000)
    assert min(number for number, _ in epochs if number >= 1000) <= 1000 + 30


@pytest.mark.parametrize("by", [-6, 6, -3600])
def test_the_first_reading_behind_a_step_does_not_hang_on_one_picture_that_is_late(by):
    clock = SourceClock(ClockChoice.AUTO, (VIDEO,), at)
    found = []
    for number in range(600):
        late = 0.5 if number >= 520 else 0.0  # the step is certain in the midst of these
        media = number / 25 + 4000 + (by if number >= 500 else 0)
        reading = clock.arrived(picture(media), number / 25 + 0.01 + late)
        if reading is not None and number >= 500:
            found.append(media_epoch(reading).microseconds_since(START) / 1e6 + 4000 + by)
    assert found
    assert found == pytest.approx([0.01] * len(found), abs=0.03)


@pytest.mark.parametrize("camera_first", [False, True])
def test_a_clock_set_back_to_before_media_time_0_is_held_against_arrival_as_well(camera_first):
    """Only what came while the source was opened, before any sample of media time 0 or later, says nothing."""
    clock = SourceClock(ClockChoice.AUTO, (VIDEO,), at)
    found = []
    for number in range(-25, 5000):
        arrival = max(number / 25, 0) + 0.01
        if camera_first and number == 250:
            assert clock.read(camera(at(10.01), 10), at(10.01)) is not None
        reading = clock.arrived(picture(number / 25 - (3600 if number >= 500 else 0)), arrival)
        if reading is not None:
            found.append((number, media_epoch(reading).microseconds_since(START) / 1e6))
    assert found[0][0] >= 0
    assert found[0][1] == pytest.approx(0.01, abs=0.005)
    assert found[-1][0] > 4000
    assert found[-1][1] == pytest.approx(3600.01, abs=0.005)


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([0, 0.04, 0.08, 0.12], [True] * 4),
        ([0, 0.04, 0.02, 0.12], [True] * 4),
        ([0, 0.04, 100.0, 0.12], [True, True, False, True]),
        ([0, 0.04, -2.0, 0.12], [True, True, False, True]),
        ([0, 0.04, *[50 + n * 0.04 for n in range(30)]], [True, True, *[False] * 23, None, *[True] * 6]),
        ([0, 0.04, *[50 + n * 60 for n in range(9)], 0.44], [True, True, *[False] * 9, True]),
    ],
)
def test_stamps_that_go_on_are_told_from_those_that_do_not(stamps, expected):
    steps = StampSteps()
    assert [steps.goes_on(number / 25, media) for number, media in enumerate(stamps)] == expected


@pytest.mark.parametrize("usual", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("by", [2.0, 4.0, 7.0])
def test_a_clock_of_few_pictures_that_is_set_back_is_seen(by, usual):
    """Four pictures of a second each are no reordering."""
    steps = StampSteps()
    assert all(steps.goes_on(number * usual, number * usual) for number in range(6))
    answers = [steps.goes_on(number * usual, number * usual - by - usual) for number in range(6, 20)]
    assert answers[0] is False
    assert answers.count(None) == 1


def test_samples_that_come_together_after_a_pause_go_on():
    steps = StampSteps()
    assert all(steps.goes_on(number / 25, number / 25) for number in range(25))
    assert all(steps.goes_on(9.0, number / 25) for number in range(25, 200))
    assert steps.goes_on(20.0, 19.0), "a pause of the camera"


def test_an_estimate_follows_a_late_network_only_when_it_stays_late():
    estimator = ArrivalEstimator()
    for number in range(1000):
        estimator.add(number / 25, number / 25)
    for number in range(1000, 1100):
        estimator.add(number / 25 + 0.4, number / 25)
    assert estimator.offset(44.4) == 0.0
    for number in range(1100, 3000):
        estimator.add(number / 25 + 0.4, number / 25)
    assert abs(estimator.offset(120.4) - 0.4) < 1e-6


@pytest.mark.parametrize(
    ("utc", "believed"),
    [
        (START, True),
        (START + timedelta(hours=23), True),
        (START - timedelta(hours=23), True),
        (START + timedelta(hours=25), False),
        (UtcTime.parse("1970-01-01T00:00:00Z"), False),
        (UtcTime.parse("1999-12-31T23:59:59Z"), False),
    ],
)
def test_a_camera_is_believed_unless_its_clock_cannot_be_right(utc, believed):
    clock = SourceClock(ClockChoice.AUTO, (VIDEO,), at)
    assert clock.arrived(picture(0), 0.0) is not None
    reading = camera(utc)
    assert clock.read(reading, START) == (reading if believed else None)
    assert clock.disbelieved == (not believed)
    assert (clock.arrived(picture(60), 60.0) is None) == believed, "arrival counts no more"


class _OpenedLater:
    """A device's clock, ten minutes after its start."""

    rate = 1.0

    def elapsed(self):
        return 600.0

    def at(self, elapsed):
        return at(elapsed)


def test_readings_before_the_first_sample_count_whenever_the_source_is_opened():
    """Sources give what is known of the camera's clock first: those that are opened again, too."""
    connection = SourceConnection(threading.Event(), 1.0)
    connection.opened(object(), (VIDEO,), SourceSettings(), 0.0, _OpenedLater())
    reading = camera(at(600.0))
    assert connection.clock.read(reading, at(600.0)) == reading
    for media in (0.1, 1.0, 30.0, 59.0):
        assert connection.clock.arrived(picture(media), 600.0 + media) is None
        assert connection.clock.has_camera_time
    assert connection.clock.arrived(picture(70), 670.0) is not None, "a minute without readings"


def test_whose_clock_counts_can_be_chosen():
    reading = camera(START + SECOND)
    by_camera, by_arrival = (SourceClock(one, (VIDEO,), at) for one in (ClockChoice.CAMERA, ClockChoice.ARRIVAL))
    assert by_camera.arrived(picture(0), 0.0) is None
    assert by_camera.read(reading, START) == reading
    assert by_arrival.read(reading, START) is None
    assert by_arrival.arrived(picture(5), 1.0) == ClockReading(None, Fraction(5), at(1.0), ClockOrigin.ARRIVAL)


def test_documents_count_only_where_there_is_nothing_else():
    late = Sample(3, 0, 0, b"<a/>")
    assert SourceClock(ClockChoice.AUTO, (VIDEO, META), at).arrived(late, 9.0) is None
    assert SourceClock(ClockChoice.AUTO, (META,), at).arrived(late, 9.0) is not None


def test_a_reading_before_the_first_sample_is_right_from_the_beginning():
    rig = Rig(plan(both()))
    rig.open(ONE, VIDEO, AUDIO)
    rig.do(rig.output.read_clock(ONE, camera(START + 3600 * SECOND)))
    rig.play(ONE, 0, 4, audio=True)
    for extension in ("m4v", "m4a"):
        (span,) = rig.spans(extension)
        assert (span.start, span.end) == (START + 3600 * SECOND, START + 3604 * SECOND)


def test_a_clock_that_is_off_for_five_seconds_is_followed_in_new_spans():
    rig = Rig(plan(both()))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 10, audio=True)
    rig.do(rig.output.read_clock(ONE, camera(START + 12 * SECOND, 10)))
    rig.play(ONE, 10, 12, audio=True)
    rig.do(rig.output.read_clock(ONE, camera(START + 12 * SECOND, 12)))
    rig.play(ONE, 12, 20, audio=True)
    for second in range(20, 30):
        rig.do(rig.output.read_clock(ONE, camera(START + (second + 2) * SECOND, second)))
        rig.play(ONE, second, second + 1, audio=True)
    first, second = rig.spans("m4v")
    assert (first.start, second.end) == (START, START + 32 * SECOND)
    assert second.start - first.end == 2 * SECOND
    assert 26 * SECOND <= first.end - START <= 27 * SECOND


def test_a_source_that_does_not_lead_is_kept_in_step():
    rig = Rig(plan({"VIDEO001": Feed("j", ONE, ""), "AUDIO001": Feed("j", TWO, "")}))
    rig.open(ONE, VIDEO)
    rig.open(TWO, AUDIO)
    for second in range(10):
        rig.play(ONE, second, second + 1)
        rig.play(TWO, second, second + 1, video=False, audio=True)
        if second == 4:
            rig.do(rig.output.read_clock(TWO, camera(START + 4.5 * SECOND, 5)))
        if second == 5:
            rig.do(rig.output.read_clock(TWO, camera(START + 4 * SECOND, 6)))
    first, second = rig.spans("m4a")
    assert (first.start, first.end) == (START, START + 6 * SECOND)
    assert (second.start, second.end) == (START + 4 * SECOND, START + 8 * SECOND)


def played(clock, since, until, step=None, readings=None):
    """Play pictures and sound that come at once; ``step`` says by how much the stamps of a track are off at a time."""
    found = []
    for number in range(since * 25, until * 25):
        now = number / 25
        if readings is not None and number % 125 == 0:
            given = readings(now)
            if given is not None:
                found.append((now, clock.read(camera(given, now), at(now))))
        for track_id, timescale in ((1, 90_000), (2, 8_000)):
            media = now + (0.0 if step is None else step(track_id, now))
            sample = Sample(track_id, round(media * timescale), 0, b"\xff\xd8", True)
            found.append((now, clock.arrived(sample, now)))
    return [(now, reading) for now, reading in found if reading is not None]


def seconds_off(reading):
    return media_epoch(reading).microseconds_since(START) / 1e6


@pytest.mark.parametrize("by", [10.0, -10.0, 3600.0, -0.5])
def test_where_the_stamps_of_sound_alone_step_pictures_keep_their_time(by):
    clock = SourceClock(ClockChoice.AUTO, (VIDEO, AUDIO), at)
    found = played(clock, 0, 120, lambda track_id, now: by if track_id == 2 and 40 <= now < 80 else 0.0)
    assert all(abs(seconds_off(reading)) < 0.05 for _, reading in found)
    assert {reading.track_id for now, reading in found if 45 < now < 80} == {1}, "they do not hold for the sound"
    assert {reading.track_id for now, reading in found if now < 40 or now > 95} == {None}
    assert max(later - now for (now, _), (later, _) in pairwise(found)) < 6


def test_tracks_that_step_together_stay_in_step():
    clock = SourceClock(ClockChoice.AUTO, (VIDEO, AUDIO), at)
    found = played(clock, 0, 80, lambda track_id, now: 7.5 if now >= 40 else 0.0)
    assert all(abs(seconds_off(reading)) < 0.05 for now, reading in found if now < 40)
    after = [reading for now, reading in found if now > 45]
    assert after
    assert all(abs(seconds_off(reading) + 7.5) < 0.05 for reading in after)
    assert {reading.track_id for reading in after} == {None}


def test_tracks_that_step_together_stay_in_step_though_one_comes_late():
    clock = SourceClock(ClockChoice.AUTO, (VIDEO, AUDIO), at)
    found = played(
        clock, 0, 80, lambda track_id, now: -0.4 * (track_id == 1) + 7.5 * (now >= 40 + 0.4 * (track_id == 1))
    )
    after = [reading for now, reading in found if now > 45]
    assert after
    assert {reading.track_id for reading in after} == {None}
    assert all(abs(seconds_off(reading) + 7.5) < 0.05 for reading in after)


def test_a_reading_of_sound_that_steps_while_pictures_are_in_doubt_is_one_of_sound():
    clock = SourceClock(ClockChoice.AUTO, (VIDEO, AUDIO), at)
    found = played(clock, 0, 42, lambda track_id, now: 7.5 if now >= 40 + 0.4 * (track_id == 1) else 0.0)
    (of_sound,) = [(now, reading) for now, reading in found if reading.track_id == 2]
    assert of_sound[0] == pytest.approx(40.96, abs=0.05)
    assert seconds_off(of_sound[1]) == pytest.approx(-7.5, abs=0.05)


@pytest.mark.parametrize("ahead", [0, 180, -3600])
def test_the_clock_of_a_camera_is_held_over_where_stamps_step(ahead):
    clock = SourceClock(ClockChoice.AUTO, (VIDEO, AUDIO), at)
    step = lambda _, now: 4.0 if now >= 42 else 0.0  # noqa: E731
    found = played(clock, 0, 60, step, lambda now: at(now + ahead) if now < 50 else None)
    held_over = [(now, reading) for now, reading in found if reading.track_id is not None]
    assert [reading.track_id for _, reading in held_over] == [1, 2]
    assert all(now == pytest.approx(42.96, abs=0.05) for now, _ in held_over)
    assert all(reading.origin is ClockOrigin.HELD_OVER for _, reading in held_over)
    assert all(seconds_off(reading) == pytest.approx(ahead - 4, abs=0.001) for _, reading in held_over)


def test_where_stamps_step_before_a_camera_has_told_its_clock_nothing_is_held_over():
    clock = SourceClock(ClockChoice.CAMERA, (VIDEO, AUDIO), at)
    found = played(clock, 0, 60, lambda _, now: 4.0 if now >= 42 else 0.0, at)
    assert {reading.track_id for _, reading in found} == {None}, "with camera nothing else counts"


def test_where_the_stamps_of_pictures_alone_step_the_reading_is_one_of_pictures():
    clock = SourceClock(ClockChoice.AUTO, (AUDIO, VIDEO), at)
    found = played(clock, 0, 80, lambda track_id, now: 10.0 if track_id == 1 and now >= 40 else 0.0)
    after = [reading for now, reading in found if now > 45]
    assert after
    assert all(reading.track_id == 1 and abs(seconds_off(reading) + 10.0) < 0.05 for reading in after)


YEAR_1970 = UtcTime.parse("1970-01-01T00:00:00Z")


@pytest.mark.parametrize("then", [None, YEAR_1970, START + timedelta(days=2)], ids=["none", "1970", "a day off"])
def test_a_camera_that_gives_no_readings_any_more_is_followed_for_a_minute_and_again_when_it_does(then):
    clock = SourceClock(ClockChoice.AUTO, (VIDEO, AUDIO), at)
    away = range(100, 300)
    found = played(clock, 0, 500, readings=lambda now: then if now in away else at(now + 180))
    by_camera = [(now, reading) for now, reading in found if reading.origin is ClockOrigin.CAMERA]
    by_arrival = [(now, reading) for now, reading in found if reading.origin is ClockOrigin.ARRIVAL]
    assert {seconds_off(reading) for _, reading in by_camera} == {180.0}
    assert all(abs(seconds_off(reading)) < 0.05 for _, reading in by_arrival)
    assert [now for now, _ in by_camera if 100 <= now < 360] == [], "it is on trial for a minute"
    assert 155 <= min(now for now, _ in by_arrival) <= 162
    assert 350 < max(now for now, _ in by_arrival) <= 360
    assert clock.has_camera_time
    assert clock.disbelieved == (0 if then is None else 40)


@pytest.mark.parametrize("then", [YEAR_1970, START + timedelta(days=2)], ids=["1970", "a day off"])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_readings_that_cannot_be_right_are_no_rhythm(count, then):
    """A pause of a minute is no reason to follow a camera for three that keeps telling a time that cannot be right."""
    clock = SourceClock(ClockChoice.AUTO, (VIDEO, AUDIO), at)
    silent, away = range(20, 75), range(200, 200 + 5 * count)
    readings = lambda now: None if now in silent or now >= away.stop else then if now in away else at(now + 180)  # noqa: E731
    found = played(clock, 0, 480, readings=readings)
    first = min(now for now, reading in found if reading.origin is ClockOrigin.ARRIVAL and now > 100)
    assert first == pytest.approx(255 if count > 1 else 375, abs=1)


def test_a_camera_that_comes_and_goes_is_followed_ever_more_rarely():
    clock = SourceClock(ClockChoice.AUTO, (VIDEO, AUDIO), at)
    found = played(clock, 0, 4800, readings=lambda now: at(now + 180) if now % 400 < 150 else None)
    origins = [reading.origin for _, reading in found]
    changes = sum(one is not other for one, other in pairwise(origins))
    assert changes == 5, "to arrival, back twice, and no more: the third trial is longer than it gives readings for"


def test_a_camera_that_reports_rarely_is_given_up_once():
    clock = SourceClock(ClockChoice.AUTO, (VIDEO, AUDIO), at)
    found = played(clock, 0, 1500, readings=lambda now: at(now + 180) if now % 100 == 0 else None)
    origins = [reading.origin for _, reading in found]
    assert sum(one is not other for one, other in pairwise(origins)) <= 2
    assert origins[-1] is ClockOrigin.CAMERA


def test_a_camera_that_was_chosen_is_followed_however_rarely_it_reports():
    clock = SourceClock(ClockChoice.CAMERA, (VIDEO,), at)
    assert not clock.has_camera_time
    for second in (0, 1000, 1010, 5000):
        assert clock.arrived(picture(second), second) is None
        assert clock.read(camera(at(second + 180), second), at(second)) is not None
    assert clock.has_camera_time
