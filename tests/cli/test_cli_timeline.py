"""``onvif-bmff timeline``: what was recorded when."""

import json
from pathlib import Path

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.objects import ObjectKey, SegmentObject, SpanEndObject
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2024-02-28T22:10:00Z")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two spans of video over midnight with a gap of 20 minutes, one lost object, one open span of audio."""
    made = DirectoryStore(tmp_path, fsync=False)

    def put(seconds: int, counter: int, extension: str, *, end: bool = False) -> None:
        key = ObjectKey("site-2", START.plus_ticks(seconds, 1), "camera-5", counter, extension, end)
        made.put(SpanEndObject(key) if end else SegmentObject(key, b"x", "video/mp4"))

    for counter in range(12):
        if counter != 4:
            put(300 * counter, counter, "m4v")
    put(3600, 12, "m4v", end=True)
    for counter in range(12):
        put(4800 + 300 * counter, counter, "m4v")
        put(4800 + 300 * counter, counter, "m4a")
    put(8400, 12, "m4v", end=True)
    return tmp_path


def test_a_plain_listing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "m4a  2024-02-28T23:30:00.000Z … after 2024-02-29T00:25:00.000Z  12 objects, open  site-2/camera-5",
        "m4v  2024-02-28T22:10:00.000Z … 2024-02-28T23:10:00.000Z  11 objects, closed  site-2/camera-5",
        "     lost: 1 objects from counter 4, before 2024-02-28T22:35:00.000000Z",
        "m4v  2024-02-28T23:30:00.000Z … 2024-02-29T00:30:00.000Z  12 objects, closed  site-2/camera-5",
        "m4v  gap 2024-02-28T23:10:00.000Z … 2024-02-28T23:30:00.000Z  PT1200S",
    ]


@pytest.mark.parametrize("other", ["--totals", "--json"])
def test_a_picture_is_of_the_list_of_spans(other: str, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", str(store), "--picture", other]) == 2
    assert "--picture draws the spans above their list" in capsys.readouterr().err


def test_a_picture_of_the_days(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", str(store), "--picture"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "site-2 … camera-5"
    assert lines[1].startswith("2024-02-28 0   1   2")
    video = lines[3]
    assert video.startswith("     video ")
    cells = video[11:]
    assert len(cells) == 96
    # 22:00 to 22:15 in part, then whole quarters with a loss at 22:30, up to 23:10, and from 23:30.
    assert cells[88:] == "▌!██▌·██" or cells[88:] == "▌█!█▌·██", cells[88:]
    assert set(cells[:88]) == {"·"}
    assert lines[4].startswith("2024-02-29 0   1")
    assert lines[6][11:15] == "██··"


def test_json(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", str(store), "--json", "--prefix", "site-2", "--postfix", "camera-5"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [(one["extension"], one["state"], one["segments"]) for one in report["spans"]] == [
        ("m4a", "open", 12),
        ("m4v", "closed", 11),
        ("m4v", "closed", 12),
    ]
    assert report["spans"][1]["lost"] == [{"first_counter": 4, "count": 1, "before": "2024-02-28T22:35:00.000Z"}]
    assert report["gaps"] == [
        {
            "prefix": "site-2",
            "postfix": "camera-5",
            "extension": "m4v",
            "start": "2024-02-28T23:10:00.000Z",
            "end": "2024-02-28T23:30:00.000Z",
            "duration": "PT1200S",
            "exact": True,
        }
    ]
    assert report["overlaps"] == []
    assert (report["objects"], report["foreign"]) == (37, 0)


def test_a_range_and_nothing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    span = ["--from", "2024-02-29T00:00:00Z", "--to", "2024-02-29T01:00:00Z"]
    assert main(["timeline", str(store), *span, "--prefix", "site-2", "--postfix", "camera-5", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["extension"] for one in report["spans"]] == ["m4a", "m4v"]
    assert report["gaps"] == []
    assert main(["timeline", str(store), "--prefix", "elsewhere", "--allow-empty"]) == 0
    assert capsys.readouterr().out == "nothing was recorded\n"
    assert main(["timeline", str(store), "--prefix", "elsewhere"]) == 2, "a slip must not look like an empty recording"
    said = capsys.readouterr()
    line = f"onvif-bmff: {store}: nothing was recorded with prefix 'elsewhere': there are no objects\n"
    assert (said.out, said.err) == ("", line)


def test_a_recording_trimmed_at_its_head(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / "site-2/2024-02-28/camera-5/22/10-00.000Z.0.m4v").unlink()
    assert main(["timeline", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == [
        "     begins with counter 1: older objects are gone, or were not listed",
        "     lost: 1 objects from counter 4, before 2024-02-28T22:35:00.000000Z",
    ]
    assert main(["timeline", str(store), "--picture"]) == 0
    assert capsys.readouterr().out.count("!") == 1
    assert main(["timeline", str(store), "--json"]) == 0
    spans = json.loads(capsys.readouterr().out)["spans"]
    assert [(one["trimmed"], [lost["first_counter"] for lost in one["lost"]]) for one in spans] == [
        (0, []), (1, [4]), (0, []),
    ]  # fmt: skip


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.startswith("onvif-bmff: no such directory")
    assert main(["timeline", str(tmp_path), "--from", "yesterday"]) == 2


def test_objects_of_other_formats_are_counted_and_named(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = next(path.parent for path in store.rglob("*.m4v"))
    for counter in range(3):
        (folder / f"59-0{counter}.000Z.{counter}.mkv").write_bytes(b"\x1a\x45\xdf\xa3")
    (folder / "59-03.000Z.3.mkv_end").write_bytes(b"")
    assert main(["timeline", str(store)]) == 0
    assert "3 objects of other formats under keys of recordings (mkv)" in capsys.readouterr().out
    assert main(["timeline", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["other_formats"] == {"mkv": 3}
    for path in store.rglob("*.m4*"):
        path.unlink()
    for command in (["timeline", str(store)], ["export", str(store), "-o", str(tmp_path / "out.mp4")]):
        assert main(command) == 2
        assert "only 3 objects of other formats under keys of recordings (mkv)" in capsys.readouterr().err
