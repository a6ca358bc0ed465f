"""All that commands write: lines with colours where there is a terminal and rich, plain lines elsewhere.

Names and other text of files go out escaped (see `onvif_bmff.errors.escaped`), so no command prints by itself.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

from onvif_bmff.errors import escaped

__all__ = ["Line", "complain", "json_text", "line_writer", "say"]

Line = list[tuple[str, str]]
"""Pieces of a line: what they are (a key of the styles, or "") and their text."""

_STYLES = {"": "", "type": "bold cyan", "place": "dim", "name": "green", "value": "", "bad": "bold red"}


def say(text: str, output: TextIO | None = None) -> None:
    """Write one line, to standard output by default."""
    print(escaped(text), file=sys.stdout if output is None else output)


def complain(text: str) -> None:
    """Write one line that begins with the name of the program to standard error."""
    say(f"onvif-bmff: {text}", sys.stderr)


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON of ASCII characters only, of which none is a control character but the ends of lines."""
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


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
                console.print(Text.assemble(*((escaped(text), _STYLES[kind]) for kind, text in line)), soft_wrap=True)

            return write_styled

    def write_plain(line: Line) -> None:
        say("".join(text for _, text in line), output)

    return write_plain
