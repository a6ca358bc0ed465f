"""The whole suite, several times, while all processors are kept busy by others."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=3, help="times that the suite has to pass (default 3)")
    parser.add_argument("tests", nargs="*", help="some tests only")


def run(arguments: argparse.Namespace, journal: Any) -> int:
    processors = os.cpu_count() or 1
    workers = ["-n", str(processors), "--dist", "worksteal"] if _has_xdist() else []
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processors)]
    failed = 0
    try:
        for number in range(arguments.count):
            key = str(number)
            if key not in journal:
                command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers, *arguments.tests]
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
                lines = done.stdout.splitlines()
                journal.add(
                    key, status=done.returncode, last=[line for line in lines if line.startswith(("FAILED", "ERROR"))]
                )
            step = journal.steps[key]
            failed += step["status"] != 0
            print(f"run {number + 1}: {'passed' if step['status'] == 0 else 'failed'}", *step["last"], sep="\n  ")
    finally:
        for process in busy:
            process.kill()
            process.wait()
    return 1 if failed else 0


def _has_xdist() -> bool:
    try:
        import xdist  # noqa: F401
    except ImportError:
        return False
    return True
