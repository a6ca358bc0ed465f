"""When exactly things end: spans and segments to the tick, whoever leads, in both formats."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from recording_kit import (
    AUDIO,
    CMAF,
    FORMATS,
    FRAME,
    G711,
    META,
    MJPEG,
    MP4,
    NEW_VIDEO,
    SECOND,
    START,
    VIDEO,
    audio,
    metadata,
    mixed,
    record,
    target,
    video,
)
from support_recorded import check_recording

from onvif_bmff.media import Sample
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.timing import UtcTime

BOTH = pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
SCALES = {VIDEO.track_id: 90_000, G711.track_id: 8_000, META.track_id: 1_000}


def later(samples, ticks):
    """The same samples, presented so many ticks later."""
    return [replace(one, composition_offset=one.composition_offset + ticks) for one in samples]


def after(seconds):
    return START.plus_ticks(round(seconds * 1_000_000), 1_000_000)


def spans_of(events, extension=None, **options):
    return [one for one in check_recording(events, **options) if extension in (None, one.extension)]


def begun(spans):
    """Seconds after the start at which each span begins, as its first key has it."""
    return [(span.segments[0].obj.key.time - START) / SECOND for span in spans]


def ended(spans):
    return [(span.end.key.time - START) / SECOND for span in spans]


def counts(spans, track_id=None):
    return [len(span.samples(track_id)) for span in spans]


# ---- durations of spans ----------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.2-03")
@BOTH
@pytest.mark.parametrize(("limit", "first"), [(3.999, 100), (4, 100), (4.001, 125)])
@pytest.mark.parametrize("offset", [0, 45_000, 180_000])
def test_a_span_ends_at_the_sync_sample_at_which_it_is_long_enough(chosen, limit, first, offset):
    """However late its pictures are presented."""
    events = record([VIDEO], later(video(12), offset), target(chosen, segment=1, span=limit))
    assert counts(spans_of(events))[0] == first


@BOTH
@pytest.mark.parametrize("offset", [0, 45_000, 180_000])
def test_a_segment_ends_at_the_sync_sample_at_which_it_is_long_enough(chosen, offset):
    events = record([VIDEO], later(video(12), offset), target(chosen, segment=4))
    (span,) = spans_of(events)
    assert [len(segment.samples) for segment in span.segments] == [100, 100, 100]


def test_a_span_of_pictures_that_begin_late_is_as_long_as_any():
    """Sound begins at 0, pictures at 3 seconds, in spans of their own: four seconds are counted from 3."""
    samples = mixed(audio(12), video(9, start=3))
    events = record([VIDEO, AUDIO], samples, target(CMAF, segment=1, span=4), media_time=Fraction(0))
    assert begun(spans_of(events, "m4v")) == [3, 7, 11]
    events = record([VIDEO, AUDIO], samples, target(MP4, segment=1, span=4), media_time=Fraction(0))
    assert begun(spans_of(events)) == [0, 4, 8], "one span of all has the time of the first"


# ---- overrides and early ends ----------------------------------------------------------------------------


@pytest.mark.requirement("REC-5.24-04")
@BOTH
@pytest.mark.parametrize(
    ("expires", "lengths"), [(4, [50, 50, 150, 50]), (3.999, [50, 50, 150, 50]), (4.001, [50, 50, 50, 150])]
)
def test_an_override_holds_for_segments_that_open_before_it_expires(chosen, expires, lengths):
    def override(recorder):
        recorder.override_segment_duration(2 * SECOND, after(expires))

    events = record([VIDEO], video(12), target(chosen, segment=6), steps=[(0, override)])
    (span,) = spans_of(events)
    assert [len(segment.samples) for segment in span.segments] == lengths


@pytest.mark.requirement("ANX-B.3-02")
@BOTH
@pytest.mark.parametrize("how", ["early", "override"])
@pytest.mark.parametrize(
    ("gop", "at", "cut"),
    [(25, 26, 25), (25, 27, 50), (25, 40, 50), (25, 50, 50), (25, 51, 50), (25, 52, 75), (10, 28, 30), (10, 32, 40)],
)
def test_a_segment_is_closed_early_at_the_very_next_sync_sample(chosen, how, gop, at, cut):
    """The sample before ``at`` is not stored yet: nothing has told how long it lasts."""

    def close(recorder):
        if how == "early":
            recorder.end_segments_early()
        else:
            recorder.override_segment_duration(60 * SECOND, after(3_600))

    events = record([VIDEO], video(10, gop=gop), target(chosen, segment=60), steps=[(at, close)])
    (span,) = spans_of(events)
    assert [len(segment.samples) for segment in span.segments] == [cut, 250 - cut]


@BOTH
@pytest.mark.parametrize("count", [100, 112])
@pytest.mark.parametrize("offset", [0, 45_000])
def test_an_override_is_told_until_media_have_come_to_its_end(chosen, offset, count):
    """Media time is that of the newest sample whose duration is known, presented as the first one was."""
    recorder = Recorder([VIDEO], target(chosen, segment=60))
    begin = Fraction(offset, 90_000)
    recorder.activate(after(begin))
    override = (7 * SECOND, after(begin + Fraction(count, 25)))
    recorder.override_segment_duration(*override)
    assert recorder.override == override
    for number, sample in enumerate(later(video(8), offset)):
        recorder.push(sample)
        assert recorder.override == (override if number - 1 < count else None), number
    recorder.deactivate()


# ---- what closes spans -----------------------------------------------------------------------------------


def set_clock(recorder):
    recorder.set_clock(START + timedelta(hours=1), Fraction(0))


@pytest.mark.requirement("ANX-B.2-03")
@BOTH
@pytest.mark.parametrize(("gop", "at", "cut"), [(25, 40, 50), (10, 28, 30), (10, 32, 40)])
@pytest.mark.parametrize("change", ["prefix", "postfix", "digits", "codec", "clock"])
def test_a_change_closes_the_span_at_the_very_next_sync_sample(chosen, gop, at, cut, change):
    steps = {
        "prefix": lambda recorder: recorder.reconfigure(target(chosen, segment=60, prefix="other")),
        "postfix": lambda recorder: recorder.reconfigure(target(chosen, segment=60, postfix="other")),
        "digits": lambda recorder: recorder.reconfigure(target(chosen, segment=60, digits=6)),
        "codec": lambda recorder: recorder.replace_track(NEW_VIDEO),
        "clock": set_clock,
    }
    samples = video(8, gop=gop)
    if change == "codec":  # announced with the sync sample from which it holds
        at = cut
    found = spans_of(record([VIDEO], samples, target(chosen, segment=60), steps=[(at, steps[change])]))
    assert counts(found) == [cut, 200 - cut]
    assert begun(found)[1] == pytest.approx(cut / 25 + 3_600 * (change == "clock"), abs=0.001)


@BOTH
def test_a_new_duration_of_segments_holds_from_the_next_one(chosen):
    """The open segment ends when it was due, and nothing else closes."""
    steps = [(53, lambda recorder: recorder.reconfigure(target(chosen, segment=3)))]
    (span,) = spans_of(record([VIDEO], video(8, gop=10), target(chosen, segment=2), steps=steps))
    assert [len(segment.samples) for segment in span.segments] == [50, 50, 80, 20]


# ---- gaps ------------------------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.1-05")
@BOTH
@pytest.mark.parametrize(("pause", "spans"), [(0.96, 1), (1, 1), (1.04, 2), (15, 2)])
@pytest.mark.parametrize("cut", [50, 60])
def test_a_gap_in_a_long_segment_ends_the_span(chosen, pause, spans, cut):
    """Whether what follows it is a sync sample or not; until one comes nothing is stored."""
    whole = video(12)
    moved = round(pause * 90_000) - FRAME
    samples = whole[:cut] + [replace(one, decode_time=one.decode_time + moved) for one in whole[cut:]]
    found = spans_of(record([VIDEO], samples, target(chosen, segment=600)))
    lost = 0 if spans == 1 else -cut % 25
    assert counts(found) == ([300] if spans == 1 else [cut, 300 - cut - lost])
    assert ended(found)[0] == pytest.approx(12 + pause - 0.04 if spans == 1 else cut / 25)


@pytest.mark.requirement("ANX-B.1-05")
@BOTH
@pytest.mark.parametrize("gop", [10, 25])
@pytest.mark.parametrize("count", [300, 310, 317])
def test_a_source_that_starts_anew_begins_a_span(chosen, gop, count):
    """Its time goes on where it was, so that there is no gap in time; the old span does up to a sync sample."""
    recorder = Recorder([VIDEO], target(chosen, segment=600))
    recorder.activate(START)
    before = 3
    anew = video(4, gop=gop, first=count)[gop - before :]
    assert anew[before].sync
    assert not any(one.sync for one in anew[:before])
    events = [event for sample in [*video(count / 25, gop=gop), *anew] for event in recorder.push(sample)]
    events += recorder.deactivate()
    found = spans_of(events)
    assert counts(found) == [count + before, len(anew) - before]
    assert not recorder.dropped
    assert ended(found)[0] == pytest.approx((count + before) / 25, abs=0.001)
    assert begun(found)[1] == pytest.approx((count + before) / 25, abs=0.001)


@BOTH
def test_a_source_that_starts_anew_with_a_sync_sample_loses_nothing(chosen):
    recorder = Recorder([VIDEO], target(chosen, segment=600))
    recorder.activate(START)
    events = [
        event for sample in [*video(12.4, gop=10), *video(4, gop=10, first=310)] for event in recorder.push(sample)
    ]
    found = spans_of([*events, *recorder.deactivate()])
    assert counts(found) == [310, 100]
    assert not recorder.dropped


# ---- several tracks in one span --------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.1-06", "ANX-B.3-04")
@pytest.mark.parametrize("shift", [0, 159, 1])
def test_sound_from_a_cut_on_is_in_the_next_segment(shift):
    """A packet that begins at the cut itself belongs behind it, one that begins a tick earlier before it."""
    sound = [replace(one, decode_time=one.decode_time + shift) for one in audio(6, track=G711)]
    events = record([MJPEG, G711], mixed(video(6, track=MJPEG), sound, scales=SCALES), target(MP4, segment=2))
    (span,) = spans_of(events)
    firsts = []
    for segment in span.segments:
        times = {s.track_id: s.decode_time for s in reversed(segment.samples)}
        firsts.append(Fraction(times[2] - times[1], span.timescale) * 8_000)
    assert firsts == [shift] * 3


def test_a_document_lasts_as_long_as_the_other_media_of_its_span():
    pictures = video(5)
    for at, told, lasting in ((1, 10_000, 4), (4.5, 10_000, 1), (1, 300, 0.3), (4.5, 300, 0.3), (4, 1_000, 1)):
        documents = [replace(one, duration=told) for one in metadata(at)]
        (span,) = spans_of(record([VIDEO, META], mixed(pictures, documents), target(MP4)))
        (document,) = span.samples(META.track_id)
        assert document.duration / span.timescale == lasting
    documents = [replace(one, duration=10_000) for one in metadata(1)]
    found = spans_of(record([VIDEO, META], mixed(pictures, documents), target(CMAF)), "m4m")
    assert found[0].samples()[0].duration == 10_000, "in a span of its own it lasts as long as it says"


@pytest.mark.parametrize("offset", [0, 400])
def test_documents_are_cut_where_segments_end(offset):
    documents = later([replace(one, duration=0) for one in metadata(0, 0.5, 3)], offset)
    events = record([VIDEO, META], mixed(video(6), documents), target(MP4, segment=2))
    (span,) = spans_of(events)
    stored = [
        [s.duration / span.timescale for s in segment.samples if s.track_id == META.track_id]
        for segment in span.segments
    ]
    late = offset / 1_000
    assert stored == [[0.5, 1.5 - late], [1 - late], []]


def test_a_change_of_format_keeps_what_comes_late_where_it_belongs():
    """Sound that arrives a third of a second behind its pictures: the new span waits for it as any other."""
    late = sorted(
        [(Fraction(one.decode_time, 90_000), one) for one in video(8)]
        + [(Fraction(one.decode_time, 48_000) + Fraction(1, 3), one) for one in audio(8)],
        key=lambda pair: pair[0],
    )
    samples = [one for _, one in late]
    index = next(n for n, one in enumerate(samples) if one.track_id == 1 and one.decode_time == 3 * 90_000)
    steps = [(index, lambda recorder: recorder.reconfigure(target(MP4, segment=1)))]
    found = spans_of(record([VIDEO, AUDIO], samples, target(CMAF, segment=1), steps=steps))
    assert [one.extension for one in found] == ["m4v", "m4a", "mp4"]
    assert sum(len(one.samples(2)) for one in found) == 375
    span = found[-1]
    assert [len([s for s in segment.samples if s.track_id == 1]) for segment in span.segments] == [25] * 5
    for segment in span.segments:
        first = min(s.decode_time for s in segment.samples if s.track_id == 1)
        assert all(first <= s.decode_time < first + span.timescale for s in segment.samples)


def test_a_span_led_by_sound_ends_where_pictures_begin_another():
    """Pictures begin when sound has led for long and falls silent; they are other ones than its header says."""
    samples = mixed(audio(19.9), video(10, start=20))
    index = next(n for n, one in enumerate(samples) if one.track_id == 1)
    steps = [(index, lambda recorder: recorder.replace_track(NEW_VIDEO))]
    events = record([VIDEO, AUDIO], samples, target(MP4, segment=5), steps=steps, media_time=Fraction(0))
    first, second = spans_of(events)
    assert (counts([first, second], AUDIO.track_id), counts([first, second], VIDEO.track_id)) == ([933, 0], [0, 250])
    assert begun([first, second]) == [0, 20]
    assert first.end.key.time <= second.segments[0].obj.key.time
    kinds = [type(event).__name__ for event in events]
    assert kinds.index("SpanEnded") < kinds.index("SegmentOpened", kinds.index("SpanEnded"))


# ---- where tick 0 is -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scales", "first", "expected"),
    [
        ((1_000, 900), 1_007, 7),  # every 10 ms both have a whole tick: just short enough
        ((1_000, 891), 1_007, 0),  # every 1000 / 1000 of a second only: too far before the first picture
        ((1_000, 1_000), 1_007, 0),
        ((1_000, 500), 1_007, 1),
    ],
)
def test_tick_0_is_a_whole_tick_of_all_tracks_unless_that_lies_far_back(scales, first, expected):
    pictures = replace(MJPEG, timescale=scales[0])
    documents = replace(META, timescale=scales[1])
    samples = [Sample(1, first + 40 * n, 40, b"v%d" % n) for n in range(50)]
    samples.insert(1, Sample(3, scales[1] * 3 // 2, scales[1], b"m"))
    found = spans_of(record([pictures, documents], samples, target(CMAF)), "m4v")
    assert found[0].samples()[0].decode_time == expected


def test_keys_of_spans_that_begin_in_one_instant_differ():
    """Three spans in one millisecond: all names are different, and the later ones have finer times."""
    recorder = Recorder([VIDEO], target(CMAF))
    events = []
    for number in range(3):
        recorder.activate(UtcTime(START.microseconds + number))
        for sample in video(0.04, start=number):
            events += recorder.push(sample)
        events += recorder.deactivate()
    keys = [event.key for event in events if type(event).__name__ in ("SegmentOpened", "SpanEnded")]
    assert len({str(key) for key in keys}) == 6
    assert [key.digits for key in keys if not key.span_end] == [3, 6, 6]


def test_keys_of_spans_in_one_instant_differ_where_their_precision_changes():
    """Three spans in one millisecond, with keys of 3, 6 and 3 digits: the third does not get the name of the first."""
    recorder = Recorder([VIDEO], target(CMAF))
    events = []
    for number, digits in enumerate((3, 6, 3)):
        recorder.reconfigure(target(CMAF, digits=digits))
        recorder.activate(UtcTime(START.microseconds + number))
        for sample in video(0.04, start=number):
            events += recorder.push(sample)
        events += recorder.deactivate()
    keys = [event.key for event in events if type(event).__name__ in ("SegmentOpened", "SpanEnded")]
    assert len({str(key) for key in keys}) == 6
    assert [key.digits for key in keys if not key.span_end] == [3, 6, 6]


def test_microseconds_of_a_target_count():
    least = timedelta(microseconds=2_000_001)
    chosen = replace(target(CMAF, segment=60), segment_duration=least)
    (span,) = spans_of(record([VIDEO], video(6), chosen))
    assert [len(segment.samples) for segment in span.segments] == [75, 75]
