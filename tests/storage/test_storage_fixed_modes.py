"""Permissions of files and folders of a directory store: those that were asked for, whatever the process's mask."""

import os
import stat

import pytest
from storage_kit import add

from onvif_bmff.errors import StoreError
from onvif_bmff.objects.attributes import OBJECT_ID
from onvif_bmff.storage import DirectoryStore, FixedModes, MemoryStore, SpooledStore, SpoolPolicy, open_store


@pytest.fixture(params=[0o000, 0o022, 0o077])
def _mask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder):
    """The permissions of all files, and of all folders, below a folder."""
    found = {"files": set(), "folders": set()}
    for path in folder.rglob("*"):
        found["folders" if path.is_dir() else "files"].add(stat.S_IMODE(path.lstat().st_mode))
    return found


@pytest.mark.usefixtures("_mask")
@pytest.mark.parametrize(("mode", "folders"), [(0o640, 0o750), (0o600, 0o700), (0o664, 0o775)])
@pytest.mark.parametrize("labels", ["files", "attributes"])
def test_files_and_folders_have_the_permissions_that_were_asked_for(tmp_path, mode, folders, labels):
    store = DirectoryStore(tmp_path / "store", labels=labels, system=FixedModes(mode))
    add(store, "a/b/c", b"data", {"A": "1"})
    writer = store.open_writer("a/d", content_type="video/mp4")
    writer.append(b"begun")
    add(store, "e", b"data", {"A": "x" * 9000})
    store.delete("e")
    assert modes(tmp_path / "store") == {"files": {mode}, "folders": {folders}}
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == folders
    writer.abandon()


def test_what_is_there_already_stays_as_it_is(tmp_path):
    before = DirectoryStore(tmp_path)
    add(before, "a/old", b"data")
    os.chmod(tmp_path / "a/old", 0o604)
    os.chmod(tmp_path / "a", 0o711)
    store = open_store(tmp_path, file_mode=0o640)
    add(store, "a/new", b"data")
    found = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/old", "a/new")}
    assert found == {"a": 0o711, "a/old": 0o604, "a/new": 0o640}


def test_a_spool_has_them_too(tmp_path):
    store = SpooledStore(MemoryStore(), tmp_path / "spool", policy=SpoolPolicy(tasks=0), system=FixedModes(0o600))
    add(store, "k", b"data", {OBJECT_ID: "1"})
    store.close()
    assert modes(tmp_path / "spool") == {"files": {0o600}, "folders": {0o700}}


def test_a_file_is_at_no_moment_more_open(tmp_path, monkeypatch):
    seen = set()
    chmod = os.fchmod

    def fchmod(descriptor, mode):
        found = os.fstat(descriptor).st_mode
        seen.add((stat.S_ISDIR(found), stat.S_IMODE(found) & ~mode))
        chmod(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", fchmod)
    mask = os.umask(0)
    try:
        add(DirectoryStore(tmp_path / "store", system=FixedModes(0o640)), "a/b", b"data")
    finally:
        os.umask(mask)
    assert seen == {(True, 0), (False, 0)}


@pytest.mark.parametrize("mode", [0o400, 0o200, 0o644 | 0o111, 0o4644, 0])
def test_what_are_no_permissions_of_files(tmp_path, mode):
    with pytest.raises(StoreError, match="no permissions"):
        open_store(tmp_path, file_mode=mode)


def test_only_directories_have_them():
    with pytest.raises(StoreError, match="only stores in directories"):
        open_store("s3://bucket", file_mode=0o600)
