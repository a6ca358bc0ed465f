"""Exports of damaged buckets: what is whole comes out byte-equal, and every loss is named."""

import argparse
import time
from collections import Counter
from typing import TYPE_CHECKING

from damage_kit import damaged, problems

if TYPE_CHECKING:
    from long import Journal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many."""
    parser.add_argument("--count", type=int, default=100, help="how many buckets (default 100)")


def run(arguments: argparse.Namespace, journal: "Journal") -> int:
    """Damage and export them; 1 if anything is wrong with one."""
    first = arguments.seed * 1_000_000
    total: Counter[str] = Counter()
    for seed in range(first, first + arguments.count):
        key = str(seed)
        if key not in journal:
            began = time.process_time()
            found, counts = problems(damaged(seed))
            journal.add(key, problems=found, counts=dict(counts), seconds=round(time.process_time() - began, 3))
        step = journal.steps[key]
        total["buckets"] += 1
        total["with problems"] += bool(step["problems"])
        total.update(step["counts"])
        for problem in step["problems"]:
            print(f"{seed}: {problem}", flush=True)
    seconds = sum(journal.steps[str(seed)]["seconds"] for seed in range(first, first + arguments.count))
    print(", ".join(f"{count} {what}" for what, count in total.items()) + f", {seconds:.0f} s of processor time")
    return 1 if total["with problems"] else 0
