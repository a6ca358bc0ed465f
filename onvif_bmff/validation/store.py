"""All the rules over the objects of a store, span by span, with memory for one object at a time."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.cenc.protection import protection_headers
from onvif_bmff.errors import ObjectDamagedError, ObjectNotFoundError, ProtectionError
from onvif_bmff.objects.extensions import is_cmaf
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ObjectInfo, ObjectStore
from onvif_bmff.playback.listing import listing_prefixes
from onvif_bmff.playback.recorded import RecordedSegment, RecordedSpan, SpanState
from onvif_bmff.playback.source import StoreSource
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation.attributes import check_attributes, check_content_type
from onvif_bmff.validation.iv_reuse import Vectors
from onvif_bmff.validation.keys import NameChecker
from onvif_bmff.validation.observed import Context, Header, SegmentFacts
from onvif_bmff.validation.proof import EncryptionProof
from onvif_bmff.validation.report import Checked, Validation
from onvif_bmff.validation.rules import Finding, Findings, Recurring
from onvif_bmff.validation.samples import SampleChecker
from onvif_bmff.validation.segment import check_segment
from onvif_bmff.validation.spans import KindChecker, SpanChecker

__all__ = ["validate_store"]

_LOG = logging.getLogger(__name__)

_MOST_NAMES = 100
"""Wrong names that are listed for each rule; the rest are counted."""


def validate_store(
    store: ObjectStore,
    *,
    prefix: str | None = None,
    postfix: str | None = None,
    start: UtcTime | None = None,
    end: UtcTime | None = None,
    keys: KeyRing | None = None,
    unwrapper: KeyUnwrapper | None = None,
    deep: bool = True,
    lookback: timedelta = timedelta(hours=1),
    proof: EncryptionProof | None = None,
) -> Validation:
    """Find what breaks a rule of ``RULES`` in the objects of a store; an iterator that looks as it is asked.

    What was looked at, and what could not be, is counted meanwhile: `Validation.checked`. A store without objects has
    no findings either. Where the first objects of a place are gone, as retention and life-cycle rules leave it, that
    is a note. What is wrong with a content type is found once a place.

    Each object is read once, from its start to its end, with memory for one of its fragments; of names and
    initialisation vectors some ten bytes each are kept. Whatever the objects hold, it becomes findings, never an error.

    Args:
        store: what holds the objects.
        prefix: the configured prefix (empty: none is configured), or None for all there are.
        postfix: the configured postfix, likewise.
        start: with ``end``, only segments that begin from here on are looked at, and only their folders listed.
        end: segments that begin at or after this instant are left out.
        keys: content keys, with which encrypted samples are tried.
        unwrapper: what opens the wrapped content keys in the headers, for the same; those that it does not open are
            left, and the log says so once a key.
        deep: look into the objects; otherwise only at names, content types and attributes.
        lookback: as in `Timeline.from_store`.
        proof: counts the clear bytes of all samples; those that have to be encrypted are findings.

    Raises:
        TimeError: the range ends before it starts.
        StoreError: the store failed.
    """
    checked = Checked()
    checker = _StoreChecker(store, _Keys(keys, unwrapper), checked, proof, deep=deep, start=start, end=end)
    if start is not None and end is not None:
        folders: Iterator[str] = listing_prefixes(start, end, prefix=prefix, postfix=postfix, lookback=lookback)
    else:
        folders = iter((f"{prefix}/" if prefix else "",))

    def found() -> Iterator[Finding]:
        of_names = Findings(most=_MOST_NAMES)
        names = NameChecker(of_names, prefix, postfix, checked)

        def listed() -> Iterator[str]:
            for folder in folders:
                for name in store.keys(folder):
                    names.check(name)
                    yield name

        timeline = Timeline.from_keys(listed(), prefix=prefix, postfix=postfix)
        yield from of_names.take()
        kind: tuple[str, str, str] | None = None
        for span in timeline.spans:
            if (span.prefix, span.postfix, span.extension) != kind:
                if kind is not None and kind[:2] != (span.prefix, span.postfix):
                    yield from checker.recurring.take()
                kind = span.prefix, span.postfix, span.extension
                checker.begin_kind(span)
            yield from checker.span(span, names.ends)
        checker.end_kind()
        yield from checker.findings.take()
        yield from checker.recurring.take()
        yield from checker.ends_without_span(names.ends)

    return Validation(found(), checked)


class _Keys:
    """The content keys of a validation: given, or opened from the headers of segments as these come."""

    def __init__(self, ring: KeyRing | None, unwrapper: KeyUnwrapper | None) -> None:
        self._unwrapper = unwrapper
        self._refused: set[UUID] = set()
        self.ring = ring if ring is not None or unwrapper is None else KeyRing()

    def unlock(self, header: Header) -> None:
        """Open what the header of a segment holds, unless that failed before."""
        kids = {protection.kid for protection in header.protections.values()}
        if self._unwrapper is None or self.ring is None or kids <= self._refused.union(self.ring):
            return
        try:
            self.ring.unlock(protection_headers(header.movie), self._unwrapper)
        except ProtectionError as error:
            _LOG.warning("samples are not tried: %s", error)
        self._refused.update(kids.difference(self.ring))


class _StoreChecker:
    def __init__(
        self,
        store: ObjectStore,
        keys: _Keys,
        checked: Checked,
        proof: EncryptionProof | None,
        *,
        deep: bool,
        start: UtcTime | None,
        end: UtcTime | None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._checked = checked
        self._proof = proof
        self._deep = deep
        self._start = start
        self._end = end
        self._vectors = Vectors()
        self._kind: KindChecker | None = None
        self._unended: dict[tuple[str, str, int], list[ObjectKey]] = {}
        self._oldest: dict[tuple[str, str], dict[str, UtcTime]] = {}  # the first segment of each place and extension
        self._ambiguous: set[tuple[str, str, str, int]] = set()
        self.findings = Findings()
        self.recurring = Recurring()

    def begin_kind(self, span: RecordedSpan) -> None:
        """Begin with the spans of another recording or extension."""
        self.end_kind()
        self._kind = KindChecker(self.findings, is_cmaf=is_cmaf(span.extension))
        self._oldest.setdefault((span.prefix, span.postfix), {})[span.extension] = span.start

    def end_kind(self) -> None:
        """End with the spans of a recording or extension."""
        if self._kind is not None:
            self._kind.close()

    def span(self, span: RecordedSpan, ends: set[str]) -> Iterator[Finding]:
        """Look at a span. The name of its end object is taken out of ``ends``."""
        findings = self.findings
        first, end_name = span.segments[0], span.end_name
        if end_name is not None:
            ends.discard(end_name)
        whole = self._wanted(first)
        if not whole and not any(map(self._wanted, span.segments)):
            return
        self._checked.spans += 1
        if whole:
            self._lost(span, first.name)
        if span.state is SpanState.CUT_OFF:
            if self._end is None:
                findings.add("ANX-B.5-01", "the span has no end object, and a later one began", key=first.name)
            else:
                self._checked.skip_outside("ANX-B.5-01")
        if span.state is SpanState.AMBIGUOUS:
            message = "ambiguous: an end object goes with the counters and times of this span and of another one"
            findings.add("ANX-B.5-01", message, key=first.name)
            self._ambiguous.add((span.prefix, span.postfix, span.extension, span.segments[-1].key.counter + 1))
        elif end_name is None:
            last = span.segments[-1].key
            self._unended.setdefault((span.prefix, span.postfix, last.counter + 1), []).append(last)
        yield from findings.take()
        side_by_side = SpanChecker(findings)
        for segment in span.segments:
            if self._wanted(segment):
                facts = self._segment(segment)
                if facts is not None:
                    side_by_side.segment(facts)
                yield from findings.take()
        if end_name is not None:
            self._end_object(end_name, span, side_by_side)
        if self._kind is not None:
            self._kind.span(span, side_by_side)
        yield from findings.take()

    def _lost(self, span: RecordedSpan, name: str) -> None:
        """What of a span is not there, from its first object on."""
        for lost in span.lost():
            message = f"no objects with counters {lost.first_counter} to {lost.first_counter + lost.count - 1}"
            if lost.first_counter == 0 and self._start is not None:
                self._checked.skip_outside("ANX-B.4-11")
            elif lost.trimmed:
                self.findings.note("ANX-B.4-11", f"{message}: older ones than all that are here are gone", name)
            else:
                self.findings.add("ANX-B.4-11", message, key=name)

    def _is_relic(self, key: ObjectKey, *, unended: bool) -> bool:
        """Whether an end object is that of a span of which, as of all before it of its kind, nothing is left.

        Where nothing at all is left of the kind, it may also be the wrong extension of a span that has no end
        (``unended``: there is one that it would fit).
        """
        place = self._oldest.get((key.prefix, key.postfix), {})
        if key.extension not in place and not unended:
            return True
        first = place.get(key.extension) or min(place.values(), default=None)
        return first is None or key.time <= first

    def ends_without_span(self, ends: set[str]) -> Iterator[Finding]:
        """Look at the end objects that no span took."""
        findings = self.findings
        for name in sorted(ends):
            key = ObjectKey.parse(name)
            if self._start is not None and key.time < self._start:
                continue
            self._checked.span_ends += 1
            if (key.prefix, key.postfix, key.extension, key.counter) in self._ambiguous:
                continue
            lasts = self._unended.get((key.prefix, key.postfix, key.counter), [])
            own = [last for last in lasts if last.extension == key.extension]
            if any(last.time == key.time for last in own):
                continue  # the whole segment is shorter than a key can tell
            if any(key.time < last.time for last in own):
                findings.add("ANX-B.5-03", "the last segment of the span begins after its end", key=name)
            elif self._start is None and self._is_relic(key, unended=bool(lasts)):
                message = "all segments of the span that ended here are gone, as are all before it"
                findings.note("ANX-B.5-04", message, name)
            elif lasts and not own:
                message = f"the span that ends with this counter is one of {lasts[0].extension!r}"
                findings.add("ANX-B.5-05", message, key=name)
            elif self._start is not None:
                self._checked.skip_outside("ANX-B.5-04")
            else:
                message = f"no span here ends with counter {key.counter - 1}"
                findings.add("ANX-B.5-04", message, key=name)
            yield from findings.take()

    def _wanted(self, segment: RecordedSegment) -> bool:
        after = self._start is None or segment.start >= self._start
        return after and (self._end is None or segment.start < self._end)

    def _segment(self, segment: RecordedSegment) -> SegmentFacts | None:
        self.findings.key = segment.name
        try:
            info = self._head(segment.name)
        except ObjectDamagedError as error:
            self.findings.add("ANX-B.9-05", f"content type and attributes cannot be read: {error}")
            damaged, info = True, None
        else:
            damaged = False
        if info is None and not damaged:
            return None
        self._checked.segments += 1
        context = Context(segment.key, self.findings, self._checked)
        facts: SegmentFacts | None = None
        if self._deep:
            source = StoreSource(self._store, segment.name)
            try:
                facts = check_segment(source, context, segment.name, self._sample_checker)
                self._checked.objects_read += 1
            except ObjectNotFoundError:
                return None
        if info is not None:
            check_content_type(context, info, facts, self.recurring)
            check_attributes(context, info.attributes, facts)
        return facts

    def _sample_checker(self, context: Context, header: Header) -> SampleChecker:
        self._keys.unlock(header)
        return SampleChecker(context, header, self._vectors, self._keys.ring, self._proof)

    def _end_object(self, name: str, span: RecordedSpan, side_by_side: SpanChecker) -> None:
        info = None
        try:
            info = self._head(name)
        except ObjectDamagedError as error:
            self.findings.add("ANX-B.5-01", f"the span end object cannot be looked at: {error}", key=name)
        self._checked.span_ends += info is not None
        if info is not None and info.size:
            message = f"the span end object has {info.size} bytes, and should be empty"
            self.findings.add("ANX-B.5-01", message, key=name)
        misfit = side_by_side.end(ObjectKey.parse(name, prefix=span.prefix, postfix=span.postfix), name)
        if misfit is not None and self._kind is not None:
            self._kind.misfit(misfit)

    def _head(self, name: str) -> ObjectInfo | None:
        """What the store knows of an object; None if it was deleted meanwhile."""
        try:
            return self._store.head(name)
        except ObjectNotFoundError:
            return None
