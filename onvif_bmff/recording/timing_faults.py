"""What can be wrong with the times of a source."""

from enum import StrEnum

__all__ = ["TimingFault"]


class TimingFault(StrEnum):
    """What was wrong with the times of a source: what ``Recorder.timing`` counts by, in words for an operator."""

    RESTAMPED = "samples whose stamps were off, put in their place"
    DISCONTINUITY = "jumps of a source's clock"
    GAP = "gaps in the media"
    CLOCK_FOLLOWED = "corrections of up to 100 ms inside a span"
    CLOCK_SET = "corrections of a clock that began new spans"
    READING_DISBELIEVED = "readings of a clock that were not believed"
