"""Sources that fall silent, hang, or end: the spans close, the state says why, and the source is opened anew."""

import threading
from collections import deque
from datetime import timedelta

import pytest
from device_kit import until

from onvif_bmff.codecs import G711Codec, MetadataCodec
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.control import PROFILE_TYPE, SourceReference
from onvif_bmff.device import SourceRunner, SourceSettings, SteadyClock, feeding
from onvif_bmff.engine.silence import SilenceWatch
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.runtime import ThreadedRuntime, utc_now

REFERENCE = SourceReference("cam", PROFILE_TYPE)
VIDEO = Track("VIDEO001", 1, 90_000, MjpegCodec(width=64, height=48))
AUDIO = Track("AUDIO001", 2, 8_000, G711Codec())
META = Track("META001", 3, 1_000, MetadataCodec())


def picture(number, period=3600):
    return Sample(1, number * period, 0, b"\xff\xd8", True)


class Source:
    """Gives samples, and then does what it was made for."""

    tracks = (VIDEO, META)

    def __init__(self, items, then, *, done=False):
        self.items, self.then, self.done = items, then, done
        self.closed = False

    def samples(self):
        yield from self.items
        self.then()

    def close(self):
        self.closed = True


class Output:
    """Remembers what it was told."""

    def __init__(self):
        self.opened_times = 0
        self.errors = []
        self.given = []

    def opened(self, reference, tracks, epoch):
        self.opened_times += 1

    def read_clock(self, reference, reading):
        pass

    def closed(self, reference, error):
        self.errors.append(error)

    def push(self, reference, item, *, opens_gop):
        self.given.append(item)


class Rig:
    """A runner in a time that is set by hand, and its sources, one after another."""

    def __init__(self, monkeypatch, *makers, **settings):
        monkeypatch.setattr(feeding, "_FIRST_RETRY", 0.01)
        self.now = 0.0
        self.makers = deque(makers)
        self.sources, self.stops = [], []
        self.output = Output()
        runtime = ThreadedRuntime(monotonic=lambda: self.now)
        self.runner = SourceRunner(REFERENCE, None, self, SteadyClock(utc_now), runtime, SourceSettings(**settings))
        self.runner.serve((self.output,))
        self.runner.start()

    def open(self, reference, receiver, stop):
        self.stops.append(stop)
        if not self.makers:
            return None
        source = self.makers.popleft()(stop)
        self.sources.append(source)
        return source

    def at(self, now):
        self.now = now
        self.runner.watch()


def hangs(count=25, period=3600):
    """A source that gives pictures and then waits until nobody wants it any more."""
    return lambda stop: Source([picture(number, period) for number in range(count)], stop.wait)


def test_a_source_that_falls_silent_is_in_error_and_is_opened_anew(monkeypatch):
    rig = Rig(monkeypatch, hangs(), hangs())
    until(lambda: len(rig.output.given) == 25)
    rig.at(9.9)
    assert rig.output.errors == []
    rig.at(10.1)
    assert rig.output.errors == ["The source failed: no media for 10 s"]
    until(lambda: rig.output.opened_times == 2 and len(rig.output.given) == 50)
    assert rig.sources[0].closed
    assert rig.stops[0].is_set()
    assert not rig.stops[1].is_set()
    rig.runner.stop()
    assert rig.runner.join(10)


def test_a_source_that_says_how_long_it_may_be_silent(monkeypatch):
    def patient(stop):
        source = hangs()(stop)
        source.silence_limit = timedelta(seconds=50)
        return source

    rig = Rig(monkeypatch, patient, silence_limit=timedelta(seconds=2))
    until(lambda: len(rig.output.given) == 25)
    rig.at(49.0)
    assert rig.output.errors == []
    rig.at(51.0)
    assert rig.output.errors == ["The source failed: no media for 51 s"]
    rig.runner.stop()


def test_threads_that_never_end_are_not_begun_for_ever(monkeypatch):
    free = threading.Event()
    rig = Rig(monkeypatch, *[lambda stop: Source([picture(0), picture(1)], free.wait)] * 9)
    for number in range(1, 9):
        until(lambda number=number: len(rig.output.given) >= 2 * min(number, 4))
        rig.at(20.0 * number)
    assert len(rig.sources) == 4
    assert set(rig.output.errors) == {"The source failed: no media for 20 s"}
    free.set()
    until(lambda: all(source.closed for source in rig.sources))
    rig.at(200.0)
    until(lambda: len(rig.sources) >= 5)
    rig.runner.stop()
    assert rig.runner.join(10)


def test_a_source_that_does_not_open_is_in_error_and_is_tried_again(monkeypatch):
    asked = threading.Event()

    def hang(stop):
        asked.set()
        stop.wait()
        raise OSError("too late")

    rig = Rig(monkeypatch, hang, hangs())
    assert asked.wait(60)
    rig.at(59.0)
    assert rig.output.errors == []
    rig.at(61.0)
    until(lambda: len(rig.output.given) == 25)
    assert rig.output.errors == ["The source failed: it did not open within 60 s"]
    rig.runner.stop()


def test_a_source_that_ends_is_opened_again_unless_it_is_done(monkeypatch):
    def ends(stop, *, done=False):
        return Source([picture(0), picture(1)], lambda: None, done=done)

    rig = Rig(monkeypatch, ends, ends, lambda stop: ends(stop, done=True), ends)
    assert rig.runner.join(60)
    assert (len(rig.sources), rig.output.opened_times, len(rig.makers)) == (3, 3, 1)
    assert set(rig.output.errors) == {None}


@pytest.mark.parametrize(
    ("tracks", "given", "allowed"),
    [
        ((VIDEO, AUDIO), [], 60.0),
        ((VIDEO,), [picture(0)], 60.0),
        ((VIDEO,), [picture(number) for number in range(3)], 10.0),
        ((VIDEO,), [picture(number, 90_000 * 20) for number in range(3)], 60.0),
        ((VIDEO,), [picture(number, 90_000 * 60) for number in range(3)], 180.0),
        ((VIDEO, AUDIO), [*[picture(n, 90_000 * 60) for n in range(3)], Sample(2, 0, 160, b"")], 10.0),
        ((VIDEO,), [*[picture(n) for n in range(20)], picture(90_000), *[picture(25 + n) for n in range(3)]], 10.0),
    ],
)
def test_a_source_may_be_silent_for_three_times_as_long_as_a_sample_lasts(tracks, given, allowed):
    watch = SilenceWatch(tracks, 10.0, 0.0)
    for sample in given:
        watch.saw(sample, 5.0)
    since = 5.0 if given else 0.0
    assert watch.allowed() == allowed
    assert watch.silent_for(since + allowed) is None
    assert watch.silent_for(since + allowed + 0.5) == allowed + 0.5


def test_metadata_neither_end_a_silence_nor_are_one():
    watch = SilenceWatch((VIDEO, META), 10.0, 0.0, nominal=0.04)
    watch.saw(Sample(3, 0, 0, b"<a/>"), 9.0)
    assert watch.silent_for(11.0) == 11.0
    assert SilenceWatch((META,), 10.0, 0.0).silent_for(1e6) is None
