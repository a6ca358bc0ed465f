"""A clock that goes on from an old time after a power cut: recordings wait until it is later than their newest keys.

All in simulated time, over stores in memory.
"""

import logging
from datetime import timedelta

import pytest
from device_kit import CAMERA, ended, faults, job, record, sealed, spans, state

from onvif_bmff.control import MemoryPersistence, RecordingConfiguration
from onvif_bmff.device import ClockTrust, FileSources, RecordingDevice
from onvif_bmff.device.health_rules import find_faults
from onvif_bmff.errors import StoreError
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime
from tests.simulate.runtime import Process, SimulatedRuntime, Simulation

START = UtcTime.parse("2026-03-01T10:00:00Z")
HOUR = timedelta(hours=1)


class World:
    """Lives of a device, one after the other, with a wall clock that is ``ahead`` of the true time."""

    def __init__(self, store=None, local=None):
        self.simulation = Simulation(1)
        self.persistence = MemoryPersistence()
        self.store, self.local = store or MemoryStore(), local
        self.ahead = timedelta(0)

    def wall(self, at):
        return START.plus_microseconds(int(at * 1e6)) + self.ahead

    def device(self, **more):
        runtime = SimulatedRuntime(self.simulation, Process("device"), self.wall)
        sources = FileSources({"cam": CAMERA}, runtime=runtime)
        return RecordingDevice(
            {"s3": self.store}, sources=sources, local=self.local, persistence=self.persistence, runtime=runtime, **more
        )

    def pass_(self, seconds):
        self.simulation.sleep(seconds)

    def first_life(self):
        """Record for a quarter of a minute, and lose power before a span is ended; the token of the job."""
        with self.device() as device:
            _, job = record(device.service)
            self.pass_(15)
        for key in ended(self.store):
            self.store.delete(key)
        assert sealed(self.store)
        assert all(span.end is None for span in spans(self.store))
        return job


@pytest.fixture
def world():
    return World()


def waits(device):
    (one,) = device.health().recordings
    return one.waits


def test_a_recording_waits_until_the_clock_is_later_than_the_newest_key(world, caplog):
    guard = world.first_life()
    before = set(world.store.keys())
    world.ahead = -HOUR
    with caplog.at_level(logging.WARNING, "onvif_bmff.device"), world.device() as device:
        world.pass_(60)
        assert state(device.service, guard) == "Idle"
        assert "cam has a key of 2026-03-01T10:00" in waits(device)
        assert [one.code for one in find_faults(device.health()) if one.serious] == ["recording-waits"]
        assert device.waits_for_clock is None
        assert sealed(world.store) == sorted(key for key in before)
        assert all(span.end is not None for span in spans(world.store)), "what the power cut left is ended meanwhile"
        world.ahead = timedelta(0)
        world.pass_(15)
        assert state(device.service, guard) == "Active"
        assert waits(device) is None
    assert sum("a recording waits" in one.getMessage() for one in caplog.records) == 1
    first, second = spans(world.store)
    assert first.end < second.start
    assert faults(world.store) == []


def test_a_key_of_a_clock_that_was_wrong_years_ago_does_not_make_it_wait_for_ever(world, caplog):
    world.ahead = timedelta(days=4000)
    guard = world.first_life()
    old = {key: world.store.get(key) for key in sealed(world.store)}
    world.ahead = timedelta(0)
    with caplog.at_level(logging.WARNING, "onvif_bmff.device"), world.device() as device:
        world.pass_(290)
        assert state(device.service, guard) == "Idle"
        world.pass_(20)
        assert state(device.service, guard) == "Active"
        world.pass_(10)
    said = [one.getMessage() for one in caplog.records if "2037" in one.getMessage()]
    assert len(said) == 2
    assert "remove the key" in said[0]
    assert "recording begins, though cam has a key of 2037" in said[1]
    assert {key: world.store.get(key) for key in old} == old, "no key is written again"
    new, former = spans(world.store)
    assert new.end is not None
    assert former.end is not None, "the span of the wrong clock is ended, though it is later than this one"
    assert faults(world.store) == []


@pytest.mark.parametrize("trust", [ClockTrust(patience=timedelta(0)), ClockTrust(wait=False)])
def test_by_option_nothing_waits(world, trust):
    guard = world.first_life()
    world.ahead = -HOUR
    with world.device(clock_trust=trust) as device:
        world.pass_(5)
        assert state(device.service, guard) == "Active"
        assert waits(device) is None
        world.ahead = timedelta(0)
        world.pass_(15)
    early, _, late = spans(world.store)
    assert early.start < early.end < START
    assert late.start > START + timedelta(seconds=20), "a new span began when the clock was set"


def test_a_patient_device_waits_as_long_as_it_takes(world):
    guard = world.first_life()
    world.ahead = -HOUR
    with world.device(clock_trust=ClockTrust(patience=None)) as device:
        world.pass_(3000)
        assert state(device.service, guard) == "Idle"
        world.pass_(700)
        assert state(device.service, guard) == "Active", "the clock has passed the newest key by itself"


class Answering(MemoryStore):
    """A store whose listings take a while, or fail."""

    def __init__(self):
        super().__init__()
        self.simulation, self.seconds, self.error = None, 0.0, None

    def keys(self, prefix="", *, after=""):
        if self.seconds:
            self.simulation.sleep(self.seconds)
        if self.error:
            raise self.error
        return super().keys(prefix, after=after)


def test_a_store_that_does_not_answer_holds_recording_up_for_ten_seconds(caplog):
    world = World(Answering())
    guard = world.first_life()
    world.store.simulation, world.store.seconds = world.simulation, 100.0
    with caplog.at_level(logging.WARNING, "onvif_bmff.device"), world.device() as device:
        world.pass_(8)
        assert state(device.service, guard) == "Idle"
        assert "its store has not said" in waits(device)
        world.pass_(4)
        assert state(device.service, guard) == "Active"
        world.pass_(300)
        assert state(device.service, guard) == "Active", "an answer that comes late changes nothing"
        world.store.seconds = 0.0
    assert sum("has not said its newest keys within 10 s" in one.getMessage() for one in caplog.records) == 1


@pytest.mark.parametrize("error", [StoreError("403: no"), ValueError("a fault of the store")])
def test_a_store_that_fails_holds_nothing_up(error, caplog):
    world = World(Answering())
    guard = world.first_life()
    world.store.error = error
    with caplog.at_level(logging.WARNING, "onvif_bmff.device"), world.device() as device:
        world.pass_(0.5)
        world.store.error = None
        world.pass_(3)
        assert state(device.service, guard) == "Active"
    assert sum("does not say its newest keys" in one.getMessage() for one in caplog.records) == 1


def test_each_place_waits_by_itself(world):
    """Local data, a storage, and another recording of the same storage, which has no later keys."""
    world.local = MemoryStore()
    first = world.first_life()
    with world.device() as device:
        fresh, fresh_job = record(device.service, "fresh")
        kept = device.service.create_recording(RecordingConfiguration())
        kept_job = device.service.create_recording_job(job(kept)).job_token
        world.pass_(15)
    for key in list(world.store.keys("fresh/")):
        world.store.delete(key)
    assert sealed(world.local, kept)
    world.ahead = -HOUR
    with world.device() as device:
        world.pass_(5)
        assert [state(device.service, one) for one in (first, fresh_job, kept_job)] == ["Idle", "Active", "Idle"]
        waiting = {one.recording: one.waits for one in device.health().recordings if one.waits}
        assert fresh not in waiting
        assert f"{kept}/VIDEO001 has a key of" in waiting[kept]
