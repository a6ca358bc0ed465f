"""The part of the log that a command shows: ``-v``, ``-q`` and ``--log-format``, the same for all commands."""

import argparse
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from onvif_bmff.cli.terminal import complain, say
from onvif_bmff.logs import JsonLines

__all__ = ["add_verbosity_arguments", "hide_keys", "shown_log"]

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


@contextmanager
def shown_log(args: argparse.Namespace) -> Iterator[None]:
    """Show the log while the body runs.

    Without options some warnings are shown after the work of the command, since an error is one line and stands alone.
    ``-v`` shows all messages from INFO on at once, ``-vv`` from DEBUG on, ``-q`` none. As JSON all are shown at once:
    from WARNING on without options, from ERROR on with ``-q``.
    """
    if args.log_format == "json":
        level = logging.ERROR if args.quiet else (logging.WARNING, logging.INFO, logging.DEBUG)[min(args.verbose, 2)]
        with _handled(_JsonShown(level), (_LIBRARY,), level):
            yield
    elif args.quiet:
        yield
    elif args.verbose:
        level = logging.INFO if args.verbose == 1 else logging.DEBUG
        with _handled(_Shown(level), (_LIBRARY,), level):
            yield
    else:
        collected = _Collected(logging.WARNING)
        with _handled(collected, _WARNING):
            yield
        for line in collected.lines:
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
