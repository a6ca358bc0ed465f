"""What the tests of the device room share: a camera that is a file, short ways to ask, and stores that misbehave."""

import time
from datetime import timedelta
from pathlib import Path
from threading import Event

from onvif_bmff.control import (
    PROFILE_TYPE,
    RecordingConfiguration,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingJobTrack,
    RecordingTargetConfiguration,
    SourceReference,
)
from onvif_bmff.device import FileSources, RecordingDevice
from onvif_bmff.errors import StoreError
from onvif_bmff.playback import Timeline, read_segment
from onvif_bmff.runtime import utc_now
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.validation import validate_store

CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
SECOND = timedelta(seconds=1)
SPEED = 8.0


class FastClock:
    """Time that passes ``SPEED`` times as fast, as it does for cameras of that speed."""

    def __init__(self, start=None, speed=SPEED):
        self._start = start or utc_now()
        self._speed = speed
        self._began = time.monotonic()

    def __call__(self):
        return self._start.plus_microseconds(int((time.monotonic() - self._began) * self._speed * 1e6))


def fast_device(storages, *, sources=None, speed=SPEED, start=None, **more):
    """A device whose time, and whose camera, run fast."""
    return RecordingDevice(
        storages,
        sources=sources or FileSources({"cam": CAMERA, "other": CAMERA}, speed=speed),
        clock=FastClock(start, speed),
        clock_rate=speed,
        **more,
    )


def target(prefix="cam", *, kind="CMAF", seconds=2, storage="s3", **more):
    return RecordingTargetConfiguration(storage, kind, seconds * SECOND, prefix=prefix, **more)


def configuration(prefix="cam", **more):
    return RecordingConfiguration(target=target(prefix, **more))


def profile_source(*tracks, token="cam"):
    return RecordingJobSource(
        SourceReference(token, PROFILE_TYPE), tracks=tuple(RecordingJobTrack("", track) for track in tracks)
    )


AV = ("VIDEO001", "AUDIO001")


def job(recording, *sources, mode="Active", priority=1, **more):
    return RecordingJobConfiguration(recording, mode, priority, sources or (profile_source(*AV),), **more)


def record(service, prefix="cam", *, sources=(), mode="Active", **more):
    """A recording and a job; their tokens."""
    token = service.create_recording(configuration(prefix, **more))
    return token, service.create_recording_job(job(token, *sources, mode=mode)).job_token


def state(service, token):
    return str(service.get_recording_job_state(token).state)


def until(condition, seconds=90.0):
    """Wait for something to become true; the last value. The time is only there to end a test that hangs."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
    return found


def on_the_wall(device, seconds):
    """How much of the device's time passes in so many real seconds: what a loaded machine may cost."""
    return seconds * device._clock.rate * SECOND


def wait(device, seconds):
    """Let so many seconds of the device's time pass."""
    end = device.service._runner.clock() + seconds * SECOND
    until(lambda: device.service._runner.clock() >= end)


def kept(device, recording):
    """How much of the video an output keeps for events."""
    worker = device.worker(recording)
    sources = [] if worker is None else list(worker._output._sources.opened.values())
    found = [source.preroll for source in sources if source.preroll is not None and source.preroll._starts]
    return max(
        ((one._times.newest - one._starts[0]) / one._times.timescale * SECOND for one in found), default=0 * SECOND
    )


def sealed(store, prefix=""):
    return [key for key in store.keys(prefix) if not key.endswith("_end")]


def ended(store, prefix=""):
    return [key for key in store.keys(prefix) if key.endswith("_end")]


def faults(store, keys=None, **where):
    """What the validator calls an error."""
    return [f for f in validate_store(store, keys=keys, **where) if f.level.value == "error"]


def spans(store, extension="m4v", **where):
    return list(Timeline.from_store(store, **where).of(extension))


def sample_count(store, name, keys=None):
    segment = read_segment(store.get(name), keys=keys)
    return sum(1 for _ in segment.samples())


class WeakStore(MemoryStore):
    """A store that fails or hangs when told to."""

    def __init__(self):
        super().__init__()
        self.failing = False
        self.hanging = Event()
        self.free = Event()
        self.free.set()
        self.delay = 0.0

    def open_writer(self, key, *, content_type, overwrite=False):
        self.trouble()
        inner = super().open_writer(key, content_type=content_type, overwrite=overwrite)
        return _WeakWriter(self, inner)

    def trouble(self):
        if self.delay:
            time.sleep(self.delay)
        if not self.free.is_set():
            self.hanging.set()
            self.free.wait(600)
            self.hanging.clear()
        if self.failing:
            raise StoreError("the disk is on fire")

    def hang(self):
        self.free.clear()


class _WeakWriter:
    def __init__(self, store, inner):
        self._store, self._inner = store, inner

    def append(self, *buffers):
        self._store.trouble()
        self._inner.append(*buffers)

    def seal(self, attributes):
        self._store.trouble()
        self._inner.seal(attributes)

    def abandon(self):
        self._inner.abandon()
