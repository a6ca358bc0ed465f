"""Many recordings in one process, some with stores that fail or hang.

``python tests/device/device_crowd.py 100 60 1.0`` is the long run: recordings, seconds of media, speed.
"""

import resource
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from device_kit import AV, CAMERA, WeakStore, fast_device, faults, profile_source, record, sealed, spans, state, until

from onvif_bmff.device import FileSources
from onvif_bmff.storage import DirectoryStore

SECOND = timedelta(seconds=1)


def crowd(count, seconds, speed, folder, *, segment=10):
    """Record ``count`` cameras for ``seconds`` of media; every tenth store fails, and every tenth hangs."""
    good = DirectoryStore(folder / "bucket", fsync=False)
    stores = {"good": good}
    failing = [number for number in range(count) if number % 10 == 3]
    hanging = [number for number in range(count) if number % 10 == 7]
    for number in (*failing, *hanging):
        stores[f"weak{number}"] = WeakStore()
    began = time.process_time()
    cameras = FileSources({f"cam{number}": CAMERA for number in range(count)}, speed=speed)
    device = fast_device(stores, sources=cameras, speed=speed, max_bytes=1 << 20)
    tokens = {}
    with device:
        service = device.service
        for number in range(count):
            weak = f"weak{number}" if f"weak{number}" in stores else "good"
            camera = profile_source(*AV, token=f"cam{number}")
            tokens[number] = record(service, f"cam{number:03}", sources=(camera,), seconds=segment, storage=weak)
        healthy = [number for number in range(count) if number not in failing and number not in hanging]
        until(lambda: all(state(service, job) in ("Active", "PartiallyActive") for _, job in tokens.values()), 120)
        start = service._runner.clock()
        for number in failing:
            stores[f"weak{number}"].failing = True
        for number in hanging:
            stores[f"weak{number}"].hang()
        until(lambda: service._runner.clock() >= start + (seconds // 2) * SECOND, 600)
        troubled = sum(state(service, tokens[number][1]) == "Error" for number in failing)
        for number in failing:
            stores[f"weak{number}"].failing = False
        for number in hanging:
            stores[f"weak{number}"].free.set()
        until(lambda: service._runner.clock() >= start + seconds * SECOND, 600)
        end = service._runner.clock()
        dropped = sum(device.worker(tokens[number][0]).mailbox.dropped for number in healthy)
        lost = sum(device.worker(tokens[number][0]).mailbox.dropped for number in hanging)
    processor = time.process_time() - began
    for number in healthy:
        (span,) = spans(good, prefix=f"cam{number:03}")
        assert span.start <= start, "it began in time"
        assert span.end is not None
        assert span.end >= end - max(3, 2.5 * speed) * SECOND, "it lasted to the end"  # 2.5 s on the wall
    for number in (*failing, *hanging):
        found = spans(stores[f"weak{number}"], prefix=f"cam{number:03}")
        assert all(span.end is not None for span in found)
        assert found, "it recorded again"
        assert faults(stores[f"weak{number}"]) == []
    assert troubled == len(failing)
    assert dropped == 0
    found = faults(good)
    assert found == [], found[:5]
    return {
        "recordings": count,
        "media_seconds": seconds,
        "cpu_seconds": round(processor, 1),
        "segments": len(sealed(good)),
        "dropped_by_hanging_stores": lost,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(crowd(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(name)))
