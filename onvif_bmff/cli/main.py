"""The command line ``onvif-bmff``: sub-commands, and what all of them have in common.

Exit status: 0 success, 1 findings, 2 an error (one line on stderr), 128 + signal if one ended the command (130 SIGINT,
143 SIGTERM, 129 SIGHUP).
"""

import argparse
import io
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

from onvif_bmff.cli.signals import Interrupted, SignalGuard
from onvif_bmff.cli.terminal import complain, drop_output, open_standard_files
from onvif_bmff.errors import OnvifBmffError, escaped

__all__ = ["COMMANDS", "command", "main"]

COMMANDS = ("record", "inspect", "decrypt", "timeline", "export", "validate", "recover", "fuzz")
"""Sub-commands; each is a module of this package with ``register(subparsers)`` and ``run(args)``."""

_KEY = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{32}(?![0-9A-Fa-f])")
"""What a content key looks like on the command line."""


class _Parser(argparse.ArgumentParser):
    """Usage errors are one line too."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments; what looks like a key is not repeated."""
        self.exit(2, escaped(f"onvif-bmff: {_KEY.sub('<hidden>', message)} (see '{self.prog} --help')") + "\n")


def command() -> NoReturn:
    """The console script: as `main`, and the process ends with it."""
    sys.exit(main(last=True))


def main(argv: Sequence[str] | None = None, *, last: bool = False) -> int:
    """Run the command line; return its exit status. ``last``: the process ends when this returns."""
    open_standard_files()
    guard = SignalGuard(last=last)
    try:
        with guard:
            try:
                status = _run(list(sys.argv[1:] if argv is None else argv), guard)
            except KeyboardInterrupt:  # no handler of ours stands in other threads than the main one
                return 130
            if sys.stdout is not None:
                sys.stdout.flush()
            return status
    except Interrupted as ended:
        complain(str(ended))
        return 128 + ended.number
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 2
    except BrokenPipeError:
        drop_output()
        return 0
    except OnvifBmffError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))


_WARNING = ("onvif_bmff.cli", "onvif_bmff.cenc.keys.certificates")
"""What logs warnings that no command tells by itself: how keys are handed over, and what certificates are like."""


class _LogLines(logging.Handler):
    """Warnings of the library for whoever called the command; each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.lines[record.getMessage()] = None


@contextmanager
def _warnings_at_the_end() -> Iterator[None]:
    """Show warnings once the command has done its work; an error is one line, and stands alone."""
    handler = _LogLines()
    for name in _WARNING:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
        for line in handler.lines:
            complain(line)
    finally:
        for name in _WARNING:
            logging.getLogger(name).removeHandler(handler)


def _run(arguments: list[str], guard: SignalGuard) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names may have letters that the terminal has not
    parser = _build_parser(arguments)
    args = parser.parse_args(arguments)
    if not hasattr(args, "run"):
        parser.print_help()
        return 2
    args.signals = guard
    with _warnings_at_the_end():
        status: int = args.run(args)
    return status


def _failed(message: str) -> int:
    complain(_KEY.sub("<hidden>", message))  # somebody may give a key where the name of a file belongs
    return 2


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
