"""Everything that decides where a segment or a span ends, and nothing else.

One table says, for each cause, what closes and when; ``decide`` picks among causes that hold together. The rules
are those of ONVIF Recording Control 25.12, B.2, B.3, B.8 and 5.24.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

__all__ = ["CUTS", "Cut", "CutCause", "Moment", "Spans", "decide"]


class CutCause(Enum):
    """Why something closes."""

    DEACTIVATED = "the recording is deactivated"
    MOVIE_CHANGED = "a track's codec configuration changed"
    TARGET_CHANGED = "the recording's target changed"
    ENCRYPTION_CHANGED = "the encryption entries changed"
    KEY_ROTATED = "a key source has a newer key"
    CLOCK_CHANGED = "media time was tied to another UTC time"
    CLOCK_STEPPED = "the source's clock was set"
    CLOCK_DRIFTS = "a clock has drifted by more than is followed"
    SPAN_DURATION = "the span is as long as configured"
    MEDIA_GAP = "the leading track has a gap"
    TRACK_GAP = "another track has a gap"
    SEGMENT_DURATION = "the segment is as long as configured"
    DURATION_OVERRIDE = "an override of the segment duration begins"
    RESOURCES = "the segment is closed early to free resources"


class Moment(Enum):
    """When a cut takes place."""

    NOW = "at once"
    SYNC = "at the next sync sample"
    SEGMENT = "when the open segment ends anyway"


class Spans(Enum):
    """Which spans a cut closes."""

    NONE = "none: the next segment continues the span"
    OWN = "the span of the track"
    ALL = "all spans of the recording"


@dataclass(frozen=True, slots=True)
class Cut:
    """What a cause does: when, and to which spans. The open segment closes in any case."""

    moment: Moment
    spans: Spans
    clause: str


CUTS: dict[CutCause, Cut] = {
    CutCause.DEACTIVATED: Cut(Moment.NOW, Spans.ALL, "B.2"),
    CutCause.MOVIE_CHANGED: Cut(Moment.SYNC, Spans.ALL, "B.2"),
    CutCause.TARGET_CHANGED: Cut(Moment.SYNC, Spans.ALL, "B.2"),
    CutCause.ENCRYPTION_CHANGED: Cut(Moment.SEGMENT, Spans.ALL, "B.8, B.2"),
    CutCause.KEY_ROTATED: Cut(Moment.SEGMENT, Spans.ALL, "B.8.2, B.2"),
    CutCause.CLOCK_CHANGED: Cut(Moment.SYNC, Spans.ALL, "B.1, B.4"),
    CutCause.CLOCK_STEPPED: Cut(Moment.SYNC, Spans.ALL, "B.1, B.4"),
    CutCause.CLOCK_DRIFTS: Cut(Moment.SEGMENT, Spans.ALL, "B.1, B.4"),
    CutCause.SPAN_DURATION: Cut(Moment.SYNC, Spans.ALL, "B.2"),
    CutCause.MEDIA_GAP: Cut(Moment.SYNC, Spans.ALL, "B.1"),
    CutCause.TRACK_GAP: Cut(Moment.SYNC, Spans.OWN, "B.1"),
    CutCause.SEGMENT_DURATION: Cut(Moment.SYNC, Spans.NONE, "B.3"),
    CutCause.DURATION_OVERRIDE: Cut(Moment.SYNC, Spans.NONE, "5.24"),
    CutCause.RESOURCES: Cut(Moment.SYNC, Spans.NONE, "B.3"),
}
"""What each cause does, the strongest first."""

_ENDS_SEGMENT = frozenset(cause for cause, cut in CUTS.items() if cut.moment is not Moment.SEGMENT)


def decide(causes: Collection[CutCause]) -> CutCause | None:
    """Return the cause to act on at a sync sample, or None if nothing closes here.

    Causes that wait for the end of a segment count only where another one ends it.
    """
    if _ENDS_SEGMENT.isdisjoint(causes):
        return None
    return next(cause for cause in CUTS if cause in causes)
