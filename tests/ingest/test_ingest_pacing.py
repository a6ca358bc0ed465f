"""Samples at the pace of real time, and sources that never end."""

from itertools import islice, pairwise

import pytest
from support_mp4_files import ALAW, START, ULAW, progressive, track

from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import MediaError
from onvif_bmff.ingest import Mp4Input, loop_samples, pace_samples
from onvif_bmff.media.track import Sample

THREE = {"stsc": [(1, 3, 1)], "stsz": [1, 1, 1], "stco": [START]}


class Time:
    """A clock that only sleeping, and work, moves on."""

    def __init__(self):
        self.now, self.slept = 1000.0, []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def source(*tracks) -> Mp4Input:
    return Mp4Input(progressive(*tracks, data=b"abc"))


def test_samples_come_when_they_are_due():
    clip, time = source(track(timescale=10, stts=[(3, 5)], **THREE)), Time()
    at = [time.now for _ in pace_samples(clip.samples(), clip.tracks, clock=time.clock, sleep=time.sleep)]
    assert at == [1000.0, 1000.5, 1001.0]


def test_speed():
    clip, time = source(track(timescale=10, stts=[(3, 5)], **THREE)), Time()
    for _ in pace_samples(clip.samples(), clip.tracks, clock=time.clock, sleep=time.sleep, speed=2.0):
        pass
    assert time.slept == [0.25, 0.25]
    with pytest.raises(MediaError):
        next(pace_samples(clip.samples(), clip.tracks, speed=0.0))


def test_a_delay_is_caught_up():
    clip, time, at = source(track(timescale=10, stts=[(3, 5)], **THREE)), Time(), []
    for _ in pace_samples(clip.samples(), clip.tracks, clock=time.clock, sleep=time.sleep):
        at.append(time.now)
        time.now += 0.8 if len(at) == 1 else 0.0
    assert at == [1000.0, 1000.8, 1001.0]


def test_times_below_zero_are_no_delay():
    clip, time = source(track(timescale=10, stts=[(3, 5)], **THREE, elst=[(0, 7, 1, 0)])), Time()
    at = [time.now for _ in pace_samples(clip.samples(), clip.tracks, clock=time.clock, sleep=time.sleep)]
    assert at == [1000.0, 1000.5, 1001.0]


def test_a_loop_goes_on_without_gap():
    """The second track is a third of a second shorter, and does not count in whole ticks of the loop."""
    clip = source(track(1, timescale=10, stts=[(3, 5)], **THREE), track(2, timescale=7, stts=[(3, 3)], **THREE))
    items = list(loop_samples(clip.samples, clip.tracks, passes=5))
    assert len(items) == 30
    for number in (1, 2):
        mine = [one for one in items if one.track_id == number]
        assert all(one.decode_time + one.duration == after.decode_time for one, after in pairwise(mine))
    starts = [[one.decode_time for one in items if one.track_id == number][::3] for number in (1, 2)]
    assert starts == [[0, 15, 30, 45, 60], [0, 10, 21, 31, 42]]
    times = [one.decode_time / clip.tracks[one.track_id - 1].timescale for one in items]
    assert all(after - one > -1 / 7 for one, after in pairwise(times))


def test_a_loop_has_no_end_and_keeps_the_source_as_it_is():
    clip = source(track(timescale=10, stts=[(3, 5)], **THREE))
    kept = list(clip.samples())
    times = [one.decode_time for one in islice(loop_samples(lambda: kept, clip.tracks), 1000)]
    assert times == [5 * n for n in range(1000)]
    assert [one.decode_time for one in kept] == [0, 5, 10]


def test_a_codec_changes_back_at_the_start_of_a_pass():
    clip = source(track(entries=[ULAW, ALAW], stts=[(3, 5)], stsz=[1, 1, 1], stsc=[(1, 1, 1), (2, 2, 2)],
                        stco=[START, START + 1]))  # fmt: skip
    items = list(loop_samples(clip.samples, clip.tracks, passes=2))
    assert [type(one) for one in items] == [Sample, CodecChange, Sample, Sample, CodecChange, Sample, CodecChange,
                                            Sample, Sample]  # fmt: skip
    changes = [(one.decode_time, one.codec.codecs_parameter()) for one in items if isinstance(one, CodecChange)]
    assert changes == [(5, "alaw"), (15, "ulaw"), (20, "alaw")]


@pytest.mark.parametrize("stts", [[], [(3, 0)]])
def test_a_source_that_lasts_no_time_cannot_loop(stts):
    clip = source(track(stts=stts, **(THREE if stts else {})))
    with pytest.raises(MediaError):
        next(loop_samples(clip.samples, clip.tracks))
