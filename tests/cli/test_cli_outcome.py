"""However a command ends, its status says so: also when nobody reads, with closed descriptors, with nothing there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.playback import Timeline
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.testing.made_files import cmaf_file

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
STARTED = ["--start", "2024-01-01T00:00:00Z", "--segment-duration", "PT4S"]
KEY = "8badf00d0badc0de8badf00d0badc0de"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess:
    program = f'onvif_bmff() {{ "{sys.executable}" -m onvif_bmff "$@"; }}; '
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CLIP.parents[2]), *sys.path])}
    return subprocess.run(
        ["bash", "-c", program + line], cwd=folder, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_a_failed_recording_fails_though_nobody_reads(tmp_path: Path) -> None:
    line = f"onvif_bmff record {CLIP} --store s {' '.join(STARTED)}"
    assert shell(line, tmp_path).returncode == 0
    done = shell(f"{{ {line}; echo $? >&2; }} | true; sleep 0", tmp_path)
    assert done.stderr.splitlines()[-1] == "2"
    assert "not stored" in done.stderr
    done = shell(f"{{ {line} --overwrite; echo $? >&2; }} | true", tmp_path)
    assert done.stderr.splitlines() == ["0"]


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_change_nothing(tmp_path: Path, closed: str) -> None:
    done = shell(f"onvif_bmff record {CLIP} --store s {' '.join(STARTED)} {closed}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    store = DirectoryStore(tmp_path / "s")
    assert len(list(store.keys())) == 8
    assert all(store.get(key)[4:8] == b"ftyp" for key in list(store.keys()) if not key.endswith("_end"))
    done = shell(f"onvif_bmff record {CLIP} --store s {' '.join(STARTED)} {closed}", tmp_path)
    assert done.returncode == 2
    assert "onvif-bmff:" not in done.stdout


def test_nothing_recorded_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "empty.mp4"
    body = cmaf_file("vide")
    file.write_bytes(body[: body.index(b"moof") - 4])  # a header, and no fragment
    assert main(["record", str(file), "--store", str(tmp_path / "store")]) == 2
    assert capsys.readouterr().err == f"onvif-bmff: {file}: nothing was recorded\n"


def test_spans_are_closed_whatever_goes_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push, count = Recorder.push, [0]

    def broken(self, sample):
        count[0] += 1
        if count[0] == 300:
            raise OSError(5, "Input/output error", "random device")
        return push(self, sample)

    monkeypatch.setattr(Recorder, "push", broken)
    assert main(["record", str(CLIP), "--store", str(tmp_path), *STARTED]) == 2
    spans = Timeline.from_store(DirectoryStore(tmp_path)).spans
    assert spans
    assert all(span.end_name is not None for span in spans)


def test_a_key_file_is_made_when_all_else_is_well(tmp_path: Path) -> None:
    made = tmp_path / "key"
    encrypt = ["--encrypt", "CENC", "--make-key-file", str(made)]
    store = ["--store", str(tmp_path / "store")]
    assert main(["record", str(tmp_path / "absent.mp4"), *store, *encrypt]) == 2
    assert main(["record", str(CLIP), *store, "--prefix", "/absolute", *encrypt]) == 2
    assert main(["record", str(CLIP), *store, "--encrypt-track", "NONE", *encrypt]) == 2
    assert not made.exists()
    assert main(["record", str(CLIP), *store, *encrypt]) == 0
    assert made.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["record", KEY, "--store", "s"],
        ["validate", ".", "--key-file", KEY],
        ["decrypt", str(CLIP), "-o", "x", "--private-key", KEY],
    ],
)
def test_a_key_in_the_place_of_a_name_is_not_repeated(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert KEY not in said.out + said.err
    assert "<hidden>" in said.err


def test_an_unwrapper_that_exits_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    monkeypatch.chdir(tmp_path)
    assert main(["decrypt", str(CLIP), "-o", "out.mp4", "--unwrapper", "leaves:token"]) == 2
    assert "cannot be had" in capsys.readouterr().err
