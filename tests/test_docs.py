"""What the README says is true: its example runs, its commands exist, its links lead somewhere."""

import os
import re
from pathlib import Path

import pytest

from onvif_bmff.cli.main import COMMANDS
from onvif_bmff.storage import DirectoryStore

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.requirement("ANX-B.10-01")
def test_the_front_page_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    clip = ROOT / "tests" / "data" / "camera.mp4"
    (tmp_path / "tests" / "data").mkdir(parents=True)
    os.link(clip, tmp_path / "tests" / "data" / "camera.mp4")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    keys = list(DirectoryStore(tmp_path / "recordings").keys())
    assert "site-2/2022-11-08/camera-5/15/08-23.547Z.0.m4v" in keys
    assert any(key.endswith(".m4v_end") for key in keys)


def test_the_commands_are_those_that_the_readme_lists() -> None:
    listed = set(re.findall(r"^\| `onvif-bmff (\w+) ", README, re.MULTILINE))
    assert listed == set(COMMANDS)


def test_the_first_screen_has_the_two_commands() -> None:
    first_screen = "\n".join(README.splitlines()[:12])
    assert "$ pip install . && onvif-bmff record tests/data/camera.mp4" in first_screen
    assert "$ pip install '.[test]' && python -m pytest" in first_screen


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_the_page_on_interoperability_measures_and_builds_nothing() -> None:
    page = (ROOT / "docs" / "interop.md").read_text()
    assert "```" not in page, "no recipes of other people's programs, which go stale"
    for tool in ("Bento4", "GPAC", "mp4ff", "shaka-packager", "ffmpeg", "mediabunny", "Chromium"):
        assert tool in page
    assert "1.6.0-641" in page, "versions stay"
