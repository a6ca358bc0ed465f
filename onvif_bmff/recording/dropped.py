"""Why samples were not stored."""

from enum import StrEnum

__all__ = ["DropReason"]


class DropReason(StrEnum):
    """Why a sample was not stored: what ``Recorder.dropped`` counts by, in words for an operator."""

    BEFORE_FIRST_SYNC = "before the first sync sample"
    """The recording began in the middle of a group of pictures, which cannot be decoded from there."""
    BEFORE_NEXT_SYNC = "before the next sync sample"
    """The track left its span, after a gap, a change or an error, and a span begins with a sync sample."""
    BEFORE_NEW_CONFIGURATION = "before the configuration of all tracks changes"
    """The track has a new codec configuration, and the leading track has not yet come to where new spans may open."""
    TOO_LATE = "too late for its span"
    """The sample lies before the start of the spans that are open, which is written already."""
    NO_SPAN = "no span could be opened"
    """No content key could be had, say, or no header be made with it; the call raised the error."""
    NOT_WRITTEN = "in a fragment that could not be written"
    """Encryption failed, say; the call raised the error."""
    NO_BYTES = "a sample without bytes"
    """Players refuse a whole object for one; the sample before it lasts longer instead."""
    EMPTY_DOCUMENT = "an empty metadata document"
    """The same of metadata; the document before it is not changed."""
