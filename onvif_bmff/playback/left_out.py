"""What of a selection could not be played: which objects, why, and which time is lost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from onvif_bmff.errors import (
    ForeignFormatError,
    MissingKeyError,
    ObjectDamagedError,
    ObjectNotFoundError,
    OnvifBmffError,
    StateError,
    StoreError,
    UnsupportedSchemeError,
    WrongKeyError,
)
from onvif_bmff.playback.recorded import LostObjects, OrphanEnd, RecordedSegment, RecordedSpan, SpanState
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.playback.selection import Selection, SpanPart

__all__ = ["LeftOut", "LossCause", "cause_of", "doubts", "left_out_of", "lost_objects"]


class LossCause(Enum):
    """Why media of an object are left out."""

    MISSING = "missing"
    """It was listed and is gone, or its counter is missing in its span."""
    DAMAGED = "damaged"
    """It is not, or not wholly, the segment that its key promises."""
    ENCRYPTED = "encrypted"
    """None of the given keys decrypts it. Nothing shows whether the keys are wrong or the object is."""
    FOREIGN = "foreign"
    """It is a file of another format under the key of a segment."""
    UNKNOWN = "perhaps missing"
    """Nothing shows whether there were further objects."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Media that are left out of what is played or exported.

    Attributes:
        key: name of the object; for objects that are not listed a pattern with their counter (``…/*Z.7.m4v``).
        cause: what kind of fault it is.
        reason: the fault, in words.
        start: from when on media are lost, as far as that is known.
        end: until when; None if unknown.
        samples: number of samples of the object that were read all the same.
        error: the error behind it, if there was one.
    """

    key: str
    cause: LossCause
    reason: str
    start: UtcTime
    end: UtcTime | None
    samples: int = 0
    error: OnvifBmffError | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        until = "?" if self.end is None else str(self.end)
        read = f", {self.samples} samples of it were read" if self.samples else ""
        return f"{self.cause.value}: {self.key}: {self.reason} ({self.start} … {until}{read})"


def cause_of(error: OnvifBmffError) -> LossCause | None:
    """Return the cause that an error about one object shows; None if it is about more, as a failure of the store is."""
    if isinstance(error, ObjectNotFoundError):
        return LossCause.MISSING
    if isinstance(error, ForeignFormatError):
        return LossCause.FOREIGN
    if isinstance(error, MissingKeyError | WrongKeyError | UnsupportedSchemeError):
        return LossCause.ENCRYPTED
    if isinstance(error, StateError) or (isinstance(error, StoreError) and not isinstance(error, ObjectDamagedError)):
        return None
    return LossCause.DAMAGED


def left_out_of(
    segment: RecordedSegment,
    error: OnvifBmffError,
    *,
    reached: UtcTime | None = None,
    samples: int = 0,
    more: int = 0,
) -> LeftOut:
    """Return what an error leaves out of a segment, of which ``samples`` were read, and all ``reached`` before it.

    ``more`` is the number of further faults.

    Raises:
        OnvifBmffError: the error itself, if it is not about the one object.
    """
    cause = cause_of(error)
    if cause is None:
        raise error
    error.about(segment.name)
    reason = str(error).removeprefix(f"{error.key}: ") + (f", and {more} more faults" if more else "")
    start = segment.start if reached is None else max(reached, segment.start)
    end = segment.end
    return LeftOut(segment.name, cause, reason, start if end is None else min(start, end), end, samples, error)


def lost_objects(selection: "Selection") -> Iterator[LeftOut]:
    """Yield the objects whose counters are missing in the spans of a selection, within its range."""
    for span, lost in _lost(selection):
        if not lost.trimmed:
            yield _missing(span, lost, LossCause.MISSING, "cannot be found")
    for orphan in selection.orphans:
        if not orphan.trimmed:
            yield _orphan(orphan, LossCause.MISSING, "cannot be found")


def doubts(selection: "Selection") -> Iterator[LeftOut]:
    """Yield what the keys leave open: whether objects are missing at the end of a span, or were deleted on purpose.

    Spans without an end object may have had more objects. What precedes all objects of a kind was probably deleted
    when its time was over.
    """
    for span, lost in _lost(selection):
        if lost.trimmed:
            yield _missing(span, lost, LossCause.UNKNOWN, "are gone, as all before them")
    for orphan in selection.orphans:
        if orphan.trimmed:
            yield _orphan(orphan, LossCause.UNKNOWN, "are gone, as all before them")
    for part in _parts(selection):
        if part.stop == len(part.span.segments) and part.span.state in (SpanState.CUT_OFF, SpanState.AMBIGUOUS):
            last = part.span.segments[-1]
            reason = "its span has no end object, so that nothing shows whether objects after it are missing"
            yield LeftOut(last.name, LossCause.UNKNOWN, reason, last.start, None)


def _parts(selection: "Selection") -> "Iterator[SpanPart]":
    return (part for parts in selection.parts.values() for part in parts)


def _lost(selection: "Selection") -> Iterator[tuple[RecordedSpan, LostObjects]]:
    seen: set[RecordedSpan] = set()
    for part in _parts(selection):
        if part.span in seen:
            continue
        seen.add(part.span)
        for lost in part.span.lost():
            begins_late = selection.end is not None and (lost.after or part.span.start) >= selection.end
            if not begins_late and (selection.start is None or lost.before > selection.start):
                yield part.span, lost


def _missing(span: RecordedSpan, lost: LostObjects, cause: LossCause, what: str) -> LeftOut:
    reason = f"objects of the span that begins at {span.start} {what}"
    start = lost.after if lost.after is not None else lost.before
    pattern = _pattern(span.segments[0].name, lost.first_counter, lost.count, span.extension)
    return LeftOut(pattern, cause, reason, start, lost.before)


def _orphan(orphan: OrphanEnd, cause: LossCause, what: str) -> LeftOut:
    key = orphan.key
    reason = f"objects of the span that {key} ends {what}"
    return LeftOut(_pattern(str(key), 0, max(key.counter, 1), key.extension), cause, reason, key.time, key.time)


def _pattern(name: str, first: int, count: int, extension: str) -> str:
    """Return a pattern for keys with some counters, on the day of another key."""
    folder = name.rpartition("/")[0].rpartition("/")[0]
    counters = f"{first}" if count == 1 else f"{{{first}..{first + count - 1}}}"
    return f"{folder}/*/*Z.{counters}.{extension}"
