"""``onvif-bmff record``: the main job, from a file to the objects of a bucket."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TypeVar

import pytest

from onvif_bmff.bmff import SampleEncryptionBox, TrackEncryptionBox, parse_boxes
from onvif_bmff.cli.main import main
from onvif_bmff.codecs import AvcCodec
from onvif_bmff.errors import BitstreamError
from onvif_bmff.storage import DirectoryStore

Kind = TypeVar("Kind")
CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
OPTIONS = ["--start", "2022-11-08T15:08:23.547Z", "--prefix", "site-2", "--postfix", "camera-5"]


def record(store: Path, *options: str) -> int:
    return main(["record", str(CLIP), "--store", str(store), *OPTIONS, *options])


@pytest.mark.requirement("REC-5.3.1-12", "ANX-B.7-03", "ANX-B.7-05")
def test_cmaf_objects_appear_and_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record(tmp_path, "--segment-duration", "PT4S", "--source", "camera 7") == 0
    keys = list(DirectoryStore(tmp_path).keys())
    assert "site-2/2022-11-08/camera-5/15/08-23.547Z.0.m4v" in keys
    assert "site-2/2022-11-08/camera-5/15/08-35.547Z.3.m4v_end" in keys
    printed = capsys.readouterr()
    assert all(key in printed.out for key in keys)
    assert printed.err == ""
    info = DirectoryStore(tmp_path).head(keys[0])
    assert info.content_type.startswith(("audio/mp4", "video/mp4"))
    assert info.attributes["Source"] == "camera 7"


@pytest.mark.requirement("REC-5.3.1-12", "ANX-B.6-02")
def test_mp4_objects_are_one_span(tmp_path: Path) -> None:
    assert record(tmp_path, "--format", "MP4", "--segment-duration", "PT4S") == 0
    store = DirectoryStore(tmp_path)
    keys = list(store.keys())
    assert [key.rsplit("Z.")[1] for key in keys] == ["0.mp4", "1.mp4", "2.mp4", "3.mp4_end"]
    assert store.head(keys[0]).content_type.startswith('video/mp4; codecs="avc1.')


def test_what_exists_is_not_overwritten_unless_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record(tmp_path) == 0
    assert record(tmp_path) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert record(tmp_path, "--overwrite") == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--segment-duration", "ten"],
        ["--segment-duration", "PT0S"],
        ["--start", "yesterday"],
        ["--start", "2022-11-08T15:08:23"],
        ["--format", "AVI"],
        ["--prefix", "/absolute"],
        ["--postfix", "a//b"],
        ["--duration", "PT1S"],
        ["--clock", "arrival"],
        ["--report-wait", "PT1S"],
        ["--once"],
        ["--json"],
        ["--user", "viewer"],
        ["--transport", "udp"],
        ["--insecure"],
        ["--timeout", "PT1S"],
        ["--spool-bytes", "1000000"],
        ["--spool-full", "drop-oldest"],
        ["--upload-order", "newest"],
        ["--upload-rate", "1000"],
    ],
)
def test_wrong_options_are_one_line_and_status_2(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert record(tmp_path / "store", *options) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"not a movie at all", CLIP.read_bytes()[:3000]])
def test_wrong_files_are_one_line_and_status_2(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.mp4"
    file.write_bytes(content)
    assert main(["record", str(file), "--store", str(tmp_path / "store")]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err


def test_ctrl_c_closes_the_spans_properly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "onvif_bmff", "record", str(CLIP), "--store", str(tmp_path), *OPTIONS]
    child = subprocess.Popen(
        [*command, "--realtime", "--segment-duration", "PT1S"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    store = DirectoryStore(tmp_path)
    deadline = time.monotonic() + 20
    while not any(key.endswith(".0.m4v") for key in list(store.keys())) and time.monotonic() < deadline:
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert child.returncode == 130, err
    keys = list(store.keys())
    assert any(key.endswith(".m4v_end") for key in keys)
    assert any(key.endswith(".m4a_end") for key in keys)
    assert not list(store.unsealed()), "nothing is left open"
    assert b".m4v_end" in out


def test_what_was_read_before_a_fault_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record(tmp_path / "whole", "--segment-duration", "PT2S") == 0
    segment = next(key for key in list(DirectoryStore(tmp_path / "whole").keys()) if key.endswith(".0.m4v"))
    fragmented = DirectoryStore(tmp_path / "whole").get(segment)
    file = tmp_path / "broken.mp4"
    file.write_bytes(fragmented + b"\0\0\0\x10moof\0\0\0\x03bad!")
    capsys.readouterr()
    assert main(["record", str(file), "--store", str(tmp_path / "store"), *OPTIONS]) == 1
    printed = capsys.readouterr()
    assert printed.err == f"onvif-bmff: {file}: /moof ends with 8 bytes that are no boxes\n"
    keys = list(DirectoryStore(tmp_path / "store").keys())
    assert [key.rsplit("Z.")[1] for key in keys] == ["0.m4v", "1.m4v_end"]
    assert DirectoryStore(tmp_path / "store").head(keys[0]).attributes["Duration"] == "PT2S"


def test_a_key_in_the_wrong_place_is_not_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = "00112233445566778899aabbccddeeff"
    assert record(tmp_path, "--encrypt", "CENC", key) == 2
    assert key not in capsys.readouterr().err


SECRET = ("--kid", "01234567-89ab-cdef-0123-456789abcdef", "--key", "00112233445566778899aabbccddeeff")


def test_some_tracks_only_can_be_encrypted(tmp_path: Path) -> None:
    assert record(tmp_path, "--encrypt", "CBCS", *SECRET, "--encrypt-track", "VIDEO001") == 0
    store = DirectoryStore(tmp_path)
    bodies = {key[-4:]: store.get(key) for key in store.keys() if key.endswith((".0.m4v", ".0.m4a"))}  # noqa: SIM118
    assert b"encv" in bodies[".m4v"]
    assert b"mp4a" in bodies[".m4a"]
    assert b"enca" not in bodies[".m4a"]
    assert b"pssh" not in bodies[".m4a"]


def boxes_of(body: bytes, kind: type[Kind]) -> list[Kind]:
    return [box for top in parse_boxes(body) for _, box in top.walk() if isinstance(box, kind)]


@pytest.mark.parametrize(("options", "size"), [((), 8), (("--iv-size", "8"), 8), (("--iv-size", "16"), 16)])
def test_vectors_of_cenc_have_8_bytes_or_16_by_option(tmp_path: Path, options: tuple[str, ...], size: int) -> None:
    assert record(tmp_path, "--encrypt", "CENC", *SECRET, *options) == 0
    store = DirectoryStore(tmp_path)
    (first,) = (key for key in store.keys() if key.endswith(".0.m4a"))  # noqa: SIM118
    (tenc,) = boxes_of(store.get(first), TrackEncryptionBox)
    assert tenc.default_per_sample_iv_size == size


def test_the_size_of_vectors_is_for_cenc(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record(tmp_path, "--encrypt", "CBCS", *SECRET, "--iv-size", "16") == 2
    assert capsys.readouterr().err.strip().endswith("--iv-size is for --encrypt CENC")
    assert record(tmp_path, "--iv-size", "16") == 2
    assert capsys.readouterr().err.strip().endswith("--iv-size needs --encrypt")


@pytest.mark.requirement("ANX-B.8-08")
def test_two_commands_at_once_with_one_key_share_no_vector(tmp_path: Path) -> None:
    """And a clock that stands still for both of them."""
    script = (
        "import sys, time; time.time_ns = lambda: 1_700_000_000_000_000_000; "
        "from onvif_bmff.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    options = [*OPTIONS, "--encrypt", "CENC", *SECRET]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, "record", str(CLIP), "--store", str(tmp_path / name), *options],
            stdout=subprocess.DEVNULL,
        )
        for name in ("a", "b")
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    used: list[bytes] = []
    for name in ("a", "b"):
        store = DirectoryStore(tmp_path / name)
        for key in store.keys():  # noqa: SIM118
            if key.endswith(".m4a"):  # audio has no subsamples: nothing but vectors
                for box in boxes_of(store.get(key), SampleEncryptionBox):
                    used += [box.data[at : at + 8] for at in range(0, len(box.data), 8)]
    assert len(used) == len(set(used)) > 500


def test_a_slip_in_the_name_of_a_track_leaves_nothing_clear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record(tmp_path, "--encrypt", "CBCS", *SECRET, "--encrypt-track", "VIDE0001") == 2
    assert "VIDEO001, AUDIO001" in capsys.readouterr().err
    assert list(DirectoryStore(tmp_path).keys()) == []
    assert record(tmp_path, "--encrypt-track", "VIDEO001") == 2
    assert capsys.readouterr().err.strip().endswith("--encrypt-track needs --encrypt")


def test_a_sample_that_cannot_be_encrypted_is_told_and_the_rest_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = AvcCodec.protected_ranges
    calls = []

    def fail_once(codec: AvcCodec, data: bytes) -> object:
        calls.append(data)
        if len(calls) == 60:  # in the second group of pictures
            raise BitstreamError("no such slice header")
        return measure(codec, data)

    monkeypatch.setattr(AvcCodec, "protected_ranges", fail_once)
    assert record(tmp_path, "--encrypt", "CBCS", *SECRET, "--segment-duration", "PT4S") == 2
    said = capsys.readouterr().err
    assert "50 samples were not recorded" in said
    assert said.strip().endswith("no such slice header")
    keys = [key for key in DirectoryStore(tmp_path).keys() if ".m4v" in key]  # noqa: SIM118
    assert sum(key.endswith("_end") for key in keys) == 2, "one span before, one after"
