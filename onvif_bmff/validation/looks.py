"""What single objects show by themselves: the part of a validation that does not depend on other objects."""

from dataclasses import dataclass, field
from typing import Protocol

from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.validation.content_keys import Refused
from onvif_bmff.validation.iv_reuse import VectorMemory, VectorUse
from onvif_bmff.validation.report import Checked
from onvif_bmff.validation.rules import Findings, RecurringLog
from onvif_bmff.validation.spans import SegmentSummary

__all__ = ["EndLook", "Look", "Looker", "SegmentLook", "WantedObject"]

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
        topic: that of the event that it was recorded for, by its attribute EventTopic.
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
    topic: str | None = None
    labelled: bool = False
    summary: SegmentSummary | None = None
    vectors: list[VectorUse] = field(default_factory=list)
    refused: Refused | None = None


Look = SegmentLook | EndLook


class Looker(Protocol):
    """Looks at objects, one at a time, in any order; ``SegmentLooker`` does."""

    def look(self, key: ObjectKey, name: str, vectors: VectorMemory | None = None) -> SegmentLook:
        """Look at a segment. Without ``vectors`` its initialisation vectors are noted, to be compared later.

        Raises:
            StoreError: the store failed.
        """
        ...

    def look_at_end(self, name: str) -> EndLook:
        """Look at the end object of a span.

        Raises:
            StoreError: the store failed.
        """
        ...
