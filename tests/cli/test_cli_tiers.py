"""``onvif-bmff move`` and ``check-store``."""

import json
import signal
from pathlib import Path

import pytest
from support_fake_bucket import FakeServer
from support_tools import need_module

from onvif_bmff.cli.main import main
from onvif_bmff.storage import DirectoryStore, store_check

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
RECORD = ["record", str(CLIP), "--segment-duration", "PT2S", "--store", "disk", "-q"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_is_old_moves_and_the_rest_stays(capsys):
    assert main([*RECORD, "--start", "2024-05-01T12:00:00Z", "--postfix", "old"]) == 0
    assert main([*RECORD, "--start", "9000-05-01T12:00:00Z", "--postfix", "new"]) == 0
    disk = DirectoryStore("disk")
    keys = list(disk.keys())
    old = [one for one in keys if "/old/" in one]
    bytes_of = {one: disk.get(one) for one in keys}
    capsys.readouterr()
    move = ["move", "disk", "bucket", "--older-than", "P7D"]
    assert main([*move, "--dry-run"]) == 0
    assert capsys.readouterr().out.count("would be moved") == len(old)
    assert list(disk.keys()) == keys
    assert main([*move, "--json", "--digest"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["moved"], found["failed"], found["errors"]) == (len(old), 0, [])
    bucket = DirectoryStore("bucket")
    assert (sorted(bucket.keys()), list(disk.keys())) == (sorted(old), [one for one in keys if one not in old])
    assert all(bucket.get(one) == bytes_of[one] for one in old)
    assert main(["validate", "bucket"]) == 0
    capsys.readouterr()
    assert main(move) == 0
    assert "0 moved" in capsys.readouterr().out


def test_what_cannot_be_moved_is_a_finding(capsys):
    assert main([*RECORD, "--start", "2024-05-01T12:00:00Z"]) == 0
    first = next(one for one in DirectoryStore("disk").keys("") if not one.endswith("_end"))
    theirs = DirectoryStore("bucket").open_writer(first, content_type="video/mp4")
    theirs.append(b"theirs")
    theirs.seal({})
    capsys.readouterr()
    assert main(["move", "disk", "bucket", "--older-than", "P7D"]) == 1
    said = capsys.readouterr()
    assert "1 failed" in said.out
    assert f"another object of this key: {first}" in said.err
    assert DirectoryStore("disk").head(first).size > 6


def test_stores_within_each_other_are_refused(capsys):
    assert main([*RECORD, "--start", "2024-05-01T12:00:00Z"]) == 0
    assert main(["move", "disk", "disk/inner", "--older-than", "P7D"]) == 2
    assert "lies within" in capsys.readouterr().err


def test_a_store_is_checked(capsys):
    Path("disk").mkdir()
    assert main(["check-store", "disk"]) == 0
    said = capsys.readouterr().out
    assert "fit      create only: a second object of one key is refused" in said
    assert "the store is fit for recordings" in said
    assert main(["check-store", "nowhere"]) == 2


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_check_that_is_interrupted_says_nothing_of_the_store(capsys, monkeypatch, form):
    """And leaves nothing behind."""
    Path("disk").mkdir()
    first, *others = store_check._PROBES

    def interrupted(trial):
        trial.write("late")
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it went on")

    monkeypatch.setattr(store_check, "_PROBES", (first, ("late", interrupted), *others))
    assert main(["check-store", "disk", *form]) == 130
    said = capsys.readouterr()
    assert said.err == "onvif-bmff: ended by SIGINT: whether the store is fit is not known\n"
    assert "recordings" not in said.out
    if form:
        assert json.loads(said.out)["fit"] is None
    assert list(DirectoryStore("disk").keys()) == []


def test_a_store_that_is_not_fit_is_status_1(capsys, monkeypatch, tmp_path):
    need_module("obstore")
    monkeypatch.setenv("HOME", str(tmp_path))
    with FakeServer() as server:
        lines = [f'{name} = "{value}"' for name, value in server.options().items() if isinstance(value, str)]
        Path("options.toml").write_text("\n".join([*lines, "retry_seconds = 0.2"]))
        assert main(["check-store", "s3://bucket", "--store-options", "options.toml", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["fit"] is False
    assert [one["probe"] for one in found["probes"] if one["fitness"] == "unfit"] == ["clock"]


def test_one_line_says_that_there_is_no_bucket(capsys, monkeypatch, tmp_path):
    need_module("obstore")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main([*RECORD, "--start", "2024-05-01T12:00:00Z"]) == 0
    with FakeServer() as server:
        server.bucket.next_fault = lambda method: "no bucket"
        lines = [f'{name} = "{value}"' for name, value in server.options().items() if isinstance(value, str)]
        Path("options.toml").write_text("\n".join([*lines, "retry_seconds = 0.2"]))
        options = ["--target-options", "options.toml"]
        for command in (["copy", "disk", "s3://bucket"], ["move", "disk", "s3://bucket", "--older-than", "P1D"]):
            capsys.readouterr()
            assert main([*command, *options]) == 2
            assert capsys.readouterr().err == "onvif-bmff: there is no such bucket or container\n"
