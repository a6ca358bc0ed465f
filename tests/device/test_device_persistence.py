"""A control model that cannot be written for a while: what records goes on, and what comes later is followed."""

import pytest
from device_kit import configuration, fast_device, faults, job, record, sealed, spans, until

from onvif_bmff.control import EventFilterEntry, EventMessage, MemoryPersistence, RecordingEventFilter
from onvif_bmff.errors import PersistenceError
from onvif_bmff.storage.memory import MemoryStore


class FailingPersistence(MemoryPersistence):
    """Fails while it is ``broken``; ``fail_after`` is how many changes it takes until then."""

    broken = False
    fail_after = None

    def commit(self, documents, secrets):
        if self.fail_after is not None:
            self.broken = self.broken or self.fail_after == 0
            self.fail_after -= 1
        if self.broken:
            raise PersistenceError("no room")
        super().commit(documents, secrets)


def test_recording_outlives_a_database_that_fails():
    store, persistence = MemoryStore(), FailingPersistence()
    with fast_device({"s3": store}, persistence=persistence) as device:
        service = device.service
        record(service)
        until(lambda: len(sealed(store)) >= 2)
        token = service.create_recording(configuration("event"))
        wanted = RecordingEventFilter((EventFilterEntry("tns1:Device/Trigger"),))
        service.create_recording_job(job(token, event_filter=wanted))
        persistence.broken = True
        with pytest.raises(PersistenceError):
            service.create_recording(configuration("more"))
        service.event(EventMessage("tns1:Device/Trigger", service._clock(), {}, {"Value": "1"}))
        count = len(sealed(store, "cam/"))
        until(lambda: len(sealed(store, "cam/")) >= count + 4)
        persistence.broken = False
        until(lambda: len(sealed(store, "event/")) >= 1 or service.event(
            EventMessage("tns1:Device/Trigger", service._clock(), {}, {"Value": "1"})
        ))  # fmt: skip
    assert len(spans(store, prefix="cam")) == 1
    assert faults(store, prefix="cam") == []
    assert faults(store, prefix="event") == []
