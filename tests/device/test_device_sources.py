"""Sources that break their word: they fail by themselves, with an error that says why, and the outputs go on."""

import time
from collections import deque
from dataclasses import replace
from datetime import timedelta

import pytest
from device_kit import (
    CAMERA,
    ended,
    fast_device,
    faults,
    job,
    profile_source,
    sample_count,
    sealed,
    state,
    target,
    until,
)

from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.control import PROFILE_TYPE, RecordingConfiguration, SourceReference
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.device import FileSource, SourceRunner, SourceSettings, SteadyClock, TracksKnown
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.runtime import utc_now
from onvif_bmff.storage import MemoryStore

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


# ---- tracks that come later ------------------------------------------------------------------------------------


class Unknowing(Source):
    """Has no tracks until it gives them."""

    tracks = ()


class Unknown:
    """Gives sources that do not know their tracks, each after the one before has ended."""

    def __init__(self, *sources):
        self.sources = deque(sources)

    def open(self, reference, receiver, stop):
        return Unknowing(self.sources.popleft()) if self.sources else None


def test_a_source_is_open_when_its_tracks_are_known():
    output = Output()
    found = [TracksKnown((VIDEO,)), SAMPLE, SAMPLE]
    runner = SourceRunner(REFERENCE, None, Unknown(found), SteadyClock(utc_now))
    runner.serve((output,))
    runner.start()
    until(lambda: output.given == ["opened", SAMPLE, SAMPLE])
    runner.stop()


@pytest.mark.parametrize("first", [SAMPLE, CodecChange(1, 0, CODEC, 1)])
def test_media_before_their_tracks_are_a_fault_of_the_source(first):
    output = Output()
    runner = SourceRunner(REFERENCE, None, Unknown([first, TracksKnown((VIDEO,))]), SteadyClock(utc_now))
    runner.serve((output,))
    runner.start()
    until(lambda: output.errors == ["The source failed: it gave media before its tracks were known"])
    assert output.given == []
    runner.stop()


def test_a_source_that_never_learns_its_tracks_is_given_up_as_one_that_does_not_open():
    def never():
        time.sleep(60)
        yield SAMPLE

    output = Output()
    settings = SourceSettings(silence_limit=timedelta(seconds=0.05))
    runner = SourceRunner(REFERENCE, None, Unknown(never()), SteadyClock(utc_now), settings=settings)
    runner.serve((output,))
    runner.start()

    def given_up():
        runner.watch()
        return output.errors == ["The source failed: it did not open within 0.3 s"]

    until(given_up)
    assert output.given == []
    runner.stop()


class LateAudio:
    """A camera whose video is known after a while, and whose sound comes later still; all of it is in ``given``."""

    clock = "camera"
    tracks = ()

    def __init__(self, stop, given):
        self._file = FileSource(CAMERA, stop=stop, speed=8.0, passes=3)
        self._given = given

    @property
    def done(self):
        return self._file.done

    def samples(self):
        video, audio = self._file.tracks
        known = [video]
        yield TracksKnown(known)
        for item in self._file.samples():
            is_video = isinstance(item, Sample) and item.track_id == video.track_id
            if len(known) == 1 and is_video and item.sync and item.decode_time > 6 * video.timescale:
                known = [video, audio]
                yield TracksKnown(known)
            if item.track_id in {track.track_id for track in known}:
                self._given.append(item)
                yield item

    def close(self):
        self._file.close()


class LateSources:
    profiles = {"cam": None}

    def __init__(self):
        self.given = []

    def open(self, reference, receiver, stop):
        return LateAudio(stop, self.given)


@pytest.mark.parametrize("kind", ["CMAF", "MP4"])
def test_tracks_that_come_later_are_recorded_from_there_on_and_nothing_is_lost(kind):
    store, sources = MemoryStore(), LateSources()
    with fast_device({"s3": store}, sources=sources) as made:
        token = made.service.create_recording(RecordingConfiguration(target=target(kind=kind)))
        held = made.service.create_recording_job(job(token, profile_source("VIDEO001", "AUDIO001"))).job_token
        until(lambda: state(made.service, held) == "Active")
        until(lambda: state(made.service, held) == "Idle")
        assert not made.worker(token).dropped
    assert faults(store) == []
    video = [item for item in sources.given if item.track_id == sources.given[0].track_id]
    found = dict.fromkeys(("mp4", "m4v", "m4a"), 0)
    for key in sealed(store):
        found[key[-3:]] += sample_count(store, key)
    if kind == "MP4":
        assert found == {"mp4": len(sources.given), "m4v": 0, "m4a": 0}
        assert len(ended(store)) == 2
    else:
        assert found == {"mp4": 0, "m4v": len(video), "m4a": len(sources.given) - len(video)}
        assert len(ended(store)) == 3
    assert len(sources.given) - len(video) > 100
