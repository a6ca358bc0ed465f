"""The audit log: a line for each operation that may change something, done, refused or failed, and no secret in it."""

import asyncio
import json
import logging
from datetime import timedelta

import pytest
from control_kit import KEY, KID, encrypted, entry, job, profile, recording, resources, service, target

from onvif_bmff.audit import acting_for, differences
from onvif_bmff.control import BadMode, MemoryPersistence, NoRecording, TrackConfiguration
from onvif_bmff.control.operations.catalogue import OPERATIONS, AccessClass
from onvif_bmff.control.types.receiver import ReceiverConfiguration
from onvif_bmff.errors import PersistenceError
from onvif_bmff.logs import JsonLines

AUDIT = "onvif_bmff.audit"


@pytest.fixture(autouse=True)
def audited(caplog):
    caplog.set_level(logging.INFO, AUDIT)


def lines(caplog):
    """What the audit log says, and nothing else."""
    return [(line.operation, line.user, line.outcome, line.changes) for line in caplog.records if line.name == AUDIT]


def test_a_line_says_who_did_what_and_what_changed_from_what_to_what(caplog):
    made = service(resources=resources())
    with acting_for("alice"):
        token = made.create_recording(recording())
        one = made.create_recording_job(job(token, profile("VIDEO001"))).job_token
    caplog.clear()
    with acting_for("bob"):
        made.set_recording_job_mode(one, "Idle")
    ((operation, user, outcome, changes),) = lines(caplog)
    assert (operation, user, outcome) == ("SetRecordingJobMode", "bob", "done")
    assert changes == {f"job/{one}.configuration.mode": ["Active", "Idle"]}
    (line,) = caplog.records
    assert line.levelname == "INFO"
    assert line.getMessage() == f"SetRecordingJobMode by bob: done: job/{one}.configuration.mode: 'Active' -> 'Idle'"
    assert json.loads(JsonLines().format(line))["changes"] == changes


def test_what_is_refused_and_what_fails_has_a_line_too(caplog):
    persistence = MemoryPersistence()
    made = service(persistence=persistence, resources=resources())
    token = made.create_recording(recording())
    caplog.clear()
    with pytest.raises(NoRecording), acting_for("eve"):
        made.delete_recording("none")

    def full(documents, secrets):
        raise PersistenceError("the disk is full")

    persistence.commit = full
    with pytest.raises(PersistenceError):
        made.delete_recording(token)
    assert [
        (*one[:3], line.levelname, line.cause) for one, line in zip(lines(caplog), caplog.records, strict=True)
    ] == [
        ("DeleteRecording", "eve", "refused", "WARNING", "NoRecording: The recording token names no recording."),
        ("DeleteRecording", None, "failed", "ERROR", "the disk is full"),
    ]


def test_every_operation_that_may_change_something_has_its_line(caplog):
    """All that the access class ACTUATE is asked for, by their names in ONVIF, and those of receivers."""
    made = service(resources=resources())
    token = made.create_recording(recording())
    with pytest.raises(NoRecording):
        made.create_track("none", TrackConfiguration("Video"))
    track = made.create_track(token, TrackConfiguration("Video"))
    made.set_track_configuration(token, track, TrackConfiguration("Video", "another"))
    made.delete_track(token, track)
    made.set_recording_configuration(token, recording(target(), content="other"))
    made.override_segment_duration(timedelta(seconds=1), timedelta(seconds=60), token)
    one = made.create_recording_job(job(token, profile("VIDEO001"))).job_token
    made.set_recording_job_configuration(one, job(token, profile("VIDEO001"), priority=2))
    with pytest.raises(BadMode):
        made.set_recording_job_mode(one, "idle")
    made.set_recording_job_mode(one, "Idle")
    made.delete_recording_job(one)
    made.delete_recording(token)
    receiver = made.provisioning.create_receiver(ReceiverConfiguration("AutoConnect", "rtsp://cam"))
    made.provisioning.configure_receiver(receiver, ReceiverConfiguration("NeverConnect", "rtsp://cam"))
    made.provisioning.delete_receiver(receiver)
    found = [operation for operation, *_ in lines(caplog)]
    changing = {name for name, one in OPERATIONS.items() if one.access_class is AccessClass.ACTUATE}
    assert set(found) == changing | {"CreateReceiver", "ConfigureReceiver", "DeleteReceiver"}
    assert len(found) == len(set(found)) + 2  # the two that were refused


def test_what_is_read_and_what_the_device_does_by_itself_has_no_line(caplog):
    made = service(resources=resources())
    token = made.create_recording(recording())
    caplog.clear()
    made.get_recordings()
    made.get_recording_configuration(token)
    made.advance()
    made.device_side.plans()
    made.device_side.schedule_changed("s", active=True)
    assert lines(caplog) == []


def test_no_secret_is_in_it(caplog):
    made = service(resources=resources())
    secrets = ["hunter2", "s3/cr@et", "abcdef"]
    uris = [f"rtsp://admin:{secrets[0]}@cam/1", f"rtsp://admin:{secrets[1]}@cam/1", f"http://cam/1?token={secrets[2]}"]
    for uri in uris:
        receiver = made.provisioning.create_receiver(ReceiverConfiguration("AutoConnect", uri))
        made.provisioning.configure_receiver(
            receiver, ReceiverConfiguration("AutoConnect", uri.replace("cam", "other"))
        )
        made.provisioning.delete_receiver(receiver)
    made.delete_recording(made.create_recording(encrypted(entry())))
    text = caplog.text + "".join(JsonLines().format(line) for line in caplog.records)
    for secret in [*secrets, KEY.hex(), repr(KEY), str(list(KEY))]:
        assert secret not in text
    assert "rtsp://***@cam/1" in text
    assert "http://cam/1?***" in text
    keys = [name for *_, changes in lines(caplog) for name in changes if name.startswith("key/")]
    assert len(keys) == 2
    assert all(name.endswith(f"/{KID}") for name in keys)
    assert "set" in text


def test_names_of_clients_write_no_lines_of_their_own(caplog):
    made = service(resources=resources())
    with acting_for("eve\nCreateRecording by alice: done"), pytest.raises(NoRecording):
        made.delete_recording("none\n\x1b[31m")
    assert all("\n" not in line.getMessage() and "\x1b" not in line.getMessage() for line in caplog.records)


def test_each_task_has_its_own_user(caplog):
    made = service(resources=resources())

    async def create(name):
        with acting_for(name):
            await asyncio.sleep(0)
            await asyncio.to_thread(made.create_recording, recording(content=name))

    async def all_of_them():
        await asyncio.gather(*(create(name) for name in "abc"))

    asyncio.run(all_of_them())
    told = {user: next(iter(changes.values()))[1]["configuration"]["content"] for _, user, _, changes in lines(caplog)}
    assert told == {"a": "a", "b": "b", "c": "c"}


def test_differences_are_as_small_as_they_can_be():
    old = {"a": 1, "b": {"c": [1, 2], "d": "x"}, "gone": [1]}
    new = {"a": 1, "b": {"c": [1, 3], "d": "x"}, "come": {"e": None}}
    assert differences(old, new, "n") == {"n.b.c[1]": (2, 3), "n.gone": ([1], None), "n.come": (None, {"e": None})}
    assert differences(old, old, "n") == {}
    assert differences([1], [1, 2], "n") == {"n": ([1], [1, 2])}
