"""A device that was off for years ends the spans that its last life left open, whatever else lies in the store."""

from datetime import timedelta

import pytest
from device_kit import configuration, ended, fast_device, faults, record, sealed, spans, until

from onvif_bmff.control import MemoryPersistence
from onvif_bmff.device import RecordingDevice
from onvif_bmff.errors import StoreError
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime
from tests.simulate.runtime import Process, SimulatedRuntime, Simulation

START = UtcTime.parse("2026-03-01T10:00:00Z")
LATER = START + timedelta(days=1)


@pytest.mark.requirement("ANX-B.5-01")
@pytest.mark.parametrize("days", [1, 8, 2000])
def test_spans_are_ended_however_long_the_device_was_off(days):
    store, persistence = MemoryStore(), MemoryPersistence()
    with fast_device({"s3": store}, persistence=persistence, start=START) as device:
        record(device.service)
        until(lambda: len(sealed(store)) >= 4)
    for key in ended(store):
        store.delete(key)  # the power failed before they were written
    (old,) = spans(store)
    assert old.end is None
    later = START + timedelta(days=days)
    with fast_device({"s3": store}, persistence=persistence, start=later) as device:
        until(lambda: any(key.startswith(f"cam/{later.isoformat(0)[:10]}") for key in sealed(store)))
        assert device.wait_recovered(60)
        assert [len(report.ended) for report in device.recovery] == [2, 0]
        assert [report.errors for report in device.recovery] == [[], []]
    first, second = spans(store)
    assert first.end is not None
    assert first.end < second.start
    assert faults(store) == []


def test_a_storage_that_comes_late_is_used_at_once():
    storages, persistence, store = {"s3": MemoryStore()}, MemoryPersistence(), MemoryStore()
    with fast_device(storages, persistence=persistence) as device:
        record(device.service)
    storages.clear()
    with fast_device(storages, persistence=persistence) as device:
        until(lambda: device._outputs._missing)
        device._wake.clear()
        storages["s3"] = store
        until(lambda: sealed(store), 30)


class Refusing(MemoryStore):
    """A store that refuses so many listings."""

    refusals = 0

    def keys(self, prefix="", *, after=""):
        if self.refusals > 0:
            self.refusals -= 1
            raise StoreError("503: not now")
        return super().keys(prefix, after=after)


def test_a_store_that_fails_during_recovery_is_recovered_later():
    store, persistence = Refusing(), MemoryPersistence()
    with fast_device({"s3": store}, persistence=persistence, start=START) as device:
        record(device.service)
        until(lambda: len(sealed(store)) >= 4)
    for key in ended(store):
        store.delete(key)
    simulation = Simulation(1)
    runtime = SimulatedRuntime(simulation, Process("device"), lambda at: LATER.plus_microseconds(int(at * 1e6)))
    store.refusals = 3
    device = RecordingDevice({"s3": store}, persistence=persistence, runtime=runtime)
    device.start()
    assert not device.wait_recovered(1.0)
    assert "503: not now" in str(device.recovery[0].errors)
    assert device.wait_recovered(120.0)
    assert [report.errors for report in device.recovery] == [[], []]
    assert len(ended(store)) == 2
    store.refusals = 1_000_000
    device.close()
    assert simulation.faults == []


def test_closing_ends_the_attempts_to_recover_a_store():
    store = Refusing()
    store.refusals = 1_000_000
    simulation = Simulation(1)
    runtime = SimulatedRuntime(simulation, Process("device"), lambda at: START.plus_microseconds(int(at * 1e6)))
    persistence = MemoryPersistence()
    device = RecordingDevice({"s3": store}, persistence=persistence, runtime=runtime)
    device.service.create_recording(configuration())
    device.start()
    runtime.sleep(3600)
    tried = 1_000_000 - store.refusals
    assert 50 <= tried <= 70
    device.close()
    runtime.sleep(3600)
    assert 1_000_000 - store.refusals == tried
    assert simulation.running(runtime.process) == []
