"""Numbers at their limits, exactly: in fragments, segments, headers and what a recorder takes."""

from array import array
from datetime import timedelta

import pytest
from recording_kit import AUDIO, VIDEO, record, target, video
from support_recorded import check_recording

from onvif_bmff.bmff import MovieHeaderBox, TrackFragmentBox, TrackFragmentRandomAccessBox, TrackRunBox, parse_boxes
from onvif_bmff.errors import MediaError, ObjectKeyError
from onvif_bmff.media import Sample
from onvif_bmff.recording.boundaries import by_clock, since_open
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.fragment import FragmentBuilder, FragmentTrack
from onvif_bmff.recording.header import build_header
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.recording.totals import SegmentTotals, TrackTotals, make_random_access
from onvif_bmff.timing import UtcTime

SECOND = timedelta(seconds=1)


class Huge:
    """Sample data of which only the length is looked at."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size


def closed(track, *samples):
    builder = FragmentBuilder([track])
    assert all(builder.push(sample) is True for sample in samples)
    return builder.close(1)


# ---- fragments -------------------------------------------------------------------------------------------


def test_a_fragment_has_a_size_of_32_bits():
    most = (1 << 32) - 1 - 8  # the box has a header
    assert closed(FragmentTrack(1, 1_000), Sample(1, 0, 1, Huge(most))).runs[0].size == most
    with pytest.raises(MediaError, match="too large"):
        closed(FragmentTrack(1, 1_000), Sample(1, 0, 1, Huge(most + 1)))


def test_a_fragment_lies_below_2_to_the_62():
    last = closed(FragmentTrack(1, 1_000), Sample(1, (1 << 62) - 1, 1, b"x"))
    assert last.runs[0].decode_time == (1 << 62) - 1
    with pytest.raises(MediaError, match="behind the start"):
        closed(FragmentTrack(1, 1_000), Sample(1, 1 << 62, 1, b"x"))
    assert closed(FragmentTrack(1, 1_000, origin=7), Sample(1, 7, 1, b"x")).runs[0].decode_time == 0
    with pytest.raises(MediaError, match="before the start"):
        closed(FragmentTrack(1, 1_000, origin=7), Sample(1, 6, 1, b"x"))


@pytest.mark.parametrize(("size", "buffers"), [(4_095, 2), (4_096, 3)])
def test_small_samples_are_joined_in_one_buffer(size, buffers):
    """The moof and the samples: small ones in one buffer, larger ones each in its own, without a copy."""
    samples = [Sample(1, n, 1, bytes(size)) for n in range(2)]
    made = closed(FragmentTrack(1, 1_000), *samples)
    assert len(made.buffers) == buffers
    assert sum(map(len, made.buffers)) == made.size
    if buffers == 3:
        assert [one is sample.data for one, sample in zip(made.buffers[1:], samples, strict=True)] == [True, True]
    single = closed(FragmentTrack(1, 1_000), samples[0])
    assert single.buffers[1] is samples[0].data


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_ticks_of_the_source_become_ticks_of_the_file(factor):
    samples = [Sample(1, 0, 10, b"a", True, 5), Sample(1, 10, 20, b"bc", False, 7)]
    made = closed(FragmentTrack(1, 1_000, numerator=factor), *samples)
    (run,) = made.runs
    assert (run.duration, run.first_presentation, run.presentation_end) == (30 * factor, 5 * factor, 37 * factor)
    moof = parse_boxes(b"".join(map(bytes, made.buffers)))[0]
    (traf,) = moof.find_all(TrackFragmentBox)
    (trun,) = traf.find_all(TrackRunBox)
    assert list(trun.samples["duration"]) == [10 * factor, 20 * factor]
    assert list(trun.samples["composition_offset"]) == [5 * factor, 7 * factor]


def test_a_sample_that_does_not_follow_is_not_taken():
    builder = FragmentBuilder([FragmentTrack(1, 1_000), FragmentTrack(2, 1_000)])
    assert builder.push(Sample(1, 0, 10, b"a")) is True
    assert builder.push(Sample(1, 11, 10, b"b")) is False
    assert builder.push(Sample(1, 9, 10, b"b")) is False
    assert (builder.count, builder.size) == (1, 1)
    assert builder.push(Sample(2, 11, 10, b"cd")) is True
    assert builder.push(Sample(1, 10, 10, b"b")) is True
    assert (builder.count, builder.size) == (3, 4)
    assert [run.sample_count for run in builder.close(1).runs] == [2, 1]
    assert builder.close(2) is None


@pytest.mark.parametrize(("at", "duration"), [(9, 9), (1, 1), (10, 10), (11, 10), (0, 10), (-1, 10)])
def test_the_last_sample_ends_where_the_next_span_is_presented(at, duration):
    builder = FragmentBuilder([FragmentTrack(1, 1_000)])
    builder.push(Sample(1, 0, 10, b"a", True, 3))
    builder.end_before(Sample(1, at + 1, 10, b"b", True, 2))
    assert builder.close(1).runs[0].duration == duration


# ---- segments --------------------------------------------------------------------------------------------


def table(*, times=(0,), offsets=(0,), trafs=(1,), samples=(1,)):
    found = TrackTotals(
        times=array("Q", times),
        moof_offsets=array("Q", offsets),
        traf_numbers=array("I", trafs),
        sample_numbers=array("I", samples),
    )
    (tfra,) = make_random_access(SegmentTotals({1: found})).find_all(TrackFragmentRandomAccessBox)
    return tfra


@pytest.mark.requirement("ANX-B.6-03")
def test_an_mfra_is_as_wide_as_its_numbers():
    for number, width in ((1, 0), (255, 0), (256, 1)):
        assert table(trafs=(number,)).length_size_of_traf_num == width
        assert table(times=(0, 1), offsets=(0, 1), trafs=(number, 1), samples=(1, 1)).length_size_of_traf_num == width
    for number, width in ((1, 1), (255, 1), (65_535, 1), (65_536, 3)):
        assert table(samples=(number,)).length_size_of_sample_num == width
    for time, version in ((0, 0), ((1 << 32) - 1, 0), (1 << 32, 1)):
        assert table(times=(time,)).version == version
        assert table(offsets=(time,)).version == version
    assert table().length_size_of_trun_num == 0


def test_limits_of_a_fragment_are_what_the_text_says():
    usual = FragmentLimits()
    assert (usual.video, usual.other, usual.enough_bytes) == (0.5, 2.0, 32 << 10)
    assert (usual.max_bytes, usual.max_samples, usual.whole_segments) == (16 << 20, 10_000, False)
    assert FragmentLimits(video=0, other=0, max_bytes=1, max_samples=1).hard == (1, 1)
    assert FragmentLimits(max_bytes=3, max_samples=5, whole_segments=True).hard == (12, 80)
    year = 366 * 86_400
    assert FragmentLimits(video=year - 1, other=year - 1).video == year - 1
    for bad in (
        {"max_bytes": 0},
        {"max_samples": 0},
        {"video": -0.001},
        {"other": -0.001},
        {"video": year},
        {"other": year},
        {"video": float("nan")},
    ):
        with pytest.raises(MediaError):
            FragmentLimits(**bad)


def counts(events):
    """How many samples each fragment holds, by segment."""
    found = {}
    for event in events:
        if type(event).__name__ == "FragmentWritten":
            found.setdefault(event.key.counter, []).append(event.sample_count)
    return list(found.values())


@pytest.mark.requirement("ANX-B.3-03")
@pytest.mark.parametrize(("samples", "segments"), [(4, [20, 20, 10]), (5, [20, 20, 10]), (6, [30, 20])])
def test_a_segment_of_one_fragment_ends_when_it_holds_four_times_its_samples(samples, segments):
    limits = FragmentLimits(max_samples=samples, whole_segments=True)
    got = counts(record([VIDEO], video(2, gop=10), target(segment=60), limits=limits))
    assert got == [[count] for count in segments]


@pytest.mark.parametrize(("size", "segments"), [(1_999, [20, 20, 10]), (2_000, [20, 20, 10]), (2_001, [30, 20])])
def test_a_segment_of_one_fragment_ends_when_it_holds_its_bytes(size, segments):
    limits = FragmentLimits(max_bytes=size, whole_segments=True)
    got = counts(record([VIDEO], video(2, gop=10, size=100), target(segment=60), limits=limits))
    assert got == [[count] for count in segments]


@pytest.mark.requirement("ANX-B.3-01")
@pytest.mark.parametrize(("most", "fragments"), [(24, [24, 24, 2]), (25, [25, 25]), (26, [25, 25]), (10, [10] * 5)])
def test_a_fragment_holds_no_more_samples_than_it_may(most, fragments):
    limits = FragmentLimits(video=1.0, max_samples=most)
    assert counts(record([VIDEO], video(2), target(segment=60), limits=limits)) == [fragments]


@pytest.mark.parametrize(("most", "first"), [(999, 10), (1_000, 10), (1_001, 11)])
def test_a_fragment_ends_anywhere_when_it_holds_its_bytes(most, first):
    limits = FragmentLimits(max_bytes=most)
    got = counts(record([VIDEO], video(1, gop=100, size=100), target(segment=60), limits=limits))
    assert got[0][0] == first


@pytest.mark.parametrize(("enough", "first"), [(500, 5), (501, 10), (1_000, 10), (1_001, 15)])
def test_a_fragment_ends_at_a_sync_sample_when_it_holds_enough(enough, first):
    limits = FragmentLimits(video=60, enough_bytes=enough)
    got = counts(record([VIDEO], video(2, gop=5, size=100), target(segment=60), limits=limits))
    assert got[0][0] == first


@pytest.mark.parametrize(("seconds", "first"), [(0.199, 5), (0.2, 5), (0.201, 10), (0, 5)])
def test_a_fragment_of_video_ends_at_the_first_sync_sample_after_its_time(seconds, first):
    limits = FragmentLimits(video=seconds)
    assert counts(record([VIDEO], video(1, gop=5), target(segment=60), limits=limits))[0][0] == first


def test_a_segment_ends_at_the_first_sync_sample_at_which_it_is_long_enough():
    for milliseconds, first in ((1_999, 50), (2_000, 50), (2_001, 75)):
        chosen = target(segment=milliseconds / 1_000)
        (span,) = check_recording(record([VIDEO], video(6), chosen))
        assert len(span.segments[0].samples) == first


# ---- headers, targets, recorders -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "version", "clock"),
    [
        ("1903-12-31T23:59:59Z", 0, 0),
        ("1904-01-01T00:00:00Z", 0, 0),
        ("1904-01-01T00:00:01Z", 0, 1),
        ("2040-02-06T06:28:15Z", 0, (1 << 32) - 1),
        ("2040-02-06T06:28:16Z", 1, 1 << 32),
    ],
)
def test_creation_times_count_from_1904(at, version, clock):
    _, movie = parse_boxes(build_header(("iso6",), [VIDEO], 90_000, UtcTime.parse(at)))
    (head,) = movie.find_all(MovieHeaderBox)
    assert (head.version, head.creation_time, head.modification_time) == (version, clock, clock)


def test_targets_at_their_limits():
    least = timedelta(microseconds=1)
    assert RecordingTarget(segment_duration=least, span_duration=least).span_duration == least
    for bad in ({"segment_duration": timedelta(0)}, {"span_duration": timedelta(0)}, {"segment_duration": -least}):
        with pytest.raises(MediaError, match="positive"):
            RecordingTarget(**bad)
    for bad in ({"digits": 7}, {"prefix": "/"}, {"postfix": "a//b"}):
        with pytest.raises(ObjectKeyError):
            RecordingTarget(**bad)


@pytest.mark.parametrize("bits", [None, 1, 2, 32, 63, 64])
def test_widths_of_counters_that_are_taken(bits):
    recorder = Recorder([VIDEO], target(), timestamp_bits=bits)
    assert recorder.tracks == (VIDEO,)


@pytest.mark.parametrize("bits", [0, -1, 65])
def test_widths_of_counters_that_are_not(bits):
    with pytest.raises(MediaError, match="bits"):
        Recorder([VIDEO], target(), timestamp_bits=bits)


def test_boundaries_by_the_clock_and_since_opening():
    at = UtcTime(25_000_000)
    assert since_open(at, 10 * SECOND) == UtcTime(35_000_000)
    assert by_clock(at, 10 * SECOND) == UtcTime(30_000_000)
    assert by_clock(UtcTime(30_000_000), 10 * SECOND) == UtcTime(40_000_000), "never at once"
    assert by_clock(UtcTime(29_999_999), 10 * SECOND) == UtcTime(30_000_000)
    end = UtcTime.from_fields(9999, 12, 31, 23, 59, 59, 999_999)
    close = UtcTime(end.microseconds - 5)
    for ticks, due in ((4, UtcTime(end.microseconds - 1)), (5, end), (6, end)):
        assert since_open(close, timedelta(microseconds=ticks)) == due
    assert by_clock(close, 10 * SECOND) == end


def test_tracks_of_a_common_timescale_up_to_31_bits():
    """MP4 has one timescale for all tracks: theirs in common, or 90 kHz where that is too large."""

    def scale(*rates):
        tracks = [VIDEO, AUDIO][: len(rates)]
        return MP4.spans([_timed(track, rate) for track, rate in zip(tracks, rates, strict=True)])[0].timescale

    assert scale(90_000) == 90_000
    assert scale(90_000, 48_000) == 720_000
    assert scale(1 << 31, 1 << 30) == 1 << 31
    assert scale((1 << 31) + 2, 1) == 90_000


def _timed(track, timescale):
    return type(track)(track.token, track.track_id, timescale, track.codec)


def test_the_kinds_of_spans():
    assert [span.extension for span in CMAF.spans([AUDIO, VIDEO])] == ["m4v", "m4a"]
    assert [span.aligned for span in (*CMAF.spans([VIDEO]), *MP4.spans([VIDEO]))] == [True, False]
    for chosen in (CMAF, MP4):
        with pytest.raises(MediaError, match="without tracks"):
            chosen.spans([])
