"""A small checker of recorded objects, written from the standards alone: nothing of the library is used here.

It knows ONVIF Recording Control 25.12, Annex B (names, spans, attributes) and as much of files as recordings need
(``checked_objects``). Where it and the library's validator disagree, one of them is wrong. Media are not looked into.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.simulate.checked_names import ObjectName, read_name
from tests.simulate.checked_objects import CheckedSample, Segment, Unreadable, read_object

__all__ = ["Checked", "CheckedSample", "CheckedSpan", "check_bucket"]

_Say = Callable[[str], None]


_FOLLOWED = 100_000
"""Microseconds by which the name of a segment may correct the time before it."""


@dataclass(slots=True)
class CheckedSpan:
    """One track of a span. ``start`` is when its first sample was taken, in microseconds since 1970, and ``end`` the
    key of the end object.
    """

    prefix: str
    postfix: str
    extension: str
    track: int
    handler: str
    timescale: int
    start: int
    encrypted: bool
    ended: bool
    keys: list[str]
    samples: list[CheckedSample]
    end: str = ""


@dataclass(slots=True)
class Checked:
    """What was found wrong, each in a line; what the spans hold; and the vectors in use, as KID and vector."""

    findings: list[str] = field(default_factory=list)
    spans: list[CheckedSpan] = field(default_factory=list)
    vectors: set[tuple[bytes, bytes]] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class _Span:
    """Segments of one span, and its end object. Origins are instants in microseconds, multiplied by the timescale."""

    segments: list[Segment]
    end: ObjectName | None = None

    @property
    def timescale(self) -> int:
        return self.segments[0].timescale

    @property
    def next_counter(self) -> int:
        return self.segments[0].name.counter + len(self.segments)

    def origins(self, number: int = 0) -> list[int]:
        """When tick 0 may be by the name of a segment: that of a multiplexed one is that of any track."""
        named = self.segments[number]
        return [named.name.time * self.timescale - ticks * 1_000_000 for ticks in named.starts()]

    def ends_at(self, name: ObjectName, origin: int | None = None) -> bool:
        """Whether an end object is that of the last sample, counted from the first name or, as recovery does, the last.

        The samples that last longest are those of the last segment, or some that an earlier one has.
        """
        last = self.segments[-1].last, max(segment.last for segment in self.segments)
        first = self.origins() if origin is None else [origin]
        return self.fits(name, last, first + self.origins(-1))

    def origin(self) -> tuple[int, int]:
        """When tick 0 is by most names and the end object, and how many names contradict that.

        A segment may correct it by a tenth of a second: a clock was followed. Which track the name is of is not known.
        """

        def strays(origin: int) -> int:
            wrong, here = 0, {origin}
            for number, one in enumerate(self.segments):
                unit = max(one.name.unit, self.segments[0].name.unit) + 1  # names are cut off
                most = (_FOLLOWED + unit) * self.timescale
                found = {at for at in here if self.fits(one.name, one.starts(), [at])}
                found |= {at for at in self.origins(number) if any(abs(at - before) <= most for before in here)}
                wrong += not found
                here = found or here
            return wrong + (self.end is not None and not any(self.ends_at(self.end, at) for at in here))

        return min(((origin, strays(origin)) for origin in self.origins()), key=lambda found: found[1])

    def fits(self, name: ObjectName, ticks: Iterable[int], origins: Iterable[int], followed: int = 0) -> bool:
        """Whether a name has the time of one of these ticks: cut off to its unit, as the first name is.

        It may be off by as many more microseconds as a clock was ``followed``.
        """
        allowed = (max(name.unit, self.segments[0].name.unit) + 1 + followed) * self.timescale + 1_000_000
        time = name.time * self.timescale
        return any(abs(time - origin - tick * 1_000_000) <= allowed for tick in ticks for origin in origins)

    def distance(self, after: Segment) -> tuple[int, int]:
        """How badly a segment continues the span: how badly its name contradicts, and by how many ticks tracks do."""
        last = self.segments[-1].samples
        both = last.keys() & after.samples.keys()
        ticks = (abs(after.samples[track][0].decode_time - _end(last[track])) for track in both)
        followed = (one for one in (0, _FOLLOWED) if self.fits(after.name, after.starts(), self.origins(), one))
        return next(followed, 1 << 63), min(ticks, default=1 << 63)


def check_bucket(
    objects: Mapping[str, tuple[bytes, Mapping[str, str]]], *, open_spans: bool = False, trimmed: bool = False
) -> Checked:
    """Check objects, given as key to body and attributes.

    ``open_spans``: the last span of a kind may have no end object yet. ``trimmed``: the oldest span of a kind may lack
    its first segments, as retention leaves it.
    """
    checked = Checked()
    kinds: dict[tuple[str, str, str], list[Segment]] = defaultdict(list)
    ends: dict[tuple[str, str, str], list[ObjectName]] = defaultdict(list)
    for key, (body, attributes) in objects.items():
        name = read_name(key)
        if name is None:
            checked.findings.append(f"{key}: no name of B.4")
            continue
        kind = name.prefix, name.postfix, name.extension
        if name.is_end:
            ends[kind].append(name)
            if body:
                checked.findings.append(f"{key}: an end object with {len(body)} bytes")
            continue
        try:
            kinds[kind].append(read_object(name, body, attributes, checked.findings.append, checked.vectors))
        except Unreadable as error:
            checked.findings.append(f"{key}: cannot be read: {error}")
    for kind in sorted(kinds.keys() | ends.keys()):
        _check_kind(kinds[kind], ends[kind], checked, open_spans=open_spans, trimmed=trimmed)
    return checked


# ---- spans --------------------------------------------------------------------------------------------------------


def _check_kind(
    segments: list[Segment], ends: list[ObjectName], checked: Checked, *, open_spans: bool, trimmed: bool
) -> None:
    """Put the segments of a place and type into spans, and check these."""
    say = checked.findings.append
    spans: list[_Span] = []
    waiting: dict[int, list[_Span]] = defaultdict(list)
    for segment in sorted(segments, key=lambda one: (one.name.time, one.name.counter)):
        name = segment.name
        if name.counter and waiting[name.counter]:
            span = min(reversed(waiting[name.counter]), key=lambda span: span.distance(segment))
            waiting[name.counter].remove(span)
            span.segments.append(segment)
        else:
            if name.counter and (spans or not trimmed):
                say(f"{name.key}: no segment with counter {name.counter - 1} before it")
            span = _Span([segment])
            spans.append(span)
        waiting[span.next_counter].append(span)
    for name in sorted(ends, key=lambda one: one.time):
        _give_end(name, waiting[name.counter], say)
    for span in spans:
        if span.end is None and not (open_spans and span is spans[-1]):
            say(f"{span.segments[-1].name.key}: its span has no end object")
        _check_span(span, say)
        checked.spans.extend(_rows(span))


def _end(samples: Sequence[CheckedSample]) -> int:
    return samples[-1].decode_time + samples[-1].duration


def _give_end(name: ObjectName, waiting: list[_Span], say: _Say) -> None:
    """Give an end object to the span that it ends."""
    for span in waiting:
        if span.ends_at(name):
            span.end = name
            waiting.remove(span)
            return
    say(f"{name.key}: ends no span: none of the {len(waiting)} with this counter ends then")


def _check_span(span: _Span, say: _Say) -> None:
    """Check what the segments of a span have in common."""
    first = span.segments[0]
    _, strays = span.origin()
    if strays:
        say(f"{first.name.key}: {strays} names of its span are not the time of the first or last sample")
    until: dict[int, int] = {}
    lead = first.lead(first.tracks)
    for segment in span.segments:
        key = segment.name.key
        if segment.timescale != first.timescale or segment.tracks.keys() != first.tracks.keys():
            say(f"{key}: other tracks or another timescale than at the beginning of its span")
        encrypted = any(track.scheme[0] for track in segment.tracks.values())
        if segment.header != first.header and not encrypted:
            say(f"{key}: another header than at the beginning of its span")
        for track, samples in segment.samples.items():
            before = until.get(track)
            if before is None and not samples[0].sync:
                say(f"{key}: track {track} begins with a sample that is not sync")
            elif len(segment.tracks) == 1 and not samples[0].sync:
                say(f"{key}: begins with a sample that is not sync")
            rows = [CheckedSample(before, 0, 0, True, b""), *samples] if before is not None else samples
            _check_times(f"{key}: track {track}", rows, say, holes=track != lead)
            until[track] = _end(samples)


def _check_times(where: str, samples: Sequence[CheckedSample], say: _Say, *, holes: bool) -> None:
    """Decode times rise and do not overlap; only tracks of a multiplexed span that do not lead may have ``holes``."""
    for before, sample in pairwise(samples):
        hole = sample.decode_time - before.decode_time - before.duration
        if hole < 0:
            say(f"{where} at {sample.decode_time}: overlaps the sample before it by {-hole} ticks")
            return
        if hole and not holes:
            say(f"{where} at {sample.decode_time}: a hole of {hole} ticks")
            return


def _rows(span: _Span) -> Iterator[CheckedSpan]:
    """What the tracks of a span hold."""
    first, (origin, _) = span.segments[0], span.origin()
    keys = [segment.name.key for segment in span.segments]
    for track, header in first.tracks.items():
        samples = [sample for segment in span.segments for sample in segment.samples.get(track, ())]
        if samples:
            start = (origin + samples[0].presented * 1_000_000) // first.timescale
            yield CheckedSpan(
                first.name.prefix, first.name.postfix, first.name.extension, track, header.handler.decode("latin-1"),
                header.timescale, start, header.scheme[0], span.end is not None, keys, samples,
                span.end.key if span.end is not None else "",
            )  # fmt: skip
