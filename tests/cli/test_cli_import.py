"""``onvif-bmff import``: folders of other recorders become spans at the times at which their files began."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support_tools import need, need_module

from onvif_bmff.cli.main import main
from onvif_bmff.cli.recording_names import time_in_path, time_zone
from onvif_bmff.errors import TimeError
from onvif_bmff.playback import SampleReader, Timeline, select
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"


@pytest.mark.parametrize(
    ("path", "start", "camera", "resolution"),
    [
        ("cam1/2024-05-01_12-00-05-123456.mp4", "2024-05-01T12:00:05.123456Z", "cam1", timedelta(milliseconds=1)),
        ("2024-05-01/12/garden/05.23.mp4", "2024-05-01T12:05:23Z", "garden", timedelta(seconds=1)),
        (
            "recordings/2024-05-01/12/garden/05.23.mp4",
            "2024-05-01T12:05:23Z",
            "recordings/garden",
            timedelta(seconds=1),
        ),
        ("garden-1714564800.123456-abc.mp4", "2024-05-01T12:00:00.123456Z", "garden", timedelta(milliseconds=1)),
        ("1714564800.mp4", "2024-05-01T12:00:00Z", "", timedelta(seconds=1)),
        ("20240501T120005Z.mp4", "2024-05-01T12:00:05Z", "", timedelta(seconds=1)),
        ("door_20240501_120005.mkv", "2024-05-01T12:00:05Z", "door", timedelta(seconds=1)),
        ("door 2024.05.01 12.00.05.250 x.ts", "2024-05-01T12:00:05.25Z", "door", timedelta(milliseconds=1)),
        ("a/b/2024-05-01T12:00:05+02:00.mp4", "2024-05-01T10:00:05Z", "a/b", timedelta(seconds=1)),
        ("a/2024-05-01T12-00-05-0500.mp4", "2024-05-01T17:00:05Z", "a", timedelta(seconds=1)),
        ("cam/2024-05-01/12-00-05.mp4", "2024-05-01T12:00:05Z", "cam", timedelta(seconds=1)),
        ("cam/2024/05/01/12-00-05-123456.mp4", "2024-05-01T12:00:05.123456Z", "cam", timedelta(milliseconds=1)),
        (
            "video/20240501/cam_20240501_120005123456_UTC.mp4",
            "2024-05-01T12:00:05.123456Z",
            "video/cam",
            timedelta(milliseconds=1),
        ),
        ("cam/1714564805-123456.mp4", "2024-05-01T12:00:05.123456Z", "cam", timedelta(milliseconds=1)),
        ("cam/1714564805.123-4.mp4", "2024-05-01T12:00:05.123Z", "cam", timedelta(milliseconds=1)),
        ("garden_20240501_120005-20240501_121005_a1b2c3.mp4", "2024-05-01T12:00:05Z", "garden", timedelta(seconds=1)),
        ("site/cam1/2024-05-01_12-00-05.mp4", "2024-05-01T12:00:05Z", "site/cam1", timedelta(seconds=1)),
        ("cam/2024/05/01/12/00-05.mp4", None, "", None),
        ("cam/clip.mp4", None, "", None),
        ("cam/2024-13-01_12-00-05.mp4", None, "", None),
        ("cam/2024-02-30_12-00-05.mp4", None, "", None),
        ("cam/2024-05-01_25-00-05.mp4", None, "", None),
        ("cam/12345678901234567890.mp4", None, "", None),
    ],
)
def test_names_of_recorders_are_read(path: str, start: str | None, camera: str, resolution: timedelta | None) -> None:
    found = time_in_path(path.split("/"), UTC)
    if start is None:
        assert found is None
    else:
        assert found is not None
        assert (found.start, found.camera, found.resolution) == (UtcTime.parse(start), camera, resolution)


def test_names_are_of_a_time_zone() -> None:
    for zone, start in (
        (ZoneInfo("Europe/Berlin"), "2024-07-01T10:00:05Z"),
        (time_zone("-03:30"), "2024-07-01T15:30:05Z"),
    ):
        found = time_in_path(["2024-07-01_12-00-05.mp4"], zone)
        assert found is not None
        assert found.start == UtcTime.parse(start)
        written = time_in_path(["2024-07-01_12-00-05Z.mp4"], zone)
        assert written is not None
        assert written.start == UtcTime.parse("2024-07-01T12:00:05Z")
    assert time_zone("+02:00") == timezone(timedelta(hours=2))
    for wrong in ("+99:00", "Nowhere/Town", "../etc/passwd", ""):
        with pytest.raises(TimeError):
            time_zone(wrong)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six files of two seconds each, as a recorder cuts a stream, H.264 and AAC; and the last one again as Matroska."""
    need("ffmpeg")
    folder = tmp_path_factory.mktemp("pieces")
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25"]
    command += ["-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "12", "-c:v", "libx264", "-g", "25", "-bf", "0"]
    command += ["-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "segment", "-segment_time", "2", "-reset_timestamps", "1"]
    subprocess.run([*command, str(folder / "%d.mp4")], check=True, timeout=60)
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(folder / "5.mp4"), "-c", "copy", str(folder / "5.mkv")],
        check=True,
        timeout=60,
    )
    return [folder / f"{number}.mp4" for number in range(6)] + [folder / "5.mkv"]


def spans(store: Path, prefix: str) -> list[tuple[str, str]]:
    """Start and end of the spans of video."""
    timeline = Timeline.from_store(DirectoryStore(store), prefix=prefix)
    return [
        (span.start.isoformat(), span.end.isoformat() if span.end else "")
        for span in timeline.spans
        if span.segments[0].name.endswith(".m4v")
    ]


def near(found: tuple[str, str], start: str, end: str) -> bool:
    """Whether a span is that, but for what an encoder's delay may be."""
    offs = (UtcTime.parse(one) - UtcTime.parse(other) for one, other in zip(found, (start, end), strict=True))
    return all(abs(off) <= timedelta(milliseconds=100) for off in offs)


def pictures(store: Path, prefix: str) -> int:
    bucket = DirectoryStore(store)
    selection = select(Timeline.from_store(bucket, prefix=prefix), prefix=prefix)
    return sum(str(one.track.type) == "Video" for one in SampleReader(bucket, selection))


def test_files_that_follow_each_other_are_one_span(
    pieces: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frigate's names are exact to a second only; MediaMTX writes local time. The Matroska file has a gap before it."""
    need_module("av")
    frigate = tmp_path / "in" / "2024-05-01" / "12" / "garden"
    mediamtx = tmp_path / "in" / "door"
    frigate.mkdir(parents=True)
    mediamtx.mkdir()
    for number, second in enumerate((0, 2, 4, 7, 8, 10)):  # one is told a second late
        shutil.copy(pieces[number], frigate / f"59.{second:02}.mp4")
    for number in range(3):
        shutil.copy(pieces[number], mediamtx / f"2024-05-01_14-00-0{2 * number}-500000.mp4")
    shutil.copy(pieces[6], mediamtx / "2024-05-01_14-30-00-000000.mkv")
    (mediamtx / "notes.txt").write_text("no media")
    store = tmp_path / "store"
    arguments = ["import", str(tmp_path / "in"), "--store", str(store), "--prefix", "old"]
    assert main([*arguments, "--dry-run"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 10
    assert out[0].startswith("would be recorded 2024-05-01T14:00:00.500Z old/door ")
    assert not store.exists()
    assert main(arguments) == 0
    assert capsys.readouterr().err == ""
    (garden,) = spans(store, "old/garden")
    assert near(garden, "2024-05-01T12:59:00Z", "2024-05-01T12:59:12Z")
    first, second = spans(store, "old/door")
    assert near(first, "2024-05-01T14:00:00.5Z", "2024-05-01T14:00:06.5Z")
    assert near(second, "2024-05-01T14:30:00Z", "2024-05-01T14:30:02Z")
    assert pictures(store, "old/garden") == 300
    assert pictures(store, "old/door") == 200
    assert [one for one in validate_store(DirectoryStore(store)) if one.rule != "C-33"] == []


def test_a_transport_stream_begins_with_its_first_sample(pieces: list[Path], tmp_path: Path) -> None:
    """MediaMTX can write such files. Their times count from anywhere: ffmpeg's from 1.4 seconds."""
    need_module("av")
    folder = tmp_path / "in" / "door"
    folder.mkdir(parents=True)
    for number in range(3):
        place = folder / f"2024-05-01_12-00-0{2 * number}-000000.ts"
        command = ["ffmpeg", "-v", "error", "-i", str(pieces[number]), "-c", "copy", str(place)]
        subprocess.run(command, check=True, timeout=60)
    assert main(["import", str(tmp_path / "in"), "--store", str(tmp_path / "store")]) == 0
    (found,) = spans(tmp_path / "store", "door")
    assert near(found, "2024-05-01T12:00:00Z", "2024-05-01T12:00:06Z")
    assert pictures(tmp_path / "store", "door") == 150


def test_times_may_come_from_the_movie_header_or_the_file_system(pieces: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    folder.mkdir()
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(pieces[0]), "-c", "copy", "-metadata", "creation_time=2023-01-02T03:04:05Z",
         str(folder / "x.mp4")],
        check=True, timeout=60,
    )  # fmt: skip
    os.utime(folder / "x.mp4", (1_700_000_002, 1_700_000_002))
    store = tmp_path / "store"
    assert main(["import", str(folder), "--store", str(store / "a"), "--time-from", "creation"]) == 0
    assert near(spans(store / "a", "")[0], "2023-01-02T03:04:05Z", "2023-01-02T03:04:07Z")
    assert main(["import", str(folder), "--store", str(store / "b"), "--time-from", "mtime"]) == 0
    assert near(spans(store / "b", "")[0], "2023-11-14T22:13:20Z", "2023-11-14T22:13:22Z")


def test_files_that_cannot_be_placed_or_read_are_named(
    pieces: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cam"
    folder.mkdir()
    shutil.copy(pieces[0], folder / "2024-05-01_12-00-00.mp4")
    shutil.copy(pieces[1], folder / "clip.mp4")
    (folder / "2024-05-01_12-00-02.mp4").write_bytes(b"no movie at all")
    store = tmp_path / "store"
    assert main(["import", str(folder), "--store", str(store)]) == 1
    err = capsys.readouterr().err.splitlines()
    assert [line for line in err if "clip.mp4: no time is in its name" in line]
    assert [line for line in err if "2024-05-01_12-00-02.mp4" in line]
    assert len(err) == 2
    (found,) = spans(store, "")
    assert near(found, "2024-05-01T12:00:00Z", "2024-05-01T12:00:02Z")


def test_nothing_to_import_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    assert main(["import", str(folder), "--store", str(tmp_path / "store")]) == 2
    assert "no media file whose time is known" in capsys.readouterr().err
    assert main(["import", str(CLIP), "--store", str(tmp_path / "store")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_a_second_import_overwrites_nothing(pieces: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "cam"
    folder.mkdir()
    shutil.copy(pieces[0], folder / "2024-05-01_12-00-00.mp4")
    store = tmp_path / "store"
    command = [sys.executable, "-m", "onvif_bmff", "import", str(folder), "--store", str(store)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    before = {key: (store / key).stat().st_mtime_ns for key in DirectoryStore(store).keys("")}
    done = subprocess.run([*command, "--again"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "objects are not stored" in done.stderr
    assert before == {key: (store / key).stat().st_mtime_ns for key in DirectoryStore(store).keys("")}


LEFT_OUT = "files are left out: the store holds all of their samples at their times"


def stored(store: Path) -> dict[str, int]:
    return {key: (store / key).stat().st_mtime_ns for key in DirectoryStore(store).keys("")}


def test_files_that_the_store_holds_are_left_out_and_others_are_recorded(
    pieces: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, store = tmp_path / "cam", tmp_path / "store"
    folder.mkdir()
    for number in range(3):
        shutil.copy(pieces[number], folder / f"2024-05-01_12-00-0{2 * number}.mp4")
    command = ["import", str(folder), "--store", str(store)]
    assert main(command) == 0
    first = stored(store)
    assert LEFT_OUT not in capsys.readouterr().out
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines() == [f"0 bytes in 0 objects under {store}", f"3 of 3 {LEFT_OUT}"]
    assert stored(store) == first
    shutil.copy(pieces[3], folder / "2024-05-01_12-00-06.mp4")  # the folder has grown
    shutil.copy(pieces[0], folder / "2024-05-01_12-30-00.mp4")  # the same pictures, at another time
    assert main(command) == 0
    assert f"3 of 5 {LEFT_OUT}" in capsys.readouterr().out
    assert first.items() < stored(store).items()
    assert pictures(store, "") == 250
    assert [one for one in validate_store(DirectoryStore(store)) if one.rule != "C-33"] == []


@pytest.mark.parametrize("change", ["another picture", "an object is lost", "encrypted"])
def test_a_file_is_recorded_of_which_the_store_does_not_hold_all(
    change: str, pieces: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, store = tmp_path / "cam", tmp_path / "store"
    folder.mkdir()
    file = folder / "2024-05-01_12-00-00.mp4"
    shutil.copy(pieces[0], file)
    command = ["import", str(folder), "--store", str(store)]
    assert main(command) == 0
    if change == "another picture":
        data = bytearray(file.read_bytes())
        data[data.index(b"mdat") + 2_000] ^= 1  # of its first picture
        file.write_bytes(data)
    elif change == "an object is lost":
        (lost,) = [key for key in stored(store) if key.endswith(".m4a")]
        DirectoryStore(store).delete(lost)
    else:
        command += [
            "--encrypt",
            "CBCS",
            "--kid",
            "00112233445566778899aabbccddeeff",
            "--key",
            "000102030405060708090a0b0c0d0e0f",
        ]
    assert main(command) == 2  # what is there is not replaced
    found = capsys.readouterr()
    assert LEFT_OUT not in found.out
    assert "objects are not stored" in found.err
