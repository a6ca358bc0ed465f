"""Requirements on every store, as tests that the author of a store runs (``ObjectStore``, ``ReadableStore``).

For pytest, write a subclass whose name begins with ``Test`` and that makes stores::

    class TestMyStore(StoreConformance):
        def make_store(self) -> ObjectStore:
            return MyStore()

Neither pytest nor hypothesis is imported: any runner that calls the methods ``test_*`` on new instances works.
A method that finds a fault raises ``AssertionError`` with the actual and the expected value.
"""

from collections.abc import Mapping, Sequence
from random import Random
from threading import Thread

from onvif_bmff.errors import (
    ObjectAttributeError,
    ObjectExistsError,
    ObjectKeyError,
    ObjectNotFoundError,
    StateError,
)
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ObjectStore, ObjectWriter, ReadableStore, SegmentObject, SpanEndObject
from onvif_bmff.testing.readable_conformance import (
    REFUSED_KEYS,
    ReadableStoreConformance,
    StoredObject,
    expect,
    expect_error,
    folded,
)
from onvif_bmff.timing import UtcTime

__all__ = ["StoreConformance"]


def _write(store: ObjectStore, one: StoredObject, *, overwrite: bool = False) -> None:
    writer = store.open_writer(one.key, content_type=one.content_type, overwrite=overwrite)
    try:
        writer.append(one.data)
        writer.seal(one.attributes)
    finally:
        writer.abandon()


def _open(store: ObjectStore, key: str, content_type: str = "video/mp4") -> ObjectWriter:
    return store.open_writer(key, content_type=content_type)


class StoreConformance(ReadableStoreConformance):
    """Tests of a whole ``ObjectStore``. Each makes one or more independent stores.

    ``histories`` is how many random histories are compared with a dictionary, each of ``steps`` operations: fewer where
    each operation is a request to a slow server.
    """

    histories = 5
    steps = 60

    def make_store(self) -> ObjectStore:
        """Return a new, empty store."""
        raise NotImplementedError("a subclass makes the stores")

    def make_readable(self, objects: Sequence[StoredObject]) -> ReadableStore:
        """Return a new store that holds these objects: one of ``make_store``, written to."""
        store = self.make_store()
        for one in objects:
            _write(store, one)
        return store

    def test_put(self) -> None:
        """Segments and span ends are stored whole."""
        start = UtcTime.parse("2022-11-08T15:08:23.547Z")
        key = ObjectKey("site-2", start, "camera-5", 0, "m4v")
        segment = SegmentObject(key, b"0123456789", "video/mp4", ObjectAttributes(source="Caméra"))
        end = SpanEndObject(key.ending(start.plus_ticks(5, 1)))
        store = self.make_store()
        store.put(segment)
        store.put(end)
        expect(list(store.keys()), sorted([str(key), str(end.key)]), "keys()")
        expect((store.get(str(key)), store.get(str(end.key))), (b"0123456789", b""), "bodies")
        info = store.head(str(key))
        expect((info.size, info.content_type), (10, "video/mp4"), "head")
        expect(ObjectAttributes.from_metadata(info.attributes), segment.attributes, "attributes")
        expect_error(ObjectExistsError, store.put, segment)
        store.put(segment, overwrite=True)

    def test_buffers_of_all_kinds(self) -> None:
        """Bytes are appended in order, in any number of buffers of any kind."""
        store = self.make_store()
        writer = store.open_writer("key", content_type="video/mp4")
        writer.append(b"012", b"", memoryview(b"345"))
        writer.append()
        writer.append(bytearray(b"67"), memoryview(b"x89x")[1:3])
        writer.seal({})
        expect(store.get("key"), b"0123456789", "what was appended")
        expect(store.head("key").size, 10, "size")

    def test_nothing_is_visible_before_it_is_sealed(self) -> None:
        """The object is invisible until ``seal`` returns; after that the writer accepts no more bytes."""
        store = self.make_store()
        writer = store.open_writer("a/b", content_type="video/mp4")
        writer.append(b"part")
        expect(list(store.keys()), [], "keys() before seal")
        for look in (store.get, store.head, store.delete):
            expect_error(ObjectNotFoundError, look, "a/b")
        writer.seal({"Version": "1.0"})
        expect((list(store.keys()), store.get("a/b")), (["a/b"], b"part"), "after seal")
        expect_error(StateError, writer.append, b"x")
        expect_error(StateError, writer.seal, {})
        writer.abandon()
        expect(store.get("a/b"), b"part", "after seal and abandon")

    def test_abandoned(self) -> None:
        """An abandoned object leaves nothing, and its key is free."""
        store = self.make_store()
        writer = store.open_writer("a/b", content_type="video/mp4")
        writer.append(b"part")
        writer.abandon()
        writer.abandon()
        expect_error(StateError, writer.append, b"x")
        expect_error(StateError, writer.seal, {})
        expect(list(store.keys()), [], "keys() after abandon")
        _write(store, StoredObject("a/b", b"new"))
        expect(store.get("a/b"), b"new", "the next object of that key")

    def test_never_overwritten_unless_asked(self) -> None:
        """An object that exists stays, or is replaced whole when the new one is sealed."""
        store = self.make_store()
        _write(store, StoredObject("a/b", b"first", attributes={"Source": "1", "Other": "x"}))
        expect_error(ObjectExistsError, _open, store, "a/b")
        writer = store.open_writer("a/b", content_type="video/x", overwrite=True)
        writer.append(b"second")
        expect(store.get("a/b"), b"first", "the old object before the new one is sealed")
        writer.seal({"Source": "2"})
        info = store.head("a/b")
        expect((store.get("a/b"), info.size, info.content_type), (b"second", 6, "video/x"), "the new object")
        expect(folded(info.attributes), {"source": "2"}, "attributes of the new object")
        _write(store, StoredObject("a/b", b"third"), overwrite=True)
        expect((store.get("a/b"), dict(store.head("a/b").attributes)), (b"third", {}), "one without attributes")

    def test_a_late_collision_is_found_when_sealing(self) -> None:
        """Of two writers of one key the first that seals has it."""
        store = self.make_store()
        one, two = (store.open_writer("a/b", content_type="video/mp4") for _ in range(2))
        one.append(b"one")
        two.append(b"two")
        one.seal({"Source": "one"})
        expect_error(ObjectExistsError, two.seal, {"Source": "two"})
        two.abandon()
        expect((list(store.keys()), store.get("a/b")), (["a/b"], b"one"), "the object")
        expect(folded(store.head("a/b").attributes), {"source": "one"}, "its attributes")

    def test_delete(self) -> None:
        """A deleted object is gone, with its attributes."""
        store = self.make_store()
        _write(store, StoredObject("a/b", attributes={"Source": "old"}))
        _write(store, StoredObject("a/c"))
        store.delete("a/b")
        expect(list(store.keys()), ["a/c"], "keys() after delete")
        for look in (store.get, store.head, store.delete):
            expect_error(ObjectNotFoundError, look, "a/b")
        store.delete("a/c")
        _write(store, StoredObject("a/b"))
        expect(dict(store.head("a/b").attributes), {}, "attributes of the next object of that key")

    def test_keys_that_no_store_takes(self) -> None:
        """Keys that ``check_path`` refuses are refused before anything is written."""
        store = self.make_store()
        for key in REFUSED_KEYS:
            expect_error(ObjectKeyError, _open, store, key)
        expect(list(store.keys()), [], "keys()")

    def test_attributes_that_could_not_be_read_back(self) -> None:
        """Attributes that are no texts are refused when sealing, which can then be done with others."""
        wrong: tuple[Mapping[object, object], ...] = (
            {"Source": 1}, {"Source": None}, {"Source": b"x"}, {5: "x"}, {"Source": "\ud800"}, {"\udc80": "x"},
        )  # fmt: skip
        for number, attributes in enumerate(wrong):
            store = self.make_store()
            writer = store.open_writer("key", content_type="video/mp4")
            writer.append(b"012")
            expect_error(ObjectAttributeError, writer.seal, attributes)
            expect(list(store.keys()), [], "keys()")
            writer.seal({"Source": str(number)})
            expect(folded(store.head("key").attributes), {"source": str(number)}, "attributes")

    def test_content_types_are_one_line_of_text(self) -> None:
        """Other content types are refused before anything is written."""
        store = self.make_store()
        for wrong in ("\ud800", "a\nb", "x" * 2000, b"video/mp4", 5):
            expect_error(ObjectAttributeError, _open, store, "key", wrong)

    def test_listing_while_objects_come_and_go(self) -> None:
        """Objects that exist all the time are listed, once and in order."""
        store = self.make_store()
        names = [f"{index // 10:02}/{index:03}" for index in range(60)]
        for name in names:
            _write(store, StoredObject(name))
        listing = store.keys()
        seen = [next(listing)]
        _write(store, StoredObject("00/zz"))
        store.delete(names[45])
        seen += list(listing)
        expect(seen, sorted(set(seen)), "the order of the listing")
        expect(set(names) - {names[45]} - set(seen), set(), "what was there all the time and was not listed")

    def test_many_threads(self) -> None:
        """If several threads write one key, one of them has it, with its own bytes and attributes."""
        store = self.make_store()
        won: list[int] = []
        failures: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for index in range(20):
                    _write(store, StoredObject(f"{index % 4}/{number}-{index}", b"%d" % index))
                    try:
                        _write(store, StoredObject(f"race/{index}", b"%d" % number, attributes={"By": str(number)}))
                        won.append(index)
                    except ObjectExistsError:
                        continue
            except BaseException as error:  # noqa: BLE001 - it is raised in the thread of the test
                failures.append(error)

        threads = [Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise AssertionError(f"a thread failed: {failures[0]!r:.300}") from failures[0]
        expect((len(list(store.keys())), sorted(won)), (100, list(range(20))), "objects, and races that were won")
        for index in range(20):
            attributes = folded(store.head(f"race/{index}").attributes)
            expect(attributes["by"].encode(), store.get(f"race/{index}"), "attributes and bytes of one writer")

    def test_any_history_is_that_of_a_dictionary(self) -> None:
        """After any number of writes and deletions the store holds what a dictionary would."""
        for seed in range(self.histories):
            _Comparison(self.make_store(), Random(seed)).run(self.steps)


class _Comparison:
    """A store and a dictionary that get the same operations."""

    def __init__(self, store: ObjectStore, random: Random) -> None:
        self._store = store
        self._random = random
        self._model: dict[str, tuple[bytes, dict[str, str]]] = {}

    def run(self, steps: int) -> None:
        """Run so many operations, and compare after each."""
        for _ in range(steps):
            folder, name = self._random.choice(["", "a/", "a/b/", "a.b/", "c-d/"]), self._random.choice("xyz")
            if self._random.random() < 0.3:
                self._delete(folder + name)
            else:
                self._put(folder + name, overwrite=self._random.random() < 0.5)
            self._compare()

    def _put(self, key: str, *, overwrite: bool) -> None:
        data, attributes = self._random.randbytes(self._random.randrange(20)), {"Source": str(self._random.random())}
        one = StoredObject(key, data, attributes=attributes)
        if key in self._model and not overwrite:
            expect_error(ObjectExistsError, _write, self._store, one)
            return
        _write(self._store, one, overwrite=overwrite)
        self._model[key] = data, attributes

    def _delete(self, key: str) -> None:
        if key not in self._model:
            expect_error(ObjectNotFoundError, self._store.delete, key)
            return
        self._store.delete(key)
        del self._model[key]

    def _compare(self) -> None:
        expect(list(self._store.keys()), sorted(self._model), "keys()")
        for key, (data, attributes) in self._model.items():
            expect(self._store.get(key), data, f"get({key})")
            expect(folded(self._store.head(key).attributes), folded(attributes), f"attributes of {key}")
