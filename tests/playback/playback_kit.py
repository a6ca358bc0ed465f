"""Recordings to play: made with the recorder from clips that ffmpeg makes, over stores that count."""

import subprocess
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

from support_tools import need

from onvif_bmff.ingest import open_mp4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore, StoreSink
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2024-02-28T23:59:55.250Z")


def after(seconds):
    return START + timedelta(seconds=seconds)


def ffmpeg(*arguments):
    subprocess.run([need("ffmpeg"), "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True, timeout=120)


def make_clip(path: Path, *, seconds=8, size="160x120", rate=25, gop=25, audio=True, bframes=2, extra=()):
    """H.264 with B pictures and AAC, every picture different."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}"]
    if audio:
        inputs += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-c:a", "aac", "-b:a", "96k"]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-g", gop, "-bf", bframes, "-sc_threshold", 0]
    ffmpeg(*inputs, "-t", seconds, *codec, "-pix_fmt", "yuv420p", *extra, path)
    return path


def record(
    store, source, target=None, *, start=START, shift=Fraction(0), keep=lambda sample: True, sink=None, **options
):
    """Record a file, or tracks and samples; media time ``shift`` happens at ``start``. Returns tracks and samples."""
    if isinstance(source, Path):
        with open_mp4(source) as clip:
            tracks, samples = clip.tracks, list(clip.samples())
    else:
        tracks, samples = source
    recorder = Recorder(tracks, target or RecordingTarget(prefix="p", postfix="q"), **options)
    sink = sink or StoreSink(store)
    recorder.activate(start, media_time=shift)
    for sample in samples:
        if keep(sample):
            sink.add_all(recorder.push(sample))
    sink.add_all(recorder.deactivate())
    return recorder, tracks, samples


@dataclass
class CountingStore:
    """A store that notes each request and the bytes that it gave."""

    inner: MemoryStore
    requests: list = field(default_factory=list)

    @property
    def bytes(self):
        return sum(size for _, _, size in self.requests)

    def get(self, key, start=0, length=None):
        data = self.inner.get(key, start, length)
        self.requests.append(("get", key, len(data)))
        return data

    def head(self, key):
        found = self.inner.head(key)
        self.requests.append(("head", key, 0))
        return found

    def keys(self, prefix="", *, after=""):
        self.requests.append(("list", prefix, 0))
        return self.inner.keys(prefix, after=after)

    def reset(self):
        self.requests.clear()


def frames(path, stream="v:0", *options):
    """Presentation time in seconds and MD5 of each decoded frame of a file, as ffmpeg sees it."""
    command = [
        need("ffmpeg"),
        "-v",
        "error",
        "-nostdin",
        "-i",
        str(path),
        "-map",
        f"0:{stream}",
        "-fps_mode",
        "passthrough",
    ]
    command += ["-copyts", "-enc_time_base", "-1", *options, "-f", "framemd5", "-"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert not found.stderr, found.stderr
    rows, base = [], Fraction(1)
    for line in found.stdout.splitlines():
        if line.startswith("#tb"):
            base = Fraction(line.split(":")[1].strip())
        elif not line.startswith("#"):
            parts = [part.strip() for part in line.split(",")]
            rows.append((float(int(parts[2]) * base), parts[5]))
    return rows


def names(store, ending=""):
    """Keys of the segments of a store, those that end so."""
    return [key for key in list(store.keys()) if not key.endswith("_end") and key.endswith(ending)]
