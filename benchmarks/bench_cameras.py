"""Cameras a core: many cameras recorded in one process, as camera-seconds a CPU second.

Each camera is 1080p25 H.264 at 4 Mbit/s with AAC, segments of 10 s, into memory. The cameras' content is distinct: each
plays the clip from another place and with copies of its bytes of its own, so that together they are far larger than
the processor's caches.
"""

import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from benchmarks.measure import camera_clip, row
from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.track import Sample
from onvif_bmff.objects.events import SegmentSealed
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.sink import StoreSink
from onvif_bmff.timing import UtcTime

KEY = ContentKey(UUID(int=7), bytes(range(16)))
REACH = {"clear": 3000, "cenc": 1300, "cbcs": 1000}


def camera_second(clip: Path, cameras: int, seconds: int, scheme: str) -> float:
    """CPU seconds for recording some cameras for some seconds of media; input, and throwing away, not counted."""
    with open_mp4(clip) as source:
        tracks = source.tracks
        original = [sample for sample in source.samples() if isinstance(sample, Sample)]
    encryption: tuple[EncryptionEntry, ...] = ()
    if scheme != "clear":
        encryption = (EncryptionEntry(ProtectionScheme(scheme), FixedKey(KEY)),)
    target = RecordingTarget(format=CMAF, segment_duration=timedelta(seconds=10), encryption=encryption)
    ivs = IvSources()
    spent = 0.0
    for _ in range(cameras):
        samples = [
            Sample(one.track_id, one.decode_time, one.duration, bytes(one.data), one.sync, one.composition_offset)
            for one in original
            if one.decode_time < seconds * tracks[one.track_id - 1].timescale
        ]
        store = MemoryStore()
        recorder = Recorder(tracks, target, ivs=ivs)
        sealed = 0
        start = time.process_time()
        with StoreSink(store) as sink:
            recorder.activate(UtcTime(0))
            for sample in samples:
                events = recorder.push(sample)
                if events:
                    sink.add_all(events)
                    sealed += any(isinstance(event, SegmentSealed) for event in events)
            sink.add_all(recorder.deactivate())
        spent += time.process_time() - start
    return spent


def run(quick: bool) -> list[dict[str, object]]:
    """Measure."""
    cameras, seconds = (1, 5) if quick else (6, 30)
    rows = []
    for slices in (1, 4):
        clip = camera_clip(5 if quick else 30, slices=slices, quick=quick)
        for scheme, reach in REACH.items():
            best = min(camera_second(clip, cameras, seconds, scheme) for _ in range(1 if quick else 3))
            rows.append(
                row(
                    f"cameras a core, {scheme}, {slices} slice{'s' if slices > 1 else ''} a frame",
                    cameras * seconds / best,
                    "camera-s / CPU s",
                    reach=f"≥ {reach}",
                    note=f"{cameras} times {seconds} s",
                )
            )
    return rows
