"""A device puts a spool before each store in the cloud: what it records while the line is down arrives later, once."""

import logging
import os
import re
from contextlib import closing

import pytest
from device_kit import configuration, fast_device, faults, record, state, until
from support_bucket_client import BucketClient

from onvif_bmff.control import JobState
from onvif_bmff.control.plan import DevicePlan, RecordingPlan
from onvif_bmff.device import DeviceSpool, SpooledStorages
from onvif_bmff.device.drops import SpoolDrops
from onvif_bmff.runtime import SYSTEM, ThreadedRuntime
from onvif_bmff.storage import (
    CloudStore,
    DirectoryStore,
    Dropped,
    MemoryStore,
    RetryBudget,
    SpooledStore,
    SpoolPolicy,
    SqlitePersistence,
    StoreBusyError,
    WhenFull,
)


@pytest.fixture(autouse=True)
def _no_waiting_for_disks(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda number: None)


class Line(BucketClient):
    """A client of a bucket in memory, whose line may be down."""

    def __init__(self):
        super().__init__(self._ask)
        self.is_down = False

    def _ask(self, writes, done, size):
        if self.is_down:
            raise StoreBusyError("the line is down")
        return done()


def behind(line):
    return CloudStore(line, budget=RetryBudget(total=0.05))


def test_a_cloud_store_is_behind_a_spool_and_others_are_not(tmp_path):
    cloud, memory = behind(Line()), MemoryStore()
    storages = {"a/../b": cloud, "m": memory}
    found = SpooledStorages(storages, tmp_path / "spools")
    assert found["m"] is memory
    store = found["a/../b"]
    assert isinstance(store, SpooledStore)
    assert found["a/../b"] is store
    assert store.location == cloud.location
    assert (list(found), len(found), "m" in found, "x" in found) == (list(storages), 2, True, False)
    assert [path.name for path in (tmp_path / "spools").iterdir()] == ["storage-a%2F..%2Fb"]
    with pytest.raises(KeyError):
        found["x"]
    storages["m"] = other = behind(Line())
    assert found["m"] is not other
    storages["a/../b"] = behind(Line())
    assert found["a/../b"] is not store
    found.close()


def test_a_spool_that_cannot_be_used_is_an_error_and_no_obstacle(tmp_path, caplog):
    cloud = behind(Line())
    first, second = (SpooledStorages({"s3": cloud}, tmp_path) for _ in range(2))
    assert isinstance(first["s3"], SpooledStore)
    with caplog.at_level(logging.ERROR):
        assert second["s3"] is cloud
    assert "recorded without a spool: the spool is in use" in caplog.text
    first.close()
    second.close()


def test_a_spool_that_could_not_be_used_is_used_later(tmp_path):
    """As where a store was replaced whose last upload hung: what waits goes on without a new start."""
    now = [0.0]
    store = behind(Line())
    with closing(SpooledStore(store, tmp_path / "storage-a", policy=SpoolPolicy(tasks=0))):
        found = SpooledStorages({"a": store}, tmp_path, runtime=ThreadedRuntime(monotonic=lambda: now[0]))
        assert found["a"] is store
    now[0] = 59.0
    assert found["a"] is store
    now[0] = 60.0
    assert isinstance(found["a"], SpooledStore)
    assert found["a"] is found["a"]
    found.close()


def test_where_the_spools_are(tmp_path):
    cloud = {"s3": behind(Line())}
    persistence = SqlitePersistence(tmp_path / "state.db")
    try:
        assert DeviceSpool().before(cloud, None, SYSTEM) is cloud
        assert DeviceSpool(used=False).before(cloud, persistence, SYSTEM) is cloud
        for spool, folder in ((DeviceSpool(), "state.db.spool"), (DeviceSpool(tmp_path / "there"), "there")):
            found = spool.before(cloud, persistence, SYSTEM)
            assert isinstance(found["s3"], SpooledStore)
            assert (tmp_path / folder / "storage-s3" / "waiting").is_dir()
            found.close()
    finally:
        persistence.close()


def test_what_is_recorded_while_the_line_is_down_arrives_later_once(tmp_path):
    line = Line()
    line.is_down = True
    persistence = SqlitePersistence(tmp_path / "state.db")
    with fast_device({"s3": behind(line)}, persistence=persistence) as device:
        record(device.service)
        waiting = tmp_path / "state.db.spool" / "storage-s3" / "waiting"
        until(lambda: len(list(waiting.rglob("*.m4v"))) > 2)
        assert line.objects == {}
    recorded = {str(path.relative_to(waiting)) for path in waiting.rglob("*.m4v*") if ".onvif_bmff" not in str(path)}
    assert len(recorded) > 2
    line.is_down = False
    persistence = SqlitePersistence(tmp_path / "state.db")
    with fast_device({"s3": behind(line)}, persistence=persistence):
        until(lambda: recorded <= set(line.objects))
    assert set(line.writes.values()) == {1}


def spool_error(service, held):
    """What the state of a job says of a full spool, by track."""
    found = service.get_recording_job_state(held)
    return {track.destination: track.error for source in found.sources for track in source.tracks
            if track.error and "spool" in track.error}  # fmt: skip


def test_what_a_full_spool_drops_is_in_the_state_an_event_and_the_log(tmp_path, caplog):
    line = Line()
    line.is_down = True
    policy = SpoolPolicy(most_bytes=60_000, when_full=WhenFull.DROP_OLDEST, first=0.01, longest=0.05)
    spool = DeviceSpool(tmp_path / "spools", policy)
    with (
        caplog.at_level(logging.WARNING, "onvif_bmff"),
        fast_device({"s3": behind(line)}, spool=spool) as device,
    ):
        _, held = record(device.service)
        until(lambda: state(device.service, held) == "Active")
        device.service.take_notifications()
        until(lambda: "VIDEO001" in spool_error(device.service, held))
        text = spool_error(device.service, held)["VIDEO001"]
        assert re.fullmatch(
            r"Recording goes on, but the spool of its storage is full: segments from \S+Z on are dropped", text
        )
        told = [str(one.state) for one in device.service.take_notifications() if isinstance(one, JobState)]
        assert told[0] in ("Error", "PartiallyActive")
        assert text in caplog.text
        assert "the spool is full:" in caplog.text


def plan_of(*recordings):
    return DevicePlan({one.token: one for one in recordings}, {})


def planned(token, prefix, storage="s3"):
    tracks = (("VIDEO001", "Video"), ("AUDIO001", "Audio"))
    return RecordingPlan(token, configuration(prefix, storage=storage), {}, tracks, {})


def dropped(place, second, extension="m4v"):
    key = f"{place}/2026-11-29/10/{second:02}-00.000Z.3.{extension}"
    return Dropped(key, key, 1, 100, "2026-11-29T11:00:00Z")


def test_which_tracks_lose_what_a_spool_drops():
    now = [0.0]
    drops = SpoolDrops(ThreadedRuntime(monotonic=lambda: now[0]))
    plan = plan_of(planned("a", "site"), planned("b", "other"), planned("c", "site", "elsewhere"))
    assert drops.changes(plan) == {}
    drops.note("s3", dropped("site", 1))
    drops.note("s3", Dropped("no key of a recording", "x", 1, 1, ""))
    assert drops.changes(plan_of()) == {}
    text = "the spool of its storage is full: segments from 2026-11-29T10:01:00.000000Z on are dropped"
    assert drops.changes(plan) == {("a", "VIDEO001"): text}
    now[0] = 59.0
    drops.note("s3", dropped("site", 2))
    assert drops.changes(plan) == {}
    drops.note("elsewhere", dropped("site", 2, "mp4"))
    assert {where for where, lost in drops.changes(plan).items() if lost} == {("c", "VIDEO001"), ("c", "AUDIO001")}
    now[0] = 118.0
    assert drops.changes(plan_of(*list(plan.recordings.values())[:2])) == dict.fromkeys(
        [("c", "VIDEO001"), ("c", "AUDIO001")]
    ), "of another configuration nothing is left behind"
    now[0] = 119.0
    assert drops.changes(plan) == {("a", "VIDEO001"): None}
    assert drops.changes(plan) == {}


def test_a_device_goes_on_while_its_spool_drops(tmp_path):
    line, drops = Line(), []
    line.is_down = True
    policy = SpoolPolicy(most_bytes=60_000, when_full=WhenFull.DROP_OLDEST, first=0.01, longest=0.05)
    spool = DeviceSpool(tmp_path / "spools", policy, on_dropped=lambda token, what: drops.append((token, what)))
    store = behind(line)
    with fast_device({"s3": store}, spool=spool) as device:
        record(device.service)
        until(lambda: len(drops) > 4)
        line.is_down = False
        count = len(line.objects)
        until(lambda: len([key for key in line.objects if key.endswith("m4v")]) > count + 3)
    assert {token for token, _ in drops} == {"s3"}
    waiting = DirectoryStore(tmp_path / "spools" / "storage-s3" / "waiting")
    rest = SpooledStore(store, tmp_path / "spools" / "storage-s3", policy=SpoolPolicy(first=0.01, longest=0.05))
    assert rest.close(30)
    assert not list(waiting.keys())
    assert not faults(store), "whole spans, and beginnings of spans with their ends"
    assert not {what.first for _, what in drops} & set(line.objects)
