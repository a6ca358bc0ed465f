"""docs/embedding.md and the pages beside it: every program on them runs as it stands, and says what it should."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = "".join((ROOT / "docs" / f"{name}.md").read_text() for name in ("embedding", "events", "sources", "stores"))
_SECTION = re.compile(r"^##* (.+?)\n(.*?)(?=^##* [A-Z]|\Z)", re.M | re.S)
_PROGRAM = re.compile(r"<!-- run -->\n```python\n(.*?)```", re.S)
PROGRAMS = {title: code for title, text in _SECTION.findall(PAGES) for code in _PROGRAM.findall(text)}
SAYS = {
    "The recorder": [
        r"m4a 2026-01-02T03:04:04\S+Z 2026-\S+Z \d segments",
        r"m4v 2026-01-02T03:04:05\S*Z 2026-\S+Z \d segments",
    ],
    "The device": [
        r"the job was \[.*'PartiallyActive'\]",
        r"higher priority: Active - created idle: Idle",
        r"deleted again; the first job feeds 3",
        r"\[('mp4', )+'mp4_end'.*\]",
    ],
    "Two streams of a camera": [r"\['soun', 'soun', 'vide', 'vide'\]"],
    "The service alone": [
        r"\{'VIDEO001': 'main', 'AUDIO001': 'main', 'META001': 'main'\}",
        r"Sender \('InvalidArgVal', 'NoRecording'\) The recording token names no recording\.",
        r"RecordingToken must be text, not None",
    ],
    "Events": [r"4 events", r"CreateRecording True"],
    "Sources": [r"[1-9]\d* segments"],
    "Stores": [
        r"unfit: \[\]",
        r"2 spans, wherever their objects are",
        r"uploaded: True 0 None",
        r"[1-9]\d* objects in the bucket",
    ],
}


def test_every_program_of_the_page_is_run() -> None:
    assert PROGRAMS.keys() == SAYS.keys()
    assert PAGES.count("```python") == len(PROGRAMS)


@pytest.mark.requirement("REC-5.27-01", "REC-5.27-02", "ANX-A-01", "ANX-A-02", "ANX-A-03")
@pytest.mark.parametrize("title", SAYS)
def test_a_program_runs_and_says_what_it_should(title: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAMS[title]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == len(SAYS[title]), done.stdout
    for line, pattern in zip(lines, SAYS[title], strict=True):
        assert re.fullmatch(pattern, line), line
