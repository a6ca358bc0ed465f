"""Whose clock says when the media of a source happened."""

from enum import StrEnum

__all__ = ["ClockChoice"]


class ClockChoice(StrEnum):
    """Whose clock says when the media of a source happened."""

    CAMERA = "camera"
    """The camera's: by its readings, and without any by its media time, which began when the source was opened."""
    ARRIVAL = "arrival"
    """The device's, when samples arrive."""
    AUTO = "auto"
    """The camera's from its first reading on that can be right, and the device's until then."""
