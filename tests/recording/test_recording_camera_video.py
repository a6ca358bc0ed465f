"""What cameras send, recorded, against FFmpeg: payloads, times and pictures are those of the source."""

import json
import subprocess
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from recording_kit import START

from onvif_bmff.codecs import AvcAccessUnits, CameraVideo, HevcAccessUnits
from onvif_bmff.media.nal import iter_nal_units, split_annex_b
from onvif_bmff.media.nal_family import AVC, HEVC
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.playback import Timeline, select
from onvif_bmff.playback.samples import SampleReader
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import StoreSink
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.validation import validate_store

CLIP = ("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=4")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bsf:v", "h264_metadata=aud=insert", "-f", "h264", "-g", "12")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-f", "hevc", "-x265-params")
COMMON = "log-level=none:aud=1:b-adapt=0:keyint=12"
CLIPS = {
    "avc-bf2": (AVC, (*X264, "-bf", "2", "-b_strategy", "0")),
    "avc-bf3": (AVC, (*X264, "-bf", "3", "-b_strategy", "0", "-x264-params", "b-pyramid=normal:slices=3")),
    "avc-open": (AVC, (*X264, "-bf", "2", "-b_strategy", "0", "-x264-params", "open-gop=1:scenecut=0")),
    "avc-refresh": (AVC, (*X264, "-bf", "2", "-b_strategy", "0", "-x264-params", "intra-refresh=1")),
    "avc-other-size": (AVC, (*X264, "-bf", "3", "-b_strategy", "0", "-vf", "scale=160:96")),
    "hevc-bf2": (HEVC, (*X265, f"{COMMON}:bframes=2:open-gop=0")),
    "hevc-bf3": (HEVC, (*X265, f"{COMMON}:bframes=3:b-pyramid=1:open-gop=0:slices=2")),
    "hevc-open": (HEVC, (*X265, f"{COMMON}:bframes=3:open-gop=1")),
}
TICKS = 3600


class Camera:
    """A clip as a camera sends it over RTP: each NAL unit by itself, with the presentation time of its picture."""

    def __init__(self, make_clip, name):
        self.family, arguments = CLIPS[name]
        self.path = make_clip(f"camera-{name}.bits", (*CLIP, *arguments))
        self.units = []
        for unit in split_annex_b(self.path.read_bytes()):
            if self.family.unit_type(unit, 0) == self.family.delimiter:
                self.units.append([])
            self.units[-1].append(unit)
        command = ["ffprobe", "-v", "error", "-show_entries", "frame=pkt_pos", "-of", "json", self.path]
        shown = [int(one["pkt_pos"]) for one in json.loads(subprocess.check_output(command))["frames"]]
        order = {position: number for number, position in enumerate(sorted(shown))}
        self.ranks = [0] * len(self.units)
        for rank, position in enumerate(shown):
            self.ranks[order[position]] = rank

    def items(self, **options):
        kind = AvcAccessUnits if self.family is AVC else HevcAccessUnits
        video = CameraVideo(kind(**options), 1, 90000)
        for units, rank in zip(self.units, self.ranks, strict=True):
            for unit in units:
                yield from video.push([unit], 900000 + rank * TICKS)
        yield from video.flush()
        assert set(video.counts.values()) <= {0}


def recorded(items, record_format, seconds):
    store, recorder = MemoryStore(), None
    with StoreSink(store) as sink:
        for item in items:
            if not isinstance(item, Sample):
                track = Track("VIDEO001", 1, 90000, item)
                if recorder is None:
                    target = RecordingTarget(format=record_format, segment_duration=timedelta(seconds=seconds))
                    recorder = Recorder([track], target)
                    recorder.activate(START)
                recorder.replace_track(track)
            else:
                sink.add_all(recorder.push(item))
        sink.add_all(recorder.deactivate())
    return store, recorder.dropped


def media_objects(store):
    return [store.get(key) for key in sorted(store.keys()) if not key.endswith("_end")]


def decoded(path, *options):
    """Digests of the pictures that FFmpeg shows."""
    command = ["ffmpeg", "-v", "error", *options, "-i", path, "-map", "0:v", "-fps_mode", "passthrough"]
    out = subprocess.check_output([*command, "-f", "framemd5", "-"], text=True)
    return [line.split(",")[-1].strip() for line in out.splitlines() if not line.startswith("#")]


@pytest.mark.interop
@pytest.mark.parametrize("record_format", [CMAF, MP4], ids=lambda one: one.name)
@pytest.mark.parametrize("in_band", [False, True], ids=["sets", "in-band"])
@pytest.mark.parametrize("name", CLIPS)
def test_a_recording_is_what_the_camera_sent(make_clip, tmp_path, name, in_band, record_format):
    camera = Camera(make_clip, name)
    store, dropped = recorded(camera.items(in_band=in_band), record_format, 60)
    assert (list(validate_store(store)), dropped) == ([], Counter())
    (data,) = media_objects(store)
    path = tmp_path / "recorded.mp4"
    path.write_bytes(data)
    command = ["ffprobe", "-v", "error", "-show_packets", "-of", "json", path]
    packets = json.loads(subprocess.check_output(command))["packets"]
    first = min(one["pts"] for one in packets)
    assert [one["pts"] - first for one in packets] == [rank * TICKS for rank in camera.ranks]
    assert {later["dts"] - one["dts"] for one, later in pairwise(packets)} == {TICKS}
    assert decoded(path) == decoded(camera.path)
    kept = [
        [unit for unit in units if in_band or camera.family.unit_type(unit, 0) not in camera.family.sets]
        for units in camera.units
    ]
    played = [one.sample for one in SampleReader(store, select(Timeline.from_store(store)))]
    found = [[bytes(unit) for unit in iter_nal_units(one.data)] for one in played]
    if in_band:  # sync samples without sets have got them
        found = [without_more_sets(units, ours, camera.family) for units, ours in zip(kept, found, strict=True)]
    assert found == kept


def without_more_sets(units, ours, family):
    return [unit for unit in ours if unit in units or family.unit_type(unit, 0) not in family.sets]


@pytest.mark.interop
@pytest.mark.parametrize("record_format", [CMAF, MP4], ids=lambda one: one.name)
@pytest.mark.parametrize("name", CLIPS)
def test_segments_join_without_loss(make_clip, name, record_format):
    camera = Camera(make_clip, name)
    store, dropped = recorded(camera.items(), record_format, 1)
    assert (list(validate_store(store)), dropped) == ([], Counter())
    assert len(media_objects(store)) >= 3
    played = [one.sample for one in SampleReader(store, select(Timeline.from_store(store)))]
    shown = [one.decode_time + one.composition_offset for one in played]
    assert [time - min(shown) for time in shown] == [rank * TICKS for rank in camera.ranks]
    assert {later.decode_time - one.decode_time for one, later in pairwise(played)} == {TICKS}


@pytest.mark.interop
def test_another_codec_comes_before_the_picture_that_needs_it(make_clip, tmp_path):
    small, large = Camera(make_clip, "avc-bf2"), Camera(make_clip, "avc-other-size")
    video, items = CameraVideo(AvcAccessUnits(), 1, 90000), []
    for number, (units, rank) in enumerate(
        [*zip(small.units[:48], small.ranks[:48], strict=True), *zip(large.units, large.ranks, strict=True)]
    ):
        items += video.push(units, (rank + (48 if number >= 48 else 0)) * TICKS)
    items += video.flush()
    places = [number for number, item in enumerate(items) if not isinstance(item, Sample)]
    assert places == [0, 49]
    assert len(items) == 48 + 100 + 2
    assert (items[0].width, items[49].width) == (128, 160)
