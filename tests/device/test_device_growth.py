"""What a device keeps does not grow with the hours of its cameras: its objects are counted, in simulated time."""

import gc
from collections import Counter
from datetime import timedelta
from functools import _lru_cache_wrapper
from logging import Logger
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType

from device_kit import configuration, job, profile_source

from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.control import (
    EventFilterEntry,
    EventMessage,
    MemoryPersistence,
    PropertyOperation,
    RecordingEventFilter,
)
from onvif_bmff.device import RecordingDevice
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.timing import UtcTime
from tests.simulate.runtime import Process, SimulatedRuntime, SimulatedTask, Simulation

START = UtcTime.parse("2026-03-01T10:00:00Z")
SECOND = timedelta(seconds=1)
HOUR = 3600
MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"
PERIOD = 4
MORE = 100


class Camera:
    """A picture each few seconds, for ever; a connection lasts 20 minutes."""

    def __init__(self, runtime):
        self._runtime = runtime
        self.tracks = (Track("VIDEO001", 1, 90_000, MjpegCodec(width=64, height=48)),)

    def open(self, reference, receiver, stop):
        return Camera(self._runtime)

    def samples(self):
        for number in range(1200 // PERIOD):
            yield Sample(1, number * PERIOD * 90_000, 0, b"\xff\xd8" + bytes(100), True)
            self._runtime.sleep(PERIOD)

    def close(self):
        pass


class Void:
    """A store that keeps nothing, and counts what is sealed; reading finds nothing."""

    sealed = 0

    def open_writer(self, key, *, content_type, overwrite=False):
        return self

    def append(self, *buffers):
        pass

    def seal(self, attributes):
        self.sealed += 1

    def abandon(self):
        pass

    def put(self, obj, *, overwrite=False):
        pass

    def keys(self, prefix="", *, after=""):
        return iter(())

    def delete(self, key):
        pass


ELSEWHERE = (
    type, ModuleType, BuiltinFunctionType, CodeType, FrameType, Logger, _lru_cache_wrapper,
    Simulation, SimulatedTask, Process, Void,
)  # fmt: skip


def kept(root):
    """Count what is reachable from an object, by type; the world around it, and what all share, aside."""
    found, seen, todo = Counter(), {id(root)}, [root]
    while todo:
        one = todo.pop()
        found[type(one).__name__] += 1
        is_function = isinstance(one, FunctionType)
        inner = [*(one.__closure__ or ()), one.__defaults__] if is_function else gc.get_referents(one)
        for other in inner:
            if id(other) not in seen and not isinstance(other, ELSEWHERE):
                seen.add(id(other))
                todo.append(other)
    return found


class Life:
    """A device with one camera, recorded always and around events, whose operators do something now and then."""

    def __init__(self):
        self.simulation, self.store = Simulation(1), Void()
        runtime = SimulatedRuntime(
            self.simulation, Process("device"), lambda at: START.plus_microseconds(int(at * 1e6))
        )
        self.device = RecordingDevice(
            {"s3": self.store},
            sources=Camera(runtime),
            has_profile=lambda token: True,
            persistence=MemoryPersistence(),
            runtime=runtime,
        )
        service, source = self.device.service, profile_source("VIDEO001")
        self.always = service.create_recording(configuration("always", seconds=20))
        self.job = service.create_recording_job(job(self.always, source)).job_token
        around = service.create_recording(configuration("event", seconds=20))
        wanted = RecordingEventFilter((EventFilterEntry(MOTION),), 10 * SECOND, 10 * SECOND)
        service.create_recording_job(job(around, source, event_filter=wanted))
        self.changes = service.subscribe()

    def hours(self, count):
        """Let hours pass."""
        service = self.device.service
        for number in range(count * 12):
            self.simulation.sleep(HOUR / 12 - 40)
            now = service._runner.clock()
            for state in ("true", "false"):
                service.device_side.event(
                    EventMessage(MOTION, now, {"Rule": "1"}, {"State": state}, PropertyOperation.CHANGED)
                )
            service.override_segment_duration(5 * SECOND, 20 * SECOND, self.always)
            service.set_recording_job_mode(self.job, "Idle")
            self.simulation.sleep(1)
            service.set_recording_job_mode(self.job, "Active")
            if number % 3 == 0:
                gone = service.create_recording(configuration(f"passing{self.simulation.time}"))
                service.delete_recording_job(service.create_recording_job(job(gone, profile_source())).job_token)
                service.delete_recording(gone)
            self.device.health()
            self.changes.take()
            service.take_notifications()
            self.simulation.sleep(39)

    def growth(self, hours):
        """How many objects more there are after some hours than after one, by type, and what was stored then."""
        with self.device:
            self.hours(1)
            first, stored = kept(self.device), self.store.sealed
            self.hours(hours)
            return kept(self.device) - first, self.store.sealed - stored


def test_what_is_kept_is_the_same_after_three_hours_as_after_one():
    grown, stored = Life().growth(2)
    assert stored > 3 * MORE
    assert sum(grown.values()) < MORE, grown.most_common(10)


def test_one_object_kept_for_each_segment_is_noticed(monkeypatch):
    life, seal, leak = Life(), Void.seal, []
    life.device.leak = leak
    monkeypatch.setattr(Void, "seal", lambda store, attributes: (leak.append(object()), seal(store, attributes)))
    grown, stored = life.growth(1)
    assert sum(grown.values()) > stored > MORE
