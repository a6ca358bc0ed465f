"""docs/extending.md, carried out: each walkthrough on a copy of the tree, as somebody would who follows it.

A comment before a code block says what is done with it: ``new: FILE``, ``append: FILE``, ``after: FILE: LINE`` (below
the first line that has this text), ``change: FILE`` (a diff: what stands in the file, with ``-`` and ``+``), ``run`` (a
program that has to succeed), ``shell`` (a command that has to). Generated files are written anew before anything runs.
A walkthrough may touch two files of the product at most, and what it writes there passes the linter.
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
STEPS = ("new", "append", "after", "change", "run", "shell")
PROOFS = ("run", "shell")
PROSE_ONLY = {"A source of keys"}
MAX_FILES = 2
_BLOCK = re.compile(r"(?:<!-- (\w+)(?:: (.*?))? -->\n+)?```\w+\n(.*?)```", re.S)


@dataclass(frozen=True)
class Step:
    """What is done with a code block."""

    what: str
    where: str
    text: str

    @property
    def file(self) -> str:
        """The file that is touched; "" for a proof."""
        return self.where.partition(": ")[0]


def walkthroughs(page: str) -> dict[str, list[Step]]:
    """The steps of each section that has any code, by its title."""
    found: dict[str, list[Step]] = {}
    for section in re.split(r"^## ", page, flags=re.M)[1:]:
        title, _, text = section.partition("\n")
        steps = [Step(what, where.strip(), code) for what, where, code in _BLOCK.findall(text)]
        if steps:
            found[title.strip()] = steps
    return found


WALKTHROUGHS = walkthroughs(PAGE.read_text())


def copy_tree(tree: Path) -> None:
    """The part of a checkout that a walkthrough works in."""
    for name in ("onvif_bmff", "docs", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "data", "corpus"))
    for name in ("data", "corpus"):
        (tree / "tests" / name).symlink_to(ROOT / "tests" / name)
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tree / name)


def call(command: list[str], tree: Path, what: str) -> None:
    """Run a command in the tree; ``AssertionError`` with what it wrote if it fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ours = ("PYTEST", "COV")  # how we are run ourselves; and what installs from the registry is not to be run here
    environment = {name: text for name, text in os.environ.items() if not name.startswith(ours) and name != "CI"}
    environment |= {"PYTHONPATH": str(tree), "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{what}\n{done.stdout}\n{done.stderr}"


def changed(text: str, change: str) -> str:
    """``text`` after a diff without line numbers; ``AssertionError`` unless what it starts from is there, once."""
    lines = [line if line.strip() else " " for line in change.splitlines()]
    assert all(line[0] in " -+" for line in lines), change
    before = "".join(f"{line[1:]}\n" for line in lines if line[0] != "+")
    after = "".join(f"{line[1:]}\n" for line in lines if line[0] != "-")
    assert text.count(before) == 1, f"{text.count(before)} times in the file:\n{before}"
    return text.replace(before, after)


def carry_out(step: Step, tree: Path) -> None:
    """Do a step; ``AssertionError`` if it fails."""
    assert step.what in STEPS, f"nothing is done with this block: {step.text}"
    if step.what in PROOFS:
        call([sys.executable, "docs/build_doors.py"], tree, "docs/build_doors.py")
        command = [sys.executable, "-c", step.text] if step.what == "run" else ["bash", "-euc", step.text]
        call(command, tree, step.text)
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
    if step.what == "change":
        file.write_text(changed(text, step.text))
        return
    assert line in text, f"{name} has no line with {line!r}"
    lines = text.splitlines(keepends=True)
    at = next(number for number, one in enumerate(lines) if line in one)
    indented = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    more = [indented + one if one.strip() else one for one in step.text.splitlines(keepends=True)]
    file.write_text("".join([*lines[: at + 1], *more, *lines[at + 1 :]]))


def lint(steps: list[Step], tree: Path) -> None:
    """Look at the files and programs of a walkthrough; those outside the package need no docstrings."""
    files = {step.file for step in steps if step.file.endswith(".py")}
    programs = [step.text for step in steps if step.what == "run"]
    for number, text in enumerate(programs):
        (tree / f"program_{number}.py").write_text(text)
    ours = {name for name in files if name.startswith("onvif_bmff/")}
    others = {*files, *(f"program_{number}.py" for number in range(len(programs)))} - ours
    call(["ruff", "format", "--no-cache", "--check", *sorted(ours | others)], tree, "ruff format")
    for names, more in ((ours, []), (others, ["--ignore", "D"])):
        if names:
            call(["ruff", "check", "--no-cache", *more, *sorted(names)], tree, "ruff check")


def prove(steps: list[Step], tree: Path) -> None:
    """Do only the steps that show something."""
    for step in steps:
        if step.what in PROOFS:
            carry_out(step, tree)


@pytest.mark.slow
@pytest.mark.parametrize("title", WALKTHROUGHS)
def test_a_walkthrough_leads_there(title: str, tmp_path: Path) -> None:
    steps = WALKTHROUGHS[title]
    copy_tree(tmp_path)
    for step in steps:
        carry_out(step, tmp_path)
    touched = {step.file for step in steps if step.file.startswith("onvif_bmff/")}
    assert len(touched) <= MAX_FILES, touched
    assert steps[-1].what in PROOFS, "nothing shows that it works"
    if shutil.which("ruff", path=str(Path(sys.executable).parent)):
        lint(steps, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("title", WALKTHROUGHS)
def test_the_proof_of_a_walkthrough_fails_without_it(title: str, tmp_path: Path) -> None:
    """What shows that a new thing works would notice if it were not there."""
    copy_tree(tmp_path)
    with pytest.raises(AssertionError):
        prove(WALKTHROUGHS[title], tmp_path)


def test_every_walkthrough_that_is_promised_is_there() -> None:
    assert set(WALKTHROUGHS) == {
        "A box", "A codec", "A codec of NAL units", "A store", "A recording format", "A cut rule",
        "A rule of the validator", "A command", "An operation",
    }  # fmt: skip
    titles = re.findall(r"^## (.*)$", PAGE.read_text(), flags=re.M)
    assert set(titles) - set(WALKTHROUGHS) == PROSE_ONLY


@pytest.mark.parametrize(
    ("text", "change"),
    [("a\nb\n", "-c\n+d\n"), ("a\na\n", "-a\n+b\n"), ("a\nb\n", " a\n-c\n")],
    ids=["not there", "twice", "other lines follow"],
)
def test_a_change_needs_what_it_changes(text: str, change: str) -> None:
    assert changed("a\nb\nc\n", " a\n-b\n+x\n+y\n") == "a\nx\ny\nc\n"
    with pytest.raises(AssertionError):
        changed(text, change)
