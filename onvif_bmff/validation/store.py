"""Checks all rules on the objects of a store, span by span, with memory for one object at a time."""

from datetime import timedelta

from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.errors import ObjectDamagedError, ObjectNotFoundError
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ObjectInfo, ReadableStore
from onvif_bmff.playback.source import StoreSource
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation.attributes import (
    attribute_of,
    check_attributes,
    check_stored_content_type,
    codecs_of,
    full_content_codecs,
)
from onvif_bmff.validation.content_keys import ContentKeys, KeysOfHeaders
from onvif_bmff.validation.iv_reuse import VectorMemory, VectorRecorder
from onvif_bmff.validation.looks import EndLook, Look, SegmentLook
from onvif_bmff.validation.observed import Context, Header
from onvif_bmff.validation.proof import EncryptionProof
from onvif_bmff.validation.report import Validation
from onvif_bmff.validation.rules import Findings
from onvif_bmff.validation.samples import SampleChecker
from onvif_bmff.validation.segment import check_segment
from onvif_bmff.validation.spans import SegmentSummary
from onvif_bmff.validation.walk import ValidationScope, validate_names

__all__ = ["SegmentLooker", "validate_store"]


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
    scope = ValidationScope(prefix, postfix, start, end)
    looker = SegmentLooker(store, ContentKeys(keys, unwrapper), deep=deep, proof=proof)
    return validate_names(looker, scope.names_in(store, lookback), scope)


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
            found.topic = attribute_of(info.attributes, "EventTopic")
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
