"""``onvif-bmff diagnose``."""

import json
from pathlib import Path

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.storage import DirectoryStore, StoreSink
from onvif_bmff.testing.recordings import recorded_events

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"


@pytest.fixture
def store(tmp_path):
    root = tmp_path / "store"
    with StoreSink(DirectoryStore(root, fsync=False)) as sink:
        sink.add_all(recorded_events(tracks=("vide",), spans=2, gap=12))
    return root


def test_a_file_without_faults(capsys):
    assert main(["diagnose", str(CLIP)]) == 0
    assert capsys.readouterr().out == "nothing is wrong with the times\n"


def test_a_store_with_a_gap(store, capsys):
    assert main(["diagnose", str(store)]) == 1
    out = capsys.readouterr().out
    begin = "m4v  2022-11-08T15:08:25.547Z  gap: nothing is recorded for 12.000 s, until 2022-11-08T15:08:37.547000Z"
    assert out == f"{begin}, or a clock was set ahead\n"


@pytest.mark.parametrize(
    "option", ["--from=2022-01-01T00:00:00Z", "--to=2022-01-01T00:00:00Z", "--prefix=x", "--postfix="]
)
def test_a_file_is_no_store(option, capsys):
    assert main(["diagnose", str(CLIP), option]) == 2
    assert f"{option.partition('=')[0]} selects in a store" in capsys.readouterr().err


def test_json(store, capsys):
    assert main(["diagnose", "--json", str(store)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "onvif-bmff/diagnose/1"
    assert found["counts"] == {"gap": 1}
    assert found["path"] == str(store)
    (one,) = found["observations"]
    assert (one["fault"], one["where"], one["seconds"], one["utc"]) == ("gap", "m4v", 12.0, "2022-11-08T15:08:25.547Z")


def test_a_file_that_is_cut_short(tmp_path, capsys):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(CLIP.read_bytes()[:-40_000])
    assert main(["diagnose", str(cut)]) == 1
    assert "damaged" in capsys.readouterr().out


def test_an_encrypted_file_needs_no_key(tmp_path, capsys):
    root = tmp_path / "store"
    with StoreSink(DirectoryStore(root, fsync=False)) as sink:
        sink.add_all(recorded_events(tracks=("vide",), scheme="cbcs"))
    path = next(root.rglob("*.0.m4v"))
    assert main(["diagnose", str(path)]) == 0
    capsys.readouterr()


def test_what_is_no_media_file(tmp_path, capsys):
    (tmp_path / "a.mp4").write_bytes(b"no media")
    assert main(["diagnose", str(tmp_path / "a.mp4")]) == 2
    assert capsys.readouterr().err.startswith("onvif-bmff: ")
