"""Every command takes local paths only: what looks like a URL is refused, and nothing is made of it."""

import os
from pathlib import Path

import pytest

from onvif_bmff.cli.main import COMMANDS, main

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
PLACES = ["s3://key:passw0rd@bucket/x", "S3://bucket/x", "file:///tmp/x", "C:\\x", "gs:bucket"]
USES = [
    "record {} --store store",
    "record {clip} --store {}",
    "record {clip} --store store --encrypt CENC --certificate {}",
    "inspect {}",
    "info {}",
    "rewrap {} -o out --to-certificate c.pem",
    "rewrap store -o {} --to-certificate c.pem",
    "rewrap store -o out --to-certificate {}",
    "extract {} --number 1 -o out",
    "extract {clip} --number 1 -o {}",
    "decrypt {} -o out.mp4",
    "decrypt {clip} -o {}",
    "decrypt {clip} -o out.mp4 --private-key {}",
    "timeline {}",
    "export {} -o out.mp4",
    "export store -o {}",
    "export store --hls {}",
    "validate {}",
    "recover {}",
    "fuzz --seeds {} -- true",
    "fuzz --findings {} -- true",
]


def test_every_command_is_here():
    assert {use.split()[0] for use in USES} == set(COMMANDS)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("use", USES)
def test_a_url_is_refused_and_nothing_is_made(tmp_path, monkeypatch, capsys, use, place):
    monkeypatch.chdir(tmp_path)
    os.mkdir("store")
    words = [word.format(place, clip=CLIP) for word in use.split()]
    assert main(words) == 2
    said = capsys.readouterr()
    assert "only local paths can be opened" in said.err
    assert said.err.count("\n") == 1
    assert "passw0rd" not in said.out + said.err
    assert os.listdir(tmp_path) == ["store"]
    assert os.listdir("store") == []


def test_a_url_is_refused_beside_the_folder_that_a_former_version_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.makedirs("s3:/bucket")
    for use in USES:
        assert main([word.format("s3://bucket", clip=CLIP) for word in use.split()]) == 2
        assert "only local paths can be opened" in capsys.readouterr().err
    assert os.listdir("s3:/bucket") == []


def test_a_folder_with_a_colon_is_a_store(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.mkdir("camera:1")
    assert main(["record", str(CLIP), "--store", "camera:1", "--prefix", "a"]) == 0
    assert main(["record", str(CLIP), "--store", "./camera:2"]) == 0
    assert main(["timeline", "camera:2"]) == 0
    assert sorted(os.listdir(tmp_path)) == ["camera:1", "camera:2"]
