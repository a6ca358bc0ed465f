"""The part of the log that a command shows: ``-v``, ``-q`` and ``--log-format``, the same for all commands."""

import argparse
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from onvif_bmff.cli.terminal import complain, say
from onvif_bmff.logs import JsonLines

__all__ = ["ShownLog", "add_verbosity_arguments", "hide_keys"]

_LIBRARY = "onvif_bmff"
_WARNING = ("onvif_bmff.cli", "onvif_bmff.cenc.keys.certificates")
"""Loggers whose warnings no command reports itself: on the passing of keys, and on certificates."""

_KEY = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{32}(?![0-9A-Fa-f])")
"""Pattern of a content key on the command line."""


def hide_keys(text: str) -> str:
    """Return a text without what looks like a key, which may be given in place of a file name by mistake."""
    return _KEY.sub("<hidden>", text)


def add_verbosity_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options -v, -q and --log-format (``verbose``: how often -v was given, ``quiet``, ``log_format``)."""
    output = parser.add_argument_group("output")
    group = output.add_mutually_exclusive_group()
    group.add_argument("-v", "--verbose", action="count", default=0, help="show what happens; -vv also why")
    group.add_argument("-q", "--quiet", action="store_true", help="no warnings and no progress, only errors")
    output.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="how the log is written to standard error; json: one object a line, warnings too (default: text)",
    )


class _Collected(logging.Handler):
    """Collects messages, each once."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Collect a message."""
        self.lines[record.getMessage()] = None


class _Shown(logging.Handler):
    """Writes messages to standard error at once."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message."""
        complain(hide_keys(f"{record.levelname.lower()}: {record.getMessage()}"))


class _JsonShown(logging.Handler):
    """Writes records to standard error at once, as objects in JSON."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.setFormatter(JsonLines(hide_keys))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        say(self.format(record), sys.stderr)


class ShownLog:
    """Shows the log while a command runs; a context manager.

    Without options some warnings are shown after the work of the command, since an error is one line and stands alone.
    ``-v`` shows all messages from INFO on at once, ``-vv`` from DEBUG on, ``-q`` none. As JSON all are shown at once:
    from WARNING on without options, from ERROR on with ``-q``.

    Args:
        args: the options of ``add_verbosity_arguments``.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._is_json = args.log_format == "json"
        self._quiet, self._verbose = bool(args.quiet), int(args.verbose)
        self._collected: _Collected | None = None
        self._handled = ExitStack()

    def __enter__(self) -> Self:
        if self._is_json and self._quiet:
            self._show(logging.ERROR)
        elif self._is_json or self._verbose:
            self._show((logging.WARNING, logging.INFO, logging.DEBUG)[min(self._verbose, 2)])
        elif not self._quiet:
            self._collected = _Collected(logging.WARNING)
            self._handled.enter_context(_handled(self._collected, _WARNING))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handled.close()
        if error is None:
            self._say_collected()

    def follow(self, level: str) -> None:
        """Show messages from a level on at once, as a configuration file says; ``-v`` and ``-q`` override it.

        Args:
            level: "debug", "info", "warning" or "error".
        """
        if self._quiet or self._verbose:
            return
        self._handled.close()
        self._say_collected()
        self._show(logging.getLevelNamesMapping()[level.upper()])

    def _show(self, level: int) -> None:
        handler = _JsonShown(level) if self._is_json else _Shown(level)
        self._handled.enter_context(_handled(handler, (_LIBRARY,), level))

    def _say_collected(self) -> None:
        collected, self._collected = self._collected, None
        for line in () if collected is None else collected.lines:
            complain(line)


@contextmanager
def _handled(handler: logging.Handler, names: tuple[str, ...], level: int | None = None) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        if level is not None:
            logger.setLevel(level)
    try:
        yield
    finally:
        for logger, before in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(before)
