"""Findings that the library is known to cause and does not mend yet, told from all others by what really happened."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from onvif_bmff.validation import Finding
from tests.simulate.checked_names import ObjectName, read_name
from tests.simulate.checker import CheckedSpan

__all__ = ["LEFT_PLACE", "OVERLAP", "Boot", "MixedSpans", "was_left"]

OVERLAP = "spans overlap by more than readers allow"
LEFT_PLACE = "a place was left just before a power cut"

_ALLOWED = 3_000_000
"""Microseconds by which a span may reach into the next one of its kind, so that keys still tell which end is whose."""
_OF_SPANS = frozenset(
    {"ANX-B.1-06", "ANX-B.2-05", "ANX-B.3-04", "ANX-B.4-05", "ANX-B.4-11", "ANX-B.5-01", "ANX-B.5-03", "ANX-B.5-04"}
)
"""Rules of several objects of a span. The validator compares those that belong together by their keys."""
_NO_END = ": its span has no end object"


@dataclass(slots=True)
class _Extent:
    """When a span begins and ends by its media, in microseconds, and its keys."""

    start: int
    end: int
    keys: frozenset[str]

    def may_end_with(self, name: ObjectName) -> bool:
        """Return whether an end object has the counter and, roughly, the time of this span's.

        Of multiplexed segments the checker does not always know of which track a key is the time.
        """
        return name.counter == len(self.keys) and abs(self.end - name.time) <= _ALLOWED

    def mixes_with(self, later: "_Extent") -> bool:
        """Return whether keys cannot tell this span from one that begins later."""
        return self.end - later.start > _ALLOWED


class MixedSpans:
    """The spans of a store of which keys do not tell which object belongs to which.

    Args:
        spans: those of the checker, which looks into the media.
    """

    def __init__(self, spans: Iterable[CheckedSpan]) -> None:
        self._mixed: dict[tuple[str, str, str], list[_Extent]] = defaultdict(list)
        kinds: dict[tuple[str, str, str], dict[str, _Extent]] = defaultdict(dict)
        for span in spans:
            ticks = max(one.presented + one.duration for one in span.samples) - span.samples[0].presented
            end = span.start + ticks * 1_000_000 // span.timescale
            of_kind = kinds[span.prefix, span.postfix, span.extension]
            known = of_kind.setdefault(span.keys[0], _Extent(span.start, end, frozenset(span.keys)))
            known.start, known.end = min(known.start, span.start), max(known.end, end)
        for kind, extents in kinds.items():
            for first, second in pairwise(sorted(extents.values(), key=lambda one: one.start)):
                if first.mixes_with(second):
                    self._mixed[kind] += [first, second]

    def explain(self, finding: Finding) -> bool:
        """Return whether a finding of the validator is about objects of such spans."""
        name = read_name(finding.key)
        if name is None or finding.rule not in _OF_SPANS:
            return False
        mixed = self._mixed.get((name.prefix, name.postfix, name.extension), [])
        if name.is_end:
            return any(one.may_end_with(name) for one in mixed)
        return any(finding.key in one.keys for one in mixed)

    def share_an_end(self, finding: str) -> bool:
        """Return whether a span without end object has that of another one: both have as many segments, and one end."""
        key = finding.removesuffix(_NO_END)
        name = read_name(key)
        if key == finding or name is None:
            return False
        mixed = self._mixed.get((name.prefix, name.postfix, name.extension), [])
        mine = next((one for one in mixed if key in one.keys), None)
        return mine is not None and any(
            one is not mine and abs(one.end - mine.end) <= _ALLOWED and len(one.keys) == len(mine.keys) for one in mixed
        )


@dataclass(frozen=True, slots=True)
class Boot:
    """A start: what the wall clock showed, in microseconds, and prefix and postfix of each recording then."""

    at: int
    places: frozenset[tuple[str, str]]


def was_left(finding: str, boots: Sequence[Boot]) -> bool:
    """Return whether a span without end object lies where the next start had no recording any more."""
    key = finding.removesuffix(_NO_END)
    name = read_name(key)
    if key == finding or name is None:
        return False
    following = next((boot for boot in boots if boot.at >= name.time), None)
    return following is not None and (name.prefix, name.postfix) not in following.places
