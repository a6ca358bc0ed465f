"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """Folder of real media files: ``ONVIF_BMFF_MEDIA``, or ``shared/media`` beside the checkout; skips without."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "media"
    folder = Path(os.environ.get("ONVIF_BMFF_MEDIA", beside))
    if not folder.is_dir():
        pytest.skip("no folder of real media files (set ONVIF_BMFF_MEDIA)")
    return folder
