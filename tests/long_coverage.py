"""How much of the library the tests go through, room by room: fails below 95 %, branches counted."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent

ENOUGH = 95


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rooms", nargs="*", help="folders of tests, or '.' for the files beside them; default: all")


def rooms() -> list[str]:
    """Return the folders with tests, and '.' for the tests that are in none."""
    return [".", *sorted({path.parent.name for path in TESTS.glob("*/test_*.py")})]


def run(arguments: argparse.Namespace, journal: Any) -> int:
    data = Path(f"{journal.path}.coverage").resolve()
    data.mkdir(exist_ok=True)
    chosen = arguments.rooms or rooms()
    for room in chosen:
        if room not in journal:
            done = _measure(room, _file_of(data, room))
            failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
            journal.add(room, status=done.returncode, failed=failed)
        step = journal.steps[room]
        print(f"{room}: {'passed' if step['status'] == 0 else 'failed'}", *step["failed"], sep="\n  ", flush=True)
    environment = {**os.environ, "COVERAGE_FILE": str(data / "all")}
    measured = [str(_file_of(data, room)) for room in chosen]
    for words in (["combine", "-q", "--keep", *measured], ["report", "--skip-covered", f"--fail-under={ENOUGH}"]):
        done = subprocess.run([sys.executable, "-m", "coverage", *words], cwd=ROOT, env=environment, check=False)
        if done.returncode:
            return 1
    return int(any(journal.steps[room]["status"] for room in chosen))


def _file_of(data: Path, room: str) -> Path:
    """Return the file that says what the tests of a room go through."""
    return data / f"room-{'beside' if room == '.' else room}"


def _measure(room: str, file: Path) -> subprocess.CompletedProcess[str]:
    """Run the tests of a room, and keep what they go through in a file."""
    paths = [str(path) for path in sorted(TESTS.glob("test_*.py"))] if room == "." else [str(TESTS / room)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "auto", "--dist", "worksteal"]
    measured = ["--cov=onvif_bmff", "--cov-branch", "--cov-report="]
    environment = {**os.environ, "COVERAGE_FILE": str(file)}
    return subprocess.run(
        [*command, *measured, *paths], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
