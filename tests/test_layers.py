"""Rooms import only downward, and only some touch the world: the table of docs/architecture.md, held."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "onvif_bmff"

ALLOWED = {
    "_lazy": set(),
    "errors": set(),
    "logs": set(),
    "audit": {"errors"},
    "timing": {"errors"},
    "runtime": {"timing"},
    "xml_values": {"errors", "timing"},
    "media_kind": set(),
    "key_format": set(),
    "bmff": {"errors", "timing"},
    "media": {"bmff", "media_kind", "errors", "timing"},
    "codecs": {"media", "bmff", "media_kind", "errors"},
    "demux": {"codecs", "media", "bmff", "media_kind", "errors"},
    "cenc": {"demux", "codecs", "media", "bmff", "key_format", "media_kind", "errors", "timing"},
    "objects": {"bmff", "media_kind", "errors", "timing"},
    "recording": {"cenc", "objects", "media", "bmff", "media_kind", "errors", "timing"},
    "playback": {"cenc", "objects", "demux", "media", "bmff", "media_kind", "errors", "timing"},
    "export": {"playback", "cenc", "objects", "demux", "codecs", "media", "bmff", "media_kind", "errors", "timing"},
    "recovery": {
        "recording", "playback", "objects", "demux", "media", "bmff", "media_kind", "errors", "timing",
    },
    "validation": {"playback", "cenc", "objects", "demux", "media", "bmff", "media_kind", "errors", "timing"},
    "diagnosis": {"playback", "objects", "demux", "media", "bmff", "media_kind", "errors", "timing"},
    "control": {"objects", "xml_values", "key_format", "audit", "logs", "media_kind", "errors", "timing"},
    "engine": {"control", "recording", "objects", "cenc", "media", "media_kind", "errors", "timing"},
    "storage": {"objects", "runtime", "errors", "timing", "logs"},
    "mending": {"demux", "codecs", "media", "bmff", "media_kind", "errors"},
    "ingest": {"mending", "demux", "media", "bmff", "runtime", "media_kind", "errors", "timing"},
    "rtsp": {"control", "codecs", "demux", "media", "bmff", "runtime", "media_kind", "errors", "timing"},
    "testing": {"recording", "cenc", "objects", "codecs", "media", "bmff", "media_kind", "errors", "timing"},
    "jobs": {
        "runtime", "storage", "validation", "export", "playback", "cenc", "objects", "bmff", "media_kind", "errors",
        "timing",
    },
    "configuration": {"control", "cenc", "storage", "audit", "errors", "timing"},
    "device": {
        "configuration",
        "engine", "control", "recovery", "recording", "export", "playback", "cenc", "objects", "demux", "media",
        "storage", "ingest", "rtsp", "runtime", "audit", "logs", "media_kind", "errors", "timing",
    },
}  # fmt: skip
"""What each room may import of ours. ``cli`` may import anything, and nothing may import ``cli``."""

EXTERNAL = {
    "construct": {"bmff"},
    "av": {"rtsp"},
    "cryptography": {"cenc"},
    "distributed": {"jobs"},
    "hypothesis": {"testing"},
    "obstore": {"storage"},
    "botocore": {"storage"},
    "prometheus_client": {"device"},
    "pyarrow": {"jobs"},
    "rich": {"cli"},
}
"""Which rooms may import which packages."""

STANDARD = {
    "sqlite3": {"storage"},
    "socket": {"rtsp", "device", "cli"},
    "subprocess": {"testing", "cli"},
    "requests": set(),
}

WORLD = {"open", "time.time", "time.monotonic", "datetime.now", "os.urandom", "uuid.uuid4", "uuid4"}
WORLDLY = {"storage", "ingest", "rtsp", "device", "runtime", "cli", "testing"}
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


WAITS = {
    "asyncio",
    "concurrent",
    "multiprocessing",
    "queue",
    "sched",
    "select",
    "selectors",
    "signal",
    "threading",
    "time",
}
LEAF_LOCKS = {"threading.Lock", "threading.RLock"}
READS = {"datetime.now", "datetime.datetime.now", "datetime.utcnow", "datetime.today"}


def waiting_of(tree: ast.Module, *, leaf_locks: bool) -> list[str]:
    """What waits or reads a clock in a module: imports by full name, and calls."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in WAITS]
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in WAITS:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in READS:
            found.append(ast.unparse(node.func))
    return [one for one in found if not (leaf_locks and one in LEAF_LOCKS)]


SOCKETS = {"rtsp/relay.py": ["selectors"]}
"""What waits for sockets that libavformat has the other end of, which no runtime simulates."""
SEAMLESS = [
    entry for entry in MODULES if entry[0] in ("device", "engine", "ingest", "rtsp", "storage", "recovery", "export")
]


@pytest.mark.parametrize(
    ("room", "path", "tree"), SEAMLESS, ids=[str(path.relative_to(PACKAGE)) for _, path, _ in SEAMLESS]
)
def test_only_the_runtime_waits_and_reads_clocks(room: str, path: Path, tree: ast.Module) -> None:
    """A simulated runtime runs all of the device, so nothing of it may wait or take the time elsewhere.

    Stores have locks that no task waits under; the device has none but its runtime's.
    """
    allowed = SOCKETS.get(path.relative_to(PACKAGE).as_posix(), [])
    assert waiting_of(tree, leaf_locks=room == "storage") == allowed, path


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from time import monotonic",
        "import threading",
        "from threading import Event",
        "from queue import Queue",
        "import asyncio",
        "from concurrent.futures import ThreadPoolExecutor",
        "x = datetime.now(UTC)",
    ],
)
def test_the_test_of_waiting_would_notice(line: str) -> None:
    assert waiting_of(ast.parse(line), leaf_locks=True)


def test_the_world_test_would_notice() -> None:
    tree = ast.parse("import os\nkey = os.urandom(16)\n")
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert set(calls) & WORLD


# ---- the table is true ---------------------------------------------------------------------------------

OPEN_TO_ALL = {"errors", "timing", "media_kind"}


def used_by(room: str) -> set[str]:
    """The rooms that a room imports."""
    found = {
        name.split(".")[1]
        for other, _, tree in MODULES
        if other == room
        for name, _ in imports(tree)
        if name.startswith("onvif_bmff.")
    }
    return found - {room, "_lazy"}


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_may_import_no_more_than_it_does(room: str) -> None:
    assert ALLOWED[room] - OPEN_TO_ALL <= used_by(room)


def test_the_page_on_architecture_has_the_same_table() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    rows = re.findall(
        r"^\| ([\w, ]+) \| (.+) \|$", page.partition("| room | may import |")[2].partition("\n\n")[0], re.M
    )
    told = {}
    for names, allowed in rows:
        rooms = set(re.findall(r"(?<!\*)\b[a-z_]+\b(?!\*)", allowed.partition(" (")[0])) & set(ALLOWED)
        told |= dict.fromkeys(names.split(", "), rooms - OPEN_TO_ALL)
    assert told == {room: allowed - OPEN_TO_ALL for room, allowed in ALLOWED.items() if room != "_lazy"}


# ---- floors and sizes --------------------------------------------------------------------------------

MAX_FLOORS = {
    "bmff": 10, "media": 4, "codecs": 7, "demux": 3, "cenc": 5, "objects": 5, "recording": 10, "playback": 7,
    "export": 4, "recovery": 3, "validation": 8, "diagnosis": 5, "control": 8, "engine": 3, "storage": 5,
    "mending": 4, "ingest": 4, "rtsp": 9, "testing": 3, "jobs": 4, "device": 9, "cli": 5, "configuration": 6,
}  # fmt: skip
"""The longest chain of imports between the modules of a room, folders included; a module that imports none is 1."""

MAX_SHARE = 0.14
"""How much of all lines the biggest room may have."""


def runtime_imports(tree: ast.AST) -> Iterator[str]:
    """What a module imports when it runs: as written, and with each name behind it, which may be a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from runtime_imports(ast.Module(node.orelse, []))
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from runtime_imports(node)


def floors_of(modules: dict[str, ast.Module]) -> int:
    """The longest chain of imports between modules, given by their dotted names."""
    below = {name: (modules.keys() & set(runtime_imports(tree))) - {name} for name, tree in modules.items()}
    heights: dict[str, int] = {}

    def height(name: str, chain: tuple[str, ...] = ()) -> int:
        assert name not in chain, f"{name} imports itself by {' -> '.join(chain)}"
        if name not in heights:
            heights[name] = 1 + max((height(found, (*chain, name)) for found in below[name]), default=0)
        return heights[name]

    return max(height(name) for name in modules)


def modules_of(room: str) -> dict[str, ast.Module]:
    found = {}
    for name, path, tree in MODULES:
        if name == room:
            dotted = ".".join(("onvif_bmff", *path.relative_to(PACKAGE).with_suffix("").parts))
            found[dotted.removesuffix(".__init__")] = tree
    return found


@pytest.mark.parametrize("room", MAX_FLOORS)
def test_a_room_has_few_floors(room: str) -> None:
    assert floors_of(modules_of(room)) <= MAX_FLOORS[room]


def test_all_rooms_that_are_folders_have_a_limit_of_floors() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(MAX_FLOORS)


def test_floors_are_counted_by_what_is_imported_at_run_time() -> None:
    texts = {
        "r": "from r.c import x",
        "r.a": "import os",
        "r.b": "from r import a",
        "r.c": "def f():\n    from r.b import y",
        "r.d": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from r.c import x\nelse:\n    import r.a",
    }
    trees = {name: ast.parse(text) for name, text in texts.items()}
    assert floors_of({name: trees[name] for name in ("r.a", "r.d")}) == 2
    assert floors_of({name: trees[name] for name in ("r.a", "r.b", "r.c", "r.d")}) == 3
    with pytest.raises(AssertionError, match="imports itself"):
        floors_of({"r.a": ast.parse("import r.b"), "r.b": ast.parse("import r.a")})


def test_no_room_is_too_big() -> None:
    """Lines that people write: the tables of names are written by a script."""
    lines: dict[str, int] = {}
    for room, path, _ in MODULES:
        if path.name != "_names.py":
            lines[room] = lines.get(room, 0) + len(path.read_text().splitlines())
    total = sum(lines.values())
    shares = {room: count / total for room, count in lines.items()}
    biggest = max(shares, key=lambda room: shares[room])
    assert shares[biggest] <= MAX_SHARE, f"{biggest} has {shares[biggest]:.1%} of all lines"
