"""What a validation looked at, and what it could not: that nothing was found is worth no more than that."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from uuid import UUID

from onvif_bmff.cenc.protection import ProtectionRun
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.validation.rules import Finding, Level

__all__ = ["Checked", "Skipped", "Validation"]

_OUTSIDE = "what lies outside the time range was not listed"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule that was not held, or not wholly, against ``count`` objects (spans, for rules of spans), and why not."""

    rule: str
    reason: str
    count: int


@dataclass(slots=True)
class Checked:
    """Counts of what was looked at.

    Attributes:
        names: names that the store listed.
        foreign: those of them that do not end like the name of a recording's object.
        elsewhere: those that are keys of another prefix or postfix than the ones asked for.
        spans: spans of which something was looked at.
        segments: segment objects that were looked at; others lie outside the time range.
        span_ends: span end objects that were looked at.
        objects_read: segment objects that were read, not only their names and labels.
        samples_clear: samples that are not encrypted, and whose data were there.
        samples_opened: encrypted samples that were decrypted with the keys given, rightly or not.
        samples_unopened: encrypted samples that could not be, so that only what surrounds them was checked.
        samples_unread: clear samples whose data are not in their object, are empty, or are too many to look into.
        missing_keys: identifiers of content keys that encrypted samples need and that were not given.
        attributes_seen: segments on which the store has attributes.
        attributes_missing: segments on which it has none, which is allowed and proves nothing.
        content_types_unknown: segments whose content type the store does not know.
        notes: findings that are notes, so neither errors nor warnings.
    """

    names: int = 0
    foreign: int = 0
    elsewhere: int = 0
    spans: int = 0
    segments: int = 0
    span_ends: int = 0
    objects_read: int = 0
    samples_clear: int = 0
    samples_opened: int = 0
    samples_unopened: int = 0
    samples_unread: int = 0
    missing_keys: set[UUID] = field(default_factory=set)
    attributes_seen: int = 0
    attributes_missing: int = 0
    content_types_unknown: int = 0
    notes: int = 0
    _skipped: dict[tuple[str, str], int] = field(default_factory=dict, repr=False)

    @property
    def objects(self) -> int:
        """Objects that were looked at: segments and span ends."""
        return self.segments + self.span_ends

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Rules that were skipped, by rule and reason. Rules about bytes are not listed where nothing was read."""
        return tuple(Skipped(rule, reason, count) for (rule, reason), count in sorted(self._skipped.items()))

    def skip(self, reason: str, *rules: str) -> None:
        """Note that one more object, or span, was not held against ``rules``."""
        for rule in rules:
            self._skipped[rule, reason] = self._skipped.get((rule, reason), 0) + 1

    def skip_outside(self, rule: str) -> None:
        """Note that a rule of spans cannot be held where a time range cuts the listing."""
        self.skip(_OUTSIDE, rule)

    def count_samples(
        self, count: int, runs: Sequence[ProtectionRun] | None, keys: Container[UUID], *, opened: bool, read: bool
    ) -> int:
        """Note the samples of a fragment, and return how many of them are encrypted and were not opened.

        Args:
            count: how many there are.
            runs: how they are protected; empty for an entry that is clear, None where that cannot be told.
            keys: the content keys at hand.
            opened: they were decrypted, wherever they are encrypted.
            read: their data were there.
        """
        protected = [run for run in runs or () if run[1].is_protected]
        hidden = count if runs is None else sum([number for number, _ in protected])
        if opened:
            self.samples_opened += hidden
        else:
            self.samples_unopened += hidden
            self.missing_keys.update(run.kid for _, run in protected if run.kid not in keys)
        if read:
            self.samples_clear += count - hidden
        else:
            self.samples_unread += count - hidden
        return 0 if opened else hidden

    def skip_decryption(self, schemes: Iterable[ProtectionScheme]) -> None:
        """Note that samples of one more object were not decrypted, which is in one of these schemes."""
        rules = {"ANX-B.8-07" if scheme is ProtectionScheme.CBCS else "ANX-B.8-06" for scheme in schemes}
        self.skip("samples are encrypted, and were not opened", *rules)

    def counts(self) -> Mapping[str, object]:
        """All of it as plain values that JSON can hold."""
        names = [name for name in self.__slots__ if not name.startswith("_") and name != "missing_keys"]
        return {
            **{name: getattr(self, name) for name in names},
            "missing_keys": sorted(map(str, self.missing_keys)),
            "skipped": [asdict(skipped) for skipped in self.skipped],
        }


class Validation(Iterator[Finding]):
    """The findings of a validation, as they come. ``checked`` counts what was looked at until then."""

    def __init__(self, findings: Iterator[Finding], checked: Checked) -> None:
        self._findings = findings
        self.checked = checked

    def __next__(self) -> Finding:
        """The next finding."""
        found = next(self._findings)
        self.checked.notes += found.level is Level.NOTE
        return found
