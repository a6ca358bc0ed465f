"""Simulated operators: they agree with a service that is right, and find one that is wrong."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace

import pytest

from onvif_bmff.cenc.keys.content import ContentKey, parse_kid
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.control import MemoryPersistence, RecordingService
from onvif_bmff.control.operations import recordings, tracks
from onvif_bmff.device import RecordingDevice
from onvif_bmff.errors import PersistenceError
from onvif_bmff.playback import read_segment
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime
from tests.simulate.acknowledged import observe
from tests.simulate.cameras import CameraFleet, identify
from tests.simulate.certificates import SimulatedCertificates, unwrapper
from tests.simulate.operators import EXPORTS, HITS, OPERATIONS, Operator
from tests.simulate.runtime import Crashed, Process, SimulatedRuntime, Simulation

START = UtcTime.parse("2026-01-02T03:04:05Z")


class World:
    """Cameras, certificates, a store, a persistence and an operator, for one device after another."""

    def __init__(self, seed, persistence=None, *, local=False, behaviours=()):
        self.simulation = Simulation(seed, preemption=0.05)
        self.fleet = CameraFleet(self.simulation, 2, behaviours)
        self.certificates = SimulatedCertificates(self.simulation, START)
        self.simulation.spawn(Process("authority"), self.certificates.run, "authority")
        self.persistence = persistence or MemoryPersistence()
        self.store, self.local = MemoryStore(), MemoryStore() if local else None
        self.operator = Operator(
            self.simulation, list(self.fleet.cameras), ("s3",), self.certificates.names, local=local
        )

    def start(self):
        process = Process("device")
        runtime = SimulatedRuntime(self.simulation, process, lambda at: START.plus_microseconds(int(at * 1e6)))
        device = RecordingDevice(
            {"s3": self.store},
            sources=self.fleet.provider(process),
            local=self.local,
            persistence=self.persistence,
            certificates=self.certificates.current,
            has_profile=self.fleet.has_profile,
            runtime=runtime,
        )
        device.start()
        return process, runtime, device


class Unreliable(MemoryPersistence):
    """Fails, crashes or lies in some of its commits."""

    def __init__(self, way, share=0.1):
        super().__init__()
        self.way, self.share, self.world, self.process = way, share, None, None

    def commit(self, documents, secrets):
        happens = self.world is not None and self.world.simulation.chance.random() < self.share
        if not happens or (self.way == "lies" and secrets):  # a key that is lost would be noticed at the start
            super().commit(documents, secrets)
        elif self.way == "fails":
            raise PersistenceError("the disk is full")
        elif self.way == "crashes before":
            raise Crashed
        elif self.way == "crashes after":
            super().commit(documents, secrets)
            raise Crashed


@pytest.mark.parametrize("seed", range(4))
def test_a_service_that_is_right_agrees(seed):
    world = World(seed, local=bool(seed % 2))
    _, runtime, device = world.start()
    stop = runtime.flag()
    task = runtime.spawn(lambda: world.operator.run(device.service, stop, every=2.0), "operator")
    world.simulation.sleep(400)
    stop.set()
    assert task.join()
    assert world.operator.findings == []
    assert world.operator.differences(device.service) == []
    assert len(world.operator.acknowledged.recordings) > 0
    device.close()
    _, _, device = world.start()
    assert world.operator.differences(device.service) == []
    device.close()
    assert world.simulation.faults == []


REFUSALS = {
    "NoRecording", "NoTrack", "NoRecordingJob", "BadConfiguration", "AmbiguousConfiguration", "BadMode",
    "BadDuration", "MaxTracks", "ActionNotSupported", "UnknownReceiver", "CannotDeleteReceiver",
}  # fmt: skip


def test_all_operations_are_called_and_refused():
    """Some refusals are rare: worlds are tried until all were seen."""
    calls, refused = Counter(), set()
    for seed in range(40):
        world = World(seed)
        _, _, device = world.start()
        for _ in range(250):
            world.simulation.sleep(1)
            world.operator.step(device.service)
        device.close()
        assert world.operator.findings == []
        calls += world.operator.calls
        refused = {name.partition(": ")[2] for name in calls} - {""}
        if seed >= 5 and refused >= REFUSALS and OPERATIONS.keys() <= calls.keys():
            break
    assert OPERATIONS.keys() <= calls.keys()
    assert refused >= REFUSALS


@pytest.mark.parametrize("way", ["crashes before", "crashes after", "fails"])
@pytest.mark.parametrize("seed", range(2))
def test_what_was_acknowledged_is_there_after_every_crash(way, seed):
    persistence = Unreliable(way)
    world = World(seed, persistence)
    open_ends = 0
    for _ in range(12):
        persistence.world = None
        process, _, device = world.start()
        assert world.operator.differences(device.service) == []
        persistence.world = world
        with suppress(Crashed):
            for _ in range(40):
                world.simulation.sleep(1)
                world.operator.step(device.service)
        open_ends += len(world.operator.maybe)
        world.simulation.crash(process)
    assert world.operator.findings == []
    assert (open_ends > 0) == (way != "fails")
    assert (world.simulation.hits["operation not stored"] > 0) == (way == "fails")
    assert {name for name in world.simulation.hits if "operation" in name or "storm" in name} <= set(HITS)


def after_lies(seed):
    """What an operator finds after a restart where some changes were acknowledged and not stored."""
    persistence = Unreliable("lies")
    world = World(seed, persistence)
    process, _, device = world.start()
    persistence.world = world
    for _ in range(100):
        world.simulation.sleep(1)
        world.operator.step(device.service)
    world.simulation.crash(process)
    persistence.world = None
    try:
        _, _, device = world.start()
    except PersistenceError as error:  # what is left contradicts itself, and is not taken for a configuration
        return [str(error)]
    found = world.operator.differences(device.service)
    device.close()
    return found


def test_a_change_that_was_acknowledged_and_not_stored_is_found():
    """Where it was not made good by a later one of the same thing."""
    assert sum(after_lies(seed) != [] for seed in range(16)) >= 4


def keeps_the_prefix(tx, token, configuration, real=recordings.set_configuration):
    real(tx, token, configuration)
    made = tx.state.recordings[token]
    tx.state.recordings[token] = replace(made, configuration=replace(made.configuration, content="as before"))


def deletes_nothing(tx, token):
    tx.recording(token)


def leaves_the_track_in_jobs(tx, token, track):
    found = tx.recording(token)
    tx.track(token, track)
    tx.put_recording(replace(found, tracks=tuple(one for one in found.tracks if one.token != track)))


@pytest.mark.parametrize(
    ("module", "name", "wrong"),
    [
        (recordings, "set_configuration", keeps_the_prefix),
        (recordings, "delete_recording", deletes_nothing),
        (tracks, "delete_track", leaves_the_track_in_jobs),
    ],
)
def test_a_service_that_is_wrong_is_found(monkeypatch, module, name, wrong):
    """In the course of some of these worlds; what operators do in them depends on what they do in all."""
    monkeypatch.setattr(module, name, wrong)
    assert any(finds_a_fault(seed) for seed in (4, 5, 7))


def finds_a_fault(seed):
    """Whether an operator finds one within 400 seconds."""
    world = World(seed)
    _, _, device = world.start()
    for _ in range(400):
        world.simulation.sleep(1)
        world.operator.step(device.service)
        if world.operator.findings:
            break
    device.close()
    return bool(world.operator.findings)


def test_a_service_that_is_right_is_not_found_wrong():
    assert not any(finds_a_fault(seed) for seed in (4, 5, 7))


def test_an_exception_that_is_no_fault_is_a_finding(monkeypatch):
    world = World(3)
    _, _, device = world.start()
    monkeypatch.setattr(RecordingService, "get_service_capabilities", lambda self: 1 / 0)
    for _ in range(1000):
        world.operator.step(device.service)
    device.close()
    assert world.operator.findings
    assert all("ZeroDivisionError" in finding for finding in world.operator.findings)


@pytest.mark.parametrize("seed", [4, 5, 11, 15])
def test_cameras_and_operators_together_store_nothing_twice_in_a_segment(seed):
    world = World(seed, behaviours=("jitter", "burst", "reconnect", "pause"))
    _, runtime, device = world.start()
    stop = runtime.flag()
    task = runtime.spawn(lambda: world.operator.run(device.service, stop, every=15.0), "operator")
    world.simulation.sleep(600)
    stop.set()
    assert task.join()
    device.close()
    assert world.operator.findings == []
    assert world.simulation.faults == []
    keys = KeyRing(ContentKey(parse_kid(kid), key) for kid, key in world.operator.keys.items())
    stored, places = Counter(), Counter()
    for key in world.store.keys(""):
        if key.startswith(EXPORTS) or key.endswith("_end"):
            continue
        segment = read_segment(world.store.get(key), keys=keys, unwrapper=unwrapper())
        found = [(one.track_id, identify(one.data)) for one in segment.samples()]
        stored.update((key, *one) for one in found)
        places.update((key.partition("/")[0], *one) for one in found)
    assert set(stored.values()) <= {1}
    assert set(places.values()) <= {1, 2}  # twice at most: where Before reaches back into the span before (decision 28)
    given = {(c.token, one.track, one.number) for c in world.fleet.cameras.values() for one in c.given}
    assert {name for _, _, name in stored} <= given


def test_a_run_is_the_same_for_a_seed():
    def run():
        world = World(8)
        _, _, device = world.start()
        for _ in range(150):
            world.simulation.sleep(2)
            world.operator.step(device.service)
        seen = observe(device.service)
        device.close()
        return world.operator.calls, seen, list(world.store.keys("")), world.simulation.time

    assert run() == run()
