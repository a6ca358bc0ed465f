"""Several stores as one, and objects that move between them: none is missed, and none removed before it is there."""

import random
import threading
from contextlib import suppress

import pytest
from storage_kit import add

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, StoreError
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import OpenAreaStore, WatchedOpenArea
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore, MemoryStore, MoveState, TieredStore, keys_before, move_objects
from onvif_bmff.testing import StoreConformance
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2026-11-30T12:00:00Z")


def key(second, counter, place="cam", *, end=False):
    return str(ObjectKey("", START.plus_microseconds(second * 1_000_000), place, counter, "m4v", span_end=end))


class TestTieredStore(StoreConformance):
    many = 300
    histories = 3

    def make_store(self):
        return TieredStore([MemoryStore(), MemoryStore(), MemoryStore()])


class TestTieredStoreOfObjectsThatMoved(StoreConformance):
    """Every object that is sealed moves at once."""

    many = 300
    histories = 3

    def make_store(self):
        store = TieredStore([MemoryStore(), MemoryStore()])
        opened = store.open_writer

        def open_writer(name, **more):
            writer = opened(name, **more)
            seal = writer.seal

            def sealing(attributes):
                seal(attributes)
                list(move_objects(*store.tiers, [name]))

            writer.seal = sealing
            return writer

        store.open_writer = open_writer
        return store


def test_stores_that_are_not_apart_are_refused(tmp_path):
    with pytest.raises(StoreError):
        TieredStore([DirectoryStore(tmp_path / "a"), DirectoryStore(tmp_path / "a/b")])
    with pytest.raises(StoreError, match="needs one"):
        TieredStore([])


def test_it_has_the_open_area_of_its_first_store(tmp_path):
    disk, memory = DirectoryStore(tmp_path / "a"), MemoryStore()
    store = TieredStore([disk, memory])
    assert isinstance(store, OpenAreaStore)
    assert isinstance(store, WatchedOpenArea)
    writer = store.open_writer("k", content_type="video/mp4")
    writer.append(b"data")
    assert store.open_area_state().being_written == ("k",)
    writer.abandon()
    other = TieredStore([memory, disk])
    assert not isinstance(other, OpenAreaStore)
    assert not isinstance(other, WatchedOpenArea)


def test_it_is_one_timeline():
    source, keys = filled(6)
    add(source, key(6, 6, end=True), b"")
    target = MemoryStore()
    store = TieredStore([source, target])
    before = Timeline.from_store(store)
    assert [one.state for one in move_objects(source, target, keys[:3])] == [MoveState.MOVED] * 3
    after = Timeline.from_store(store)
    (one,), (other,) = before.spans, after.spans
    assert [segment.name for segment in one.segments] == [segment.name for segment in other.segments] == keys
    assert one.end_name == other.end_name == key(6, 6, end=True)


def test_a_key_is_taken_in_all_tiers_and_removed_from_all():
    tiers = [MemoryStore(), MemoryStore()]
    store = TieredStore(tiers)
    add(tiers[1], "a", b"old")
    with pytest.raises(ObjectExistsError):
        add(store, "a")
    add(store, "a", b"new", overwrite=True)
    assert [list(one.keys()) for one in tiers] == [["a"], []]
    add(tiers[1], "a", b"old")
    store.delete("a")
    with pytest.raises(ObjectNotFoundError):
        store.delete("a")
    assert list(store.keys()) == []


def test_old_objects_go_in_order_and_the_others_stay():
    keys = ["note", key(5, 0), key(3, 0, "b"), key(7, 1), key(9, 2, end=True), key(9, 0), key(2, 10, end=True)]
    found = keys_before(iter(keys), START.plus_microseconds(9_500_000))
    assert found == [key(3, 0, "b"), key(2, 10, end=True), key(5, 0), key(7, 1), key(9, 2, end=True), key(9, 0)]
    assert keys_before(iter(keys), START.plus_microseconds(5_000_000)) == [key(3, 0, "b"), key(2, 10, end=True)]


def filled(count=6):
    source = MemoryStore()
    for number in range(count):
        add(source, key(number, number), b"%d" % number, {"ObjectId": f"{number:032}"})
    return source, [key(number, number) for number in range(count)]


class Broken(MemoryStore):
    """Fails at a step, or lies."""

    def __init__(self, step, at):
        super().__init__()
        self.step, self.at = step, at

    def _fails(self, step, name):
        if step == self.step and name == self.at:
            raise StoreError(f"{step} failed")

    def open_writer(self, name, **more):
        self._fails("open", name)
        writer = super().open_writer(name, **more)
        seal = writer.seal

        def sealing(attributes):
            self._fails("seal", name)
            seal(attributes)
            self._fails("answer", name)

        writer.seal = sealing
        return writer

    def head(self, name):
        found = super().head(name)
        self._fails("head", name)
        return found

    def get(self, name, start=0, length=None):
        data = super().get(name, start, length)
        return b"?" * len(data) if self.step == "damage" and name == self.at else data

    def delete(self, name):
        self._fails("delete", name)
        super().delete(name)


@pytest.mark.parametrize("step", ["open", "seal", "answer", "head", "damage"])
def test_nothing_is_removed_that_is_not_there_and_the_target_has_no_hole(step):
    source, keys = filled()
    target = Broken(step, keys[2])
    found = list(move_objects(source, target, keys, digests=True))
    moved, failed, kept = MoveState.MOVED, MoveState.FAILED, MoveState.KEPT
    assert [one.state for one in found] == [moved, moved, failed, kept, kept, kept]
    assert list(source.keys()) == keys[2:]
    target.step = None
    if step == "damage":
        return
    assert {one.state for one in move_objects(source, target, list(source.keys()))} == {moved}
    assert (list(source.keys()), list(target.keys())) == ([], keys)
    assert [target.get(one) for one in keys] == [b"%d" % number for number in range(6)]


def test_what_cannot_be_removed_is_said():
    source, keys = filled()
    broken = Broken("delete", keys[1])
    for one in keys:
        add(broken, one, source.get(one))
    target = MemoryStore()
    states = [one.state for one in move_objects(broken, target, keys)]
    assert states == [MoveState.MOVED, MoveState.COPIED, *[MoveState.MOVED] * 4]
    assert list(broken.keys()) == [keys[1]]


def test_another_object_in_the_target_is_never_replaced():
    source, keys = filled(2)
    target = MemoryStore()
    add(target, keys[0], b"theirs", {"ObjectId": "another"})
    assert [one.state for one in move_objects(source, target, keys)] == [MoveState.FAILED, MoveState.KEPT]
    assert target.get(keys[0]) == b"theirs"
    assert list(source.keys()) == keys


class Mangling(MemoryStore):
    """Changes an attribute of what it is given."""

    def open_writer(self, name, **more):
        writer = super().open_writer(name, **more)
        seal = writer.seal
        writer.seal = lambda attributes: seal({**attributes, "Source": "another"})
        return writer


def test_a_target_that_changes_attributes_evicts_nothing_however_often_it_is_tried():
    source, target = MemoryStore(), Mangling()
    add(source, key(0, 0), b"ours", {"ObjectId": "1", "Source": "cam"})
    for _ in range(3):
        (moved,) = move_objects(source, target, [key(0, 0)])
        assert (moved.state, list(source.keys())) == (MoveState.FAILED, [key(0, 0)])
        assert "attribute source differs" in str(moved.error)


class Stopped(BaseException):
    """The process ends here."""


def test_a_crash_at_any_step_loses_nothing():
    for steps in range(40):
        source, keys = filled(4)
        target, left = MemoryStore(), [steps]

        def step(left=left):
            left[0] -= 1
            if left[0] < 0:
                raise Stopped

        def stepping(store, step=step):
            for name in ("open_writer", "head", "get", "delete"):
                call = getattr(store, name)

                def both(*given, call=call, **more):
                    step()
                    found = call(*given, **more)
                    step()
                    return found

                setattr(store, name, both)

        whole = TieredStore([source, target])
        stepping(source)
        stepping(target)
        with suppress(Stopped):
            list(move_objects(source, target, keys))
        left[0] = 10**9
        assert list(whole.keys()) == keys
        assert [whole.get(one) for one in keys] == [b"%d" % number for number in range(4)]
        assert {one.state for one in move_objects(source, target, list(source.keys()))} <= {MoveState.MOVED}
        assert (list(source.keys()), list(target.keys())) == ([], keys)


def test_readers_miss_nothing_while_objects_move():
    source, keys = filled(200)
    target = MemoryStore()
    store = TieredStore([source, target])
    done = threading.Event()

    def move():
        for _ in move_objects(source, target, keys):
            pass
        done.set()

    mover = threading.Thread(target=move)
    mover.start()
    chance = random.Random(1)
    looks = 0
    while not done.is_set() or looks < 3:
        assert list(store.keys()) == sorted(keys)
        one = chance.choice(keys)
        assert store.get(one) == b"%d" % keys.index(one)
        assert store.head(one).attributes["ObjectId"] == f"{keys.index(one):032}"
        looks += 1
    mover.join()
