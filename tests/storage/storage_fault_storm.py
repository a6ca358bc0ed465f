"""Stores that fail at random, directories that fail at each call: what is there is valid, what is lost is counted."""

import os
import sys
import tempfile
from pathlib import Path
from random import Random

import pytest
import test_storage_directory_faults as directory
from storage_faults import FlakyStore, check, contents, deliver

from onvif_bmff.errors import ObjectExistsError, StoreError
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.storage import RetryPolicy, Room
from onvif_bmff.testing.recordings import recorded_events


def add_arguments(parser):
    parser.add_argument("--count", type=int, default=2000, help="random runs")


def one(draw):
    """A random recording into a store that fails at random; the samples lost."""
    events = recorded_events(
        tracks=draw.choice([("vide",), ("vide", "soun"), ("vide", "soun", "meta")]),
        recording_format=draw.choice([CMAF, MP4]),
        segments=draw.randint(1, 5),
        seconds=draw.randint(1, 3),
        spans=draw.randint(1, 3),
        gap=draw.choice([0.0, 3.0]),
        scheme=draw.choice([None, None, "cenc", "cbcs"]),
        size=draw.choice([40, 400]),
    )
    rate, length = draw.choice([0.02, 0.1, 0.3]), draw.choice([1, 1, 5, 40])
    bad = {start + more for start in range(1, 2000) if draw.random() < rate / length for more in range(length)}
    steps = draw.choice([("open", "append", "seal", "put", "head"), ("seal", "put"), ("append",), ("open", "head")])
    store = FlakyStore(
        lambda number, step, key: number in bad and step in steps,
        error=draw.choice([StoreError, OSError, TimeoutError, ObjectExistsError, ZeroDivisionError]),
        afterwards=draw.random() < 0.5,
    )
    room = Room(*draw.choice([(1 << 20, 1 << 20), (0, 1 << 20), (2000, 4000), (0, 500)]))
    policy = RetryPolicy(
        first=draw.choice([0.01, 0.25]),
        longest=draw.choice([1.0, 30.0]),
        patience=draw.choice([0.0, 1.0, 300.0]),
        blocking=draw.choice([0.0, 5.0]),
        closing=draw.choice([0.0, 2.0, 600.0]),
    )
    sink, failures = deliver(events, store, step=draw.choice([0.0, 0.3, 3.0]), policy=policy, room=room)
    check(events, store, sink, ends_given_up=any(failure.key.span_end for failure in failures))
    assert (room.held, room.in_memory) == (0, 0)
    return sum(sink.dropped.values())


def run(arguments, journal):
    os.fsync = lambda number: None
    patch = pytest.MonkeyPatch()
    with tempfile.TemporaryDirectory() as name:
        whole, _, _, calls = directory.recorded(Path(name) / "whole", patch, lambda count: False, 0)
        found = contents(whole)
        for kind, number in directory.KINDS.items():
            for at in range(1, calls + 1):
                if f"{kind} {at}" in journal:
                    continue
                directory.fails_once(Path(name) / f"once {kind} {at}", patch, number, at, found)
                directory.fails_for_good(Path(name) / f"ever {kind} {at}", patch, number, at)
                journal.add(f"{kind} {at}")
    for seed in range(arguments.count):
        key = f"random {arguments.seed} {seed}"
        if key not in journal:
            try:
                journal.add(key, lost=one(Random(key)))
            except BaseException:
                print(f"seed {key!r}", file=sys.stderr)
                raise
    lost = [step["lost"] for step in journal.steps.values() if "lost" in step]
    sweeps = len(journal.steps) - len(lost)
    print(
        f"{sweeps} system calls failed once and for good; {len(lost)} random runs, {sum(map(bool, lost))} with losses"
    )
    return 0
