"""A control model that cannot be written for a while: what records goes on, and what comes later is followed."""

from uuid import UUID

import pytest
from device_kit import (
    configuration,
    fast_device,
    faults,
    job,
    record,
    sample_count,
    sealed,
    spans,
    state,
    until,
)

from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.control import (
    EventFilterEntry,
    EventMessage,
    MemoryPersistence,
    RecordingEncryption,
    RecordingEventFilter,
)
from onvif_bmff.errors import PersistenceError
from onvif_bmff.storage import iv_store
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.sqlite import SqlitePersistence


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
        service.device_side.event(EventMessage("tns1:Device/Trigger", service._runner.clock(), {}, {"Value": "1"}))
        count = len(sealed(store, "cam/"))
        until(lambda: len(sealed(store, "cam/")) >= count + 4)
        persistence.broken = False
        until(lambda: len(sealed(store, "event/")) >= 1 or service.device_side.event(
            EventMessage("tns1:Device/Trigger", service._runner.clock(), {}, {"Value": "1"})
        ))  # fmt: skip
    assert len(spans(store, prefix="cam")) == 1
    assert faults(store, prefix="cam") == []
    assert faults(store, prefix="event") == []


@pytest.mark.parametrize("mode", ["CENC", "CBCS"])
def test_a_damaged_key_stops_its_recording_and_no_other_until_it_is_set_again(mode, tmp_path, caplog, monkeypatch):
    """Nothing is written that nobody could open, and nothing in the clear; the state says what is wrong."""
    monkeypatch.setattr(iv_store, "_IN_MEMORY", tmp_path)
    kid, key = "0123abcd-0000-4000-8000-0000000000ff", bytes(range(16))
    entry = RecordingEncryption(mode, kid, key)
    path, store = tmp_path / "control.db", MemoryStore()
    with fast_device({"s3": store}, persistence=SqlitePersistence(path)) as device:
        token, damaged = record(device.service, "damaged", mode="Idle", encryption=(entry,))
        _, whole = record(device.service, "whole", mode="Idle", encryption=(entry,))
    persistence = SqlitePersistence(path)
    persistence._connection.execute("UPDATE secret SET body = zeroblob(16) WHERE name = ?", (f"{token}/{kid}",))
    persistence.close()
    with fast_device({"s3": store}, persistence=SqlitePersistence(path)) as device:
        service = device.service
        for one in (damaged, whole):
            service.set_recording_job_mode(one, "Active")
        until(lambda: state(service, whole) == "Active" and state(service, damaged) == "Error")
        until(lambda: len(sealed(store, "whole/")) >= 2)
        (source,) = service.get_recording_job_state(damaged).sources
        assert {track.error for track in source.tracks} == {
            f"The content key {kid} is missing or damaged; set it again"
        }
        assert sealed(store, "damaged/") == []
        service.set_recording_configuration(token, configuration("damaged", encryption=(entry,)))
        until(lambda: state(service, damaged) == "Active")
        until(lambda: len(sealed(store, "damaged/")) >= 2)
    for prefix in ("damaged", "whole"):
        assert faults(store, prefix=prefix) == []
        for name in sealed(store, prefix):
            assert sample_count(store, name, KeyRing([ContentKey(UUID(kid), key)])) > 0
    assert f"the content key {kid} of recording {token} is missing or damaged" in caplog.text
