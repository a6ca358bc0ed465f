"""Sources that break their word: they fail by themselves, with an error that says why, and the outputs go on."""

from collections import deque
from dataclasses import replace

import pytest
from device_kit import until

from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.control import PROFILE_TYPE, SourceReference
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.device import SourceRunner, SteadyClock
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.runtime import utc_now

REFERENCE = SourceReference("cam", PROFILE_TYPE)
CODEC = MjpegCodec(width=64, height=48)
VIDEO = Track("VIDEO001", 1, 90_000, CODEC)
SAMPLE = Sample(1, 0, 3600, b"\xff\xd8", True)


class Source:
    """Gives what it was made with."""

    tracks = (VIDEO,)

    def __init__(self, items):
        self.items = items

    def samples(self):
        yield from self.items

    def close(self):
        pass


class Provider:
    """Gives one source after another, and then none."""

    def __init__(self, *sources):
        self.sources = deque(sources)

    def open(self, reference, receiver, stop):
        return Source(self.sources.popleft()) if self.sources else None


class Output:
    """Remembers what it was given."""

    def __init__(self):
        self.given = []
        self.errors = []

    def opened(self, reference, tracks, epoch):
        self.given.append("opened")

    def read_clock(self, reference, reading):
        pass

    def closed(self, reference, error):
        self.errors.append(error)

    def push(self, reference, item, *, opens_gop):
        self.given.append(item)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (replace(SAMPLE, track_id=9), "The source failed: it gave a sample of track 9, which it does not have"),
        (CodecChange(9, 0, CODEC, 1), "The source failed: it changed the codec of track 9, which it does not have"),
    ],
)
def test_a_source_that_gives_something_of_an_unknown_track_fails_and_is_opened_again(wrong, error):
    output = Output()
    runner = SourceRunner(REFERENCE, None, Provider([SAMPLE, wrong], [SAMPLE]), SteadyClock(utc_now))
    runner.serve((output,))
    runner.start()
    until(lambda: output.given == ["opened", SAMPLE, "opened", SAMPLE])
    runner.stop()
    assert runner.join(10)
    assert error in output.errors
