"""Numbers that no file, key or calendar can hold: the library's own errors, and recording goes on."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from recording_kit import AUDIO, FORMATS, START, VIDEO, audio, mixed, record, target, video
from support_recorded import check_recording

from onvif_bmff.errors import MediaError, OnvifBmffError
from onvif_bmff.media import Sample
from onvif_bmff.recording.boundaries import by_clock, since_open
from onvif_bmff.recording.fragment import FragmentBuilder, FragmentTrack
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.timing import UtcTime

LAST = UtcTime.from_fields(9999, 12, 31, 23, 59, 58)
HUGE = [
    sign * (1 << power) + more for power in (31, 32, 53, 62, 63, 64, 70, 200) for sign in (1, -1) for more in (-1, 0)
]


def taken(recorder, samples):
    """Push samples; the events and the errors, which are all the library's own."""
    events, errors = [], []
    for sample in samples:
        try:
            events += recorder.push(sample)
        except OnvifBmffError as error:
            errors.append(error)
    return events + recorder.deactivate(), errors


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("field", ["decode_time", "duration", "composition_offset"])
@pytest.mark.parametrize("where", [0, 1, 100])
def test_one_sample_with_a_number_out_of_range(chosen, field, where):
    """The first of all, the first of another track, one in the middle."""
    for number in HUGE:
        samples = [replace(sample) for sample in mixed(video(4), audio(4))]
        setattr(samples[where], field, number)
        recorder = Recorder([VIDEO, AUDIO], target(chosen, segment=1))
        recorder.activate(START)
        events, errors = taken(recorder, samples)
        assert len(errors) <= 2 or field == "decode_time"  # a first time beyond the calendar, seen from the other track
        spans = check_recording(events, in_step=False)
        stored = sum(len(span.samples()) for span in spans)
        assert stored + sum(recorder.dropped.values()) + len(errors) >= len(samples)
        assert stored > 0 or field == "decode_time"


def test_a_first_time_out_of_range_is_refused_and_nothing_else_happens():
    recorder = Recorder([VIDEO], target())
    recorder.activate(START)
    for number in (1 << 60, -(1 << 62), 1 << 63, 10**30):
        with pytest.raises(MediaError, match="decode time"):
            recorder.push(Sample(1, number, 3_600, b"x"))
    events, errors = taken(recorder, video(2))
    assert not errors
    assert len(check_recording(events)[0].samples()) == 50


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("boundary", [since_open, by_clock])
def test_segments_and_spans_as_long_as_can_be(chosen, boundary):
    longest = replace(target(chosen), segment_duration=timedelta.max, span_duration=timedelta.max)
    spans = check_recording(record([VIDEO, AUDIO], mixed(video(3), audio(3)), longest, boundary=boundary))
    assert all(len(span.segments) == 1 for span in spans)
    assert boundary(LAST, timedelta(days=1)).year == 9999


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_the_end_of_the_calendar(chosen):
    recorder = Recorder([VIDEO, AUDIO], target(chosen, segment=1))
    recorder.activate(LAST)
    try:
        _, errors = taken(recorder, mixed(video(6), audio(6)))
    except OnvifBmffError as error:
        errors = [error]
    assert errors


@pytest.mark.parametrize(
    "options",
    [{"max_gap": float("inf")}, {"max_gap": float("nan")}, {"timestamp_bits": 0}, {"timestamp_bits": -1},
     {"timestamp_bits": 1_000}],
    ids=str,
)  # fmt: skip
def test_options_that_are_no_numbers(options):
    with pytest.raises(MediaError):
        Recorder([VIDEO], target(), **options)


@pytest.mark.parametrize(
    "limits",
    [{"video": float("inf")}, {"other": float("nan")}, {"video": -1}, {"max_bytes": 0}, {"max_samples": -5}],
    ids=str,
)
def test_limits_that_are_none(limits):
    with pytest.raises(MediaError):
        FragmentLimits(**limits)


@pytest.mark.parametrize("time", [float("inf"), float("nan"), "x"])
def test_media_times_that_are_none(time):
    recorder = Recorder([VIDEO], target())
    with pytest.raises(MediaError):
        recorder.activate(START, media_time=time)
    assert not recorder.active
    recorder.activate(START, media_time=1.5)
    with pytest.raises(MediaError):
        recorder.set_clock(START, time)
    recorder.set_clock(START, 10**40)
    events, errors = taken(recorder, video(3))
    assert errors
    assert all(isinstance(error, OnvifBmffError) for error in errors)
    assert events is not None


@pytest.mark.parametrize(("field", "number"), [("decode_time", 1.5), ("duration", 2.5), ("composition_offset", 0.5)])
def test_a_fragment_of_numbers_that_are_not_whole(field, number):
    builder = FragmentBuilder([FragmentTrack(1, 90_000)])
    builder.push(replace(Sample(1, 0, 10, b"x"), **{field: number}))
    with pytest.raises(MediaError):
        builder.close(1)
    builder.push(Sample(1, 1 << 63, 10, b"x"))
    with pytest.raises(MediaError, match="behind"):
        builder.close(2)


def test_a_gap_longer_than_anything():
    recorder = Recorder([VIDEO], target(), max_gap=Fraction(10**40))
    recorder.activate(START)
    events, errors = taken(recorder, video(2))
    assert not errors
    assert check_recording(events)
