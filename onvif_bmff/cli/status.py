"""Exit statuses, the same for all commands."""

from enum import IntEnum

__all__ = ["MEANINGS", "Outcome", "Status", "signal_status"]


class Status(IntEnum):
    """Exit status of a command that no signal ended."""

    SUCCESS = 0
    FINDINGS = 1
    ERROR = 2


MEANINGS: dict[str, str] = {
    "0": "success",
    "1": "done, with findings that need attention",
    "2": "an error, in one line on stderr; or nothing recorded was found, in the commands that have `--allow-empty` "
    "and without it",
    "128 + n": "signal n ended the command: 129 SIGHUP, 130 SIGINT, 143 SIGTERM; nothing half done is left",
}
"""Meanings of the exit statuses."""


def signal_status(number: int) -> int:
    """Exit status of a command that this signal ended, as shells have it."""
    return 128 + number


class Outcome:
    """``status`` is the exit status of a command if it ended now, in case nobody reads the rest of its output."""

    def __init__(self) -> None:
        self.status: int = Status.SUCCESS
