"""Checks all rules on the objects of a store, span by span, with memory for one object at a time."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.cenc.protection import protection_headers
from onvif_bmff.errors import ObjectDamagedError, ObjectNotFoundError, ProtectionError
from onvif_bmff.objects.extensions import is_cmaf
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ObjectInfo, ReadableStore
from onvif_bmff.playback.listing import listing_prefixes
from onvif_bmff.playback.recorded import RecordedSegment, RecordedSpan, SpanState
from onvif_bmff.playback.source import StoreSource
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation.attributes import (
    check_attributes,
    check_stored_content_type,
    codecs_of,
    full_content_codecs,
)
from onvif_bmff.validation.end_objects import EndObjects
from onvif_bmff.validation.full_content_type import FullContentTypes
from onvif_bmff.validation.iv_reuse import Vectors
from onvif_bmff.validation.keys import NameChecker
from onvif_bmff.validation.observed import Context, Header, ObservedSegment
from onvif_bmff.validation.proof import EncryptionProof
from onvif_bmff.validation.report import Checked, Validation
from onvif_bmff.validation.rules import Finding, Findings, Recurring
from onvif_bmff.validation.samples import SampleChecker
from onvif_bmff.validation.segment import check_segment
from onvif_bmff.validation.spans import KindChecker, SpanChecker

__all__ = ["validate_store"]

_LOG = logging.getLogger(__name__)

_MAX_NAMES = 100
"""Wrong names that are listed for each rule; the rest are counted."""


def validate_store(
    store: ReadableStore,
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
    """Return an iterator over the violations of ``RULES`` in the objects of a store; each step checks a part of it.

    ``Validation.checked`` counts what was checked and what could not be. A store without objects has no findings. If
    the first objects of a place are gone, as retention and life-cycle rules leave it, that is a note. A wrong content
    type is reported once for each place.

    Each object is read once, from its start to its end, with memory for one of its fragments; some ten bytes are kept
    for each name and initialisation vector. Invalid contents of objects are findings, never exceptions.

    Args:
        store: holds the objects.
        prefix: the configured prefix (empty: none is configured), or None for any.
        postfix: the configured postfix, likewise.
        start: with ``end``, only segments that begin from here on are checked, and only their folders are listed.
        end: segments that begin at or after this instant are left out.
        keys: content keys, with which encrypted samples are decrypted.
        unwrapper: unwraps further content keys from the headers; the log says once for each KID if that fails.
        deep: read the objects; otherwise only names, content types and attributes are checked.
        lookback: as in ``Timeline.from_store``.
        proof: counts the clear bytes of all samples; those that have to be encrypted are findings.

    Raises:
        TimeError: the range ends before it starts.
        StoreError: the store failed.
    """
    checked = Checked()
    checker = _StoreChecker(store, _ContentKeys(keys, unwrapper), checked, proof, deep=deep, range_=(start, end))
    if start is not None and end is not None:
        folders: Iterable[str] = listing_prefixes(start, end, prefix=prefix, postfix=postfix, lookback=lookback)
    else:
        folders = (f"{prefix}/" if prefix else "",)
    listing = (name for folder in folders for name in store.keys(folder))
    return Validation(checker.check(listing, prefix, postfix), checked)


class _ContentKeys:
    """The content keys of a validation: those given, and those unwrapped from the headers of segments."""

    def __init__(self, ring: KeyRing | None, unwrapper: KeyUnwrapper | None) -> None:
        self._unwrapper = unwrapper
        self._refused: set[UUID] = set()
        self.ring = ring if ring is not None or unwrapper is None else KeyRing()

    def unlock(self, header: Header) -> None:
        """Unwrap the keys that the header of a segment holds, unless that failed before."""
        kids = {protection.kid for protection in header.protections.values()}
        if self._unwrapper is None or self.ring is None or kids <= self._refused.union(self.ring):
            return
        try:
            self.ring.unlock(protection_headers(header.movie), self._unwrapper)
        except ProtectionError as error:
            _LOG.warning("samples are not tried: %s", error)
        self._refused.update(kids.difference(self.ring))


@dataclass(frozen=True, slots=True)
class _Place:
    """What the objects of one prefix and postfix have in common."""

    recurring: Recurring = field(default_factory=Recurring)
    content_types: FullContentTypes = field(default_factory=FullContentTypes)


class _StoreChecker:
    """Checks the spans of a store, one after the other."""

    def __init__(
        self,
        store: ReadableStore,
        keys: _ContentKeys,
        checked: Checked,
        proof: EncryptionProof | None,
        *,
        deep: bool,
        range_: tuple[UtcTime | None, UtcTime | None],
    ) -> None:
        self._store = store
        self._keys = keys
        self._checked = checked
        self._proof = proof
        self._deep = deep
        self._start, self._end = range_
        self._vectors = Vectors()
        self._kind: KindChecker | None = None
        self._findings = Findings()
        self._place = _Place()
        self._end_objects = EndObjects(self._findings, checked, self._start)

    def check(self, listing: Iterable[str], prefix: str | None, postfix: str | None) -> Iterator[Finding]:
        """Check the names of a listing, then the objects of each span."""
        of_names = Findings(most=_MAX_NAMES)
        names = NameChecker(of_names, prefix, postfix, self._checked)

        def checked_names() -> Iterator[str]:
            for name in listing:
                names.check(name)
                yield name

        timeline = Timeline.from_keys(checked_names(), prefix=prefix, postfix=postfix)
        yield from of_names.take()
        kind: tuple[str, str, str] | None = None
        for span in timeline.spans:
            if (span.prefix, span.postfix, span.extension) != kind:
                if kind is not None and kind[:2] != (span.prefix, span.postfix):
                    yield from self._end_place()
                kind = span.prefix, span.postfix, span.extension
                self._begin_kind(span)
            yield from self._span(span, names.ends)
        self._end_kind()
        yield from self._end_place()
        yield from self._end_objects.check(names.ends)

    def _begin_kind(self, span: RecordedSpan) -> None:
        """Begin with the spans of another place or extension."""
        self._end_kind()
        self._kind = KindChecker(self._findings, is_cmaf=is_cmaf(span.extension))
        self._end_objects.begin_kind(span)

    def _end_kind(self) -> None:
        if self._kind is not None:
            self._kind.close()

    def _end_place(self) -> Iterator[Finding]:
        """Yield what is known only when all spans of a prefix and postfix have been seen."""
        self._place.content_types.close(self._findings)
        yield from self._findings.take()
        yield from self._place.recurring.take()

    def _span(self, span: RecordedSpan, ends: set[str]) -> Iterator[Finding]:
        """Check a span. The name of its end object is removed from ``ends``."""
        first, end_name = span.segments[0], span.end_name
        if end_name is not None:
            ends.discard(end_name)
        whole = self._wanted(first)
        if not whole and not any(map(self._wanted, span.segments)):
            return
        self._checked.spans += 1
        if whole:
            self._lost(span, first.name)
        self._check_state(span)
        yield from self._findings.take()
        side_by_side = SpanChecker(self._findings)
        for segment in span.segments:
            if self._wanted(segment):
                observed = self._segment(segment)
                if observed is not None:
                    side_by_side.segment(observed)
                yield from self._findings.take()
        if end_name is not None:
            self._end_object(end_name, span, side_by_side)
        if self._kind is not None:
            self._kind.span(span, side_by_side)
        yield from self._findings.take()

    def _check_state(self, span: RecordedSpan) -> None:
        """Check that a span that is over has an end object of its own."""
        name = span.segments[0].name
        if span.state is SpanState.CUT_OFF:
            if self._end is None:
                self._findings.add("ANX-B.5-01", "the span has no end object, and a later one began", key=name)
            else:
                self._checked.skip_outside("ANX-B.5-01")
        if span.state is SpanState.AMBIGUOUS:
            message = "ambiguous: an end object goes with the counters and times of this span and of another one"
            self._findings.add("ANX-B.5-01", message, key=name)
            self._end_objects.ambiguous(span)
        elif span.end_name is None:
            self._end_objects.unended(span)

    def _lost(self, span: RecordedSpan, name: str) -> None:
        """Report the objects of a span that are missing."""
        for lost in span.lost():
            message = f"no objects with counters {lost.first_counter} to {lost.first_counter + lost.count - 1}"
            if lost.first_counter == 0 and self._start is not None:
                self._checked.skip_outside("ANX-B.4-11")
            elif lost.trimmed:
                self._findings.note("ANX-B.4-11", f"{message}: older ones than all that are here are gone", name)
            else:
                self._findings.add("ANX-B.4-11", message, key=name)

    def _wanted(self, segment: RecordedSegment) -> bool:
        after = self._start is None or segment.start >= self._start
        return after and (self._end is None or segment.start < self._end)

    def _segment(self, segment: RecordedSegment) -> ObservedSegment | None:
        self._findings.key = segment.name
        try:
            info = self._head(segment.name)
        except ObjectDamagedError as error:
            self._findings.add("ANX-B.9-05", f"content type and attributes cannot be read: {error}")
            damaged, info = True, None
        else:
            damaged = False
        if info is None and not damaged:
            return None
        self._checked.segments += 1
        context = Context(segment.key, self._findings, self._checked)
        observed: ObservedSegment | None = None
        if self._deep:
            source = StoreSource(self._store, segment.name)
            try:
                observed = check_segment(source, context, segment.name, self._sample_checker)
                self._checked.objects_read += 1
            except ObjectNotFoundError:
                return None
        if info is not None:
            codecs = codecs_of(observed)
            check_stored_content_type(context, info, codecs, self._place.recurring)
            check_attributes(context, info.attributes, observed, codecs)
            self._place.content_types.segment(segment.key, segment.name, codecs, full_content_codecs(info.attributes))
        return observed

    def _sample_checker(self, context: Context, header: Header) -> SampleChecker:
        self._keys.unlock(header)
        return SampleChecker(context, header, self._vectors, self._keys.ring, self._proof)

    def _end_object(self, name: str, span: RecordedSpan, side_by_side: SpanChecker) -> None:
        info = None
        try:
            info = self._head(name)
        except ObjectDamagedError as error:
            self._findings.add("ANX-B.5-01", f"the span end object cannot be looked at: {error}", key=name)
        self._checked.span_ends += info is not None
        if info is not None and info.size:
            message = f"the span end object has {info.size} bytes, and should be empty"
            self._findings.add("ANX-B.5-01", message, key=name)
        misfit = side_by_side.end(ObjectKey.parse(name, prefix=span.prefix, postfix=span.postfix), name)
        if misfit is not None and self._kind is not None:
            self._kind.misfit(misfit)

    def _head(self, name: str) -> ObjectInfo | None:
        """Return what the store knows of an object; None if it was deleted in the meantime."""
        try:
            return self._store.head(name)
        except ObjectNotFoundError:
            return None
