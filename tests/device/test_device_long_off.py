"""A device that was off for years ends the spans that its last life left open, whatever else lies in the store."""

from datetime import timedelta

import pytest
from device_kit import ended, fast_device, faults, record, sealed, spans, until

from onvif_bmff.control import MemoryPersistence
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2026-03-01T10:00:00Z")


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
