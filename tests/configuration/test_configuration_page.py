"""The page on devices has every option, from the table that the file is read by."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_tables_of_options_are_those_of_the_code():
    done = subprocess.run(
        [sys.executable, "docs/build_device_options.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
