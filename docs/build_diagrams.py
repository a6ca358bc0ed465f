"""Draw the diagrams of states in docs/architecture.md from the tables that run.

``python docs/build_diagrams.py`` writes them; with ``--check`` it only says if they are up to date (exit 1).
"""

import re
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from onvif_bmff.engine.output_state import TRANSITIONS, OutputState

PAGE = Path(__file__).with_name("architecture.md")


def draw(first: Enum, table: Mapping[Enum, Mapping[Enum, Enum]]) -> str:
    """A table of transitions (state → event → next state) as a Mermaid diagram."""
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{state.name}: {state.value}" as {state.name}' for state in table]
    lines.append(f"    [*] --> {first.name}")
    lines += [
        f"    {state.name} --> {to.name}: {event.value}" for state, row in table.items() for event, to in row.items()
    ]
    return "\n".join(lines)


DIAGRAMS = {"output": draw(OutputState.IDLE, TRANSITIONS)}
"""Diagrams by the name in their marks."""


def page(text: str) -> str:
    """The page with its diagrams drawn anew; ``SystemExit`` where the marks of one are missing."""
    for name, diagram in DIAGRAMS.items():
        marks = rf"(<!-- diagram {name} -->\n).*?(<!-- end -->)"
        text, count = re.subn(marks, rf"\1```mermaid\n{diagram}\n```\n\2", text, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"{PAGE.name} has {count} places for the diagram {name}")
    return text


def main() -> int:
    """Write or check the page."""
    old = PAGE.read_text()
    new = page(old)
    if new == old:
        return 0
    if "--check" in sys.argv[1:]:
        print(f"{PAGE.name}: a diagram is not that of its table; run docs/build_diagrams.py")
        return 1
    PAGE.write_text(new)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
