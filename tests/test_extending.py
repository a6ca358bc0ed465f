"""docs/extending.md, carried out: each walkthrough on a copy of the tree, as somebody would who follows it.

A comment before a code block says what is done with it: ``new: FILE``, ``append: FILE``, ``after: FILE: LINE`` (below
the first line that has this text), ``run`` (a program that has to succeed), ``shell`` (a command that has to).
Generated files are written anew before anything runs. A walkthrough may touch two files of the product at most.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "extending.md"
_STEP = re.compile(r"<!-- (new|append|after|run|shell)(?:: (.*?))? -->\n+```\w*\n(.*?)```", re.S)
MAX_FILES = 2


@dataclass(frozen=True)
class Step:
    """What is done with a code block."""

    what: str
    where: str
    text: str


def walkthroughs() -> dict[str, list[Step]]:
    """The steps of each section that has any, by its title."""
    found: dict[str, list[Step]] = {}
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.M)[1:]:
        title, _, text = section.partition("\n")
        steps = [Step(what, where.strip(), code) for what, where, code in _STEP.findall(text)]
        if steps:
            found[title.strip()] = steps
    return found


WALKTHROUGHS = walkthroughs()


def carry_out(step: Step, tree: Path) -> None:
    """Do a step; ``AssertionError`` if it fails."""
    if step.what in ("run", "shell"):
        command = [sys.executable, "-c", step.text] if step.what == "run" else ["bash", "-euc", step.text]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, "PYTHONPATH": str(tree), "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        doors = [sys.executable, "docs/build_doors.py"]
        for work in (doors, command):
            done = subprocess.run(work, cwd=tree, env=environment, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"{step.text}\n{done.stdout}\n{done.stderr}"
        return
    name, _, line = step.where.partition(": ")
    file = tree / name
    if step.what == "new":
        assert not file.exists(), f"{name} exists already"
        file.write_text(step.text)
        return
    text = file.read_text()
    if step.what == "append":
        file.write_text(f"{text.rstrip()}\n\n\n{step.text}")
        return
    assert line in text, f"{name} has no line with {line!r}"
    lines = text.splitlines(keepends=True)
    at = next(number for number, one in enumerate(lines) if line in one)
    indented = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    more = [indented + one if one.strip() else one for one in step.text.splitlines(keepends=True)]
    file.write_text("".join([*lines[: at + 1], *more, *lines[at + 1 :]]))


@pytest.mark.parametrize("title", WALKTHROUGHS)
def test_a_walkthrough_leads_there(title: str, tmp_path: Path) -> None:
    steps = WALKTHROUGHS[title]
    for name in ("onvif_bmff", "docs", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "data", "corpus"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    for step in steps:
        carry_out(step, tmp_path)
    touched = {step.where.partition(": ")[0] for step in steps if step.where.startswith("onvif_bmff/")}
    assert len(touched) <= MAX_FILES, touched
    assert steps[-1].what in ("run", "shell"), "nothing shows that it works"


def test_every_walkthrough_that_is_promised_is_there() -> None:
    assert set(WALKTHROUGHS) >= {
        "A box", "A codec", "A codec of NAL units", "A store", "A recording format", "A cut rule",
        "A rule of the validator", "A command", "An operation",
    }  # fmt: skip
