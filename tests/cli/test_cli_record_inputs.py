"""``onvif-bmff record``: inputs that are pipes, devices or other formats, and the choice among several tracks."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support_mp4_files import START, progressive, track

from onvif_bmff.bmff import TrackBox, TrackHeaderBox, UnknownBox
from onvif_bmff.cli.main import main
from onvif_bmff.storage import DirectoryStore

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
START_TIME = ["--start", "2022-11-08T15:08:23.547Z"]
MATROSKA = b"\x1a\x45\xdf\xa3" + bytes(60)
TWO = {"stts": [(4, 800)], "stsc": [(1, 4, 1)], "stsz": [100] * 4}


def sound(number: int, at: int, flags: int = 1, **more) -> TrackBox:
    """Half a second of sound in a track, its bytes all ``at``."""
    made = track(number, **{**TWO, "stco": [START + at], **more})
    header = made.require(TrackHeaderBox)
    header.flags = flags
    return made


def record(capsys, path: Path | str, store: Path, *options: str) -> tuple[int, str]:
    status = main(["record", str(path), "--store", str(store), *START_TIME, *options])
    return status, capsys.readouterr().err


def bodies(store: Path) -> dict[str, bytes]:
    holder = DirectoryStore(store)
    return {key: holder.get(key) for key in holder.keys()}  # noqa: SIM118


def run_with_input(data: bytes, store: Path, path: str = "-") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "onvif_bmff", "record", path, "--store", str(store), *START_TIME]
    return subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("path", ["-", "/dev/stdin"])
def test_standard_input_is_recorded_as_the_file_is(path, tmp_path, capsys):
    assert record(capsys, CLIP, tmp_path / "file") == (0, "")
    done = run_with_input(CLIP.read_bytes(), tmp_path / "pipe", path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert bodies(tmp_path / "pipe") == bodies(tmp_path / "file")


def test_a_named_pipe_is_read_to_its_end(tmp_path, capsys):
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(CLIP.read_bytes(),))
    writer.start()
    assert record(capsys, pipe, tmp_path / "store") == (0, "")
    writer.join()
    assert record(capsys, CLIP, tmp_path / "file") == (0, "")
    assert bodies(tmp_path / "store") == bodies(tmp_path / "file")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"hello", "the file is a text, no MP4 file"),
        (MATROSKA, "the file is a Matroska or WebM file, no MP4 file"),
    ],
)
def test_standard_input_that_is_no_movie_is_one_line(data, message, tmp_path):
    done = run_with_input(data, tmp_path / "store")
    assert done.returncode == 2
    assert done.stderr.decode() == f"onvif-bmff: standard input: {message}\n"
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (MATROSKA, "the file is a Matroska or WebM file, no MP4 file"),
        (b"RIFF\0\0\1\0AVI LIST" + bytes(99), "the file is an AVI file, no MP4 file"),
        (
            bytes(range(0x80, 0x100)),
            "the file has no movie box (moov): the file has 128 bytes that are no boxes at its end, from byte 0 on",
        ),
    ],
)
def test_what_is_no_movie_is_named(data, message, tmp_path, capsys):
    path = tmp_path / "movie.mp4"
    path.write_bytes(data)
    assert record(capsys, path, tmp_path / "store") == (2, f"onvif-bmff: {path}: {message}\n")


def test_devices_are_one_line(tmp_path, capsys):
    for path in ("/dev/null", "/dev/zero"):
        assert record(capsys, path, tmp_path / "store") == (
            2, f"onvif-bmff: {path}: a device, not a media file\n",
        )  # fmt: skip


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """Sound in four tracks: empty, disabled, and two more; and a track that is no media."""
    made = progressive(
        sound(1, 0, stts=[], stsc=[], stsz=[], stco=[]),
        sound(2, 100, flags=0),
        sound(3, 500),
        sound(4, 900),
        track(5, handler="text", entries=[UnknownBox(type="tx3g", data=bytes(30))]),
        data=b"".join(bytes((number,)) * 100 for number in range(20)),
    )
    path = tmp_path / "several.mp4"
    path.write_bytes(made)
    return path


def test_cmaf_has_the_first_enabled_track_of_a_kind_that_is_not_empty(several, tmp_path, capsys):
    status, said = record(capsys, several, tmp_path / "store")
    left_out = [line.removeprefix(f"onvif-bmff: {several}: ") for line in said.splitlines()]
    assert status == 0
    assert left_out == [
        "track 5 ('text') is no video, audio or metadata",
        "AUDIO001 (track 1) is not recorded: CMAF holds one audio track, --track chooses",
        "AUDIO002 (track 2) is not recorded: CMAF holds one audio track, --track chooses",
        "AUDIO004 (track 4) is not recorded: CMAF holds one audio track, --track chooses",
    ]
    (body,) = [body for key, body in bodies(tmp_path / "store").items() if key.endswith(".0.m4a")]
    assert bytes((5,)) * 100 in body
    assert bytes((9,)) * 100 not in body


@pytest.mark.parametrize("word", ["AUDIO004", "4"])
def test_a_track_can_be_chosen(word, several, tmp_path, capsys):
    assert record(capsys, several, tmp_path / "store", "--track", word) == (
        0, f"onvif-bmff: {several}: track 5 ('text') is no video, audio or metadata\n",
    )  # fmt: skip
    (body,) = [body for key, body in bodies(tmp_path / "store").items() if key.endswith(".0.m4a")]
    assert bytes((9,)) * 100 in body


def test_mp4_has_all_tracks_or_those_that_are_chosen(several, tmp_path, capsys):
    assert record(capsys, several, tmp_path / "all", "--format", "MP4")[0] == 0
    (body,) = [body for key, body in bodies(tmp_path / "all").items() if key.endswith(".0.mp4")]
    assert all(bytes((number,)) * 100 in body for number in (1, 5, 9))
    chosen = ("--track", "2", "--track", "AUDIO003")
    assert record(capsys, several, tmp_path / "two", "--format", "MP4", *chosen)[0] == 0
    (body,) = [body for key, body in bodies(tmp_path / "two").items() if key.endswith(".0.mp4")]
    assert [bytes((number,)) * 100 in body for number in (1, 5, 9)] == [True, True, False]


def test_wrong_choices_are_one_line(several, tmp_path, capsys):
    status, said = record(capsys, several, tmp_path / "store", "--track", "VIDEO001")
    assert (status, said.count("\n")) == (2, 1)
    assert "there is no track VIDEO001 to record, only AUDIO001 (1), " in said
    status, said = record(capsys, several, tmp_path / "store", "--track", "2", "--track", "3")
    assert (status, said) == (2, "onvif-bmff: CMAF holds one audio track, not two\n")


def test_faults_are_told_once_and_loss_is_status_1(tmp_path, capsys):
    path = tmp_path / "faulty.mp4"
    whole = progressive(track(1, **{**TWO, "stts": [(2, 800)], "stco": [START]}), data=bytes(400))
    short = "track 1 has fewer durations than samples: the last one is used for the others"
    path.write_bytes(whole)
    assert record(capsys, path, tmp_path / "short") == (0, f"onvif-bmff: {path}: {short}\n")
    path.write_bytes(whole + b"some text")
    status, said = record(capsys, path, tmp_path / "stray")
    assert (status, said.count("\n"), short in said) == (0, 2, True)
    assert f"the file has 9 bytes that are no boxes at its end, from byte {len(whole)} on\n" in said
    outside = "track 1 has samples outside the file"
    some = progressive(track(1, **{**TWO, "stsc": [(1, 2, 1)], "stco": [START, 1 << 20]}), data=bytes(400))
    path.write_bytes(some)
    assert record(capsys, path, tmp_path / "some") == (1, f"onvif-bmff: {path}: {outside} (2 samples lost)\n")
    path.write_bytes(progressive(track(1, **{**TWO, "stco": [1 << 20]}), data=bytes(400)))
    status, said = record(capsys, path, tmp_path / "lost")
    assert status == 2
    assert said == f"onvif-bmff: {path}: nothing was recorded: {outside} (4 samples lost)\n"


def test_times_that_count_from_1970_do_not_move_the_recording(tmp_path, capsys):
    """Recordings of the option --decode-times utc, and of cameras that count so, begin where --start says."""
    start = ["--start", "2024-05-01T12:00:00Z", "--segment-duration", "PT4S"]
    assert main(["record", str(CLIP), "--store", str(tmp_path / "utc"), "--decode-times", "utc", *start]) == 0
    (first,) = (tmp_path / "utc").rglob("*.0.m4v")
    capsys.readouterr()
    later = ["--start", "2024-06-01T00:00:00Z"]
    assert main(["record", str(first), "--store", str(tmp_path / "again"), *later]) == 0
    assert "its times begin" in capsys.readouterr().err
    keys = list(DirectoryStore(tmp_path / "again", create=False).keys())
    assert keys
    assert all(key.startswith("2024-06-01/00/00-0") for key in keys)


def test_a_standard_input_that_is_closed_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["record", "-", "--store", str(tmp_path / "store")]) == 2
    assert capsys.readouterr().err.count("standard input is closed") == 1


@pytest.mark.interop
def test_video_with_one_sync_sample_is_cut_by_time_after_a_minute(make_clip, tmp_path, capsys):
    """Its segments are no longer than they should be, and it is said that they cannot be decoded alone."""
    source = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=20:duration=75")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "keyint=infinite:scenecut=0:bframes=0")
    clip = make_clip("one-sync.mp4", (*source, *coded))
    status, said = record(capsys, clip, tmp_path / "store", "--segment-duration", "PT4S")
    assert status == 0
    assert "VIDEO001: decoding can start nowhere for a minute" in said
    segments = [key for key in bodies(tmp_path / "store") if key.endswith(".m4v")]
    assert len(segments) == 1 + 4  # a minute, and 15 s in segments of 4 s
