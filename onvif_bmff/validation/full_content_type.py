"""The attribute FullContentType against the codecs of all that a recording held at that time. ONVIF 25.12, B.9."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation.rules import Findings

__all__ = ["FullContentTypes"]


@dataclass(slots=True)
class _Run:
    """Objects of one extension, in order, that name or hold the same codecs."""

    codecs: frozenset[str]
    first: UtcTime
    last: UtcTime
    name: str
    count: int = 1


class FullContentTypes:
    """Collects the codecs of the objects of one place, and those in their attributes; one entry for each change."""

    def __init__(self) -> None:
        self._held: dict[str, list[_Run]] = {}
        self._named: dict[str, list[_Run]] = {}

    def segment(self, key: ObjectKey, name: str, held: frozenset[str] | None, named: frozenset[str] | None) -> None:
        """Note the next object: the codecs of its tracks and those in its attribute; None where that is unknown."""
        if held is not None:
            _note(self._held.setdefault(key.extension, []), key, name, held, is_new=not key.counter)
        if named is not None:
            _note(self._named.setdefault(key.extension, []), key, name, named, is_new=False)

    def close(self, findings: Findings) -> None:
        """Report attributes that lack the codecs of other spans that were open already, and forget the place."""
        for extension, runs in self._named.items():
            for run in runs:
                others = [one for other, held in self._held.items() if other != extension for one in _while(held, run)]
                missing = frozenset[str]().union(*[one.codecs for one in others]) - run.codecs
                if missing:
                    message = f"no {', '.join(sorted(missing))}, which is recorded at the same time"
                    if run.count > 1:
                        message += f" ({run.count} objects)"
                    findings.add("ANX-B.9-08", message, path="@FullContentType", key=run.name)
        self._held.clear()
        self._named.clear()


def _note(runs: list[_Run], key: ObjectKey, name: str, codecs: frozenset[str], *, is_new: bool) -> None:
    last = runs[-1] if runs and not is_new else None
    if last is not None and last.codecs == codecs:
        last.last, last.count = key.time, last.count + 1
    else:
        runs.append(_Run(codecs, key.time, key.time, name))


def _while(held: list[_Run], named: _Run) -> Iterator[_Run]:
    """Yield the runs that had begun before the last object of ``named``, and went on behind its first one."""
    for number in range(bisect_right(held, named.last, key=lambda run: run.first) - 1, -1, -1):
        if held[number].last < named.first:
            return
        yield held[number]
