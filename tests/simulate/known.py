"""Findings that the library is known to cause and does not mend yet, told from all others by what really happened."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from onvif_bmff.validation import Finding
from tests.simulate.checked_names import ObjectName, read_name
from tests.simulate.checker import CheckedSpan

__all__ = [
    "CUT_SHORT",
    "LEFT_PLACE",
    "OVERLAP",
    "WRITTEN_AFTER",
    "Boot",
    "MixedSpans",
    "is_cut_short",
    "was_left",
]

OVERLAP = "spans overlap by more than readers allow"
LEFT_PLACE = "a place was left just before a power cut"
CUT_SHORT = "a long sample of a track that does not lead ends where the leading one begins a segment"

WRITTEN_AFTER = "written after its end: "
"""What a finding begins with that a segment was written after the end object of its span."""
_ALLOWED = 3_000_000
"""Microseconds by which a span may reach into the next one of its kind, so that keys still tell which end is whose."""
_UNIT = 1_001
"""Microseconds by which keys of milliseconds may differ that are cut off."""
_OF_SPANS = frozenset(
    {"ANX-B.1-06", "ANX-B.2-05", "ANX-B.3-04", "ANX-B.4-05", "ANX-B.4-11", "ANX-B.5-01", "ANX-B.5-03", "ANX-B.5-04"}
)
"""Rules of several objects of a span. The validator compares those that belong together by their keys."""
_NO_END = ": its span has no end object"


@dataclass(frozen=True, slots=True)
class _Extent:
    """When a span begins by its first key, and when it may end, in microseconds; its keys, and the begins of segments.

    Of multiplexed segments a key may be the time of any track, so that the end may be one of several.
    """

    start: int
    ends: frozenset[int]
    keys: frozenset[str]
    begins: tuple[int, ...] = ()

    def may_end_with(self, name: ObjectName) -> bool:
        """Return whether an end object has the counter and the time of this span's, or of a part of it.

        A recovery that takes the next segment for another span's ends this one where that begins.
        """
        times = self.ends if name.counter == len(self.keys) else self.begins[name.counter : name.counter + 1]
        return any(abs(end - name.time) <= _UNIT for end in times)

    def goes_on(self, other: "_Extent", ends: Collection[tuple[int, int]]) -> bool:
        """Return whether ``other`` seems to go on with segments of this span, up to an end object (counter, time).

        They have counters that segments of the other one could have, and begin later. The end is where the first of
        them begins, or that of this span.
        """
        later = [number for number in range(len(other.keys), len(self.begins)) if self.begins[number] > other.start]
        found = {(later[0], self.begins[later[0]])} | {(len(self.keys), end) for end in self.ends} if later else set()
        return any(counter == one and abs(at - end) <= _UNIT for one, at in found for counter, end in ends)

    def mixes_with(self, later: "_Extent") -> bool:
        """Return whether keys cannot tell this span from one that begins later."""
        return max(self.ends) - later.start > _ALLOWED

    def ends_like(self, other: "_Extent") -> bool:
        """Return whether the end object of this span may be the other one's, too."""
        same = any(abs(mine - theirs) <= _UNIT for mine in self.ends for theirs in other.ends)
        return same and len(self.keys) == len(other.keys)


def _extent(rows: list[CheckedSpan]) -> _Extent:
    """Return the extent of a span, by what its tracks hold, and by its end object: a clock may be followed in it."""
    keys, timescale = rows[0].keys, rows[0].timescale
    name = read_name(keys[0])
    start = rows[0].start if name is None else name.time
    last = max(one.presented + one.duration for row in rows for one in row.samples)
    ends = [start + (last - row.samples[0].presented) * 1_000_000 // timescale for row in rows]
    ends += [name.time for name in [read_name(rows[0].end)] if name is not None]
    begins = tuple(start if one is None else one.time for one in map(read_name, keys))
    return _Extent(start, frozenset(ends), frozenset(keys), begins)


def _chains(extents: Iterable[_Extent]) -> Iterator[list[_Extent]]:
    """Yield spans that overlap, each one some other, in the order of their starts."""
    chain: list[_Extent] = []
    until = 0
    for one in sorted(extents, key=lambda one: one.start):
        if chain and one.start >= until:
            yield chain
            chain = []
        chain.append(one)
        until = max(until, *one.ends)
    if chain:
        yield chain


class MixedSpans:
    """The spans of a store of which keys do not tell which object belongs to which.

    Args:
        spans: those of the checker, which looks into the media.
        ends: keys of objects, of which those count that end spans.
    """

    def __init__(self, spans: Iterable[CheckedSpan], ends: Iterable[str] = ()) -> None:
        self._mixed: dict[tuple[str, str, str], list[_Extent]] = defaultdict(list)
        self._chains: dict[tuple[str, str, str], list[list[_Extent]]] = {}
        self._ends: dict[tuple[str, str, str], set[tuple[int, int]]] = defaultdict(set)
        for name in map(read_name, ends):
            if name is not None and name.is_end:
                self._ends[name.prefix, name.postfix, name.extension].add((name.counter, name.time))
        kinds: dict[tuple[str, str, str], dict[str, list[CheckedSpan]]] = defaultdict(dict)
        for span in spans:
            kinds[span.prefix, span.postfix, span.extension].setdefault(span.keys[0], []).append(span)
        for kind, found in kinds.items():
            self._chains[kind] = list(_chains(map(_extent, found.values())))
            for chain in self._chains[kind]:  # an end that one gets in error is what another one does not get
                if any(first.mixes_with(second) for first, second in pairwise(chain)):
                    self._mixed[kind] += chain

    def holds(self, key: str) -> bool:
        """Return whether an object is a segment of such a span."""
        name = read_name(key)
        kind = None if name is None else (name.prefix, name.postfix, name.extension)
        return kind is not None and any(key in one.keys for one in self._mixed.get(kind, []))

    def explain(self, finding: Finding) -> bool:
        """Return whether a finding of the validator is about objects of such spans."""
        name = read_name(finding.key)
        if name is None or finding.rule not in _OF_SPANS:
            return False
        mixed = self._mixed.get((name.prefix, name.postfix, name.extension), [])
        if name.is_end:
            return any(one.may_end_with(name) for one in mixed)
        return any(finding.key in one.keys for one in mixed)

    def ends_a_part(self, finding: str) -> bool:
        """Return whether what is found is an end object of no span, and that of the first segments of a mixed one."""
        key, _, what = finding.partition(": ")
        name = read_name(key)
        if name is None or not name.is_end or not what.startswith("ends no span"):
            return False
        mixed = self._mixed.get((name.prefix, name.postfix, name.extension), [])
        return any(one.may_end_with(name) for one in mixed)

    def share_an_end(self, finding: str) -> bool:
        """Return whether a span without end object has that of another one: both have as many segments, and one end.

        So it has where a segment was written after that end object, and where the next segment of another span was
        taken for its own: then a recovery ended it where that one begins.
        """
        key = finding.removeprefix(WRITTEN_AFTER).partition(" after ")[0].removesuffix(_NO_END)
        name = read_name(key)
        if key == finding or name is None:
            return False
        kind = name.prefix, name.postfix, name.extension
        near = next((chain for chain in self._chains.get(kind, []) if any(key in one.keys for one in chain)), [])
        mine = next((one for one in near if key in one.keys), None)
        others = [one for one in near if one is not mine]
        return mine is not None and any(one.ends_like(mine) or one.goes_on(mine, self._ends[kind]) for one in others)


def is_cut_short(finding: Finding, spans: Iterable[CheckedSpan]) -> bool:
    """Return whether a finding is a hole between two segments of a span in a track that is a second one of its kind."""
    if finding.rule != "ANX-B.3-04":
        return False
    here = [one for one in spans if finding.key in one.keys]
    counts = Counter(one.handler for one in here)
    tracks = [one.track for one in here if counts[one.handler] > 1]
    return any(finding.message.startswith(f"track {track} begins at ") for track in tracks)


@dataclass(frozen=True, slots=True)
class Boot:
    """A start: what the wall clock showed, in microseconds, and storage, prefix and postfix of each recording then.

    ``end``: it is the end of the run instead, when all trouble is over.
    """

    at: int
    places: frozenset[tuple[str, str, str]]
    end: bool = False


def was_left(finding: str, storage: str, boots: Sequence[Boot], *, failing: bool) -> bool:
    """Return whether a span without end object lies where the next start had no recording any more.

    Of a store that was ``failing`` it may be any later start, since those before it tried in vain, or the end.
    """
    key = finding.removesuffix(_NO_END)
    name = read_name(key)
    if key == finding or name is None:
        return False
    following = [boot for boot in boots if boot.at >= name.time]
    looked = following if failing else [boot for boot in following if not boot.end][:1]
    return any((storage, name.prefix, name.postfix) not in boot.places for boot in looked)
