"""A recorder that follows a clock which runs slow or fast: each picture is played and exported once."""

from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from playback_kit import START, after

from onvif_bmff.codecs import MjpegCodec
from onvif_bmff.export import export_movie
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media import ClockOrigin, ClockReading, Sample, Track
from onvif_bmff.playback import SampleReader, Timeline, select
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore, StoreSink

RATE, GOP = 25, 25
TRACK = Track("VIDEO001", 1, 1000, MjpegCodec(width=64, height=48))


def recorded(form, seconds, said, **options):
    """``seconds`` of pictures whose clock ``said`` what it was, in seconds, at each second of media."""
    store = MemoryStore()
    target = RecordingTarget(form, segment_duration=timedelta(seconds=2), **options)
    recorder = Recorder([TRACK], target)
    recorder.activate(START, media_time=Fraction(0))
    with StoreSink(store) as sink:
        for number in range(seconds * RATE):
            second, place = divmod(number, RATE)
            if not place:
                utc = after(said(second))
                sink.add_all(recorder.read_clock(ClockReading(None, Fraction(second), utc, ClockOrigin.CAMERA)))
            data = number.to_bytes(4, "big") * 50
            sink.add_all(recorder.push(Sample(1, number * 1000 // RATE, 0, data, number % GOP == 0)))
        sink.add_all(recorder.deactivate())
    return store


def numbers(samples):
    return [int.from_bytes(bytes(one.data)[:4], "big") for one in samples]


def exported(store, folder):
    path = folder / "out.mp4"
    with path.open("wb") as out:
        export_movie(store, select(Timeline.from_store(store)), out)
    with open_mp4(path) as movie:
        return list(movie.samples()), movie.tracks[0].timescale


@pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("off", [-0.09, -0.03, 0.03, 0.09])
def test_a_span_named_by_a_reading_up_to_100_ms_off_is_played_whole(form, off, tmp_path):
    """Its key may be earlier than the end of the span before it. Spans last 8 s; readings are off from 6 s to 17 s."""
    store = recorded(form, 24, lambda second: second + off * (6 <= second < 17), span_duration=timedelta(seconds=8))
    timeline = Timeline.from_store(store)
    starts = [span.start for span in timeline.spans]
    assert len(starts) == 3
    assert starts[1] == after(8 + off)
    assert numbers(played.sample for played in SampleReader(store, select(timeline))) == list(range(24 * RATE))
    assert numbers(exported(store, tmp_path)[0]) == list(range(24 * RATE))


@pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("span", [None, timedelta(seconds=20)], ids=["one span", "spans"])
def test_no_picture_is_a_tick_long_where_the_clock_of_a_camera_ran_slow(form, span, tmp_path):
    """In 100 s it loses 2: the clock of a span's first key is more than half a second off its later ones."""
    store = recorded(form, 100, lambda second: second * 0.98, span_duration=span)
    samples, timescale = exported(store, tmp_path)
    assert numbers(samples) == list(range(100 * RATE))
    times = [one.decode_time for one in samples]
    least = min(later - earlier for earlier, later in pairwise(times))
    assert least >= timescale // RATE - timescale // 500
