"""How cost grows: samples a segment from 10 to 10,000, and cameras from 1 to 1,000 with long segments on disk."""

import gc
import re
import resource
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.measure import camera_clip, row
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import SegmentSealed
from onvif_bmff.recording.formats import CMAF
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage.directory import DirectoryStore
from onvif_bmff.storage.sink import StoreSink
from onvif_bmff.timing import UtcTime


def anonymous() -> int:
    """Bytes of memory of this process that no file backs."""
    found = re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) << 10 if found else 0


def a_sample(track: Track, index: int, every: int) -> Sample:
    """A sample of no interest, for counting."""
    size = 200 if index % every else 1000
    return Sample(track.track_id, index * 512, 512, bytes(size), index % every == 0)


def samples_a_segment(track: Track, count: int, total: int) -> float:
    """CPU seconds a sample, with ``count`` samples in each segment and GOPs of ten."""
    target = RecordingTarget(format=CMAF, segment_duration=timedelta(seconds=count * 512 / track.timescale))
    recorder = Recorder([track], target)
    recorder.activate(UtcTime(0))
    samples = [a_sample(track, index, 10) for index in range(total)]
    sealed = 0
    start = time.process_time()
    for sample in samples:
        for event in recorder.push(sample):
            sealed += isinstance(event, SegmentSealed)
    spent = time.process_time() - start
    assert sealed == (total - 2) // count
    return spent / total


def many_cameras(clip: Path, cameras: int, seconds: int) -> tuple[float, float]:
    """Bytes of memory a camera while all have segments open on disk, and CPU seconds a camera-second."""
    with open_mp4(clip) as source:
        track = source.tracks[0]
        samples = [one for one in source.samples() if isinstance(one, Sample) and one.track_id == track.track_id]
        samples = [one for one in samples if one.decode_time < seconds * track.timescale]
        target = RecordingTarget(format=CMAF, segment_duration=timedelta(seconds=60))
        with tempfile.TemporaryDirectory() as folder:
            store = DirectoryStore(folder, fsync=False)
            gc.collect()
            before = anonymous()
            made = []
            for number in range(cameras):
                recorder = Recorder(
                    [track], RecordingTarget(target.format, f"camera-{number}", "", target.segment_duration)
                )
                recorder.activate(UtcTime(0))
                made.append((recorder, StoreSink(store)))
            peak = 0
            start = time.process_time()
            for count, one in enumerate(samples):
                for recorder, sink in made:
                    own = Sample(
                        one.track_id, one.decode_time, one.duration, bytes(one.data), one.sync, one.composition_offset
                    )
                    events = recorder.push(own)
                    if events:
                        sink.add_all(events)
                if count % 10 == 0:
                    peak = max(peak, anonymous())
            spent = time.process_time() - start
            for _, sink in made:
                sink.close()
    return (peak - before) / cameras, spent / cameras / seconds


def run(quick: bool) -> list[dict[str, object]]:
    """Measure."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else soft, hard))
    clip = camera_clip(10, quick=True)
    with open_mp4(clip) as source:
        track = source.tracks[0]
        sizes = [len(one.data) for one in source.samples() if one.track_id == track.track_id]  # type: ignore[union-attr]
    gop = max(sum(sizes[start : start + 50]) for start in range(0, len(sizes), 50))
    rows = []
    for count in (10, 1000) if quick else (10, 100, 1000, 10_000):
        cost = min(samples_a_segment(track, count, 2_001 if quick else 40_001) for _ in range(2))
        rows.append(row(f"record, {count} samples a segment", cost * 1e6, "CPU µs a sample", reach="flat"))
    for cameras in (1, 20) if quick else (1, 10, 100, 1000):
        memory, cost = many_cameras(clip, cameras, 5)
        rows.append(
            row(
                f"{cameras} cameras, 60 s segments on disk, 1 Mbit/s, GOP 2 s",
                memory / 1024,
                "KiB a camera",
                reach=f"≤ {(2 * gop + 65536) >> 10}",
                note=f"{1 / cost:,.0f} camera-s a CPU s",
            )
        )
    return rows
