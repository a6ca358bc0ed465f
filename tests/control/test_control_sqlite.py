"""The service on SQLite: power cycles, damage, and a process that is killed at any moment."""

import os
import random
import signal
import time
from datetime import timedelta

import pytest
from control_kit import (
    KEY,
    KID,
    OTHER_KID,
    Clock,
    Counting,
    automatic,
    encrypted,
    entry,
    job,
    profile,
    recording,
    resources,
    service,
    target,
)
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from test_control_machine import Machine

from onvif_bmff.control import (
    Capabilities,
    Extensions,
    MemoryPersistence,
    RecordingConfiguration,
    RecordingService,
    RecordingSourceInformation,
    TrackConfiguration,
)
from onvif_bmff.control.state import DeviceState
from onvif_bmff.errors import PersistenceError
from onvif_bmff.storage.sqlite import SqlitePersistence

KILLS = 100
HUGE = Extensions(("<x>" + "x" * 20_000 + "</x>",))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.db"


@pytest.mark.requirement("REC-5.2-01", "REC-5.2-02")
def test_everything_survives_a_power_cycle(path):
    made = service(persistence=SqlitePersistence(path))
    token = made.create_recording(encrypted(entry(), maximum_retention_time=timedelta(days=3)))
    track = made.create_track(token, TrackConfiguration("Video", "second"))
    held = made.create_recording_job(job(token, automatic(track), profile("VIDEO001"))).job_token
    before = (made.get_recordings(), made.get_recording_jobs(), made.provisioning.get_receivers(), made.snapshot())
    made.close()
    made = service(persistence=SqlitePersistence(path))
    assert before == (
        made.get_recordings(),
        made.get_recording_jobs(),
        made.provisioning.get_receivers(),
        made.snapshot(),
    )
    assert made.device_side.content_key(token, KID) == KEY
    assert made.get_recording_job_state(held).state == "Active"
    made.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE document SET body = substr(body, 2) WHERE name LIKE 'job/%'", "damaged"),
        ("UPDATE document SET body = '[]' WHERE name LIKE 'job/%'", "object was expected"),
        ("UPDATE document SET body = replace(body, '\"order\"', '\"oder\"')", "nothing is known"),
        ('UPDATE document SET body = replace(body, \'"token":"job\', \'"token":"bob\')', "wrong name"),
        ("UPDATE document SET body = replace(body, '\"PT60S\"', '\"P1Y\"')", "cannot be read"),
        ("UPDATE document SET body = replace(body, '\"PT60S\"', '60')", "text was expected"),
        ("UPDATE document SET body = replace(body, '\"tracks\":[', '\"tracks\":[7,')", "object was expected"),
        (
            "UPDATE document SET body = replace(body, '\"priority\":1', '\"priority\":true')",
            "int was expected",
        ),
        ("UPDATE document SET body = replace(body, '\"priority\":1,', '')", "missing"),
        ("UPDATE document SET body = replace(body, 'AUDIO001', 'AUDIO009')", None),
        (
            "UPDATE document SET body = replace(body, '\"AUDIO001\"', '\"A\"') WHERE name LIKE 'job/%'",
            "track",
        ),
        ("UPDATE document SET name = 'x' || name", "nothing is known of documents"),
        ("DELETE FROM document WHERE name LIKE 'recording/%'", "do not fit"),
        ("DELETE FROM secret; DELETE FROM document WHERE name LIKE 'recording/%'", "recording of the stored"),
        ("DELETE FROM document WHERE name LIKE 'receiver/%'", "receiver of a stored job"),
        ("INSERT INTO secret VALUES ('x/y', x'00', row_digest('secret', 'x/y', x'00'))", "content keys"),
    ],
)
def test_a_damaged_model_is_reported_and_left_alone(path, change, words):
    made = service(persistence=SqlitePersistence(path))
    token = made.create_recording(encrypted(entry()))
    made.create_recording_job(job(token, automatic()))
    resealed = "; UPDATE document SET digest = row_digest('document', name, body)"
    made._runner.persistence._connection.executescript(change + resealed)
    made.close()
    before = path.read_bytes()
    if words is None:  # a change that is none: all places agree
        service(persistence=SqlitePersistence(path)).close()
        return
    persistence = SqlitePersistence(path)
    with pytest.raises(PersistenceError, match=words) as caught:
        RecordingService(clock=Clock(), persistence=persistence)
    assert KEY.hex() not in str(caught.value)
    persistence.close()
    assert path.read_bytes() == before


def test_a_document_with_a_flipped_bit_is_reported_and_left_alone(path):
    """Even where it would still make sense: nobody would know that a device does what nobody asked it to."""
    made = service(persistence=SqlitePersistence(path))
    made.create_recording(recording(target()))
    made._runner.persistence._connection.executescript("UPDATE document SET body = replace(body, 'Gate', 'Gaze')")
    made.close()
    before = path.read_bytes()
    persistence = SqlitePersistence(path)
    with pytest.raises(PersistenceError, match=r"the document 'recording/recording_.*' is damaged"):
        RecordingService(clock=Clock(), persistence=persistence)
    persistence.close()
    assert path.read_bytes() == before


def test_a_full_disk_refuses_the_operation_and_nothing_else(path):
    persistence = SqlitePersistence(path)
    made = service(persistence=persistence)
    token = made.create_recording(recording())
    pages = persistence._connection.execute("PRAGMA page_count").fetchone()[0]
    persistence._connection.execute(f"PRAGMA max_page_count = {pages}")
    before = made.snapshot()
    big = RecordingSourceInformation(name="n" * 64, location="l" * 1024, description="d" * 1024)
    with pytest.raises(PersistenceError, match="full"):
        made.set_recording_configuration(token, RecordingConfiguration(big, "c" * 1024, extensions=HUGE))
    persistence._connection.execute("PRAGMA max_page_count = 100000")
    assert made.snapshot() == before
    made.delete_recording(token)
    made.close()
    again = service(persistence=SqlitePersistence(path))
    assert token not in [item.recording_token for item in again.get_recordings()]
    again.close()


# ---- kill -9 -------------------------------------------------------------------------------------------


def work(persistence, told, stop=None):
    """Operations without end, the same in every process; ``told`` is called after each one returned."""
    made = RecordingService(
        clock=Clock(),
        persistence=persistence,
        resources=resources(),
        random=Counting(),
        capabilities=Capabilities(max_recordings=4, max_recording_jobs=9),
    )
    number = 0
    while stop is None or number < stop:
        recordings = [item.recording_token for item in made.get_recordings()]
        jobs = [item.job_token for item in made.get_recording_jobs()]
        step = number % 6
        if step == 0:
            if len(recordings) == 4:
                made.delete_recording(recordings[number % 3])
            else:
                made.create_recording(recording(target(prefix=str(number), encryption=(entry(),))))
        elif step == 1:
            kid = OTHER_KID if number % 4 == 1 else KID
            made.set_recording_configuration(recordings[0], encrypted(entry(kid=kid), content=str(number)))
        elif step == 2 and len(jobs) < 9:
            made.create_recording_job(job(recordings[-1], automatic(), priority=number))
        elif step == 3 and len(jobs) > 5:
            made.delete_recording_job(jobs[0])
        elif step == 4 and jobs:
            made.set_recording_job_mode(jobs[-1], "Idle" if number % 4 else "Active")
        else:
            made.set_track_configuration(recordings[0], "VIDEO001", TrackConfiguration("Video", str(number)))
        number += 1
        told()
    return made


@pytest.mark.requirement("REC-5.2-01", "REC-5.2-02")
def test_a_killed_process_loses_nothing_acknowledged_and_leaves_nothing_half(tmp_path):
    """Kill a child at random moments; each time the file must hold what was acknowledged, or one more."""
    chooser = random.Random(11)
    expected = {}

    def state_after(count):
        if count not in expected:
            persistence = MemoryPersistence()
            work(persistence, lambda: None, count)
            expected[count] = persistence.load()
        return expected[count]

    total = 0
    for number in range(KILLS):
        path = tmp_path / f"{number}.db"
        SqlitePersistence(path).close()
        acknowledged = acknowledged_by_killed_child(path, chooser.randrange(1, 25), chooser.random() * 0.002)
        persistence = SqlitePersistence(path)
        found = persistence.load()
        DeviceState.from_documents(*found)
        if found != state_after(acknowledged):
            assert found == state_after(acknowledged + 1), (number, acknowledged)
        total += acknowledged
        persistence.close()
        for file in tmp_path.iterdir():
            file.unlink()
    assert total > KILLS


def acknowledged_by_killed_child(path, wanted, seconds):
    """Fork, let the child work, kill it some time after ``wanted`` operations; how many it acknowledged."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            work(SqlitePersistence(path), lambda: os.write(writer, b"."))
        finally:
            os._exit(1)
    os.close(writer)
    count = 0
    while count < wanted:
        told = os.read(reader, 1)
        assert told, "the child has ended by itself"
        count += len(told)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    while found := os.read(reader, 65536):
        count += len(found)
    os.close(reader)
    return count


# ---- the machine once more, on files -------------------------------------------------------------------


class SqliteMachine(Machine):
    """The machine of all operations, with a database that is closed and opened again at each restart."""

    directory = None

    def make_persistence(self):
        path = self.directory / "machine.db"
        for file in self.directory.iterdir():
            file.unlink()
        return SqlitePersistence(path)

    def reopen(self, persistence):
        return SqlitePersistence(self.directory / "machine.db")

    def teardown(self):
        if hasattr(self, "persistence"):
            self.persistence.close()


@pytest.mark.requirement("REC-5.2-01", "REC-5.2-02")
def test_the_machine_on_sqlite(tmp_path):
    class Here(SqliteMachine):
        directory = tmp_path

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
