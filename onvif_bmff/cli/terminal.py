"""Output of commands: lines with colours on a terminal if rich is installed, plain lines otherwise.

Names and other text of files go out escaped (see ``onvif_bmff.errors.escaped``), so no command prints by itself.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from onvif_bmff.errors import escaped

__all__ = ["Line", "complain", "drop_output", "json_text", "line_writer", "open_standard_files", "say", "summary"]

Line = list[tuple[str, str]]
"""Pieces of a line: their style (a key of the styles, or "") and their text."""

_STYLES = {"": "", "type": "bold cyan", "place": "dim", "name": "green", "value": "", "bad": "bold red"}


def say(text: str, output: TextIO | None = None) -> None:
    """Write one line, to standard output by default."""
    print(escaped(text), file=sys.stdout if output is None else output)


def complain(text: str) -> None:
    """Write one line that begins with the name of the program to standard error."""
    say(f"onvif-bmff: {text}", sys.stderr)


def open_standard_files() -> None:
    """Replace standard output and error by the null device where the caller closed them.

    Otherwise a file that is opened later would get their numbers, and messages would be written to it.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def drop_output() -> None:
    """Discard the output, which nobody reads, so that the interpreter reports no error at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # there is no file behind it
        sys.stdout = None


@contextmanager
def summary() -> Iterator[None]:
    """Ignore a closed output while the body prints its summary: the exit status stays that of the work."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON of ASCII characters only, of which none is a control character but the ends of lines."""
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


def line_writer(output: TextIO) -> Callable[[Line], None]:
    """Return a function that writes a line to ``output``."""
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
