"""A directory as a store: where things lie, and that nobody gets out of it."""

import os
import subprocess
from pathlib import Path

import pytest
from storage_kit import add, hidden_files

from onvif_bmff.errors import ObjectExistsError, ObjectKeyError, ObjectNotFoundError, StoreError
from onvif_bmff.objects import ObjectKey, SpanEndObject
from onvif_bmff.objects.stored import SPAN_END_CONTENT_TYPE
from onvif_bmff.storage import DirectoryStore, MemoryStore
from onvif_bmff.timing import UtcTime


@pytest.fixture
def store(directory):
    return directory


def test_layout(store, root):
    add(store, "a/b.mp4", attributes={"Version": "1.0"})
    assert (root / "a" / "b.mp4").read_bytes() == b"data"
    assert hidden_files(root) == ["meta/a.d/b.mp4.json"]
    store.delete("a/b.mp4")
    assert hidden_files(root) == []
    assert not (root / "a").exists()
    assert store.root == str(root)
    assert str(root) in repr(store)


def test_a_missing_directory(root):
    with pytest.raises(StoreError):
        DirectoryStore(root, create=False)
    root.parent.mkdir(exist_ok=True)
    root.write_text("")
    with pytest.raises(StoreError):
        DirectoryStore(root)


def test_durable_mode_syncs_data_label_and_folders(root, monkeypatch):
    synced = []
    real = os.fsync

    def note(number):
        synced.append(os.readlink(f"/proc/self/fd/{number}"))
        real(number)

    monkeypatch.setattr(os, "fsync", note)
    store = DirectoryStore(root, fsync_appends=True)
    writer = store.open_writer("a/b.mp4", content_type="video/mp4")
    synced.clear()
    writer.append(b"x")
    assert [Path(path).suffix for path in synced] == [".data"]
    synced.clear()
    visible = []
    link = os.link
    monkeypatch.setattr(os, "link", lambda *given, **more: (visible.append(list(synced)), link(*given, **more))[1])
    writer.seal({"Version": "1.0"})
    before = [os.path.relpath(path, root) for path in visible[0]]
    assert before[0].startswith(".onvif_bmff/open/")  # the bytes
    assert any(path.startswith(".onvif_bmff/meta/a.d/") for path in before)  # the label
    assert ".onvif_bmff/meta/a.d" in before  # and its name
    assert os.path.relpath(synced[-1], root) == "a"  # at last the name of the object


def test_files_of_others_are_objects_without_label(store, root):
    (root / "x").mkdir(parents=True)
    (root / "x" / "foreign.mp4").write_bytes(b"abc")
    assert list(store.keys()) == ["x/foreign.mp4"]
    info = store.head("x/foreign.mp4")
    assert (info.size, info.content_type, info.attributes) == (3, None, {}), "unknown, and nothing is made up"


def test_a_content_type_that_says_little_is_kept_all_the_same(store, root):
    key = ObjectKey("", UtcTime(0), "", 1, "m4v", span_end=True)
    store.put(SpanEndObject(key))
    assert store.head(str(key)).content_type == SPAN_END_CONTENT_TYPE
    (root / str(key)).write_bytes(b"")
    (root / ".onvif_bmff/meta/1970-01-01.d/00.d" / f"{key}.json".rpartition("/")[2]).unlink()
    assert store.head(str(key)).content_type is None


def test_memory_can_hold_what_nobody_knows_the_type_of():
    store = MemoryStore()
    writer = store.open_writer("a", content_type=None)
    writer.seal({})
    assert store.head("a").content_type is None


def test_an_object_that_takes_the_place_of_an_unlabelled_one(store, root, monkeypatch):
    (root / "x").mkdir(parents=True)
    (root / "x" / "a").write_bytes(b"abc")
    add(store, "x/a", b"new", {"Source": "2"}, overwrite=True)
    assert store.head("x/a").content_type == "video/mp4"
    # Whoever reads before the name changes over sees the label of the old object, which is none.
    (root / "x" / "b").write_bytes(b"abc")
    monkeypatch.setattr(DirectoryStore, "_name", lambda *given, **more: (_ for _ in ()).throw(OSError(5, "broken")))
    with pytest.raises(StoreError):
        add(store, "x/b", b"new", {"Source": "2"}, overwrite=True)
    assert (store.head("x/b").content_type, store.head("x/b").attributes) == (None, {})


def test_labels_survive_a_copy_of_the_tree(store, root, tmp_path):
    add(store, "a/b", attributes={"Source": "1"})
    subprocess.run(["cp", "-r", str(root), str(tmp_path / "copy")], check=True)
    assert DirectoryStore(tmp_path / "copy").head("a/b").attributes == {"Source": "1"}


def test_a_damaged_label(store, root):
    add(store, "a/b", attributes={"Source": "1"})
    for damage in (
        "",
        "{",
        "[]",
        '{"versions": [{"inode": 1, "content_type": "x", "attributes": {"a": 1}}]}',
        '{"versions": [{"inode": 1, "content_type": 2, "attributes": {}}]}',
        "[" * 100_000,
        '{"versions": [{"inode": 1e999, "content_type": "x", "attributes": {}}]}',
        '{"versions": [{"inode": NaN, "content_type": "x", "attributes": {}}]}',
        '{"versions": [{"inode": "1", "content_type": "x", "attributes": {}}]}',
        '{"versions": [{"inode": ' + "9" * 5000 + ', "content_type": "x", "attributes": {}}]}',
        '{"versions": 1e999}',
        '{"versions": [{"inode": 1, "content_type": "x", "attributes": {"a": "' + "x" * 2_000_000 + '"}}]}',
    ):
        (root / ".onvif_bmff/meta/a.d/b.json").write_text(damage)
        with pytest.raises(StoreError, match="damaged"):
            store.head("a/b")
        with pytest.raises(ObjectExistsError):
            add(store, "a/b", b"other")
        assert store.get("a/b") == b"data"
        add(store, "a/b", b"new", {"Source": "2"}, overwrite=True)
        assert store.head("a/b").attributes == {"Source": "2"}
        add(store, "a/b", overwrite=True)
    (root / ".onvif_bmff/meta/a.d/b.json").write_text("{")
    store.delete("a/b")
    assert list(store.keys()) == []


def test_a_side_file_that_is_no_file(store, root):
    add(store, "a/b", attributes={"Source": "1"})
    side = root / ".onvif_bmff/meta/a.d/b.json"
    side.unlink()
    os.mkfifo(side)
    with pytest.raises(StoreError, match="damaged"):
        store.head("a/b")
    add(store, "a/b", b"new", {"Source": "2"}, overwrite=True)
    assert store.head("a/b").attributes == {"Source": "2"}
    side.unlink()
    side.mkdir()
    with pytest.raises(StoreError, match="damaged"):
        store.head("a/b")


def paths_synced(monkeypatch):
    synced = []
    real = os.fsync

    def note(number):
        synced.append(os.readlink(f"/proc/self/fd/{number}"))
        real(number)

    monkeypatch.setattr(os, "fsync", note)
    return synced


def test_the_root_is_durable_with_all_folders_that_were_made_for_it(tmp_path, monkeypatch):
    synced = paths_synced(monkeypatch)
    DirectoryStore(tmp_path / "one/two/three")
    assert sorted(synced) == [str(tmp_path), str(tmp_path / "one"), str(tmp_path / "one/two")]
    synced.clear()
    DirectoryStore(tmp_path / "one/two/three")
    assert synced == [str(tmp_path / "one/two")], "who made it may not have come to that"
    synced.clear()
    DirectoryStore(tmp_path / "off", fsync=False)
    DirectoryStore(tmp_path / "one/two/three", create=False)
    assert synced == []


def test_folders_that_somebody_else_made_are_durable_before_an_object_is(root, monkeypatch):
    store = DirectoryStore(root)
    (root / "a/b/c").mkdir(parents=True)
    (root / ".onvif_bmff/meta/a.d/b.d/c.d").mkdir(parents=True)
    synced = paths_synced(monkeypatch)
    add(store, "a/b/c/x", attributes={"Source": "1"})
    for folder in ("", "a", "a/b", "a/b/c", ".onvif_bmff", ".onvif_bmff/meta", ".onvif_bmff/meta/a.d/b.d"):
        assert str(root / folder) in synced, folder
    synced.clear()
    add(store, "a/b/c/y")
    assert str(root / "a") not in synced, "once is enough"
    assert str(root / "a/b/c") in synced
    store.delete("a/b/c/x")
    store.delete("a/b/c/y")
    (root / "a/b/c").mkdir(parents=True)
    synced.clear()
    add(store, "a/b/c/x")
    assert str(root / "a/b") in synced, "it is another folder"


def test_names_of_labels_do_not_collide(store):
    for key in ("a", "a.json", "b.json/c", "b", "d.d/e", "d/e.d/f", "d.d.json"):
        add(store, key, attributes={"Source": key})
    for key in ("a", "a.json", "b.json/c", "b", "d.d/e", "d/e.d/f", "d.d.json"):
        assert store.head(key).attributes == {"Source": key}


# ---- getting out -------------------------------------------------------------------------------------


def test_links_are_never_followed(store, root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    root.mkdir(exist_ok=True)
    (root / "way").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    assert list(store.keys()) == []
    assert list(store.keys("way/")) == []
    for key in ("way/secret", "file"):
        with pytest.raises(StoreError):
            store.get(key)
        with pytest.raises(StoreError):
            store.head(key)
        for overwrite in (False, True):
            with pytest.raises(StoreError):
                add(store, key, overwrite=overwrite)
    with pytest.raises(StoreError):
        store.delete("way/secret")
    assert (outside / "secret").read_text() == "secret"


def test_the_root_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    add(DirectoryStore(tmp_path / "link", fsync=False), "a")
    assert (tmp_path / "real" / "a").exists()


@pytest.mark.parametrize("key", [".onvif_bmff/x", ".ONVIF_BMFF/open/x", "x" * 251, "a/" + "ü" * 126])
def test_keys_that_a_directory_cannot_hold(store, key):
    for use in (store.get, store.head, store.delete, lambda key: store.open_writer(key, content_type="x")):
        with pytest.raises(ObjectKeyError):
            use(key)


def test_the_longest_names(store):
    for key in ("x" * 250, "ü" * 125 + "/" + "y" * 250):
        add(store, key, attributes={"Source": "x"})
        assert store.head(key).attributes == {"Source": "x"}


def test_an_object_is_no_folder(store):
    add(store, "a/b")
    for key in ("a", "a/b/c"):
        with pytest.raises(StoreError):
            add(store, key)
        with pytest.raises(StoreError):
            store.head(key)
    with pytest.raises(ObjectNotFoundError):
        store.get("a")
    with pytest.raises(ObjectNotFoundError):
        store.get("a/b/c")


def test_names_that_are_no_keys_are_not_listed(store, root):
    add(store, "a/good")
    (root / "a" / "new\nline").write_text("")
    (root / "a" / ("y" * 255)).write_text("")
    with open(os.fsencode(root / "a") + b"/\xff\xfe", "w"):
        pass
    os.mkfifo(root / "a" / "pipe")
    assert list(store.keys()) == ["a/good"]
    with pytest.raises(ObjectNotFoundError):
        store.get("a/pipe")
