"""20 cameras, four stores (good, flaky, hanging, slow), jumps of the clock, modes, overrides, 150,000 events, 30 kills.

A process is a life of the device, and ends by SIGKILL at a random moment but for the last, which is ten times as long:
its memory must not grow, and its threads and descriptors must be as many at its end as before its device was made. Then
every object of all lives is validated, and no span may be open. The clock is set forward and back. What follows when it
is set back overlaps with what was there, which the validator calls an error, and mixes up keys: errors of rules that
compare objects, and open spans, in such stretches of time are counted apart. Interrupting the run is one more kill.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from device_kit import faults, spans
from soak_device import KEY, KID, STORES

from onvif_bmff.cenc.keys.content import ContentKey, parse_kid
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.objects import ObjectKey
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.timing import UtcTime

HERE = Path(__file__).resolve().parent
START = "2026-01-02T03:04:05Z"
LAST = 10
"""How many lives long the last one is."""
NEAR = timedelta(seconds=10)
"""How far from a stretch that was recorded twice an object may begin that is mixed up with others of it."""
OF_SPANS = frozenset(
    {
        "ANX-B.1-06", "ANX-B.2-05", "ANX-B.3-04", "ANX-B.4-05", "ANX-B.4-11", "ANX-B.5-01", "ANX-B.5-03", "ANX-B.5-04",
        "ANX-B.6-01", "ANX-B.7-01",
    }
)  # fmt: skip
"""Rules that compare objects which belong together by their keys, and those that spans do not overlap."""
MORE = 1.1
"""By what factor memory may differ in the last third of the last life from that in the second."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fraction", type=float, default=1.0, help="part of the kills, events and time (default 1.0)")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--events", type=int, default=150_000)
    parser.add_argument("--life", type=float, default=45.0, help="seconds between kills, at most (default 45)")
    parser.add_argument("--speed", type=float, default=2.0, help="how fast cameras and clock run (default 2.0)")
    parser.add_argument("--folder", type=Path, help="where the recordings lie (default: beside the journal)")


class Child:
    """A life of the device in a process of its own; ``lines`` is what it told."""

    def __init__(self, life: dict[str, Any]) -> None:
        path = os.pathsep.join([str(HERE.parents[1]), str(HERE), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "soak_device.py"), json.dumps(life)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.lines.append(json.loads(line))

    def wait_ready(self) -> None:
        while not self.lines:
            assert self.process.poll() is None, "it did not start"
            time.sleep(0.05)

    def end(self, after: float | None) -> int:
        """Wait for the end, or kill it after some seconds; the exit status."""
        try:
            return self.process.wait(after)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join(10)


def run(arguments: argparse.Namespace, journal: Any) -> int:
    folder = arguments.folder or Path(f"{journal.path}.d").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    kills = max(1, round(arguments.kills * arguments.fraction))
    if "began" not in journal:
        journal.add("began", at=time.time())
    events = round(arguments.events * arguments.fraction / (kills * 0.75 + LAST))  # of a life; most are cut short
    for number in range(kills + 1):
        if f"life {number}" in journal:
            continue
        last = number == kills
        seconds = arguments.life * (LAST * min(1.0, arguments.fraction * 3) if last else 1)
        chance = random.Random(f"{arguments.seed} {number}")
        life = {
            "folder": str(folder),
            "seed": f"{arguments.seed} {number}",
            "began": journal.steps["began"]["at"],
            "start": START,
            "speed": arguments.speed,
            "seconds": seconds,
            "events": events * (LAST if last else 1),
        }
        child = Child(life)
        child.wait_ready()
        status = child.end(None if last else seconds * chance.uniform(0.6, 0.99))
        found = {key: value for key, value in child.lines[-1].items() if key != "at"}
        journal.add(f"life {number}", status=status, uses=[use(one) for one in child.lines if "at" in one], **found)
        print(f"life {number}: {found}", flush=True)
    if "stores" not in journal:
        journal.add("stores", **examine(folder))
    return report(journal, kills)


def use(line: dict[str, Any]) -> list[float]:
    return [line["mib"], line["threads"], line["descriptors"]]


def examine(folder: Path) -> dict[str, Any]:
    """Validate everything, and look for what is open."""
    keys = KeyRing([ContentKey(parse_kid(KID), KEY)])
    found: dict[str, Any] = {"errors": [], "open": [], "unsealed": 0, "objects": 0, "spans": 0, "bytes": 0, "twice": 0}
    found["objects twice"] = 0
    twice = recorded_twice(folder / "clock.back")
    for kind in STORES:
        store = DirectoryStore(folder / kind)
        errors = faults(store, keys=keys)
        strange = [
            one for one in errors if one.key is None or one.rule not in OF_SPANS or not is_within(one.key, twice)
        ]
        found["errors"] += [f"{kind}: {one}" for one in strange]
        found["twice"] += len(errors) - len(strange)
        found["unsealed"] += len(store.unsealed())
        for key in list(store.keys()):
            found["objects"] += 1
            found["objects twice"] += is_within(key, twice)
            found["bytes"] += store.head(key).size
        for extension in ("m4v", "m4a", "mp4"):
            every = spans(store, extension)
            found["spans"] += len(every)
            left = [one.segments[-1].name for one in every if one.end is None]
            strange = [name for name in left if not is_within(name, twice)]
            found["open"] += [f"{kind}: {name}" for name in strange]
            found["twice"] += len(left) - len(strange)
    return found


def recorded_twice(file: Path) -> list[tuple[UtcTime, UtcTime]]:
    """Return the stretches of time that the clock showed twice, as it was set back; with what is near them."""
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    ends = [tuple(UtcTime.parse(word) for word in line.split()) for line in lines]
    return [(after - NEAR, before + NEAR) for before, after in ends]


def is_within(name: str, stretches: list[tuple[UtcTime, UtcTime]]) -> bool:
    """Whether an object begins in one of some stretches of time."""
    time = ObjectKey.parse(name).time
    return any(begin <= time <= end for begin, end in stretches)


def report(journal: Any, kills: int) -> int:
    """Print the figures; the exit status."""
    lives = [journal.steps[f"life {number}"] for number in range(kills + 1)]
    last, stores = lives[-1], journal.steps["stores"]
    memory = [mib for mib, _, _ in last["uses"]]
    third = max(1, len(memory) // 3)
    middle, end = (statistics.fmean(part) for part in (memory[third : 2 * third], memory[2 * third :]))
    after, before = last.get("after", {}), last.get("before", {})
    checks = {
        "no life but the last ended by itself": all(one["status"] == -signal.SIGKILL for one in lives[:-1]),
        "the last one ended well": last["status"] == 0 and bool(last.get("closed")) and bool(last.get("recovered")),
        "no error of the validator": not stores["errors"],
        "no open span": not stores["open"] and not stores["unsealed"],
        "memory is flat": end <= middle * MORE,
        "threads are back": bool(after) and after["threads"] <= before["threads"],
        "descriptors are back": bool(after) and after["descriptors"] <= before["descriptors"],
    }
    total = {name: sum(one["done"].get(name, 0) for one in lives) for name in ("events", "mode", "override", "clock")}
    print(
        f"{kills} kills, {total}, {stores['objects']} objects of {stores['bytes'] >> 20} MiB, {stores['spans']} spans"
    )
    print(f"memory: {middle:.0f} MiB in the second third, {end:.0f} MiB in the last, {max(memory):.0f} MiB at most")
    print(f"before {before}, after {after}; trouble {last.get('trouble')}; dropped {last.get('dropped')}")
    print(f"where the clock was set back: {stores['objects twice']} objects, {stores['twice']} errors and open spans")
    for name, holds in checks.items():
        print(f"{'yes' if holds else 'NO':>4}  {name}")
    for line in [*stores["errors"][:10], *stores["open"][:10]]:
        print(f"      {line}")
    return 0 if all(checks.values()) else 1
