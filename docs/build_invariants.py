"""Write how dense the invariants are that the code checks where its state changes.

``python docs/build_invariants.py`` writes the table in ``docs/simulation.md``; with ``--check`` it only says whether
that is as counted (exit 1). A function changes state if it assigns to, adds to or deletes an attribute, and is no
constructor. An invariant is a ``raise InvariantError``, or a step by a table of states that ends in one.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from page_table import settle_table

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "onvif_bmff"
PAGE = ROOT / "docs" / "simulation.md"
ROOMS = ("engine", "recording", "cenc", "storage", "device", "playback", "control")
_CONSTRUCTORS = {"__init__", "__post_init__", "__new__"}
_STEPS = {"SpanStep", "OutputEvent"}
"""What tables of states go by: who follows one raises where it has no such step, or where the state is wrong then."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[_Function]:
    """Yield all functions of a module."""
    return (node for node in ast.walk(tree) if isinstance(node, _Function))


def _targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign | ast.Delete):
        return node.targets
    return [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []


def changes_state(function: _Function) -> bool:
    """Return whether a function assigns to an attribute, its own or another object's."""
    if function.name in _CONSTRUCTORS:
        return False
    flat = (part for node in ast.walk(function) for target in _targets(node) for part in ast.walk(target))
    return any(isinstance(part, ast.Attribute) and not isinstance(part.ctx, ast.Load) for part in flat)


def invariants(function: _Function) -> int:
    """Return how many invariants a function checks."""
    count = 0
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            count += isinstance(node.exc.func, ast.Name) and node.exc.func.id == "InvariantError"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Attribute):
            step = node.args[0].value
            count += isinstance(step, ast.Name) and step.id in _STEPS
    return count


def rows() -> Iterator[tuple[str, int, int]]:
    """Yield for each room how many functions change state, and how many invariants are checked."""
    for room in ROOMS:
        trees = [ast.parse(path.read_text()) for path in sorted((PACKAGE / room).rglob("*.py"))]
        found = [one for tree in trees for one in functions(tree)]
        yield room, sum(map(changes_state, found)), sum(map(invariants, found))


def table() -> str:
    """The table of the page."""
    lines = ["| room | functions that change state | invariants checked | of one change |", "|---|---|---|---|"]
    lines += [f"| {room} | {changing} | {checked} | {checked / changing:.2f} |" for room, changing, checked in rows()]
    return "\n".join(lines)


def main() -> int:
    """Write the table, or compare it."""
    return settle_table(PAGE, "invariants", table(), "as counted")


if __name__ == "__main__":
    sys.exit(main())
