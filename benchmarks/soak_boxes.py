"""Parse and rebuild very many mutants: ``python benchmarks/soak_boxes.py --count 1000000``.

Whatever a mutant's bytes are, the parser must raise ``BoxError`` or build the same bytes again. Each round takes one
seed and one random seed, so that any finding can be made again; findings are saved under ``--findings``, and the exit
status is 1. Seeds are the made-up files of ``onvif_bmff.testing.made_files`` and whatever ``--seeds`` names, with media
data cut short. Prints progress and, at the end, figures as JSON.
"""

import argparse
import json
import resource
import sys
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

from onvif_bmff.bmff import build_boxes, parse_boxes
from onvif_bmff.errors import BoxError
from onvif_bmff.testing.made_files import TRACKS, cmaf_file, fragmented_file, progressive_file
from onvif_bmff.testing.mutator import Mutator, shorten_media

ROUND = 500
"""Mutants made from one seed before the next one's turn."""


def made_up_seeds() -> dict[str, bytes]:
    """Return seeds that need no file."""
    seeds = {"progressive": progressive_file(), "fragmented": fragmented_file()}
    for scheme in ("cenc", "cbcs"):
        seeds[f"fragmented-{scheme}"] = fragmented_file(scheme=scheme)
        seeds[f"cmaf-{scheme}"] = cmaf_file(scheme=scheme)
    seeds |= {f"cmaf-{kind}": cmaf_file(kind) for kind in TRACKS}
    return seeds


def read_seeds(folders: Iterable[Path], largest: int) -> dict[str, bytes]:
    """Return the files below ``folders`` that are at most ``largest`` bytes when their media data is cut."""
    seeds = {}
    for folder in folders:
        for path in sorted(found for found in folder.rglob("*") if found.is_file()):
            data = shorten_media(path.read_bytes())
            if 8 <= len(data) <= largest and path.suffix not in (".md", ".tsv", ".txt"):
                seeds[str(path.relative_to(folder))] = data
    return seeds


def check(data: bytes) -> tuple[str, str]:
    """Return how ``data`` fared ("read", "refused" or "finding") and what was wrong with the library."""
    try:
        boxes = parse_boxes(data)
    except BoxError:
        return "refused", ""
    except Exception as error:  # every other exception is a finding
        return "finding", f"parse: {type(error).__name__}: {error}"
    try:
        same = build_boxes(boxes) == data
    except Exception as error:  # every exception is a finding
        return "finding", f"build: {type(error).__name__}: {error}"
    return ("read", "") if same else ("finding", "other bytes are built")


def rounds(seeds: dict[str, bytes], random_seed: int) -> Iterator[tuple[str, int, Mutator]]:
    """Yield seed name, random seed and mutator, for ever."""
    while True:
        for name, data in seeds.items():
            yield name, random_seed, Mutator(data, random_seed)
        random_seed += 1


def soak(
    count: int, seeds: dict[str, bytes], random_seed: int = 0, findings: Path | None = None, progress: float = 0.0
) -> dict[str, object]:
    """Run ``count`` mutants and return the figures."""
    total = {"read": 0, "refused": 0, "finding": 0}
    done, bytes_done, slowest, next_word = 0, 0, 0.0, time.monotonic() + progress
    started, cpu = time.monotonic(), time.process_time()
    for name, number, mutator in rounds(seeds, random_seed):
        for data in mutator.mutants(min(ROUND, count - done)):
            before = time.process_time()
            verdict, reason = check(data)
            slowest = max(slowest, time.process_time() - before)
            total[verdict] += 1
            bytes_done += len(data)
            done += 1
            if verdict == "finding":
                print(f"finding: {name}, random seed {number}, {mutator.trace}: {reason}", file=sys.stderr)
                if findings is not None:
                    findings.mkdir(parents=True, exist_ok=True)
                    (findings / f"finding-{done}.bin").write_bytes(data)
        if progress and time.monotonic() > next_word:
            rate = done / (time.process_time() - cpu)
            print(f"{done:,} mutants, {rate:,.0f} a CPU-second, {total}", file=sys.stderr, flush=True)
            next_word = time.monotonic() + progress
        if done >= count:
            break
    spent = time.process_time() - cpu
    return {
        "mutants": done,
        "seeds": len(seeds),
        **total,
        "bytes": bytes_done,
        "cpu_seconds": round(spent, 1),
        "seconds": round(time.monotonic() - started, 1),
        "mutants_a_cpu_second": round(done / spent) if spent else 0,
        "slowest_ms": round(slowest * 1000, 2),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "next_random_seed": number + 1,
    }


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--random-seed", type=int, default=0)
    parser.add_argument("--seeds", type=Path, action="append", default=[], help="folder of more seed files")
    parser.add_argument("--largest", type=int, default=20_000, help="largest seed in bytes, media data cut")
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    parser.add_argument("--progress", type=float, default=30.0, help="seconds between two lines of progress")
    parser.add_argument("--memory", action="store_true", help="trace memory as well (slow)")
    arguments = parser.parse_args()
    if arguments.memory:
        tracemalloc.start()
    seeds = made_up_seeds() | read_seeds(arguments.seeds, arguments.largest)
    figures = soak(arguments.count, seeds, arguments.random_seed, arguments.findings, arguments.progress)
    if arguments.memory:
        figures["peak_traced_mib"] = round(tracemalloc.get_traced_memory()[1] / (1 << 20), 1)
    print(json.dumps(figures))
    return 1 if figures["finding"] else 0


if __name__ == "__main__":
    sys.exit(main())
