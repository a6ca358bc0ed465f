"""What a device writes to its disk in an hour of one camera: calls of fsync, and bytes.

``python -m tests.device.device_flash`` in the root of a checkout prints the table of ``docs/embedding.md``. Time is
simulated, the files are real: what is counted is what the process hands to the system (``wchar`` of ``/proc/self/io``).
"""

import os
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent))

from device_kit import AV, CAMERA, profile_source, record
from test_device_spools import Line, behind

from onvif_bmff.control import RecordingEncryption
from onvif_bmff.device import DeviceSpool, FileSources, RecordingDevice
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.sqlite import SqlitePersistence
from tests.simulate.runtime import Process, SimulatedRuntime, Simulation
from tests.simulate.wall import START

SEGMENT = 20
WARM = 95.0
"""Seconds before counting begins: folders of the hour are made, and the database is written."""


@dataclass(frozen=True)
class Written:
    """What was written in an hour: fsyncs, bytes, objects, their bytes; and how many database files have changed."""

    fsyncs: float
    bytes: float
    objects: float
    payload: float
    changed_databases: int


CASES = {
    "a directory": {},
    'a directory, labels="attributes"': {"labels": "attributes"},
    "a directory, MP4": {"kind": "MP4"},
    "a directory, encrypted (cenc)": {"encrypted": True},
    "a spool before a bucket": {"spooled": True},
}


def written(folder: Path, *, seconds=600.0, labels="files", kind="CMAF", encrypted=False, spooled=False) -> Written:
    """Record one camera with pictures and sound for so many simulated seconds; what an hour of it would write."""
    simulation = Simulation(1)
    runtime = SimulatedRuntime(simulation, Process("device"), lambda at: START.plus_microseconds(int(at * 1e6)))
    line = Line()
    store = behind(line) if spooled else DirectoryStore(folder / "bucket", labels=labels)
    fsyncs = [0]
    entry = RecordingEncryption("CENC", "0123abcd-0000-4000-8000-0000000000ff", bytes(range(16)))

    def fsync(number):
        fsyncs[0] += 1

    def now():
        objects = line.objects if spooled else list(store.keys())
        size = sum(len(one[0]) for one in line.objects.values()) if spooled else 0
        size = size or sum(store.head(key).size for key in objects)
        files = [path.stat() for path in folder.glob("device.sqlite*")]
        return fsyncs[0], wchar(), len(objects), size, [(one.st_size, one.st_mtime_ns) for one in files]

    with patch.object(os, "fsync", fsync):
        device = RecordingDevice(
            {"s3": store},
            sources=FileSources({"cam": CAMERA}, runtime=runtime),
            persistence=SqlitePersistence(folder / "device.sqlite"),
            spool=DeviceSpool(folder / "spool"),
            runtime=runtime,
        )
        with device:
            record(
                device.service, "cam", sources=(profile_source(*AV),), kind=kind, seconds=SEGMENT,
                encryption=(entry,) if encrypted else (),
            )  # fmt: skip
            runtime.sleep(WARM)
            before = now()
            runtime.sleep(seconds)
            after = now()
    hour = timedelta(hours=1).total_seconds() / seconds
    found = [(late - early) * hour for early, late in zip(before[:4], after[:4], strict=True)]
    return Written(*found, changed_databases=sum(one != two for one, two in zip(before[4], after[4], strict=True)))


def wchar() -> int:
    return int(Path("/proc/self/io").read_text().split("wchar: ")[1].split()[0])


if __name__ == "__main__":
    for title, case in CASES.items():
        with tempfile.TemporaryDirectory() as name:
            one = written(Path(name), **case)
        share = f"{one.payload / 1e6:.1f} MB | {one.bytes / one.payload:.3f}"
        print(f"| {title} | {one.objects:.0f} | {one.fsyncs:.0f} | {share} | {one.changed_databases} |")
