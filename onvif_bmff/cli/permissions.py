"""Permissions of the files that a command writes. Clear media of an encrypted recording are for the user alone."""

import argparse
import os
import re

__all__ = ["PRIVATE", "add_mode_argument", "folder_mode", "settle_mode", "usual_mode"]

PRIVATE = 0o600
"""Permissions of key files, and of clear files made from encrypted ones: the owner only."""


def add_mode_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--file-mode`` (``file_mode``)."""
    parser.add_argument(
        "--file-mode",
        metavar="OCTAL",
        type=_mode,
        help="permissions of the files written (default 600, for you alone, if they were encrypted; else as usual)",
    )


def usual_mode() -> int:
    """Return the permissions that a new file gets from the process's mask."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def folder_mode(mode: int) -> int:
    """Return the permissions of a folder for files with these: readers of the files may enter it."""
    return mode | (mode & 0o444) >> 2


def settle_mode(descriptor: int, mode: int | None) -> None:
    """Set the requested permissions of an open file; None leaves them unchanged.

    Files are created with ``PRIVATE``, so that they are never more open than this, not even at the first byte.
    """
    if mode is not None:
        os.fchmod(descriptor, mode)


def _mode(text: str) -> int:
    if re.fullmatch(r"0?[0-7]{3}", text) is None or int(text, 8) & 0o600 != 0o600:
        raise argparse.ArgumentTypeError("three octal digits are needed that let the owner read and write, such as 640")
    return int(text, 8)
