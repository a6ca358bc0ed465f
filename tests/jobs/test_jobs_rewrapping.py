"""Recordings are rewrapped by many workers as by one: same objects, same outcomes, and each key is wrapped once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from jobs_kit import Reader, damaged_objects, directory, memory, reader, whole_objects

from onvif_bmff.bmff import AsymmetricKeySystemHeaderBox, parse_boxes
from onvif_bmff.cli.main import main
from onvif_bmff.export.rewrap import Rewrapping, rewrap_store
from onvif_bmff.jobs import StoreAddress, Workers, rewrap_by_workers, rewrapping
from onvif_bmff.storage import DirectoryStore, MemoryStore
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

NOW = UtcTime.from_datetime(datetime.now(UTC))
NEW = Reader()


def contents(store):
    """Objects by name; wrapped keys, which are different each time, left out."""
    found = {}
    for name in list(store.keys()):
        body = store.get(name)
        info = store.head(name)
        found[name] = (len(body), info.content_type, dict(info.attributes), without_keys(body))
    return found


def without_keys(body):
    made = bytearray(body)
    at = 0
    while (at := body.find(b"pssh", at + 1)) > 0:
        size = int.from_bytes(body[at - 4 : at], "big")
        if size < 2000:
            made[at : at - 4 + size] = bytes(size - 4)
    return bytes(made)


def wrapped_in(store):
    """The headers of each KID, as bytes."""
    found = {}
    for name in list(store.keys()):
        if "camera-2" in name and name.endswith(".mp4"):
            movie = next(box for box in parse_boxes(store.get(name)) if box.type == "moov")
            for box in movie.children:
                if isinstance(box, AsymmetricKeySystemHeaderBox):
                    found.setdefault(box.kid, set()).add(box.build())
    return found


def by_threads(source, target, **options):
    with ThreadPoolExecutor(3) as pool:
        return list(rewrap_by_workers(source, target, [NEW.certificate], Workers(pool, 3), at=NOW, **options))


@pytest.fixture(autouse=True)
def small_tasks(monkeypatch):
    monkeypatch.setattr(rewrapping, "_OBJECTS", 3)


@pytest.mark.parametrize("keep", [False, True])
def test_the_copy_is_that_of_one_process(keep):
    source, one, many = memory(whole_objects()), MemoryStore(), MemoryStore()
    options = {"unwrapper": reader().unwrapper, "keep": keep}
    expected = list(rewrap_store(source, one, [NEW.certificate], at=NOW, **options))
    assert by_threads(source, many, **options) == expected
    assert {done.outcome for done in expected} == {Rewrapping.REWRAPPED, Rewrapping.COPIED}
    assert contents(many) == contents(one)
    assert all(len(headers) == 1 for headers in wrapped_in(many).values())
    assert len(wrapped_in(many)) > 1
    validation = validate_store(many, unwrapper=NEW.unwrapper)
    assert list(validation) == []
    assert validation.checked.samples_opened > 100


@pytest.mark.parametrize("seed", range(6))
def test_damaged_buckets_too(seed):
    source, one, many = memory(damaged_objects(seed)), MemoryStore(), MemoryStore()
    expected = list(rewrap_store(source, one, [NEW.certificate], at=NOW, unwrapper=reader().unwrapper))
    assert by_threads(source, many, unwrapper=reader().unwrapper) == expected
    assert contents(many) == contents(one)
    again = by_threads(source, many, unwrapper=reader().unwrapper)
    assert {done.outcome for done in again} <= {Rewrapping.PRESENT, Rewrapping.FAILED}
    assert by_threads(source, None, unwrapper=reader().unwrapper) == list(
        rewrap_store(source, None, [NEW.certificate], at=NOW, unwrapper=reader().unwrapper)
    )


def test_without_the_key_the_same_objects_fail_for_the_same_reason():
    source, one, many = memory(whole_objects()), MemoryStore(), MemoryStore()
    for unwrapper in (None, Reader().unwrapper):
        expected = list(rewrap_store(source, one, [NEW.certificate], at=NOW, unwrapper=unwrapper))
        assert by_threads(source, many, unwrapper=unwrapper) == expected
        assert Rewrapping.FAILED in {done.outcome for done in expected}
        assert contents(many) == contents(one)


def test_the_command_shares_the_work(tmp_path, capsys):
    directory(tmp_path / "a", whole_objects())
    for name, content in (("new.crt", NEW.certificate), ("old.crt", reader().certificate), ("old.key", reader().pem)):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "old.key").chmod(0o600)
    options = ["--to-certificate", str(tmp_path / "new.crt"), "--private-key", str(tmp_path / "old.key")]
    options += ["--certificate", str(tmp_path / "old.crt"), "--workers", "2"]
    assert main(["rewrap", str(tmp_path / "a"), "-o", str(tmp_path / "b"), *options]) == 0
    said = capsys.readouterr().out
    assert " rewrapped, " in said
    assert list(DirectoryStore(tmp_path / "b").keys()) == sorted(whole_objects())
    assert list(validate_store(DirectoryStore(tmp_path / "b"), unwrapper=NEW.unwrapper)) == []


def test_processes_are_given_addresses(tmp_path):
    directory(tmp_path / "a", whole_objects())
    (tmp_path / "b").mkdir()
    with Workers.processes(1) as workers:
        done = list(
            rewrap_by_workers(
                StoreAddress(str(tmp_path / "a")),
                StoreAddress(str(tmp_path / "b")),
                [NEW.certificate],
                workers,
                at=NOW,
                unwrapper=reader().unwrapper,
            )
        )
    assert len(done) == len(whole_objects())
