"""The harness of counts (``benchmarks/instructions.py``): it counts, compares, and says when it cannot."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_CALLS_TO_OPEN = 300


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT)
    module = importlib.import_module("benchmarks.instructions")
    monkeypatch.setattr(module, "BASELINE", tmp_path / "instructions.tsv")
    return module


def changed(harness: ModuleType, old: str, new: str) -> None:
    text = harness.BASELINE.read_text()
    assert text.count(old) == 1
    harness.BASELINE.write_text(text.replace(old, new))


def test_calls_are_the_same_in_two_runs(harness: ModuleType) -> None:
    assert harness.calls.count("mp4-cenc") == harness.calls.count("mp4-cenc")


def test_opening_a_span_takes_few_calls(harness: ModuleType) -> None:
    """With its first fragment: header, first samples, and in a protected span the encryption of 25 pictures."""
    found = {kind: harness.calls.count(kind)[f"calls-{kind}-open"] for kind in harness.calls.KINDS}
    assert len(found) == 4
    assert all(0 < count <= MAX_CALLS_TO_OPEN for count in found.values()), found


def test_the_harness_leaves_the_source_of_randomness_alone(harness: ModuleType) -> None:
    assert harness.counted.os.urandom(16) != harness.counted.os.urandom(16)
    assert harness.counted.os.urandom.__module__ == "posix"


def test_only_functions_of_the_library_are_counted(harness: ModuleType) -> None:
    time = importlib.import_module("onvif_bmff").UtcTime(0)
    assert harness.calls.calls(lambda: None) == (0, None)
    entered, text = harness.calls.calls(lambda: str(time))
    assert entered > 0
    assert text == str(time)


def test_what_is_above_the_baseline_fails(harness: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    case = "calls-cmaf-clear-open"
    assert harness.main([case, "--write"]) == 0
    assert harness.main([case, "--compare"]) == 0
    count = f"\t{harness.read_baseline()[case].count:.0f}\t"
    changed(harness, count, f"\t{harness.read_baseline()[case].count * 0.98:.0f}\t")
    capsys.readouterr()
    assert harness.main([case, "--compare"]) == 1
    assert "ABOVE" in capsys.readouterr().out


def test_writing_one_case_keeps_the_others(harness: ModuleType) -> None:
    assert harness.main(["calls-cmaf-clear-*", "--write"]) == 0
    before = harness.read_baseline()
    assert harness.main(["calls-cmaf-cenc-open", "--write"]) == 0
    assert harness.read_baseline().keys() == before.keys() | {"calls-cmaf-cenc-open"}


def test_another_python_is_not_compared(harness: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    case = "calls-cmaf-clear-video"
    assert harness.main([case, "--compare"]) == 2
    assert harness.main([case, "--write"]) == 0
    changed(harness, harness.platform.python_version(), "3.1.4")
    capsys.readouterr()
    assert harness.main([case, "--compare"]) == 2
    assert "3.1.4" in capsys.readouterr().err


def test_without_valgrind_one_line_says_so(
    harness: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert harness.main(["start-help"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert harness.main(["calls-cmaf-clear-video"]) == 0


def test_each_command_has_a_case(harness: ModuleType) -> None:
    commands = importlib.import_module("onvif_bmff.cli.main").COMMANDS
    assert {f"start-{name}" for name in commands} <= harness.commands().keys()


@pytest.mark.parametrize("case", ["second-mp4-cenc", "span-cmaf-clear", "read-cmaf-cenc", "validate-mp4-clear"])
def test_the_counted_work_runs(harness: ModuleType, case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a stand-in for valgrind, which runs the command and says a count as valgrind does."""
    stand_in = tmp_path / "valgrind"
    stand_in.write_text('#!/bin/sh\nshift 2\n"$@" || exit\nfor times; do :; done\necho "Collected : ${times}000" >&2\n')
    stand_in.chmod(0o755)
    work = case.split("-")[0]
    assert harness.of_work(str(stand_in), case) == round(1000 / harness.counted.WORK_UNITS[work])
