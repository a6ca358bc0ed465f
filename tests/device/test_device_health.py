"""Health of a device: what it says while all is well, while stores and sources fail, and what HTTP makes of it."""

import json
import re
import socket
import urllib.request
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError

import pytest
from device_kit import CAMERA, WeakStore, fast_device, record, sealed, until

from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.device import FileSources
from onvif_bmff.device.health import Backlog, ClockHealth, DeviceHealth, NotedError, RecordingHealth, StorageHealth
from onvif_bmff.device.health_rules import ALL_RULES, find_faults, is_healthy
from onvif_bmff.device.health_server import HealthServer, health_app, health_document
from onvif_bmff.device.metrics import DROP_REASONS, METRICS, metric_rows, metrics_text
from onvif_bmff.errors import MediaError, PersistenceError
from onvif_bmff.objects import ObjectKey
from onvif_bmff.storage import MemoryStore
from onvif_bmff.storage.spool import SpoolStatus
from onvif_bmff.timing import UtcTime

ROOT = Path(__file__).resolve().parents[2]
NOW = UtcTime.parse("2026-11-30T12:00:00Z")
ACTIVE, ERROR = RecordingJobState.ACTIVE, RecordingJobState.ERROR
SECOND = timedelta(seconds=1)

FINE = RecordingHealth(
    "one",
    wanted=True,
    continuous=True,
    state=ACTIVE,
    last_sample=NOW,
    newest_object=ObjectKey("cam", NOW, "", 3, "m4v"),
)


def device(*recordings, storages=(), **more):
    return DeviceHealth(
        **({"running": True, "clock": ClockHealth(NOW)} | more), recordings=recordings, storages=storages
    )


def spool(**more):
    return StorageHealth(
        "s3", spool=SpoolStatus(**({"waiting": 0, "waiting_bytes": 0, "uploaded": 9, "aside": 0} | more))
    )


BROKEN = {
    "not-running": device(FINE, running=False),
    "not-followed": device(FINE, failure=NotedError("the disk is full", NOW)),
    "clock-not-set": device(FINE, clock=ClockHealth(NOW, 0, "the clock says 1970")),
    "not-recovered": device(FINE, recovered=False),
    "recording-waits": device(replace(FINE, waits="cam has a key of 2027, and the clock says 2026")),
    "recording-error": device(replace(FINE, state=ERROR, error="The source failed: no media for 10 s")),
    "nothing-recorded": device(replace(FINE, last_sample=NOW - 121 * SECOND)),
    "backlog": device(replace(FINE, backlog=Backlog(2, 1000, NOW - 301 * SECOND))),
    "samples-lost": device(replace(FINE, dropped={"a sample without bytes": 2})),
    "store-fails": device(storages=[StorageHealth("s3", "no route to host")]),
    "upload-fails": device(storages=[spool(error="no route to host")]),
    "spool-dropped": device(storages=[spool(dropped=1)]),
    "set-aside": device(storages=[spool(aside=1)]),
    "quota-used-up": device(storages=[spool(exhausted=True)]),
}


def test_a_device_that_records_is_healthy():
    health = device(FINE, replace(FINE, recording="two", dropped={}), storages=[StorageHealth("s3"), spool()])
    assert find_faults(health) == ()
    assert is_healthy(health)


@pytest.mark.parametrize("code", [rule.code for rule in ALL_RULES])
def test_each_rule_finds_its_fault_and_no_other(code):
    rule = next(rule for rule in ALL_RULES if rule.code == code)
    (found,) = find_faults(BROKEN[code])
    assert (found.code, found.serious) == (code, rule.serious)
    assert found.text
    assert is_healthy(BROKEN[code]) is not rule.serious


@pytest.mark.parametrize(
    "fine",
    [
        replace(FINE, last_sample=NOW - 120 * SECOND),
        replace(FINE, last_sample=NOW - 3600 * SECOND, continuous=False),
        replace(FINE, last_sample=NOW - 3600 * SECOND, state=RecordingJobState.IDLE),
        replace(FINE, last_sample=NOW - 3600 * SECOND, clock_offset=-3600 * SECOND),
        replace(FINE, backlog=Backlog(1, 10, NOW - 300 * SECOND)),
        replace(FINE, backlog=Backlog(1, 10, NOW - 3900 * SECOND), clock_offset=-3600 * SECOND),
    ],
    ids=["a long fragment", "metadata", "no job", "a camera that is behind", "a retry", "both"],
)
def test_what_is_usual_is_no_fault(fine):
    assert find_faults(device(fine)) == ()


def test_a_camera_that_is_ahead_hides_no_standstill():
    stuck = replace(FINE, last_sample=NOW + 3000 * SECOND, clock_offset=3600 * SECOND)
    assert [one.code for one in find_faults(device(stuck))] == ["nothing-recorded"]


# ---- metrics ---------------------------------------------------------------------------------------------


def test_metrics_have_the_names_that_prometheus_asks_for():
    names = [row.name for row in METRICS]
    assert len(set(names)) == len(names)
    for row in METRICS:
        assert re.fullmatch(r"[a-z][a-z_]*[a-z]", row.name)
        assert set(row.labels) <= {"recording", "storage", "state", "reason", "code"}
        if "timestamp" in row.name:
            assert row.name.endswith("_timestamp_seconds")
        assert not re.search(r"_(ms|milliseconds|microseconds|kb|mb)\b", row.name)


def test_reasons_of_losses_are_few_and_unlike_each_other():
    assert len(set(DROP_REASONS.values())) == len(DROP_REASONS) < 24
    known, other = "a sample without bytes", "whatever a recorder of another version may say"
    rows = {
        row.name: values for row, values in metric_rows(device(replace(FINE, dropped={known: 2, other: 3, "x": 4})))
    }
    assert sorted((labels["reason"], value) for labels, value in rows["recording_dropped_samples_total"]) == [
        ("no_bytes", 2),
        ("other", 7),
    ]


def test_metrics_in_the_text_format_are_what_the_health_says():
    parser = pytest.importorskip("prometheus_client.parser")
    camera = replace(
        FINE, fragments=7, backlog=Backlog(2, 1000, NOW), clock_offset=-0.5 * SECOND, drift=1e-5, dropped={"x": 1}
    )
    health = device(camera, storages=[spool(waiting=3), StorageHealth(None, "full")])
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parser.text_string_to_metric_families(metrics_text(health).decode())
        for sample in family.samples
    }
    one = ("recording", "one")
    assert found["onvif_bmff_running",] == 1
    assert found["onvif_bmff_recording_fragments_total", one] == 7
    assert found["onvif_bmff_recording_state", one, ("state", "Active")] == 1
    assert found["onvif_bmff_recording_state", one, ("state", "Error")] == 0
    assert found["onvif_bmff_recording_backlog_bytes", one] == 1000
    assert found["onvif_bmff_recording_clock_offset_seconds", one] == -0.5
    assert found["onvif_bmff_recording_newest_object_timestamp_seconds", one] == NOW.microseconds / 1e6
    assert found["onvif_bmff_storage_spool_objects", ("storage", "s3")] == 3
    assert found["onvif_bmff_storage_failing", ("storage", "")] == 1
    assert ("onvif_bmff_recording_last_error_timestamp_seconds", one) not in found
    assert {name.removesuffix("_total") for name, *_ in found} <= {
        f"onvif_bmff_{row.name.removesuffix('_total')}" for row in METRICS
    }


# ---- docs ------------------------------------------------------------------------------------------------


def test_the_page_has_the_rules_and_metrics_that_there_are():
    page = (ROOT / "docs" / "health.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (200|503) \| (.+?) \|", page, re.MULTILINE)
    assert rows == [(rule.code, "503" if rule.serious else "200", rule.meaning) for rule in ALL_RULES]
    table = page.partition("<!-- metrics -->")[2].partition("<!-- /metrics -->")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.+) \|$", table, re.MULTILINE)
    assert rows == [(row.name, ", ".join(row.labels), row.help) for row in METRICS]


# ---- HTTP ------------------------------------------------------------------------------------------------


def ask(read, path="/healthz", method="GET"):
    answered = []
    body = health_app(read)(
        {"PATH_INFO": path, "REQUEST_METHOD": method}, lambda status, headers: answered.append((status, dict(headers)))
    )
    return int(answered[0][0][:3]), answered[0][1], b"".join(body)


def test_the_status_is_that_of_the_health():
    for code, health in BROKEN.items():
        status, headers, body = ask(lambda health=health: health)
        assert (status == 200) is is_healthy(health), code
        assert headers["Content-Type"] == "application/json"
        assert json.loads(body) == health_document(health)
        assert [one["code"] for one in json.loads(body)["findings"]] == [code]


def test_other_requests_are_refused():
    def read():
        return device()

    assert ask(read, "/")[0] == 404
    assert ask(read, method="POST")[0] == 405
    assert ask(read, method="HEAD")[::2] == (200, b"")


def test_a_health_that_cannot_be_read_is_an_answer_and_a_line(caplog):
    def read():
        raise RuntimeError("secret of the house")

    status, _, body = ask(read)
    assert status == 500
    assert b"secret" not in body
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_server_answers_and_ends(caplog):
    caplog.set_level("DEBUG", "onvif_bmff")
    with HealthServer(lambda: BROKEN["not-running"]) as server:
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=30)
        with closing(refused.value):
            assert refused.value.code == 503
            assert json.load(refused.value)["healthy"] is False
        port = server.port
    with pytest.raises(OSError):  # noqa: PT011 - whatever the system says
        socket.create_connection(("127.0.0.1", port), timeout=30).close()


def test_clients_that_say_nothing_stop_nobody():
    with HealthServer(device) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(8)]
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=30) as answer:
            assert answer.status == 200
        for one in silent:
            one.close()


# ---- a device --------------------------------------------------------------------------------------------


def test_a_device_says_what_it_records_and_where_it_stands():
    store = MemoryStore()
    with fast_device({"s3": store}) as made:
        recording, _ = record(made.service)
        until(lambda: len(sealed(store)) > 3)
        health = made.health()
        (found,) = health.recordings
        assert (found.recording, found.wanted, found.continuous) == (recording, True, True)
        assert (found.state, found.error, found.last_error) == (ACTIVE, None, None)
        assert found.fragments > 2
        assert str(found.newest_object) in [*store.keys()]
        assert abs(health.clock.now - found.last_sample) < 600 * SECOND
        until(lambda: is_healthy(made.health()) and made.health().recovered)
        fragments = found.fragments
    after = made.health()
    assert not after.running
    assert after.recordings[0].fragments >= fragments
    assert [one.code for one in find_faults(after) if one.serious] == ["not-running"]


def test_a_store_that_hangs_shows_in_the_health_and_holds_it_up_not():
    store = WeakStore()
    with fast_device({"s3": store}, max_bytes=1 << 20) as made:
        record(made.service)
        until(lambda: made.health().recordings and made.health().recordings[0].fragments > 1)
        store.hang()
        until(lambda: any(one.code == "nothing-recorded" for one in find_faults(made.health())))
        lost = until(lambda: made.health().recordings[0].dropped)
        assert set(lost) == {"in a queue that was full, because the store was too slow"}
        store.free.set()
        until(lambda: is_healthy(made.health()))


def test_a_store_that_fails_shows_until_it_works_again():
    store = WeakStore()
    with fast_device({"s3": store}) as made:
        record(made.service)
        until(lambda: made.health().recordings and made.health().recordings[0].fragments > 1)
        store.failing = True
        until(lambda: made.health().recordings[0].backlog.objects > 1)
        until(lambda: {"recording-error", "store-fails"} <= {one.code for one in find_faults(made.health())})
        (found,) = made.health().recordings
        assert "the disk is on fire" in found.error
        assert found.last_error.text == found.error
        assert found.backlog.bytes > 1000
        store.failing = False
        until(lambda: made.health().recordings[0].backlog.objects == 0 and is_healthy(made.health()), 120)
        (found,) = made.health().recordings
        assert found.error is None
        assert found.last_error is not None


class Broken(FileSources):
    def open(self, reference, receiver, stop):
        raise MediaError("nobody answers the door")


def test_a_source_that_fails_is_an_error_with_its_time():
    with fast_device({"s3": MemoryStore()}, sources=Broken({"cam": CAMERA})) as made:
        record(made.service)
        found = until(lambda: [one for one in made.health().recordings if one.last_error is not None])[0]
        assert found.state is ERROR
        assert "nobody answers the door" in found.last_error.text
        assert abs(made.health().clock.now - found.last_error.at) < 600 * SECOND


def test_a_device_that_cannot_follow_its_configuration_says_so_and_goes_on(caplog, monkeypatch):
    store = MemoryStore()
    with fast_device({"s3": store}) as made:
        record(made.service)
        until(lambda: sealed(store))
        side, plans = made.service.device_side, made.service.device_side.plans

        def failing():
            raise PersistenceError("the disk is full")

        monkeypatch.setattr(side, "plans", failing)
        record(made.service, "other")
        until(lambda: made.health().failure is not None)
        assert made.health().failure.text == "the disk is full"
        assert not is_healthy(made.health())
        monkeypatch.setattr(side, "plans", plans)
        until(lambda: made.health().failure is None)
    lines = [record.getMessage() for record in caplog.records if "follow" in record.getMessage()]
    assert len([line for line in lines if "cannot follow" in line]) == 1


def test_counts_go_on_when_a_recording_gets_another_worker():
    store, other = MemoryStore(), MemoryStore()
    with fast_device({"s3": store, "other": other}) as made:
        recording, _ = record(made.service)
        until(lambda: made.health().recordings and made.health().recordings[0].fragments > 3)
        now = made.service.get_recording_configuration(recording)
        made.service.set_recording_configuration(
            recording, replace(now, target=replace(now.target, storage="other", prefix="elsewhere"))
        )
        counts = []

        def moved():
            counts.append(made.health().recordings[0].fragments)
            return sealed(other)

        until(moved)
        assert counts == sorted(counts)
        assert counts[-1] > 3
        made.service.delete_recording(recording)
        until(lambda: made.health().recordings == ())


def test_the_programs_of_the_page_run(capsys):
    """With another port than that of the page, which may be in use."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "health.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(programs) == 2
    with fast_device({"s3": MemoryStore()}) as made:
        token, _ = record(made.service)
        until(lambda: made.health().recordings and made.health().recordings[0].newest_object)
        for program in programs:
            exec(compile(program.replace("9180", "0"), "docs/health.md", "exec"), {"device": made})
    assert capsys.readouterr().out.startswith(f"{token} Active 20")
