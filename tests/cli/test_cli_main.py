"""The frame of the command line: exit statuses, one-line errors, broken pipes and Ctrl-C."""

import os
import subprocess
import sys
import tomllib
import types
from importlib import import_module
from pathlib import Path

import pytest

from onvif_bmff.cli import main as cli
from onvif_bmff.cli.commands import Command
from onvif_bmff.errors import BoxError
from onvif_bmff.testing.made_files import progressive_file


@pytest.fixture
def command(monkeypatch):
    """A sub-command ``probe`` whose ``run`` is the test's function."""
    module = types.ModuleType("onvif_bmff.cli.probe")

    def register(subparsers):
        parser = subparsers.add_parser("probe", help="a command of the tests")
        parser.add_argument("--number", type=int)
        parser.set_defaults(run=lambda arguments: module.act(arguments))

    module.register = register
    monkeypatch.setitem(sys.modules, "onvif_bmff.cli.probe", module)
    monkeypatch.setattr(cli, "COMMANDS", {"probe": Command()})
    return module


def raising(error):
    def act(arguments):
        raise error

    return act


@pytest.mark.parametrize("status", [0, 1])
def test_status_of_the_command(command, status):
    command.act = lambda arguments: status
    assert cli.main(["probe"]) == status


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (BoxError("too short", path="/moov", offset=7), "/moov at byte 7: too short"),
        (BoxError("evil \x1b[31m\nname"), "/ at byte 0: evil \\x1b[31m\\nname"),  # told apart from a name with "?"
        (
            FileNotFoundError(2, "No such file or directory", "\u202e\n.mp4"),
            "\\u202e\\n.mp4: No such file or directory",
        ),
        (FileNotFoundError(2, "No such file or directory", "a.mp4"), "a.mp4: No such file or directory"),
        (OSError("disk on fire"), "disk on fire"),
    ],
)
def test_errors_are_one_line(command, capsys, error, line):
    command.act = raising(error)
    assert cli.main(["probe"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"onvif-bmff: {line}\n"


def test_interrupt(command):
    command.act = raising(KeyboardInterrupt)
    assert cli.main(["probe"]) == 130


def test_wrong_arguments_are_one_line(command, capsys):
    for arguments in (["nothing"], ["probe", "--number", "x"]):
        assert cli.main(arguments) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("onvif-bmff: ")


def test_output_without_a_file_behind(command, monkeypatch):
    class Gone:
        def flush(self):
            raise BrokenPipeError

        def fileno(self):
            raise ValueError

    command.act = lambda arguments: 0
    monkeypatch.setattr(sys, "stdout", Gone())
    assert cli.main(["probe"]) == 0
    assert sys.stdout is None


def test_help_lists_the_commands(command, capsys):
    assert cli.main(["--help"]) == 0
    assert "probe" in capsys.readouterr().out
    assert cli.main([]) == 2
    assert "probe" in capsys.readouterr().out


def test_version(command, capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("onvif-bmff ")


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "onvif_bmff", *arguments], capture_output=True, text=True, timeout=60, check=False,
        **options,
    )  # fmt: skip


def test_as_a_module(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(progressive_file())
    done = run("inspect", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ftyp @0 +28 ")
    done = run("inspect", str(tmp_path / "absent.mp4"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"onvif-bmff: {tmp_path / 'absent.mp4'}: No such file or directory\n"


def test_a_reader_that_leaves_early(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(progressive_file() * 200)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "onvif_bmff", "inspect", str(path)],
            stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def modules_after(*arguments):
    code = f"import sys; from onvif_bmff.cli.main import main; main({arguments!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_start_is_light():
    loaded = modules_after("inspect", "--help")
    assert "onvif_bmff.cli.inspect" in loaded
    assert not loaded & {"rich.console", "hypothesis", "cryptography", "onvif_bmff.cli.record", "onvif_bmff.cli.fuzz"}


def test_the_version_is_told_without_loading_commands():
    loaded = modules_after("--version")
    assert not loaded & {
        "construct",
        "cryptography",
        "onvif_bmff.bmff",
        *(f"onvif_bmff.cli.{one}" for one in cli.COMMANDS),
    }


def test_decrypt_loads_no_certificates_without_a_private_key():
    loaded = modules_after("decrypt", "--help")
    assert "onvif_bmff.cenc.cipher" in loaded
    assert not loaded & {"cryptography.x509", "onvif_bmff.cenc.keys.unwrap", "onvif_bmff.codecs.hevc.codec"}


INTERRUPTING = """
import os, runpy, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

module = sys.argv.pop()
sys.argv.append("--version")
sys.meta_path.insert(0, Interrupting())
runpy.run_module("onvif_bmff", run_name="__main__")
"""


@pytest.mark.parametrize("module", ["cli", "cli.main", "cli.commands", "cli.signals", "cli.verbosity"])
def test_an_interrupt_before_the_handlers_of_signals(module):
    """While the command line is being imported; the traceback of that helps nobody."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTING, f"onvif_bmff.{module}"], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_installed_command_is_that_of_the_module():
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())
    module, _, name = project["project"]["scripts"]["onvif-bmff"].partition(":")
    assert (module, name) == ("onvif_bmff.__main__", "command")
    assert callable(getattr(import_module(module), name))
