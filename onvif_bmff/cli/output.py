"""Output files of a command: they get their names when they are complete; incomplete ones are removed."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from onvif_bmff.cli.permissions import PRIVATE, settle_mode
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.errors import MediaError

__all__ = ["named_errors", "new_file"]

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def new_file(target: Path, signals: SignalGuard, *, mode: int | None = None, final: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing, which becomes ``target`` at the body's end, or is removed if the body fails.

    ``mode`` is its permissions; without one only its owner can read it. ``final``: with this file the work of the
    command is done, so that a later signal changes nothing.

    Raises ``MediaError`` for a target that is no regular file, ``OSError`` with the name of the target if the file
    cannot be made or written.
    """
    if target.exists() and not target.is_file():
        raise MediaError(f"{target} is no regular file")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with signals.undo(lambda: part.unlink(missing_ok=True)), named_errors(target, part):
        part.unlink(missing_ok=True)  # of a process that had our number and was killed
        with open(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE), "w+b") as file:
            settle_mode(file.fileno(), mode)
            yield file
        with signals.shield(final=final):
            os.replace(part, target)


@contextmanager
def named_errors(target: Path, hidden: Path) -> Iterator[None]:
    """Let errors in the body have the name of ``target``, which the user knows, in place of those in or at ``hidden``.

    An error of writing to an open file has no name; if it says that the disk is full, it gets that of the target.
    """
    try:
        yield
    except OSError as error:
        is_hidden = error.filename is not None and Path(os.fsdecode(error.filename)).is_relative_to(hidden)
        if is_hidden or (error.filename is None and error.errno in _NO_SPACE):
            raise OSError(error.errno, error.strerror, os.fspath(target)) from None
        raise
