"""The milestone, live: ``onvif-bmff device`` with cameras over RTSP, through a spool, into a bucket.

The cameras are connections to GStreamer's RTSP server, which sends a clip that was encoded before, each through a tap
that keeps what was sent.
Meanwhile the bucket fails for a fifth of the time, and one camera is cut off once. In the end each access unit that a
connection brought from its first sync sample on is in the bucket, once.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rtsp_clip import make_clip
from rtsp_servers import free_port, gstreamer
from rtsp_tap import Tap, Wire, digest, moved_by, units_of, utc_of
from support_fake_bucket import FakeServer

from onvif_bmff.objects import ObjectStore
from onvif_bmff.playback import SampleReader, Timeline, select
from onvif_bmff.storage import open_store
from onvif_bmff.validation import Level, validate_store

_RATES = (90_000, 8_000)
_KINDS = (("Video", "avc"), ("Audio", "g711"))
_UNREAD = 20
"""Access units that may be on the way when a device is stopped: a fifth of a second, and what the tap holds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=300)


def run(arguments: argparse.Namespace, journal: Any) -> int:
    key = f"{arguments.cameras} for {arguments.seconds} s"
    if key not in journal:
        with tempfile.TemporaryDirectory() as name:
            journal.add(key, **_measured(Path(name), arguments.cameras, arguments.seconds))
    found = journal.steps[key]
    for title, value in found.items():
        print(f"{title:>24}  {value}")
    return 0 if found["sound"] else 1


def _measured(folder: Path, cameras: int, seconds: int) -> dict[str, Any]:
    with ExitStack() as stack:
        bucket = stack.enter_context(FakeServer())
        clip = folder / "clip.h264"
        make_clip(clip, "320x240", "800k")
        port = stack.enter_context(gstreamer("clip", clip=clip, is_urgent=True))
        taps = [stack.enter_context(Tap(port)) for _ in range(cameras)]
        device = stack.enter_context(_Device(folder, [tap.port for tap in taps], bucket))
        device.until(lambda states: states["Active"] == cameras)
        begin = time.monotonic()
        outage = threading.Event()
        bucket.bucket.next_fault = lambda method: "503" if outage.is_set() and method == "PUT" else None
        seen: Counter[str] = Counter()
        waiting = 0
        for second in range(seconds):
            if second == seconds * 2 // 5:
                outage.set()
            if second == seconds * 3 // 5:
                outage.clear()
            if second == seconds // 2:
                taps[-1].cut()
            time.sleep(max(0.0, begin + second + 1 - time.monotonic()))
            seen.update(device.states())
            waiting = max(waiting, len(list((folder / "state").rglob("*.m4*"))))
        wanted = [[len(tap.wires[-1].packets[stream]) for stream in range(2)] for tap in taps]
        status, cpu, memory = device.stop()
        waits = [str(path) for path in (folder / "state").rglob("*.m4[va]")]
        store = open_store(bucket.url(), create=False, options=bucket.options())
        findings = list(validate_store(store))
        found, differ = [], []
        for number, tap in enumerate(taps):
            one = open_store(f"{bucket.url()}/camera{number}", create=False, options=bucket.options())
            compared, said = _compared(one, tap.wires, wanted[number])
            found.append(compared)
            differ += [f"camera{number}, {text}" for text in said]
    levels = Counter(finding.level for finding in findings)
    most = max(moved_by(tap.wires, _RATES) for tap in taps)
    return {
        "status": status,
        "seconds": seconds,
        "processor time (s)": round(cpu, 2),
        "memory at most (MiB)": round(memory / 1024, 1),
        "states, a second each": dict(seen),
        "faults that were seen": sorted(device.faults)[:10],
        "objects": sum(map(len, bucket.bucket.objects.values())),
        "stored more than once": sum(count > 1 for count in bucket.bucket.writes.values()),
        "waited in the spool": waiting,
        "left in the spool": len(waits),
        "connections": sum(len([wire for wire in tap.wires if wire.packets[0]]) for tap in taps),
        "access units": {kind: sum(one[kind][0] for one in found) for kind, _ in _KINDS},
        "not stored at ends": {kind: sum(one[kind][1] for one in found) for kind, _ in _KINDS},
        "off at most (ms)": {kind: [one[kind][3] for one in found] for kind, _ in _KINDS},
        "wrong": {kind: sum(one[kind][2] for one in found) for kind, _ in _KINDS},
        "findings": levels.total() - levels[Level.NOTE],
        "notes": levels[Level.NOTE],
        "found": [str(one) for one in sorted(findings, key=lambda one: list(Level).index(one.level))[:20]],
        "what differs": differ,
        "reports moved by (ms)": round(float(most) / 1000, 1),
        "sound": status == 143 and not waits and levels.total() == levels[Level.NOTE]
        and all(one[kind][2] == 0 for one in found for kind, _ in _KINDS),
    }  # fmt: skip


def _compared(
    store: ObjectStore, wires: list[Wire], wanted: list[int]
) -> tuple[dict[str, tuple[int, int, int, int]], list[str]]:
    """By kind: access units stored; not stored where a connection ended; neither one nor the other; and by
    how many milliseconds the time of one is off at most from what the server's first report says.

    ``wanted`` are the packets of the last connection, by stream, when the device was told to end. Then of each kind
    and connection that is not stored whole, how far it is the same, and what is stored of it behind that.
    """
    stored: dict[str, list[tuple[str, int]]] = {kind: [] for kind, _ in _KINDS}
    for one in SampleReader(store, select(Timeline.from_store(store))):
        stored[str(one.track.type)].append((digest(bytes(one.sample.data)), one.time.microseconds))
    made, said = {}, []
    for stream, (kind, coding) in enumerate(_KINDS):
        found, times = [one for one, _ in stored[kind]], [time for _, time in stored[kind]]
        at, left, wrong, off = 0, 0, 0, 0.0
        for wire in wires:
            sent = units_of(wire.packets[stream], coding)
            begin = next((place for place, unit in enumerate(sent) if found[at : at + 1] == [unit.digest]), len(sent))
            same = 0
            while begin + same < len(sent) and found[at + same : at + same + 1] == [sent[begin + same].digest]:
                same += 1
            if kind == "Video" and sent:
                wrong += begin != next((place for place, unit in enumerate(sent) if unit.sync), None)
            for unit, instant in zip(sent[begin : begin + same], times[at:], strict=False):
                off = max(off, abs(float(instant - utc_of(unit, wire.reports[stream][0], _RATES[stream]))))
            at += same
            rest = {one.digest for one in sent[begin + same :]} & set(found[at:])
            if rest or (same == 0 and sent):
                said.append(
                    f"{kind}, connection {wires.index(wire)}: of {len(sent)} sent {same} are stored from {begin} on, "
                    f"then one is missing or differs, and {len(rest)} more are stored"
                )
            if wire is wires[-1]:
                sent = units_of(wire.packets[stream][: wanted[stream]], coding)
            missing = max(len(sent) - begin - same, 0)
            left += missing
            wrong += missing if missing > _UNREAD else 0
        made[kind] = len(found), left, wrong + len(found) - at, round(off / 1000)
    return made, said


class _Device:
    """``onvif-bmff device`` with one recording for each camera, in one bucket."""

    def __init__(self, folder: Path, ports: list[int], bucket: FakeServer) -> None:
        self._file = folder / "device.toml"
        options = ", ".join(f"{name} = {json.dumps(value)}" for name, value in bucket.options().items())
        lines = [f'data_directory = "{folder / "state"}"', "[[storages]]", 'token = "bucket"']
        lines += [f'url = "{bucket.url()}"', f"options = {{ {options} }}"]
        for number, port in enumerate(ports):
            name = f"camera{number}"
            lines += ["[[cameras]]", f'token = "{name}"', f'url = "rtsp://127.0.0.1:{port}/clip"']
            lines += ['report_wait = "PT20S"', "[[recordings]]", f'token = "{name}"', 'storage = "bucket"']
            lines += [f'prefix = "{name}"', 'segment_duration = "PT10S"']
            lines += ["[[jobs]]", f'token = "job{number}"', f'recording = "{name}"']
            lines += ["[[jobs.sources]]", f'camera = "{name}"']
        self._file.write_text("\n".join(lines))
        self._file.chmod(0o600)
        self._port = free_port()
        self.faults: set[str] = set()

    def __enter__(self) -> "_Device":
        command = [sys.executable, "-m", "onvif_bmff", "device", str(self._file), "--stop-timeout", "PT60S"]
        self._process = subprocess.Popen([*command, "--listen", f"127.0.0.1:{self._port}"])
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()

    def states(self) -> Counter[str]:
        """How many recordings are in which state, and what is wrong; nothing while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/healthz", timeout=5) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
        except OSError:
            return Counter()
        found = json.loads(text)
        self.faults |= {f"{one['subject']}: {one['text']}" for one in found["findings"]}
        return Counter(found["recordings"]) + Counter(one["code"] for one in found["findings"])

    def until(self, condition: Any) -> None:
        """Wait for states."""
        end = time.monotonic() + 120
        while not condition(found := self.states()):
            assert time.monotonic() < end, found
            time.sleep(0.5)

    def stop(self) -> tuple[int, float, int]:
        """End it; return its status, its processor time and its most memory in KiB."""
        self._process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss
