"""What is recorded plays, sample for sample, in a player that nobody here wrote."""

import json
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

import pytest
from support_recorded import check_recording
from support_tools import need

from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.ingest.mp4 import open_mp4
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

pytestmark = pytest.mark.interop

START = UtcTime.parse("2022-11-08T15:08:23.547Z")


def lavfi(source):
    return ["-f", "lavfi", "-i", source]


def pictures(rate, seconds, size="192x108"):
    return lavfi(f"testsrc2=size={size}:rate={rate}:duration={seconds}")


def tone(rate, seconds):
    return lavfi(f"sine=frequency=440:sample_rate={rate}:duration={seconds}")


H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
H265 = ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-tag:v", "hvc1", "-x265-params"]
CLIPS = {
    "avc_bframes_slices_aac": [
        *pictures(25, 6), *tone(48_000, 6), *H264, "-bf", "2", "-g", "25", "-x264-params", "slices=4", "-c:a", "aac",
    ],
    "avc_2997_aac441": [
        *pictures("30000/1001", 6), *tone(44_100, 6), *H264, "-bf", "3", "-g", "45", "-c:a", "aac",
    ],
    "avc_baseline_keys_only_at_start": [*pictures(25, 6, "160x120"), *H264, "-profile:v", "baseline", "-g", "1000"],
    "avc_vfr_aac": [
        *pictures(25, 8), *tone(48_000, 8), *H264, "-bf", "2", "-g", "20", "-c:a", "aac",
        "-vf", "select='not(eq(mod(n\\,7)\\,3)+between(n\\,60\\,75)+eq(mod(n\\,11)\\,5))'", "-fps_mode", "vfr",
    ],
    "hevc_opus": [
        *pictures(25, 6), *tone(48_000, 6), *H265, "keyint=25:min-keyint=25:open-gop=0:bframes=3:log-level=none",
        "-c:a", "libopus", "-strict", "-2",
    ],
    "hevc_open_gop_2997": [
        *pictures("30000/1001", 6), *H265, "keyint=30:min-keyint=30:open-gop=1:bframes=3:log-level=none",
    ],
    "aac_only": [*tone(48_000, 6), "-c:a", "aac"],
    "opus_only": [*tone(48_000, 6), "-c:a", "libopus", "-strict", "-2"],
}  # fmt: skip
FORMATS = {"MP4": MP4, "CMAF": CMAF}


@dataclass
class Packet:
    pts: Fraction
    dts: Fraction
    duration: Fraction | None
    md5: str
    key: bool


def probe(path):
    """The packets of each kind of stream, in seconds, as ffprobe reads them."""
    command = [need("ffprobe"), "-v", "error", "-show_packets", "-show_streams", "-show_data_hash", "md5"]
    done = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=True, timeout=60)
    found = json.loads(done.stdout)
    streams = {}
    for stream in found["streams"]:
        unit = Fraction(stream["time_base"])
        streams[stream["codec_type"]] = [
            Packet(
                int(packet["pts"]) * unit,
                int(packet["dts"]) * unit,
                int(packet["duration"]) * unit if "duration" in packet else None,
                packet["data_hash"],
                packet["flags"].startswith("K"),
            )
            for packet in found["packets"]
            if packet["stream_index"] == stream["index"]
        ]
    return streams


def decode(path):
    """Decode a file; the number of pictures or sounds by stream. A warning of ffmpeg fails the test."""
    command = [need("ffmpeg"), "-v", "warning", "-xerror", "-nostdin", "-i", str(path), "-map", "0"]
    # otherwise pictures of a varying frame rate would be repeated
    done = subprocess.run(
        [*command, "-fps_mode", "passthrough", "-f", "framemd5", "-"], capture_output=True, timeout=60, check=False
    )
    assert done.stderr.decode() == ""
    assert done.returncode == 0
    counts = {}
    for line in done.stdout.decode().splitlines():
        if line and not line.startswith("#"):
            number = int(line.split(",")[0])
            counts[number] = counts.get(number, 0) + 1
    return counts


def record(path, chosen, seconds, *, span=None):
    with open_mp4(path) as source:
        target = RecordingTarget(
            format=chosen,
            segment_duration=timedelta(seconds=seconds),
            span_duration=None if span is None else timedelta(seconds=span),
        )
        recorder = Recorder(source.tracks, target)
        recorder.activate(START)
        events = []
        for sample in source.samples():
            assert not isinstance(sample, CodecChange)
            events.extend(recorder.push(sample))
        events.extend(recorder.deactivate())
        return check_recording(events)


@pytest.fixture(scope="session")
def clip(make_clip):
    need("ffmpeg")

    def make(name):
        return make_clip(f"record_{name}.mp4", CLIPS[name])

    return make


def hold(found, source, lead_in):
    """Packets equal the source's: payload, key, and times but for one shift of all presentation.

    ``lead_in`` is how far composition offsets go below zero. FFmpeg adds it to the presentation times of fragments
    (not to those of progressive files), so that tracks in files of their own seem to be apart by it.
    """
    shifts = set()
    for kind, packets in source.items():
        got = found[kind]
        assert [packet.md5 for packet in got] == [packet.md5 for packet in packets]
        assert [packet.key for packet in got] == [packet.key for packet in packets]
        pairs = list(zip(got, packets, strict=True))
        assert len({a.dts - b.dts for a, b in pairs}) == 1, f"decode times of {kind}"
        # ffprobe tells no duration for some packets of fragments, and AAC's full frame for a last one cut short
        known = [(a, b) for a, b in pairs[:-1] if a.duration is not None]
        assert all(a.duration == b.duration for a, b in known), f"durations of {kind}"
        (shift,) = {a.pts - b.pts for a, b in pairs}
        shifts.add((kind, shift))
    plain = {shift for _, shift in shifts}
    corrected = {shift - (lead_in if kind == "video" else 0) for kind, shift in shifts}
    assert 1 in (len(plain), len(corrected)), "tracks are out of step"
    assert len(plain) == 1 or lead_in


@pytest.mark.requirement(
    "ANX-B.1-01", "ANX-B.3-08", "ANX-B.3-09", "ANX-B.3-04", "ANX-B.2-05", "ANX-B.7-09", "ANX-B.6-01"
)
@pytest.mark.parametrize("form", list(FORMATS))
@pytest.mark.parametrize(
    ("name", "seconds"), [*((name, 1) for name in CLIPS), ("avc_vfr_aac", 4), ("hevc_opus", 3), ("avc_2997_aac441", 60)]
)
def test_what_is_recorded_is_what_came(clip, tmp_path, name, form, seconds):
    path = clip(name)
    source = probe(path)
    spans = record(path, FORMATS[form], seconds)
    found = {}
    for number, span in enumerate(spans):
        whole = tmp_path / f"{number}.mp4"
        fragments = [fragment for segment in span.segments for fragment in segment.fragments]
        whole.write_bytes(span.segments[0].header + b"".join(fragments))
        found.update(probe(whole))
        counts = decode(whole)
        assert len(counts) == len(span.kinds)
        visual = [index for index, kind in enumerate(span.kinds.values()) if kind == "vide"]
        for index in visual:
            assert counts[index] == len(source["video"])
    offsets = [Fraction(sample.offset, span.timescale) for span in spans for sample in span.samples()]
    lead_in = -min(*offsets, Fraction(0))
    assert form == "CMAF" or not lead_in
    hold(found, source, lead_in)
    assert len(spans) == (len(source) if form == "CMAF" else 1)


@pytest.mark.requirement("ANX-B.3-06", "ANX-B.1-02", "ANX-B.6-06")
@pytest.mark.parametrize("form", list(FORMATS))
@pytest.mark.parametrize("name", [name for name in CLIPS if "open_gop" not in name])
def test_each_segment_plays_alone(clip, tmp_path, name, form):
    for span in record(clip(name), FORMATS[form], 3):
        for segment in span.segments:
            alone = tmp_path / "alone.mp4"
            alone.write_bytes(segment.obj.body)
            counts = decode(alone)
            for index, (track_id, kind) in enumerate(span.kinds.items()):
                samples = sum(sample.track_id == track_id for sample in segment.samples)
                assert samples
                if kind == "vide":
                    assert counts[index] == samples
                else:
                    assert samples - 2 <= counts[index] <= samples + 2, "a decoder's delay"


@pytest.mark.requirement("ANX-B.2-03", "ANX-B.2-05")
@pytest.mark.parametrize("form", list(FORMATS))
def test_spans_play_one_by_one_with_any_header(clip, tmp_path, form):
    path = clip("avc_bframes_slices_aac")
    source = probe(path)
    spans = record(path, FORMATS[form], 1, span=2)
    assert len(spans) >= 3
    hashes = {kind: [] for kind in source}
    for span in spans:
        whole = tmp_path / "span.mp4"
        fragments = [fragment for segment in span.segments for fragment in segment.fragments]
        whole.write_bytes(span.segments[-1].header + b"".join(fragments))
        decode(whole)
        for kind, packets in probe(whole).items():
            hashes[kind] += [packet.md5 for packet in packets]
    assert hashes == {kind: [packet.md5 for packet in packets] for kind, packets in source.items()}
