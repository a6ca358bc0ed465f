"""``check_store`` finds what makes a store unfit, says it in words, and leaves nothing behind."""

from random import Random

import pytest
from storage_cloud_storm import StormClient, VirtualRuntime
from support_fake_bucket import FakeServer
from support_tools import need_module

from onvif_bmff.errors import ObjectNotFoundError, StoreError
from onvif_bmff.objects.stored import ObjectInfo
from onvif_bmff.storage import CloudStore, DirectoryStore, Fitness, MemoryStore, check_store, open_store
from onvif_bmff.storage.cloud_client import S3
from onvif_bmff.timing import UtcTime


def unfit(store, **more):
    """What is wrong with a store: texts by probe. Nothing may be left in it."""
    found = {one.name: one for one in check_store(store, **more)}
    return {name: one.text for name, one in found.items() if one.fitness is Fitness.UNFIT}


def test_our_stores_are_fit(tmp_path):
    for store in (DirectoryStore(tmp_path), MemoryStore()):
        found = list(check_store(store))
        unknown = {"clock": Fitness.UNKNOWN, "locks": Fitness.UNKNOWN}
        assert {one.name: one.fitness for one in found if one.fitness is not Fitness.FIT} == unknown
        assert len(found) == 10
        assert list(store.keys()) == []


def test_a_bucket_is_fit_but_for_its_clock():
    """Whose server in the tests stands still."""
    need_module("obstore")
    with FakeServer() as server:
        store = open_store(server.url(), options=server.options())
        assert set(unfit(store)) == {"clock"}
        assert not server.bucket.objects["bucket"]


@pytest.mark.parametrize("name", ["moto", "azurite"])
def test_emulators_that_keep_the_rules_are_fit(request, name):
    need_module("obstore")
    emulator = request.getfixturevalue(name)
    store = open_store(emulator.new_bucket(), options=emulator.options())
    assert unfit(store) == {}
    assert list(store.keys()) == []


class Overwriting(StormClient):
    def put(self, key, buffers, content_type, attributes, *, create):
        super().put(key, buffers, content_type, attributes, create=False)


def test_a_service_that_overwrites_is_found():
    runtime = VirtualRuntime(Random(1))
    client = Overwriting(Random(1), runtime, S3, rate=0)
    found = unfit(CloudStore(client, runtime=runtime))
    assert list(found) == ["create only"]
    assert "replaced the first one" in found["create only"]
    assert not client.objects


class Late(MemoryStore):
    """Lists objects late."""

    def keys(self, prefix="", *, after=""):
        return iter(list(super().keys(prefix, after=after))[:-1])


class Unordered(MemoryStore):
    def keys(self, prefix="", *, after=""):
        return reversed(list(super().keys(prefix, after=after)))


class Everything(MemoryStore):
    """Does not begin a listing where it is asked to."""

    def keys(self, prefix="", *, after=""):
        return super().keys(prefix)


class Whole(MemoryStore):
    """Knows no ranges."""

    def get(self, key, start=0, length=None):
        return super().get(key)


class NoSuffix(MemoryStore):
    def get(self, key, start=0, length=None):
        if start < 0:
            raise StoreError("not supported")
        return super().get(key, start, length)


class Forgetful(MemoryStore):
    def head(self, key):
        found = super().head(key)
        return ObjectInfo(key, found.size, None, {name: value[:500] for name, value in found.attributes.items()})


class Dropping(MemoryStore):
    """Drops all attributes, and says that all is well."""

    def head(self, key):
        found = super().head(key)
        return ObjectInfo(key, found.size, found.content_type, {})


class Eventual(MemoryStore):
    def get(self, key, start=0, length=None):
        raise ObjectNotFoundError(key)


class Keeping(MemoryStore):
    """Removes nothing."""

    def delete(self, key):
        self.head(key)


class Locked(MemoryStore):
    """Refuses to remove."""

    def delete(self, key):
        raise StoreError("retention")


class ReadOnly(MemoryStore):
    def open_writer(self, key, **more):
        raise StoreError("403")


class Skewed(MemoryStore):
    offset = 0

    def modified(self, key):
        return UtcTime.parse("2026-11-30T12:00:00Z").plus_microseconds(self.offset * 1_000_000)


class Clock(VirtualRuntime):
    def __init__(self):
        super().__init__(Random(1))
        self.now = lambda: UtcTime.parse("2026-11-30T12:00:00.700Z")


@pytest.mark.parametrize(
    ("kind", "probes", "words"),
    [
        (Late, {"listing"}, "not listed"),
        (Unordered, {"listing"}, "not listed in order"),
        (Everything, {"listing"}, "a listing from a key on"),
        (Whole, {"ranges"}, "the last bytes gives other bytes"),
        (NoSuffix, {"ranges"}, "the last bytes fails: not supported"),
        (Forgetful, {"attributes", "size of attributes"}, "the content type comes back as None"),
        (Dropping, {"attributes", "size of attributes"}, "the attribute ObjectId comes back as None"),
        (Eventual, {"read after write", "create only", "ranges"}, "not there right after"),
        (Keeping, {"removal"}, "still there"),
        (Locked, {"removal", "cleaning up"}, "retention"),
        (ReadOnly, {"read after write"}, "the store failed: 403"),
    ],
)
def test_what_makes_a_store_unfit_is_said(kind, probes, words):
    found = unfit(kind())
    assert set(found) == probes
    assert any(words in text for text in found.values())


def test_clocks_that_differ_are_found():
    for offset, words in ((0, None), (-1, None), (50, None), (-400, "400 s behind"), (400, "399 s ahead of")):
        store = Skewed()
        store.offset = offset
        found = unfit(store, runtime=Clock())
        assert set(found) == ({"clock"} if words else set())
        assert words is None or words in found["clock"]


def test_what_is_interrupted_is_cleaned_up():
    store = MemoryStore()
    probes = check_store(store)
    for _ in range(6):
        next(probes)
    assert len(list(store.keys())) > 8
    probes.close()
    assert list(store.keys()) == []
