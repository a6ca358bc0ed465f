"""Decode times that count from 1970: presentation is UTC in every span, and nothing else of an object changes."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.errors import MediaError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.objects import ObjectKey
from onvif_bmff.playback import SampleReader, Timeline, read_segment, select
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import DecodeTimes, RecordingTarget
from onvif_bmff.storage import MemoryStore, StoreSink
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
START = UtcTime.parse("2026-05-01T10:00:00.123457Z")


def recorded(form, decode_times, start=START, *, again=timedelta(hours=1)):
    """A clip, and the same again later, in short spans."""
    store = MemoryStore()
    target = RecordingTarget(
        form,
        prefix="p",
        segment_duration=timedelta(seconds=1),
        span_duration=timedelta(seconds=3),
        decode_times=decode_times,
        digits=6,
    )
    for at in (start, start + again):
        with open_mp4(CLIP) as source:
            recorder = Recorder(source.tracks, target)
            recorder.activate(at, media_time=Fraction(7, 3))
            with StoreSink(store) as sink:
                for sample in source.samples():
                    sink.add_all(recorder.push(sample))
                sink.add_all(recorder.deactivate())
    return store


@pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])
def test_presentation_times_are_utc(form):
    """To the tick, in all objects: what a key says is what is in the object."""
    store = recorded(form, DecodeTimes.UTC)
    keys = [ObjectKey.parse(name) for name in list(store.keys())]
    segments = [key for key in keys if not key.span_end]
    assert sum(key.counter == 0 for key in segments) >= 4
    for key in segments:
        segment = read_segment(store.get(str(key)))
        firsts = []
        for track in segment.tracks:
            samples = list(segment.samples(track.track_id))
            if samples:
                ticks = samples[0].decode_time + samples[0].composition_offset
                firsts.append((Fraction(ticks * 1_000_000, track.timescale), track))
        assert any(
            abs(first - key.time.microseconds) <= Fraction(1_000_000, track.timescale) + 1 for first, track in firsts
        )


@pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])
def test_all_else_is_the_same(form):
    """Keys, payloads, durations and offsets; and the validator has nothing to say."""
    stores = [recorded(form, decode_times) for decode_times in DecodeTimes]
    assert list(stores[0].keys()) == list(stores[1].keys())
    for name in list(stores[0].keys()):
        if name.endswith("_end"):
            continue
        plain, utc = (read_segment(store.get(name)) for store in stores)
        for track in plain.tracks:
            rows = [
                [(one.data, one.duration, one.composition_offset, one.sync) for one in segment.samples(track.track_id)]
                for segment in (plain, utc)
            ]
            assert rows[0] == rows[1]
    played = [
        [
            (one.time.microseconds, bytes(one.sample.data))
            for one in SampleReader(store, select(Timeline.from_store(store)))
        ]
        for store in stores
    ]
    assert len(played[0]) == len(played[1])
    for (at, data), (other, other_data) in zip(*played, strict=True):
        assert data == other_data
        assert abs(at - other) <= 2
    assert not list(validate_store(stores[1]))


def test_spans_share_one_time_line():
    """What is between two samples in UTC is between their times in the objects, over all spans."""
    store = recorded(CMAF, DecodeTimes.UTC)
    starts, scale = {}, 0
    for name in list(store.keys()):
        key = ObjectKey.parse(name)
        if key.extension == "m4v" and not key.span_end:
            segment = read_segment(store.get(name))
            scale = segment.header.lead.timescale
            first = next(segment.samples())
            starts[key.time.microseconds] = first.decode_time + first.composition_offset
    times = sorted(starts)
    assert times[-1] - times[0] > 3_600_000_000
    for at in times:
        elapsed = Fraction((starts[at] - starts[times[0]]) * 1_000_000, scale)
        assert abs(elapsed - (at - times[0])) <= Fraction(2_000_000, scale) + 1


def test_times_before_1970_cannot_be_written():
    with pytest.raises(MediaError, match="before the start"):
        recorded(CMAF, DecodeTimes.UTC, UtcTime.parse("1969-12-31T00:00:00Z"))


def test_the_command_has_it_too(tmp_path):
    command = ["record", str(CLIP), "--store", str(tmp_path / "store"), "--start", "2026-05-01T10:00:00Z"]
    assert main([*command, "--decode-times", "utc"]) == 0
    (path,) = list((tmp_path / "store").rglob("*.0.m4v"))
    first = next(read_segment(path.read_bytes()).samples())
    scale = read_segment(path.read_bytes()).header.lead.timescale
    begin = Fraction(first.decode_time + first.composition_offset, scale)
    assert abs(begin - UtcTime.parse("2026-05-01T10:00:00Z").microseconds // 1_000_000) < 1
