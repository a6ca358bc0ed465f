"""What a validation checked, and what it could not check."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from uuid import UUID

from onvif_bmff.cenc.protection import ProtectionRun
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.validation.rules import Finding, Level

__all__ = ["Checked", "Skipped", "Validation"]

_OUTSIDE = "what lies outside the time range was not listed"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule that was not, or not fully, checked on ``count`` objects (spans, for rules of spans), and why."""

    rule: str
    reason: str
    count: int


@dataclass(slots=True)
class Checked:
    """Counts of what was checked.

    Attributes:
        names: names that the store listed.
        foreign: names that do not end like that of a recording's object.
        other_formats: of these, keys of segments but for their extension, such as objects in Matroska.
        elsewhere: keys of another prefix or postfix than the requested ones.
        spans: spans that were checked, at least in part.
        segments: segment objects that were checked; others lie outside the time range.
        span_ends: span end objects that were checked.
        objects_read: segment objects whose bytes were read, not only names and attributes.
        samples_clear: samples that are not encrypted and whose data were checked.
        samples_opened: encrypted samples that were decrypted with the given keys, correctly or not.
        samples_unopened: encrypted samples that could not be decrypted; only their boxes were checked.
        samples_unread: clear samples whose data are not in their object, are empty, or are too large to check.
        missing_keys: identifiers of content keys that are needed and were not given.
        attributes_seen: segments that have attributes.
        attributes_missing: segments that have none, which is allowed.
        content_types_unknown: segments whose content type the store does not know.
        notes: findings that are notes, neither errors nor warnings.
    """

    names: int = 0
    foreign: int = 0
    other_formats: int = 0
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
        """Objects that were checked: segments and span ends."""
        return self.segments + self.span_ends

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Rules that were skipped, by rule and reason. Rules about bytes are not listed if nothing was read."""
        return tuple(Skipped(rule, reason, count) for (rule, reason), count in sorted(self._skipped.items()))

    def add_all(self, others: "Checked") -> None:
        """Add the counts of a part of the same validation."""
        for one in fields(self):
            mine, more = getattr(self, one.name), getattr(others, one.name)
            if isinstance(mine, int):
                setattr(self, one.name, mine + more)
            elif isinstance(mine, set):
                mine |= more
            else:
                for skipped, count in more.items():
                    mine[skipped] = mine.get(skipped, 0) + count

    def skip(self, reason: str, *rules: str) -> None:
        """Note that ``rules`` were not checked on one more object or span."""
        for rule in rules:
            self._skipped[rule, reason] = self._skipped.get((rule, reason), 0) + 1

    def skip_outside(self, rule: str) -> None:
        """Note that a rule of spans cannot be checked where a time range limits the listing."""
        self.skip(_OUTSIDE, rule)

    def count_samples(
        self, count: int, runs: Sequence[ProtectionRun] | None, keys: Container[UUID], *, opened: bool, read: bool
    ) -> int:
        """Count the samples of a fragment, and return how many encrypted ones were not decrypted.

        Args:
            count: number of samples.
            runs: how they are protected; empty for a clear entry, None if unknown.
            keys: identifiers of the available content keys.
            opened: the encrypted ones were decrypted.
            read: their data were available.
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
        """Note one more object, of one of these schemes, with samples that were not decrypted."""
        rules = {"ANX-B.8-07" if scheme is ProtectionScheme.CBCS else "ANX-B.8-06" for scheme in schemes}
        self.skip("samples are encrypted, and were not opened", *rules)

    def counts(self) -> Mapping[str, object]:
        """Return all counts as plain values for JSON."""
        names = [name for name in self.__slots__ if not name.startswith("_") and name != "missing_keys"]
        return {
            **{name: getattr(self, name) for name in names},
            "missing_keys": sorted(map(str, self.missing_keys)),
            "skipped": [asdict(skipped) for skipped in self.skipped],
        }


class Validation(Iterator[Finding]):
    """Iterator over the findings of a validation. ``checked`` counts what was checked so far."""

    def __init__(self, findings: Iterator[Finding], checked: Checked) -> None:
        self._findings = findings
        self.checked = checked

    def __next__(self) -> Finding:
        """Return the next finding."""
        found = next(self._findings)
        self.checked.notes += found.level is Level.NOTE
        return found
