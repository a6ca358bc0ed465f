"""What seeking finds in a stored object."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.playback.source import BLOCK
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.playback.recorded import RecordedSegment

__all__ = ["SeekPoint", "Subsegment"]


@dataclass(frozen=True, slots=True)
class SeekPoint:
    """Where to begin reading for an instant.

    ``start`` is the byte at which the ``moof`` begins, ``end`` that of the next known one (None: the rest of the
    object, probably ``likely_size`` bytes). ``clock`` maps media times to UTC. ``found_by`` is "SeekTable", "mfra" or
    "moof".
    """

    segment: "RecordedSegment"
    start: int
    end: int | None
    clock: MediaClock
    found_by: str
    likely_size: int = BLOCK


@dataclass(frozen=True, slots=True)
class Subsegment:
    """Bytes ``offset`` to ``stop`` of an object: whole fragments, the first with a sync sample; and their time."""

    offset: int
    stop: int
    start: UtcTime
    end: UtcTime
