"""Labels as extended attributes, beside stores that have side files, and where they cannot be kept."""

import errno
import os
import shutil

import pytest
from storage_kit import add, child, hidden_files

from onvif_bmff.errors import ObjectDamagedError, ObjectExistsError, ObjectNotFoundError, StoreError
from onvif_bmff.objects import UnsealedObject
from onvif_bmff.storage import DirectoryStore

LABEL = "user.onvif_bmff.label"


@pytest.fixture(autouse=True)
def _attributes_are_known(tmp_path):
    try:
        os.setxattr(tmp_path, "user.probe", b"1")
    except (OSError, AttributeError):
        pytest.skip("this file system has no extended attributes")


@pytest.fixture
def store(root):
    return DirectoryStore(root, fsync=False, labels="attributes")


@pytest.fixture
def other(root, store):
    """Another process's view of the same directory, which writes side files."""
    return DirectoryStore(root, fsync=False)


def test_a_label_is_in_the_file_and_nowhere_else(store, other, root):
    add(store, "a/b", attributes={"Source": "é"})
    assert hidden_files(root) == []
    assert LABEL in os.listxattr(root / "a/b")
    for one in (store, other):
        info = one.head("a/b")
        assert (info.size, info.content_type, dict(info.attributes)) == (4, "video/mp4", {"Source": "é"})
    store.delete("a/b")
    (root / "a").mkdir(exist_ok=True)
    (root / "a/b").write_bytes(b"copied")
    assert (store.head("a/b").content_type, store.head("a/b").attributes) == (None, {})


def test_both_kinds_take_each_others_place(store, other, root):
    for number, (one, overwrite) in enumerate(
        [(other, False), (store, True), (store, True), (other, True), (store, True)]
    ):
        add(one, "a/b", b"%d" % number, {"N": str(number)}, overwrite=overwrite)
        for reader in (store, other, DirectoryStore(root)):
            assert (reader.get("a/b"), dict(reader.head("a/b").attributes)) == (b"%d" % number, {"N": str(number)})
        assert len(hidden_files(root)) == (1 if one is other else 0)
    with pytest.raises(ObjectExistsError):
        add(store, "a/b")
    other.delete("a/b")
    assert hidden_files(root) == []


def test_a_moved_file_takes_its_label_along_and_a_copied_one_does_not(store, root):
    add(store, "a/b", attributes={"Source": "1"})
    os.rename(root / "a/b", root / "c")
    assert dict(store.head("c").attributes) == {"Source": "1"}
    shutil.copyfile(root / "c", root / "d")
    assert store.head("d").content_type is None


@pytest.mark.parametrize("error", [errno.ENOTSUP, errno.ENOSPC, errno.E2BIG])
def test_what_cannot_be_an_attribute_is_a_side_file(store, root, monkeypatch, error):
    def refused(*given):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "setxattr", refused)
    writer = store.open_writer("a/b", content_type="x")
    assert [name.rpartition(".")[2] for name in hidden_files(root)] == ["data", "json"]
    writer.append(b"data")
    writer.seal({"Source": "1"})
    assert dict(store.head("a/b").attributes) == {"Source": "1"}
    assert hidden_files(root) == ["meta/a.d/b.json"]
    with pytest.raises(ObjectExistsError):
        add(store, "a/b")


def test_a_label_that_is_too_large(store, root):
    add(store, "a", attributes={"Source": "x" * 100_000})
    assert store.head("a").attributes["Source"] == "x" * 100_000
    assert hidden_files(root) == ["meta/a.json"]


def test_another_failure_is_one(store, root, monkeypatch):
    writer = store.open_writer("a", content_type="x")

    def broken(*given):
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "setxattr", broken)
        with pytest.raises(StoreError):
            writer.seal({})
    writer.abandon()
    add(store, "b")
    monkeypatch.setattr(os, "getxattr", broken)
    with pytest.raises(StoreError):
        store.head("b")


@pytest.mark.parametrize("text", [b"", b"{", b'{"versions": []}', b'{"versions": [{"inode": 1}]}', b"\xff"])
def test_a_damaged_label(store, root, text):
    add(store, "a/b")
    os.setxattr(root / "a/b", LABEL, text)
    with pytest.raises(ObjectDamagedError):
        store.head("a/b")
    assert store.get("a/b") == b"data"


def test_what_is_no_file_has_no_label(store, root):
    add(store, "a/b")
    os.mkfifo(root / "pipe")
    os.symlink(root / "a/b", root / "link")
    for key in ("pipe", "link", "a"):
        with pytest.raises(StoreError):
            store.head(key)
    with pytest.raises(ObjectNotFoundError):
        store.head("a/c")


VICTIM = """
import os, signal, sys
from onvif_bmff.storage import DirectoryStore
store = DirectoryStore(sys.argv[1], labels="attributes", fsync_appends=True)
writer = store.open_writer("a/b", content_type="new", overwrite=sys.argv[3] == "over")
writer.append(b"new bytes")
link = os.link
if sys.argv[2] == "before":
    os.link = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
else:
    os.link = lambda *a, **k: (link(*a, **k), os.kill(os.getpid(), signal.SIGKILL))
writer.seal({"Source": "new"})
"""


@pytest.mark.parametrize("overwrite", ["over", "new"])
def test_death_of_a_writer(store, other, root, overwrite):
    child(VICTIM, root, "before", overwrite).communicate(timeout=60)
    for one in (store, other):
        (item,) = one.unsealed()
        assert item == UnsealedObject("a/b", "new", 9, item.name, overwrite == "over")
    writer = other.resume(item, 3)
    assert store.unsealed() == []
    writer.append(b"!")
    writer.seal({"Source": "2"})
    assert (store.get("a/b"), dict(store.head("a/b").attributes)) == (b"new!", {"Source": "2"})
    store.delete("a/b")
    child(VICTIM, root, "after", overwrite).communicate(timeout=60)
    assert store.unsealed() == []
    assert dict(store.head("a/b").attributes) == {"Source": "new"}
    assert not list((root / ".onvif_bmff/open").iterdir())
