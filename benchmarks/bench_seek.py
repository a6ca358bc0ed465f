"""Seeking into an object of an hour: requests, bytes beyond header and fragment, and CPU time."""

import time
from datetime import timedelta

from benchmarks.measure import row
from onvif_bmff.codecs import G711Codec, MjpegCodec
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.stored import ObjectInfo
from onvif_bmff.playback import Seeker, Timeline
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore, StoreSink
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2024-01-01T00:00:00Z")
RATE = 5


class Counting:
    """A store that counts requests and bytes."""

    def __init__(self, inner: MemoryStore) -> None:
        self.inner = inner
        self.requests = self.bytes = 0

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        data = self.inner.get(key, start, length)
        self.requests += 1
        self.bytes += len(data)
        return data

    def head(self, key: str) -> ObjectInfo:
        self.requests += 1
        return self.inner.head(key)


def recorded(seconds: int, gop: int, sounds: int) -> MemoryStore:
    """One object with GOPs of so many seconds: CMAF, or MP4 with ``sounds`` tracks of audio."""
    tracks = [Track("VIDEO001", 1, 90_000, MjpegCodec(width=64, height=48))]
    tracks += [Track(f"AUDIO{number:03}", number + 1, 8000, G711Codec("alaw")) for number in range(1, sounds + 1)]
    target = RecordingTarget(format=MP4 if sounds else CMAF, segment_duration=timedelta(days=1))
    recorder = Recorder(tracks, target)
    store = MemoryStore()
    recorder.activate(START)
    with StoreSink(store) as sink:
        for number in range(seconds * RATE):
            sync = number % (gop * RATE) == 0
            sample = Sample(1, number * 90_000 // RATE, 90_000 // RATE, bytes(4000 if sync else 700), sync)
            sink.add_all(recorder.push(sample))
            for track in tracks[1:]:
                sink.add_all(recorder.push(Sample(track.track_id, number * 1600, 1600, bytes(160))))
        sink.add_all(recorder.deactivate())
    return store


def run(quick: bool) -> list[dict[str, object]]:
    """Requests, bytes and milliseconds of a seek; the worst of many instants."""
    seconds = 120 if quick else 3600
    return [found for gop, sounds in ((2, 0), (1, 0), (1, 3)) for found in _measured(seconds, gop, sounds)]


def _measured(seconds: int, gop: int, sounds: int) -> list[dict[str, object]]:
    store = Counting(recorded(seconds, gop, sounds))
    timeline = Timeline.from_store(store.inner)
    worst_requests = worst_bytes = 0
    spent = 0.0
    instants = [*(seconds * step / 50 for step in range(50)), seconds - 0.1]
    for at in instants:
        moment = START + timedelta(seconds=at)
        segment = timeline.locate(moment)
        assert segment is not None
        store.requests = store.bytes = 0
        start = time.process_time()
        seeker = Seeker(store)
        header, fragment = seeker.read(seeker.find(segment, moment))
        spent += time.process_time() - start
        worst_requests = max(worst_requests, store.requests)
        worst_bytes = max(worst_bytes, store.bytes - header.size - fragment.size)
    tracks = f"{1 + sounds} tracks" if sounds else "a track"
    name = f"seek into an object of {seconds} s, {tracks}, GOPs of {gop} s"
    return [
        row(name, worst_requests, "requests", reach="≤ 3"),
        row(name, worst_bytes, "bytes beside header and fragment", reach="≤ 65536"),
        row(name, spent / len(instants) * 1e3, "ms CPU"),
    ]
