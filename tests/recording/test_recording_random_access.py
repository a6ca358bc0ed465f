"""Streams without IDR pictures: open GOPs joined midway, gradual refresh, and neither."""

import subprocess
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

import pytest
from recording_kit import START

from onvif_bmff.bmff import (
    NON_SYNC_SAMPLE,
    MovieFragmentBox,
    MovieFragmentRandomAccessBox,
    SampleGroupDescriptionBox,
    SampleToGroupBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackRunBox,
    parse_boxes,
)
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs import AvcAccessUnits, HevcAccessUnits, ReorderedTimes, StartPoints
from onvif_bmff.media.nal import iter_nal_units, split_annex_b
from onvif_bmff.media.nal_family import AVC, HEVC
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.playback import Timeline, select
from onvif_bmff.playback.samples import SampleReader
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import StoreSink
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.validation import validate_store

CLIP = ("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=4")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bsf:v", "h264_metadata=aud=insert", "-f", "h264")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-f", "hevc", "-x265-params")
CLIPS = {
    "open-gop": (AVC, (*X264, "-bf", "2", "-b_strategy", "0", "-g", "12", "-x264-params", "open-gop=1:scenecut=0")),
    "refresh": (AVC, (*X264, "-bf", "0", "-g", "12", "-x264-params", "intra-refresh=1")),
    "refresh-bf2": (AVC, (*X264, "-bf", "2", "-b_strategy", "0", "-g", "12", "-x264-params", "intra-refresh=1")),
    "hevc-open-gop": (HEVC, (*X265, "log-level=none:aud=1:bframes=3:b-adapt=0:keyint=12:open-gop=1")),
    "hevc-refresh": (HEVC, (*X265, "log-level=none:aud=1:bframes=0:keyint=12:intra-refresh=1")),
}  # fmt: skip
FORMATS = (CMAF, MP4)


@pytest.fixture
def units_of(make_clip):
    """The access units of a clip, each with its presentation time in pictures."""

    def made(name):
        family, arguments = CLIPS[name]
        path = make_clip(f"random-access-{name}.bits", (*CLIP, *arguments))
        units = []
        for unit in split_annex_b(path.read_bytes()):
            if family.unit_type(unit, 0) == family.delimiter:
                units.append([])
            units[-1].append(unit)
        command = ["ffprobe", "-v", "error", "-show_entries", "frame=pkt_pos", "-of", "csv=p=0", path]
        shown = [int(line.strip(",")) for line in subprocess.check_output(command, text=True).split()]
        order = {position: number for number, position in enumerate(sorted(shown))}
        times = [0] * len(units)
        for rank, position in enumerate(shown):
            times[order[position]] = rank
        return family, list(zip(units, times, strict=True))

    return made


def converted(family, pieces, **options):
    """Samples as they go into a recorder, and the codec of the first; all that comes before a codec is left out."""
    converter = AvcAccessUnits(**options) if family is AVC else HevcAccessUnits(**options)
    times, found = None, []
    for units, time in pieces:
        unit = converter.convert(units)
        if unit is not None:
            times = times or ReorderedTimes(unit.codec, 90000)
            found += times.push(Sample(1, time * 3600, 0, unit.data, unit.sync))
    return converter.codec, found + times.flush()


def recorded(codec, samples, record_format, seconds=1.0, encryption=()):
    store = MemoryStore()
    target = RecordingTarget(
        format=record_format, segment_duration=timedelta(seconds=seconds), encryption=tuple(encryption)
    )
    recorder = Recorder([Track("VIDEO001", 1, 90000, codec)], target)
    recorder.activate(START)
    with StoreSink(store) as sink:
        for sample in samples:
            sink.add_all(recorder.push(sample))
        sink.add_all(recorder.deactivate())
    return store, recorder.dropped


def objects(store):
    return [parse_boxes(store.get(key)) for key in sorted(store.keys()) if not key.endswith("_end")]


def played(store):
    timeline = Timeline.from_store(store)
    return [one.sample for one in SampleReader(store, select(timeline))]


@pytest.mark.interop
@pytest.mark.parametrize("record_format", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("name", [name for name in CLIPS if name != "hevc-refresh"])
def test_a_stream_that_is_joined_midway_is_recorded_from_its_next_start(units_of, name, record_format):
    family, pieces = units_of(name)
    sets = [unit for unit in pieces[0][0] if family.unit_type(unit, 0) in family.sets]
    codec, samples = converted(family, [(sets, 0), *pieces[5:]])
    starts = [number for number, one in enumerate(samples) if one.sync]
    assert len(starts) >= 4
    store, dropped = recorded(codec, samples, record_format)
    assert list(validate_store(store)) == []
    assert sum(dropped.values()) == starts[0] < 15
    assert len(objects(store)) >= 3
    found = played(store)
    assert [bytes(one.data) for one in found] == [one.data for one in samples[starts[0] :]]
    shown = sorted(one.decode_time + one.composition_offset for one in found)
    assert {later - one for one, later in pairwise(shown)} == {3600}


@pytest.mark.interop
@pytest.mark.parametrize(("name", "distance"), [("refresh", 6), ("refresh-bf2", None)])
def test_a_gradual_refresh_is_said_in_groups_and_is_no_sync_sample(units_of, name, distance):
    family, pieces = units_of(name)
    codec, samples = converted(family, pieces)
    store, dropped = recorded(codec, samples, CMAF)
    assert list(validate_store(store)) == []
    assert not dropped
    for number, boxes in enumerate(objects(store)):
        first = next(one.find(TrackFragmentBox) for one in boxes if isinstance(one, MovieFragmentBox))
        groups = [box for box in first.find_all(SampleToGroupBox) if box.grouping_type == "roll"]
        (table,) = [box for box in boxes if isinstance(box, MovieFragmentRandomAccessBox)]
        if not number:  # the stream begins with an IDR picture
            assert len(table.children) == 2
            continue
        assert len(groups) == 1
        assert len(table.children) == 1  # mfro only
        assert groups[0].entries["group_description_index"][0] == 0x10001
        (described,) = [box for box in first.find_all(SampleGroupDescriptionBox) if box.grouping_type == "roll"]
        found = int.from_bytes(described.descriptions[:2], "big", signed=True)
        assert 0 < found < 40
        assert distance is None or found == distance


@pytest.mark.interop
@pytest.mark.parametrize("scheme", [ProtectionScheme.CENC, ProtectionScheme.CBCS], ids=lambda one: one.name)
@pytest.mark.parametrize("record_format", FORMATS, ids=lambda one: one.name)
def test_groups_lie_beside_those_of_encryption(units_of, record_format, scheme):
    family, pieces = units_of("refresh-bf2")
    codec, samples = converted(family, pieces)
    key = ContentKey(UUID(int=7), bytes(range(16)))
    store, _ = recorded(codec, samples, record_format, encryption=[EncryptionEntry(scheme, FixedKey(key))])
    ring = KeyRing([key])
    assert list(validate_store(store, keys=ring)) == []
    found = [one.sample for one in SampleReader(store, select(Timeline.from_store(store)), keys=ring)]
    assert [bytes(one.data) for one in found] == [one.data for one in samples]


@pytest.mark.interop
def test_a_gradual_refresh_may_be_refused(units_of):
    family, pieces = units_of("refresh")
    sets = [unit for unit in pieces[0][0] if family.unit_type(unit, 0) in family.sets]
    codec, samples = converted(family, [(sets, 0), *pieces[5:]], gradual=False)
    store, dropped = recorded(codec, samples, CMAF)
    assert list(store.keys()) == []
    assert sum(dropped.values()) == len(samples)


@pytest.mark.interop
@pytest.mark.parametrize("name", ["refresh", "refresh-bf2"])
def test_pictures_are_right_after_the_distance(units_of, name, tmp_path):
    """What FFmpeg decodes from a start on is, behind the distance, what it decodes of the whole stream."""
    family, pieces = units_of(name)
    codec, samples = converted(family, pieces)
    start = [number for number, one in enumerate(samples) if one.sync][2]
    distance = codec.roll_distance([one.data for one in samples[start:]])

    def decoded(some):
        path = tmp_path / "one.h264"
        sets = [b"\0\0\0\1" + one for one in (*codec.sps, *codec.pps)]
        data = [b"\0\0\0\1" + bytes(unit) for one in some for unit in iter_nal_units(one.data)]
        path.write_bytes(b"".join((*sets, *data)))
        command = ["ffmpeg", "-v", "quiet", "-flags", "output_corrupt", "-flags2", "showall", "-i", path]
        out = subprocess.check_output([*command, "-f", "framemd5", "-"], text=True)
        return [line.split(",")[-1].strip() for line in out.splitlines() if not line.startswith("#")]

    whole, part = decoded(samples), decoded(samples[start:])
    right = len(samples) - start - distance - 2  # pictures shown after all of the last that may be wrong
    assert part[-right:] == whole[-right:]


@pytest.mark.interop
@pytest.mark.parametrize("record_format", FORMATS, ids=lambda one: one.name)
def test_a_stream_with_neither_is_cut_by_time(units_of, record_format, caplog):
    """x265 refreshes pictures without a word: what is joined midway has no start at all."""
    family, pieces = units_of("hevc-refresh")
    sets = [unit for unit in pieces[0][0] if family.unit_type(unit, 0) in family.sets]
    codec, samples = converted(family, [(sets, 0), *pieces[5:]])
    assert not any(one.sync for one in samples)
    points = StartPoints(90000, patience=Fraction(1), pictures=5, every=Fraction(1, 2))
    samples = [points.push(one) for one in samples]
    starts = [number for number, one in enumerate(samples) if one.sync]
    assert starts == [25, *range(38, 95, 13)]
    assert points.forced == len(starts)
    assert caplog.text.count("its segments are cut by time") == 1
    store, dropped = recorded(codec, samples, record_format)
    assert sum(dropped.values()) == 25
    assert {one.rule for one in validate_store(store)} == {"ANX-B.3-06"}
    for boxes in objects(store):
        (table,) = [box for box in boxes if isinstance(box, MovieFragmentRandomAccessBox)]
        assert len(table.children) == 1  # mfro only
        trafs = [traf for box in boxes if isinstance(box, MovieFragmentBox) for traf in box.find_all(TrackFragmentBox)]
        assert all(traf.find(TrackFragmentHeaderBox).default_sample_flags & NON_SYNC_SAMPLE for traf in trafs)
        assert all(traf.find(TrackRunBox).first_sample_flags is None for traf in trafs)
    found = played(store)
    assert [bytes(one.data) for one in found] == [one.data for one in samples[25:]]


def test_starts_by_time_end_with_the_first_real_one():
    points = StartPoints(1000, patience=Fraction(10), pictures=5, every=Fraction(2))
    syncs = {5, 60}
    samples = [points.push(Sample(1, number * 500, 500, b"x", number in syncs)) for number in range(100)]
    assert [number for number, one in enumerate(samples) if one.sync] == [
        5,
        25,
        *range(29, 60, 4),
        60,
        80,
        84,
        88,
        92,
        96,
    ]
    assert points.forced == 14


def test_a_camera_of_few_pictures_is_waited_for_longer():
    points = StartPoints(1, patience=Fraction(60), pictures=100)
    samples = [points.push(Sample(1, number, 1, b"x", sync=False)) for number in range(200)]
    assert [number for number, one in enumerate(samples) if one.sync] == list(range(99, 200, 2))
