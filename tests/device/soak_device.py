"""A device of the soak (``long_soak.py``), which is killed in most of its lives: 20 cameras, four stores, operations.

``python soak_device.py LIFE`` with a JSON object; lines on standard output are JSON.
"""

import gc
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from device_kit import AV, CAMERA, job, profile_source, target

from onvif_bmff.control import (
    EventFilterEntry,
    EventMessage,
    PropertyOperation,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingEventFilter,
)
from onvif_bmff.control.faults import Fault
from onvif_bmff.device import FileSources, RecordingDevice
from onvif_bmff.errors import StoreError
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.sqlite import SqlitePersistence
from onvif_bmff.timing import UtcTime

CAMERAS = 20
STORES = ("good", "flaky", "hanging", "slow")
KID, KEY = "0123abcd-0000-4000-8000-0000000000ff", bytes(range(16))
SECOND = timedelta(seconds=1)
MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"
JUMPS = [1, 20, 300, 3600]
"""Seconds by which the clock is set forward."""
BACK = [-1, -5, -20, -60]
"""Seconds by which it is set back, one time in ten: not far, for a device that starts again then waits for it."""
BURST, PAUSE = 6.0, 9.0
"""Seconds in which events come, and in which none do."""


class Trouble:
    """What a store does to those who call it, until ``over`` is set."""

    def __init__(self, kind: str, chance: random.Random, over: threading.Event) -> None:
        self.kind, self._chance, self._over = kind, chance, over
        self.counts: Counter[str] = Counter()
        self._failing_until = self._hanging_until = 0.0

    def __call__(self) -> None:
        if self._over.is_set():
            return
        draw, now = self._chance.random(), time.monotonic()
        if self.kind == "slow":
            self.counts["slow"] += 1
            self._over.wait(draw * 0.1)
        elif self.kind == "flaky":
            if draw < 0.002:
                self._failing_until = now + self._chance.uniform(0.5, 15)
            if now < self._failing_until or draw > 0.97:
                self.counts["failed"] += 1
                raise StoreError("the disk is on fire")
        elif self.kind == "hanging":
            if draw < 0.002:
                self._hanging_until = now + self._chance.uniform(1, 20)
            if now < self._hanging_until:
                self.counts["hung"] += 1
                self._over.wait(self._hanging_until - now)


class Writer:
    """A writer of a store in trouble."""

    def __init__(self, trouble: Trouble, inner) -> None:
        self._trouble, self._inner = trouble, inner

    def append(self, *buffers):
        self._trouble()
        self._inner.append(*buffers)

    def seal(self, attributes):
        self._trouble()
        self._inner.seal(attributes)

    def __getattr__(self, name):
        return getattr(self._inner, name)


class TroubledStore(DirectoryStore):
    """A directory that is slow, fails or hangs."""

    def __init__(self, root, trouble: Trouble) -> None:
        super().__init__(root, fsync=False)
        self.trouble = trouble

    def open_writer(self, key, *, content_type, overwrite=False):
        self.trouble()
        return Writer(self.trouble, super().open_writer(key, content_type=content_type, overwrite=overwrite))

    def keys(self, prefix="", *, after=""):
        self.trouble()
        return super().keys(prefix, after=after)

    def unsealed(self):
        self.trouble()
        return super().unsealed()


class Clock:
    """Time that passes ``speed`` times as fast through all lives, and that is set now and then; a file says how far."""

    def __init__(self, began: float, start: str, speed: float, file: Path) -> None:
        self._began, self._start, self._speed, self._file = began, UtcTime.parse(start), speed, file
        self._ahead = int(file.read_text()) if file.exists() else 0

    def __call__(self) -> UtcTime:
        passed = int((time.time() - self._began) * self._speed * 1e6)
        return self._start.plus_microseconds(passed) + self._ahead * SECOND

    def set(self, by: int) -> None:
        """Set it forward, or back, which a file of instants says: before, and after."""
        if by < 0:
            with self._file.with_suffix(".back").open("a") as back:
                back.write(f"{self().isoformat()} {(self() + by * SECOND).isoformat()}\n")
        made = self._file.with_suffix(".new")
        made.write_text(str(self._ahead + by))
        made.replace(self._file)
        self._ahead += by


def tell(**what) -> None:
    print(json.dumps(what), flush=True)


def usage() -> dict[str, float]:
    """What the process uses now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    mib = round(pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20), 1)
    return {"mib": mib, "threads": threading.active_count(), "descriptors": len(os.listdir("/proc/self/fd"))}


def provide(service) -> dict[str, tuple[str, list[str]]]:
    """Make the recordings and jobs of all cameras, or find those of an earlier life; by the name of the camera."""
    there = {one.configuration.content: one.recording_token for one in service.get_recordings()}
    for number in range(CAMERAS):
        name, camera = f"cam{number:02}", profile_source(*AV, token=f"cam{number}")
        if name in there:
            continue
        kind = number // len(STORES)
        made = service.create_recording(
            RecordingConfiguration(
                content=name,
                target=target(
                    name,
                    storage=STORES[number % len(STORES)],
                    kind="MP4" if kind == 0 else "CMAF",
                    seconds=4,
                    encryption=(RecordingEncryption("CBCS", KID, KEY),) if kind == 1 else (),
                    span_duration=30 * SECOND if kind == 2 else None,
                ),
            )
        )
        there[name] = made
        wanted = RecordingEventFilter((EventFilterEntry(MOTION),), 2 * SECOND, 3 * SECOND) if kind == 3 else None
        service.create_recording_job(job(made, camera, event_filter=wanted))
        if kind == 4:
            service.create_recording_job(job(made, camera, priority=5, mode="Idle"))
    jobs = service.get_recording_jobs()
    return {
        name: (token, [one.job_token for one in jobs if one.job_configuration.recording_token == token])
        for name, token in there.items()
    }


class Operators:
    """Who sends events, sets modes, overrides and clocks, as chance will have it."""

    def __init__(self, device, clock: Clock, chance: random.Random) -> None:
        self._service, self._clock, self._chance = device.service, clock, chance
        self._tokens = list(provide(device.service).values())
        self._motion = False
        self.done: Counter[str] = Counter()

    def send_event(self, *, active: bool) -> None:
        message = EventMessage(
            MOTION, self._clock(), {"Rule": "1"}, {"State": str(active).lower()}, PropertyOperation.CHANGED
        )
        self._service.device_side.event(message)
        self.done["events"] += 1

    def operate(self) -> None:
        """Do one thing."""
        recording, jobs = self._chance.choice(self._tokens)
        what = self._chance.choices(["mode", "override", "clock", "look"], [6, 4, 1, 9])[0]
        with suppress(Fault):  # an override of a recording without a job that is Active, say
            if what == "mode":
                self._service.set_recording_job_mode(self._chance.choice(jobs), self._chance.choice(["Idle", "Active"]))
            elif what == "override":
                self._service.override_segment_duration(SECOND, self._chance.randint(2, 20) * SECOND, recording)
            elif what == "clock":
                self._clock.set(self._chance.choice(BACK if self._chance.random() < 0.1 else JUMPS))
            else:
                self._service.get_recording_job_state(jobs[0])
        self.done[what] += 1

    def calm(self) -> None:
        """Have the first job of each recording be Active."""
        for _, jobs in self._tokens:
            self._service.set_recording_job_mode(jobs[0], "Active")


def live(life) -> None:
    """Run a device for some time, and tell how it was; at the end, what is left of it."""
    before = usage()
    found = run(life)
    gc.collect()  # samples that were kept for an event hold their file
    end = time.monotonic() + 30
    while (after := usage())["threads"] > before["threads"] and time.monotonic() < end:
        time.sleep(0.1)
    tell(over=True, before=before, after=after, left=[one.name for one in threading.enumerate()][:10], **found)


def run(life):
    folder, chance, over = Path(life["folder"]), random.Random(life["seed"]), threading.Event()
    stores = {
        kind: TroubledStore(folder / kind, Trouble(kind, random.Random(f"{life['seed']} {kind}"), over))
        for kind in STORES
    }
    clock = Clock(life["began"], life["start"], life["speed"], folder / "clock")
    device = RecordingDevice(
        stores,
        sources=FileSources({f"cam{number}": CAMERA for number in range(CAMERAS)}, speed=life["speed"]),
        persistence=SqlitePersistence(folder / "device.sqlite"),
        clock=clock,
        clock_rate=life["speed"],
        max_bytes=4 << 20,
    )
    device.start()
    operators = Operators(device, clock, chance)
    tell(ready=True)
    began = told = time.monotonic()
    next_operation = 0.0
    rate = life["events"] / life["seconds"] * (BURST + PAUSE) / BURST
    while (now := time.monotonic() - began) < life["seconds"]:
        due = now // (BURST + PAUSE) * BURST + min(now % (BURST + PAUSE), BURST)
        for _ in range(int(due * rate) - operators.done["events"]):
            operators.send_event(active=operators.done["events"] % 2 == 0)
        if now >= next_operation:
            next_operation = now + chance.expovariate(4.0)
            operators.operate()
        if time.monotonic() - told > 2:
            told = time.monotonic()
            tell(at=round(now, 1), done=dict(operators.done), **usage())
        time.sleep(0.02)
    over.set()
    operators.send_event(active=False)
    operators.calm()
    recovered = device.wait_recovered(120)
    time.sleep(10)
    dropped = sum(sum(one.dropped.values()) for one in device.health().recordings)
    states = Counter(one.state.value for one in device.health().recordings)
    closed = device.close(60)
    for store in stores.values():
        store.close()
    return {
        "recovered": recovered,
        "errors": [error for report in device.recovery for error in report.errors][:5],
        "closed": closed,
        "dropped": dropped,
        "states": dict(states),
        "trouble": {kind: dict(store.trouble.counts) for kind, store in stores.items()},
        "done": dict(operators.done),
    }


if __name__ == "__main__":
    live(json.loads(sys.argv[1]))
