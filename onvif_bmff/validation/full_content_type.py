"""The attribute FullContentType against the codecs of all that a recording held at that time. ONVIF 25.12, B.9."""

from bisect import bisect_right
from dataclasses import dataclass

from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation.rules import Findings

__all__ = ["FullContentTypes"]

_AT_A_TIME = 3
"""Runs that an object may go on with: the last one, or one of those that overlap."""


@dataclass(slots=True)
class _Run:
    """Objects of one extension, in order, that name or hold the same codecs; alone if the span has no others.

    ``topics`` are those of the events that they were recorded for, the first object's first; None for no event.
    """

    codecs: frozenset[str]
    first: UtcTime
    last: UtcTime
    name: str
    topics: list[str | None]
    count: int = 1
    is_alone: bool = True


class FullContentTypes:
    """Collects the codecs of the objects of one place, and those in their attributes; one entry for each change."""

    def __init__(self) -> None:
        self._held: dict[str, list[_Run]] = {}
        self._named: dict[str, list[_Run]] = {}

    def segment(
        self,
        key: ObjectKey,
        name: str,
        held: frozenset[str] | None,
        named: frozenset[str] | None,
        topic: str | None = None,
    ) -> None:
        """Note the next object: the codecs of its tracks and those in its attribute; None where that is unknown.

        ``topic`` is that of the event that it was recorded for, if it was.
        """
        if held is not None:
            _note(self._held.setdefault(key.extension, []), key, name, held, topic)
        if named is not None:
            _note(self._named.setdefault(key.extension, []), key, name, named, topic)

    def close(self, findings: Findings) -> None:
        """Report attributes that lack the codecs of other spans that were open already, and forget the place."""
        for extension, runs in self._named.items():
            for run in runs:
                if run.count == 1 and run.is_alone and len(runs) > 1:
                    continue  # a span of one object, perhaps from while codecs or tracks changed
                others = [_while(held, run) for other, held in self._held.items() if other != extension]
                missing = frozenset[str]().union(*others) - run.codecs
                if missing:
                    message = f"no {', '.join(sorted(missing))}, which is recorded at the same time"
                    if run.count > 1:
                        message += f" ({run.count} objects)"
                    findings.add("ANX-B.9-08", message, path="@FullContentType", key=run.name)
        self._held.clear()
        self._named.clear()


def _note(runs: list[_Run], key: ObjectKey, name: str, codecs: frozenset[str], topic: str | None) -> None:
    is_new = not key.counter
    lately = () if is_new else reversed(runs[-_AT_A_TIME:])
    run = next((one for one in lately if one.codecs == codecs), None)
    if run is not None:
        run.last, run.count = key.time, run.count + 1
        if topic not in run.topics:
            run.topics.append(topic)
    else:
        runs.append(_Run(codecs, key.time, key.time, name, [topic], is_alone=is_new))
        if not is_new and len(runs) > 1:
            runs[-2].is_alone = False


def _while(held: list[_Run], named: _Run) -> frozenset[str]:
    """Return the codecs that an extension surely had while ``named`` lasted.

    Where codecs or tracks change, spans of one recording close one after the other, each at a sync sample of its own,
    and new ones may begin with what the old ones end with. So what counts is in all runs that began before the last
    object of ``named`` and went on behind its first one, and in their neighbours, too; and they share half of its time.
    What began with an event of its own may have been recorded later than it happened (5.3.4, Before).
    """
    end = bisect_right(held, named.last, key=lambda run: run.first)
    begin = end
    while begin and held[begin - 1].last >= named.first:
        begin -= 1
    shared = sum(_shared(named, run) for run in held[begin:end])
    of_another_event = any(run.topics[0] not in (None, *named.topics) for run in held[begin:end])
    if begin == end or of_another_event or 2 * shared < _lasting(named):
        return frozenset()
    return frozenset[str].intersection(*(run.codecs for run in held[max(begin - 1, 0) : end + 1]))


def _lasting(run: _Run) -> int:
    return run.last.microseconds_since(run.first)


def _shared(first: _Run, second: _Run) -> int:
    return min(first.last, second.last).microseconds_since(max(first.first, second.first))
