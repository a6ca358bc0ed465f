"""Tools that some tests run: without them a test is skipped, but not in CI, which installs them all."""

import os
import shutil

import pytest


def need(tool: str) -> str:
    """The path of a tool; skips the test without it, or fails it in CI."""
    found = shutil.which(tool)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{tool} is not installed")
    return found
