"""Where files are named, commands take local paths only, and where stores are named, only URLs of stores.

Whatever else looks like a URL is refused, and nothing is made of it.
"""

import os
import re
from pathlib import Path

import pytest

from onvif_bmff.cli.main import COMMANDS, main

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
PLACES = ["s3://key:passw0rd@bucket/x", "S3://bucket/x", "file:///tmp/x", "C:\\x", "gs:bucket"]
STORE_PLACES = [
    "s3://key:passw0rd@bucket/x", "S3://bucket/x", "file://host/tmp/x", "C:\\x", "gs:bucket", "az://c/x?sig=passw0rd",
    "redis://:passw0rd@host", "memory:passw0rd",
]  # fmt: skip
USES = [
    "record {} --store store",
    "record {clip} --store store --encrypt CENC --certificate {}",
    "inspect {}",
    "record {clip} --store s3://bucket --store-options {}",
    "rewrap store -o out --to-certificate {}",
    "extract {clip} --number 1 -o {}",
    "decrypt {} -o out.mp4",
    "decrypt {clip} -o {}",
    "decrypt {clip} -o out.mp4 --private-key {}",
    "export store -o {}",
    "export store --hls {}",
    "copy store copied --source-options {}",
    "spool {}",
    "record {clip} --store store --spool {}",
    "import {} --store store",
    "device {}",
    "fuzz --seeds {} -- true",
    "fuzz --findings {} -- true",
]


STORE_USES = [
    "record {clip} --store {}",
    "info {}",
    "extract {} --number 1 -o out",
    "timeline {}",
    "export {} -o out.mp4",
    "validate {}",
    "recover {}",
    "copy {} store",
    "copy store {}",
    "rewrap {} -o out --to-certificate store",
    "rewrap store -o {} --to-certificate store",
    "spool store --to {}",
    "move {} store --older-than P1D",
    "move store {} --older-than P1D",
    "check-store {}",
    "diagnose {}",
    "expire {} --older-than P1D",
    "import {clip} --store {}",
    "hold {}",
    "release {}",
]


def test_every_command_is_here():
    assert {use.split()[0] for use in USES + STORE_USES} == set(COMMANDS)


@pytest.mark.parametrize("place", STORE_PLACES)
@pytest.mark.parametrize("use", STORE_USES)
def test_what_is_no_url_of_a_store_is_refused_and_nothing_is_made(tmp_path, monkeypatch, capsys, use, place):
    monkeypatch.chdir(tmp_path)
    os.mkdir("store")
    assert main([word.format(place, clip=CLIP) for word in use.split()]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert re.search("only local paths can be opened|the URL of a store is|names a directory of this machine", said.err)
    assert "passw0rd" not in said.out + said.err
    assert os.listdir(tmp_path) == ["store"]
    assert os.listdir("store") == []


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
    for use in STORE_USES:
        assert main([word.format("s3:bucket", clip=CLIP) for word in use.split()]) == 2
    assert os.listdir("s3:/bucket") == []


def test_a_folder_with_a_colon_is_a_store(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.mkdir("camera:1")
    assert main(["record", str(CLIP), "--store", "camera:1", "--prefix", "a"]) == 0
    assert main(["record", str(CLIP), "--store", "./camera:2"]) == 0
    assert main(["timeline", "camera:2"]) == 0
    assert sorted(os.listdir(tmp_path)) == ["camera:1", "camera:2"]
