"""The table of cuts, and each of its causes at work."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

import pytest
from recording_kit import (
    AUDIO,
    CMAF,
    FORMATS,
    FRAME,
    META,
    MP4,
    NEW_AUDIO,
    NEW_VIDEO,
    SECOND,
    START,
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

from onvif_bmff.cenc.keys.content import ContentKey, FixedKey, RotatingKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.errors import MediaError, StateError
from onvif_bmff.media import Sample
from onvif_bmff.objects import SpanEnded
from onvif_bmff.recording.boundaries import by_clock, since_open
from onvif_bmff.recording.cuts import CUTS, CutCause, Moment, Spans, decide
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.timing import UtcTime

BOTH = [VIDEO, AUDIO]


def lasting(span):
    """Seconds that each segment lasts, by its attributes."""
    return [segment.obj.attributes.duration / SECOND for segment in span.segments]


def starts(spans):
    return [span.segments[0].obj.key.time - START for span in spans]


# ---- the table ----------------------------------------------------------------------------------------------


def test_every_cause_has_a_rule_and_a_clause():
    assert set(CUTS) == set(CutCause)
    for cut in CUTS.values():
        assert cut.clause


def test_no_cause_no_cut():
    assert decide(()) is None


@pytest.mark.parametrize("cause", list(CutCause))
def test_a_cause_alone(cause):
    assert decide([cause]) is (None if CUTS[cause].moment is Moment.SEGMENT else cause)


@pytest.mark.parametrize("cause", [CutCause.KEY_ROTATED, CutCause.ENCRYPTION_CHANGED])
def test_what_waits_for_the_end_of_a_segment_decides_there(cause):
    for ending in (CutCause.SEGMENT_DURATION, CutCause.RESOURCES, CutCause.DURATION_OVERRIDE):
        assert decide([ending, cause]) is cause
    assert decide([CutCause.KEY_ROTATED, CutCause.ENCRYPTION_CHANGED]) is None


def test_the_cause_that_closes_most_wins():
    reach = [list(Spans).index(CUTS[cause].spans) for cause in CutCause]
    for first in CutCause:
        for second in CutCause:
            found = decide([first, second])
            if found is not None and Moment.SEGMENT not in (CUTS[first].moment, CUTS[second].moment):
                index = list(CutCause).index
                assert reach[index(found)] == max(reach[index(first)], reach[index(second)])


# ---- segment duration -----------------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.3-03", "ANX-B.3-05", "REC-5.3.1-16")
@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize(
    ("segment", "gop", "expected"), [(4, 25, 4), (4, 75, 6), (5, 50, 6), (0.1, 25, 1), (60, 25, 20)]
)
def test_segments_last_as_long_as_configured_or_up_to_a_gop_longer(chosen, segment, gop, expected):
    spans = check_recording(record([VIDEO], video(20, gop=gop), target(chosen, segment=segment)))
    assert len(spans) == 1
    whole, rest = divmod(20, expected)
    assert lasting(spans[0]) == [expected] * whole + [rest] * bool(rest)


@pytest.mark.requirement("ANX-B.7-12", "ANX-B.3-04")
def test_segments_of_different_tracks_need_not_align():
    """Each track ends its segments where it can: at a group of two seconds, at a packet, with a document."""
    samples = mixed(video(20, gop=50), audio(20), metadata(0, 1, 7, 13, 19))
    spans = check_recording(record([VIDEO, AUDIO, META], samples, target(segment=3)))
    begin = {span.extension: [(segment.obj.key.time - START) / SECOND for segment in span.segments] for span in spans}
    assert begin == {
        "m4v": pytest.approx([0, 4, 8, 12, 16], abs=1e-3),
        "m4a": pytest.approx([n * 141 * 1024 / 48_000 for n in range(7)], abs=1e-3),
        "m4m": pytest.approx([0, 7, 13, 19], abs=1e-3),
    }
    for span in spans:
        for before, after in pairwise(span.segments):
            gap = after.obj.key.time - before.obj.key.time - before.obj.attributes.duration
            assert abs(gap) <= timedelta(milliseconds=2)


def test_segments_by_the_clock_line_up():
    recorder_a = record([VIDEO], video(30), target(segment=10), boundary=by_clock)
    (span,) = check_recording(recorder_a)
    # 15:08:23.547: the next whole ten seconds, then the key frame after each
    assert [segment.obj.key.time.isoformat() for segment in span.segments] == [
        "2022-11-08T15:08:23.547Z",
        "2022-11-08T15:08:30.547Z",
        "2022-11-08T15:08:40.547Z",
        "2022-11-08T15:08:50.547Z",
    ]
    assert by_clock(UtcTime(10_000_000), 10 * SECOND) == UtcTime(20_000_000)
    assert since_open(START, 10 * SECOND) == START + 10 * SECOND


# ---- span duration --------------------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.2-03", "REC-5.3.1-15", "ANX-B.3-01", "ANX-B.3-02", "ANX-B.1-05")
@pytest.mark.parametrize("chosen", FORMATS)
def test_all_spans_close_when_one_is_as_long_as_configured(chosen):
    samples = mixed(video(30), audio(30), metadata(*range(30)))
    spans = check_recording(record([VIDEO, AUDIO, META], samples, target(chosen, segment=4, span=10)))
    extensions = {"m4v", "m4a", "m4m"} if chosen is CMAF else {"mp4"}
    assert {span.extension for span in spans} == extensions
    for extension in extensions:
        found = of(spans, extension)
        assert [round(start / SECOND) for start in starts(found)] == [0, 10, 20]
        for before, after in pairwise(found):
            assert abs(after.segments[0].obj.key.time - before.end.key.time) <= timedelta(milliseconds=25) or (
                extension == "m4m"
            )
    assert sum(len(span.samples()) for span in spans) == len(samples)


@pytest.mark.requirement("ANX-B.2-04")
@pytest.mark.parametrize("chosen", FORMATS)
def test_without_a_span_duration_there_is_one_span(chosen):
    spans = check_recording(record(BOTH, mixed(video(100), audio(100)), target(chosen, segment=10)))
    assert [len(span.segments) >= 10 for span in spans] == [True] * len(spans)
    assert len(spans) == len({span.extension for span in spans})


@pytest.mark.parametrize("chosen", FORMATS)
def test_spans_shorter_than_a_segment(chosen):
    spans = check_recording(record(BOTH, mixed(video(12), audio(12)), target(chosen, segment=60, span=1)))
    for extension in {span.extension for span in spans}:
        found = of(spans, extension)
        assert len(found) in (11, 12, 13)
        assert all(len(span.segments) == 1 for span in found)


def test_a_span_ends_though_its_leading_track_has_no_key_frame():
    samples = mixed(video(40, gop=10_000), audio(40))
    spans = check_recording(record(BOTH, samples, target(span=10, segment=5)))
    assert len(of(spans, "m4v")) == 1
    assert len(of(spans, "m4a")) >= 2
    assert sum(len(span.samples()) for span in spans) == len(samples)


# ---- early close and override ---------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.3-07")
@pytest.mark.parametrize("chosen", FORMATS)
def test_segments_close_early_at_the_next_key_frame(chosen):
    samples = video(20)
    steps = [(60, lambda recorder: recorder.end_segments_early())]
    (span,) = check_recording(record([VIDEO], samples, target(chosen), steps=steps))
    assert lasting(span) == [3, 10, 7]


def test_closing_early_before_anything_is_open_does_nothing():
    steps = [(0, lambda recorder: recorder.end_segments_early())]
    (span,) = check_recording(record([VIDEO], video(20), steps=steps))
    assert lasting(span) == [10, 10]


@pytest.mark.requirement("REC-5.24-01", "REC-5.24-02", "REC-5.24-03", "REC-5.24-04")
@pytest.mark.parametrize("chosen", FORMATS)
def test_an_override_begins_at_once_and_expires(chosen):
    seen = []

    def begin(recorder):
        recorder.override_segment_duration(2 * SECOND, START + 17 * SECOND)
        seen.append(recorder.override)

    def later(recorder):
        seen.append(recorder.override)

    steps = [(5 * 25 + 3, begin), (30 * 25, later)]
    (span,) = check_recording(record([VIDEO], video(40), target(chosen), steps=steps))
    assert lasting(span) == [6, 2, 2, 2, 2, 2, 2, 10, 10, 2]
    assert seen == [(2 * SECOND, START + 17 * SECOND), None]


def test_an_override_replaces_the_one_before_and_a_new_configuration_removes_it():
    steps = [
        (1, lambda recorder: recorder.override_segment_duration(SECOND, START + 1000 * SECOND)),
        (78, lambda recorder: recorder.override_segment_duration(3 * SECOND, START + 1000 * SECOND)),
        (260, lambda recorder: recorder.reconfigure(target(segment=10))),
    ]
    (span,) = check_recording(record([VIDEO], video(30), steps=steps))
    assert lasting(span) == [1, 1, 1, 1, 3, 3, 3, 10, 7]


def test_overrides_that_make_no_sense_are_refused():
    recorder = Recorder([VIDEO], target())
    for duration in (timedelta(0), -SECOND):
        with pytest.raises(MediaError, match="positive"):
            recorder.override_segment_duration(duration, START)
    assert recorder.override is None
    recorder.override_segment_duration(SECOND, START)
    assert recorder.override == (SECOND, START)


# ---- the movie changes ----------------------------------------------------------------------------------------


def change(*tracks):
    def step(recorder):
        for track in tracks:
            recorder.replace_track(track)

    return step


@pytest.mark.requirement("ANX-B.2-06", "ANX-B.2-05")
@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("gop", [25, 5])
def test_a_new_video_configuration_closes_all_spans(chosen, gop):
    samples = mixed(video(10, gop=gop), audio(10))
    first_new = next(n for n, s in enumerate(samples) if s.track_id == 1 and s.decode_time == 5 * 90_000)
    spans = check_recording(record(BOTH, samples, target(chosen), steps=[(first_new, change(NEW_VIDEO))]))
    lead = of(spans, "m4v" if chosen is CMAF else "mp4")
    assert starts(lead) == [timedelta(0), 5 * SECOND]
    widths = [span.segments[0].obj.attributes.video_width for span in lead]
    assert widths == [VIDEO.codec.width, NEW_VIDEO.codec.width]
    assert len(spans) == (4 if chosen is CMAF else 2)
    assert sum(len(span.samples()) for span in spans) == len(samples)


@pytest.mark.parametrize("chosen", FORMATS)
def test_a_new_configuration_between_key_frames_waits_for_one(chosen):
    samples = mixed(video(10), audio(10))
    index = next(n for n, s in enumerate(samples) if s.track_id == 1 and s.decode_time == 130 * FRAME)
    spans = check_recording(record(BOTH, samples, target(chosen), steps=[(index, change(NEW_VIDEO))]))
    stored = [s.data for span in spans for s in span.samples() if s.data.startswith(b"v")]
    assert stored == [data("v1-", n) for n in (*range(130), *range(150, 250))]
    lead = of(spans, "m4v" if chosen is CMAF else "mp4")
    last = [span for span in lead if any(s.data.startswith(b"v") for s in span.samples())][-1]
    assert last.segments[0].obj.attributes.video_width == NEW_VIDEO.codec.width
    assert all(span.segments[0].obj.attributes.full_content_type for span in spans)


@pytest.mark.requirement("ANX-B.2-06")
@pytest.mark.parametrize("chosen", FORMATS)
def test_a_new_audio_configuration_closes_all_spans(chosen):
    samples = mixed(video(10), audio(10))
    index = next(n for n, s in enumerate(samples) if s.track_id == 2 and s.decode_time >= 5.5 * 48_000)
    spans = check_recording(record(BOTH, samples, target(chosen), steps=[(index, change(NEW_AUDIO))]))
    assert len(spans) == (4 if chosen is CMAF else 2)
    for span in spans:
        assert span.samples()[0].sync
    lead = of(spans, "m4v" if chosen is CMAF else "mp4")
    assert starts(lead) == [timedelta(0), 6 * SECOND]
    stored = {s.data for span in spans for s in span.samples()}
    lost = [s for s in samples if bytes(s.data) not in stored]
    assert {s.track_id for s in lost} <= {2}
    assert len(lost) <= (0 if chosen is CMAF else 25)


@pytest.mark.parametrize("chosen", FORMATS)
def test_both_configurations_change_at_once(chosen):
    samples = mixed(video(10), audio(10))
    index = next(n for n, s in enumerate(samples) if s.track_id == 1 and s.decode_time == 5 * 90_000)
    spans = check_recording(record(BOTH, samples, target(chosen), steps=[(index, change(NEW_VIDEO, NEW_AUDIO))]))
    assert spans[-1].segments[0].obj.attributes.full_content_type.startswith("video/mp4; codecs=")
    stored = sum(len(span.samples()) for span in spans)
    assert stored >= len(samples) - 50


@pytest.mark.parametrize("chosen", FORMATS)
def test_samples_keep_the_configuration_they_came_with(chosen):
    """Announced while older samples still wait: the next span by duration opens with what those have."""
    samples = mixed(video(12, gop=50), audio(12))
    index = next(n for n, s in enumerate(samples) if s.track_id == 1 and s.decode_time == 101 * FRAME)
    spans = check_recording(
        record(BOTH, samples, target(chosen, span=4, segment=60), steps=[(index, change(NEW_VIDEO))])
    )
    for span in of(spans, "m4v" if chosen is CMAF else "mp4"):
        pictures = [s for s in span.samples() if s.data.startswith(b"v")]
        if pictures:
            number = int(pictures[0].data[3:-1])
            expected = VIDEO if number <= 100 else NEW_VIDEO
            assert span.segments[0].obj.attributes.video_width == expected.codec.width


def test_the_same_configuration_again_changes_nothing():
    same = replace(VIDEO, codec=type(VIDEO.codec).from_sample_entry(VIDEO.codec.sample_entry()))
    (span,) = check_recording(record([VIDEO], video(10), target(segment=60), steps=[(130, change(same))]))
    assert len(span.segments) == 1


def test_there_and_back_again_between_key_frames():
    spans = check_recording(
        record([VIDEO], video(10), target(segment=60), steps=[(130, change(NEW_VIDEO)), (140, change(VIDEO))])
    )
    stored = [s.data for span in spans for s in span.samples()]
    assert stored == [data("v1-", n) for n in (*range(130), *range(150, 250))]
    assert {span.segments[0].obj.attributes.video_width for span in spans} == {VIDEO.codec.width}


def test_what_cannot_replace_a_track():
    recorder = Recorder(BOTH, target())
    for track in (META, replace(VIDEO, timescale=1000), replace(AUDIO, track_id=1)):
        with pytest.raises(MediaError, match="cannot be replaced"):
            recorder.replace_track(track)
    recorder.replace_track(NEW_VIDEO)
    assert recorder.tracks == (NEW_VIDEO, AUDIO)


# ---- the target changes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("changed", [{"prefix": "new"}, {"postfix": ""}, {"digits": 6}])
def test_another_prefix_postfix_or_precision_means_new_spans(chosen, changed):
    samples = mixed(video(10), audio(10))
    index = next(n for n, s in enumerate(samples) if s.track_id == 1 and s.decode_time == 110 * FRAME)
    steps = [(index, lambda recorder: recorder.reconfigure(target(chosen, **changed)))]
    spans = check_recording(record(BOTH, samples, target(chosen), steps=steps))
    lead = of(spans, "m4v" if chosen is CMAF else "mp4")
    assert starts(lead) == [timedelta(0), 5 * SECOND]
    ((name, value),) = changed.items()
    assert getattr(lead[1].segments[0].obj.key, name) == value
    assert sum(len(span.samples()) for span in spans) == len(samples)


@pytest.mark.parametrize("chosen", FORMATS)
def test_the_format_changes_while_recording(chosen):
    other = MP4 if chosen is CMAF else CMAF
    samples = mixed(video(20), audio(20), metadata(*range(20)))
    index = next(n for n, s in enumerate(samples) if s.track_id == 1 and s.decode_time == 240 * FRAME)
    steps = [(index, lambda recorder: recorder.reconfigure(target(other)))]
    spans = check_recording(record([VIDEO, AUDIO, META], samples, target(chosen), steps=steps))
    assert {span.extension for span in spans} == {"m4v", "m4a", "m4m", "mp4"}
    stored = sorted(s.data for span in spans for s in span.samples())
    assert stored == sorted(bytes(s.data) for s in samples)


def test_a_new_segment_duration_holds_from_the_next_segment():
    steps = [(30, lambda recorder: recorder.reconfigure(target(segment=3)))]
    (span,) = check_recording(record([VIDEO], video(20), steps=steps))
    assert lasting(span) == [10, 3, 3, 3, 1]


def test_a_new_span_duration_holds_at_once():
    steps = [(130, lambda recorder: recorder.reconfigure(target(span=2)))]
    spans = check_recording(record([VIDEO], video(10), steps=steps))
    assert [round(start / SECOND) for start in starts(spans)] == [0, 6, 8]


def test_a_format_that_cannot_hold_the_tracks_is_refused():
    two = [VIDEO, replace(VIDEO, token="VIDEO002", track_id=2)]
    with pytest.raises(MediaError, match="one video track"):
        Recorder(two, target(CMAF))
    recorder = Recorder(two, target(MP4))
    with pytest.raises(MediaError, match="one video track"):
        recorder.reconfigure(target(CMAF))
    assert recorder.target == target(MP4)


# ---- the clock changes, and gaps ------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", FORMATS)
def test_a_new_clock_opens_new_spans_with_the_new_time(chosen):
    samples = mixed(video(10), audio(10))
    index = next(n for n, s in enumerate(samples) if s.track_id == 1 and s.decode_time == 110 * FRAME)
    hour = START + 3600 * SECOND
    steps = [(index, lambda recorder: recorder.set_clock(hour, Fraction(5)))]
    spans = check_recording(record(BOTH, samples, target(chosen), steps=steps))
    lead = of(spans, "m4v" if chosen is CMAF else "mp4")
    assert [span.segments[0].obj.key.time for span in lead] == [START, hour]
    assert lead[0].end.key.time - START == 5 * SECOND or chosen is MP4
    assert sum(len(span.samples()) for span in spans) == len(samples)


def test_a_clock_is_set_while_recording_only():
    recorder = Recorder([VIDEO], target())
    with pytest.raises(StateError):
        recorder.set_clock(START, Fraction(0))


@pytest.mark.requirement("ANX-B.1-05")
@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("pause", [0, 30])
def test_segments_without_a_gap_are_one_span_and_a_gap_ends_it(chosen, pause):
    """Twenty seconds, then at once or half a minute later another twenty."""
    later = 20 + pause
    samples = mixed(video(20), audio(20), video(20, start=later), audio(20, start=later))
    spans = check_recording(record(BOTH, samples, target(chosen, segment=5)))
    for extension in {"m4v", "m4a"} if chosen is CMAF else {"mp4"}:
        found = of(spans, extension)
        assert len(found) == (2 if pause else 1)
        for span in found:
            assert [segment.obj.key.counter for segment in span.segments] == list(range(len(span.segments)))
            assert len(span.segments) >= 4
            for before, after in pairwise(span.segments):
                gap = after.obj.key.time - before.obj.key.time - before.obj.attributes.duration
                assert abs(gap) <= timedelta(milliseconds=2)
        assert abs(found[-1].end.key.time - START - (later + 20) * SECOND) < 0.03 * SECOND
        if pause:
            assert abs(found[0].end.key.time - START - 20 * SECOND) < 0.03 * SECOND
            assert abs(found[1].segments[0].obj.key.time - START - later * SECOND) < 0.03 * SECOND


@pytest.mark.requirement("ANX-B.1-04")
@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("resume", [0, 7])
def test_a_gap_of_the_leading_track_closes_all_spans(chosen, resume):
    """Video stops for 30 seconds, audio does not; video comes back with a key frame, or within a group."""
    later = video(10, start=35, first=1000)
    if resume:
        later = [replace(s, sync=(n - resume) % 25 == 0) for n, s in enumerate(later)]
    samples = mixed(video(5), later, audio(45))
    events = record(BOTH, samples, target(chosen))
    spans = check_recording(events)
    lead = of(spans, "m4v" if chosen is CMAF else "mp4")
    stored = [s.data for span in spans for s in span.samples() if s.data.startswith(b"v")]
    assert stored == [data("v1-", n) for n in (*range(125), *range(1000 + resume, 1250))]
    sound = [s.data for span in spans for s in span.samples() if s.data.startswith(b"a")]
    assert sound == [bytes(s.data) for s in samples if s.track_id == 2]
    assert len(lead) >= 2
    for span in lead:
        pictures = [s for s in span.samples() if s.data.startswith(b"v")]
        assert all(b.decode_time - a.decode_time - a.duration == 0 for a, b in pairwise(pictures))
    if chosen is CMAF:
        back = 35 + resume / 25
        for found in (lead, of(spans, "m4a")):
            assert [start / SECOND for start in starts(found)] == pytest.approx([0, back], abs=0.05)


@pytest.mark.requirement("ANX-B.2-05")
@pytest.mark.parametrize("chosen", FORMATS)
def test_a_leading_track_that_changes_within_a_group_breaks_off_and_takes_all_along(chosen):
    """Its span ends before the first picture of the new configuration, which waits for the next key frame.

    The other track goes on meanwhile, in MP4 format in the new span, for the old one has ended.
    """
    samples = mixed(video(20), audio(20))
    index = next(n for n, s in enumerate(samples) if s.track_id == 1 and s.decode_time == 10 * 90_000 + 8 * FRAME)
    events = record(BOTH, samples, target(chosen), steps=[(index, lambda recorder: recorder.replace_track(NEW_VIDEO))])
    spans = check_recording(events)
    pictures = [s.data for span in spans for s in span.samples() if s.data.startswith(b"v")]
    assert pictures == [data("v1-", n) for n in (*range(258), *range(275, 500))]
    sound = [s.data for span in spans for s in span.samples() if s.data.startswith(b"a")]
    assert sound == [bytes(s.data) for s in samples if s.track_id == 2]
    for extension, back in (("m4v", 11), ("m4a", 11)) if chosen is CMAF else (("mp4", 10.32),):
        begin = [start / SECOND for start in starts(of(spans, extension))]
        assert begin == pytest.approx([0, back], abs=0.05)


@pytest.mark.requirement("ANX-B.1-05")
def test_a_gap_of_another_track_closes_its_span_only():
    samples = mixed(video(40), audio(5), audio(10, start=30))
    spans = check_recording(record(BOTH, samples, target()))
    assert len(of(spans, "m4v")) == 1
    sound = of(spans, "m4a")
    assert len(sound) == 2
    assert [span.segments[0].obj.key.counter for span in sound] == [0, 0]
    assert round(starts(sound)[1] / SECOND) == 30


def test_a_gap_of_another_track_leaves_a_multiplexed_span_alone():
    samples = mixed(video(40, gop=500), audio(5), audio(10, start=30))
    (span,) = check_recording(record(BOTH, samples, target(MP4)))
    heard = span.samples(2)
    jump = max(b.decode_time - a.decode_time for a, b in pairwise(heard))
    assert abs(jump / span.timescale - 25) < 0.05


# ---- keys -----------------------------------------------------------------------------------------------------

KEY_A = ContentKey(UUID(int=0xA), bytes(16))
KEY_B = ContentKey(UUID(int=0xB), bytes(15) + b"\1")


def entry(source, *tokens, scheme=ProtectionScheme.CENC):
    return EncryptionEntry(scheme, source, tokens)


def kids(span):
    from onvif_bmff.bmff import TrackEncryptionBox, parse_boxes

    movie = parse_boxes(span.segments[0].header)[1]
    return [box.default_kid for _, box in movie.walk() if isinstance(box, TrackEncryptionBox)]


@pytest.mark.parametrize("chosen", FORMATS)
def test_encryption_that_changes_waits_for_the_end_of_a_segment(chosen):
    """Old segments keep the old key, new ones have the new; the moov changes, so all spans close. B.8, B.2."""
    samples = mixed(audio(20))
    secret = target(chosen, segment=5, encryption=(entry(FixedKey(KEY_A)),))
    steps = [(100, lambda recorder: recorder.reconfigure(replace(secret, encryption=(entry(FixedKey(KEY_B)),))))]
    spans = check_recording(record([AUDIO], samples, secret, steps=steps))
    assert [kids(span) for span in spans] == [[KEY_A.kid], [KEY_B.kid]]
    assert [len(span.segments) for span in spans] == [1, 3]


def test_a_segment_of_any_track_that_ends_brings_the_new_key():
    """Audio's segment ends before video's: the audio segment that follows must have the new key already."""
    samples = mixed(video(20, gop=100), audio(20))
    clear = target(CMAF, segment=5)
    steps = [
        (100, lambda recorder: recorder.reconfigure(replace(clear, encryption=(entry(FixedKey(KEY_A), AUDIO.token),))))
    ]
    spans = check_recording(record(BOTH, samples, clear, steps=steps))
    sound = of(spans, "m4a")
    assert [kids(span) for span in sound] == [[], [KEY_A.kid]]
    assert round(starts(sound)[1] / SECOND) == 5
    assert len(of(spans, "m4v")) == 2


@pytest.mark.parametrize("chosen", FORMATS)
def test_keys_rotate_at_the_end_of_a_segment(chosen):
    numbers = iter(range(1, 1000))
    source = RotatingKey(7 * SECOND, lambda size: next(numbers).to_bytes(size, "big"))
    spans = check_recording(record([AUDIO], audio(30), target(chosen, segment=5, encryption=(entry(source),))))
    assert len({kids(span)[0] for span in spans}) == len(spans)
    assert [round(start / SECOND) for start in starts(spans)] == [0, 10, 15, 25]
    assert all(segment.obj.attributes.duration <= 6 * SECOND for span in spans for segment in span.segments)


def test_a_key_that_stays_keeps_the_span():
    spans = check_recording(record([AUDIO], audio(30), target(segment=5, encryption=(entry(FixedKey(KEY_A)),))))
    assert len(spans) == 1
    assert len(spans[0].segments) == 6


# ---- deactivation ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.2-01", "ANX-B.2-02")
@pytest.mark.parametrize("chosen", FORMATS)
def test_deactivation_closes_all_spans_and_activation_opens_new_ones(chosen):
    recorder = Recorder(BOTH, target(chosen))
    events = []
    for day in range(2):
        recorder.activate(START + timedelta(days=day))
        assert recorder.active
        for sample in mixed(video(3), audio(3)):
            events.extend(recorder.push(sample))
        events.extend(recorder.deactivate())
        assert not recorder.active
    spans = check_recording(events)
    assert len(spans) == (4 if chosen is CMAF else 2)
    assert sum(isinstance(event, SpanEnded) for event in events) == len(spans)


def test_a_recording_without_samples_leaves_nothing():
    assert record(BOTH, []) == []


def test_verbs_at_the_wrong_time():
    recorder = Recorder([VIDEO], target())
    with pytest.raises(StateError):
        recorder.deactivate()
    with pytest.raises(StateError):
        recorder.push(Sample(1, 0, 1, b""))
    recorder.activate(START)
    with pytest.raises(StateError):
        recorder.activate(START)
    with pytest.raises(MediaError, match="no track 9"):
        recorder.push(Sample(9, 0, 1, b""))
    recorder.deactivate()
    with pytest.raises(StateError):
        recorder.push(Sample(1, 0, 1, b""))
