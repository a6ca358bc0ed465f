"""The command line ``onvif-bmff``: the frame of all commands; their table is ``onvif_bmff.cli.commands``."""

import argparse
import io
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from onvif_bmff.cli.commands import COMMANDS
from onvif_bmff.cli.signals import Interrupted, SignalGuard
from onvif_bmff.cli.status import Outcome, Status, signal_status
from onvif_bmff.cli.terminal import complain, drop_output, open_standard_files
from onvif_bmff.cli.verbosity import ShownLog, add_verbosity_arguments, hide_keys
from onvif_bmff.errors import OnvifBmffError, escaped

__all__ = ["COMMANDS", "main"]


class _OneLineParser(argparse.ArgumentParser):
    """Usage errors are one line too."""

    def error(self, message: str) -> NoReturn:
        """Report wrong arguments; what looks like a key is not repeated."""
        self.exit(Status.ERROR, escaped(f"onvif-bmff: {hide_keys(message)} (see '{self.prog} --help')") + "\n")


def main(argv: Sequence[str] | None = None, *, last: bool = False) -> int:
    """Run the command line; return its exit status. ``last``: the process ends after it."""
    open_standard_files()
    guard = SignalGuard(last=last)
    outcome = Outcome()
    try:
        with guard:
            try:
                status = _run(list(sys.argv[1:] if argv is None else argv), guard, outcome)
            except KeyboardInterrupt:  # outside the main thread, where no handler of ours is installed
                return signal_status(signal.SIGINT)
            if sys.stdout is not None:
                sys.stdout.flush()
            return status
    except Interrupted as ended:
        complain(str(ended))
        return signal_status(ended.number)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else Status.ERROR
    except BrokenPipeError:
        drop_output()
        return outcome.status
    except OnvifBmffError as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _run(arguments: list[str], guard: SignalGuard, outcome: Outcome) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names may have letters that the terminal cannot show
    parser = _build_parser(arguments)
    args = parser.parse_args(arguments)
    if not hasattr(args, "run"):
        parser.print_help()
        return Status.ERROR
    args.signals, args.outcome = guard, outcome
    with ShownLog(args) as args.log:
        status: int = args.run(args)
        outcome.status = status
    return status


def _failed(message: str) -> int:
    complain(hide_keys(message))
    return Status.ERROR


def _build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    from onvif_bmff import __version__

    parser = _OneLineParser(prog="onvif-bmff", description="Record to object storage the ONVIF way, and get it back.")
    parser.add_argument("--version", action="version", version=f"onvif-bmff {__version__}")
    subparsers: Any = parser.add_subparsers(title="commands", metavar="COMMAND")
    first = next(iter(arguments), "")
    wanted = (first,) if first in COMMANDS else tuple(COMMANDS)  # so that one command does not load the others
    for name in wanted if first != "--version" else ():
        import_module(f"onvif_bmff.cli.{name.replace('-', '_')}").register(subparsers)
        made = subparsers.choices[name]
        add_verbosity_arguments(made)
        findings = COMMANDS[name].findings
        made.epilog = f"Exit status: 0 success{f', 1 {findings}' if findings else ''}, 2 an error."
    return parser
