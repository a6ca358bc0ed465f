"""Lines with colours where there is a terminal and rich, plain lines elsewhere."""

import os
from collections.abc import Callable
from typing import TextIO

__all__ = ["Line", "line_writer"]

Line = list[tuple[str, str]]
"""Pieces of a line: what they are (a key of the styles, or "") and their text."""

_STYLES = {"": "", "type": "bold cyan", "place": "dim", "name": "green", "value": "", "bad": "bold red"}


def line_writer(output: TextIO) -> Callable[[Line], None]:
    """Return what writes a line to ``output``."""
    if output.isatty() and not os.environ.get("NO_COLOR"):
        try:
            from rich.console import Console
            from rich.text import Text
        except ImportError:
            pass
        else:
            console = Console(file=output, highlight=False)

            def write_styled(line: Line) -> None:
                console.print(Text.assemble(*((text, _STYLES[kind]) for kind, text in line)), soft_wrap=True)

            return write_styled

    def write_plain(line: Line) -> None:
        output.write("".join(text for _, text in line) + "\n")

    return write_plain
