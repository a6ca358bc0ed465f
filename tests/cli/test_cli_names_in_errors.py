"""Errors name the file that the user typed: not none, and not a hidden one that the command makes in between."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.cli.output import new_file
from onvif_bmff.cli.signals import SignalGuard

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
KID, KEY = "00112233-4455-6677-8899-aabbccddeeff", "00112233445566778899aabbccddeef0"


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stores: ``clear``, and ``encrypted`` with a key file beside it."""
    folder = tmp_path_factory.mktemp("stores")
    assert main(["record", str(CLIP), "--store", str(folder / "clear")]) == 0
    keys = folder / "keys"
    keys.write_text(f"{KID}={KEY}\n")
    assert (
        main(["record", str(CLIP), "--store", str(folder / "encrypted"), "--encrypt", "CENC", "--key-file", str(keys)])
        == 0
    )
    return folder


def error_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


@pytest.mark.parametrize("command", [["record", "--store", "{made}"], ["decrypt", "-o", "{made}"]])
def test_a_device_as_input(command, tmp_path: Path, capsys) -> None:
    made = tmp_path / "made"
    name, *options = [word.format(made=made) for word in command]
    said = error_of(capsys, name, "/dev/null", *options)
    assert said == "onvif-bmff: /dev/null: a device, not a media file\n"
    assert not made.exists()


def test_a_file_that_cannot_be_read(capsys) -> None:
    assert error_of(capsys, "inspect", "/proc/self/mem") == "onvif-bmff: /proc/self/mem: Input/output error\n"


@pytest.mark.parametrize("options", [[], ["--progressive"], ["--progressive", "--faststart"]])
def test_an_export_into_a_folder_that_is_not_there(options, stores: Path, tmp_path: Path, capsys) -> None:
    target = tmp_path / "absent" / "x.mp4"
    said = error_of(capsys, "export", stores / "clear", "-o", target, *options)
    assert said == f"onvif-bmff: {target}: No such file or directory\n"


def run_with_small_files(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command that may write no file above 20 kB, as on a full disk."""
    return subprocess.run(
        [sys.executable, "-m", "onvif_bmff", *map(str, arguments)], capture_output=True, text=True, timeout=60,
        check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip


@pytest.mark.parametrize("options", [[], ["--progressive"], ["--progressive", "--faststart"]])
def test_a_file_that_does_not_fit(options, stores: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.mp4"
    done = run_with_small_files("export", stores / "clear", "-o", target, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"onvif-bmff: {target}: File too large\n"
    assert list(tmp_path.iterdir()) == []


def test_clear_copies_that_do_not_fit(stores: Path, tmp_path: Path) -> None:
    done = run_with_small_files(
        "export", stores / "encrypted", "--key-file", stores / "keys", "--hls", tmp_path / "hls"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"onvif-bmff: {tmp_path / 'hls' / 'clear'}: File too large\n"
    assert list(tmp_path.iterdir()) == []


def test_errors_of_other_files_keep_their_names(tmp_path: Path) -> None:
    for error in (FileNotFoundError(2, "No such file or directory", "other"), OSError(5, "Input/output error")):
        with pytest.raises(OSError, match=r"\[Errno") as caught, new_file(tmp_path / "x", SignalGuard()):
            raise error
        assert caught.value is error
