"""Starts RTSP servers for tests, on free ports of this machine."""

import os
import random
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from support_tools import missing

HERE = Path(__file__).parent
SYSTEM_PYTHON = "/usr/bin/python3"
URGENT = -15
"""The niceness of what plays the camera, where that is permitted."""


def free_port() -> int:
    """A port that no connection of others gets by itself: those are above 32768."""
    while True:
        port = random.randrange(15_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@cache
def _has_gstreamer() -> bool:
    if shutil.which(SYSTEM_PYTHON) is None:
        return False
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    return subprocess.run([SYSTEM_PYTHON, "-c", probe], capture_output=True, check=False).returncode == 0


@contextmanager
def gstreamer(
    name: str, *, port: int | None = None, login: str = "", clip: Path | None = None, is_urgent: bool = False
) -> Iterator[int]:
    """Run GStreamer's RTSP server with one stream at /NAME; yields its port. Skips the test without it.

    ``is_urgent``: it goes before others, if that is permitted. A live encoder that gets too little processor time falls
    behind its own sound, for ever, which no camera does. The stream ``clip`` sends a file that was encoded before.
    """
    if not _has_gstreamer():
        missing("GStreamer's RTSP server")
    port = port or free_port()
    command = [SYSTEM_PYTHON, str(HERE / "rtsp_gstreamer.py"), str(port), name]
    command += ["--login", login] if login else []
    command += ["--clip", str(clip)] if clip else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            if is_urgent:
                with suppress(PermissionError):
                    os.setpriority(os.PRIO_PROCESS, server.pid, URGENT)
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            yield port
        finally:
            server.kill()
