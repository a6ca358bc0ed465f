"""``info`` by several workers: each reads segments of one place and day, and their facts are added up in order."""

from collections.abc import Iterator
from dataclasses import dataclass

from onvif_bmff.cli.info_store import Recording, SegmentFacts, StoreFacts, segment_rows
from onvif_bmff.jobs.groups import NamedKey, grouped
from onvif_bmff.jobs.sources import StoreSource, opened
from onvif_bmff.jobs.tasks import Shared, Workers

__all__ = ["read_by_workers"]

_SEGMENTS = 64
"""Segments of a task at most."""


@dataclass(frozen=True, slots=True)
class _Task:
    """Segments to read, of one place and day."""

    source: Shared[StoreSource]
    objects: tuple[NamedKey, ...]

    def __repr__(self) -> str:
        return f"{len(self.objects)} segments from {self.objects[0][1]!r} on"


def read_by_workers(facts: StoreFacts, source: StoreSource, workers: Workers) -> None:
    """Read the segments of a store by workers, in place of ``StoreFacts.rows``.

    Raises:
        StoreError: the store failed, or workers were lost for good.
    """
    shared = Shared(source)

    def look(objects: Iterator[NamedKey]) -> Iterator[SegmentFacts]:
        return workers.run(_read, (_Task(shared, group) for group in grouped(objects, _SEGMENTS)))

    facts.read_by(look)


def _read(task: _Task) -> SegmentFacts:
    """Read the segments of a task. Runs in a worker."""
    first = task.objects[0][0]
    found = SegmentFacts(Recording(first.prefix, first.postfix), [])
    for _ in segment_rows(opened(task.source.value), found.recording, task.objects, found.damage):
        pass
    return found
