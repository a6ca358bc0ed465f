"""100 recordings for five minutes, while 20 threads call operations on all of them.

A part of the operations is refused, as it is asked for what is gone. Afterwards the bucket is valid and no span open,
and when the device and its store are closed, threads and descriptors are as many as before.
"""

import argparse
import gc
import os
import random
import resource
import tempfile
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from device_kit import AV, CAMERA, fast_device, faults, profile_source, record, spans, until

from onvif_bmff.audit import acting_for
from onvif_bmff.control.faults import Fault
from onvif_bmff.device import FileSources
from onvif_bmff.storage import DirectoryStore

SECOND = timedelta(seconds=1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fraction", type=float, default=1.0, help="part of the five minutes (default 1.0)")
    parser.add_argument("--recordings", type=int, default=100)
    parser.add_argument("--threads", type=int, default=20)
    parser.add_argument("--steps", type=int, default=5, help="devices one after the other that share the time")


def run(arguments: argparse.Namespace, journal: Any) -> int:
    for number in range(arguments.steps):
        key = f"{number}"
        if key not in journal:
            seconds = 300 * arguments.fraction / arguments.steps
            with tempfile.TemporaryDirectory() as folder:
                journal.add(
                    key,
                    **storm(arguments.recordings, arguments.threads, seconds, Path(folder), arguments.seed + number),
                )
        print(f"step {number + 1}: {journal.steps[key]}")
    return 1 if any(is_wrong(step) for step in journal.steps.values()) else 0


def is_wrong(found: dict[str, Any]) -> bool:
    """Whether a storm found anything that must not be."""
    return any(found[name] for name in ("faults", "open", "unexpected", "threads_left", "descriptors_left"))


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def operate(device: Any, tokens: list[tuple[str, str]], chance: random.Random, done: Counter[str]) -> None:
    """Call one operation at random."""
    service = device.service
    recording, job = chance.choice(tokens)
    what = chance.choice(["mode", "mode", "configuration", "override", "state", "list", "health", "gone", "passing"])
    if what == "mode":
        service.set_recording_job_mode(job, chance.choice(["Idle", "Active"]))
    elif what == "configuration":
        known = service.get_recording_configuration(recording)
        target = replace(
            known.target, segment_duration=chance.choice([1, 2, 4]) * SECOND, segment_duration_override=None
        )
        service.set_recording_configuration(recording, replace(known, target=target))
    elif what == "override":
        service.override_segment_duration(SECOND, chance.randint(1, 20) * SECOND, recording)
    elif what == "state":
        service.get_recording_job_state(job)
    elif what == "list":
        service.get_recordings()
    elif what == "health":
        device.health()
    elif what == "passing":
        name = f"passing{chance.getrandbits(64):016x}"
        made, its_job = record(service, name, sources=(profile_source(*AV, token="cam0"),))
        service.delete_recording_job(its_job)
        service.delete_recording(made)
    else:
        service.delete_recording("none")
    done[what] += 1


def storm(recordings: int, threads: int, seconds: float, folder: Path, seed: int) -> dict[str, Any]:
    """Run a device under operations; return what was found."""
    before = threading.active_count(), descriptors()
    found = run_device(recordings, threads, seconds, folder, seed)
    gc.collect()
    end = time.monotonic() + 60
    while max(left := (threading.active_count() - before[0], descriptors() - before[1])) > 0 and time.monotonic() < end:
        time.sleep(0.1)
    store = DirectoryStore(folder / "bucket")
    wrong = faults(store)
    return found | {
        "faults": [str(one) for one in wrong[:5]],
        "open": sum(span.end is None for one in ("m4v", "m4a") for span in spans(store, one)),
        "threads_left": max(left[0], 0),
        "descriptors_left": max(left[1], 0),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def run_device(recordings: int, threads: int, seconds: float, folder: Path, seed: int) -> dict[str, Any]:
    store = DirectoryStore(folder / "bucket", fsync=False)
    cameras = FileSources({f"cam{number}": CAMERA for number in range(recordings)}, speed=1.0)
    done: Counter[str] = Counter()
    unexpected: list[str] = []
    slowest = [0.0]
    over = threading.Event()
    device = fast_device({"s3": store}, sources=cameras, speed=1.0)

    def work(number: int) -> None:
        chance = random.Random(f"{seed}-{number}")
        with acting_for(f"user{number}"):
            while not over.wait(chance.random() * 0.2):
                began = time.monotonic()
                try:
                    operate(device, tokens, chance, done)
                except Fault as fault:
                    done[type(fault).__name__] += 1
                except Exception as error:
                    unexpected.append(repr(error))
                slowest[0] = max(slowest[0], time.monotonic() - began)

    device.start()
    closed = False
    try:
        tokens = [
            record(device.service, f"cam{number:03}", sources=(profile_source(*AV, token=f"cam{number}"),))
            for number in range(recordings)
        ]
        until(lambda: sum(one.fragments > 0 for one in device.health().recordings) == recordings, 240)
        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        time.sleep(seconds)
        over.set()
        for worker in workers:
            worker.join()
        fragments = sum(one.fragments for one in device.health().recordings)
    finally:
        closed = device.close(240)
    store.close()
    return {
        "operations": sum(done.values()),
        "by_kind": dict(done),
        "slowest_operation_s": round(slowest[0], 2),
        "fragments": fragments,
        "unexpected": unexpected[:5] + ([] if closed else ["outputs were left behind"]),
    }
