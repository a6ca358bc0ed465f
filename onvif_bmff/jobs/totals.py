"""Sums of all recordings of a bucket, in bounded memory: keys are split by place on disk, and read part by part."""

import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from onvif_bmff.errors import ObjectKeyError, StoreError
from onvif_bmff.jobs.inventory import Inventory, InventoryCounts, InventoryFile
from onvif_bmff.jobs.ranges import KeyRange, ranges_of
from onvif_bmff.jobs.sources import StoreSource, opened
from onvif_bmff.jobs.tasks import Shared, Workers
from onvif_bmff.objects.key import read_head
from onvif_bmff.playback.key_reader import KeyReader
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.timing import UtcTime

__all__ = ["BucketTotals", "PlaceTotals", "bucket_totals"]

_PARTS = 64
"""Parts of the places that are looked at one after the other."""
_HEADS = 100_000
"""Folders whose part is remembered."""
_BUFFER = 1 << 16


@dataclass(frozen=True, slots=True)
class PlaceTotals:
    """Sums of the spans of one prefix, postfix and extension.

    ``start`` is that of the first segment, ``last_start`` that of the last one. ``lost`` counts missing objects, but
    for those of retention; ``gaps`` the times without a recording, which last ``gap_seconds`` together, at most.
    """

    prefix: str
    postfix: str
    extension: str
    spans: int
    segments: int
    open_spans: int
    lost: int
    gaps: int
    gap_seconds: float
    start: UtcTime
    last_start: UtcTime

    def to_json(self) -> dict[str, Any]:
        """Return the sums as plain values."""
        return {**asdict(self), "start": str(self.start), "last_start": str(self.last_start)}


@dataclass(slots=True)
class BucketTotals:
    """Sums of a bucket: those of its places, in order, and of its names, as ``Timeline`` counts them."""

    places: list[PlaceTotals] = field(default_factory=list)
    objects: int = 0
    foreign: int = 0
    duplicates: int = 0
    orphan_ends: int = 0
    counts: InventoryCounts = field(default_factory=InventoryCounts)

    def add(self, others: "BucketTotals") -> None:
        """Add the sums of other places."""
        self.places += others.places
        self.objects += others.objects
        self.foreign += others.foreign
        self.duplicates += others.duplicates
        self.orphan_ends += others.orphan_ends
        self.counts.add(others.counts)


@dataclass(frozen=True)
class _Job:
    """What all tasks have in common."""

    source: StoreSource | None
    folder: Path
    parts: int
    prefix: str | None


@dataclass(frozen=True, slots=True)
class _SplitTask:
    """Names to be written to the files of their parts: those of a listing, or of a file of an inventory."""

    job: Shared[_Job]
    number: int
    names: KeyRange | tuple[Inventory, InventoryFile]

    def __repr__(self) -> str:
        return f"names of {self.names}"


@dataclass(frozen=True, slots=True)
class _SumTask:
    """A part of the places, whose names are in files."""

    folder: Path
    part: int
    prefix: str | None


def bucket_totals(
    source: StoreSource,
    *,
    inventories: Iterable[Inventory] = (),
    prefix: str | None = None,
    workers: Workers | None = None,
    parts: int = _PARTS,
) -> BucketTotals:
    """Return the sums of all recordings of a bucket, from its keys alone.

    In memory are the keys of one of ``parts`` at a time (some 40 bytes each), and the sums. On disk, in a temporary
    folder, are all keys.

    Args:
        source: the store, which is listed in parts, a date folder each.
        inventories: what lists it in place of requests.
        prefix: the configured prefix (empty: none is configured), or None for all.
        workers: who reads; this process by default. They must share the folder for temporary files.
        parts: how many parts the places are split into.

    Raises:
        StoreError: the store failed, a file cannot be read or written, or workers were lost for good.
    """
    run: Callable[..., Iterator[Any]] = map if workers is None else workers.run
    with tempfile.TemporaryDirectory(prefix="onvif-bmff-keys-") as name:
        folder = Path(name)
        job = Shared(_Job(None if inventories else source, folder, parts, prefix))
        found: Iterable[KeyRange | tuple[Inventory, InventoryFile]] = (
            [(one, file) for one in inventories for file in one.files]
            if inventories
            else ranges_of(opened(source), prefix=prefix)
        )
        totals = BucketTotals()
        for counts in run(_split, (_SplitTask(job, number, names) for number, names in enumerate(found))):
            totals.counts.add(counts)
        for one in run(_sum, [_SumTask(folder, part, prefix) for part in range(parts)]):
            totals.add(one)
    totals.places.sort(key=lambda one: (one.prefix, one.postfix, one.extension))
    return totals


def _split(task: _SplitTask) -> InventoryCounts:
    """Write names to the files of their parts. Runs in a worker."""
    job, counts = task.job.value, InventoryCounts()
    if isinstance(task.names, KeyRange):
        names = task.names.names(opened(_known(job.source)))
    else:
        inventory, file = task.names
        names = inventory.keys_of(file, counts)
    lead = f"{job.prefix}/" if job.prefix else ""
    part_of = _Parts(job.parts, job.prefix)
    files: dict[int, IO[str]] = {}
    try:
        for name in names:
            if name.startswith(lead) and "\n" not in name:
                part = part_of(name)
                if part not in files:
                    path = job.folder / f"{part}-{task.number}"
                    files[part] = path.open("w", encoding="utf-8", buffering=_BUFFER, newline="\n")
                files[part].write(f"{name}\n")
    except OSError as error:
        raise StoreError(f"keys cannot be written to {job.folder}: {error.strerror}") from None
    finally:
        for opened_file in files.values():
            opened_file.close()
    return counts


def _known(source: StoreSource | None) -> StoreSource:
    if source is None:
        raise StoreError("there is no store to list")
    return source


class _Parts:
    """Which part a name belongs to: all names of a place to the same one."""

    def __init__(self, parts: int, prefix: str | None) -> None:
        self._parts = parts
        self._prefix = prefix
        self._known: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        head = name.rpartition("/")[0]
        part = self._known.get(head)
        if part is None:
            try:
                where = read_head(head, self._prefix, None)
                part = zlib.crc32(f"{where.prefix}\0{where.postfix}".encode()) % self._parts
            except ObjectKeyError:
                part = 0
            if len(self._known) >= _HEADS:
                self._known.clear()
            self._known[head] = part
        return part


def _sum(task: _SumTask) -> BucketTotals:
    """Sum up the places of a part. Runs in a worker."""
    reader = KeyReader(task.prefix)
    for path in sorted(task.folder.glob(f"{task.part}-*")):
        with path.open(encoding="utf-8", newline="\n") as file:
            reader.read(line[:-1] for line in file)
    timeline = Timeline.of_keys(reader)
    totals = BucketTotals(
        objects=timeline.objects,
        foreign=timeline.foreign,
        duplicates=timeline.duplicates,
        orphan_ends=timeline.orphan_ends,
    )
    gaps: dict[tuple[str, str, str], list[float]] = {}
    for gap in timeline.gaps():
        kind = gap.before.prefix, gap.before.postfix, gap.before.extension
        gaps.setdefault(kind, []).append(gap.duration.total_seconds())
    for prefix, postfix, extension in timeline.kinds:
        spans = timeline.of(extension, prefix=prefix, postfix=postfix)
        if not spans:
            continue
        own = gaps.get((prefix, postfix, extension), [])
        totals.places.append(
            PlaceTotals(
                prefix,
                postfix,
                extension,
                spans=len(spans),
                segments=sum(len(span.segments) for span in spans),
                open_spans=sum(span.end_name is None for span in spans),
                lost=sum(lost.count for span in spans for lost in span.lost() if not lost.trimmed),
                gaps=len(own),
                gap_seconds=round(sum(own), 3),
                start=spans[0].start,
                last_start=max(span.last_start for span in spans),
            )
        )
    return totals
