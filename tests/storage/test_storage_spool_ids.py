"""The spool deletes nothing before the remote store shows the id of the object: stores that thin, refuse, drop."""

import logging

import pytest
from storage_kit import add
from support_fake_bucket import FakeServer
from support_tools import need_module

from onvif_bmff.errors import ObjectAttributeError
from onvif_bmff.objects.attributes import OBJECT_ID
from onvif_bmff.objects.stored import ObjectInfo
from onvif_bmff.storage import DirectoryStore, MemoryStore, SpooledStore, SpoolPolicy, open_store
from onvif_bmff.storage.copying import AttributesLostError, copy_object
from onvif_bmff.storage.tiered import MoveState, move_objects

FAST = SpoolPolicy(first=0.002, longest=0.01)
ID = "0123456789abcdef0123456789abcdef"
KEYS = [f"site/2026-11-29/cam/12/00-0{at}.000Z.{at}.m4v" for at in range(3)]
END = "site/2026-11-29/cam/12/00-03.000Z.3.m4v_end"


class Changing(MemoryStore):
    """Keeps attributes whose small names ``kept`` accepts, and gives back what ``data`` makes of bytes."""

    def __init__(self, kept, data=bytes):
        super().__init__()
        self.kept, self.data = kept, data

    def head(self, key):
        found = super().head(key)
        kept = {name: value for name, value in found.attributes.items() if self.kept(name.lower())}
        return ObjectInfo(key, found.size, found.content_type, kept)

    def get(self, key, start=0, length=None):
        return self.data(super().get(key, start, length))


def write(store, attributes=None):
    for number, name in enumerate(KEYS):
        add(store, name, b"data" * 10, {OBJECT_ID: ID[:-1] + str(number), "Duration": "1", **(attributes or {})})
    add(store, END, b"", {})


def waiting(store):
    return DirectoryStore(store / "waiting", labels="attributes")


def test_a_store_that_drops_attributes_confirms_nothing(tmp_path, caplog):
    """It is said once, and what waits stays, also where an end object of the same place would be confirmed."""
    remote = Changing(lambda name: False)
    with caplog.at_level(logging.WARNING):
        store = SpooledStore(remote, tmp_path, policy=FAST)
        write(store)
        assert not store.wait(0.7)
        assert store.close() is False
    assert store.status.waiting == 4
    assert store.status.uploaded == store.status.aside == 0
    assert "does not keep attributes: the ObjectId is missing there" in store.status.error
    assert list(waiting(tmp_path).keys()) == sorted([*KEYS, END])
    said = [one for one in caplog.records if "does not keep attributes" in one.getMessage()]
    assert [one.levelno for one in said] == [logging.ERROR]

    again = SpooledStore(remote, tmp_path, policy=FAST)  # what the remote store has is no confirmation either
    assert not again.wait(0.3)
    again.close()
    assert list(waiting(tmp_path).keys()) == sorted([*KEYS, END])

    remote.kept = lambda name: True  # mended
    last = SpooledStore(remote, tmp_path, policy=FAST)
    assert last.wait(10)
    last.close()
    assert list(waiting(tmp_path).keys()) == []
    assert sorted(remote.keys()) == sorted([*KEYS, END])


def test_a_bucket_that_drops_metadata(tmp_path):
    need_module("obstore")
    with FakeServer() as server:
        server.bucket.keeps_attributes = False
        remote = open_store(server.url(), options=server.options(retry_seconds=0.5))
        store = SpooledStore(remote, tmp_path, policy=FAST)
        write(store)
        assert not store.wait(1.5)
        store.close()
        assert store.status.uploaded == store.status.aside == 0
        assert list(waiting(tmp_path).keys()) == sorted([*KEYS, END])
        assert max(server.bucket.writes.values()) == 1


def test_what_is_thinned_is_confirmed_by_its_id(tmp_path):
    """The seek table may shrink and others may go, as a service has no more room."""
    need_module("obstore")
    remote = Changing(lambda name: name == "objectid")
    store = SpooledStore(remote, tmp_path, policy=FAST)
    write(store)
    assert store.wait(10)
    store.close()
    assert [remote.head(name).attributes[OBJECT_ID][-1] for name in KEYS] == ["0", "1", "2"]


def test_without_an_id_all_bytes_are_read_back(tmp_path):
    """An object that no recorder made has none: its bytes count."""
    remote = Changing(lambda name: True, lambda data: data[:-1] + b"!" if data else data)
    store = SpooledStore(remote, tmp_path, policy=FAST)
    add(store, "notes/one", b"abc", {"Source": "me"})
    assert store.wait(10)
    store.close()
    assert (store.status.uploaded, store.status.aside) == (0, 1)
    assert DirectoryStore(tmp_path / "aside").get("notes/one") == b"abc"


def test_attributes_that_a_store_refuses_set_the_object_aside(tmp_path):
    class Refusing(MemoryStore):
        def open_writer(self, key, **more):
            if key == KEYS[0]:
                raise ObjectAttributeError("no")
            return super().open_writer(key, **more)

    remote = Refusing()
    store = SpooledStore(remote, tmp_path, policy=FAST)
    write(store)
    assert store.wait(10)
    store.close()
    assert store.status.aside == 1
    assert list(DirectoryStore(tmp_path / "aside").keys()) == [KEYS[0]]
    assert sorted(remote.keys()) == sorted([*KEYS[1:], END])


@pytest.mark.parametrize("present", [False, True])
def test_nothing_is_moved_to_a_store_that_drops_attributes(tmp_path, present):
    source, target = MemoryStore(), Changing(lambda name: False)
    write(source)
    if present:
        write(target)
    assert [one.state for one in move_objects(source, target, KEYS)] == [MoveState.FAILED, *[MoveState.KEPT] * 2]
    assert sorted(source.keys()) == sorted([*KEYS, END])
    if not present:
        with pytest.raises(AttributesLostError):
            copy_object(source, target, KEYS[1])
