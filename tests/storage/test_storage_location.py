"""What is no place in the local file system is no store: a URL must never become a folder of that name."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.errors import PersistenceError, StoreError
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.location import local_path
from onvif_bmff.storage.sqlite import SqlitePersistence

ELSEWHERE = [
    "s3://bucket/recordings",
    "S3://bucket",
    "s3:///bucket",
    "s3://",
    "s3:/bucket/recordings",
    "s3:bucket/recordings",
    "s3:",
    "gs://bucket",
    "az://container/x",
    "abfs+ssl://container",
    "https://user:passw0rd@host/bucket",
    "file:///var/recordings",
    "file:/var/recordings",
    "file:recordings",
    "memory://",
    "my_store://x",
    "://x",
    " s3://bucket",
    "\ts3:bucket",
    "C:\\recordings",
    "c:/recordings",
    "D:recordings",
]
LOCAL = [
    "recordings",
    "./s3://bucket",
    "./s3:bucket",
    "../C:/x",
    "/data/s3://x",
    "/data/a:b",
    "a/b:c",
    "12:30 recordings",
    "2024-02-28T23:59:55",
    "",
]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", ELSEWHERE)
@pytest.mark.parametrize("form", [str, os.fsencode, Path])
@pytest.mark.parametrize("create", [True, False])
def test_no_store_is_opened_for_another_place(empty_folder, text, form, create):
    if form is Path and str(Path(text)).startswith(":"):
        pytest.skip("a Path does not tell it from a name")
    with pytest.raises(StoreError, match="only local paths can be opened") as refused:
        DirectoryStore(form(text), create=create)
    assert "passw0rd" not in str(refused.value)
    assert list(empty_folder.iterdir()) == []


@pytest.mark.parametrize("text", ELSEWHERE)
def test_nor_a_database(empty_folder, text):
    with pytest.raises(PersistenceError, match="only local paths"):
        SqlitePersistence(text)
    assert list(empty_folder.iterdir()) == []


@pytest.mark.parametrize("text", LOCAL)
def test_local_paths_are_taken_as_they_are(text):
    assert local_path(text) == text
    assert local_path(Path.cwd() / text) == str(Path.cwd() / text)


def test_a_folder_with_a_colon_that_exists_is_opened_but_never_for_a_url(empty_folder):
    for name in ("camera:1", "s3:", "C:\\recordings"):
        (empty_folder / name).mkdir()
        assert DirectoryStore(name, create=False).root == str(empty_folder / name)
    assert DirectoryStore("s3:/bucket").root == str(empty_folder / "s3:" / "bucket")
    with pytest.raises(StoreError):
        DirectoryStore("s3://bucket")  # the folder that a former version made
    with pytest.raises(StoreError):
        DirectoryStore("camera:2")
    assert DirectoryStore("./camera:2").root == str(empty_folder / "camera:2")


@given(
    scheme=st.from_regex(r"[A-Za-z][A-Za-z0-9+.-]{0,20}", fullmatch=True),
    rest=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30),
)
def test_any_scheme(scheme, rest):
    with pytest.raises(StoreError, match="only local paths"):
        local_path(f"{scheme}://{rest}")
