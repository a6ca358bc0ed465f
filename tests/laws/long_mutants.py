"""Break one line of a core module at a time, and see whether the tests notice.

Which tests run a line is measured first, by coverage with a context for each test; a mutant is then tried with those
tests only, and with all of its area's where the line runs when its module is imported. Everything happens in a copy of
the tree. The mutants are drawn by ``--seed`` from all that there are: comparisons and sums turned around, conditions
negated, numbers off by one, statements and results left out. Each has its lot by what it changes, not by where, so that
the draw stays the same but for lines that changed. ``--again`` tries those that survived once more, when tests were
added.

``--report`` is written anew after each mutant: the figure, and every mutant that survived, with its line. Those that
cannot be told from the original are named in ``EQUIVALENT`` with the reason, and do not count. A mutant that makes the
tests run several times as long as they do is noticed too.
"""

import argparse
import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

_WHOLE_RECORDINGS = ("tests/validation/test_validation_configurations.py", "tests/golden/test_golden_records.py")

AREAS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "recording": (
        ("onvif_bmff/recording/*.py", "onvif_bmff/recovery/segment.py"),
        ("tests/recording", "tests/storage/test_storage_sink.py", "tests/recovery", *_WHOLE_RECORDINGS),
    ),
    "objects": (
        ("onvif_bmff/objects/*.py",),
        (
            "tests/objects",
            "tests/recording/test_recording_formats.py",
            "tests/playback/test_playback_seek.py",
            *_WHOLE_RECORDINGS,
        ),
    ),
    "vectors": (
        ("onvif_bmff/cenc/iv.py",),
        ("tests/cenc/test_cenc_iv.py", "tests/cenc/test_cenc_vectors.py", "tests/cenc/test_cenc_encrypt.py"),
    ),
    "control": (
        ("onvif_bmff/control/arbitration.py", "onvif_bmff/control/operations/override.py"),
        (
            "tests/control/test_control_arbitration.py",
            "tests/control/test_control_override.py",
            "tests/control/test_control_event_recording.py",
            "tests/control/test_control_jobs.py",
            "tests/control/test_control_engine.py",
        ),
    ),
    "gate": (
        ("onvif_bmff/playback/gate.py",),
        (
            "tests/playback/test_playback_gate.py",
            "tests/playback/test_playback_spans.py",
            "tests/playback/test_playback_export.py",
            "tests/playback/test_playback_span_ends.py",
            "tests/golden/test_golden_records.py",
        ),
    ),
}
"""Name of an area -> the modules that are broken, and the tests that should notice, the quickest to do so first."""

_NEVER_TOO_LONG = "it decides whether a key is measured exactly, which every key is that may be too long"
_ANY_KEY = "a key with any time and counter is as good for the check of the parts around them"
_HALF_A_CIRCLE = "half a circle on and half a circle back are one place"

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "onvif_bmff/objects/stored.py",
        "def read_unsealed(self, item: UnsealedObject, start: int = 0, length: int | None = None) -> bytes:",
        "def read_unsealed(self, item: UnsealedObject, start: int = 1, length: int | None = None) -> bytes:",
    ): "a protocol: nothing runs it",
    (
        "onvif_bmff/objects/stored.py",
        "def put(self, obj: StorageObject, *, overwrite: bool = False) -> None:",
        "def put(self, obj: StorageObject, *, overwrite: bool = True) -> None:",
    ): "a protocol: nothing runs it",
    (
        "onvif_bmff/recording/fragment.py",
        'for name, flag in (("duration", 0x100), ("size", 0x200), ("flags", 0x400), ("composition_offset", 0x800)):',
        'for name, flag in (("duration", 257), ("size", 0x200), ("flags", 0x400), ("composition_offset", 0x800)):',
    ): "the lowest bit, a data offset, is set already",
    ("onvif_bmff/recording/interleave.py", "_NEVER = -1 << 80", "_NEVER = -2 << 80"): "both are before any time",
    ("onvif_bmff/recording/clock_parts.py", "NEVER = -1 << 80", "NEVER = -1 << 81"): "both are before any time",
    ("onvif_bmff/recording/track_state.py", "return False", "return None"): "it is asked for its truth only",
    ("onvif_bmff/recording/track_state.py", "_ALWAYS = 1 << 80", "_ALWAYS = 2 << 80"): "both are after any time",
    (
        "onvif_bmff/control/arbitration.py",
        "if held is None or rank > (held.configuration.priority, held.activation):",
        "if held is None or (rank >= (held.configuration.priority, held.activation)):",
    ): "no two jobs were activated at one number, and a job that comes twice is one winner",
    ("onvif_bmff/cenc/iv.py", "self._next = 0", "pass"): "a run begins with a number of its own before any is read",
    ("onvif_bmff/cenc/iv.py", "self._next = 0", "self._next = 1"): "a run begins with a number of its own",
    (
        "onvif_bmff/objects/key.py",
        "counter_digits: int = 0",
        "counter_digits: int = 1",
    ): "a counter has a digit at least, so that padding to one is none",
    ("onvif_bmff/objects/key.py", "length = 0", "length = 1"): _NEVER_TOO_LONG,
    (
        "onvif_bmff/objects/key.py",
        "if length > MAX_KEY_BYTES - 70 and len(str(self).encode()) > MAX_KEY_BYTES:",
        "if (length >= MAX_KEY_BYTES - 70) and len(str(self).encode()) > MAX_KEY_BYTES:",
    ): _NEVER_TOO_LONG,
    (
        "onvif_bmff/objects/key.py",
        "if length > MAX_KEY_BYTES - 70 and len(str(self).encode()) > MAX_KEY_BYTES:",
        "if length > MAX_KEY_BYTES - 71 and len(str(self).encode()) > MAX_KEY_BYTES:",
    ): _NEVER_TOO_LONG,
    (
        "onvif_bmff/objects/key.py",
        "if len(text) > MAX_KEY_BYTES // 4 and len(text.encode()) > MAX_KEY_BYTES:",
        "if (len(text) >= MAX_KEY_BYTES // 4) and len(text.encode()) > MAX_KEY_BYTES:",
    ): _NEVER_TOO_LONG,
    (
        "onvif_bmff/objects/key.py",
        "if len(text) > MAX_KEY_BYTES // 4 and len(text.encode()) > MAX_KEY_BYTES:",
        "if len(text) > MAX_KEY_BYTES // 5 and len(text.encode()) > MAX_KEY_BYTES:",
    ): _NEVER_TOO_LONG,
    (
        "onvif_bmff/objects/random_access.py",
        "last = MovieFragmentRandomAccessOffsetBox(parent_size=0)",
        "last = MovieFragmentRandomAccessOffsetBox(parent_size=1)",
    ): "the next line sets it; the box is as long with any number",
    (
        "onvif_bmff/objects/seek_table.py",
        "times, offsets, trafs, truns, samples = zip(*track.entries, strict=True)",
        "times, offsets, trafs, truns, samples = zip(*track.entries, strict=False)",
    ): "all entries have five numbers",
    (
        "onvif_bmff/recording/interleave.py",
        "if newest is None or time > newest:",
        "if newest is None or (time >= newest):",
    ): "it sets what is set already",
    (
        "onvif_bmff/recording/interleave.py",
        "returns = bool(back) and self._order.index(track_id) < self._order.index(self.lead_id)",
        "returns = bool(back) and (self._order.index(track_id) <= self._order.index(self.lead_id))",
    ): "the track is another one than the leading one here",
    (
        "onvif_bmff/recording/interleave.py",
        "if self.lead_id != first_id or since is None or newest - since > self._patience:",
        "if self.lead_id != first_id or since is None or (newest - since >= self._patience):",
    ): "the election that follows asks the same, and leaves the lead where it is",
    (
        "onvif_bmff/recording/clock_parts.py",
        "return last + (raw - last + self.half) % (self.half * 2) - self.half",
        "return last + ((raw - last - self.half)) % (self.half * 2) - self.half",
    ): _HALF_A_CIRCLE,
    (
        "onvif_bmff/recording/target.py",
        'ObjectKey(self.prefix, UtcTime(0), self.postfix, 0, "mp4", digits=self.digits)',
        'ObjectKey(self.prefix, UtcTime(1), self.postfix, 0, "mp4", digits=self.digits)',
    ): _ANY_KEY,
    (
        "onvif_bmff/recording/target.py",
        'ObjectKey(self.prefix, UtcTime(0), self.postfix, 0, "mp4", digits=self.digits)',
        'ObjectKey(self.prefix, UtcTime(0), self.postfix, 1, "mp4", digits=self.digits)',
    ): _ANY_KEY,
}
"""Module, line and mutated line (stripped) -> why nothing can tell it from the original."""

_TURNED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_SWAPPED = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "bisect_left": "bisect_right",
    "bisect_right": "bisect_left",
}
_NOT_RUN = (4, 5)
"""pytest's exit statuses for tests that are not there, and for none at all."""
_SAYS = ("debug", "info", "warning", "error", "exception", "log")
"""Methods of loggers: what is logged is for people, and not what these tests are about."""


@dataclass(frozen=True)
class Mutant:
    """One line of a module, ``new`` in place of ``old``; ``what`` names the change."""

    module: str
    line: int
    column: int
    old: str
    new: str
    what: str
    repeated: int = 0

    @property
    def key(self) -> str:
        """What names it in the journal, as long as the line stays as it is; ``repeated`` counts equal lines before."""
        return f"{self.module}:{self.repeated}:{self.column}:{self.what}:{self.old.strip()} => {self.new.strip()}"

    def lot(self, seed: int) -> bytes:
        """Its place in the draw of a seed."""
        return sha256(f"{seed} {self.key}".encode()).digest()

    @property
    def change(self) -> tuple[str, str, str]:
        """What names it wherever the line stands: the module, the line and what becomes of it."""
        return self.module, self.old.strip(), self.new.strip()


# ---- making them -----------------------------------------------------------------------------------------


def mutants_of(module: str, text: str) -> list[Mutant]:
    """Return all mutants of a module, given its text."""
    lines = text.splitlines(keepends=True)
    found = []
    for node, made, what in _changes(ast.parse(text)):
        place: Any = node
        if place.lineno != place.end_lineno:
            continue
        raw = lines[place.lineno - 1].encode()
        changed = raw[: place.col_offset] + _text(made).encode() + raw[place.end_col_offset :]
        old, new = lines[place.lineno - 1], changed.decode()
        if new != old and _is_code(lines, place.lineno, new):
            before = sum(line.strip() == old.strip() for line in lines[: place.lineno - 1])
            found.append(Mutant(module, place.lineno, place.col_offset, old, new, what, before))
    return sorted({mutant.key: mutant for mutant in found}.values(), key=lambda one: (one.line, one.column, one.key))


@cache
def _mutants_in(module: str) -> list[Mutant]:
    return mutants_of(module, (ROOT / module).read_text())


def _text(made: ast.AST) -> str:
    text = ast.unparse(made)
    return text if isinstance(made, ast.stmt | ast.Constant | ast.Name | ast.Call) else f"({text})"


def _is_code(lines: list[str], number: int, new: str) -> bool:
    try:
        ast.parse("".join([*lines[: number - 1], new, *lines[number:]]))
    except SyntaxError:
        return False
    return True


def _changes(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.AST, str]]:
    """What can be changed: a node, what goes in its place, and the name of the change."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        waiting += [child for child in ast.iter_child_nodes(node) if not _is_left_alone(node, child)]
        yield from _of_expression(node)
        yield from _of_statement(node)


def _is_left_alone(parent: ast.AST, child: ast.AST) -> bool:
    """Annotations, documentation, messages of errors, and what is only there for type checkers."""
    if isinstance(child, ast.Import | ast.ImportFrom | ast.Raise | ast.Assert | ast.JoinedStr):
        return True
    if child in (getattr(parent, "annotation", None), getattr(parent, "returns", None)):
        return True
    if child in getattr(parent, "decorator_list", ()):
        return True
    if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
        return True
    if isinstance(child, ast.FunctionDef) and child.name == "__repr__":
        return True
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Call):
        called = child.value.func
        return isinstance(called, ast.Attribute) and called.attr in _SAYS
    named = child.targets[0] if isinstance(child, ast.Assign) else None
    return isinstance(named, ast.Name) and named.id in ("__all__", "__slots__")


def _of_expression(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST, str]]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _TURNED:
        made = deepcopy(node)
        made.ops = [_TURNED[type(node.ops[0])]()]  # type: ignore[list-item]
        yield node, made, "comparison"
    elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in _TURNED:
        made_operator: Any = deepcopy(node)
        made_operator.op = _TURNED[type(node.op)]()
        yield node, made_operator, "operator"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, node.operand, "not"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield node, ast.Constant(not node.value), "truth"
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield node, ast.Constant(node.value + 1), "number"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SWAPPED:
        made_call = deepcopy(node)
        made_call.func = ast.Name(_SWAPPED[node.func.id])
        yield node, made_call, "function"
    elif isinstance(node, ast.IfExp):
        yield node, ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse), "condition"


def _of_statement(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST, str]]:
    if isinstance(node, ast.If | ast.While):
        yield node.test, ast.UnaryOp(ast.Not(), node.test), "condition"
    elif isinstance(node, ast.AugAssign) and type(node.op) in _TURNED:
        made = deepcopy(node)
        made.op = _TURNED[type(node.op)]()  # type: ignore[assignment]
        yield node, made, "operator"
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield node, ast.Return(ast.Constant(None)), "result"
    elif isinstance(node, ast.Break | ast.Continue) or _has_effect(node):
        yield node, ast.Pass(), "statement"


def _has_effect(node: ast.AST) -> bool:
    """Whether a statement calls something, or sets an attribute."""
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], ast.Attribute)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


# ---- trying them -----------------------------------------------------------------------------------------


class Tree:
    """A copy of the package and its tests, in which one module at a time is broken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        skipped = shutil.ignore_patterns("__pycache__", ".hypothesis", ".pytest_cache")
        for name in ("onvif_bmff", "tests", "docs", "benchmarks"):
            shutil.copytree(ROOT / name, folder / name, ignore=skipped)
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, folder / name)

    def pytest(self, *arguments: str, seconds: float | None = None) -> int | None:
        """Run pytest in the copy; its exit status, None where it took longer than ``seconds``."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", *arguments]
        process = subprocess.Popen(
            [*command, "--hypothesis-seed=0"],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def try_mutant(self, mutant: Mutant, tests: list[str], every: tuple[str, ...], seconds: float) -> str:
        """Run ``tests`` on the tree with a mutant in it: "noticed", "took too long" or "survived".

        ``every`` is run instead where those are not found, which is no failure of theirs.
        """
        path = self.folder / mutant.module
        lines = path.read_text().splitlines(keepends=True)
        lines[mutant.line - 1] = mutant.new
        path.write_text("".join(lines))
        listed = self.folder / "tests.txt"
        listed.write_text("\n".join(tests))
        try:
            status = self.pytest(f"@{listed}", seconds=seconds)
            if status in _NOT_RUN:
                status = self.pytest(*every, seconds=seconds)
        finally:
            shutil.copy(ROOT / mutant.module, path)
        return "took too long" if status is None else "noticed" if status else "survived"


class Concerned:
    """Which tests run which line of which module, by coverage; kept in a file beside the journal."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}

    def measure(self, area: str, tree: Tree) -> None:
        """Run the tests of an area once, unless that was done; ``RuntimeError`` where they fail by themselves."""
        if area in self._found:
            return
        import coverage

        tests = AREAS[area][1]
        data = tree.folder / f"coverage.{area}"
        os.environ["COVERAGE_FILE"] = str(data)
        before = time.monotonic()
        status = tree.pytest(*tests)
        seconds = time.monotonic() - before
        if status:
            raise RuntimeError(f"the tests of {area} fail without any mutant (pytest's status is {status})")
        # What measures memory may fail while coverage takes its own; the lines are what counts here.
        tree.pytest("--maxfail=1000", "--cov=onvif_bmff", "--cov-context=test", "--cov-report=", *tests)
        read = coverage.CoverageData(str(data))
        read.read()
        lines: dict[str, dict[str, list[str]]] = {}
        for module in modules_of(area):
            contexts = read.contexts_by_lineno(str(tree.folder / module))
            lines[module] = {
                str(line): sorted({name.rpartition("|")[0] for name in names if name})
                for line, names in contexts.items()
            }
        self._found[area] = {"seconds": seconds, "lines": lines}
        self._path.write_text(json.dumps(self._found))

    def seconds(self, area: str) -> float:
        """How long the tests of an area take."""
        return float(self._found[area]["seconds"])

    def tests(self, area: str, mutant: Mutant) -> list[str]:
        """The tests that run the line, those of a file that is named like the module first; all for one of import."""
        names: list[str] = self._found[area]["lines"][mutant.module].get(str(mutant.line), [])
        if not names:
            return list(AREAS[area][1])
        return in_order(area, mutant.module, names)


def in_order(area: str, module: str, names: Iterable[str]) -> list[str]:
    """Test names: those of a file that is named like the module first, then as the area names them."""
    stem = Path(module).stem

    def place(name: str) -> tuple[bool, int, str]:
        path = name.partition("::")[0]
        known = (number for number, entry in enumerate(AREAS[area][1]) if path == entry or path.startswith(f"{entry}/"))
        return (f"_{stem}" not in path, next(known, len(AREAS[area][1])), name)

    return sorted(names, key=place)


def modules_of(area: str) -> list[str]:
    """The modules of an area, as paths from the root."""
    patterns = AREAS[area][0]
    return sorted(str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern))


def drawn(seed: int, count: int, areas: Iterable[str] = AREAS) -> list[tuple[str, Mutant]]:
    """Draw ``count`` mutants, each with its area, from all there are in ``areas``."""
    every = [(area, mutant) for area in areas for module in modules_of(area) for mutant in _mutants_in(module)]
    return sorted(every, key=lambda one: one[1].lot(seed))[:count]


# ---- telling of it ---------------------------------------------------------------------------------------


def report(chosen: list[tuple[str, Mutant]], journal: Any, seed: int) -> tuple[str, float]:
    """The text of the report, and the share of mutants that were noticed, in per cent."""
    tried = [(area, mutant, journal.steps[mutant.key]["result"]) for area, mutant in chosen if mutant.key in journal]
    counted = [one for one in tried if one[1].change not in EQUIVALENT]
    survived = [one for one in counted if one[2] == "survived"]
    share = 100 * (1 - len(survived) / len(counted)) if counted else 0.0
    figures = f"{len(counted)} mutants of one line each (seed {seed}), {len(counted) - len(survived)} were noticed"
    lines = [
        "# Mutants",
        "",
        f"Of {figures}: {share:.1f} %. {len(tried) - len(counted)} more are equivalent to the original.",
        "",
        "| area | tried | noticed | took too long | survived |",
        "|---|---|---|---|---|",
    ]
    for area in AREAS:
        results = Counter(result for of, _, result in counted if of == area)
        row = (results.total(), *(results[name] for name in ("noticed", "took too long", "survived")))
        lines.append(f"| {area} | {' | '.join(map(str, row))} |")
    lines += ["", "## Survivors", ""]
    for _, mutant, _ in sorted(survived, key=lambda one: one[1].key):
        lines += [f"- `{mutant.module}:{mutant.line}`, {mutant.what}:", "", "  ```diff"]
        lines += [f"  - {mutant.old.strip()}", f"  + {mutant.new.strip()}", "  ```", ""]
    lines += ["## Equivalent", ""]
    for area, mutant, _ in tried:
        reason = EQUIVALENT.get(mutant.change)
        if reason is not None:
            lines.append(f"- `{mutant.module}:{mutant.line}` ({area}) `{mutant.new.strip()}`: {reason}")
    return "\n".join(lines).rstrip() + "\n", share


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See ``tests.long``."""
    parser.add_argument("--count", type=int, default=400, help="how many mutants")
    parser.add_argument("--area", choices=AREAS, nargs="+", default=list(AREAS), help="which to draw from")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--seconds", type=float, default=180, help="for one mutant, at most")
    parser.add_argument("--report", type=Path, default=Path("long-mutants.md"), help="file for figures and survivors")
    parser.add_argument("--again", action="store_true", help="try those that survived once more")
    parser.add_argument("--least", type=float, default=95.0, help="per cent that have to be noticed for exit status 0")


def run(arguments: argparse.Namespace, journal: Any) -> int:
    """Try the mutants that are not in the journal; 0 if enough of all were noticed."""
    chosen = drawn(arguments.seed, arguments.count, arguments.area)
    if arguments.again:
        for mutant in [one for _, one in chosen if one.key in journal]:
            if mutant.change not in EQUIVALENT and journal.steps[mutant.key]["result"] == "survived":
                del journal.steps[mutant.key]
    left = [(area, mutant) for area, mutant in chosen if mutant.key not in journal]
    concerned = Concerned(journal.path.with_suffix(".lines.json"))
    with tempfile.TemporaryDirectory(prefix="onvif-bmff-mutants-") as scratch:
        trees: SimpleQueue[Tree] = SimpleQueue()
        for number in range(arguments.jobs if left else 0):
            trees.put(Tree(Path(scratch) / str(number)))

        def step(area: str, mutant: Mutant) -> tuple[Mutant, str, float]:
            tree, before = trees.get(), time.monotonic()
            try:
                limit = min(30 + 2 * concerned.seconds(area), arguments.seconds)
                result = tree.try_mutant(mutant, concerned.tests(area, mutant), AREAS[area][1], limit)
                return mutant, result, time.monotonic() - before
            finally:
                trees.put(tree)

        for area in sorted({area for area, _ in left}):
            print(f"{area}: which tests run which line", flush=True)
            tree = trees.get()
            concerned.measure(area, tree)
            trees.put(tree)
        with ThreadPoolExecutor(arguments.jobs) as pool:
            for mutant, result, seconds in pool.map(lambda one: step(*one), left):
                journal.add(mutant.key, result=result, seconds=round(seconds, 1), new=mutant.new.strip())
                arguments.report.write_text(report(chosen, journal, arguments.seed)[0])
                print(f"{len(journal.steps)}/{len(chosen)} {result}: {mutant.line}: {mutant.key}", flush=True)
    text, share = report(chosen, journal, arguments.seed)
    arguments.report.write_text(text)
    print(text.splitlines()[2])
    return 0 if share >= arguments.least else 1
