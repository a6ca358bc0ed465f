"""Peak memory of recording one camera, with segments from one minute to thirty: it must stay flat."""

import json
import subprocess
import sys

from benchmarks.measure import camera_clip, row

CHILD = """
import json, resource, sys
from dataclasses import replace
from datetime import timedelta
from onvif_bmff.ingest import loop_samples, open_mp4
from onvif_bmff.objects.events import SegmentSealed
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.recording import formats
from onvif_bmff.timing import UtcTime

clip, minutes, format, passes = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
target = RecordingTarget(format=getattr(formats, format), segment_duration=timedelta(minutes=minutes))
source = open_mp4(clip)
recorder = Recorder(source.tracks, target)
recorder.activate(UtcTime(0))
size = sealed = 0
largest_gop = gop = 0
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
peak = 0
for count, sample in enumerate(loop_samples(source.samples, source.tracks, passes=passes)):
    # as from a network: bytes of our own, not views on a file
    sample = replace(sample, data=bytes(sample.data))
    if sample.track_id == 1:
        gop = len(sample.data) + (0 if sample.sync else gop)
        largest_gop = max(largest_gop, gop)
    for event in recorder.push(sample):
        size += len(getattr(event, "header", b"")) + sum(map(len, getattr(event, "buffers", ())))
        sealed += isinstance(event, SegmentSealed)
recorder.deactivate()
import re
status = open("/proc/self/status").read()
anonymous = int(re.search(r"RssAnon:\\s+(\\d+)", status)[1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"peak": peak, "anonymous": anonymous, "size": size, "gop": largest_gop, "sealed": sealed}))
"""


def run(quick: bool) -> list[dict[str, object]]:
    """Measure."""
    clip = camera_clip(10, quick=quick)
    rows = []
    for kind in ("CMAF", "MP4"):
        for minutes in (1, 2) if quick else (1, 5, 15, 30):
            passes = (minutes * 6 + 6) if not quick else 3
            done = subprocess.run(
                [sys.executable, "-c", CHILD, str(clip), str(minutes), kind, str(passes)],
                capture_output=True,
                text=True,
                check=True,
            )
            found = json.loads(done.stdout)
            rows.append(
                row(
                    f"record {kind}, segments of {minutes} min, process peak",
                    found["anonymous"] / 1024,
                    "MiB anonymous at the end",
                    reach="flat",
                    note=f"{found['size'] >> 20} MiB recorded, GOP ≤ {found['gop'] >> 10} KiB",
                )
            )
    return rows
