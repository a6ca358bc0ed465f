"""Write the doors of the rooms: ``_names.py`` and ``__init__.pyi`` of each, from the ``__all__`` of its modules.

``python docs/build_doors.py`` writes them; with ``--check`` it only says whether they are as they should be (exit 1).
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "onvif_bmff"
NO_DOOR = {"cli"}
"""Rooms that nobody imports from."""


def names_of(path: Path) -> list[str]:
    """The names in a module's ``__all__`` that are defined there: what it passes on has its home elsewhere."""
    tree = ast.parse(path.read_text())
    imported = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "__all__":
            value = node.value
            assert isinstance(value, ast.List), f"{path}: __all__ is a list of names"
            names = [element.value for element in value.elts if isinstance(element, ast.Constant)]
            return [name for name in names if name not in imported]
    return []


def door_of(room: Path) -> dict[str, list[str]]:
    """Modules of a room, from the room on, with their names; ``SystemExit`` where two modules have the same name."""
    table: dict[str, list[str]] = {}
    homes: dict[str, str] = {}
    for path in sorted(room.rglob("*.py")):
        if path.name in ("__init__.py", "_names.py"):
            continue
        module = ".".join(path.relative_to(room).with_suffix("").parts)
        names = names_of(path)
        for name in names:
            if name in homes:
                raise SystemExit(f"{room.name}: both {homes[name]} and {module} have {name}")
            homes[name] = module
        if names:
            table[module] = sorted(names)
    return table


def _literal(table: dict[str, list[str]]) -> Iterator[str]:
    yield "{"
    for module, names in table.items():
        row = f'    "{module}": ({", ".join(f"{chr(34)}{name}{chr(34)}" for name in names)},),'
        if len(row) <= 120:
            yield row
            continue
        yield f'    "{module}": ('
        yield from (f'        "{name}",' for name in names)
        yield "    ),"
    yield "}"


def files_of(room: Path) -> dict[Path, str]:
    """What the door of a room consists of."""
    table = door_of(room)
    head = '"""Public names of this room, by module. Written by ``docs/build_doors.py``."""\n\nNAMES = '
    return {
        room / "_names.py": head + "\n".join(_literal(table)) + "\n",
        room / "__init__.pyi": stub_of(f"onvif_bmff.{room.name}", table),
    }


def stub_of(package: str, table: dict[str, list[str]], more: str = "") -> str:
    """What type checkers read of a door."""
    lines = [f"from {package}.{module} import {name} as {name}" for module, names in table.items() for name in names]
    every = [name for names in table.values() for name in names]
    names = sorted(every, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    listed = "\n".join(f'    "{name}",' for name in names)
    return "\n".join(lines) + f"\n{more}\n__all__ = [\n{listed}\n]\n"


def front_door() -> dict[Path, str]:
    """The stub of the package itself, whose table is written by hand."""
    path = PACKAGE / "__init__.py"
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "_NAMES":
            table = {module: list(names) for module, names in ast.literal_eval(node.value).items()}
            return {PACKAGE / "__init__.pyi": stub_of("onvif_bmff", table, "\n__version__: str\n")}
    raise SystemExit("no table of names in onvif_bmff/__init__.py")


def main() -> int:
    """Write the files, or compare them."""
    rooms = [path for path in sorted(PACKAGE.iterdir()) if (path / "__init__.py").exists() and path.name not in NO_DOOR]
    wanted = front_door()
    for room in rooms:
        wanted |= files_of(room)
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(PACKAGE.parent)} is not what docs/build_doors.py writes")
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
