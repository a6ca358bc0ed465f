"""Sources that give readings of their clock, and the device's clock beside them."""

from collections import deque
from datetime import timedelta
from fractions import Fraction

import pytest
from device_kit import CAMERA, until

from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.control import PROFILE_TYPE, SourceReference
from onvif_bmff.device import FileSource, SourceRunner, SourceSettings, SteadyClock
from onvif_bmff.engine.arrivals import media_epoch
from onvif_bmff.media.clock_reading import ClockOrigin, ClockReading
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.recording.readings import ClockChoice
from onvif_bmff.runtime import ThreadedRuntime
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2026-01-02T03:04:05Z")
HOUR = timedelta(hours=1)
REFERENCE = SourceReference("cam", PROFILE_TYPE)


def picture(media):
    return Sample(1, round(media * 90_000), 3600, b"\xff\xd8", True)


def reading(utc, media=0):
    return ClockReading(None, Fraction(media), utc, ClockOrigin.CAMERA)


class Output:
    """Remembers when media time 0 was said to be."""

    def __init__(self):
        self.epochs = []
        self.given = []

    def opened(self, reference, tracks, epoch):
        self.epochs.append(epoch - START)

    def read_clock(self, reference, found):
        self.epochs.append(media_epoch(found) - START)
        self.given.append(found)

    def clock_set(self, reference, epoch):
        self.epochs.append(epoch - START)

    def closed(self, reference, error):
        pass

    def push(self, reference, item, *, opens_gop):
        self.given.append(item)


class Rig:
    """A runner of one source, in a time that is set by hand. The source gives what it is fed."""

    tracks = (Track("VIDEO001", 1, 90_000, MjpegCodec(width=64, height=48)),)

    def __init__(self, **settings):
        self.now = 0.0
        self.items = deque()
        self.output = Output()
        runtime = ThreadedRuntime(monotonic=lambda: self.now)
        self.steady = SteadyClock(lambda: START, runtime=runtime)
        self.runner = SourceRunner(REFERENCE, None, self, self.steady, runtime, SourceSettings(**settings))
        self.runner.serve((self.output,))
        self.runner.start()
        until(lambda: self.output.epochs)

    def open(self, reference, receiver, stop):
        self.stop = stop
        return self

    def samples(self):
        while not self.stop.wait(0.001):
            while self.items:
                yield self.items.popleft()

    def close(self):
        pass

    def feed(self, now, *items):
        """Let items come at an instant, and wait until they have been taken."""
        self.now = now
        self.items.extend(items)
        last = items[-1]
        until(lambda: last in self.output.given or not isinstance(last, Sample))


@pytest.fixture
def run():
    made = []

    def make(**settings):
        made.append(Rig(**settings))
        return made[-1]

    yield make
    for rig in made:
        rig.runner.stop()
        assert rig.runner.join(10)


def test_stamps_that_are_three_hours_ahead_are_no_time(run):
    rig = run()
    rig.feed(2.0, picture(10_800))
    assert rig.output.epochs == [timedelta(0), timedelta(seconds=2) - 3 * HOUR]
    assert isinstance(rig.output.given[0], ClockReading), "before the sample that it is for"
    assert rig.output.given[1] == picture(10_800)


def test_a_reading_of_the_camera_takes_the_place_of_arrival(run):
    rig = run()
    rig.feed(1.0, picture(0))
    rig.feed(2.0, reading(START + 60 * timedelta(seconds=1), 1), picture(1))
    rig.feed(60.0, picture(59))
    assert rig.output.epochs == [timedelta(0), timedelta(seconds=1), timedelta(seconds=59)]


def test_a_camera_of_1970_is_not_believed(run):
    rig = run()
    rig.feed(1.0, reading(UtcTime(5_000_000)), picture(0))
    assert rig.output.epochs == [timedelta(0), timedelta(seconds=1)]


def test_with_the_camera_as_clock_its_media_time_began_when_it_was_opened(run):
    rig = run(clock=ClockChoice.CAMERA)
    rig.feed(5.0, picture(1))
    rig.feed(6.0, picture(2), reading(START + HOUR, 2), picture(3))
    assert rig.output.epochs == [timedelta(0), HOUR - timedelta(seconds=2)]
    source = FileSource(CAMERA)
    assert source.clock is ClockChoice.CAMERA, "a file keeps time, however late it is read"
    source.close()


def test_a_device_clock_that_is_set_moves_arrival_and_not_the_camera(run):
    rig = run()
    rig.feed(1.0, picture(0))
    rig.steady.set(HOUR)
    rig.feed(20.0, picture(19))
    assert rig.output.epochs[-1] == timedelta(seconds=1), "not told twice: first by the jump, and by readings then"
    rig.runner.clock_set(HOUR, 1)
    assert rig.output.epochs[-1] == HOUR + timedelta(seconds=1)
    rig.feed(40.0, picture(39))
    assert rig.output.epochs[-1] == HOUR + timedelta(seconds=1)
    rig.feed(41.0, reading(START, 40), picture(40))
    assert rig.output.epochs[-1] == timedelta(seconds=-40)
    rig.steady.set(HOUR)
    rig.runner.clock_set(HOUR, 2)
    assert rig.output.epochs[-1] == timedelta(seconds=-40)
