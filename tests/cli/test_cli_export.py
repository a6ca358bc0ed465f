"""``onvif-bmff export``: a time range as a file or as playlists."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support_tools import need

from onvif_bmff.bmff import parse_boxes
from onvif_bmff.cli.main import main
from onvif_bmff.playback import read_segment
from onvif_bmff.storage import DirectoryStore

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
KID = "8c4b2f0e-1f0a-4c58-9d3a-0a5d6f1c2b3e"
OTHER = "00000000-1f0a-4c58-9d3a-0a5d6f1c2b3e"
KEY = "00112233445566778899aabbccddeeff"
START = ["--start", "2024-02-28T23:59:55.250Z"]


def record(store: Path, *options: str) -> None:
    assert main(["record", str(CLIP), "--store", str(store), *START, *options]) == 0


def probe(path: Path) -> dict[str, tuple[int, float]]:
    """Frames and duration of each kind of stream, decoded by ffmpeg."""
    command = [need("ffprobe"), "-v", "error", "-count_frames", "-of", "json"]
    command += ["-show_entries", "stream=codec_type,nb_read_frames,duration", str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert not found.stderr
    streams = json.loads(found.stdout)["streams"]
    return {one["codec_type"]: (int(one["nb_read_frames"]), float(one["duration"])) for one in streams}


def test_a_range_becomes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path / "store", "--segment-duration", "PT2S", "--prefix", "site-2")
    capsys.readouterr()
    whole = probe(CLIP)
    out = tmp_path / "out.mp4"
    assert main(["export", str(tmp_path / "store"), "-o", str(out)]) == 0
    assert "2024-02-28T23:59:55" in capsys.readouterr().out
    assert probe(out)["video"][0] == whole["video"][0]
    span = ["--from", "2024-02-28T23:59:57.250Z", "--to", "2024-02-29T00:00:01.250Z"]
    for options in ([], ["--progressive"], ["--progressive", "--faststart"], ["--progressive", "--exact"]):
        assert main(["export", str(tmp_path / "store"), "-o", str(out), *span, *options]) == 0
        assert abs(probe(out)["video"][1] - 4) < 2.1
        names = [box.type for box in parse_boxes(out.read_bytes())]
        assert ("moof" in names) == (not options)
        assert (names.index("moov") < names.index("mdat")) == ("--faststart" in options or not options)
    assert abs(probe(out)["video"][1] - 4) < 0.05
    assert sorted(os.listdir(tmp_path)) == ["out.mp4", "store"]


def test_gaps_are_kept_or_cut(tmp_path: Path) -> None:
    store = tmp_path / "store"
    record(store)
    assert main(["record", str(CLIP), "--store", str(store), "--start", "2024-02-29T01:00:00Z"]) == 0
    seconds = probe(CLIP)["video"][1]
    for gaps, expected in (("keep", 3604.75 + seconds), ("cut", 2 * seconds)):
        out = tmp_path / f"{gaps}.mp4"
        assert main(["export", str(store), "-o", str(out), "--gaps", gaps, "--progressive"]) == 0
        assert abs(probe(out)["video"][1] - expected) < 0.2


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Path, Path]:
    """Files with a private key and its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=datetime.now(UTC) - timedelta(days=1),  # of the clock on the wall, not of the media
        not_valid_after=datetime.now(UTC) + timedelta(days=1),
    )
    paths = tmp_path / "key.pem", tmp_path / "cert.pem"
    paths[0].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    paths[1].write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return paths


def test_encrypted_recordings_with_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, out = tmp_path / "store", tmp_path / "out.mp4"
    record(store, "--encrypt", "CBCS", "--kid", KID, "--key", KEY)
    capsys.readouterr()
    assert main(["export", str(store), "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert KID in said
    assert len(said.splitlines()) == 1
    assert not out.exists()
    assert main(["export", str(store), "-o", str(out), "--key", f"{KID}:{KEY}"]) == 0
    assert KEY not in capsys.readouterr().out
    assert probe(out)["video"][0] == probe(CLIP)["video"][0]


def pieces(folder: Path, playlist: str) -> list[bytes]:
    """Samples of each run of byte ranges behind a map, as a player that knows no keys would get them."""
    found: list[bytes] = []
    body, size, offset = b"", 0, 0
    for line in (folder / playlist).read_text().splitlines():
        if line.startswith("#EXT-X-MAP"):
            uri, size, offset = re.findall(r'URI="(.*)",BYTERANGE="(\d+)@(\d+)"', line)[0]
            body = (folder / unquote(uri)).read_bytes()[int(offset) : int(offset) + int(size)]
        elif line.startswith("#EXT-X-BYTERANGE"):
            size, offset = line[17:].split("@")
        elif not line.startswith("#"):
            piece = (folder / unquote(line)).read_bytes()[int(offset) : int(offset) + int(size)]
            found += [bytes(sample.data) for sample in read_segment(body + piece).samples()]
    return found


@pytest.mark.parametrize("form", ["CMAF", "MP4"])
@pytest.mark.parametrize("scheme", ["CENC", "CBCS"])
def test_playlists_of_clear_copies(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, scheme: str) -> None:
    """Their pieces hold the samples of a clear recording, and nothing of protection; with a wrong key they do not."""
    options = ["--format", form, "--segment-duration", "PT2S", "--prefix", "a b"]
    record(tmp_path / "open", *options)
    record(tmp_path / "store", *options, "--encrypt", scheme, "--kid", KID, "--key", KEY)
    hls, store = tmp_path / "hls", str(tmp_path / "store")
    capsys.readouterr()
    assert main(["export", store, "--hls", str(hls)]) == 2
    said = capsys.readouterr().err
    assert "encrypted" in said
    assert "--key" in said
    assert len(said.splitlines()) == 1
    assert not hls.exists()
    assert main(["export", store, "--hls", str(hls), "--key", f"{OTHER}:{KEY}"]) == 2
    assert KID in capsys.readouterr().err
    assert not hls.exists()
    assert main(["export", store, "--hls", str(hls), "--key", f"{KID}:{KEY}"]) == 0
    assert main(["export", str(tmp_path / "open"), "--hls", str(tmp_path / "plain")]) == 0
    wrong = tmp_path / "wrong"
    assert main(["export", store, "--hls", str(wrong), "--key", f"{KID}:{KEY[::-1]}"]) == 0
    playlists = sorted(path.name for path in hls.glob("*.m3u8"))
    assert playlists == sorted(path.name for path in (tmp_path / "plain").glob("*.m3u8"))
    for name in playlists:
        if name != "index.m3u8":
            expected = pieces(tmp_path / "plain", name)
            assert len(expected) > 50
            assert pieces(hls, name) == expected
            assert pieces(wrong, name) != expected
    for path in hls.rglob("*.m[4p]*"):
        if path.is_file() and path.suffix != ".m3u8":
            data = path.read_bytes()
            assert not [one for one in (b"senc", b"saiz", b"saio", b"seig", b"pssh", b"sinf", b"encv") if one in data]


def test_playlists_of_a_range_copy_what_they_need(tmp_path: Path, identity: tuple[Path, Path]) -> None:
    store, hls = tmp_path / "store", tmp_path / "hls"
    options = ["--segment-duration", "PT1S", "--format", "CMAF"]
    record(store, *options, "--encrypt", "CBCS", "--certificate", str(identity[1]))
    span = ["--from", "2024-02-28T23:59:57.250Z", "--to", "2024-02-28T23:59:58.250Z"]
    assert main(["export", str(store), "--hls", str(hls), *span, "--private-key", str(identity[0])]) == 0
    copies = [path for path in (hls / "clear").rglob("*") if path.is_file()]
    assert 1 <= len(copies) <= 4
    assert pieces(hls, "video.m3u8")
    assert all(path.suffix == ".mp4" for path in copies)  # other names are refused by ffmpeg 5 and 8
    command = [need("ffprobe"), "-v", "error", "-count_frames", "-show_entries", "stream=codec_type,nb_read_frames"]
    found = subprocess.run(
        [*command, "-of", "csv=p=0", str(hls / "index.m3u8")], capture_output=True, text=True, timeout=60
    )
    assert {line.split(",")[0] for line in found.stdout.split()} == {"video", "audio"}, found.stderr
    assert all(int(line.split(",")[1]) > 10 for line in found.stdout.split())
    assert [path.name for path in hls.iterdir() if path.name.startswith(".")] == []


def test_encrypted_recordings_with_a_private_key(tmp_path: Path, identity: tuple[Path, Path]) -> None:
    store, out = tmp_path / "store", tmp_path / "out.mp4"
    record(store, "--encrypt", "CENC", "--certificate", str(identity[1]))
    assert main(["export", str(store), "-o", str(out), "--private-key", str(identity[0])]) == 0
    assert probe(out)["video"][0] == probe(CLIP)["video"][0]


def test_playlists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    record(store, "--format", "CMAF")
    assert main(["export", str(store), "--hls", str(tmp_path / "hls")]) == 0
    text = (tmp_path / "hls" / "video.m3u8").read_text()
    key = next(name for name in list(DirectoryStore(store).keys()) if name.endswith(".0.m4v"))
    assert f"\n../store/{key}\n" in text
    assert main(["export", str(store), "--hls", str(tmp_path / "hls"), "--base", "https://example.com/b/"]) == 0
    assert f"\nhttps://example.com/b/{key}\n" in (tmp_path / "hls" / "video.m3u8").read_text()


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, out = tmp_path / "store", tmp_path / "out.mp4"
    record(store, "--prefix", "one")
    record(store, "--prefix", "two")
    capsys.readouterr()
    assert main(["export", str(store), "-o", str(out)]) == 2
    assert "2 recordings" in capsys.readouterr().err
    for options in (["--prefix", "three"], ["--prefix", "one", "--from", "2030-01-01T00:00:00Z"]):
        assert main(["export", str(store), "-o", str(out), *options]) == 2
        assert "nothing was recorded" in capsys.readouterr().err
    assert main(["export", str(store), "-o", str(tmp_path / "no" / "out.mp4"), "--prefix", "one"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["export", str(store)]) == 2
    assert not out.exists()
    capsys.readouterr()
    (tmp_path / "folder").mkdir()
    one = [str(store), "--prefix", "one"]
    for options, said in (
        (["-o", ""], "is a directory"),
        (["-o", str(tmp_path / "folder")], "is a directory"),
        (["-o", str(out), "--faststart"], "needs --progressive"),
        (["-o", str(out), "--base", "x"], "needs --hls"),
        (["--hls", str(tmp_path / "hls"), "--exact"], "--exact does not go"),
        (["--hls", str(tmp_path / "hls"), "--gaps", "cut"], "--gaps does not go"),
    ):
        assert main(["export", *one, *options]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 1
    assert sorted(os.listdir(tmp_path)) == ["folder", "store"]


def test_names_that_the_terminal_cannot_show(tmp_path: Path) -> None:
    record(tmp_path / "store", "--prefix", "sité")
    command = [sys.executable, "-m", "onvif_bmff", "timeline", str(tmp_path / "store"), "--picture"]
    found = subprocess.run(
        command, capture_output=True, timeout=60, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=True
    )
    assert b"sit\\xe9" in found.stdout
    assert not found.stderr


def test_a_file_that_is_named_like_the_partial_output_stays(tmp_path: Path) -> None:
    record(tmp_path / "store")
    (tmp_path / "out.mp4.part").write_text("mine")
    assert main(["export", str(tmp_path / "store"), "-o", str(tmp_path / "out.mp4")]) == 0
    assert (tmp_path / "out.mp4.part").read_text() == "mine"


# ---- damaged objects ---------------------------------------------------------------------------------


def segments(store: Path, ending: str) -> list[Path]:
    return sorted(path for path in store.rglob(f"*{ending}") if path.is_file() and not path.name.startswith("."))


@pytest.mark.parametrize("options", [[], ["--encrypt", "CBCS", "--kid", KID, "--key", KEY]])
def test_damaged_objects_are_named_and_the_rest_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    store, out, hls = tmp_path / "store", tmp_path / "out.mp4", tmp_path / "hls"
    record(store, "--segment-duration", "PT1S", "--format", "CMAF", *options)
    keys = ["--key", f"{KID}:{KEY}"] if options else []
    assert main(["export", str(store), "-o", str(tmp_path / "whole.mp4"), *keys]) == 0
    assert "damaged" not in capsys.readouterr().err
    video = segments(store, ".m4v")
    cut, foreign, empty = video[1], video[2], segments(store, ".m4a")[1]
    body = cut.read_bytes()
    cut.write_bytes(body[:-700])
    foreign.write_bytes(b"\x1a\x45\xdf\xa3" + bytes(400))
    empty.write_bytes(b"")
    names = [str(path.relative_to(store)) for path in (cut, foreign, empty)]
    copied = tmp_path / "copied"
    for target in (["-o", str(out)], ["--hls", str(hls), "--copies", "never"], ["--hls", str(copied)]):
        assert main(["export", str(store), *target, *keys]) == 1
        said = capsys.readouterr().err.splitlines()
        for name, cause in zip(names, ("damaged", "foreign", "damaged"), strict=True):
            assert len([line for line in said if line.startswith(f"onvif-bmff: {cause}: {name}: ")]) == 1
    whole, rest = probe(tmp_path / "whole.mp4")["video"][0], probe(out)["video"][0]
    assert whole - 2 * 30 <= rest < whole
    copy = hls / "clear" / f"{names[0]}.mp4" if options else cut
    for line in (hls / "video.m3u8").read_text().splitlines():
        assert unquote(line).rpartition("/")[2].removesuffix(".mp4") != foreign.name
    assert copy.exists()
    assert pieces(hls, "video.m3u8")  # each range is whole fragments
    assert sorted(path.name for path in copied.iterdir()) == [
        "audio.m3u8", "audio.mp4", "index.m3u8", "video.m3u8", "video.mp4"
    ]  # fmt: skip
    assert pieces(copied, "video.m3u8")
    out.unlink()
    shutil.rmtree(hls)
    for target in (["-o", str(out)], ["--hls", str(hls)]):
        assert main(["export", str(store), *target, *keys, "--strict"]) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert any(name in said for name in names)
        assert not out.exists()
        assert not hls.exists()


def test_missing_objects_are_named_by_counter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    record(store, "--segment-duration", "PT1S", "--format", "CMAF")
    segments(store, ".m4v")[1].unlink()
    for target in (["-o", str(tmp_path / "out.mp4")], ["--hls", str(tmp_path / "hls")]):
        assert main(["export", str(store), *target]) == 1
        assert "missing: 2024-02-28/*/*Z.1.m4v: " in capsys.readouterr().err


def test_an_export_replaces_no_object_of_its_store(tmp_path, capsys):
    store = tmp_path / "store"
    assert main(["record", str(CLIP), "--store", str(store), "--start", "2024-05-01T12:00:00Z"]) == 0
    (first,) = store.rglob("*.0.m4v")
    before = first.read_bytes()
    capsys.readouterr()
    assert main(["export", str(store), "-o", str(first)]) == 2
    assert "would be replaced" in capsys.readouterr().err
    assert first.read_bytes() == before
