"""Signals at random moments on every command: nothing torn, nothing left, no traceback."""

import argparse
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from test_cli_signals import CLIP, ENCRYPTED, NAMES, STARTED, storm

from onvif_bmff.cli.main import main

ROUND = len(NAMES)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=200, help="interrupts that have to hit a command at work")


def run(arguments: argparse.Namespace, journal: Any) -> int:
    with tempfile.TemporaryDirectory() as place:
        recordings = Path(place, "recordings")
        main(["record", str(CLIP), "--store", str(recordings / "clear"), *STARTED])
        main(["record", str(CLIP), "--store", str(recordings / "encrypted"), *STARTED, *ENCRYPTED])
        total: Counter[str] = Counter()
        number = 0
        while sum(count for outcome, count in total.items() if outcome.endswith("ended")) < arguments.count:
            key = f"{arguments.seed}-{number}"
            if key not in journal:
                folder = Path(place, key)
                folder.mkdir()
                journal.add(key, ended=storm(recordings, folder, NAMES, ROUND, seed=arguments.seed * 10_000 + number))
            total.update(journal.steps[key]["ended"])
            number += 1
    for outcome, count in sorted(total.items()):
        print(f"{count:>6}  {outcome}")
    print(f"{sum(total.values())} commands, no torn object, no open span, nothing left, no traceback")
    return 0
