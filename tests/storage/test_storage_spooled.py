"""A store behind a spool: what is acknowledged reaches the remote store once, whatever fails, and can be read."""

import os
import random
import signal
import threading
import time

import pytest
from storage_kit import add, child

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, StoreError
from onvif_bmff.objects.attributes import OBJECT_ID
from onvif_bmff.storage import DirectoryStore, MemoryStore, SpooledStore, SpoolPolicy, SpoolStatus, UploadQueue
from onvif_bmff.testing import StoreConformance

FAST = SpoolPolicy(first=0.002, longest=0.01)


@pytest.fixture(autouse=True)
def _no_waiting_for_disks(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda number: None)


@pytest.fixture
def spooled(tmp_path):
    """Makes stores over a spool in one folder, and closes them."""
    made = []

    def make(remote, policy=FAST):
        made.append(SpooledStore(remote, tmp_path / "spool", policy=policy))
        return made[-1]

    yield make
    for one in made:
        one.close()


def key(second, counter=0, place="cam", end=False, minute=0):
    return f"site/2026-11-29/{place}/12/{minute:02}-{second:02}.000Z.{counter}.m4v{'_end' if end else ''}"


class TestSpooledStore(StoreConformance):
    many = 300
    histories = 3

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder, self.made = tmp_path, []
        yield
        for one in self.made:
            one.close()

    def make_store(self):
        remote = self.remote() if hasattr(self, "remote") else MemoryStore()
        self.made.append(SpooledStore(remote, self.folder / str(len(self.made)), policy=FAST))
        return self.made[-1]


class Unreachable(MemoryStore):
    """A remote store that takes nothing, and knows that it has nothing."""

    def open_writer(self, *given, **more):
        raise StoreError("503")


class Flaky(MemoryStore):
    """A remote store that fails, and loses answers."""

    def __init__(self, seed, rate=0.35):
        super().__init__()
        self.random, self.rate, self.order, self.hits = random.Random(seed), rate, [], 0
        self.seals = threading.Lock()

    def fails(self):
        if self.random.random() >= self.rate:
            return False
        self.hits += 1
        return True

    def head(self, key):
        if self.fails():
            raise StoreError("503")
        return super().head(key)

    def open_writer(self, key, **more):
        if self.fails():
            raise self.random.choice([StoreError("503"), OSError("reset"), ZeroDivisionError("a bug")])
        writer = super().open_writer(key, **more)
        seal = writer.seal

        def sealing(attributes):
            with self.seals:
                before, after = self.fails(), self.fails()
                if before:
                    raise StoreError("429")
                seal(attributes)
                self.order.append(key)
                if after:
                    raise StoreError("the answer is lost")

        writer.seal = sealing
        return writer


@pytest.mark.parametrize("seed", range(10))
def test_everything_reaches_a_store_that_fails_once_and_in_order(spooled, seed):
    remote = Flaky(seed)
    store = spooled(remote)
    wanted = {}
    for number in range(40):
        place = f"cam-{number % 3}"
        one = key(number, number // 3, place)
        wanted[one] = b"%d" % number
        add(store, one, wanted[one], {OBJECT_ID: f"{number:032}"})
        assert store.get(one) == wanted[one]
    for place in range(3):
        end = key(50, 13, f"cam-{place}", end=True)
        wanted[end] = b""
        add(store, end, b"")
    assert list(store.keys()) == sorted(wanted)
    assert store.close(60)
    remote.rate = 0
    assert {one: remote.get(one) for one in remote.keys("")} == wanted
    assert sorted(remote.order) == sorted(wanted), "each was stored once"
    for place in range(3):
        own = [one for one in remote.order if f"cam-{place}" in one]
        assert own == sorted(own)
    assert remote.hits > 20
    status = store.status
    assert (status.waiting, status.waiting_bytes, status.uploaded, status.aside) == (0, 0, 43, 0)


def test_what_waits_is_there_for_readers_and_after_a_restart(spooled):
    remote = Unreachable()
    store = spooled(remote)
    for number in range(5):
        add(store, key(number, number), b"data", {"N": str(number)})
    assert [store.head(one).attributes["N"] for one in store.keys("")] == list("01234")
    deadline = time.monotonic() + 10
    while store.status.error is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert store.status == SpoolStatus(5, 20, 0, 0, "503")
    assert not store.close(0.05)
    good = MemoryStore()
    again = spooled(good)
    assert again.close(10)
    assert [good.head(one).attributes["N"] for one in good.keys("")] == list("01234")
    assert list(again.keys()) == list(good.keys())


def test_a_full_spool_refuses_the_next_object_before_it_is_begun(spooled):
    store = spooled(Unreachable(), SpoolPolicy(most_bytes=10))
    add(store, "a", b"x" * 9)
    add(store, "b", b"x" * 9)
    with pytest.raises(StoreError, match="spool is full: 18 bytes"):
        store.open_writer("c", content_type="video/mp4")
    store.delete("b")
    add(store, "c")


def test_a_collision_is_set_aside_and_stops_nobody(spooled, tmp_path):
    remote = MemoryStore()
    store = spooled(remote)
    writer = store.open_writer(key(1), content_type="video/mp4")
    writer.append(b"ours")
    add(remote, key(1), b"theirs")
    writer.seal({"A": "1"})
    add(store, key(2, 1))
    assert store.close(10)
    assert (remote.get(key(1)), remote.get(key(2, 1))) == (b"theirs", b"data")
    aside = DirectoryStore(tmp_path / "spool/aside")
    assert (aside.get(key(1)), dict(aside.head(key(1)).attributes)) == (b"ours", {"A": "1"})
    assert store.status.aside == 1
    assert spooled(remote).status.aside == 1


def test_what_cannot_be_set_aside_goes_on_waiting(spooled, tmp_path):
    remote = MemoryStore()
    store = spooled(remote)
    (tmp_path / "spool/aside").rename(tmp_path / "elsewhere")
    (tmp_path / "spool/aside").write_bytes(b"no folder")
    writer = store.open_writer(key(1), content_type="video/mp4")
    add(remote, key(1), b"theirs")
    writer.append(b"ours")
    writer.seal({"A": "1"})
    assert not store.wait(0.3)
    assert (store.status.waiting, store.status.aside, store.status.error is None) == (1, 0, False)
    assert store.get(key(1)) == b"ours"
    (tmp_path / "spool/aside").unlink()
    (tmp_path / "elsewhere").rename(tmp_path / "spool/aside")
    assert store.close(10)
    assert store.status.aside == 1


def test_a_bad_object_does_not_stop_other_places(spooled):
    class Picky(MemoryStore):
        def open_writer(self, name, **more):
            if "bad" in name:
                raise StoreError("400")
            return super().open_writer(name, **more)

    remote = Picky()
    store = spooled(remote)
    add(store, key(0, 0, "bad"))
    for number in range(20):
        add(store, key(number, number, "good"))
    deadline = time.monotonic() + 20
    while len(list(remote.keys())) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(list(remote.keys())) == 20
    assert not store.close(0.02)
    assert store.status.waiting == 1


def test_deletion_reaches_both_sides(spooled):
    remote = Unreachable()
    store = spooled(remote)
    add(store, "waits")
    MemoryStore.open_writer(remote, "there", content_type="x").seal({})
    for name in ("waits", "there"):
        store.delete(name)
        for look in (store.get, store.head, store.delete):
            with pytest.raises(ObjectNotFoundError):
                look(name)
    assert store.status.waiting == 0


def test_a_file_that_somebody_removed_is_no_failure(spooled, tmp_path):
    remote = Unreachable()
    store = spooled(remote)
    add(store, "a")
    store.close(0.02)
    remote.__class__ = MemoryStore
    again = SpooledStore(remote, tmp_path / "spool", policy=SpoolPolicy(tasks=0))
    os.unlink(tmp_path / "spool/waiting/a")
    again._uploader.upload(again._contents.take("2026-11-30"), "2026-11-30")
    assert (again.status.waiting, again.status.uploaded, list(remote.keys())) == (0, 0, [])
    again.close()


def test_overwriting_goes_past_the_spool(spooled):
    remote = Unreachable()
    store = spooled(remote)
    add(store, "a", b"old")
    with pytest.raises(StoreError):
        add(store, "a", b"new", overwrite=True)
    assert (store.get("a"), store.status.waiting) == (b"old", 1)
    remote.__class__ = MemoryStore
    add(store, "a", b"new", overwrite=True)
    assert (store.get("a"), remote.get("a")) == (b"new", b"new")
    assert store.close(5)
    assert store.status.aside <= 1, "the old one, if its upload was under way"


def test_a_key_that_was_uploaded_is_taken(spooled):
    store = spooled(MemoryStore())
    late = store.open_writer("a", content_type="video/mp4")
    add(store, "a")
    assert store.close(5)
    with pytest.raises(ObjectExistsError):
        late.seal({})
    late.abandon()
    with pytest.raises(ObjectExistsError):
        add(store, "a")


def test_the_pace_is_kept(spooled):
    began = time.monotonic()
    store = spooled(MemoryStore(), SpoolPolicy(tasks=2, bytes_a_second=20_000))
    for number in range(4):
        add(store, f"{number}", b"x" * 1000)
    assert store.close(20)
    assert time.monotonic() - began >= 0.1


VICTIM = """
import sys, time
from onvif_bmff.storage import DirectoryStore, SpooledStore, SpoolPolicy
root, first, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
import random
remote = DirectoryStore(root + "/remote", fsync=False)
class Flaky:
    def __getattr__(self, name): return getattr(remote, name)
    def open_writer(self, key, **more):
        writer = remote.open_writer(key, **more)
        seal = writer.seal
        def sealing(attributes):
            if random.random() < rate: raise OSError("reset")
            seal(attributes)
            if random.random() < rate: raise OSError("the answer is lost")
        class Sealing:
            append, abandon = writer.append, writer.abandon
        Sealing.seal = staticmethod(sealing)
        return Sealing
store = SpooledStore(Flaky(), root + "/spool", policy=SpoolPolicy(first=0.001, longest=0.01))
for number in range(first, first + 1000):
    hour, minute, second = number // 3600 % 24, number // 60 % 60, number % 60
    key = f"site/2026-11-29/cam-{number % 3}/{hour:02}/{minute:02}-{second:02}.000Z.0.m4v"
    writer = store.open_writer(key, content_type="video/mp4")
    writer.append(b"%d" % number * 100)
    writer.seal({"ObjectId": f"{number:032}"})
    print(key, number, flush=True)
"""


def killed(root, chance, runs, first=0):
    """Kill a recorder at random moments; what it said that it stored."""
    said = {}
    for _ in range(runs):
        victim = child(VICTIM, root, first, 0.15)
        line = victim.stdout.readline()
        time.sleep(chance.random() * 0.15)
        os.kill(victim.pid, signal.SIGKILL)
        rest, _ = victim.communicate()
        whole, _, _ = (line + rest).decode().rpartition("\n")
        for text in whole.splitlines():
            name, number = text.split()
            said[name] = b"%s" % number.encode() * 100
        first += 1000
    return said


def check_killed(root, said, runs):
    """Nothing that was acknowledged is lost, and nothing is there twice or in the spool."""
    remote = DirectoryStore(root / "remote", fsync=False)
    store = SpooledStore(remote, root / "spool", policy=FAST)
    assert store.close(60)
    assert store.status.aside == 0
    assert said.keys() <= set(remote.keys())
    assert all(remote.get(name) == data for name, data in said.items())
    assert len(set(remote.keys()) - said.keys()) <= runs, "sealed, and killed before it was said"


def test_kills(tmp_path):
    """Three hundred of them by ``python -m tests.long spool-kills``."""
    said = killed(tmp_path, random.Random(1), 12)
    assert len(said) > 12
    check_killed(tmp_path, said, 12)


def test_one_store_at_a_time_uses_a_spool(spooled, tmp_path):
    store = spooled(MemoryStore())
    for _ in range(2):
        with pytest.raises(StoreError, match="the spool is in use"):
            spooled(MemoryStore())
    store.close()
    store.close()
    victim = child(VICTIM, tmp_path, 0, 0.15)
    victim.stdout.readline()
    with pytest.raises(StoreError, match="the spool is in use"):
        spooled(MemoryStore())
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate()
    spooled(DirectoryStore(tmp_path / "remote", fsync=False))


def test_what_a_dead_recorder_left_open_is_for_its_store_too(spooled, tmp_path):
    first, second = DirectoryStore(tmp_path / "first"), DirectoryStore(tmp_path / "second")
    store = spooled(first)
    writer = store.open_writer(key(1), content_type="video/mp4")
    writer.append(b"data")
    writer.release()
    store.close()
    with pytest.raises(StoreError, match=r"is for file://.*/first, not for file://.*/second"):
        spooled(second)
    again = spooled(first)
    again.resume(again.unsealed()[0]).abandon()
    again.close()
    assert spooled(second).location == second.location


# ---- the queue ---------------------------------------------------------------------------------------------


def queue(first=1.0, longest=8.0):
    return UploadQueue(first, longest, lambda: 0.0)


def test_the_oldest_comes_first_and_one_of_a_place_at_a_time():
    waits = queue()
    for name in (key(9, 1, "a"), key(5, 0, "a"), key(7, 0, "b"), key(9, 1, "a", end=True)):
        waits.add(name, 1)
    first, second = waits.take(0), waits.take(0)
    assert (first.key, second.key, waits.take(0)) == (key(5, 0, "a"), key(7, 0, "b"), None)
    waits.done(first)
    third = waits.take(0)
    assert third.key == key(9, 1, "a")
    waits.done(third)
    assert waits.take(0).key == key(9, 1, "a", end=True)
    assert waits.is_busy(second.key)
    assert (waits.count, waits.size) == (2, 2)
    assert [waits.holds(name) for name in (second.key, key(9, 1, "a", end=True), third.key)] == [True, True, False]


def test_after_a_failure_one_at_a_time_is_tried_of_another_place_first():
    waits = queue()
    for place in "abc":
        waits.add(key(1, 0, place), 1)
    waits.failed(waits.take(0), 0)
    assert (waits.take(0.9), waits.pause(0.25)) == (None, 0.75)
    two = waits.take(1)
    assert (two.key, waits.take(1)) == (key(1, 0, "b"), None)
    waits.failed(two, 1)
    assert waits.take(2.9) is None
    three = waits.take(3)
    assert three.key == key(1, 0, "c")
    waits.done(three)
    assert not waits.is_failing
    assert [waits.take(3).key, waits.take(3).key, waits.take(3)] == [key(1, 0, "a"), key(1, 0, "b"), None]


def test_pauses_have_an_end():
    waits = queue()
    waits.add("a", 1)
    now = 0.0
    for _ in range(10):
        waits.failed(waits.take(now), now)
        pause = waits.pause(now)
        now += pause
    assert pause == 8.0


def test_what_is_forgotten_waits_no_longer():
    waits = queue()
    for number in range(5):
        waits.add(key(number, number), 10)
    assert waits.forget(key(3, 3)) == 10
    assert waits.forget(key(3, 3)) is None
    assert waits.forget("nothing") is None
    taken = []
    while (one := waits.take(0)) is not None:
        taken.append(one.key)
        waits.done(one)
    assert taken == [key(number, number) for number in (0, 1, 2, 4)]
    assert (waits.count, waits.size) == (0, 0)
