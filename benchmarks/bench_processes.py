"""Outputs of a device in processes: the same cameras in one process, and spread over one or two others.

Each camera is 1080p25 H.264 at 4 Mbit/s with AAC, encrypted (cenc), segments of 10 s, from a file as fast as it goes,
into a store that keeps nothing. What is counted is the difference between a run and one of twice the media, so that
starts are not in it: time by the clock, and processor time of all processes. The load of others is in the note.
"""

import os
import resource
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks.measure import camera_clip, row
from onvif_bmff.control import (
    PROFILE_TYPE,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingJobTrack,
    RecordingTargetConfiguration,
    SourceReference,
)
from onvif_bmff.device import DeviceWorkers, FileSources, RecordingDevice, WorkerParts
from onvif_bmff.errors import ObjectNotFoundError

CAMERAS = 16
CLIP = 60
ROOM = 1 << 40


class Nowhere:
    """A store that takes everything and keeps nothing."""

    def put(self, obj, *, overwrite=False):
        pass

    def open_writer(self, key, *, content_type, overwrite=False):
        return self

    def append(self, *buffers):
        pass

    def seal(self, attributes):
        pass

    def abandon(self):
        pass

    def delete(self, key):
        raise ObjectNotFoundError(key)

    def get(self, key, start=0, length=None):
        raise ObjectNotFoundError(key)

    def head(self, key):
        raise ObjectNotFoundError(key)

    def keys(self, prefix="", *, after=""):
        return iter(())


def parts(clip: Path, passes: int) -> WorkerParts:
    """What a process opens: each camera is a profile of its own."""
    profiles = {f"camera-{number}": clip for number in range(CAMERAS)}
    return WorkerParts({"s3": Nowhere()}, FileSources(profiles, speed=None, passes=passes))


def _record(service, number: int) -> str:
    target = RecordingTargetConfiguration(
        "s3", "CMAF", timedelta(seconds=10), prefix=f"site-{number}",
        encryption=(RecordingEncryption("CENC", f"{number:032x}", bytes(range(16))),),
    )  # fmt: skip
    token = service.create_recording(RecordingConfiguration(target=target))
    tracks = tuple(RecordingJobTrack("", track) for track in ("VIDEO001", "AUDIO001"))
    source = RecordingJobSource(SourceReference(f"camera-{number}", PROFILE_TYPE), tracks=tracks)
    return service.create_recording_job(RecordingJobConfiguration(token, "Active", 1, (source,))).job_token


def _spent() -> float:
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in found)


def once(clip: Path, workers: int, passes: int) -> tuple[float, float]:
    """Seconds by the clock and of processors, for all cameras from their jobs to the end of all spans."""
    here = parts(clip, passes)
    opened = partial(parts, clip, passes)
    more = {} if not workers else {"workers": DeviceWorkers(workers, opened)}
    spent = _spent()
    with RecordingDevice(here.storages, sources=here.sources, max_bytes=ROOM, **more) as device:
        while workers and None in device._outputs.pids:
            time.sleep(0.02)
        began = time.monotonic()
        jobs = [_record(device.service, number) for number in range(CAMERAS)]
        seen = set()
        while len(seen) < len(jobs) or any(_state(device, job) != "Idle" for job in jobs):
            seen |= {job for job in jobs if _state(device, job) == "Active"}
            time.sleep(0.05)
        taken = time.monotonic() - began
    return taken, _spent() - spent


def _state(device: RecordingDevice, job: str) -> str:
    return str(device.service.get_recording_job_state(job).state)


def run(quick: bool = False) -> list[dict[str, object]]:
    """All rows: media-seconds by the clock, and by the processor."""
    clip = camera_clip(CLIP, quick=quick)
    passes = 1 if quick else 4
    rows: list[dict[str, object]] = []
    alone = None
    for workers in (0, 1, 2):
        runs = [[once(clip, workers, factor * passes) for factor in (1, 2)] for _ in range(1 if quick else 3)]
        media = CAMERAS * CLIP * passes
        clock, spent = (sorted(media / (long[at] - short[at]) for short, long in runs)[len(runs) // 2] for at in (0, 1))
        alone = alone or (clock, spent)
        load = f"load {os.getloadavg()[0]:.1f}"
        name = f"device, {workers} processes of outputs" if workers else "device, all in one process"
        rows.append(
            row(f"{name}, camera-s a second", clock, "camera-s/s", peer="one process", theirs=alone[0], note=load)
        )
        rows.append(
            row(f"{name}, camera-s a CPU s", spent, "camera-s/s", peer="one process", theirs=alone[1], note=load)
        )
    return rows
