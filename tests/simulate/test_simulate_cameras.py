"""Simulated cameras by themselves, and recorded by a whole device in simulated time."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from onvif_bmff.codecs import AvcCodec, HevcCodec
from onvif_bmff.control import (
    PROFILE_TYPE,
    MemoryPersistence,
    RecordingConfiguration,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingTargetConfiguration,
    SourceReference,
)
from onvif_bmff.device import RecordingDevice
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store
from tests.simulate.camera_media import encodings
from tests.simulate.cameras import BEHAVIOURS, CameraFleet, identify, identify_all
from tests.simulate.runtime import Crashed, Process, SimulatedRuntime, Simulation

START = UtcTime.parse("2026-01-02T03:04:05Z")
HARMLESS = [one.name for one in BEHAVIOURS.values() if not one.may_lose]


def world(seed):
    simulation, process = Simulation(seed), Process("device")
    return simulation, SimulatedRuntime(simulation, process, lambda at: START.plus_microseconds(int(at * 1e6)))


def record(seed, behaviours=(), *, minutes=5, kind="CMAF", count=1):
    """Record all cameras of a fleet, each into a recording of its own; simulation, fleet and store."""
    simulation, runtime = world(seed)
    fleet, store = CameraFleet(simulation, count, behaviours), MemoryStore()
    device = RecordingDevice(
        {"s3": store},
        sources=fleet.provider(runtime.process),
        persistence=MemoryPersistence(),
        has_profile=fleet.has_profile,
        runtime=runtime,
    )
    with device:
        for token in fleet.cameras:
            target = RecordingTargetConfiguration("s3", kind, timedelta(seconds=20), prefix=token)
            recording = device.service.create_recording(RecordingConfiguration(target=target))
            source = RecordingJobSource(SourceReference(token, PROFILE_TYPE))
            device.service.create_recording_job(RecordingJobConfiguration(recording, "Active", 1, (source,)))
        simulation.sleep(60 * minutes)
    assert simulation.faults == []
    return simulation, fleet, store


def stored(store):
    return Counter(name for key in store.keys("") for name in identify_all(store.get(key)))


def taken(fleet):
    return {(camera.token, one.track, one.number): one for camera in fleet.cameras.values() for one in camera.sent}


# ---- media ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", encodings())
def test_each_sample_is_small_and_says_which_it_is(name):
    made = encodings()[name]
    units = [made.payload("cam12", 3, number, 50 + 7 * number, number % 6) for number in range(20)]
    assert [identify(unit) for unit in units] == [("cam12", 3, number) for number in range(20)]
    assert len(set(units)) == 20
    assert all(30 <= len(unit) <= 200 for unit in units)
    assert identify_all(b"\0".join(units)) == [identify(unit) for unit in units]
    assert identify(b"sim(cam1,x,1)") is None


@pytest.mark.parametrize("name", ["H264", "H265"])
def test_pictures_have_slice_headers_that_end_before_the_name(name):
    made = encodings()[name]
    for place in range(6):
        unit = made.payload("cam1", 1, 4711, 100, place)
        ranges = made.codec(0).protected_ranges(unit)
        assert ranges
        assert identify(b"".join(unit[start:end] for start, end in ranges)) == ("cam1", 1, 4711)


def test_codecs_change_in_size_or_configuration_but_not_in_kind():
    for made in encodings().values():
        found = [made.codec(variant) for variant in range(len(made.variants))]
        assert all(one != other for one, other in pairwise(found))
        assert {one.media_type for one in found} == {made.kind}
    for name, kind in (("H264", AvcCodec), ("H265", HevcCodec)):
        found = [encodings()[name].codec(variant) for variant in range(3)]
        assert len({(one.width, one.height) for one in found}) == 3
        assert all(isinstance(one, kind) for one in found)


# ---- recorded ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["CMAF", "MP4"])
@pytest.mark.parametrize("seed", range(4))
def test_all_is_stored_once_where_nothing_disturbs(seed, kind):
    _, fleet, store = record(seed, kind=kind, count=2)
    assert stored(store) == dict.fromkeys(taken(fleet), 1)
    assert len(taken(fleet)) > 50
    assert [found for found in validate_store(store) if found.level.value == "error"] == []
    assert all(one.disturbed is None for one in taken(fleet).values())


@pytest.mark.parametrize("seed", range(6))
def test_what_is_lost_is_explained_and_nothing_is_stored_twice(seed):
    simulation, fleet, store = record(seed, None, count=2, kind=("CMAF", "MP4")[seed % 2])
    found, given = stored(store), taken(fleet)
    for name, one in given.items():
        may_lose = one.disturbed is not None and BEHAVIOURS[one.disturbed].may_lose
        assert found[name] == 1 or (found[name] == 0 and may_lose), (name, one)
    everything = {(c.token, one.track, one.number) for c in fleet.cameras.values() for one in c.given}
    assert found.keys() <= everything
    assert simulation.hits.keys() <= BEHAVIOURS.keys()


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_behaviour_loses_nothing(name):
    for seed in (1, 5):
        _, fleet, store = record(seed, [name])
        assert stored(store) == dict.fromkeys(taken(fleet), 1)
        assert [found for found in validate_store(store) if found.level.value == "error"] == []


def test_each_behaviour_takes_effect():
    wanted, hits = [one.name for one in BEHAVIOURS.values() if one.share], Counter()
    for seed in range(40):
        simulation, runtime = world(seed)
        fleet, stop = CameraFleet(simulation, 1, wanted), runtime.flag()
        (camera,) = fleet.cameras.values()
        runtime.spawn(lambda stop=stop, simulation=simulation: (simulation.sleep(3000), stop.set()), "stopper")
        while not stop.is_set():
            try:
                source = fleet.provider(runtime.process).open(SourceReference(camera.token, PROFILE_TYPE), None, stop)
                list(source.samples())
            except Exception:
                stop.wait(5)
        hits += simulation.hits
        if set(wanted) <= hits.keys():
            return
    raise AssertionError(set(wanted) - hits.keys())


def test_the_same_seed_gives_the_same_camera():
    def run():
        _, fleet, store = record(11, None, count=3, minutes=3)
        return list(fleet.cameras["cam3"].given), sorted(store.keys())

    assert run() == run()


def test_a_dead_process_is_given_nothing_more():
    simulation, runtime = world(2)
    fleet, got = CameraFleet(simulation, 1, ()), []
    (camera,) = fleet.cameras.values()
    provider, reference = fleet.provider(runtime.process), SourceReference(camera.token, PROFILE_TYPE)

    def run():
        got.extend(provider.open(reference, None, runtime.flag()).samples())

    runtime.spawn(run, "source")
    simulation.sleep(30)
    simulation.crash(runtime.process)
    given = len(camera.given)
    simulation.sleep(30)
    assert len(camera.given) == given > 5
    assert simulation.faults == []
    with pytest.raises(Crashed):
        provider.open(reference, None, runtime.flag())


def test_a_sample_whose_taker_does_not_come_back_is_not_taken():
    simulation, runtime = world(2)
    fleet = CameraFleet(simulation, 1, ())
    (camera,) = fleet.cameras.values()
    samples = (
        fleet.provider(runtime.process)
        .open(SourceReference(camera.token, PROFILE_TYPE), None, runtime.flag())
        .samples()
    )
    for _ in range(4):
        next(samples)
    samples.close()
    assert [one.taken for one in camera.given] == [True, True, True, False]
    assert len(camera.sent) == 3
