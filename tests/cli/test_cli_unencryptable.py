"""``record --encrypt`` of video that cannot be encrypted: an error, and nothing of it is stored in the clear."""

from pathlib import Path

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.storage import DirectoryStore

CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
OPTIONS = ["--kid", "00000000-0000-0000-0000-000000000001", "--key", "01" * 16, "--segment-duration", "PT4S"]


@pytest.fixture(params=["avc2", "avc4", "av01", "vp09", "vvc1", "dvav"])
def clip(request, tmp_path):
    """The bundled clip, whose video calls itself something else."""
    data = CAMERA.read_bytes()
    at = data.index(b"avc1", data.index(b"stsd"))
    path = tmp_path / "clip.mp4"
    path.write_bytes(data[:at] + request.param.encode() + data[at + 4 :])
    return path, request.param


def bodies_in(store, pattern):
    return [path.read_bytes() for path in store.rglob(pattern)]


@pytest.mark.parametrize("mode", ["CENC", "CBCS"])
@pytest.mark.parametrize("form", ["CMAF", "MP4"])
def test_it_is_refused_in_one_line(clip, tmp_path, capsys, mode, form):
    path, fourcc = clip
    store = tmp_path / "store"
    arguments = ["record", str(path), "--store", str(store), "--format", form, "--encrypt", mode, *OPTIONS]
    assert main(arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert fourcc in said[-1]
    assert said[-1].startswith("onvif-bmff: ")
    assert list(DirectoryStore(store).keys()) == []


def test_in_the_clear_it_is_recorded_and_so_is_encrypted_audio(clip, tmp_path, capsys):
    path, fourcc = clip
    store = tmp_path / "store"
    arguments = ["record", str(path), "--store", str(store), "--encrypt", "CENC", "--encrypt-track", "AUDIO001"]
    assert main([*arguments, *OPTIONS]) == 0
    capsys.readouterr()
    bodies = bodies_in(store, "*.m4v")
    assert bodies
    assert all(fourcc.encode() in body and b"encv" not in body for body in bodies)


def test_one_fragment_a_segment_is_an_option(tmp_path, capsys):
    store = tmp_path / "store"
    arguments = ["record", str(CAMERA), "--store", str(store), "--encrypt", "CBCS", "--iv-signalling", "segment"]
    assert main([*arguments, *OPTIONS]) == 0
    capsys.readouterr()
    bodies = bodies_in(store, "*.m4[va]")
    assert {body.count(b"moof") for body in bodies} == {1}
    assert main(["validate", str(store), "--prove-encrypted"]) == 0
