"""SIGKILL at random moments on recordings, then one recovery: every bucket valid, every span closed, nothing left."""

import argparse
import contextlib
import io
import random
import signal
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from test_cli_signals import CLIP, ENCRYPTED, STARTED, check_recording, junk, run_and_interrupt

from onvif_bmff.cli.main import main
from onvif_bmff.storage import DirectoryStore

KINDS = {
    "CMAF": [],
    "MP4": ["--format", "MP4"],
    "CMAF encrypted": ENCRYPTED,
    "MP4 encrypted": ["--format", "MP4", *ENCRYPTED],
    "spans of 3 s": ["--span-duration", "PT3S"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=300, help="kills that have to hit a recorder at work")


def recover(store: Path) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = main(["recover", str(store), "--nobody-records"])
    return status, out.getvalue()


def kill_one(kind: str, folder: Path, delay: float) -> str:
    """Kill a recorder after a delay, recover, and see what is there; how it went."""
    store = folder / "store"
    command = ["record", str(CLIP), "--store", str(store), *STARTED, *KINDS[kind]]
    status, output = run_and_interrupt(command, delay, [signal.SIGKILL])
    if status == 0:
        return "finished before"
    assert status == -signal.SIGKILL, output
    if not store.exists():
        return "killed before it began"
    done, said = recover(store)
    assert done == 0, said
    check_recording(store)
    assert not junk(store), junk(store)
    keys = list(DirectoryStore(store).keys())
    again, said = recover(store)
    assert again == 0, said
    assert list(DirectoryStore(store).keys()) == keys, "a second recovery finds nothing to do"
    return "killed at work"


def run(arguments: argparse.Namespace, journal: Any) -> int:
    total: Counter[str] = Counter()
    names = list(KINDS)
    delay = 0.5
    number = 0
    with tempfile.TemporaryDirectory() as place:
        while sum(count for outcome, count in total.items() if outcome.endswith("at work")) < arguments.count:
            key = f"{arguments.seed}-{number}"
            kind = names[number % len(names)]
            if key not in journal:
                folder = Path(place, key)
                folder.mkdir()
                choice = random.Random(f"{key}")
                outcome = kill_one(kind, folder, choice.uniform(0, delay))
                delay = min(max(delay * (0.9 if outcome == "finished before" else 1.03), 0.05), 3.0)
                journal.add(key, outcome=outcome)
            total[f"{kind}: {journal.steps[key]['outcome']}"] += 1
            number += 1
    for outcome, count in sorted(total.items()):
        print(f"{count:>6}  {outcome}")
    print(f"{sum(total.values())} recordings; after recovery every bucket valid, every span closed, nothing left")
    return 0
