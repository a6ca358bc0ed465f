"""Tools that some tests run: without them a test is skipped, but not in CI, which installs them all."""

import os
import shutil
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it in CI, where everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


def need(tool: str) -> str:
    """The path of a tool; skips the test without it, or fails it in CI."""
    return shutil.which(tool) or missing(tool)
