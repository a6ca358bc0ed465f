"""Which span an end object belongs to that recovery worked out of media, where keys give it to another span."""

from collections.abc import Iterator
from dataclasses import replace

from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.playback.recorded import RecordedSpan

__all__: list[str] = []

_MILLISECOND = 1000
_DIGITS = 3
"""Of a second, in keys of milliseconds."""
_LAG = 3_000_000
"""Microseconds by which the last sample of a segment may reach into the next one, where others lead."""


def has_end(span: RecordedSpan, end: ObjectKey) -> bool:
    """Return whether an end object is that of a span, by keys; to the millisecond, as recorders know more of times."""
    if span.end is None or span.extension != end.extension or span.segments[-1].key.counter + 1 != end.counter:
        return False
    return abs(span.end.microseconds_since(end.time)) <= _MILLISECOND


def nearly(end: ObjectKey) -> Iterator[ObjectKey]:
    """Yield the keys that the recorder of a span may have given to its end object: it rounded what it knew exactly."""
    if end.digits == _DIGITS:
        for off in (-_MILLISECOND, _MILLISECOND):
            yield replace(end, time=end.time.plus_microseconds(off))


def continues(span: RecordedSpan, end: ObjectKey) -> bool:
    """Return whether a span without its first segments is the rest of one that would end with an end object."""
    return (
        span.extension == end.extension
        and span.first_counter == end.counter
        and abs(span.start.microseconds_since(end.time)) <= _LAG
    )
