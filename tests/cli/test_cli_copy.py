"""``onvif-bmff copy``: whole stores and parts, verified, and run again after it broke off."""

import json
from pathlib import Path

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.errors import StoreError
from onvif_bmff.objects import ObjectInfo
from onvif_bmff.storage import CopyState, DirectoryStore, MemoryStore, copy_objects

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A store of two places."""
    monkeypatch.chdir(tmp_path)
    for place in ("one", "two"):
        recorded = ["record", str(CLIP), "--store", "source", "--prefix", place, "--segment-duration", "PT2S"]
        assert main([*recorded, "--start", "2024-05-01T12:00:00Z", "-q"]) == 0
    return DirectoryStore("source")


def content(store):
    return {key: (store.get(key), store.head(key)) for key in store.keys("")}


@pytest.fixture
def said(capsys):
    """Run a command; its status and its JSON."""

    def run(*words):
        capsys.readouterr()
        status = main([*words, "--json"])
        return status, json.loads(capsys.readouterr().out)

    return run


def test_a_whole_store(source, said):
    status, done = said("copy", "source", "target", "--digest")
    assert (status, done["failed"], done["present"], done["errors"]) == (0, 0, 0, [])
    assert content(DirectoryStore("target")) == content(source)
    assert done["copied"] == len(list(source.keys()))
    assert done["bytes"] == sum(source.head(key).size for key in source.keys(""))
    status, again = said("copy", "source", "target")
    assert (status, again["copied"], again["present"], again["bytes"]) == (0, 0, done["copied"], 0)


def test_by_place_and_time(source, said):
    wanted = ["--prefix", "two", "--from", "2024-05-01T12:00:02.5Z", "--to", "2024-05-01T12:00:03Z"]
    status, listed = said("copy", "source", "target", *wanted, "--dry-run")
    assert status == 0
    assert not Path("target").exists()
    status, _ = said("copy", "source", "target", *wanted)
    assert status == 0
    keys = list(DirectoryStore("target").keys())
    assert keys == sorted(listed["keys"])
    assert {key.split("/")[0] for key in keys} == {"two"}
    assert {key.rpartition(".")[2] for key in keys} == {"m4v", "m4a"}, "no span is ended whose last segment is missing"
    assert len(keys) < len(list(source.keys("two/")))
    assert main(["copy", "source", "target", "--prefix", "two", "-q"]) == 0
    assert sorted(DirectoryStore("target").keys()) == list(source.keys("two/"))


def test_another_object_of_a_key_is_a_finding_and_stays(source, said, capsys):
    key = next(iter(source.keys()))
    target = DirectoryStore("target")
    writer = target.open_writer(key, content_type="video/mp4")
    writer.append(b"other")
    writer.seal({})
    status, done = said("copy", "source", "target")
    assert (status, done["failed"]) == (1, 1)
    assert [one["key"] for one in done["errors"]] == [key]
    assert "another object" in done["errors"][0]["error"]
    assert target.get(key) == b"other"
    assert set(target.keys()) == set(source.keys())
    assert main(["copy", "source", "target"]) == 1
    assert key in capsys.readouterr().err


def test_nothing_to_copy(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    DirectoryStore("empty")
    assert main(["copy", "empty", "target"]) == 2
    assert "there are no objects" in capsys.readouterr().err
    assert main(["copy", "empty", "target", "--prefix", "x"]) == 2
    assert "nothing was recorded" in capsys.readouterr().err
    assert not Path("target").exists()
    assert main(["copy", "empty", "target", "--allow-empty"]) == 0
    assert main(["copy", "empty", "./empty", "--allow-empty"]) == 2
    assert main(["copy", "empty", "x", "--tasks", "0"]) == 2
    assert main(["copy", "missing", "target"]) == 2


def lies(**changes):
    """A store that gives back something else than was written."""

    class Lying(MemoryStore):
        pass

    for name, change in changes.items():
        method = getattr(MemoryStore, name)
        setattr(Lying, name, lambda self, *a, _method=method, _change=change, **b: _change(_method(self, *a, **b)))
    return Lying()


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (lies(head=lambda found: ObjectInfo(found.key, found.size + 1, found.content_type, found.attributes)), "size"),
        (lies(head=lambda found: ObjectInfo(found.key, found.size, "x/y", found.attributes)), "content type"),
        (lies(head=lambda found: ObjectInfo(found.key, found.size, found.content_type, {"a": "2"})), "attribute a"),
        (lies(get=lambda data: data[:-1] + b"!"), "bytes that the target gives back differ"),
    ],
)
def test_a_copy_that_differs_is_no_success(target, text):
    source = MemoryStore()
    writer = source.open_writer("k", content_type="video/mp4")
    writer.append(b"data")
    writer.seal({"A": "1"})
    (done,) = copy_objects(source, target, ["k"], digests=True)
    assert done.state is CopyState.FAILED
    assert isinstance(done.error, StoreError)
    assert text in str(done.error)
    (again,) = copy_objects(source, target, ["k"], digests=True)
    assert again.state is CopyState.FAILED, "what is there already is compared likewise"


def test_fewer_attributes_are_told():
    source = MemoryStore()
    writer = source.open_writer("k.m4v_end", content_type=None)
    writer.seal({"A": "1", "SeekTable": "long"})
    target = lies(head=lambda found: ObjectInfo(found.key, found.size, found.content_type, {"seektable": "short"}))
    (done,) = copy_objects(source, target, ["k.m4v_end"])
    assert (done.state, done.thinned) == (CopyState.COPIED, True)
    (again,) = copy_objects(source, target, ["k.m4v_end"])
    assert (again.state, again.thinned) == (CopyState.PRESENT, True)
    assert target.head("k.m4v_end").content_type == "application/octet-stream"


def test_without_ids_bytes_decide():
    source, target = MemoryStore(), MemoryStore()
    for store, data in ((source, b"same"), (target, b"same")):
        writer = store.open_writer("k", content_type="video/mp4")
        writer.append(data)
        writer.seal({})
    assert [done.state for done in copy_objects(source, target, ["k"])] == [CopyState.PRESENT]
    writer = target.open_writer("k", content_type="video/mp4", overwrite=True)
    writer.append(b"amse")
    writer.seal({})
    assert [done.state for done in copy_objects(source, target, ["k", "gone"])] == [CopyState.FAILED] * 2


def test_digests_find_what_was_damaged_in_the_target(source, said, capsys):
    assert main(["copy", "source", "target", "-q"]) == 0
    key = next(iter(source.keys()))
    file = Path("target", key)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    present = len(list(source.keys()))
    status, done = said("copy", "source", "target")
    assert (status, done["present"], done["failed"]) == (0, present, 0), "size and id are the same"
    status, done = said("copy", "source", "target", "--digest")
    assert (status, done["present"], done["failed"]) == (1, present - 1, 1)
    assert [one["key"] for one in done["errors"]] == [key]
    assert main(["copy", "source", "target", "--digest"]) == 1
    shown = capsys.readouterr().err
    assert key in shown
    assert "other bytes" in shown
    assert file.read_bytes() == data


def test_stores_that_lie_within_each_other_are_refused(source, capsys, tmp_path):
    Path("link").symlink_to("source")
    Path("source-2").mkdir()
    for one, other in [
        ("source", "source/backup"),
        ("source", "link/backup"),
        ("source/one", "source"),
        ("link", "source"),
        ("source", f"file:{tmp_path}/source"),
        ("source", f"file://{tmp_path}/link/x"),
        ("s3://bucket/a", "s3://bucket/a/b"),
        ("s3://bucket/a", "s3://bucket"),
    ]:
        assert main(["copy", one, other]) == 2
        assert "store of their own" in capsys.readouterr().err
    assert not Path("source/backup").exists()
    assert main(["copy", "source", "source-2", "-q"]) == 0, "only the names begin alike"


def test_what_a_store_within_the_source_keeps_for_itself_is_not_copied(source):
    inner = DirectoryStore("source/backup")
    writer = inner.open_writer("a", content_type="text/plain")
    writer.append(b"data")
    writer.seal({"B": "1"})
    assert any(".onvif_bmff" in key for key in list(source.keys())), "else this test shows nothing"
    assert main(["copy", "source", "target", "-q"]) == 0
    copied = list(DirectoryStore("target").keys())
    assert copied == [key for key in list(source.keys()) if ".onvif_bmff" not in key]
    assert "backup/a" in copied
