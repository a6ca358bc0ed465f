"""``onvif-bmff recover``: what it does, says and leaves alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.objects import ObjectKey, SegmentObject
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.testing.recordings import START, recorded_objects
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

CHILD = """
import os, sys
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.testing.recordings import recorded_events
from onvif_bmff.timing import UtcTime
store = DirectoryStore(sys.argv[1], fsync=False)
events = recorded_events(tracks=("vide",), segments=2, seconds=2, start=UtcTime.parse(sys.argv[2]), prefix="live")
writer = store.open_writer(str(events[0].key), content_type=events[0].content_type)
writer.append(events[0].header)
writer.append(*events[1].buffers)
print("ready", flush=True)
if sys.stdin.readline() == "die":
    os._exit(9)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A recording that was never ended, years ago."""
    store = DirectoryStore(tmp_path / "store", fsync=False)
    for item in recorded_objects(tracks=("vide", "soun"), ended=False):
        store.put(item)
    return tmp_path / "store"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main(["recover", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.mark.requirement("ANX-B.5-01")
@pytest.mark.parametrize("where", [(), ("--prefix", "site-2", "--postfix", "camera-5")])
def test_spans_are_ended_once(root: Path, capsys: pytest.CaptureFixture[str], where: tuple[str, ...]) -> None:
    keys = list(DirectoryStore(root).keys())
    status, out, err = run(capsys, root, "--dry-run", *where)
    assert (status, err) == (0, "")
    assert out.count("would be ended") == 2
    assert list(DirectoryStore(root).keys()) == keys
    status, out, err = run(capsys, root, *where)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "0 completed, 0 given up, 2 ended, 0 left open, 0 errors"
    assert list(validate_store(DirectoryStore(root))) == []
    status, out, _ = run(capsys, root, "--json", *where)
    assert status == 0
    assert json.loads(out) == {
        "schema": "onvif-bmff/recover/1",
        "recovered": [],
        "abandoned": [],
        "ended": [],
        "left": [],
        "errors": [],
        "dry_run": False,
    }


def test_a_recorder_that_lives_in_another_process_is_not_hurt(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), START.isoformat(3)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()
    for options in ((), ("--nobody-records",)):
        status, out, _ = run(capsys, root, *options)
        assert status == 0
        assert "completed live" not in out.replace("  ", " ")
        assert DirectoryStore(root).open_area_state().being_written
    child.stdin.write("die")
    child.stdin.close()
    child.wait()
    child.stdout.close()
    status, out, _ = run(capsys, root)
    assert status == 0
    assert "completed live/" in out
    (span,) = Timeline.from_store(DirectoryStore(root)).of(prefix="live")
    assert span.end is not None


def test_what_was_recorded_just_now_is_left_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import time

    now = UtcTime(time.time_ns() // 1000)
    store = DirectoryStore(tmp_path, fsync=False)
    for item in recorded_objects(tracks=("vide",), ended=False, start=now):
        store.put(item)
    status, out, _ = run(capsys, tmp_path)
    assert status == 0
    assert "somebody records there" in out
    assert out.splitlines()[-1] == "0 completed, 0 given up, 0 ended, 1 left open, 0 errors"
    status, out, _ = run(capsys, tmp_path, "--nobody-records")
    assert out.splitlines()[-1] == "0 completed, 0 given up, 1 ended, 0 left open, 0 errors"


def test_what_cannot_be_recovered_is_said_in_a_line_each(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = ObjectKey("junk", START, "", 0, "m4v")
    DirectoryStore(root).put(SegmentObject(key, b"\0\0\0\x04junk", "video/mp4"))
    status, out, err = run(capsys, root)
    assert status == 1
    assert len(err.splitlines()) == 1
    assert str(key) in err
    assert "2 ended" in out


@pytest.mark.parametrize("arguments", [("--prefix", "x"), ("--postfix", "x"), ("--idle", "PT0S")])
def test_wrong_arguments(root: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    status, _, err = run(capsys, root, *arguments)
    assert status == 2
    assert len(err.splitlines()) == 1


def test_no_such_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, tmp_path / "nowhere")
    assert (status, len(err.splitlines())) == (2, 1)
    assert not (tmp_path / "nowhere").exists()
