"""Locks of objects: what is asked of a service, what counts as locked, and moto as an Amazon S3 that locks."""

from datetime import timedelta
from random import Random

import pytest
import support_cloud_emulators as cloud_emulators
from storage_cloud_storm import VirtualRuntime
from support_tools import need_module

from onvif_bmff.errors import ObjectNotFoundError, StoreError
from onvif_bmff.jobs.holding import hold_objects, keys_recorded_in, release_objects
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.storage import DirectoryStore, SpooledStore, open_store
from onvif_bmff.storage.attempts import Attempts, RetryBudget
from onvif_bmff.storage.cloud_client import AZURE, GCS, S3, StoreBusyError
from onvif_bmff.storage.cloud_settings import settings_for
from onvif_bmff.storage.copying import copy_object
from onvif_bmff.storage.locks import LockingStore, LockPolicy, ObjectLock, RetentionMode
from onvif_bmff.storage.object_locks import ObjectLocks
from onvif_bmff.storage.store_check import Fitness, check_store
from onvif_bmff.storage.tiered import MoveState, move_objects
from onvif_bmff.timing import UtcTime

GOVERNANCE, COMPLIANCE = RetentionMode
NOW = UtcTime.parse("2026-11-30T12:00:00Z")
LATER = UtcTime.parse("2027-01-01T00:00:00Z")
LATEST = UtcTime.parse("2028-01-01T00:00:00Z")


class FakeLocks:
    """Locks of a bucket in memory. ``deaf``: it takes every lock and keeps none."""

    def __init__(self, *, enabled=True, deaf=False):
        self.enabled, self.deaf = enabled, deaf
        self.retained, self.held, self.calls = {}, set(), []
        self.faults = 0

    def is_enabled(self):
        self.calls.append("is_enabled")
        return self.enabled

    def retention(self, key):
        if self.faults:
            self.faults -= 1
            raise StoreBusyError("503")
        return self.retained.get(key)

    def retain(self, key, until, mode):
        self.calls.append("retain")
        if not self.deaf:
            self.retained[key] = (until, mode)

    def is_held(self, key):
        return key in self.held

    def hold(self, key, *, held):
        self.calls.append("hold")
        if not self.deaf:
            (self.held.add if held else self.held.discard)(key)


class World(VirtualRuntime):
    def __init__(self):
        super().__init__(Random(1))
        self.now = lambda: NOW.plus_microseconds(int(self.monotonic() * 1e6))


@pytest.fixture
def world():
    return World()


def locks(world, client, policy=None):
    return ObjectLocks(lambda: client, policy, world)


def tries(world):
    return Attempts(RetryBudget(), world)


def test_a_lock_is_set_and_read_back(world):
    client = FakeLocks()
    found = locks(world, client)
    found.lock("k", ObjectLock(LATER, GOVERNANCE, legal_hold=True), tries(world))
    assert found.lock_of("k", tries(world)) == ObjectLock(LATER, GOVERNANCE, legal_hold=True)
    with pytest.raises(StoreError, match=r"it is locked: retained until 2027-01-01T00:00:00\.000000Z and held"):
        found.check_removable(["other", "k"], tries(world))
    assert found.release("k", tries(world))
    assert not found.release("k", tries(world))
    with pytest.raises(StoreError, match="retained until"):
        found.check_removable(["k"], tries(world))
    found.check_removable(["other"], tries(world))


@pytest.mark.parametrize("wanted", [ObjectLock(LATER, GOVERNANCE), ObjectLock(legal_hold=True)])
def test_a_service_that_only_says_yes_locks_nothing(world, wanted):
    with pytest.raises(StoreError, match="not locked: it is to be"):
        locks(world, FakeLocks(deaf=True)).lock("k", wanted, tries(world))


def test_a_hold_that_stays_is_not_released(world):
    client = FakeLocks(deaf=True)
    client.held.add("k")
    with pytest.raises(StoreError, match="still held"):
        locks(world, client).release("k", tries(world))


def test_a_bucket_without_locks(world):
    client = FakeLocks(enabled=False)
    found = locks(world, client)
    with pytest.raises(StoreError, match="no Object Lock"):
        found.lock("k", ObjectLock(legal_hold=True), tries(world))
    found.check_removable(["k"], tries(world))
    assert client.calls == ["is_enabled"]
    world.sleep(61)
    client.enabled = True
    client.held.add("k")
    with pytest.raises(StoreError, match="it is locked: held"):
        found.check_removable(["k"], tries(world))


@pytest.mark.parametrize(
    ("present", "wanted", "found"),
    [
        ((LATEST, GOVERNANCE), (LATER, GOVERNANCE), (LATEST, GOVERNANCE)),
        ((LATEST, COMPLIANCE), (LATER, GOVERNANCE), (LATEST, COMPLIANCE)),
        ((LATEST, GOVERNANCE), (LATER, COMPLIANCE), (LATEST, COMPLIANCE)),
        ((LATER, COMPLIANCE), (LATEST, GOVERNANCE), (LATEST, COMPLIANCE)),
        (None, (NOW + timedelta(seconds=-1), GOVERNANCE), None),
    ],
)
def test_a_lock_is_never_weakened(world, present, wanted, found):
    client = FakeLocks()
    if present:
        client.retained["k"] = present
    locks(world, client).lock("k", ObjectLock(*wanted), tries(world))
    assert client.retained.get("k") == found


def test_requests_are_tried_again(world):
    client = FakeLocks()
    client.faults = 2
    assert locks(world, client).lock_of("k", tries(world)) == ObjectLock()
    client.faults = 1000
    with pytest.raises(StoreError, match="tried"):
        locks(world, client).lock_of("k", tries(world))


def test_a_policy():
    assert LockPolicy(retain_for=timedelta(days=1)).lock_of(NOW) == ObjectLock(NOW + timedelta(days=1), GOVERNANCE)
    assert LockPolicy(LATER, timedelta(days=1)).lock_of(NOW).retain_until == LATER
    assert LockPolicy(legal_hold=True).lock_of(NOW) == ObjectLock(legal_hold=True)


def test_options():
    found = settings_for(S3, {"retain_for": "P30D", "legal_hold": True, "retention_mode": "COMPLIANCE"}, {})
    assert found.locks == LockPolicy(None, timedelta(days=30), COMPLIANCE, legal_hold=True)
    assert settings_for(S3, {"retain_until": "2027-01-01T00:00:00Z"}, {}).locks == LockPolicy(LATER)
    assert settings_for(S3, {}, {}).locks is None
    assert not settings_for(S3, {"object_lock": False}, {}).ask_locks


@pytest.mark.parametrize(
    ("service", "options", "words"),
    [
        (S3, {"retain_until": "tomorrow"}, "retain_until is an instant"),
        (S3, {"retain_for": "PT0S"}, "above zero"),
        (S3, {"retain_for": "P1D", "retention_mode": "FOR_EVER"}, "GOVERNANCE or COMPLIANCE"),
        (S3, {"retention_mode": "COMPLIANCE"}, "needs retain_until or retain_for"),
        (S3, {"legal_hold": "yes"}, "true or false"),
        (S3, {"legal_hold": True, "object_lock": False}, "do not go together"),
        (AZURE, {"retain_for": "P1D"}, "Azure Blob Storage: locks of objects are there for Amazon S3 alone"),
        (GCS, {"legal_hold": True}, "Google Cloud Storage: locks of objects"),
    ],
)
def test_options_that_are_refused(service, options, words):
    with pytest.raises(StoreError, match=words):
        settings_for(service, options, {})


# ---- over moto -------------------------------------------------------------------------------------


def write(store, key, data=b"x" * 20):
    writer = store.open_writer(key, content_type="video/mp4")
    writer.append(data)
    writer.seal({"ObjectId": "0123456789abcdef0123456789abcdef"})


def segment(second, counter=0, *, end=False):
    start = NOW.plus_microseconds(second * 1_000_000)
    return str(ObjectKey("site", start, "cam", counter, "mp4", span_end=end))


@pytest.fixture(scope="module")
def s3(request):
    need_module("obstore")
    need_module("botocore")
    with cloud_emulators.with_retentions(request.getfixturevalue("moto")) as running:
        yield running


@pytest.fixture
def bucket(s3):
    return s3.new_bucket(locks=True)


@pytest.mark.interop
class TestOverMoto:
    def test_new_objects_are_locked(self, s3, bucket):
        store = open_store(bucket, options=s3.options(retain_for="P30D", legal_hold=True))
        assert isinstance(store, LockingStore)
        write(store, "a/b")
        found = store.lock_of("a/b")
        stored = store.modified("a/b")
        assert found.legal_hold
        assert found.mode is GOVERNANCE
        assert timedelta(0) <= found.retain_until - (stored + timedelta(days=30)) <= timedelta(seconds=1)
        with pytest.raises(StoreError, match="it is locked"):
            store.delete("a/b")
        with pytest.raises(StoreError, match="it is locked"):
            store.delete_all(["no", "a/b"])
        assert store.get("a/b") == b"x" * 20
        assert store.release("a/b")
        with pytest.raises(StoreError, match="retained until"):
            store.delete("a/b")

    def test_a_bucket_that_cannot_lock_stores_nothing_that_counts(self, s3):
        url = s3.new_bucket()
        store = open_store(url, options=s3.options(retain_for="P30D"))
        with pytest.raises(StoreError, match="the bucket has no Object Lock: nothing is stored"):
            write(store, "a")
        with pytest.raises(StoreError, match="the bucket has no Object Lock: nothing is stored"):
            store._store("a", [b""], "video/mp4", {}, "0" * 32, overwrite=False)
        plain = open_store(url, options=s3.options())
        assert list(plain.keys()) == []
        assert not plain.can_lock()
        with pytest.raises(ObjectNotFoundError):
            plain.lock_of("a")

    def test_the_spool_confirms_what_is_locked_alone(self, s3, tmp_path, bucket):
        """Also where a crash came between storing and locking, and where the bucket cannot lock."""
        plain = open_store(bucket, options=s3.options())
        waiting = DirectoryStore(tmp_path / "spool" / "waiting", labels="attributes")
        write(waiting, segment(0))
        write(waiting, segment(1, 1))
        copy_object(waiting, plain, segment(0))
        assert plain.lock_of(segment(0)) == ObjectLock()
        store = SpooledStore(open_store(bucket, options=s3.options(legal_hold=True)), tmp_path / "spool")
        assert store.wait(30)
        store.close()
        assert [plain.lock_of(segment(at, at)).legal_hold for at in range(2)] == [True, True]

        other = s3.new_bucket()
        write(waiting, segment(2))
        (tmp_path / "spool" / "target").unlink()
        store = SpooledStore(open_store(other, options=s3.options(legal_hold=True)), tmp_path / "spool")
        assert not store.wait(2)
        assert store.status.waiting == 1
        assert "no Object Lock" in store.status.error
        store.close()
        assert list(waiting.keys()) == [segment(2)]

    def test_holds_of_a_time_stop_expiry_and_moves(self, s3, tmp_path, bucket):
        store = open_store(bucket, options=s3.options())
        for at in range(4):
            write(store, segment(60 * at, at))
        write(store, segment(240, 4, end=True))
        held = keys_recorded_in(store, NOW + timedelta(seconds=70), NOW + timedelta(seconds=130))
        assert held == [segment(60, 1), segment(120, 2), segment(240, 4, end=True)]
        assert [one.changed for one in hold_objects(store, held)] == [True, True, True]
        assert [one.changed for one in hold_objects(store, held)] == [False, False, False]

        moved = list(move_objects(store, DirectoryStore(tmp_path / "to"), [segment(0), segment(60, 1)]))
        assert [one.state for one in moved] == [MoveState.MOVED, MoveState.COPIED]
        assert "it is locked: held" in str(moved[1].error)
        assert next(iter(store.keys())) == segment(60, 1)

        copy_object(store, DirectoryStore(tmp_path / "to"), segment(60, 1))
        other = open_store(s3.new_bucket(locks=True), options=s3.options())
        copy_object(store, other, segment(60, 1))
        copy_object(store, other, segment(180, 3))
        assert other.lock_of(segment(60, 1)) == ObjectLock(legal_hold=True)
        assert other.lock_of(segment(180, 3)) == ObjectLock()

        assert [one.changed for one in release_objects(store, [*held, "no"])] == [True, True, True, False]
        store.delete(segment(60, 1))

    def test_a_probe_of_locks(self, s3, bucket):
        for url, fitness in ((bucket, Fitness.FIT), (s3.new_bucket(), Fitness.UNKNOWN)):
            found = {one.name: one for one in check_store(open_store(url, options=s3.options()))}
            assert found["locks"].fitness is fitness
            assert found["cleaning up"].fitness is Fitness.FIT

    def test_without_the_extra_nothing_of_a_bucket_with_versions_is_removed(self, s3, bucket, monkeypatch):
        plain = open_store(bucket, options=s3.options())
        write(plain, "a")
        for name in ("botocore", "botocore.config"):
            monkeypatch.setitem(__import__("sys").modules, name, None)
        bare = open_store(bucket, options=s3.options())
        for ask in (lambda: bare.delete("a"), lambda: bare.delete_all(["a"]), lambda: bare.lock_of("a")):
            with pytest.raises(StoreError, match=r"onvif-bmff\[cloud\]"):
                ask()
        unasked = open_store(bucket, options=s3.options(object_lock=False))
        assert unasked.lock_of("a") == ObjectLock()
        unasked.delete("a")
        free = open_store(s3.new_bucket(), options=s3.options())
        write(free, "a")
        free.delete("a")

    def test_refused_credentials(self, s3, bucket):
        store = open_store(bucket, options=s3.options(endpoint="http://127.0.0.1:9", retry_seconds=0.5))
        with pytest.raises(StoreError, match="did not answer"):
            store.can_lock()
