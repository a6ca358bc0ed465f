"""Fixtures of the tests of stores."""

import pytest
import support_cloud_emulators as cloud_emulators

from onvif_bmff.storage import DirectoryStore


@pytest.fixture
def root(tmp_path):
    """Where a store is to be; nothing is there yet."""
    return tmp_path / "store"


@pytest.fixture
def directory(root):
    """A store there."""
    return DirectoryStore(root, fsync=False)


@pytest.fixture(scope="session")
def moto():
    """A running Amazon S3, as moto plays it."""
    with cloud_emulators.moto() as running:
        yield running


@pytest.fixture(scope="session")
def azurite(tmp_path_factory):
    """A running Azure Blob Storage, as Azurite plays it."""
    with cloud_emulators.azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running
