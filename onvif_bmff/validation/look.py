"""What one segment object shows by itself: the part of a validation that does not depend on other objects."""

from dataclasses import dataclass, field

from onvif_bmff.errors import ObjectDamagedError, ObjectNotFoundError
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ObjectInfo, ReadableStore
from onvif_bmff.playback.source import StoreSource
from onvif_bmff.validation.attributes import (
    check_attributes,
    check_stored_content_type,
    codecs_of,
    full_content_codecs,
)
from onvif_bmff.validation.content_keys import KeysOfHeaders, Refused
from onvif_bmff.validation.iv_reuse import VectorMemory, VectorRecorder, VectorUse
from onvif_bmff.validation.observed import Context, Header
from onvif_bmff.validation.proof import EncryptionProof
from onvif_bmff.validation.report import Checked
from onvif_bmff.validation.rules import Findings, RecurringLog
from onvif_bmff.validation.samples import SampleChecker
from onvif_bmff.validation.segment import check_segment
from onvif_bmff.validation.spans import SegmentSummary

__all__ = ["EndLook", "Look", "SegmentLook", "SegmentLooker", "WantedObject"]

WantedObject = tuple[ObjectKey, str]
"""The key and the name of an object: a segment, or the end of a span."""


@dataclass(frozen=True, slots=True)
class EndLook:
    """What a span end object showed: its size in bytes, or why that is unknown. Neither if it is gone."""

    size: int | None = None
    damage: str = ""


@dataclass(slots=True)
class SegmentLook:
    """What a segment showed: findings and counts of its own, and what the rules of several objects need of it.

    It is small, and can be pickled: other processes look, and one puts together.

    Attributes:
        findings: those about the object by itself.
        recurring: those that its neighbours are likely to share.
        checked: counts of what was checked in it.
        codecs: those of its tracks; None if unknown.
        named: those in its attribute FullContentType; None if unknown.
        labelled: whether content type and attributes could be read.
        summary: for comparison with its neighbours; None if it was not read.
        vectors: its initialisation vectors, if they were only noted.
        refused: keys that did not open.
    """

    findings: Findings
    recurring: RecurringLog = field(default_factory=RecurringLog)
    checked: Checked = field(default_factory=Checked)
    codecs: frozenset[str] | None = None
    named: frozenset[str] | None = None
    labelled: bool = False
    summary: SegmentSummary | None = None
    vectors: list[VectorUse] = field(default_factory=list)
    refused: Refused | None = None


Look = SegmentLook | EndLook


class SegmentLooker:
    """Looks at segments, one at a time, in any order.

    Args:
        store: holds them.
        keys: open encrypted samples.
        deep: read the objects; otherwise only content types and attributes are checked.
        proof: counts clear bytes.
    """

    def __init__(
        self, store: ReadableStore, keys: KeysOfHeaders, *, deep: bool, proof: EncryptionProof | None = None
    ) -> None:
        self._store = store
        self._keys = keys
        self._deep = deep
        self._proof = proof

    def look_at_any(self, key: ObjectKey, name: str) -> Look:
        """Look at a segment, as ``look`` without vectors does, or at the end of a span, by its key."""
        return self.look_at_end(name) if key.span_end else self.look(key, name)

    def look_at_end(self, name: str) -> EndLook:
        """Look at the end object of a span.

        Raises:
            StoreError: the store failed.
        """
        try:
            info = self._head(name)
        except ObjectDamagedError as error:
            return EndLook(damage=str(error))
        return EndLook(None if info is None else info.size)

    def look(self, key: ObjectKey, name: str, vectors: VectorMemory | None = None) -> SegmentLook:
        """Look at a segment. Without ``vectors`` its initialisation vectors are noted, to be compared later.

        Raises:
            StoreError: the store failed. An object that was deleted meanwhile gives an empty look.
        """
        found = SegmentLook(Findings(name))
        recorder = VectorRecorder()
        info: ObjectInfo | None = None
        try:
            info = self._head(name)
        except ObjectDamagedError as error:
            found.findings.add("ANX-B.9-05", f"content type and attributes cannot be read: {error}")
        else:
            if info is None:
                return found
        found.checked.segments += 1
        context = Context(key, found.findings, found.checked)
        observed = None
        if self._deep:

            def make_samples(context: Context, header: Header) -> SampleChecker:
                ring, found.refused = self._keys.of(header)
                return SampleChecker(context, header, recorder if vectors is None else vectors, ring, self._proof)

            try:
                observed = check_segment(StoreSource(self._store, name), context, name, make_samples)
            except ObjectNotFoundError:
                return found
            found.checked.objects_read += 1
            found.summary = SegmentSummary.of(observed)
        if info is not None:
            found.labelled = True
            found.codecs, found.named = codecs_of(observed), full_content_codecs(info.attributes)
            check_stored_content_type(context, info, found.codecs, found.recurring)
            check_attributes(context, info.attributes, observed, found.codecs)
        found.vectors = recorder.uses
        return found

    def _head(self, name: str) -> ObjectInfo | None:
        """Return what the store knows of an object; None if it was deleted in the meantime."""
        try:
            return self._store.head(name)
        except ObjectNotFoundError:
            return None
