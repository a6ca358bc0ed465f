"""A persistence that fails: what was acknowledged stays, what was refused never happened, and all is tried again."""

import pytest
from control_kit import Clock, Data, Exports, exporting, job, profile, recording, service, topics

from onvif_bmff.control import MemoryPersistence, SearchScope, StorageReferencePath, TimeRange, TrackConfiguration
from onvif_bmff.errors import PersistenceError, StateError
from onvif_bmff.storage.sqlite import SqlitePersistence


class Failing(MemoryPersistence):
    """Refuses every commit for which ``broken`` says so."""

    broken = staticmethod(lambda documents: False)

    def commit(self, documents, secrets):
        if self.broken(documents):
            raise PersistenceError("the disk is full")
        super().commit(documents, secrets)


def refuse_all(documents):
    return True


def refuse_removed_purges(documents):
    return any(name.startswith("purge/") and body is None for name, body in documents.items())


def test_an_operation_that_was_stored_is_not_reported_as_failed():
    clock, data, persistence = Clock(), Data(), Failing()
    made = service(clock=clock, local_data=data, persistence=persistence)
    token = made.create_recording(recording())
    data.add(token, "VIDEO001", TimeRange(clock.now, clock.now))
    made.take_notifications()
    persistence.broken = refuse_removed_purges
    made.delete_track(token, "VIDEO001")
    assert topics(made.take_notifications()) == ["DeleteTrack", "DeleteTrackData"]
    assert made.create_track(token, TrackConfiguration("Video")) == "VIDEO002"
    persistence.broken = lambda documents: False
    clock.forward(minutes=2)
    made.advance()
    assert [name for name in persistence.documents if name.startswith("purge/")] == []
    assert made.create_track(token, TrackConfiguration("Video")) == "VIDEO001"
    assert "DeleteTrackData" not in topics(made.take_notifications())


def test_an_export_ends_even_if_its_deleted_recording_cannot_go_yet():
    clock, persistence = Clock(), Failing()
    made = service(clock=clock, persistence=persistence, exporter=Exports(), **exporting())
    token = made.create_recording(recording())
    made.create_recording_job(job(token))
    running = made.export_recorded_data(SearchScope(), "MP4", StorageReferencePath("s3")).operation_token
    made.delete_recording(token)
    made.take_notifications()
    persistence.broken = refuse_all
    made.device_side.report_export(running, 1.0, finished=True)
    assert topics(made.take_notifications()) == [
        "AsynchronousOperationStatus:Changed",
        "AsynchronousOperationStatus:Deleted",
    ]
    assert made.get_export_recorded_data_state(running).progress == 1.0
    assert len(made.get_recordings()) == 1
    again = service(clock=clock, persistence=persistence, exporter=Exports(), **exporting())
    assert len(again.get_recordings()) == 1  # it starts all the same
    persistence.broken = lambda documents: False
    clock.now = made.next_deadline()
    made.advance()
    assert made.get_recordings() == made.get_recording_jobs() == ()
    assert persistence.documents == {}


def test_a_database_that_became_read_only_refuses_changes_and_can_be_read(tmp_path):
    persistence = SqlitePersistence(tmp_path / "control.db")
    made = service(persistence=persistence)
    token = made.create_recording(recording())
    held = made.create_recording_job(job(token, profile("VIDEO001"))).job_token
    made.take_notifications()
    before = (made.snapshot(), made.get_recordings(), made.device_side.assignments(), persistence.load())
    persistence._connection.execute("PRAGMA query_only = 1")
    for call in (
        lambda: made.create_recording(recording()),
        lambda: made.delete_recording(token),
        lambda: made.set_recording_configuration(token, recording(content="new")),
        lambda: made.create_track(token, TrackConfiguration("Audio")),
        lambda: made.delete_track(token, "VIDEO001"),
        lambda: made.create_recording_job(job(token, priority=9)),
        lambda: made.set_recording_job_mode(held, "Idle"),
        lambda: made.delete_recording_job(held),
    ):
        with pytest.raises(PersistenceError, match="cannot be stored"):
            call()
    assert (made.snapshot(), made.get_recordings(), made.device_side.assignments(), persistence.load()) == before
    assert made.take_notifications() == ()
    persistence._connection.execute("PRAGMA query_only = 0")
    made.delete_recording(token)
    assert persistence.load() == ({}, {})
    made.close()
    with pytest.raises(StateError):
        made.create_recording(recording())
