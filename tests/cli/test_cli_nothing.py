"""A command that found nothing to look at says so and fails: a slip must not look like success."""

import json
from pathlib import Path

import pytest

from onvif_bmff.cli.main import main

CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
COMMANDS = ("validate", "timeline", "export")
LATER = ("--from", "2030-01-01T00:00:00Z", "--to", "2030-01-02T00:00:00Z")
OPEN_END = ("--from", "2030-01-01T00:00:00Z")


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    for name in ("empty", "texts", "recorded", "ends", "broken"):
        (folder / name).mkdir()
    for number in range(3):
        (folder / "texts" / f"note-{number}.txt").write_text("hello")
    for name in ("recorded", "ends"):
        arguments = ["--prefix", "site-2", "--start", "2022-11-08T15:08:23.547Z"]
        assert main(["record", str(CAMERA), "--store", str(folder / name), *arguments]) == 0
    for path in (folder / "ends").rglob("*.m4[av]"):
        path.unlink()
    (folder / "file").write_text("no directory")
    return folder


CASES = [
    ("empty", (), "nothing was recorded: there are no objects"),
    ("texts", (), "nothing was recorded: none of 3 names is such a key"),
    ("recorded", ("--prefix", "site-3"), "nothing was recorded with prefix 'site-3': there are no objects"),
    ("recorded", ("--postfix", "x"), "nothing was recorded with postfix 'x': none of 6 names"),
    ("recorded", ("--prefix", "site-2", "--postfix", "x"), "with prefix 'site-2' and postfix 'x'"),
    ("recorded", LATER, "nothing was recorded in that time: there are 6 keys"),
    ("recorded", (*LATER, "--prefix", "site-2", "--postfix", ""), "'site-2' in that time: there are no objects"),
    ("recorded", OPEN_END, "in that time: there are 6 keys, but of no segment that is wanted"),
    ("none", (), "no such directory"),
    ("file", (), "no such directory"),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("store", "options", "line"), CASES, ids=str)
def test_nothing_is_no_success(stores, tmp_path, capsys, command, store, options, line):
    made = ("-o", str(tmp_path / "out.mp4")) if command == "export" else ()
    capsys.readouterr()
    assert main([command, str(stores / store), *options, *made]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("onvif-bmff: ")
    assert said.err.count("\n") == 1
    assert line in said.err
    assert list(tmp_path.iterdir()) == []
    there = store not in ("none", "file")
    assert main([command, str(stores / store), *options, *made, "--allow-empty"]) == (0 if there else 2)
    assert list(tmp_path.iterdir()) == []
    said = capsys.readouterr()
    assert bool(said.out) == there
    assert bool(said.err) != there


def test_playlists_of_nothing(stores, tmp_path, capsys):
    where = [str(stores / "recorded"), "--prefix", "site-3", "--hls", str(tmp_path / "hls")]
    assert main(["export", *where]) == 2
    assert main(["export", *where, "--allow-empty"]) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["validate", "timeline"])
def test_json_stays_whole(stores, capsys, command):
    capsys.readouterr()
    for store, status in (("empty", 2), ("texts", 2), ("recorded", 0)):
        assert main([command, str(stores / store), "--json"]) == status
        said = capsys.readouterr()
        assert isinstance(json.loads(said.out), dict)
        assert bool(said.err) == bool(status)


def test_names_that_are_wrong_are_findings_and_not_nothing(stores, tmp_path, capsys):
    (tmp_path / "2022-11-08" / "15").mkdir(parents=True)
    (tmp_path / "2022-11-08" / "15" / "8-23.547Z.0.m4v").touch()
    capsys.readouterr()
    assert main(["validate", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "ANX-B.4-08" in said.out
    assert said.err == ""


def test_span_ends_alone(stores, capsys):
    """All segments are gone: that is a note of the validator, and a timeline of nothing."""
    capsys.readouterr()
    assert main(["validate", str(stores / "ends")]) == 0
    said = capsys.readouterr()
    assert said.out.count("note    ANX-B.5-04") == 2
    assert "looked at 2 objects in 0 spans: 0 segments, 0 of them read, and 2 span ends\n" in said.out
    assert said.out.endswith("0 errors, 0 warnings, 2 notes\n")
    assert main(["timeline", str(stores / "ends")]) == 2
    assert "there are 2 keys, but of no segment" in capsys.readouterr().err
