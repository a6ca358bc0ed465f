"""Services that fail: schedules in simulated time, and each fault once through the real client over HTTP."""

import threading
from collections import Counter
from types import SimpleNamespace

import pytest
import support_cloud_emulators as cloud_emulators
from storage_cloud_storm import Fault, StormClient, VirtualRuntime, one
from storage_kit import add
from support_fake_bucket import FAULTS, FakeServer
from support_tools import need_module

from onvif_bmff.errors import (
    ObjectAttributeError,
    ObjectExistsError,
    ObjectNotFoundError,
    StateError,
    StoreError,
)
from onvif_bmff.objects.attributes import OBJECT_ID, ObjectAttributes, StorageType
from onvif_bmff.objects.seek_table import SeekEntry, SeekTable, TrackSeekTable
from onvif_bmff.runtime import SYSTEM
from onvif_bmff.storage import CloudStore, KeyTakenError, RetryBudget, StoreBusyError, in_parallel, open_store
from onvif_bmff.storage.cloud_attributes import WRITE_ID, encoded_attributes, read_attributes
from onvif_bmff.storage.cloud_client import AZURE, GCS, S3, MetadataTooLargeError

SCHEDULES = 100


def test_schedules_of_faults():
    """A thousand and more by ``python -m tests.long cloud-faults``."""
    hits = Counter()
    for seed in range(SCHEDULES):
        hits += one(seed).hits
    assert {*Fault, "outage"} == set(hits), "every kind of fault was met"
    assert min(hits.values()) > 50


class Trusting(CloudStore):
    """Takes "exists" for its own."""

    def _is_stored(self, key, size, write_id):
        return True


class Suspicious(CloudStore):
    """Takes its own object for another's."""

    def _is_stored(self, key, size, write_id):
        return super()._is_stored(key, size, None)


class Blunt(CloudStore):
    """Overwrites."""

    def _store(self, *given, overwrite):
        super()._store(*given, overwrite=True)


@pytest.mark.parametrize("kind", [Trusting, Suspicious, Blunt])
def test_the_schedules_find_a_broken_store(kind):
    found = []
    for seed in range(10):
        try:
            one(seed, kind=kind)
        except (AssertionError, StoreError) as error:
            found.append(error)
    assert found


# ---- one request ------------------------------------------------------------------------------------------


class Scripted(StormClient):
    """A client whose requests fail by a script: the method and what it raises, before or after it is done."""

    def __init__(self, *script, service=S3):
        from random import Random

        self.runtime = VirtualRuntime(Random(1))
        super().__init__(Random(1), self.runtime, service, rate=0)
        self.script = list(script)
        self.calls = []

    def _step(self, name, call):
        self.calls.append(name)
        if self.script and self.script[0][0] == name:
            _, error, *after = self.script.pop(0)
            if after:
                call()
            raise error
        return call()

    def put(self, *given, **more):
        return self._step("put", lambda: super(Scripted, self).put(*given, **more))

    def head(self, key):
        return self._step("head", lambda: super(Scripted, self).head(key))

    def delete(self, keys):
        return self._step("delete", lambda: super(Scripted, self).delete(keys))


BUSY, TAKEN, GONE = StoreBusyError("busy"), KeyTakenError("409"), ObjectNotFoundError("k")


def stored(*script, **more):
    client = Scripted(*script)
    add(CloudStore(client, runtime=client.runtime), "k", **more)
    return client


def test_an_object_is_one_request_after_the_look_whether_it_is_there():
    assert stored().calls == ["head", "put"]


@pytest.mark.parametrize(
    ("script", "calls"),
    [
        ([("put", BUSY, True)], ["head", "put", "head"]),
        ([("put", TAKEN, True)], ["head", "put", "head"]),
        ([("put", BUSY)], ["head", "put", "head", "put"]),
        ([("put", TAKEN)], ["head", "put", "head", "put"]),
        ([("put", BUSY), ("head", BUSY)], ["head", "put", "head", "put"]),
        ([("put", BUSY, True), ("head", BUSY)], ["head", "put", "head", "put", "head"]),
        ([("head", BUSY), ("head", BUSY)], ["head", "head", "head", "put"]),
    ],
)
def test_after_a_doubt_the_store_is_asked(script, calls):
    client = stored(*script)
    assert (client.calls, dict(client.writes)) == (calls, {"k": 1})
    assert client.runtime.time < 2


def test_another_object_is_a_collision_and_stays():
    client = Scripted(("put", BUSY))
    store = CloudStore(client, runtime=client.runtime)
    writer = store.open_writer("k", content_type="video/mp4")
    writer.append(b"ours")
    add(store, "k", b"them")
    with pytest.raises(ObjectExistsError):
        writer.seal({})
    assert store.get("k") == b"them"


def test_the_same_id_is_the_same_object_also_for_a_later_writer():
    """A recorder that starts anew with what it had not yet confirmed."""
    client = Scripted()
    store = CloudStore(client, runtime=client.runtime)
    writers = [store.open_writer("k", content_type="video/mp4") for _ in range(3)]
    for writer, (data, own) in zip(writers, [(b"data", "1"), (b"data", "1"), (b"datas", "1")], strict=True):
        writer.append(data)
        if data == b"datas":
            with pytest.raises(ObjectExistsError):
                writer.seal({OBJECT_ID: own})
        else:
            writer.seal({OBJECT_ID: own})
    assert dict(client.writes) == {"k": 1}


def test_the_budget_ends_the_tries():
    client = Scripted(*[("head", BUSY)] * 1000)
    store = CloudStore(client, budget=RetryBudget(first=1, longest=4, total=60), runtime=client.runtime)
    with pytest.raises(StoreError, match=r"busy \(tried [0-9]+ times\)") as error:
        store.head("k")
    assert type(error.value) is StoreError
    assert 40 < client.runtime.time < 60
    assert 15 < len(client.calls) < 35


def test_what_will_not_work_is_not_tried_again():
    client = Scripted(("head", StoreError("no such bucket")))
    with pytest.raises(StoreError, match="no such bucket"):
        CloudStore(client, runtime=client.runtime).head("k")
    assert (len(client.calls), client.runtime.time < 0.1) == (1, True)


def test_deletion():
    client = Scripted(("delete", BUSY, True), ("delete", GONE))
    store = CloudStore(client, runtime=client.runtime)
    for key in "abc":
        add(store, key)
    store.delete("a")
    with pytest.raises(ObjectNotFoundError):
        store.delete("a")
    client.calls.clear()
    store.delete_all(["b", "a", "c"])
    assert (list(store.keys()), client.calls) == ([], ["delete"])


def test_batches_of_deletions_go_on_behind_what_is_missing():
    client = Scripted(("delete", GONE), service=AZURE)
    store = CloudStore(client, runtime=client.runtime)
    for number in range(300):
        add(store, f"{number:03}")
    client.calls.clear()
    store.delete_all(store.keys())
    assert list(store.keys()) == []
    assert client.calls.count("delete") == 1 + 256 + 1


def test_heads_by_several_tasks():
    store = CloudStore(Scripted(), runtime=SYSTEM)
    for number in range(300):
        add(store, f"{number:03}", b"x" * number)
    assert [info.size for info in store.heads(f"{number:03}" for number in range(300))] == list(range(300))
    found = store.heads(["005", "none", "006"])
    assert next(found).size == 5
    with pytest.raises(ObjectNotFoundError):
        next(found)


@pytest.mark.parametrize("limit", [0, 1, 100])
def test_work_in_parallel_is_done_where_no_task_starts(limit):
    """Beside each other as far as tasks can be started; memory is bounded."""
    running, most, started = [], [0], []
    lock = threading.Lock()
    meet = threading.Barrier(min(limit, 3) + 1, timeout=10)

    def spawn(run, name):
        if len(started) >= limit:
            raise RuntimeError("can't start new thread")
        started.append(name)
        return SYSTEM.spawn(run, name)

    def work(item):
        with lock:
            running.append(item)
            most[0] = max(most[0], len(running))
        if item < min(limit, 3) + 1:
            meet.wait()
        with lock:
            running.remove(item)
        return item * 2

    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    runtime = SimpleNamespace(lock=SYSTEM.lock, spawn=spawn)
    found = in_parallel(work, items(), tasks=4, runtime=runtime, share=5)
    assert next(found) == 0
    assert len(taken) == 20
    assert list(found) == [item * 2 for item in range(1, 100)]
    assert most[0] >= min(limit, 3) + 1


def test_an_interrupt_ends_work_in_parallel():
    """The caller's task is interrupted, as by Ctrl-C: what is begun is completed, and no other item is."""
    begun = []

    def work(item):
        begun.append(item)
        if item == 3:
            raise KeyboardInterrupt
        return item

    found = in_parallel(work, range(100), tasks=1, runtime=SYSTEM, share=50)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyboardInterrupt):
        next(found)
    assert begun == [0, 1, 2, 3]


# ---- attributes -------------------------------------------------------------------------------------------


def table(count):
    return SeekTable((TrackSeekTable(1, tuple(SeekEntry(at * 90_000 * 3, at * 700_000) for at in range(count))),))


def test_what_a_service_cannot_keep_is_thinned_then_left_out():
    attributes = ObjectAttributes(source="x" * 300, timescale=90_000, seek_table=table(600), other={"Note": "y" * 100})
    for service in (S3, AZURE, GCS):
        sent = encoded_attributes({**attributes.to_metadata(), OBJECT_ID: "0" * 32}, "1" * 32, service)
        size = sum(len(service.header_prefix) + len(name) + len(value) for name, value in sent.items())
        assert service.metadata_limit - 200 < size <= service.metadata_limit
        found = ObjectAttributes.from_metadata(sent)
        assert found.source == attributes.source
        assert found.seek_table.tracks[0].entries[0] == attributes.seek_table.tracks[0].entries[0]
        assert 20 < len(found.seek_table) < 600
        assert found.other == {"Note": "y" * 100, OBJECT_ID: "0" * 32}
    long = ObjectAttributes(source="x" * 1700, event_topic="e" * 1500, timescale=1, seek_table=table(3))
    sent = encoded_attributes(long.to_metadata(), "1" * 32, S3)
    kept = long.fitted(StorageType.S3, 2048 - 50)
    assert {name for name in sent if name != WRITE_ID} == set(kept.to_metadata())
    assert sent[WRITE_ID] == "1" * 32
    assert "EventTopic" not in sent


def test_attributes_that_a_service_finds_too_large_are_reduced_further():
    attributes = {"Source": "x" * 300, **ObjectAttributes(timescale=1, seek_table=table(600)).to_metadata()}
    too_large = MetadataTooLargeError("400")
    client = Scripted(("put", too_large), ("put", too_large))
    add(CloudStore(client, runtime=client.runtime), "k", b"data", attributes)
    assert client.calls == ["head", "put", "put", "put"]
    assert client.runtime.time < 0.5
    found = ObjectAttributes.from_metadata(client.head("k").attributes)
    assert len(found.seek_table) > 20
    size = sum(len(S3.header_prefix) + len(name) + len(value) for name, value in client.head("k").attributes.items())
    assert 1300 < size <= 2048 * 49 // 64
    client = Scripted(*[("put", too_large)] * 20)
    with pytest.raises(MetadataTooLargeError):
        add(CloudStore(client, runtime=client.runtime), "k", b"data", attributes)
    assert client.calls.count("put") < 8


@pytest.mark.interop
def test_what_is_reduced_is_taken_where_the_limit_is_kept(tmp_path):
    """By rclone, which alone of the emulators keeps it, and counts other headers, too: then once more is reduced."""
    need_module("obstore")
    (tmp_path / "bucket").mkdir()
    attributes = {**ObjectAttributes(source="x" * 300, timescale=90_000, seek_table=table(600)).to_metadata(), "N": "y"}
    with cloud_emulators.rclone(tmp_path) as rclone:
        store = open_store("s3://bucket", options=rclone.options(unsigned_payload=True))
        add(store, "k", b"data", {**attributes, OBJECT_ID: "0" * 32})
        found = ObjectAttributes.from_metadata(store.head("k").attributes)
        assert (found.source, found.timescale, found.other) == ("x" * 300, 90_000, {"n": "y", "objectid": "0" * 32})
        assert 20 < len(found.seek_table) < 600
        with pytest.raises(StoreError, match=r"MetadataTooLarge|HTTP status 400"):
            store._client.put("l", [b"data"], "video/mp4", {"A": "x" * 2100}, create=True)


@pytest.mark.parametrize(
    "attributes",
    [
        {"a-b": "1"}, {"": "1"}, {"ä": "1"}, {"1a": "1"}, {"Source": "1", "source": "2"}, {"writeid": "1"},
        {"Duration": "x" * 3000},
    ],
)  # fmt: skip
def test_attributes_that_no_service_keeps_are_refused_before_they_are_sent(attributes):
    client = Scripted()
    writer = CloudStore(client, runtime=client.runtime).open_writer("k", content_type="video/mp4")
    with pytest.raises(ObjectAttributeError):
        writer.seal(attributes)
    writer.seal({"A": "1"})
    assert client.calls == ["head", "put"]


@pytest.mark.parametrize(
    "value",
    ["", " ", "a\nb", "\t", "é", "\U0001f4f7", " x", "x ", "=?UTF-8?B?w6k=?=", "=?utf-8?b??=", "\x7f", "a=b%20"],
)
def test_every_value_is_sent_as_ascii_and_comes_back(value):
    sent = encoded_attributes({"A": value, OBJECT_ID: "1"}, "", S3)
    assert sent["A"].isascii()
    assert sent["A"].isprintable()
    assert sent["A"] == sent["A"].strip()
    assert read_attributes(sent)["A"] == value


@pytest.mark.parametrize("value", ["=?UTF-8?B?w6?=", "=?UTF-8?B?/w==?=", "=?ISO-8859-1?Q?a?="])
def test_what_others_wrote_stays_as_it_is(value):
    assert read_attributes({"a": value}) == {"a": value}


# ---- over HTTP --------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    need_module("obstore")
    with FakeServer() as running:
        yield running


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_over_http(server, fault):
    """Twice in a row, to a write and to a read; the real client, with a time-out of 0.4 s."""
    left = {"PUT": 2, "GET": 2, "HEAD": 0}

    def next_fault(method):
        if not left.get(method):
            return None
        left[method] -= 1
        return fault

    store = open_store("s3://bucket", options=server.options(timeout=0.4))
    server.bucket.next_fault = next_fault
    if fault == "409":
        left["GET"] = 0  # nobody answers a read so
    add(store, "k", b"0123456789" * 1000, {"A": "1"})
    assert server.bucket.writes == {"k": 1}
    assert store.get("k") == b"0123456789" * 1000
    assert store.get("k", 5, 10) == b"5678901234"
    assert list(store.keys()) == ["k"]
    if fault not in ("truncation", "lost answer"):
        assert left["PUT"] == 0
    info = store.head("k")
    assert (info.size, dict(info.attributes)) == (10_000, {"a": "1"})


def test_listings_begin_at_a_key_and_end_with_the_last_one(server, monkeypatch):
    server.bucket.page = 10
    monkeypatch.setattr("onvif_bmff.storage.obstore_client._PAGE", 10)
    store = open_store("s3://bucket/site", options=server.options())
    for day in ("2026-11-28", "2026-11-29", "2026-11-30"):
        for number in range(40):
            add(store, f"{day}/cam/{number // 10:02}/{number % 10:02}")
    server.bucket.requests.clear()
    assert len(list(store.keys("2026-11-29/"))) == 40
    assert len(server.bucket.requests) in (4, 5)
    server.bucket.requests.clear()
    assert len(list(store.keys("2026-11-2", after="2026-11-29/cam/03/05"))) == 4
    (request,) = server.bucket.requests
    assert "start-after=site%2F2026-11-29%2Fcam%2F03%2F05" in request[1]
    server.bucket.requests.clear()
    assert len(list(store.keys("2026-11-29/cam/02"))) == 10
    assert len(server.bucket.requests) <= 2


def test_a_service_that_lists_in_no_order_is_refused():
    client = Scripted()
    client.pages = lambda folder, after: iter([["b", "a"]])
    with pytest.raises(StoreError, match="order"):
        list(CloudStore(client).keys())


def test_a_store_that_was_left_is_of_no_use():
    store = CloudStore(Scripted())
    store._process = -1
    for call in (lambda: store.get("k"), lambda: store.head("k"), lambda: list(store.keys()), lambda: add(store, "k")):
        with pytest.raises(StateError, match="forked"):
            call()
