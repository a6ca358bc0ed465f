"""Goes through the spans of a store in order, and puts together what single objects show."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from onvif_bmff.errors import InvariantError
from onvif_bmff.objects.extensions import is_cmaf
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.listing import listing_prefixes
from onvif_bmff.playback.recorded import RecordedSegment, RecordedSpan, SpanState
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation.end_objects import EndObjects
from onvif_bmff.validation.full_content_type import FullContentTypes
from onvif_bmff.validation.iv_reuse import VectorAnswers, Vectors
from onvif_bmff.validation.keys import NameChecker
from onvif_bmff.validation.looks import Look, Looker, SegmentLook, WantedObject
from onvif_bmff.validation.report import Checked, Validation
from onvif_bmff.validation.rules import Finding, Findings, Recurring
from onvif_bmff.validation.spans import KindChecker, SegmentSummary, SpanChecker

__all__ = ["ValidationScope", "validate_names"]

_LOG = logging.getLogger(__name__)

_MAX_NAMES = 100
"""Wrong names that are listed for each rule; the rest are counted."""


@dataclass(frozen=True, slots=True)
class ValidationScope:
    """Which objects are wanted: see the arguments of ``validate_store``."""

    prefix: str | None = None
    postfix: str | None = None
    start: UtcTime | None = None
    end: UtcTime | None = None

    def names_in(self, store: ReadableStore, lookback: timedelta = timedelta(hours=1)) -> Iterator[str]:
        """List the names of a store that the scope may need.

        Raises:
            TimeError: the range ends before it starts.
            StoreError: the store failed.
        """
        if self.start is not None and self.end is not None:
            folders: Iterable[str] = listing_prefixes(
                self.start, self.end, prefix=self.prefix, postfix=self.postfix, lookback=lookback
            )
        else:
            folders = (f"{self.prefix}/" if self.prefix else "",)
        return (name for folder in folders for name in store.keys(folder))

    def wants(self, segment: RecordedSegment) -> bool:
        """Return whether a segment begins in the range."""
        after = self.start is None or segment.start >= self.start
        return after and (self.end is None or segment.start < self.end)

    def wanted_of(self, span: RecordedSpan) -> Iterator[WantedObject]:
        """Yield what is looked at in a span: the wanted segments, and then the end object if there are any."""
        some = False
        for segment in span.segments:
            if self.wants(segment):
                some = True
                yield segment.key, segment.name
        if some and span.end_name is not None:
            yield ObjectKey.parse(span.end_name, prefix=span.prefix, postfix=span.postfix), span.end_name


def validate_names(
    looker: Looker,
    names: Iterable[str],
    scope: ValidationScope,
    looks: Callable[[Iterator[WantedObject]], Iterator[Look]] | None = None,
) -> Validation:
    """Validate the objects with the given names, as ``validate_store`` does.

    Args:
        looker: looks at the objects of a store.
        names: those that the store lists.
        scope: which are wanted.
        looks: looks at objects in place of ``looker``, in other processes perhaps, and returns the looks in the order
            of the objects. What is found does not depend on who looks.

    Raises:
        TimeError: the range ends before it starts.
        StoreError: the store failed.
    """
    checked = Checked()
    return Validation(_StoreChecker(looker, scope, checked, looks).check(names), checked)


@dataclass(frozen=True, slots=True)
class _Place:
    """What the objects of one prefix and postfix have in common."""

    recurring: Recurring = field(default_factory=Recurring)
    content_types: FullContentTypes = field(default_factory=FullContentTypes)


class _StoreChecker:
    """Checks the spans of a store, one after the other."""

    def __init__(
        self,
        looker: Looker,
        scope: ValidationScope,
        checked: Checked,
        looks: Callable[[Iterator[WantedObject]], Iterator[Look]] | None,
    ) -> None:
        self._looker = looker
        self._scope = scope
        self._checked = checked
        self._look_elsewhere = looks
        self._looks: Iterator[Look] | None = None
        self._refused: frozenset[UUID] = frozenset()
        self._vectors = Vectors()
        self._kind: KindChecker | None = None
        self._findings = Findings()
        self._place = _Place()
        self._end_objects = EndObjects(self._findings, checked, scope.start)

    def check(self, listing: Iterable[str]) -> Iterator[Finding]:
        """Check the names of a listing, then the objects of each span."""
        of_names = Findings(most=_MAX_NAMES)
        prefix, postfix = self._scope.prefix, self._scope.postfix
        names = NameChecker(of_names, prefix, postfix, self._checked)

        def checked_names() -> Iterator[str]:
            for name in listing:
                names.check(name)
                yield name

        timeline = Timeline.from_keys(checked_names(), prefix=prefix, postfix=postfix)
        yield from of_names.take()
        if self._look_elsewhere is not None:
            self._looks = self._look_elsewhere(
                wanted for span in timeline.spans for wanted in self._scope.wanted_of(span)
            )
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
        whole = self._scope.wants(first)
        if not whole and not any(map(self._scope.wants, span.segments)):
            return
        self._checked.spans += 1
        if whole:
            self._lost(span, first.name)
        self._check_state(span)
        yield from self._findings.take()
        side_by_side = SpanChecker(self._findings)
        for segment in span.segments:
            if self._scope.wants(segment):
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
            if self._scope.end is None:
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
            if lost.first_counter == 0 and self._scope.start is not None:
                self._checked.skip_outside("ANX-B.4-11")
            elif lost.trimmed:
                self._findings.note("ANX-B.4-11", f"{message}: older ones than all that are here are gone", name)
            else:
                self._findings.add("ANX-B.4-11", message, key=name)

    def _segment(self, segment: RecordedSegment) -> SegmentSummary | None:
        """Look at a segment, and return what its neighbours are compared with."""
        self._findings.key = segment.name
        if self._looks is None:
            look = self._looker.look(segment.key, segment.name, self._vectors)
        else:
            look = _segment_look(next(self._looks))
            answers = [self._vectors.add(use) for use in look.vectors]
            if any(
                one is not None for one in answers
            ):  # a vector was used before: the finding has its place among those of the object
                look = self._looker.look(segment.key, segment.name, VectorAnswers(answers))
        self._findings.add_all(look.findings)
        self._checked.add_all(look.checked)
        look.recurring.add_to(self._place.recurring)
        if look.refused is not None and not look.refused.kids <= self._refused:
            self._refused |= look.refused.kids
            _LOG.warning("samples are not tried: %s", look.refused.reason)
        if look.labelled:
            self._place.content_types.segment(segment.key, segment.name, look.codecs, look.named, look.topic)
        return look.summary

    def _end_object(self, name: str, span: RecordedSpan, side_by_side: SpanChecker) -> None:
        found = self._looker.look_at_end(name) if self._looks is None else next(self._looks)
        if isinstance(found, SegmentLook):
            raise InvariantError(f"{name}: looks come in the order of objects")
        if found.damage:
            message = f"the span end object cannot be looked at: {found.damage}"
            self._findings.add("ANX-B.5-01", message, key=name)
        self._checked.span_ends += found.size is not None
        if found.size:
            message = f"the span end object has {found.size} bytes, and should be empty"
            self._findings.add("ANX-B.5-01", message, key=name)
        misfit = side_by_side.end(ObjectKey.parse(name, prefix=span.prefix, postfix=span.postfix), name)
        if misfit is not None and self._kind is not None:
            self._kind.misfit(misfit)


def _segment_look(look: Look) -> SegmentLook:
    if isinstance(look, SegmentLook):
        return look
    raise InvariantError("looks come in the order of objects")
