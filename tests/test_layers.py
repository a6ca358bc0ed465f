"""Rooms import only downward, and only some touch the world: the table of docs/architecture.md, held."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "onvif_bmff"

ALLOWED = {
    "_lazy": set(),
    "errors": set(),
    "timing": {"errors"},
    "media_kind": set(),
    "bmff": {"errors", "timing"},
    "media": {"bmff", "media_kind", "errors", "timing"},
    "codecs": {"media", "bmff", "media_kind", "errors"},
    "demux": {"codecs", "media", "bmff", "media_kind", "errors"},
    "cenc": {"demux", "codecs", "media", "bmff", "media_kind", "errors", "timing"},
    "objects": {"bmff", "media_kind", "errors", "timing"},
    "recording": {"cenc", "objects", "media", "bmff", "media_kind", "errors", "timing"},
    "playback": {"cenc", "objects", "demux", "codecs", "media", "bmff", "media_kind", "errors", "timing"},
    "export": {"playback", "cenc", "objects", "demux", "codecs", "media", "bmff", "media_kind", "errors", "timing"},
    "recovery": {
        "recording", "playback", "objects", "demux", "codecs", "media", "bmff", "media_kind", "errors", "timing",
    },
    "validation": {"playback", "cenc", "objects", "demux", "codecs", "media", "bmff", "media_kind", "errors", "timing"},
    "control": {"objects", "cenc", "media_kind", "errors", "timing"},
    "engine": {"control", "recording", "objects", "cenc", "media", "media_kind", "errors", "timing"},
    "storage": {"objects", "errors", "timing"},
    "ingest": {"demux", "codecs", "media", "bmff", "media_kind", "errors", "timing"},
    "testing": {"recording", "cenc", "objects", "codecs", "media", "bmff", "media_kind", "errors", "timing"},
    "device": {
        "engine", "control", "recovery", "recording", "export", "playback", "cenc", "objects", "demux", "media",
        "storage", "ingest", "media_kind", "errors", "timing",
    },
}  # fmt: skip
"""What each room may import of ours. ``cli`` may import anything, and nothing may import ``cli``."""

EXTERNAL = {
    "construct": {"bmff", "testing"},
    "cryptography": {"cenc"},
    "hypothesis": {"testing"},
    "rich": {"cli"},
}
"""Which rooms may import which packages."""

STANDARD = {"sqlite3": {"storage"}, "socket": set(), "subprocess": {"testing", "cli"}, "requests": set()}

WORLD = {"open", "time.time", "time.monotonic", "datetime.now", "os.urandom", "uuid.uuid4", "uuid4"}
WORLDLY = {"storage", "ingest", "device", "cli", "testing"}
"""Rooms that may do I/O, read clocks or draw random numbers by themselves."""


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in ("__init__", "__main__"):
            continue
        yield room, path, ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno


MODULES = list(modules())


@pytest.mark.parametrize(
    ("room", "path", "tree"), MODULES, ids=[str(path.relative_to(PACKAGE)) for _, path, _ in MODULES]
)
def test_a_room_imports_only_what_lies_below_it(room: str, path: Path, tree: ast.Module) -> None:
    for name, line in imports(tree):
        where = f"{path}:{line} imports {name}"
        top = name.split(".")[0]
        if top == "onvif_bmff":
            target = name.split(".")[1] if "." in name else ""
            if not target:
                assert room == "cli", where
                continue
            if target == "_lazy":
                continue
            assert target != "cli" or room == "cli", where
            assert room == "cli" or target == room or target in ALLOWED[room], where
        if top in EXTERNAL:
            assert room in EXTERNAL[top], where
        if top in STANDARD:
            assert room in STANDARD[top], where


@pytest.mark.parametrize(
    ("room", "path", "tree"),
    [entry for entry in MODULES if entry[0] not in WORLDLY],
    ids=[str(path.relative_to(PACKAGE)) for room, path, _ in MODULES if room not in WORLDLY],
)
def test_the_core_does_no_io_and_reads_no_clock(room: str, path: Path, tree: ast.Module) -> None:
    """Calls only: a clock or a random source may be the default of a parameter that callers can replace."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in WORLD, f"{path}:{node.lineno} calls {called}"


def test_the_world_test_would_notice() -> None:
    tree = ast.parse("import os\nkey = os.urandom(16)\n")
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert set(calls) & WORLD
