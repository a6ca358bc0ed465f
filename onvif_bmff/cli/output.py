"""Output files of a command: they get their names when they are complete; incomplete ones are removed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from onvif_bmff.cli.permissions import PRIVATE, settle_mode
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.errors import MediaError

__all__ = ["new_file"]


@contextmanager
def new_file(target: Path, signals: SignalGuard, *, mode: int | None = None, final: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing, which becomes ``target`` at the body's end, or is removed if the body fails.

    ``mode`` is its permissions; without one only its owner can read it. ``final``: with this file the work of the
    command is done, so that a later signal changes nothing.

    Raises ``MediaError`` for a target that is no regular file, ``OSError`` if the file cannot be made.
    """
    if target.exists() and not target.is_file():
        raise MediaError(f"{target} is no regular file")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with signals.undo(lambda: part.unlink(missing_ok=True)):
        part.unlink(missing_ok=True)  # of a process that had our number and was killed
        with open(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE), "w+b") as file:
            settle_mode(file.fileno(), mode)
            yield file
        with signals.shield(final=final):
            os.replace(part, target)
