"""What all tests share."""

import gc
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import settings
from support_tools import need

# How long an example takes says nothing on a machine that is busy.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


UNMEASURED = ("disturbed", "simulate")
"""Folders whose tests go through code that tests of its own cover: they take three times as long under coverage."""


def pytest_collection_finish() -> None:
    """Let no later collection of garbage look at 17,000 tests again: each took a second."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave those tests out of the coverage."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in UNMEASURED:
            item.add_marker(pytest.mark.no_cover)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were left out, what they want, and how to get it."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[text.removeprefix("Skipped: ")] += 1
    if reasons:
        terminalreporter.section("not run")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count:>5}  {reason}")


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """Folder of real media files: ``ONVIF_BMFF_MEDIA``, or ``shared/media`` beside the checkout; skips without."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "media"
    folder = Path(os.environ.get("ONVIF_BMFF_MEDIA", beside))
    if not folder.is_dir():
        pytest.skip("a folder of real media files is missing (set ONVIF_BMFF_MEDIA to one)")
    return folder


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """Folder of odd inputs: ``ONVIF_BMFF_CASES``, or ``shared/cases`` beside the checkout; skips without."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "cases"
    folder = Path(os.environ.get("ONVIF_BMFF_CASES", beside))
    if not folder.is_dir():
        pytest.skip("a folder of odd media files is missing (set ONVIF_BMFF_CASES to one)")
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
