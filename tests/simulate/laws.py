"""More laws of a run: what a span may not lack, the order of writing, and what is counted as lost."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tests.simulate.checker import CheckedSpan
from tests.simulate.known import WRITTEN_AFTER
from tests.simulate.oracle import Sent, Stored

__all__ = ["counted_but_stored", "holes_in_spans", "taken_otherwise", "written_after_end"]


def holes_in_spans(place: str, sent: Iterable[Sent], stored: Iterable[Stored]) -> list[str]:
    """A span has all samples of a track from the first to the last that it has: behind a loss another one begins."""
    numbers: dict[tuple[str, int], set[int]] = defaultdict(set)
    for one in stored:
        numbers[one.span, one.track].add(one.number)
    troubled = {(one.track, one.number) for one in sent if one.disturbed}
    found = []
    for (span, track), here in sorted(numbers.items()):
        missing = [n for n in range(min(here), max(here)) if n not in here and (track, n) not in troubled]
        if missing:
            found.append(f"a hole in a span: {place} {len(missing)} of track {track} from {missing[0]} on, in {span}")
    return found


def written_after_end(spans: Iterable[CheckedSpan], written: Mapping[str, int]) -> list[str]:
    """No segment is written once its span has its end object; ``written`` has the order, by key."""
    return [
        f"{WRITTEN_AFTER}{key} after {span.end}"
        for span in spans
        if span.end in written
        for key in span.keys
        if written.get(key, -1) > written[span.end]
    ]


def counted_but_stored(place: str, sent: Sequence[Sent], stored: Iterable[Stored], counted: int) -> list[str]:
    """What the device counts as lost is not there. ``counted`` may be less than what is missing, for other reasons.

    It is without what may be there, since a store never said whether it has that (``LOST.UNKNOWN``).
    """
    there = {one.name for one in stored}
    missing = sum(one.name not in there for one in sent)
    return [f"counted as lost but stored: {place} {counted} counted, {missing} missing"] if counted > missing else []


def taken_otherwise(spans: Iterable[Sequence[str]], first: Mapping[str, str]) -> list[str]:
    """Readers have the spans that the media make: return the keys of segments that they take for another span's.

    ``spans`` are those of a reader, by the keys of their segments, and ``first`` has the key with which the span of
    each segment begins.
    """
    return [key for span in spans for key in span if first.get(key, span[0]) != span[0]]
