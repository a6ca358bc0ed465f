"""Outputs of a device in processes: recorded as in one process, also where a process is killed."""

import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest
from device_kit import AV, CAMERA, SPEED, FastClock, configuration, ended, job, profile_source, sealed, state, until

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocators
from onvif_bmff.control import RecordingConfiguration
from onvif_bmff.device import DeviceSpool, DeviceWorkers, FileSources, RecordingDevice, WorkerParts
from onvif_bmff.device.process_beats import BeatWatch
from onvif_bmff.device.worker_spools import Assignments, check_left_over, worker_folder
from onvif_bmff.errors import StateError
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore, SqlitePersistence
from onvif_bmff.storage.spool import SpoolPolicy
from onvif_bmff.validation import validate_store

ROOT = Path(__file__).resolve().parents[2]
PROFILES = {"cam": CAMERA, "other": CAMERA}


def parts(folder, storages=("s3",), speed=SPEED):
    """What each process opens; without a store at first, if its folder is not there."""
    found = {token: DirectoryStore(Path(folder) / token, fsync=False) for token in storages}
    return WorkerParts(found, FileSources(PROFILES, speed=speed), DirectoryStore(Path(folder) / "local", fsync=False))


def talks(folder):
    log = logging.getLogger("onvif_bmff.storage.sink")
    log.debug("not so important")
    log.error("it %s", "failed")
    return parts(folder)


def fails(folder):
    raise OSError("no store")


def waits(folder):
    """Be busy with opening the stores until a file is there."""
    (Path(folder) / "opening").touch()
    while not (Path(folder) / "go").exists():
        time.sleep(0.05)
    return parts(folder)


def device(folder, count=2, *, opened=None, **more):
    """A device whose time, cameras and outputs in processes run fast."""
    here = parts(folder)
    return RecordingDevice(
        here.storages,
        sources=here.sources,
        local=here.local,
        clock=FastClock(),
        clock_rate=SPEED,
        workers=DeviceWorkers(count, opened or partial(parts, str(folder))),
        **more,
    )


def record(service, prefix, **more):
    token = service.create_recording(configuration(prefix, **more))
    return token, service.create_recording_job(job(token, profile_source(*AV))).job_token


def findings(store):
    return [one for one in validate_store(store) if one.level.value != "note"]


def fragments(folder, prefix):
    """The bytes that a place has, sealed or not."""
    return sum(one.stat().st_size for one in (Path(folder) / "s3").rglob("*") if one.is_file())


def test_recordings_are_spread_and_recorded_as_in_one_process(tmp_path):
    with device(tmp_path) as one:
        tokens = [record(one.service, f"site-{number}") for number in range(4)]
        pids = until(lambda: None if None in one._outputs.pids else one._outputs.pids)
        assert len({os.getpid(), *pids}) == 3
        until(lambda: one._outputs._numbers == {token: number % 2 for number, (token, _) in enumerate(tokens)})
        until(lambda: all(state(one.service, found) == "Active" for _, found in tokens))
        store = DirectoryStore(tmp_path / "s3")
        until(lambda: all(len(sealed(store, f"site-{number}/")) >= 4 for number in range(4)))
        until(lambda: all(one.fragments and one.newest_object is not None for one in one.health().recordings))
        health = until(lambda: found if (found := one.health()).recovered else None)
        assert [one.recording for one in health.recordings] == [token for token, _ in tokens]
        assert all(one.wanted for one in health.recordings)
        assert {one.storage for one in health.storages} == {"s3", None}
        assert health.running
        with pytest.raises(StateError, match="not at hand"):
            one.worker(tokens[0][0])

        one.service.delete_recording_job(tokens[0][1])
        until(lambda: ended(store, "site-0/"))
        one.service.set_recording_configuration(tokens[1][0], configuration("elsewhere"))
        until(lambda: sealed(store, "elsewhere/"))
        assert one.wait_recovered(30)
        assert one.recovery
        assert not any(report.errors for report in one.recovery)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert findings(store) == []
    assert {span.state.value for span in Timeline.from_store(store).spans} == {"closed"}


def test_local_tracks_are_recorded_and_deleted(tmp_path):
    with device(tmp_path) as one:
        token = one.service.create_recording(RecordingConfiguration())
        one.service.create_recording_job(job(token, profile_source(*AV)))
        store = DirectoryStore(tmp_path / "local")
        until(lambda: len(sealed(store)) >= 2)
        one.service.delete_recording(token)
        until(lambda: not list(store.keys()))
        time.sleep(1.0)
        assert list(store.keys()) == []


def test_what_does_not_fit_is_refused_by_the_service(tmp_path):
    """The question whether an encoding may be stored goes to the service, and back."""
    with device(tmp_path) as one:
        token = one.service.create_recording(configuration("site"))
        swapped = profile_source("AUDIO001", "VIDEO001")
        found = one.service.create_recording_job(job(token, swapped)).job_token
        until(lambda: state(one.service, found) in ("Error", "Active", "PartiallyActive"))
        plain = RecordingDevice(
            {"s3": DirectoryStore(tmp_path / "plain")}, sources=FileSources(PROFILES, speed=SPEED), clock=FastClock(),
            clock_rate=SPEED,
        )  # fmt: skip
        with plain:
            other = plain.service.create_recording(configuration("site"))
            same = plain.service.create_recording_job(job(other, swapped)).job_token
            until(lambda: state(plain.service, same) not in ("Idle",))
            until(lambda: state(plain.service, same) == state(one.service, found))


def test_a_process_that_is_killed_is_spawned_again_and_what_it_wrote_is_recovered(tmp_path, caplog):
    with caplog.at_level(logging.ERROR, "onvif_bmff"), device(tmp_path) as one:
        found = [record(one.service, f"site-{number}", seconds=60) for number in range(2)]
        until(lambda: all(state(one.service, job_) == "Active" for _, job_ in found))
        victim, other = until(lambda: None if None in one._outputs.pids else one._outputs.pids)
        assert one.wait_recovered(30)
        until(lambda: all(any((tmp_path / "s3").rglob("*")) for _ in found) and fragments(tmp_path, "") > 300_000)
        os.kill(victim, signal.SIGKILL)
        until(lambda: state(one.service, found[0][1]) == "Error")
        dead = one.health().recordings[0]
        assert (dead.recording, dead.wanted, dead.error) == (found[0][0], True, "The process of the recording has died")
        assert state(one.service, found[1][1]) == "Active"
        until(lambda: state(one.service, found[0][1]) == "Active")
        pids = one._outputs.pids
        assert pids[1] == other
        assert pids[0] not in (None, victim)
        store = DirectoryStore(tmp_path / "s3")
        until(lambda: ended(store, "site-0/"))
        assert not ended(store, "site-1/")
    assert "process 0 of the outputs has died" in caplog.text
    spans = {
        kind: [span for span in Timeline.from_store(store).spans if span.prefix == kind]
        for kind in ("site-0", "site-1")
    }
    assert len(spans["site-0"]) == 4  # video and sound, before and after
    assert len(spans["site-1"]) == 2
    assert {span.state.value for found in spans.values() for span in found} == {"closed"}
    assert findings(store) == []


def test_a_process_that_hangs_is_killed_and_spawned_again_and_what_it_wrote_is_recovered(tmp_path, caplog):
    with caplog.at_level(logging.ERROR, "onvif_bmff"), device(tmp_path) as one:
        found = [record(one.service, f"site-{number}", seconds=60) for number in range(2)]
        until(lambda: all(state(one.service, job_) == "Active" for _, job_ in found))
        victim, other = until(lambda: None if None in one._outputs.pids else one._outputs.pids)
        assert one.wait_recovered(30)
        until(lambda: fragments(tmp_path, "") > 300_000)
        os.kill(victim, signal.SIGSTOP)
        one._outputs._processes[0].beats = BeatWatch(3.0, time.monotonic())  # the next one has a minute again
        until(lambda: state(one.service, found[0][1]) == "Error")
        until(lambda: all(state(one.service, job_) == "Active" for _, job_ in found))
        assert one._outputs.pids[0] not in (None, victim)
        assert one._outputs.pids[1] == other
        store = DirectoryStore(tmp_path / "s3")
        until(lambda: ended(store, "site-0/"))
        assert not ended(store, "site-1/")
    assert re.search(r"process 0 of the outputs has given no sign of life for \d+ s, and is killed", caplog.text)
    assert "process 0 of the outputs has died" in caplog.text
    assert "process 1" not in caplog.text
    assert {span.state.value for span in Timeline.from_store(store).spans} == {"closed"}
    assert findings(store) == []


def test_which_process_hangs():
    """Time in which the device did not look, or took a message itself, is none in which a process was silent."""
    beats = BeatWatch(60.0, 100.0)
    assert beats.hangs(100.0, 159.0) is None  # the first look: nobody looked before
    for second in range(160, 219):
        assert beats.hangs(100.0, float(second)) is None
    assert beats.hangs(100.0, 219.0) == "has given no sign of life for 60 s"
    assert beats.hangs(218.0, 220.0) is None
    assert beats.hangs(218.0, 1000.0) is None
    assert beats.hangs(218.0, 1001.0) is None
    for second in range(1002, 1200):
        assert beats.hangs(None, float(second)) is None
    assert beats.hangs(1200.0, 1200.0) is None
    beats.is_busy_for(1799.0)
    assert beats.hangs(1200.0, 1201.0) is None
    beats.is_busy_for(1800.0)
    assert beats.hangs(1201.0, 1202.0) == "has done nothing of what it is told for 1800 s"
    starting = BeatWatch(60.0, 100.0 + 120.0)
    assert [starting.hangs(100.0, float(second)) for second in range(101, 280)] == [None] * 179
    assert starting.hangs(100.0, 280.0) == "has given no sign of life for 60 s"


def test_a_process_that_is_at_one_step_for_long_says_so(tmp_path):
    opened = partial(waits, str(tmp_path))
    with device(tmp_path, 1, opened=opened, spool=DeviceSpool(used=False)) as one:
        process = one._outputs._processes[0]
        until(lambda: process.link is not None and (tmp_path / "opening").exists())
        until(lambda: process.beats._busy > 0.5)
        (tmp_path / "go").touch()
        until(lambda: process.health is not None and process.beats._busy < 0.5)


def test_a_process_that_cannot_begin_is_tried_again_later_and_later(tmp_path, caplog):
    with device(tmp_path, 1, opened=partial(fails, "x")) as one:
        _, found = record(one.service, "site")
        until(lambda: state(one.service, found) == "Error")
        until(lambda: one._outputs._processes[0].delay >= 4)
    assert one._outputs.pids == [None]


def test_what_processes_log_is_logged_here(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "onvif_bmff"), device(tmp_path, 1, opened=partial(talks, str(tmp_path))):
        until(lambda: "process 0: it failed" in caplog.text)
    assert [one.name for one in caplog.records if "it failed" in one.getMessage()] == ["onvif_bmff.storage.sink"]
    assert "not so important" not in caplog.text


def test_processes_end_with_the_device_and_end_their_spans(tmp_path):
    """Also when it is killed: they find its end of the pipe closed."""
    script = f"""
        import sys, time
        sys.path[:0] = {[str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "device")]!r}
        from test_device_processes import device, record
        if __name__ == "__main__":
            with device({str(tmp_path)!r}) as one:
                record(one.service, "site-0")
                record(one.service, "site-1")
                while None in one._outputs.pids:
                    time.sleep(0.05)
                print(*one._outputs.pids, flush=True)
                time.sleep(60)
    """
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(script))
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True) as process:
        pids = [int(word) for word in process.stdout.readline().split()]
        store = DirectoryStore(tmp_path / "s3")
        until(lambda: sealed(store, "site-0/") and sealed(store, "site-1/"))
        process.kill()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    assert {span.state.value for span in Timeline.from_store(store).spans} == {"closed"}
    assert findings(store) == []


def test_a_restart_keeps_recordings_where_they_were(tmp_path):
    folder = tmp_path / "spool"
    first = Assignments(2, str(folder))
    assert first.of(["a", "b", "c"]) == {"a": 0, "b": 1, "c": 0}
    assert first.of(["b", "c", "d"]) == {"b": 1, "c": 0, "d": 0}
    again = Assignments(2, str(folder))
    assert again.of(["d", "c", "b", "e"]) == {"d": 0, "c": 0, "b": 1, "e": 1}
    assert Assignments(1, str(folder)).of(["b"]) == {"b": 0}
    (folder / "workers").write_bytes(b"\xff{")
    assert Assignments(2, str(folder)).of(["b"]) == {"b": 0}
    assert Assignments(2).of(["x", "y"]) == {"x": 0, "y": 1}


def test_recordings_in_spools_of_more_processes_are_not_forgotten(tmp_path):
    persistence = tmp_path / "device.db"
    folder = f"{persistence}.spool"
    waiting = DirectoryStore(Path(worker_folder(folder, 1)) / "storage-s3" / "waiting", labels="attributes")
    check_left_over(folder, [worker_folder(folder, 0)])
    writer = waiting.open_writer("a", content_type="video/mp4")
    writer.seal({})
    kept = SqlitePersistence(persistence)
    for make in (lambda: device(tmp_path, 1, persistence=kept), lambda: RecordingDevice({}, persistence=kept)):
        with pytest.raises(StateError, match=r"wait in the spool .*worker-1/storage-s3, which another number"):
            make()
    kept.close()
    kept = SqlitePersistence(persistence)
    device(tmp_path, 2, persistence=kept).close()
    waiting.delete("a")
    check_left_over(folder, [])


def test_limits_are_divided(tmp_path):
    policy = SpoolPolicy(most_bytes=1000, bytes_a_day=30, bytes_a_second=8.0)
    one = device(tmp_path, 4, spool=DeviceSpool(tmp_path / "spool", policy))
    setups = [found.setup for found in one._outputs._processes]
    assert [found.spool.folder for found in setups] == [f"{tmp_path}/spool/worker-{number}" for number in range(4)]
    found = setups[0].spool.policy
    assert (found.most_bytes, found.bytes_a_day, found.bytes_a_month, found.bytes_a_second) == (250, 7, None, 2.0)
    assert setups[0].limits.room == ((64 << 20) // 4, (256 << 20) // 4)
    one.close()


def test_what_processes_cannot_have_is_refused(tmp_path):
    with pytest.raises(StateError, match="at least 5 seconds"):
        DeviceWorkers(1, partial(parts, str(tmp_path)), patience=1.0)
    with pytest.raises(StateError, match="1 to 256"):
        DeviceWorkers(0, partial(parts, str(tmp_path)))
    ivs = IvSources(CencIvAllocators(), CbcsIvSource())
    for more in ({"ivs": ivs}, {"random": os.urandom}):
        with pytest.raises(StateError, match="takes no ivs, no random and no runtime"):
            device(tmp_path, **more)
    with pytest.raises(StateError, match="cannot be given the settings"):
        device(tmp_path, opened=lambda: parts(tmp_path))
