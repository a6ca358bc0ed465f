"""Folders that are kept open: what becomes of them is noticed, and descriptors are bounded and never closed in use."""

import copy
import os
import shutil
import threading

import pytest
from storage_kit import add

from onvif_bmff.errors import ObjectNotFoundError, StoreError
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.held_folders import HeldFolders
from onvif_bmff.storage.tree import Tree


@pytest.fixture(params=["files", "attributes"])
def store(root, request):
    return DirectoryStore(root, fsync=False, labels=request.param)


def open_folders(root):
    """The folders below a path that this process has open."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if path.startswith(str(root)) and (path.endswith(" (deleted)") or os.path.isdir(path)):
            found.append(path)
    return found


def test_a_way_is_kept_and_closed_with_its_store(root):
    store = DirectoryStore(root, fsync=False)
    add(store, "a/b/c")
    before = sorted(open_folders(root))
    assert {str(root), str(root / "a"), str(root / "a/b")} <= set(before)
    add(store, "a/b/d")
    assert sorted(open_folders(root)) == before
    del store
    assert open_folders(root) == []


def test_close_leaves_no_folder_open_but_those_in_use(root):
    store = DirectoryStore(root, fsync=False)
    add(store, "a/b/c")
    writer = store.open_writer("x/y", content_type="x")
    writer.append(b"one")
    store.close()
    in_use = open_folders(root)
    assert in_use
    assert str(root / "a") not in in_use
    writer.seal({})
    assert store.get("x/y") == b"one"
    assert store.get("a/b/c") == b"data"
    store.close()
    assert open_folders(root) == []


def test_a_removed_folder_is_made_anew(store, root):
    add(store, "a/b/c")
    shutil.rmtree(root / "a")
    with pytest.raises(ObjectNotFoundError):
        store.get("a/b/c")
    add(store, "a/b/c", b"new")
    assert (root / "a/b/c").read_bytes() == b"new"
    store.delete("a/b/c")
    assert not (root / "a").exists()
    add(store, "a/b/c")
    assert store.get("a/b/c") == b"data"


def test_a_folder_that_is_moved_away_is_left(store, root, tmp_path):
    add(store, "a/b/c", b"old")
    os.rename(root / "a", tmp_path / "elsewhere")
    add(store, "a/b/c", b"new")
    assert store.get("a/b/c") == b"new"
    assert (tmp_path / "elsewhere/b/c").read_bytes() == b"old"
    os.rename(root / "a", root / "x")
    os.rename(tmp_path / "elsewhere", root / "a")
    assert (store.get("a/b/c"), store.get("x/b/c")) == (b"old", b"new")


def test_a_link_in_place_of_a_folder_is_not_followed(store, root, tmp_path):
    add(store, "a/b/c")
    os.rename(root / "a", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", root / "a")
    with pytest.raises(StoreError):
        store.head("a/b/c")
    with pytest.raises(ObjectNotFoundError):
        store.get("a/b/c")
    with pytest.raises(StoreError):
        add(store, "a/b/d")
    assert os.listdir(tmp_path / "elsewhere/b") == ["c"]


def test_a_root_that_is_replaced_is_the_new_one(store, root, tmp_path):
    add(store, "a/b")
    os.rename(root, tmp_path / "old")
    root.mkdir()
    add(store, "a/c")
    assert list(store.keys()) == ["a/c"]
    shutil.rmtree(root)
    assert list(store.keys()) == []
    with pytest.raises(StoreError):
        add(store, "a/d")


def test_descriptors_are_bounded(root):
    store = DirectoryStore(root, fsync=False, held_folders=10)
    for number in range(100):
        add(store, f"{number}/a/b")
        assert len(open_folders(root)) <= 10
    none = DirectoryStore(root, fsync=False, held_folders=0)
    held = len(open_folders(root))
    for number in range(100):
        assert none.get(f"{number}/a/b") == b"data"
        assert len(open_folders(root)) == held


def test_what_is_in_use_stays_open(tmp_path):
    """Else the number of a descriptor would mean another file to whoever uses it."""
    tree = Tree(str(tmp_path), fsync=False, held=2)
    with tree.folder(["a"], create=True) as used:
        inode = os.fstat(used).st_ino
        for number in range(20):
            with tree.folder([f"{number}", "x"], create=True):
                assert os.fstat(used).st_ino == inode
        os.rename(tmp_path / "a", tmp_path / "z")
        with tree.folder(["a"], create=True) as other:
            assert os.fstat(other).st_ino != inode == os.fstat(used).st_ino
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(used)


def test_many_threads(root):
    """With a limit that makes them close each other's ways all the time, and folders that come and go."""
    store = DirectoryStore(root, fsync=False, held_folders=3)
    failures = []

    def work(me):
        try:
            for number in range(60):
                key = f"{number % 3}/{(number + me) % 2}/{me}-{number}"
                add(store, key, key.encode())
                assert store.get(key) == key.encode()
                assert store.head(key).content_type == "video/mp4"
                list(store.keys(f"{number % 3}/"))
                store.delete(key)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(store.keys()) == []
    assert {folder.users for folder in store._tree._held._kept.values()} == {0}
    assert len(open_folders(root)) <= 3


def test_an_empty_store_of_folders_holds_nothing():
    held = HeldFolders(None, 4)
    assert (held.use(["a"]), len(held)) == ([], 0)


def test_a_copy_that_could_not_be_made_is_collected_without_an_error(tmp_path):
    """``copy`` and ``pickle`` make an empty object first, and then find that a lock cannot be copied."""
    with pytest.raises(TypeError, match="pickle"):
        copy.deepcopy(DirectoryStore(str(tmp_path)))
    empty = HeldFolders.__new__(HeldFolders)
    empty.__del__()
