"""What a diagnosis says: one observation a fault, with its place, its time and its size."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from onvif_bmff.timing import UtcTime

__all__ = ["Fault", "Observation", "limited"]

_MOST = 50
"""Observations of one fault and place that are given one by one; the others are counted."""


class Fault(StrEnum):
    """What can be wrong with the time of a recording."""

    OUTLIER = "outlier"
    """Some stamps were off, and those after them were right again."""
    STEP_BACK = "step back"
    """The source's clock was set back, and went on from there."""
    STEP_AHEAD = "step ahead"
    """The key of a segment is later than the media before it say."""
    GAP = "gap"
    """Nothing was recorded, or the source's clock was set ahead: stamps do not tell which."""
    MISSING = "missing samples"
    """Single samples are missing between others."""
    JITTER = "jitter"
    """Samples are spaced unevenly."""
    TOO_CLOSE = "too close"
    """Samples follow each other in almost no time."""
    REORDER = "reorder"
    """Pictures are decoded in almost no time because their stamps are those of their presentation."""
    NO_SYNC = "no sync sample"
    """Nothing can be decoded from there for a long time."""
    DRIFT = "drift"
    """Two clocks run at different rates."""
    OVERLAP = "overlap"
    """Two spans cover the same time: the clock of the recorder, or of the source, was set back between them."""
    LOST = "lost objects"
    """Objects of a span are missing."""
    ATTRIBUTE = "attribute"
    """An attribute disagrees with the media or with the keys."""
    DAMAGED = "damaged"
    """Something could not be read."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A fault of a clock, or what looks like one.

    Attributes:
        fault: which one.
        where: token of the track ("VIDEO001"), or extension of the span ("m4v").
        message: the fault in words.
        seconds: by how much, positive is ahead or later; 0 where there is no measure.
        count: number of samples (or objects) concerned.
        media_time: when, in seconds of media time; None where it is of keys, spans or objects.
        utc: when, by the keys of a store; None in files.
        key: name of the object; empty in files.
    """

    fault: Fault
    where: str
    message: str
    seconds: float = 0.0
    count: int = 1
    media_time: float | None = None
    utc: UtcTime | None = None
    key: str = ""


def limited(observations: Iterable[Observation], *, most: int = _MOST) -> Iterator[Observation]:
    """Pass observations on, of each fault and place the first ``most``; the rest of them follow as one, at the end."""
    counts: dict[tuple[Fault, str], int] = {}
    rest: dict[tuple[Fault, str], Observation] = {}
    for one in observations:
        place = one.fault, one.where
        counts[place] = counts.get(place, 0) + 1
        if counts[place] <= most:
            yield one
        elif place not in rest or abs(one.seconds) > abs(rest[place].seconds):
            rest[place] = one
    for place, largest in rest.items():
        more = counts[place] - most
        yield replace(largest, count=more, message=f"{more} more like these; the largest: {largest.message}")
