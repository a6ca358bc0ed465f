"""One rule for keys and durations: a key and the duration is the next key, wherever one track leads a segment."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recording_kit import (
    AUDIO,
    CMAF,
    FORMATS,
    FRAME,
    META,
    MP4,
    VIDEO,
    audio,
    data,
    metadata,
    mixed,
    of,
    record,
    target,
    video,
)
from support_recorded import check_recording

from onvif_bmff.media import Sample
from onvif_bmff.storage import MemoryStore, StoreSink
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store


def steps(span):
    """By how many seconds each key of a span is later than the key before it and its duration say."""
    found = []
    for before, after in pairwise([*(segment.obj for segment in span.segments), span.end]):
        found.append((after.key.time - before.key.time - before.attributes.duration).total_seconds())
    return found


def open_groups(count, size=6):
    """Groups whose key frame is shown after three pictures that follow it."""
    offsets = (3, 0, 0, 0, 2, 2)
    return [
        Sample(1, (group * size + n) * FRAME, FRAME, data("v", group * size + n), n == 0, offset * FRAME)
        for group in range(count)
        for n, offset in enumerate(offsets)
    ]


@pytest.mark.requirement("ANX-B.4-05", "ANX-B.5-04")
@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_open_groups_are_named_after_the_picture_that_is_shown_first(chosen):
    """It follows the key frame that begins the segment, and is shown before it."""
    (span,) = check_recording(record([VIDEO], open_groups(40), target(chosen, segment=1, digits=6)))
    assert len(span.segments) >= 8
    assert max(map(abs, steps(span)[:-1])) < 2e-6
    begin = min(one.presented for one in span.segments[0].samples)
    for segment in span.segments:
        first = segment.samples[0]
        assert first.sync
        shown = min(one.presented for one in segment.samples)
        assert shown < first.presented
        passed = segment.obj.key.time.microseconds - span.segments[0].obj.key.time.microseconds
        assert passed == pytest.approx((shown - begin) * 1_000_000 / span.timescale, abs=1)


@pytest.mark.requirement("ANX-B.4-05")
@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("closed", [(0,), (0, 3, 4, 9), (5,)], ids=str)
def test_key_and_duration_is_the_next_key_where_some_groups_are_open_and_some_are_not(closed, chosen):
    """An encoder begins with a closed group, and may make one where the scene changes: its key frame waits less."""
    samples = []
    for group in range(20):
        offsets = (2,) * 6 if group in closed else (5, 1, 1, 1, 2, 2)
        samples += [
            Sample(1, (group * 6 + n) * FRAME, FRAME, data("v", group * 6 + n), n == 0, offset * FRAME)
            for n, offset in enumerate(offsets)
        ]
    (span,) = check_recording(record([VIDEO], samples, target(chosen, segment=1, digits=6)))
    assert len(span.segments) >= 4
    assert max(map(abs, steps(span))) < 2e-6


@pytest.mark.requirement("ANX-B.4-05")
@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("off", [-3, -3_600])
def test_a_picture_whose_offset_is_wrong_names_no_segment(off, chosen):
    samples = video(20, reorder=True)
    wrong = 7
    samples[wrong] = replace(samples[wrong], composition_offset=off * 90_000)
    (span,) = check_recording(record([VIDEO], samples, target(chosen, segment=4, digits=6)))
    assert max(map(abs, steps(span)[:-1])) < 2e-6


@pytest.mark.requirement("ANX-B.4-05")
@pytest.mark.parametrize("late", [0, 0.3, 2.5])
def test_where_another_track_begins_a_multiplexed_span_only_its_first_key_is_earlier(late):
    """By as much as pictures are late: B.4 names a segment after its first sample, and B.9 measures the pictures."""
    samples = mixed(video(30, start=late), audio(30), metadata(*range(30)))
    (span,) = check_recording(record([VIDEO, AUDIO, META], samples, target(MP4, segment=4, digits=6)))
    found = steps(span)
    assert found[0] == pytest.approx(late, abs=0.05)
    assert max(map(abs, found[1:-1])) < 2e-6


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.integers(1, 60),
    st.booleans(),
    st.fractions(0, 1, max_denominator=50),
    st.sampled_from((1, 3, 7)),
)
def test_a_key_and_the_duration_is_the_next_key(chosen, gop, reorder, late, segment):
    samples = mixed(video(20, gop=gop, reorder=reorder), audio(20, start=late))
    spans = check_recording(record([VIDEO, AUDIO], samples, target(chosen, segment=segment, digits=6)))
    lead = of(spans, "m4v" if chosen is CMAF else "mp4")
    earlier = FRAME / 90_000 - late if reorder and chosen is MP4 else 0  # sound that is heard before the first picture
    for number, span in enumerate(lead):
        found = steps(span)[:-1]
        if found and not number:
            assert found.pop(0) == pytest.approx(max(0, float(earlier)), abs=2e-5)
        assert max(map(abs, found), default=0) < 2e-6


YEARS = [
    "1970-01-01T00:00:00Z", "1999-12-31T23:59:55Z", "2016-12-31T23:59:57Z", "2038-01-19T03:14:02Z",
    "2040-02-06T06:28:11Z", "2106-02-07T06:28:10Z",
]  # fmt: skip


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("at", YEARS)
def test_recordings_run_through_the_ends_of_all_counters_of_seconds(chosen, at):
    """Of 2038 (31 bits from 1970), of 2040 (32 from 1904), of 2106 (32 from 1970); from 1970, past a leap second."""
    start = UtcTime.parse(at)
    pictures = [replace(one, data=len(one.data).to_bytes(4, "big") + b"\x65" + one.data[1:]) for one in video(12)]
    events = record([VIDEO], pictures, target(chosen, segment=2, digits=6), at=start, media_time=Fraction(0))
    (span,) = check_recording(events)
    assert [segment.obj.key.time - start for segment in span.segments] == [
        span.segments[0].obj.attributes.duration * n for n in range(6)
    ]
    assert span.end.key.time - start == span.segments[0].obj.attributes.duration * 6
    store = MemoryStore()
    with StoreSink(store) as sink:
        sink.add_all(events)
    assert not [one for one in validate_store(store) if one.level.value == "error" and one.rule != "ANX-B.3-08"]
