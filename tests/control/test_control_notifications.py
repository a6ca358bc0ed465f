"""Events: clause 5.26."""

from dataclasses import fields, replace

import pytest
from control_kit import Clock, Exports, exporting, job, profile, recording, service, topics

from onvif_bmff.control import (
    ALL_NOTIFICATIONS,
    MemoryPersistence,
    PropertyOperation,
    RecordingJobState,
    SearchScope,
    ServiceLimits,
    StorageReferencePath,
    TrackConfiguration,
)

# Topic → (is property, source items, data items), copied from the message descriptions of 5.26.
SPECIFIED = {
    "tns1:RecordingConfig/JobState": (True, ["RecordingJobToken"], ["State", "Information"]),
    "tns1:RecordingConfig/RecordingConfiguration": (False, ["RecordingToken"], ["Configuration"]),
    "tns1:RecordingConfig/TrackConfiguration": (False, ["RecordingToken", "TrackToken"], ["Configuration"]),
    "tns1:RecordingConfig/RecordingJobConfiguration": (False, ["RecordingJobToken"], ["Configuration"]),
    "tns1:RecordingConfig/DeleteTrackData": (False, ["RecordingToken", "TrackToken"], ["StartTime", "EndTime"]),
    "tns1:RecordingConfig/CreateRecording": (False, ["RecordingToken"], []),
    "tns1:RecordingConfig/DeleteRecording": (False, ["RecordingToken"], []),
    "tns1:RecordingConfig/CreateTrack": (False, ["RecordingToken", "TrackToken"], []),
    "tns1:RecordingConfig/DeleteTrack": (False, ["RecordingToken", "TrackToken"], []),
    "tns1:Monitoring/AsynchronousOperationStatus": (
        True,
        ["Token", "OperationName", "ServiceName"],
        ["Progress", "FileProgressStatus", "Error", "Alias"],
    ),
}  # fmt: skip


def test_every_topic_has_its_items():
    found = {n.topic: (n.is_property, list(n.source), list(n.data)) for n in ALL_NOTIFICATIONS}
    assert found == SPECIFIED
    for kind in ALL_NOTIFICATIONS:
        names = {item.name for item in fields(kind)}
        assert names == {"time", "operation", *kind.source.values(), *kind.data.values()}


@pytest.mark.requirement("REC-5.26.4-01", "REC-5.26.4-02", "REC-5.26.4-03", "REC-5.26.4-04")
def test_creation_and_deletion_are_told():
    clock = Clock()
    made = service(clock=clock)
    token = made.create_recording(recording())
    created = made.take_notifications()
    assert topics(created) == ["CreateRecording"] + ["CreateTrack"] * 3
    assert created[0].source_items() == {"RecordingToken": token}
    assert created[0].data_items() == {}
    tracks = ("VIDEO001", "AUDIO001", "META001")
    assert [n.source_items() for n in created[1:]] == [{"RecordingToken": token, "TrackToken": t} for t in tracks]
    assert {n.time for n in created} == {clock.now}
    assert {n.operation for n in created} == {None}
    added = made.create_track(token, TrackConfiguration("Audio"))
    made.delete_track(token, added)
    told = made.take_notifications()
    assert topics(told) == ["CreateTrack", "DeleteTrack"]
    assert [n.source_items() for n in told] == [{"RecordingToken": token, "TrackToken": added}] * 2
    made.delete_recording(token)
    gone = made.take_notifications()
    assert topics(gone) == ["DeleteTrack"] * 3 + ["DeleteRecording"]
    assert [n.source_items() for n in gone[:3]] == [{"RecordingToken": token, "TrackToken": t} for t in tracks]
    assert gone[3].source_items() == {"RecordingToken": token}
    assert [n.data_items() for n in (*told, *gone)] == [{}] * 6


@pytest.mark.requirement("REC-5.26.2-01", "REC-5.26.2-02", "REC-5.26.2-03")
def test_changes_are_told_with_the_new_configuration():
    made = service()
    token = made.create_recording(recording())
    held = made.create_recording_job(job(token)).job_token
    made.take_notifications()
    made.set_recording_configuration(token, recording(content="new"))
    made.set_track_configuration(token, "AUDIO001", TrackConfiguration("Audio", "new"))
    made.set_recording_job_configuration(held, replace(made.get_recording_job_configuration(held), priority=5))
    one, two, three = made.take_notifications()
    assert (one.source_items(), one.data_items()) == (
        {"RecordingToken": token},
        {"Configuration": made.get_recording_configuration(token)},
    )
    assert (two.source_items(), two.data_items()) == (
        {"RecordingToken": token, "TrackToken": "AUDIO001"},
        {"Configuration": TrackConfiguration("Audio", "new")},
    )
    assert (three.source_items(), three.data_items()) == (
        {"RecordingJobToken": held},
        {"Configuration": made.get_recording_job_configuration(held)},
    )


@pytest.mark.requirement("REC-5.26.1-01", "REC-5.26.1-02", "REC-5.26.1-03")
def test_job_states_are_a_property():
    made = service()
    token = made.create_recording(recording())
    made.take_notifications()
    held = made.create_recording_job(job(token, profile("VIDEO001", "AUDIO001"))).job_token
    (first,) = made.take_notifications()
    assert first.operation is PropertyOperation.INITIALIZED
    assert first.source_items() == {"RecordingJobToken": held}
    assert first.data_items() == {"State": RecordingJobState.ACTIVE}
    made.device_side.report_track_state(held, "VIDEO001", RecordingJobState.ACTIVE)
    assert made.take_notifications() == ()
    made.device_side.report_track_state(held, "AUDIO001", RecordingJobState.IDLE)
    (second,) = made.take_notifications()
    assert second.operation is PropertyOperation.CHANGED
    assert second.data_items() == {
        "State": RecordingJobState.PARTIALLY_ACTIVE,
        "Information": made.get_recording_job_state(held),
    }
    made.device_side.report_track_state(held, "AUDIO001", RecordingJobState.ERROR)
    made.device_side.report_track_state(held, "VIDEO001", RecordingJobState.ERROR)
    told = made.take_notifications()
    assert [("Information" in n.data_items(), n.state) for n in told] == [(True, "Error")]
    made.delete_recording_job(held)
    (last,) = made.take_notifications()
    assert (last.operation, last.recording_job_token) == (PropertyOperation.DELETED, held)


def test_every_subscriber_gets_everything_in_order():
    made = service()
    one = made.subscribe()
    token = made.create_recording(recording())
    two = made.subscribe()
    made.delete_recording(token)
    everything = topics(made.take_notifications())
    assert topics(one.take()) == everything
    assert topics(two.take()) == everything[4:]
    one.close()
    one.close()
    made.create_recording(recording())
    assert one.take() == ()
    assert len(two.take()) == 4


def test_a_subscriber_that_never_takes_costs_no_more_than_its_limit():
    made = service(limits=ServiceLimits(notifications=3))
    lazy = made.subscribe()
    made.create_recording(recording())
    assert topics(lazy.take()) == ["CreateTrack"] * 3
    assert lazy.lost == 1


def test_nothing_is_told_of_what_was_not_committed():
    class Failing(MemoryPersistence):
        broken = False

        def commit(self, documents, secrets):
            if self.broken:
                raise OSError("no space")
            super().commit(documents, secrets)

    persistence = Failing()
    made = service(persistence=persistence)
    token = made.create_recording(recording())
    made.take_notifications()
    before = made.snapshot()
    persistence.broken = True
    for call in (
        lambda: made.create_recording(recording()),
        lambda: made.create_recording_job(job(token)),
        lambda: made.delete_recording(token),
    ):
        with pytest.raises(OSError, match="no space"):
            call()
    assert made.snapshot() == before
    assert made.take_notifications() == ()


def test_the_present_can_be_told_to_a_new_subscriber():
    made = service(exporter=Exports(), **exporting())
    token = made.create_recording(recording())
    one = made.create_recording_job(job(token, priority=2)).job_token
    two = made.create_recording_job(job(token)).job_token
    running = made.export_recorded_data(SearchScope(), "MP4", StorageReferencePath("s3")).operation_token
    done = made.export_recorded_data(SearchScope(), "MP4", StorageReferencePath("s3")).operation_token
    made.device_side.report_export(done, 1.0, finished=True)
    told = made.current_properties()
    assert {n.operation for n in told} == {PropertyOperation.INITIALIZED}
    assert [(n.recording_job_token, n.state) for n in told[:2]] == [(one, "Active"), (two, "Idle")]
    assert [n.token for n in told[2:]] == [running]


def test_whoever_records_is_woken_by_changes_only():
    made = service()
    woken = []
    made.on_change = lambda: woken.append(1)
    token = made.create_recording(recording())
    assert len(woken) == 1
    made.get_recordings()
    made.advance()
    assert len(woken) == 1
    made.device_side.schedule_changed("s", True)
    made.set_recording_configuration(token, recording())
    assert len(woken) == 2
