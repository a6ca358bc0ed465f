"""Random recordings: the validator is silent, every sample is there or was counted, all spans are found."""

import argparse
import time
from collections import Counter
from typing import TYPE_CHECKING

from support_configurations import carry_out, configuration, examine

if TYPE_CHECKING:
    from long import Journal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many."""
    parser.add_argument("--count", type=int, default=2_000, help="how many configurations (default 2000)")


def run(arguments: argparse.Namespace, journal: "Journal") -> int:
    """Record and examine them; 1 if anything is wrong with one."""
    first = arguments.seed * 1_000_000
    total: Counter[str] = Counter()
    for seed in range(first, first + arguments.count):
        key = str(seed)
        if key not in journal:
            began = time.process_time()
            recorded = carry_out(configuration(seed))
            problems = examine(recorded)
            journal.add(
                key,
                problems=problems,
                samples=len(recorded.pushed),
                objects=sum(1 for _ in recorded.store.keys("")),
                dropped=dict(recorded.dropped),
                seconds=round(time.process_time() - began, 3),
            )
        step = journal.steps[key]
        total["configurations"] += 1
        total["with problems"] += bool(step["problems"])
        total["samples"] += step["samples"]
        total["objects"] += step["objects"]
        total["samples dropped and counted"] += sum(step["dropped"].values())
        for problem in step["problems"]:
            print(f"{seed}: {problem}", flush=True)
    seconds = sum(journal.steps[str(seed)]["seconds"] for seed in range(first, first + arguments.count))
    print(", ".join(f"{count} {what}" for what, count in total.items()) + f", {seconds:.0f} s of processor time")
    return 1 if total["with problems"] else 0
