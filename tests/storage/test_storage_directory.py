"""A directory as a store: durable, atomic, shared, and nobody gets out of it."""

import errno
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from onvif_bmff.errors import ObjectExistsError, ObjectKeyError, ObjectNotFoundError, StateError, StoreError
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.tree import Tree, write_all

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(root):
    return DirectoryStore(root, fsync=False)


def add(store, key, data=b"data", attributes=None, **more):
    writer = store.open_writer(key, content_type="video/mp4", **more)
    try:
        writer.append(data)
        writer.seal(attributes or {})
    finally:
        writer.abandon()


def hidden_files(root):
    return sorted(
        str(path.relative_to(root / ".onvif_bmff"))
        for path in (root / ".onvif_bmff").rglob("*")
        if path.is_file() and path.parent.name != "locks"
    )


# ---- layout --------------------------------------------------------------------------------------------


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
    assert (info.size, info.content_type, info.attributes) == (3, "application/octet-stream", {})


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
    ):
        (root / ".onvif_bmff/meta/a.d/b.json").write_text(damage)
        with pytest.raises(StoreError):
            store.head("a/b")
        assert store.get("a/b") == b"data"
    add(store, "a/b", b"new", {"Source": "2"}, overwrite=True)
    assert store.head("a/b").attributes == {"Source": "2"}


def test_names_of_labels_do_not_collide(store):
    for key in ("a", "a.json", "b.json/c", "b", "d.d/e", "d/e.d/f", "d.d.json"):
        add(store, key, attributes={"Source": key})
    for key in ("a", "a.json", "b.json/c", "b", "d.d/e", "d/e.d/f", "d.d.json"):
        assert store.head(key).attributes == {"Source": key}


# ---- getting out ---------------------------------------------------------------------------------------


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


# ---- failures ------------------------------------------------------------------------------------------


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
    def no_rename(*_, **__):
        raise OSError(errno.EIO, "input/output error")

    writer = store.open_writer("a/b", content_type="x")
    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", no_rename)
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
    read, times = store._labels.read, []

    def slow(parts, inode):
        label = read(parts, inode)
        if not times:
            times.append(1)
            add(store, "a", b"newer", {"Source": "new"}, overwrite=True)
        return label

    monkeypatch.setattr(store._labels, "read", slow)
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


# ---- several processes ---------------------------------------------------------------------------------

RACER = """
import sys
from onvif_bmff.errors import ObjectExistsError
from onvif_bmff.storage import DirectoryStore
root, me = sys.argv[1:]
store = DirectoryStore(root, fsync=False)
won = 0
for index in range(60):
    writer = store.open_writer(f"own/{me}/{index}", content_type="x")
    writer.append(b"x" * index)
    writer.seal({"Source": me})
    try:
        writer = store.open_writer(f"race/{index}", content_type=me)
        writer.append(me.encode() * 1000)
        try:
            writer.seal({"Source": me})
        finally:
            writer.abandon()
    except ObjectExistsError:
        pass
    else:
        won += 1
    writer = store.open_writer("last", content_type=me, overwrite=True)
    writer.append(me.encode() * (index + 1))
    writer.seal({"Source": me * (index + 1)})
    info = store.head("last")
    assert info.size == len(info.attributes["Source"]) and info.attributes["Source"][0] == info.content_type, info
    if index % 7 == 3:
        store.delete(f"own/{me}/{index}")
print(won)
"""


def child(code, *arguments, **more):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        **more,
    )


def test_processes_share_a_root(root):
    store = DirectoryStore(root, fsync=False)
    racers = [child(RACER, root, name) for name in "abc"]
    won = 0
    for racer in racers:
        out, _ = racer.communicate(timeout=120)
        assert racer.returncode == 0
        won += int(out)
    assert won == 60
    for index in range(60):
        owner = store.head(f"race/{index}").attributes["Source"]
        assert store.head(f"race/{index}").content_type == owner
        assert store.get(f"race/{index}") == owner.encode() * 1000
    for name in "abc":
        assert len(list(store.keys(f"own/{name}/"))) == 60 - len(range(3, 60, 7))
    info = store.head("last")
    assert store.get("last").decode() == info.attributes["Source"]
    assert store.unsealed() == []
    assert not [name for name in hidden_files(root) if not name.startswith("meta/")]


# ---- death ---------------------------------------------------------------------------------------------

VICTIM = """
import sys
from onvif_bmff.storage import DirectoryStore
store = DirectoryStore(sys.argv[1], fsync=False)
print("begin", flush=True)
for index in range(100000):
    writer = store.open_writer(f"2022-11-08/cam/15/{index:06}.mp4", content_type="video/mp4")
    for part in range(20):
        writer.append(b"%06d" % index * 500, b"|%02d|" % part)
    writer.seal({"Source": str(index)})
"""
WHOLE = 20 * (6 * 500 + 4)


def test_killed_at_any_moment(root):
    chance = random.Random(7)
    for _ in range(8):
        victim = child(VICTIM, root)
        assert victim.stdout.readline() == b"begin\n"
        time.sleep(chance.uniform(0.0, 0.08))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        victim.stdout.close()
        store = DirectoryStore(root, fsync=False)
        keys = list(store.keys())
        for key in keys:
            # Nothing partial is ever visible, and every object has its own label.
            info = store.head(key)
            assert info.size == WHOLE
            assert key.endswith(f"/{int(info.attributes['Source']):06}.mp4")
        left = store.unsealed()
        assert len(left) <= 1
        for item in left:
            assert item.key not in keys
            assert item.content_type == "video/mp4"
            data = store.read_unsealed(item)
            assert len(data) == item.size <= WHOLE
            # Appends reached the system whole: a multiple of what one append wrote.
            assert item.size % (6 * 500 + 4) == 0 or item.size < WHOLE
            writer = store.resume(item)
            writer.append(b"tail")
            writer.seal({"Source": "salvaged"})
            assert store.get(item.key) == data + b"tail"
            store.delete(item.key)
        for key in keys:
            store.delete(key)
        assert store.unsealed() == []
        assert not [name for name in hidden_files(root) if name.startswith("open/")]


def die_at(root, patch):
    """Seal ``a/b`` in a process that dies at a given step; what the store looks like then."""
    code = f"""
import os, signal, sys
from onvif_bmff.storage import DirectoryStore
store = DirectoryStore(sys.argv[1], fsync=False)
writer = store.open_writer("a/b", content_type="new", overwrite=True)
writer.append(b"new bytes")
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
{patch}
writer.seal({{"Source": "new"}})
die()
"""
    victim = child(code, root)
    victim.communicate(timeout=60)
    assert victim.returncode == -signal.SIGKILL


BEFORE_LINK = "os.link = die"
AFTER_LINK = "link = os.link\nos.link = lambda *a, **k: (link(*a, **k), die())"
BEFORE_LABEL = "import onvif_bmff.storage.labels as l; l.write_file = die"
AFTER_FIRST_LABEL = (
    "import onvif_bmff.storage.labels as l; w = l.write_file\nl.write_file = lambda *a, **k: (w(*a, **k), die())"
)
BEFORE_LAST_LABEL = (
    "import onvif_bmff.storage.labels as l; w = l.write_file; n = []\n"
    "l.write_file = lambda *a, **k: (die() if n else None, n.append(1), w(*a, **k))"
)


@pytest.mark.parametrize("patch", [BEFORE_LINK, BEFORE_LABEL, AFTER_FIRST_LABEL])
def test_death_before_the_key_is_taken(root, patch):
    die_at(root, patch)
    store = DirectoryStore(root, fsync=False)
    assert list(store.keys()) == []
    (item,) = store.unsealed()
    assert (item.key, item.content_type, item.size, item.overwrite) == ("a/b", "new", 9, True)
    assert store.read_unsealed(item) == b"new bytes"
    assert store.read_unsealed(item, 4, 3) == b"byt"
    assert store.read_unsealed(item, -5) == b"bytes"
    writer = store.resume(item, 3)
    writer.append(b"!")
    writer.seal({})
    assert (store.get("a/b"), store.head("a/b").content_type) == (b"new!", "new")
    assert store.head("a/b").attributes == {}


def test_death_after_the_key_is_taken(root):
    die_at(root, AFTER_LINK)
    store = DirectoryStore(root, fsync=False)
    assert store.get("a/b") == b"new bytes"
    assert store.head("a/b").attributes == {"Source": "new"}
    assert [name for name in hidden_files(root) if name.startswith("open/")]
    assert store.unsealed() == []
    assert not [name for name in hidden_files(root) if name.startswith("open/")]
    assert store.get("a/b") == b"new bytes"


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        (BEFORE_LABEL, "old"),
        (AFTER_FIRST_LABEL, "old"),
        (BEFORE_LAST_LABEL, "new"),
        ("", "new"),
    ],
)
def test_death_while_replacing(root, patch, expected):
    store = DirectoryStore(root, fsync=False)
    writer = store.open_writer("a/b", content_type="old")
    writer.append(b"old bytes")
    writer.seal({"Source": "old"})
    die_at(root, patch)
    info = store.head("a/b")
    assert store.get("a/b") == f"{expected} bytes".encode()
    assert (info.content_type, info.attributes) == (expected, {"Source": expected})
    assert len(store.unsealed()) == (expected == "old")
    add(store, "a/b", b"third", {"Source": "3"}, overwrite=True)
    assert store.head("a/b").attributes == {"Source": "3"}
    label = json.loads((root / ".onvif_bmff/meta/a.d/b.json").read_text())
    assert len(label["versions"]) == 1


def test_living_writers_are_left_alone(store, root):
    writer = store.open_writer("a/b", content_type="x")
    writer.append(b"1")
    other = DirectoryStore(root, fsync=False)
    assert other.unsealed() == []
    die_at(root, BEFORE_LINK)
    (item,) = other.unsealed()
    taken = store.resume(item)
    assert other.unsealed() == []
    with pytest.raises(StoreError):
        other.resume(item)
    taken.abandon()
    with pytest.raises(ObjectNotFoundError):
        other.resume(item)
    with pytest.raises(ObjectNotFoundError):
        other.read_unsealed(item)
    writer.seal({})
    assert other.get("a/b") == b"1"


def test_what_cannot_be_salvaged(root):
    die_at(root, BEFORE_LINK)
    store = DirectoryStore(root, fsync=False)
    (item,) = store.unsealed()
    with pytest.raises(StoreError):
        store.resume(item, 10)
    (side,) = (root / ".onvif_bmff/open").glob("*.json")
    for damage in ("{", "[]", '{"key": 1}'):
        side.write_text(damage)
        assert store.unsealed() == []  # kept, but nobody knows what it is
    assert list((root / ".onvif_bmff/open").glob("*.data"))
    side.unlink()
    assert store.unsealed() == []
    (data,) = (root / ".onvif_bmff/open").glob("*.data")
    assert data.read_bytes() == b"new bytes"
    data.write_bytes(b"")
    assert store.unsealed() == []
    assert not list((root / ".onvif_bmff/open").iterdir())
    (root / ".onvif_bmff/open/stray.json").write_text("{}")
    assert store.unsealed() == []
    assert not list((root / ".onvif_bmff/open").iterdir())


def test_an_unsealed_key_from_nowhere(root):
    die_at(root, BEFORE_LINK)
    store = DirectoryStore(root, fsync=False)
    (side,) = (root / ".onvif_bmff/open").glob("*.json")
    side.write_text('{"key": "../../x", "content_type": "x", "overwrite": true}')
    (item,) = store.unsealed()
    writer = store.resume(item)
    with pytest.raises(ObjectKeyError):
        writer.seal({})
    writer.abandon()
