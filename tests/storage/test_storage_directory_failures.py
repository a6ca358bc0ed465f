"""A directory as a store when the system fails, or others meddle."""

import errno
import fcntl
import os

import pytest
from storage_kit import add, hidden_files

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, StateError, StoreError
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.tree import Tree, write_all


@pytest.fixture
def store(directory):
    return directory


def test_a_full_disk(store, root, monkeypatch):
    writer = store.open_writer("a", content_type="x")
    writer.append(b"one")

    def full(*_):
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patched:
        patched.setattr(os, "writev", full)
        with pytest.raises(StoreError, match="No space"):
            writer.append(b"two")
    for late in (lambda: writer.append(b"x"), lambda: writer.seal({})):
        with pytest.raises(StateError):
            late()
    writer.abandon()
    assert list(store.keys()) == []
    assert hidden_files(root) == []


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EROFS])
def test_a_mount_point_on_a_file_system_that_is_read_only_is_a_root(tmp_path, monkeypatch, number):
    """Some of them, such as squashfs, know no fsync of folders."""

    def refuse(_):
        raise OSError(number, "refused")

    (tmp_path / "there").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        store = DirectoryStore(tmp_path / "there")
        with pytest.raises(StoreError, match=os.strerror(number)):
            DirectoryStore(tmp_path / "new")  # its name would not be durable
    add(store, "a")


def test_a_failed_fsync_is_final(root, monkeypatch):
    store = DirectoryStore(root)
    writer = store.open_writer("a", content_type="x")
    writer.append(b"one")

    def fail(_):
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(StoreError):
            writer.seal({})
    with pytest.raises(StateError):
        writer.seal({})
    writer.abandon()
    assert list(store.keys()) == []


def test_what_was_abandoned_and_cannot_be_removed_was_not_left_by_a_dead_writer(store, root, monkeypatch):
    """Its writer may be writing the same object anew: a recovery that completed it, or its span, would be wrong."""
    writer = store.open_writer("a", content_type="x")
    writer.append(b"one")

    def fail(*_, **__):
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", fail)
        writer.abandon()
        assert store.unsealed() == []
    assert hidden_files(root) != []
    assert store.open_area_state().unsealed == ()
    assert hidden_files(root) != []  # a look changes nothing
    assert [one.key for one in DirectoryStore(root).open_area_state().unsealed] == ["a"]  # another process must ask
    assert store.unsealed() == []
    assert hidden_files(root) == []


def test_short_writes(tmp_path, monkeypatch):
    real = os.writev
    monkeypatch.setattr(os, "writev", lambda number, buffers: real(number, [bytes(buffers[0])[:3]]))
    with open(tmp_path / "file", "wb") as file:
        write_all(file.fileno(), [b"0123456789", b"", memoryview(b"abcd")])
    assert (tmp_path / "file").read_bytes() == b"0123456789abcd"


def test_short_reads(store, monkeypatch):
    add(store, "a", b"0123456789")
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda number, length, start: real(number, min(length, 3), start))
    assert store.get("a") == b"0123456789"
    monkeypatch.setattr(os, "pread", lambda number, length, start: b"" if start else b"012")
    assert store.get("a") == b"012"  # the file was cut while it was read


def test_a_label_that_cannot_be_written(store, root, monkeypatch):
    real = os.open

    def no_label(path, flags, *given, **more):
        if str(path).endswith((".json", ".jso~")):
            raise OSError(errno.EIO, "input/output error")
        return real(path, flags, *given, **more)

    writer = store.open_writer("a/b", content_type="x")
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", no_label)
        with pytest.raises(StoreError):
            writer.seal({"Source": "1"})
        with pytest.raises(StoreError):
            store.open_writer("a/c", content_type="x")
    writer.abandon()
    assert list(store.keys()) == []
    assert hidden_files(root) == []


def test_a_file_cleared_away_before_it_is_locked(store, root, monkeypatch):
    lock, lost = fcntl.flock, []

    def slow(number, how):
        path = os.readlink(f"/proc/self/fd/{number}")
        if path.endswith(".data") and not lost:
            lost.append(path)
            os.unlink(path)
        lock(number, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    add(store, "a/b")
    assert lost
    assert store.get("a/b") == b"data"


def test_an_object_that_is_replaced_while_its_label_is_read(store, monkeypatch):
    add(store, "a", b"old", {"Source": "old"})
    read, times = store._side_files.read, []

    def slow(parts, inode):
        label = read(parts, inode)
        if not times:
            times.append(1)
            add(store, "a", b"newer", {"Source": "new"}, overwrite=True)
        return label

    monkeypatch.setattr(store._side_files, "read", slow)
    info = store.head("a")
    assert (info.size, info.attributes) == (5, {"Source": "new"})


def test_a_disk_that_does_not_answer(store, root, monkeypatch):
    add(store, "a/b")

    def broken(*_, **__):
        raise OSError(errno.EIO, "input/output error")

    for name, use in (("stat", store.head), ("scandir", lambda _: list(store.keys())), ("open", store.get)):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, broken)
            with pytest.raises(StoreError) as caught:
                use("a/b")
            assert not isinstance(caught.value, ObjectNotFoundError)


def test_many_and_odd_buffers(store):
    from array import array

    writer = store.open_writer("a", content_type="x")
    writer.append(*[b"%d," % index for index in range(3000)])
    writer.append(memoryview(array("I", [1, 2])), memoryview(b"abcd")[::-1][::-1])
    writer.append()
    writer.seal({})
    expected = b"".join(b"%d," % index for index in range(3000)) + array("I", [1, 2]).tobytes() + b"abcd"
    assert store.get("a") == expected


def test_a_file_system_without_hard_links(store, monkeypatch):
    def no_links(*_, **__):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    add(store, "a/b", attributes={"Source": "1"})
    with pytest.raises(ObjectExistsError):
        add(store, "a/b")
    assert store.head("a/b").attributes == {"Source": "1"}


def test_a_file_that_appears_without_our_lock(store, root, monkeypatch):
    link = os.link

    def too_late(*given, **more):
        (root / "a").write_bytes(b"theirs")
        return link(*given, **more)

    monkeypatch.setattr(os, "link", too_late)
    with pytest.raises(ObjectExistsError):
        add(store, "a")
    assert store.get("a") == b"theirs"


def test_folders_that_vanish_meanwhile(store, root, monkeypatch):
    """Somebody deletes the last object of a folder, and with it the folder, while a writer enters it."""
    link, lost = os.link, []

    def vanish(*given, **more):
        if len(lost) < 3:
            lost.append(1)
            (root / "a").rmdir()
        return link(*given, **more)

    monkeypatch.setattr(os, "link", vanish)
    add(store, "a/b")
    assert store.get("a/b") == b"data"
    assert len(lost) == 3


def test_a_folder_that_always_vanishes(root, monkeypatch):
    root.mkdir()
    monkeypatch.setattr(os, "mkdir", lambda *_, **__: None)
    with pytest.raises(OSError, match="vanishing"), Tree(str(root), fsync=False).folder(["a"], create=True):
        pass
