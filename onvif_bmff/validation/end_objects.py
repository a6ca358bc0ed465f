"""Rules of span end objects that belong to no span. ONVIF Recording Control 25.12, B.5."""

from collections.abc import Iterable, Iterator

from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.playback.recorded import RecordedSpan
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation.report import Checked
from onvif_bmff.validation.rules import Finding, Findings

__all__ = ["EndObjects"]


class EndObjects:
    """Judges the end objects that no span took, once all spans of a store are known."""

    def __init__(self, findings: Findings, checked: Checked, start: UtcTime | None) -> None:
        self._findings = findings
        self._checked = checked
        self._start = start
        self._last_keys: dict[tuple[str, str, int], list[ObjectKey]] = {}
        """Of spans without end object, the key of the last segment, by the place and counter of the missing end."""
        self._oldest: dict[tuple[str, str], dict[str, UtcTime]] = {}
        """The first segment of each place and extension."""
        self._ambiguous: set[tuple[str, str, str, int]] = set()

    def begin_kind(self, span: RecordedSpan) -> None:
        """Note the first span of a place and extension."""
        self._oldest.setdefault((span.prefix, span.postfix), {})[span.extension] = span.start

    def ambiguous(self, span: RecordedSpan) -> None:
        """Note a span that shares its end objects with another one: those are not reported again."""
        counter = span.segments[-1].key.counter + 1
        self._ambiguous.add((span.prefix, span.postfix, span.extension, counter))

    def unended(self, span: RecordedSpan) -> None:
        """Note a span without an end object."""
        last = span.segments[-1].key
        self._last_keys.setdefault((span.prefix, span.postfix, last.counter + 1), []).append(last)

    def check(self, names: Iterable[str]) -> Iterator[Finding]:
        """Check the end objects with these names, which no span took."""
        for name in sorted(names):
            key = ObjectKey.parse(name)
            if self._start is not None and key.time < self._start:
                continue
            self._checked.span_ends += 1
            if (key.prefix, key.postfix, key.extension, key.counter) not in self._ambiguous:
                self._check(name, key)
                yield from self._findings.take()

    def _check(self, name: str, key: ObjectKey) -> None:
        findings = self._findings
        last_keys = self._last_keys.get((key.prefix, key.postfix, key.counter), [])
        own = [last for last in last_keys if last.extension == key.extension]
        if any(last.time == key.time for last in own):
            return  # the whole segment is shorter than the resolution of a key
        if any(key.time < last.time for last in own):
            findings.add("ANX-B.5-03", "the last segment of the span begins after its end", key=name)
        elif self._start is None and self._is_relic(key, unended=bool(last_keys)):
            message = "all segments of the span that ended here are gone, as are all before it"
            findings.note("ANX-B.5-04", message, name)
        elif last_keys and not own:
            message = f"the span that ends with this counter is one of {last_keys[0].extension!r}"
            findings.add("ANX-B.5-05", message, key=name)
        elif self._start is not None:
            self._checked.skip_outside("ANX-B.5-04")
        else:
            findings.add("ANX-B.5-04", f"no span here ends with counter {key.counter - 1}", key=name)

    def _is_relic(self, key: ObjectKey, *, unended: bool) -> bool:
        """Return whether the span of an end object is gone, together with all before it of its place and extension.

        Where nothing is left of that extension, the end may also have the wrong extension of a span without end
        (``unended``: there is one that it would fit).
        """
        place = self._oldest.get((key.prefix, key.postfix), {})
        if key.extension not in place and not unended:
            return True
        first = place.get(key.extension) or min(place.values(), default=None)
        return first is None or key.time <= first
