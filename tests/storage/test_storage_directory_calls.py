"""What an object in a directory costs in calls of the system, as `docs/directory.md` lists them."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from storage_kit import REPOSITORY
from support_tools import need

PAGE = (Path(REPOSITORY) / "docs" / "directory.md").read_text()

PROGRAM = """
import os, sys
from onvif_bmff.storage import DirectoryStore
store = DirectoryStore(sys.argv[1], labels=sys.argv[2])
for number in range(3):
    if number == 2:
        os.write(2, b"MARK")
    writer = store.open_writer(f"site/2026-11-29/cam/12/{number}.m4v", content_type="video/mp4")
    writer.append(b"x" * 4096)
    writer.seal({"Version": "1.0"})
os.write(2, b"MARK")
"""
CLASSES = {
    "openat": "open", "close": "close", "newfstatat": "stat", "fstat": "stat", "fstatat64": "stat", "statx": "stat",
    "fsync": "fsync", "writev": "write", "write": "write", "unlinkat": "unlink", "renameat": "rename",
    "renameat2": "rename", "linkat": "link", "flock": "lock", "getrandom": "random", "fsetxattr": "attribute",
}  # fmt: skip


def calls(folder, labels):
    """The calls of the third object in a warm folder, by class."""
    log = folder / "strace"
    program = [sys.executable, "-c", PROGRAM, str(folder / "store"), labels]
    command = [need("strace"), "-o", str(log), *program]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    if "ptrace" in done.stderr:
        pytest.skip("nothing may be traced here")
    assert done.returncode == 0, done.stderr
    lines = log.read_text().split('"MARK"')[1].splitlines()[1:-1]
    names = [re.match(r"\w+", line)[0] for line in lines if "mmap" not in line and "munmap" not in line]
    return Counter(CLASSES[name] for name in names if name not in ("brk", "madvise", "futex"))


def listed(labels):
    """The calls that the page lists."""
    found = Counter()
    for row in re.findall(r"^\| (.*) \| (\d+) \| (\d+) \| .* \|$", PAGE, re.MULTILINE):
        name, files, attributes = row
        found[name.split(" ")[0].strip("`")] += int(files if labels == "files" else attributes)
    return found


@pytest.mark.parametrize("labels", ["files", "attributes"])
def test_an_object_takes_the_calls_that_the_page_lists(tmp_path, labels):
    assert calls(tmp_path, labels) == +listed(labels)
