"""Jobs by workers against one process: 10^6 keys of an inventory, 10^4 objects of a directory, at 1, 2 and 4 workers.

The load of others is in the notes.
"""

import gzip
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench_timeline import keys
from benchmarks.measure import row
from onvif_bmff.jobs import (
    InventoryCounts,
    StoreAddress,
    Workers,
    read_inventory,
    timeline_of_inventory,
    validate_by_workers,
)
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.testing.recordings import recorded_objects
from onvif_bmff.validation import validate_store

FILES = 10
PLACES = 10
WORKERS = (1, 2, 4)
REACH = 1.8
"""How much faster two workers should be than one process."""


def make_inventory(folder: Path, count: int) -> list[Path]:
    """Files with the keys of as many places, each a CSV of one column."""
    paths = []
    for number in range(FILES):
        path = folder / f"part-{number}.csv.gz"
        with gzip.open(path, "wt", compresslevel=1) as file:
            file.write('"Key"\n')
            file.writelines(f'"{key.replace("camera-5", f"camera-{number}")}"\n' for key in keys(count // FILES))
        paths.append(path)
    return paths


def make_store(folder: Path, count: int) -> None:
    """A directory with small valid objects of several places."""
    store = DirectoryStore(folder, fsync=False)
    each = max(1, count // PLACES // 3)
    for number in range(PLACES):
        for one in recorded_objects(segments=each, postfix=f"camera-{number}", random_seed=number, size=2000):
            store.put(one)


@contextmanager
def dask_workers(count: int) -> Iterator[Workers | None]:
    """Workers of a cluster on this machine; None without Dask."""
    try:
        from distributed import LocalCluster
    except ImportError:
        yield None
        return
    cluster = LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=50)
    with cluster, Workers.dask(cluster.scheduler_address) as workers:
        yield workers


@contextmanager
def processes(count: int) -> Iterator[Workers | None]:
    """Processes of this machine."""
    with Workers.processes(count) as workers:
        yield workers


def spent() -> float:
    """CPU seconds of this process and of its children that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of a call, with all that it starts and ends."""
    cpu, wall = spent(), time.perf_counter()
    work()
    return time.perf_counter() - wall, spent() - cpu


def warm(workers: Workers, count: int) -> None:
    """Let the workers import what they need."""
    list(workers.run(len, ["x"] * (4 * count)))


def rows_of(
    name: str, unit: float, alone: Callable[[], object], shared: Callable[[Workers], object]
) -> list[dict[str, object]]:
    """Rows of one job: by one process, by processes, by Dask."""
    wall, cpu = timed(alone)
    print(f"  {name}: alone {wall:.2f} s", file=sys.stderr, flush=True)
    rows = [row(f"{name}, one process", wall / unit * 1e6, "µs each, wall", note=f"CPU {cpu / unit * 1e6:.1f} µs")]
    for kind, make in (("processes", processes), ("Dask", dask_workers)):
        for count in WORKERS:
            inner: list[tuple[float, float]] = []

            def job(make: Callable = make, count: int = count, inner: list[tuple[float, float]] = inner) -> None:
                with make(count) as workers:
                    if workers is not None:
                        warm(workers, count)
                        start, here = time.perf_counter(), time.process_time()
                        shared(workers)
                        inner.append((time.perf_counter() - start, time.process_time() - here))

            _, total = timed(job)
            if not inner:
                continue
            label = f"{name}, {count} {kind}"
            elapsed, here = inner[0]
            note = f"CPU {here / unit * 1e6:.1f} µs here, {total / unit * 1e6:.1f} in all with start and import"
            note += f"; load {os.getloadavg()[0]:.1f}"
            reach = f"≤ {1 / REACH:.2f}" if (kind, count) == ("processes", 2) else ""
            print(f"  {label}: {elapsed:.2f} s", file=sys.stderr, flush=True)
            rows.append(
                row(
                    label,
                    elapsed / unit * 1e6,
                    "µs each, wall",
                    peer="one process",
                    theirs=wall / unit * 1e6,
                    reach=reach,
                    note=note,
                )
            )
    return rows


def run(quick: bool) -> list[dict[str, object]]:
    """Time a timeline of keys and a deep validation of objects."""
    folder = Path(tempfile.mkdtemp(prefix="onvif-bmff-jobs-"))
    try:
        count, objects = (20_000, 300) if quick else (1_000_000, 10_000)
        inventories = [read_inventory(path) for path in make_inventory(folder, count)]
        rows = rows_of(
            f"timeline of {count:,} keys",
            count,
            lambda: Timeline.from_keys(key for one in inventories for key in one.keys(InventoryCounts())),
            lambda workers: timeline_of_inventory(inventories, workers, InventoryCounts()),
        )
        make_store(folder / "store", objects)
        made = len(list(DirectoryStore(folder / "store").keys()))
        rows += rows_of(
            f"validation of {made:,} objects",
            made,
            lambda: list(validate_store(DirectoryStore(folder / "store"))),
            lambda workers: list(validate_by_workers(StoreAddress(str(folder / "store")), workers)),
        )
        return rows
    finally:
        shutil.rmtree(folder)
