"""A directory shared by processes, some of which die."""

import json
import random
import signal
import time

import pytest
from storage_kit import add, child, hidden_files

from onvif_bmff.errors import ObjectKeyError, ObjectNotFoundError, StoreError
from onvif_bmff.storage import DirectoryStore


@pytest.fixture
def store(directory):
    return directory


RACER = """
import sys
from onvif_bmff.errors import ObjectExistsError
from onvif_bmff.storage import DirectoryStore
root, me = sys.argv[1:3]
store = DirectoryStore(root, fsync=False, labels=(*sys.argv[3:], "files")[0])
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


@pytest.mark.parametrize("labels", [("files",) * 3, ("attributes",) * 3, ("attributes", "files", "attributes")])
def test_processes_share_a_root(root, labels):
    store = DirectoryStore(root, fsync=False)
    racers = [child(RACER, root, name, kind) for name, kind in zip("abc", labels, strict=True)]
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
BEFORE_LABEL = "import onvif_bmff.storage.side_files as l; l.write_file = die"
AFTER_FIRST_LABEL = (
    "import onvif_bmff.storage.side_files as l; w = l.write_file\nl.write_file = lambda *a, **k: (w(*a, **k), die())"
)
BEFORE_LAST_LABEL = (
    "import onvif_bmff.storage.side_files as l; w = l.write_file; n = []\n"
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
