"""The timeline of a bucket, listed by several workers at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from onvif_bmff.jobs.inventory import Inventory, InventoryCounts, InventoryFile
from onvif_bmff.jobs.ranges import KeyRange, ranges_of
from onvif_bmff.jobs.sources import StoreSource, opened
from onvif_bmff.jobs.tasks import Shared, Workers
from onvif_bmff.playback.key_reader import KeyReader
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.timing import UtcTime

__all__ = ["timeline_by_workers", "timeline_of_inventory"]


@dataclass(frozen=True)
class _Job:
    """What all tasks have in common."""

    source: StoreSource
    prefix: str | None
    postfix: str | None


@dataclass(frozen=True, slots=True)
class _Task:
    """A part of the listing."""

    job: Shared[_Job]
    range_: KeyRange

    def __repr__(self) -> str:
        return f"names in {self.range_.prefix!r} after {self.range_.after!r}"


def timeline_by_workers(
    source: StoreSource,
    workers: Workers,
    start: UtcTime | None = None,
    end: UtcTime | None = None,
    *,
    prefix: str | None = None,
    postfix: str | None = None,
    lookback: timedelta = timedelta(hours=1),
) -> Timeline:
    """Return what ``Timeline.from_store`` does. Workers list a date folder each; spans are put together here.

    Raises:
        TimeError: the range ends before it starts.
        StoreError: the store failed, or workers were lost for good (``WorkersLostError``).
    """
    job = Shared(_Job(source, prefix, postfix))
    ranges = ranges_of(opened(source), prefix=prefix, postfix=postfix, start=start, end=end, lookback=lookback)
    reader = KeyReader(prefix, postfix)
    for part in workers.run(_read, (_Task(job, one) for one in ranges)):
        reader.add(part)
    return Timeline.of_keys(reader)


def _read(task: _Task) -> KeyReader:
    """List a part of a store. Runs in a worker."""
    job = task.job.value
    reader = KeyReader(job.prefix, job.postfix)
    reader.read(task.range_.names(opened(job.source)))
    return reader


@dataclass(frozen=True, slots=True)
class _FileTask:
    """A file of an inventory; of its keys those below ``prefix`` are wanted."""

    inventory: Inventory
    file: InventoryFile
    prefix: str | None
    postfix: str | None

    def __repr__(self) -> str:
        return str(self.file.path)


def timeline_of_inventory(
    inventories: Iterable[Inventory],
    workers: Workers,
    counts: InventoryCounts,
    *,
    prefix: str | None = None,
    postfix: str | None = None,
) -> Timeline:
    """Return the timeline of a bucket by the files of its inventory, of which each worker reads one at a time.

    Args:
        inventories: they list the bucket together.
        workers: who reads; they must see the files under the same paths.
        counts: what was in the files is added here.
        prefix: the configured prefix (empty: none is configured), or None for any.
        postfix: the configured postfix, likewise.

    Raises:
        StoreError: a file cannot be read, or workers were lost for good (``WorkersLostError``).
    """
    tasks = (_FileTask(one, file, prefix, postfix) for one in inventories for file in one.files)
    reader = KeyReader(prefix, postfix)
    for part, own in workers.run(_read_file, tasks):
        reader.add(part)
        counts.add(own)
    return Timeline.of_keys(reader)


def _read_file(task: _FileTask) -> tuple[KeyReader, InventoryCounts]:
    """Read a file of an inventory. Runs in a worker."""
    reader, counts = KeyReader(task.prefix, task.postfix), InventoryCounts()
    lead = f"{task.prefix}/" if task.prefix else ""
    reader.read(key for key in task.inventory.keys_of(task.file, counts) if key.startswith(lead))
    return reader, counts
