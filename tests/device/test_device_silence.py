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


class Hanging:
    """A source that hangs at one place until it is set free."""

    def __init__(self, place, free):
        self.place, self.free = place, free
        self.hanging = threading.Event()

    def hang(self, place):
        if self.place == place:
            self.hanging.set()
            self.free.wait()

    @property
    def tracks(self):
        self.hang("tracks")
        return (VIDEO, META)

    def samples(self):
        self.hang("first sample")
        yield picture(0)
        yield picture(1)
        self.hang("a later sample")
        try:
            if self.place == "the end of its samples":
                yield Sample(9, 0, 0, b"of no track", False)
            elif self.place == "close after an error":
                raise ValueError("broken")
        finally:
            self.hang("the end of its samples")

    def close(self):
        self.hang("close")
        self.hang("close after an error")


OPENING = "The source failed: it did not open within 60 s"
SILENT = "The source failed: no media for 61 s"
CLOSING = "The source failed: it did not close within 10 s"
HANGS = {
    "open": OPENING,
    "tracks": OPENING,
    "first sample": SILENT,
    "a later sample": SILENT,
    "the end of its samples": SILENT,
    "close": CLOSING,
    "close after an error": CLOSING,
}


@pytest.mark.parametrize(("place", "reason"), HANGS.items())
def test_a_source_that_hangs_anywhere_is_in_error_and_is_opened_anew(monkeypatch, place, reason):
    free, made = threading.Event(), []

    def hangs_there(stop):
        made.append(Hanging(place, free))
        made[0].hang("open")
        return made[0]

    rig = Rig(monkeypatch, hangs_there, hangs())
    until(lambda: made and made[0].hanging.is_set())
    rig.at(9.0)
    assert rig.output.errors in ([], [None])
    rig.at(61.0)
    assert rig.output.errors[-1] == reason
    until(lambda: len(rig.output.given) >= 25)
    free.set()
    until(lambda: rig.runner._connections[0].has_ended)
    assert rig.output.errors[-1] == reason  # the thread that was given up says nothing any more
    assert not rig.stops[1].is_set()
    rig.runner.stop()
    assert rig.runner.join(10)


@pytest.mark.parametrize("place", HANGS)
def test_a_source_that_hangs_each_time_has_four_threads_at_most(monkeypatch, caplog, place):
    free, made = threading.Event(), []

    def hangs_there(stop):
        source = Hanging(place, free)
        made.append(source)
        source.hang("open")
        return source

    rig = Rig(monkeypatch, *[hangs_there] * 9)
    for number in range(1, 8):
        until(lambda number=number: len(made) >= min(number, 4))
        until(made[-1].hanging.is_set)
        rig.at(100.0 * number)
    assert len(made) == 4
    assert [one.message for one in caplog.records if "threads" in one.message] == [
        "the source cam is not opened any more, until one of 4 threads that hang in it ends"
    ]
    assert rig.output.errors[-1] == HANGS[place].replace("61", "100")
    free.set()
    until(lambda: all(one.has_ended for one in rig.runner._connections))
    rig.at(1000.0)
    until(lambda: len(made) >= 5)
    rig.runner.stop()
    assert rig.runner.join(10)


def test_a_source_that_is_done_and_hangs_when_it_is_closed_is_not_opened_again(monkeypatch):
    free, hanging = threading.Event(), threading.Event()

    def hangs_at_its_end(stop):
        source = Source([picture(0), picture(1)], lambda: None, done=True)
        source.close = lambda: (hanging.set(), free.wait())
        return source

    rig = Rig(monkeypatch, hangs_at_its_end, hangs())
    assert hanging.wait(60)
    rig.at(100.0)
    assert rig.output.errors == [None]
    free.set()
    assert rig.runner.join(10)
    rig.at(200.0)
    assert (len(rig.sources), rig.output.errors) == (1, [None])


def test_where_no_thread_can_be_started_the_source_is_in_error_and_is_tried_again(monkeypatch):
    spawn, refused = ThreadedRuntime.spawn, [True]

    def refuse(self, run, name):
        if refused:
            refused.pop()
            raise RuntimeError("can't start new thread")
        return spawn(self, run, name)

    monkeypatch.setattr(ThreadedRuntime, "spawn", refuse)
    rig = Rig(monkeypatch, hangs())
    assert rig.output.errors == ["The source failed: no thread can be started for it: can't start new thread"]
    rig.at(1.0)
    until(lambda: len(rig.output.given) == 25)
    rig.runner.stop()
    assert rig.runner.join(10)
