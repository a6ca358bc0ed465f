"""SIGKILL at random moments on a recorder behind a spool, over a store that fails and loses answers: none is lost."""

import tempfile
from pathlib import Path
from random import Random

from test_storage_spooled import check_killed, killed


def add_arguments(parser):
    parser.add_argument("--count", type=int, default=15, help="rounds of twenty kills, each with a spool of its own")


def run(arguments, journal):
    for number in range(arguments.count):
        key = f"{arguments.seed} {number}"
        if key not in journal:
            with tempfile.TemporaryDirectory() as name:
                said = killed(Path(name), Random(key), 20)
                check_killed(Path(name), said, 20)
            journal.add(key, acknowledged=len(said))
    total = sum(step["acknowledged"] for step in journal.steps.values())
    print(f"{len(journal.steps) * 20} kills, {total} objects acknowledged, none lost")
    return 0
