"""One live hour: a stream recorded by the command, beside ffmpeg's segments of the same stream.

What it costs (processor time, memory), what is in the store (objects, gaps, access units as they were sent), how far
the camera's clock was from the recording's, and what the validator says. The camera sends a clip that was encoded
before, again and again. Server and tap go before others, if that is permitted; what they sent is held against what is
stored, by stamps and digests.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from rtsp_clip import make_clip
from rtsp_servers import gstreamer
from rtsp_tap import DigestWire, Tap, Wire, short_digest

from onvif_bmff.playback import SampleReader, Timeline, select
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.validation import Level, validate_store

_MOST = 1.5
"""Times the processor time of ffmpeg that recording may take."""
_APART = 3.0
"""Seconds between the clients: GStreamer's server prepares one stream for all, and refuses others meanwhile."""
_ENDS = 200
"""Access units that may be missing before the first picture that can be decoded, and after the duration."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--duration", default="PT1H", help="of the recording (default PT1H)")
    parser.add_argument("--store", type=Path, help="folder to keep the objects in")


def run(arguments: argparse.Namespace, journal: Any) -> int:
    key = arguments.duration
    if key not in journal:
        with tempfile.TemporaryDirectory() as name:
            journal.add(key, **_measured(Path(name), arguments))
    found = journal.steps[key]
    for title, value in found.items():
        print(f"{title:>24}  {value}")
    sound = found["gaps"] == 0 and found["video as sent"] and found["sound as sent"] and found["findings"] == 0
    sound = sound and found["lost before the tap"] == 0 and found["connections"] == 1
    return 0 if sound and found["status"] == 0 and found["times ffmpeg"] <= _MOST else 1


def _measured(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    store = arguments.store or folder / "store"
    clip = folder / "clip.h264"
    make_clip(clip)
    loads = [os.getloadavg()]
    with (
        gstreamer("clip", clip=clip, is_urgent=True) as port,
        Tap(port, lambda: DigestWire(("avc", "g711")), is_urgent=True) as tap,
    ):
        url = f"rtsp://127.0.0.1:{port}/clip"
        ours = [sys.executable, "-m", "onvif_bmff", "record", f"rtsp://127.0.0.1:{tap.port}/clip"]
        ours += ["--store", str(store), "--json"]
        ours += ["--duration", arguments.duration, "--segment-duration", "PT10S"]
        theirs = ["ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", url, "-c", "copy"]
        theirs += ["-f", "segment", "-segment_time", "10", "-segment_format", "matroska", str(folder / "%05d.mkv")]
        recorder = _Measured(ours)
        time.sleep(_APART)
        other = _Measured(theirs)
        status, cpu = recorder.wait()
        loads.append(os.getloadavg())
        other.process.terminate()
        _, cpu_of_ffmpeg = other.wait()
    found = {
        "status": status,
        "seconds": round(recorder.seconds, 1),
        "load at begin and end": [[round(one, 1) for one in load] for load in loads],
        "processor time (s)": round(cpu, 2),
        "processor time of ffmpeg": round(cpu_of_ffmpeg, 2),
        "times ffmpeg": round(cpu / max(cpu_of_ffmpeg, 0.01), 2),
        "memory at a tenth (MiB)": round(recorder.memory_at(0.1) / 1024, 1),
        "memory at the end (MiB)": round(recorder.memory_at(1) / 1024, 1),
        "memory of ffmpeg (MiB)": round(other.memory_at(1) / 1024, 1),
        **_said(recorder.lines),
        "connections": len(tap.wires),
        **_stored(store, tap.wires[0]),
    }
    if arguments.store is None:
        shutil.rmtree(store)
    return found


class _Measured:
    """A process whose memory is looked at while it runs, and whose processor time is known at its end."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._memory: list[int] = []
        self._begin = time.monotonic()
        self.seconds = 0.0
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def wait(self) -> tuple[int, float]:
        """Wait for its end; return its status and its processor time in seconds."""
        _, status, usage = os.wait4(self.process.pid, 0)
        self.seconds = time.monotonic() - self._begin
        self._ended.set()
        self._reader.join()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode, usage.ru_utime + usage.ru_stime

    def memory_at(self, part: float) -> int:
        """Resident kibibytes after a part of its time."""
        return self._memory[min(int(part * len(self._memory)), len(self._memory) - 1)] if self._memory else 0

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    def _watch(self) -> None:
        while not self._ended.wait(1):
            try:
                text = Path(f"/proc/{self.process.pid}/status").read_text()
            except OSError:
                return
            self._memory += [int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")]


def _said(lines: list[str]) -> dict[str, Any]:
    events = [json.loads(line) for line in lines]
    drifts = [abs(event["drift"]) for event in events if event["event"] == "clock"]
    states = Counter(event["state"] for event in events if event["event"] == "state")
    return {
        "readings": len(drifts),
        "clock off at most (ms)": round(1000 * max(drifts, default=0.0), 2),
        "reconnections": states["reconnecting"],
    }


def _stored(store: Path, wire: Wire) -> dict[str, Any]:
    assert isinstance(wire, DigestWire)
    bucket = DirectoryStore(store)
    timeline = Timeline.from_store(bucket)
    ticks: dict[str, list[int]] = {"Video": [], "Audio": []}
    digests: dict[str, list[int]] = {"Video": [], "Audio": []}
    for one in SampleReader(bucket, select(timeline)):
        ticks[str(one.track.type)].append(one.sample.decode_time + one.sample.composition_offset)
        digests[str(one.track.type)].append(short_digest(bytes(one.sample.data)))
    keys = list(bucket.keys())
    levels = Counter(finding.level for finding in validate_store(bucket))
    return {
        "objects": len(keys),
        "bytes": sum((store / key).stat().st_size for key in keys),
        "spans": len(timeline.spans),
        "gaps": len(timeline.spans) - 2,
        "lost before the tap": wire.lost,
        "access units sent": len(wire.stamps[0]),
        "steps sent": [sorted(set(_steps(stamps))) for stamps in wire.stamps],
        "video behind sound (s)": round(_seconds(wire.stamps[1], 8000) - _seconds(wire.stamps[0], 90_000), 2),
        "access units stored": len(ticks["Video"]),
        "video as sent": _is_as_sent(ticks["Video"], digests["Video"], wire, 0),
        "packets of sound sent": len(wire.stamps[1]),
        "packets of sound stored": len(ticks["Audio"]),
        "sound as sent": _is_as_sent(ticks["Audio"], digests["Audio"], wire, 1),
        "findings": levels.total() - levels[Level.NOTE],
        "notes": levels[Level.NOTE],
    }


def _seconds(stamps: Sequence[int], rate: int) -> float:
    return (stamps[-1] - stamps[0]) / rate


def _steps(times: Sequence[int]) -> list[int]:
    return [after - before for before, after in pairwise(times)]


def _is_as_sent(ticks: Sequence[int], digests: Sequence[int], wire: DigestWire, stream: int) -> bool:
    """Whether what is stored is all that was sent, but for some at the beginning and the end, byte for byte, with the
    same steps.
    """
    steps, expected, sent = _steps(ticks), _steps(wire.stamps[stream]), list(wire.digests[stream])
    return len(digests) >= len(sent) - _ENDS and any(
        sent[at : at + len(digests)] == digests and expected[at : at + len(steps)] == steps for at in range(_ENDS)
    )
