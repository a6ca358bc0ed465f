"""What our stores do beyond what every store must (test_storage_conformance.py)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from storage_kit import add

from onvif_bmff.errors import (
    ObjectAttributeError,
    ObjectExistsError,
    ObjectNotFoundError,
    StoreError,
)
from onvif_bmff.objects import ObjectAttributes, ObjectKey, SegmentObject, SpanEndObject
from onvif_bmff.storage import DirectoryStore, MemoryStore
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2022-11-08T15:08:23.547Z")
KEY = ObjectKey("site-2", START, "camera-5", 0, "m4v")


@pytest.fixture(params=["memory", "directory"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else DirectoryStore(tmp_path / "store", fsync=False)


@pytest.mark.requirement("ANX-B.4-01")
@pytest.mark.requirement("ANX-B.5-01")
@pytest.mark.requirement("ANX-B.9-01")
def test_put_get_head(store):
    segment = SegmentObject(KEY, b"0123456789", 'video/mp4; codecs="avc1.640028"', ObjectAttributes(source="Caméra"))
    end = SpanEndObject(KEY.ending(START.plus_ticks(5, 1)))
    store.put(segment)
    store.put(end)
    name = "site-2/2022-11-08/camera-5/15/08-23.547Z.0.m4v"
    assert store.get(name) == b"0123456789"
    info = store.head(name)
    assert (info.key, info.size, info.content_type) == (name, 10, 'video/mp4; codecs="avc1.640028"')
    assert ObjectAttributes.from_metadata(info.attributes) == segment.attributes
    assert store.get(str(end.key)) == b""
    assert (store.head(str(end.key)).size, store.head(str(end.key)).attributes) == (0, {})
    assert list(store.keys()) == [name, str(end.key)]


@pytest.mark.parametrize(
    "attributes",
    [
        {"Source": 1},
        {"Source": None},
        {"Source": b"x"},
        {5: "x"},
        {"Source": "\ud800"},
        {"\udc80": "x"},
        {"Source": "x" * 5_000_000},
        {f"a{number}": "\n" * 100 for number in range(2000)},
    ],
    ids=["number", "none", "bytes", "name", "surrogate", "surrogate in a name", "large", "many"],
)
def test_attributes_that_could_not_be_read_back_are_refused_when_sealing(store, attributes):
    writer = store.open_writer("key", content_type="video/mp4")
    writer.append(b"012")
    with pytest.raises(ObjectAttributeError):
        writer.seal(attributes)
    assert list(store.keys()) == []
    writer.seal({"Source": "x"})
    assert store.head("key").attributes == {"Source": "x"}


def test_large_attributes_are_kept_while_the_object_is_replaced(store):
    large = {"Source": "\U0001f4f7" * 20_000}
    add(store, "key", attributes=large)
    add(store, "key", b"new", {"Source": "\x7f" * 40_000}, overwrite=True)
    assert store.head("key").attributes == {"Source": "\x7f" * 40_000}
    add(store, "key", attributes=large, overwrite=True)
    assert store.head("key").attributes == large


def test_listing_while_objects_come_and_go(store):
    for index in range(2500):
        if isinstance(store, DirectoryStore) and index >= 250:
            break
        add(store, f"{index // 100:02}/{index:04}")
    walk = store.keys()
    seen = [next(walk)]
    add(store, "00/zz")
    store.delete("01/0150")
    seen += list(walk)
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen))
    assert set(seen) >= set(store.keys()) - {"00/zz"}


def test_memory_keeps_what_it_is_given():
    store = MemoryStore()
    big = memoryview(bytes(1 << 20))
    writer = store.open_writer("a", content_type="x")
    writer.append(big, big)
    writer.seal({})
    assert store._objects["a"].buffers[0] is big
    assert store.get("a") == bytes(2 << 20)
    assert store.get("a") is store.get("a")


paths = st.lists(st.sampled_from(["a", "b", "a.b", "a-b", "c"]), min_size=1, max_size=3).map("/".join)


class TwoStores(RuleBasedStateMachine):
    """Whatever is done to a directory, it holds what a plain dictionary would."""

    writers = Bundle("writers")

    @initialize(make=st.just(None))
    def begin(self, make):
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.store = DirectoryStore(self.folder.name, fsync=False)
        self.model = {}

    def teardown(self):
        self.folder.cleanup()

    def _conflict(self, key):
        return any(other.startswith(key + "/") or key.startswith(other + "/") for other in self.model)

    @rule(key=paths, data=st.binary(max_size=20), source=st.text("xyz", max_size=3), overwrite=st.booleans())
    def put(self, key, data, source, overwrite):
        attributes = {"Source": source} if source else {}
        try:
            add(self.store, key, data, attributes, overwrite=overwrite)
        except ObjectExistsError:
            assert key in self.model
            assert not overwrite
        except StoreError:
            assert self._conflict(key)
        else:
            assert overwrite or key not in self.model
            self.model[key] = (data, attributes)

    @rule(key=paths)
    def delete(self, key):
        try:
            self.store.delete(key)
        except ObjectNotFoundError:
            assert key not in self.model
        except StoreError:
            assert self._conflict(key)
        else:
            del self.model[key]

    @invariant()
    def same(self):
        if not hasattr(self, "store"):
            return
        assert list(self.store.keys()) == sorted(self.model)
        for key, (data, attributes) in self.model.items():
            assert self.store.get(key) == data
            assert self.store.head(key).attributes == attributes


TestTwoStores = TwoStores.TestCase
TestTwoStores.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


@given(st.lists(paths, unique=True, max_size=12), paths)
def test_memory_listing(names, prefix):
    store = MemoryStore()
    for name in names:
        add(store, name)
    assert list(store.keys(prefix)) == sorted(name for name in names if name.startswith(prefix))
