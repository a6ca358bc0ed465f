"""The command line ``onvif-bmff``: sub-commands, and what all of them have in common.

Exit status: 0 success, 1 findings, 2 an error (one line on stderr), 130 after Ctrl-C.
"""

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from onvif_bmff.errors import OnvifBmffError

__all__ = ["COMMANDS", "main"]

COMMANDS = ("record", "inspect", "decrypt", "timeline", "export", "validate", "recover", "fuzz")
"""Sub-commands; each is a module of this package with ``register(subparsers)`` and ``run(args)``."""

_KEY = re.compile(r"[0-9A-Fa-f]{32}")
"""What a content key looks like on the command line."""


class _Parser(argparse.ArgumentParser):
    """Usage errors are one line too."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments; what looks like a key is not repeated."""
        self.exit(2, f"onvif-bmff: {_KEY.sub('<hidden>', message)} (see '{self.prog} --help')\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names may have letters that the terminal has not
    parser = _build_parser(arguments)
    try:
        args = parser.parse_args(arguments)
        if not hasattr(args, "run"):
            parser.print_help()
            return 2
        status: int = args.run(args)
        sys.stdout.flush()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 2
    except BrokenPipeError:
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return 130
    except OnvifBmffError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return status


def _failed(message: str) -> int:
    line = " ".join(message.split())  # a file's own text may hold control characters
    print("onvif-bmff:", "".join(letter if letter.isprintable() else "?" for letter in line), file=sys.stderr)
    return 2


def _drop_output() -> None:
    """Nobody reads the output: let the interpreter not complain of that when it ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # there is no file behind it
        sys.stdout = None


def _build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    from onvif_bmff import __version__

    parser = _Parser(prog="onvif-bmff", description="Record to object storage the ONVIF way, and get it back.")
    parser.add_argument("--version", action="version", version=f"onvif-bmff {__version__}")
    subparsers: Any = parser.add_subparsers(title="commands", metavar="COMMAND")
    first = next(iter(arguments), "")
    wanted: Sequence[str] = (first,) if first in COMMANDS else COMMANDS  # who asks for one command loads only that
    for name in wanted if first != "--version" else ():
        import_module(f"onvif_bmff.cli.{name}").register(subparsers)
    return parser
