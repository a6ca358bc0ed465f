"""What ties a source's media time to UTC while it runs: readings of a clock."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from onvif_bmff.timing import UtcTime

__all__ = ["ClockOrigin", "ClockReading"]


class ClockOrigin(StrEnum):
    """Whose clock gave a reading."""

    CAMERA = "camera"
    """The camera's wall clock, as RTCP sender reports (RFC 3550, 6.4.1) and ONVIF replay headers carry it."""
    ARRIVAL = "arrival"
    """The clock of the device that receives the media."""
    HELD_OVER = "held over"
    """The camera's, which gave no reading here: its last one, held over by the clock of the device."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """At ``media_time`` seconds of the source's media it was ``utc``.

    ``media_time`` counts as the decode times of the source's samples do: ticks divided by the timescale, as the source
    delivers them. ``track_id`` is the track that it holds for; None: it holds for all tracks.
    """

    track_id: int | None
    media_time: Fraction
    utc: UtcTime
    origin: ClockOrigin
