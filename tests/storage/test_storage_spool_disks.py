"""Spools on disks that are full, read-only, of few abilities or far away; and a store that others change meanwhile."""

import errno
import os
import shutil
import tempfile

import pytest
from storage_kit import add

from onvif_bmff.errors import ObjectExistsError, StoreError
from onvif_bmff.objects.attributes import OBJECT_ID
from onvif_bmff.playback import Timeline
from onvif_bmff.recovery import recover_store
from onvif_bmff.storage import DirectoryStore, MemoryStore, SpooledStore, SpoolPolicy, WhenFull
from onvif_bmff.storage.file_system import PosixFileSystem
from onvif_bmff.testing.recordings import recorded_objects
from onvif_bmff.validation import validate_store

FAST = SpoolPolicy(first=0.002, longest=0.01, tasks=1)
WRITING = ("open", "writev", "fsync", "mkdir", "link", "rename", "setxattr")


@pytest.fixture(autouse=True)
def _no_waiting_for_disks(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda number: None)


@pytest.fixture
def spooled(tmp_path):
    """Makes stores over a spool in one folder, and closes them."""
    made = []

    def make(remote, policy=FAST, **more):
        made.append(SpooledStore(remote, tmp_path / "spool", policy=policy, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Failing(PosixFileSystem):
    """Calls that write fail from one number on, so many of them."""

    def __init__(self, error, begin, count):
        self.error, self.begin, self.count, self.calls = error, begin, count, 0

    def _fails(self):
        self.calls += 1
        if self.begin <= self.calls < self.begin + self.count:
            raise OSError(self.error, os.strerror(self.error))


def _failing(name):
    call = getattr(PosixFileSystem, name)

    def made(self, *given, **more):
        if name != "open" or (len(given) > 1 and given[1] & os.O_CREAT):
            self._fails()
        return call(self, *given, **more)

    return made


for _name in WRITING:
    setattr(Failing, _name, _failing(_name))


def segment(second, counter, end=False):
    return f"site/2026-11-29/cam/12/00-{second:02}.000Z.{counter}.m4v{'_end' if end else ''}"


KEYS = [segment(1, 0), segment(2, 1), segment(3, 1, end=True), segment(4, 0)]


def record(store):
    """Store the keys, each until it is taken; how often that failed."""
    failures = 0
    for number, key in enumerate(KEYS):
        for _ in range(100):
            try:
                add(
                    store,
                    key,
                    b"" if key.endswith("end") else key.encode(),
                    {} if "end" in key else {OBJECT_ID: str(number)},
                )
                break
            except ObjectExistsError:  # it was stored, and the answer was an error: a recorder looks for its id
                assert key.endswith("end") or store.head(key).attributes[OBJECT_ID] == str(number)
                break
            except StoreError:
                failures += 1
        else:
            raise AssertionError(f"{key} was never taken")
    return failures


@pytest.mark.parametrize("count", [1, 7])
def test_a_disk_that_is_full_at_any_step(tmp_path, count):
    """A call that writes fails once for want of room, or that and the next ones: what is acknowledged arrives, once."""
    policy = SpoolPolicy(first=0.002, longest=0.01, tasks=1, bytes_a_month=10**9)
    met, begin = 0, 1
    while True:
        system, remote = Failing(errno.ENOSPC, begin, count), MemoryStore()
        folder = tmp_path / f"spool-{begin}"
        failures = 0
        for _ in range(20):
            try:
                store = SpooledStore(remote, folder, policy=policy, system=system)
                break
            except StoreError:
                failures += 1
        failures += record(store)
        assert store.close(20), begin
        assert store.status.aside == 0
        assert sorted(remote.keys()) == sorted(KEYS), begin
        assert [remote.get(key) for key in KEYS if "end" not in key] == [
            key.encode() for key in KEYS if "end" not in key
        ]
        assert not list(DirectoryStore(folder / "waiting", labels="attributes").keys())
        assert not DirectoryStore(folder / "waiting", labels="attributes").unsealed()
        shutil.rmtree(folder)
        if system.calls < begin:
            break
        met += bool(failures)
        begin += 1 if count == 1 else 3
    assert begin > 40, "the steps were met"
    assert met > 10, "and failed"


def test_an_end_that_cannot_be_made_durable_is_sent_all_the_same(tmp_path):
    """The span is ended where segments are dropped; the folder of the end fails when it is there already."""
    remote, system = MemoryStore(), Failing(errno.ENOSPC, 10**9, 1)
    policy = SpoolPolicy(tasks=0, most_bytes=100, when_full=WhenFull.DROP_OLDEST)
    store = SpooledStore(remote, tmp_path / "spool", policy=policy, system=system)
    add(remote, segment(1, 0), b"0" * 60, {OBJECT_ID: "0"})
    for counter in (1, 2):
        add(store, segment(counter + 1, counter), b"0" * 60, {OBJECT_ID: str(counter)})
    link = system.link

    def linked(*given, **more):
        link(*given, **more)
        if "_end" in str(given):
            system.begin, system.calls = 1, 0  # the next call that writes: the folder is made durable

    system.link = linked
    add(store, segment(9, 0).replace("cam", "other"), b"0", {OBJECT_ID: "9"})
    assert store.status.dropped == 2
    assert system.calls
    store.close()
    system.link = link
    again = SpooledStore(remote, tmp_path / "spool", policy=FAST)
    assert again.close(10)
    assert segment(2, 1) + "_end" in set(remote.keys())


def test_a_spool_on_a_disk_without_extended_attributes(spooled, tmp_path):
    """Labels are side files then, and what waits is found by another process."""
    system = Failing(errno.ENOTSUP, 10**9, 1)
    refused = []

    def setxattr(*given, **more):
        refused.append(given)
        raise OSError(errno.ENOTSUP, "not supported")

    system.setxattr = setxattr
    store = spooled(MemoryStore(), SpoolPolicy(tasks=0), system=system)
    record(store)
    store.close()
    assert refused
    remote = MemoryStore()
    assert spooled(remote).close(10)
    assert sorted(remote.keys()) == sorted(KEYS)
    assert remote.head(KEYS[1]).attributes[OBJECT_ID] == "1"


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("folder", ["new", "old"])
def test_a_spool_that_cannot_be_written_is_refused_at_the_start(tmp_path, folder, error):
    """Also if it is there already, and something waits in it."""
    if folder == "old":
        store = SpooledStore(MemoryStore(), tmp_path / folder, policy=SpoolPolicy(tasks=0))
        add(store, KEYS[0], b"x", {OBJECT_ID: "1"})
        store.close()
    with pytest.raises(StoreError, match=os.strerror(error)):
        SpooledStore(MemoryStore(), tmp_path / folder, system=Failing(error, 1, 10**9))


def test_a_spool_on_another_file_system(tmp_path):
    """Nothing is moved between the two by renaming."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("no second file system is known here")
    remote = DirectoryStore(tmp_path / "remote", fsync=False)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        assert os.stat(folder).st_dev != os.stat(tmp_path).st_dev
        store = SpooledStore(remote, f"{folder}/spool", policy=FAST)
        record(store)
        assert store.close(10)
    assert sorted(remote.keys()) == sorted(KEYS)


def test_a_recovery_of_the_remote_store_while_a_spool_feeds_it_loses_nothing(spooled, tmp_path):
    """It ends spans that go on, which is why the command asks; readers then see two spans, and all of their media."""
    remote = MemoryStore()
    objects = list(recorded_objects(segments=6, postfix="cam", random_seed=1, size=2000))
    early = [one for one in objects if one.key.counter < 3 and not one.key.span_end]
    store = spooled(remote)
    for one in early:
        store.put(one)
    assert store.close(10)
    store = spooled(remote, policy=SpoolPolicy(tasks=0))
    for one in objects:
        if one not in early:
            store.put(one)
    store.close()
    assert len(recover_store(remote, exclusive=True).ended) == 3
    assert spooled(remote).close(10)
    assert {str(one.key): one.body for one in objects}.items() <= {
        key: remote.get(key) for key in remote.keys("")
    }.items()
    spans = Timeline.from_store(remote).spans
    assert [len(span.segments) for span in spans] == [3] * 6
    assert {span.state.value for span in spans} == {"closed"}
    assert {one.rule for one in validate_store(remote)} == {"ANX-B.4-11"}
