"""Tracks, samples and recorders for the tests of this room."""

from dataclasses import replace
from datetime import timedelta
from heapq import merge
from pathlib import Path

from onvif_bmff.bmff import VisualSampleEntry
from onvif_bmff.codecs import AacCodec, AvcCodec, G711Codec, MetadataCodec, MjpegCodec
from onvif_bmff.ingest.mp4 import open_mp4
from onvif_bmff.media import Sample, Track
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
START = UtcTime.parse("2022-11-08T15:08:23.547Z")
SECOND = timedelta(seconds=1)


def _avc():
    with open_mp4(CAMERA) as source:
        return next(track.codec for track in source.tracks if track.type.value == "Video")


AVC = _avc()
_ENTRY = AVC.sample_entry()
OTHER_AVC = AvcCodec.from_sample_entry(replace(_ENTRY, width=_ENTRY.width // 2))
AAC = AacCodec.from_config(bytes.fromhex("1190"))
OTHER_AAC = AacCodec.from_config(bytes.fromhex("1188"))
assert isinstance(_ENTRY, VisualSampleEntry)

VIDEO = Track("VIDEO001", 1, 90_000, AVC)
AUDIO = Track("AUDIO001", 2, 48_000, AAC)
META = Track("META001", 3, 1_000, MetadataCodec())
VIDEO_2 = Track("VIDEO002", 4, 90_000, OTHER_AVC)
MJPEG = Track("VIDEO001", 1, 90_000, MjpegCodec(640, 480))
G711 = Track("AUDIO001", 2, 8_000, G711Codec("ulaw"))
NEW_VIDEO = replace(VIDEO, codec=OTHER_AVC)
NEW_AUDIO = replace(AUDIO, codec=OTHER_AAC)
FORMATS = (CMAF, MP4)

FRAME = 3_600
PACKET = 1_024


def data(kind, number, size=0):
    text = f"{kind}{number}.".encode()
    return text + bytes(max(0, size - len(text)))


def video(seconds, *, gop=25, start=0, track=VIDEO, reorder=False, duration=FRAME, size=0, first=0):
    """Pictures at 25 a second from ``start`` seconds on; a sync sample each ``gop``. ``reorder``: I P B B …"""
    base = round(start * 90_000)
    made = []
    for number in range(round(seconds * 25)):
        place = number % gop
        offset = 0
        if reorder:
            offset = FRAME if place == 0 else (3, 0, 0)[(place - 1) % 3] * FRAME
            if place and min(gop, round(seconds * 25) - number + place) - place < 3 - (place - 1) % 3:
                offset = FRAME  # the rest of a group that is cut short comes in order
        made.append(
            Sample(
                track.track_id,
                base + number * FRAME,
                duration,
                data(f"v{track.track_id}-", number + first, size),
                not place,
                offset,
            )
        )
    return made


def audio(seconds, *, start=0, track=AUDIO, duration=None, size=0):
    base = round(start * track.timescale)
    ticks = PACKET if track.timescale == 48_000 else track.timescale // 50
    count = round(seconds * track.timescale / ticks)
    return [
        Sample(track.track_id, base + n * ticks, ticks if duration is None else duration, data("a", n, size))
        for n in range(count)
    ]


def metadata(*times):
    """Documents at these times, in seconds."""
    return [Sample(META.track_id, round(time * 1000), 0, data("m", n)) for n, time in enumerate(times)]


SCALES = {track.track_id: track.timescale for track in (VIDEO, AUDIO, META, VIDEO_2)}


def mixed(*streams, scales=SCALES):
    """The samples of several tracks, by decode time."""
    return list(merge(*streams, key=lambda sample: sample.decode_time / scales[sample.track_id]))


def target(chosen=CMAF, *, segment=10, span=None, **more):
    return RecordingTarget(
        format=chosen,
        prefix=more.pop("prefix", "site-2"),
        postfix=more.pop("postfix", "camera-5"),
        segment_duration=timedelta(seconds=segment),
        span_duration=None if span is None else timedelta(seconds=span),
        **more,
    )


def record(tracks, samples, chosen=None, *, at=START, media_time=None, steps=(), **options):
    """All events of a recording. ``steps``: pairs of (index of a sample, what to do with the recorder before it)."""
    recorder = Recorder(tracks, chosen or target(), **options)
    recorder.activate(at, media_time=media_time)
    events = []
    todo = dict(steps)
    for index, sample in enumerate(samples):
        if index in todo:
            todo[index](recorder)
        events.extend(recorder.push(sample))
    events.extend(recorder.deactivate())
    return events


def of(spans, extension):
    return [span for span in spans if span.extension == extension]
