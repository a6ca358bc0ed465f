"""Values on the command line that argparse does not know."""

import argparse
from datetime import timedelta

from onvif_bmff.errors import TimeError
from onvif_bmff.timing import UtcTime, parse_duration

__all__ = ["duration", "instant"]


def duration(text: str) -> timedelta:
    """An ISO 8601 duration above zero."""
    try:
        found = parse_duration(text)
    except TimeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if found <= timedelta(0):
        raise argparse.ArgumentTypeError(f"a duration above zero is needed: {text!r}")
    return found


def instant(text: str) -> UtcTime:
    """An ISO 8601 instant with Z or an offset."""
    try:
        return UtcTime.parse(text)
    except TimeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
