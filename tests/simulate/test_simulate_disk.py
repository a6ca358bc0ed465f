"""The simulated disk: it does what a real one does, and forgets what was not synced."""

import contextlib
import errno
import os
import random
from functools import partial

import pytest

from onvif_bmff.errors import OnvifBmffError, StoreError
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.testing import StoreConformance, store_conformance
from onvif_bmff.timing import UtcTime
from tests.simulate.disk import LOSSES, MAX_UNSYNCED, Fault, Loss, SimulatedDisk, SimulatedFileSystem
from tests.simulate.runtime import Crashed, Process, SimulatedRuntime, Simulation

FOLDER = 0o200000  # O_DIRECTORY
WRITE, CREATE = 0o2, 0o100


def made(seed=1):
    simulation = Simulation(seed)
    return simulation, SimulatedDisk(simulation), Process("first")


class TestSimulatedDisk(StoreConformance):
    def make_store(self):
        simulation, disk, process = made()
        self.runtime = SimulatedRuntime(simulation, process, lambda time: UtcTime(round(time * 1_000_000)))
        return disk.store(process)

    def test_many_threads(self, monkeypatch):
        """They are tasks of the simulation, of which one runs at a time: it knows of no other threads."""

        class Task:
            def __init__(task, target, args):  # noqa: N805
                task.work = partial(target, *args)

            def start(task):  # noqa: N805
                task.running = self.runtime.spawn(task.work, "writer")

            def join(task):  # noqa: N805
                assert task.running.join()

        monkeypatch.setattr(store_conformance, "Thread", Task)
        super().test_many_threads()


def add(store, key, data=b"data", attributes=None, **more):
    writer = store.open_writer(key, content_type="video/mp4", **more)
    try:
        writer.append(data)
        writer.seal(attributes or {})
    finally:
        writer.abandon()


# ---- the same as a real one ------------------------------------------------------------------------------

KEYS = ["a", "b", "a/b", "a/b/c", "d/e", "d/e/f", "d/g", "x/é", "n" * 250, "n" * 251, "../up", "", "d"]


def steps(chance, count):
    """Random calls: name and arguments, the same for each store."""
    for _ in range(count):
        key = chance.choice(KEYS)
        yield chance.choice(
            [
                ("put", key, chance.randbytes(chance.choice([0, 1, 600, 5000])), chance.random() < 0.3),
                ("put", key, chance.randbytes(20), chance.random() < 0.3),
                ("open", key, chance.random() < 0.3),
                ("append", chance.randbytes(chance.randrange(3000))),
                ("seal", {"Source": str(chance.random())}),
                ("abandon",),
                ("release",),
                ("delete", key),
                ("get", key, chance.randint(-50, 50), chance.choice([None, 0, 10])),
                ("head", key),
                ("keys", chance.choice(["", "a", "d/", "n", "/"]), chance.choice(["", "a/b", "d/e"])),
                ("resume", chance.choice([None, 0, 5, 10**6])),
                ("area",),
                ("unsealed",),
                ("reopen",),
            ]
        )


class Player:
    """Does what the steps say with one store, and notes what came of it."""

    def __init__(self, make):
        self.make = make
        self.store = make()
        self.writers = []

    def result(self, step):
        try:
            return getattr(self, step[0])(*step[1:])
        except OnvifBmffError as error:
            return type(error), str(error).replace(self.store.root, "ROOT")

    def put(self, key, data, overwrite):
        add(self.store, key, data, {"Size": str(len(data))}, overwrite=overwrite)

    def open(self, key, overwrite):
        self.writers.append(self.store.open_writer(key, content_type="text/plain", overwrite=overwrite))

    def append(self, data):
        for writer in self.writers[-1:]:
            writer.append(data, memoryview(data))

    def seal(self, attributes):
        for writer in self.writers[-1:]:
            try:
                writer.seal(attributes)
            finally:
                writer.abandon()
                self.writers.pop()

    def abandon(self):
        for writer in self.writers[:1]:
            writer.abandon()
        self.writers[:1] = []

    def release(self):
        for writer in self.writers[:1]:
            writer.release()
        self.writers[:1] = []

    def delete(self, key):
        self.store.delete(key)

    def get(self, key, start, length):
        return self.store.get(key, start, length)

    def head(self, key):
        return self.store.head(key)

    def keys(self, prefix, after):
        return list(self.store.keys(prefix, after=after))

    def resume(self, size):
        for item in self._items()[:1]:
            self.writers.append(self.store.resume(item, size))

    def _items(self):
        return sorted(self.store.open_area_state().unsealed, key=lambda item: (item.key, item.size, item.content_type))

    def area(self):
        state = self.store.open_area_state()
        return sorted((item.key, item.size, self.store.read_unsealed(item)) for item in state.unsealed), list(
            state.being_written
        )

    def unsealed(self):
        return sorted((item.key, item.size, item.overwrite) for item in self.store.unsealed())

    def reopen(self):
        self.store = self.make()


@pytest.mark.parametrize("fsync", [True, False])
def test_any_calls_give_the_same_on_a_real_disk(tmp_path, monkeypatch, fsync):
    monkeypatch.setattr("os.fsync", lambda number: None)
    kinds = set()
    for seed in range(12):
        _, disk, process = made(seed)
        more = {"fsync": fsync, "fsync_appends": fsync and seed % 2 == 0}
        real = Player(lambda seed=seed, more=more: DirectoryStore(tmp_path / f"{fsync}-{seed}", **more))
        simulated = Player(lambda disk=disk, process=process, more=more: disk.store(process, **more))
        for number, step in enumerate(steps(random.Random(seed), 120)):
            expected = real.result(step)
            assert simulated.result(step) == expected, (seed, number, step)
            failed = isinstance(expected, tuple) and isinstance(expected[0], type)
            kinds.add((step[0], expected[0] if failed else type(expected)))
        assert simulated.keys("", "") == real.keys("", "")
        writers = len(simulated.writers)
        assert disk.open_descriptors(process) == writers
        for writer in real.writers + simulated.writers:
            writer.abandon()
        assert disk.open_descriptors(process) == 0
    assert len(kinds) > 25, "errors of many kinds were compared"


# ---- durability ------------------------------------------------------------------------------------------


def plain(disk, process):
    """The functions of the system, and the descriptor of the root."""
    system = SimulatedFileSystem(disk, process)
    return system, system.open("/", FOLDER)


def after(write, loss=Loss.MIXED, seed=1):
    """Names and bytes that survive a power cut after ``write``."""
    simulation, disk, process = made(seed)
    system, root = plain(disk, process)
    write(system, root)
    simulation.crash(process)
    disk.crash(loss)
    system, root = plain(disk, Process("second"))
    with system.scandir(root) as entries:
        names = sorted(entry.name for entry in entries)
    return {name: content(system, name) for name in names if not system.isdir(f"/{name}")}


def content(system, name):
    number = system.open(f"/{name}", 0)
    return system.pread(number, 1 << 20, 0)


def outcomes(write):
    """All that can be left."""
    found = [after(write, loss, seed) for loss in LOSSES for seed in range(30)]
    return {tuple(sorted(one.items())) for one in found}


DATA = b"x" * 10_000


def written(system, root, *, sync=False):
    number = system.open("file", WRITE | CREATE, dir_fd=root)
    system.writev(number, [DATA])
    if sync:
        system.fsync(number)
    return number


def test_what_was_not_synced_may_be_lost_torn_zeros_or_there():
    left = outcomes(written)
    assert () in left, "the name is lost"
    sizes = {len(dict(one)["file"]) for one in left if one}
    assert {0, 10_000} < sizes
    assert {size % 512 for size in sizes} == {0, 10_000 % 512}, "blocks"
    zeros = [dict(one)["file"] for one in left if one and 0 in dict(one)["file"]]
    assert any(len(one) == 10_000 and b"x" in one for one in zeros)


def test_a_synced_file_is_whole_if_its_name_is_there():
    assert outcomes(lambda system, root: written(system, root, sync=True)) == {(), (("file", DATA),)}


def test_a_synced_folder_keeps_names_not_bytes():
    def write(system, root):
        written(system, root)
        system.fsync(root)

    left = outcomes(write)
    assert () not in left
    assert (("file", b""),) in left

    def whole(system, root):
        written(system, root, sync=True)
        system.fsync(root)

    assert outcomes(whole) == {(("file", DATA),)}


def test_what_a_failed_sync_should_have_written_is_not_written_by_the_next():
    simulation, disk, process = made()
    system, root = plain(disk, process)
    number = written(system, root)
    system.fsync(root)
    disk.faults.at[disk.operations + 1] = Fault.BROKEN
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        system.fsync(number)
    system.writev(number, [b"more"])
    system.fsync(number)
    simulation.crash(process)
    disk.crash(Loss.NONE)
    system, root = plain(disk, Process("second"))
    assert content(system, "file") == bytes(10_000) + b"more"


def named(system, root, name, data):
    number = system.open(name, WRITE | CREATE, dir_fd=root)
    system.writev(number, [data])
    system.fsync(number)
    system.close(number)


def test_a_rename_keeps_the_old_or_the_new_and_never_loses_both():
    def write(system, root):
        named(system, root, "old", b"old")
        named(system, root, "new", b"new")
        system.fsync(root)
        system.rename("new", "old", src_dir_fd=root, dst_dir_fd=root)

    left = [dict(one) for one in outcomes(write)]
    assert left
    assert all(one["old"] in (b"old", b"new") for one in left)
    assert all(one.get("new") == b"new" or one["old"] == b"new" for one in left)
    assert len(left) == 3


def test_names_of_different_files_survive_in_any_order():
    def write(system, root):
        for name in ("a", "b", "c"):
            named(system, root, name, name.encode())
        system.fsync(root)
        system.unlink("a", dir_fd=root)
        system.link("b", "d", src_dir_fd=root, dst_dir_fd=root)
        system.unlink("c", dir_fd=root)

    assert len({tuple(name for name, _ in one) for one in outcomes(write)}) == 8


def test_what_lies_in_a_folder_whose_name_is_lost_is_lost():
    def write(system, root):
        system.mkdir("/folder")
        folder = system.open("/folder", FOLDER)
        named(system, folder, "file", b"data")
        system.fsync(folder)

    simulation, disk, process = made()
    write(*plain(disk, process))
    simulation.crash(process)
    disk.crash(Loss.NAMES)
    assert not SimulatedFileSystem(disk, Process("second")).isdir("/folder")


def test_a_rename_that_one_folder_made_durable_does_not_come_back():
    simulation, disk, process = made()
    system, root = plain(disk, process)
    system.mkdir("/folder")
    folder = system.open("/folder", FOLDER)
    named(system, root, "file", b"one")
    system.fsync(root)
    system.rename("file", "file", src_dir_fd=root, dst_dir_fd=folder)
    system.fsync(root)  # that the name is gone here is durable, so the new one is
    named(system, root, "other", b"two")
    system.rename("other", "file", src_dir_fd=root, dst_dir_fd=folder)
    system.fsync(folder)
    system.fsync(root)
    simulation.crash(process)
    disk.crash(Loss.ALL)
    system = SimulatedFileSystem(disk, Process("second"))
    assert content(system, "folder/file") == b"two"


def test_what_is_not_synced_is_written_some_time():
    """So that long runs do not remember all that was ever unlinked."""
    simulation, disk, process = made()
    system, root = plain(disk, process)
    for number in range(2000):
        system.close(written(system, root))
        system.rename("file", str(number), src_dir_fd=root, dst_dir_fd=root)
    assert len(disk._bindings) <= MAX_UNSYNCED
    assert len(disk._dirty) <= MAX_UNSYNCED
    simulation.crash(process)
    disk.crash(Loss.ALL)
    system = SimulatedFileSystem(disk, Process("second"))
    assert content(system, "0") == DATA
    assert content(system, "1000") == DATA
    with pytest.raises(FileNotFoundError):
        content(system, "1999")


# ---- the store on it -------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_what_a_store_acknowledged_survives_any_power_cut(loss):
    for seed in range(15):
        simulation, disk, process = made(seed)
        store, acknowledged = disk.store(process), {}
        disk.faults.crash_at = disk.operations + simulation.chance.randint(1, 160)

        def replace_all(store=store, acknowledged=acknowledged, chance=simulation.chance):
            for number in range(100):
                key = f"{number % 3}/{number % 7}"
                data = chance.randbytes(2000)
                acknowledged.pop(key, None)  # while it is replaced it is the old or the new one
                add(store, key, data, {"Number": str(number)}, overwrite=True)
                acknowledged[key] = data, str(number)

        with pytest.raises(Crashed):
            replace_all()
        disk.crash(loss)
        disk.faults.clear()
        store = disk.store(Process("second"))
        store.unsealed()
        for key, (data, number) in acknowledged.items():
            assert store.get(key) == data
            assert store.head(key).attributes == {"Number": number}
        assert set(acknowledged) <= set(store.keys())


def test_a_store_that_does_not_sync_loses_what_it_acknowledged():
    """The control: without ``fsync`` the same test would fail."""
    simulation, disk, process = made()
    add(disk.store(process, fsync=False), "a/b")
    simulation.crash(process)
    disk.crash(Loss.ALL)
    assert list(disk.store(Process("second")).keys()) == []


def test_an_ended_process_can_do_nothing_and_gives_up_its_locks():
    simulation, disk, process = made()
    store = disk.store(process)
    writer = store.open_writer("a", content_type="x")
    writer.append(b"data")
    simulation.crash(process)
    for use in (lambda: store.head("a"), lambda: writer.append(b"x"), lambda: disk.store(process)):
        with pytest.raises(Crashed):
            use()
    found = disk.store(Process("second")).unsealed()
    assert [(one.key, one.size) for one in found] == [("a", 4)], "without a power cut all is there"


def test_a_lock_is_waited_for():
    simulation, disk, process = made()
    store, order = disk.store(process), []
    disk.faults.probabilities[Fault.SLOW] = 1.0

    def put(number):
        add(store, "a", b"%d" % number, overwrite=True)
        order.append(number)

    tasks = [simulation.spawn(process, lambda number=number: put(number), f"put {number}") for number in range(4)]
    assert all(task.join() for task in tasks)
    assert (simulation.faults, sorted(order)) == ([], [0, 1, 2, 3])
    assert simulation.time > 10
    assert store.get("a") == b"%d" % order[-1]


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SLOW])
def test_every_fault_happens_and_is_an_error_of_the_store_or_none(fault):
    simulation, disk, process = made()
    store = disk.store(process)
    disk.faults.probabilities[fault] = 0.2
    for number in range(60):
        with contextlib.nullcontext() if fault is Fault.SHORT else contextlib.suppress(StoreError):
            add(store, f"{number % 4}/a", b"data" * 50, {"Size": "1"}, overwrite=True)
            list(store.keys())
    assert simulation.hits[fault] > 5
    disk.faults.clear()
    assert disk.open_descriptors(process) == 0


def test_a_full_disk_takes_what_fits():
    simulation, disk, process = made()
    store = disk.store(process)
    disk.faults.capacity = 10_000

    def fill():
        for number in range(100):
            add(store, str(number), bytes(1000))

    with pytest.raises(StoreError, match="No space"):
        fill()
    stored = list(store.keys())
    assert 5 < len(stored) < 10
    store.delete(stored[0])
    add(store, "again", bytes(900))
    assert simulation.hits[Fault.FULL] == 1


def test_the_same_seed_gives_the_same_disk():
    def run(seed):
        simulation, disk, process = made(seed)
        store = disk.store(process)
        disk.faults.probabilities = {Fault.BROKEN: 0.02, Fault.SHORT: 0.1}
        for number in range(40):
            with contextlib.suppress(StoreError):
                add(store, f"{number % 5}/a", simulation.chance.randbytes(3000), overwrite=True)
        simulation.crash(process)
        disk.crash()
        disk.faults.clear()
        store = disk.store(Process("second"))
        return {key: store.get(key) for key in list(store.keys())}, disk.operations, simulation.hits

    assert run(5) == run(5)
