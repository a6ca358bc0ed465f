"""What the tests of stores share."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def add(store, key, data=b"data", attributes=None, **more):
    """Put an object into a store."""
    writer = store.open_writer(key, content_type="video/mp4", **more)
    try:
        writer.append(data)
        writer.seal(attributes or {})
    finally:
        writer.abandon()


def hidden_files(root):
    """Files of the hidden area of a directory, locks aside."""
    return sorted(
        str(path.relative_to(root / ".onvif_bmff"))
        for path in (root / ".onvif_bmff").rglob("*")
        if path.is_file() and path.parent.name != "locks"
    )


def child(code, *arguments):
    """A process that runs some code."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
