"""Fixtures of the tests of stores."""

import pytest

from onvif_bmff.storage import DirectoryStore


@pytest.fixture
def root(tmp_path):
    """Where a store is to be; nothing is there yet."""
    return tmp_path / "store"


@pytest.fixture
def directory(root):
    """A store there."""
    return DirectoryStore(root, fsync=False)
