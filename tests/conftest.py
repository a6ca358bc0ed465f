"""What all tests share."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support_tools import need


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """Folder of real media files: ``ONVIF_BMFF_MEDIA``, or ``shared/media`` beside the checkout; skips without."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "media"
    folder = Path(os.environ.get("ONVIF_BMFF_MEDIA", beside))
    if not folder.is_dir():
        pytest.skip("no folder of real media files (set ONVIF_BMFF_MEDIA)")
    return folder


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Sequence[str]], Path]:
    """``make_clip(name, arguments)``: a file made by ffmpeg, once a session; skips without ffmpeg."""
    need("ffmpeg")
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str, arguments: Sequence[str]) -> Path:
        path = folder / name
        if not path.exists():
            command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments, str(path)]
            subprocess.run(command, check=True, timeout=120)
        return path

    return make
