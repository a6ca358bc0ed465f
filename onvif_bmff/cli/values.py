"""Values on the command line that argparse does not know."""

import argparse
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from onvif_bmff.errors import StoreError, TimeError
from onvif_bmff.timing import UtcTime, parse_duration

if TYPE_CHECKING:
    from onvif_bmff.storage.opening import StoreUrl

__all__ = ["duration", "instant", "path", "store_place"]


def duration(text: str) -> timedelta:
    """Return an ISO 8601 duration above zero."""
    try:
        found = parse_duration(text)
    except TimeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if found <= timedelta(0):
        raise argparse.ArgumentTypeError(f"a duration above zero is needed: {text!r}")
    return found


def instant(text: str) -> UtcTime:
    """Return an ISO 8601 instant with Z or an offset."""
    try:
        return UtcTime.parse(text)
    except TimeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def path(text: str) -> Path:
    """Return a file or folder of this machine.

    Checks the text itself, since a ``Path`` drops one slash of ``://``.
    """
    if ":" not in text:
        return Path(text)
    from onvif_bmff.storage.location import local_path  # commands about boxes do not load the room of stores

    try:
        return Path.cwd() / local_path(text)  # a relative Path would drop ./ too
    except StoreError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def store_place(text: str) -> "Path | StoreUrl":
    """Return the place of a store: a folder of this machine, or a URL."""
    if ":" not in text:
        return Path(text)
    from onvif_bmff.storage.opening import parse_location

    try:
        place = parse_location(text)
    except StoreError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return Path.cwd() / place if isinstance(place, str) else place
