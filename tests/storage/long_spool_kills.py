"""SIGKILL on a recorder behind a spool, over a store that fails and loses answers: none is lost.

Half of the kills are at random moments, half at system calls, so that each step of what the spool writes is met.
"""

import tempfile
from pathlib import Path
from random import Random

from storage_spool_steps import killed_at_steps
from test_storage_spooled import check_killed, killed


def add_arguments(parser):
    parser.add_argument("--count", type=int, default=15, help="rounds of twenty kills, each with a spool of its own")


def run(arguments, journal):
    for number in range(arguments.count):
        key = f"{arguments.seed} {number}"
        if key not in journal:
            with tempfile.TemporaryDirectory() as name:
                if number % 2:
                    said = killed(Path(name), Random(key), 20)
                    check_killed(Path(name), said, 20)
                    journal.add(key, kills=20, acknowledged=len(said), dropped=0)
                else:
                    steps = [Random(f"{key} {one}").randrange(30, 600) for one in range(20)]
                    kills, said, drops = killed_at_steps(name, steps, number * 100)
                    journal.add(key, kills=kills, acknowledged=said, dropped=drops)
    sums = [sum(step[name] for step in journal.steps.values()) for name in ("kills", "acknowledged", "dropped")]
    print(f"{sums[0]} kills, {sums[1]} objects acknowledged, none lost; {sums[2]} drops")
    return 0
