"""Recordings whose picture and sound tell their UTC, with gaps that differ: seven kinds of them.

The picture has twelve bars, black or white: the number of the frame since START, the lowest bit on the left. The sound
is a tone of 400 Hz and 40 Hz more for each second since START.
"""

import subprocess
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

from support_tools import need

from onvif_bmff.ingest import open_mp4
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import DirectoryStore, StoreSink
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2026-05-01T10:00:00Z")
RATE, WIDTH, HEIGHT, BARS = 25, 320, 180, 12
BASE_HZ, STEP_HZ = 400, 40
SECONDS = 24


@dataclass(frozen=True)
class Case:
    """What is recorded when, in seconds since START: (start, end) of each time, of video and of audio."""

    video: tuple[tuple[int, int], ...]
    audio: tuple[tuple[int, int], ...]
    form: str = "CMAF"

    def has(self, kind, second, margin):
        """Whether there is media at a time for sure (True), surely not (False), or within ``margin`` of a change."""
        for start, end in getattr(self, kind):
            if start + margin <= second <= end - margin:
                return True
            if start - margin < second < end + margin:
                return None
        return False


WHOLE, LOST = (0, SECONDS), ((0, 8), (14, SECONDS))
CASES = {
    "common gap": Case(LOST, LOST),
    "c1 video lost": Case(LOST, (WHOLE,)),
    "c2 sound lost": Case((WHOLE,), LOST),
    "c3 sound later": Case((WHOLE,), ((14, SECONDS),)),
    "c4 audio-only span": Case(LOST, (WHOLE,), "MP4"),
    "c5 video later": Case(((14, SECONDS),), (WHOLE,)),
    "c6 gaps that cross": Case(((0, 6), (11, SECONDS)), ((0, 16), (20, SECONDS))),
    "c7 video-only span": Case(LOST, ((0, 8),), "MP4"),
}
"""The kinds of gaps; the first one is common, and so plays in place."""


def make_clip(path, *, size=(WIDTH, HEIGHT), gop=25, scale=12_800):
    """A file of SECONDS with pictures and sound that tell their time; ``scale`` is the timescale of its video."""
    width, height = size
    command = [need("ffmpeg"), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}"]
    command += ["-r", str(RATE), "-i", "-", "-f", "lavfi"]
    command += ["-i", f"aevalsrc='0.4*sin(2*PI*({BASE_HZ}+{STEP_HZ}*floor(t))*t)':s=48000:d={SECONDS}"]
    command += ["-c:v", "libx264", "-profile:v", "high", "-preset", "ultrafast", "-bf", "2", "-g", str(gop)]
    command += ["-sc_threshold", "0", "-pix_fmt", "yuv420p", "-video_track_timescale", str(scale)]
    command += ["-c:a", "aac", "-b:a", "96k", str(path)]
    frames = []
    for number in range(SECONDS * RATE):
        line = bytearray(b"\x10" * width)
        for bar in range(BARS):
            if number >> bar & 1:
                left = (20 + 22 * bar) * width // WIDTH
                line[left : left + 20 * width // WIDTH] = b"\xdc" * (20 * width // WIDTH)
        frames.append(bytes(line) * height)
    subprocess.run(command, input=b"".join(frames), check=True, timeout=120)
    return path


def record(folder, case, clip, *encryption, other=None, **options):
    """Record a case; what is recorded after the first video gap comes from the clip ``other`` if there is one."""
    store = DirectoryStore(folder, fsync=False)
    form = {"CMAF": CMAF, "MP4": MP4}[case.form]
    target = RecordingTarget(
        format=form, prefix="told", segment_duration=timedelta(seconds=4), encryption=encryption, **options
    )
    for kinds, start, end in _activations(case):
        with open_mp4(other if other is not None and start else clip) as source:
            tracks = [track for track in source.tracks if track.type.lower() in kinds]
            recorder = Recorder(tracks, target)
            sink = StoreSink(store)
            scales = {track.track_id: track.timescale for track in tracks}
            recorder.activate(START + timedelta(seconds=start), media_time=Fraction(start))
            for sample in source.samples():
                scale = scales.get(sample.track_id)
                if scale and start * scale <= sample.decode_time + sample.composition_offset < end * scale:
                    sink.add_all(recorder.push(sample))
            sink.add_all(recorder.deactivate())
    return store


def _activations(case):
    """Kinds of media, start and end of what a recorder writes at a time: in CMAF each track by itself."""
    if case.form == "CMAF":
        return [({kind}, *times) for kind in ("video", "audio") for times in getattr(case, kind)]
    bounds = sorted({bound for times in (*case.video, *case.audio) for bound in times})
    found = []
    for start, end in pairwise(bounds):
        middle = (start + end) / 2
        kinds = {kind for kind in ("video", "audio") if case.has(kind, middle, 0)}
        if kinds:
            found.append((kinds, start, end))
    return found
