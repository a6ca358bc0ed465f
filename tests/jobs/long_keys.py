"""Ten million keys of a thousand cameras in an inventory, in no order: sums of all, in bounded memory."""

import argparse
import gzip
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

_SEGMENT = 60
_FILES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the run."""
    parser.add_argument("--keys", type=int, default=10_000_000, help="number of keys")
    parser.add_argument("--cameras", type=int, default=1_000, help="number of cameras")
    parser.add_argument("--most", type=int, default=300, help="MiB that a process may use at most")


def make(folder: Path, keys: int, cameras: int, seed: int) -> tuple[list[Path], int]:
    """Write an inventory as S3 does: files in no order, without a header; one key in ten thousand is lost."""
    chance = Random(seed)
    each = keys // cameras
    lost = 0
    paths = [folder / f"part-{number:02}.csv.gz" for number in range(_FILES)]
    files = [gzip.open(path, "wt", compresslevel=1) for path in paths]  # noqa: SIM115  closed below
    for camera in range(cameras):
        for number in range(each):
            day, second = divmod(number * _SEGMENT, 86_400)
            hour, rest = divmod(second, 3600)
            last = number == each - 1
            if second and not last and not chance.randrange(10_000):
                lost += 1
                continue
            date = f"2024-{1 + day // 28:02}-{1 + day % 28:02}"
            key = f"site%2F{date}%2Fcamera-{camera:05}%2F{hour:02}%2F{rest // 60:02}-{rest % 60:02}.000Z.{number}.mp4"
            files[chance.randrange(_FILES)].write(f'"bucket","{key}","{chance.randrange(1 << 25)}"\n')
    for file in files:
        file.close()
    return paths, lost


def run(arguments: argparse.Namespace, journal: object) -> int:
    """Make the keys, and sum them up by one process and by two workers; 1 if it was wrong, or took too much memory."""
    with tempfile.TemporaryDirectory() as name:
        paths, lost = make(Path(name), arguments.keys, arguments.cameras, arguments.seed)
        size = sum(path.stat().st_size for path in paths)
        print(f"{arguments.keys:,} keys of {arguments.cameras:,} cameras, {size / 1e6:.0f} MB, {lost} lost", flush=True)
        status = 0
        for workers in (0, 2):
            numbers = map(str, (workers, lost, arguments.cameras, arguments.most))
            status |= subprocess.run([sys.executable, __file__, name, *numbers], check=False).returncode
    return status


def sum_up(folder: str, workers: int, lost: int, cameras: int, allowed: int) -> int:
    """Sum up, print the figures, and return 1 if they are not what they should be."""
    from onvif_bmff.jobs import StoreAddress, Workers, bucket_totals, read_inventory

    columns = ["Bucket", "Key", "Size"]
    inventories = [read_inventory(path, columns=columns) for path in sorted(Path(folder).glob("*.csv.gz"))]
    start = time.perf_counter()
    if workers:
        with Workers.processes(workers) as made:
            totals = bucket_totals(StoreAddress("nowhere"), inventories=inventories, workers=made)
    else:
        totals = bucket_totals(StoreAddress("nowhere"), inventories=inventories)
    wall = time.perf_counter() - start
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in usage)
    most = max(one.ru_maxrss for one in usage) // 1024
    found = sum(one.lost for one in totals.places)
    right = len(totals.places) == cameras and found == lost and not totals.foreign
    who = f"{workers} workers" if workers else "one process"
    speed = f"{wall:.0f} s, CPU {cpu:.0f} s, {totals.objects / cpu:,.0f} keys a CPU second"
    verdict = "right" if right else f"WRONG: {found} lost of {lost} in {len(totals.places)} places"
    print(f"{who}: {totals.objects:,} keys, {speed}, {most} MiB at most in a process, {verdict}", flush=True)
    return int(not right or most > allowed)


if __name__ == "__main__":
    sys.exit(sum_up(sys.argv[1], *map(int, sys.argv[2:])))
