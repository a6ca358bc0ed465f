"""A timeline from keys alone."""

import random
from datetime import timedelta

import pytest
from timeline_kit import START, after, names, span

from onvif_bmff.media.track import TrackType
from onvif_bmff.objects import ObjectKey
from onvif_bmff.playback import SpanState, Timeline
from onvif_bmff.timing import UtcTime


@pytest.mark.requirement("ANX-B.5-01")
@pytest.mark.requirement("ANX-B.5-03")
@pytest.mark.requirement("REC-4.1.3-03")
def test_one_closed_span():
    timeline = Timeline.from_keys(span())
    (found,) = timeline.spans
    assert (found.prefix, found.postfix, found.extension) == ("site-2", "camera-5", "m4v")
    assert (found.start, found.end, found.last_start) == (START, after(25), after(20))
    assert found.state is SpanState.CLOSED
    assert found.first_counter == 0
    assert found.end_name == "site-2/2022-11-08/camera-5/15/08-48.547Z.5.m4v_end"
    assert [segment.name for segment in found.segments] == names(span()[:-1])
    assert [segment.start for segment in found.segments] == [after(5 * index) for index in range(5)]
    assert [segment.end for segment in found.segments] == [after(5 * index) for index in range(1, 6)]
    assert [segment.key.counter for segment in found.segments[1:3]] == [1, 2]
    assert found.segments[-1].key == span()[4]
    assert list(found.lost()) == []
    assert list(timeline.gaps()) == []
    assert list(timeline.overlaps()) == []
    assert (timeline.objects, timeline.foreign, timeline.duplicates, timeline.orphan_ends) == (6, 0, 0, 0)
    assert "closed" in repr(found)
    assert "6 objects" in repr(timeline)
    assert len({found, timeline.spans[0]}) == 1
    assert found != "span"


def test_spans_per_media_type():
    keys = span(extension="m4v") + span(extension="m4a", segments=3) + span(extension="m4m", end=False)
    random.Random(1).shuffle(keys)
    timeline = Timeline.from_keys(keys)
    assert timeline.extensions == ["m4a", "m4m", "m4v"]
    assert timeline.recordings == [("site-2", "camera-5")]
    assert [one.extension for one in timeline.of(TrackType.AUDIO)] == ["m4a"]
    assert len(timeline.of("m4a")[0].segments) == 3
    assert timeline.of(TrackType.METADATA)[0].state is SpanState.OPEN
    assert [one.extension for one in Timeline.from_keys(span(extension="mp4")).of(TrackType.VIDEO)] == ["mp4"]
    assert len(timeline.of(prefix="other")) == 0
    assert len(timeline.of(postfix="camera-5")) == 3
    assert timeline.spans[-1].extension == "m4v"
    assert [one.extension for one in timeline.spans[:2]] == ["m4a", "m4m"]
    with pytest.raises(IndexError):
        timeline.spans[3]


def test_gaps():
    keys = span() + span(after(25)) + span(after(100), end=False) + span(after(200))
    timeline = Timeline.from_keys(keys)
    assert [one.state.name for one in timeline.spans] == ["CLOSED", "CLOSED", "CUT_OFF", "CLOSED"]
    first, second = timeline.gaps()
    assert (first.start, first.end, first.exact) == (after(50), after(100), True)
    assert first.duration == timedelta(seconds=50)
    assert (first.before, first.after) == (timeline.spans[1], timeline.spans[2])
    # The cut-off span ends somewhere after its last start; nothing is guessed.
    assert (second.start, second.end, second.exact) == (after(120), after(200), False)
    (_, told) = timeline.gaps(end_of=lambda segment: segment.start.plus_ticks(5, 1))
    assert (told.start, told.exact) == (after(125), True)
    assert len(list(timeline.gaps("m4v", shortest=timedelta(seconds=60)))) == 1
    assert list(timeline.gaps("m4a")) == []


def test_a_tick_between_cut_times_is_no_gap():
    keys = [*span(digits=3), *span(after(25) + timedelta(microseconds=999), digits=6)]
    assert list(Timeline.from_keys(keys).gaps()) == []


def test_lost_objects_are_no_gap():
    keys = span(segments=10)
    del keys[8:10], keys[3], keys[0]  # counters 8 and 9 before the end, 3, and 0
    timeline = Timeline.from_keys(keys)
    (found,) = timeline.spans
    assert [(lost.first_counter, lost.count, lost.after, lost.before) for lost in found.lost()] == [
        (0, 1, None, after(5)),
        (3, 1, after(10), after(20)),
        (8, 2, after(35), after(50)),
    ]
    assert found.first_counter == 1
    assert list(timeline.gaps()) == []
    # What follows a segment is unknown where the next one is lost.
    assert [segment.end for segment in found.segments if segment.key.counter in (1, 2, 7)] == [after(10), None, None]


def test_a_gap_before_lost_objects_is_not_exact():
    keys = span() + span(after(100))[1:]
    timeline = Timeline.from_keys(keys)
    assert len(timeline.spans) == 2
    (gap,) = timeline.gaps()
    assert (gap.end, gap.exact) == (after(105), False)


def test_spans_that_touch():
    """A span ends where the next begins; with one segment each, counters alone would not tell."""
    keys = [key for start in range(0, 50, 5) for key in span(after(start), segments=1)]
    timeline = Timeline.from_keys(keys)
    assert [(one.start, one.end) for one in timeline.spans] == [(after(at), after(at + 5)) for at in range(0, 50, 5)]
    assert list(timeline.gaps()) == []
    assert list(timeline.overlaps()) == []


def test_overlaps():
    keys = span(segments=10) + span(after(12), segments=10) + span(after(30), segments=2) + span(after(100))
    random.Random(2).shuffle(keys)
    timeline = Timeline.from_keys(keys)
    assert [len(one.segments) for one in timeline.spans] == [10, 10, 2, 5]
    assert [(one.start, one.end) for one in timeline.overlaps()] == [(after(12), after(50)), (after(30), after(40))]
    assert [one.first.start for one in timeline.overlaps()] == [START, after(12)]
    (gap,) = timeline.gaps()
    assert (gap.start, gap.end) == (after(62), after(100))
    for at, counter in ((11, 2), (13, 0), (31, 0), (41, 5), (61, 9)):
        assert timeline.locate(after(at)).key.counter == counter
    # Two spans that begin at one instant overlap, whatever their length.
    assert len(list(Timeline.from_keys([*span(segments=1, end=False), *span(digits=6)]).overlaps())) == 1


def test_crash_and_restart():
    keys = span(segments=7, end=False) + span(after(60), segments=9)
    timeline = Timeline.from_keys(keys)
    assert [(len(one.segments), one.state.name) for one in timeline.spans] == [(7, "CUT_OFF"), (9, "CLOSED")]


def test_crash_and_restart_with_a_lost_object_where_the_old_span_stopped():
    keys = span(segments=7, end=False) + [key for key in span(after(600), segments=12) if key.counter not in (5, 6)]
    timeline = Timeline.from_keys(keys)
    assert [len(one.segments) for one in timeline.spans] == [7, 10]
    assert [(lost.first_counter, lost.count) for lost in timeline.spans[1].lost()] == [(5, 2)]


def test_a_counter_after_far_too_long_is_another_span():
    keys = span(segments=7, end=False) + span(after(86_400), segments=20)[10:]
    assert [len(one.segments) for one in Timeline.from_keys(keys).spans] == [7, 10]


def test_a_silent_span_does_not_take_what_comes_after_a_closed_one():
    keys = span(segments=1, end=False) + span(after(100)) + span(after(200))[1:]
    assert [len(one.segments) for one in Timeline.from_keys(keys).spans] == [1, 5, 4]


def test_a_longer_segment_duration_in_mid_span():
    keys = span(segments=4, end=False)
    for index in range(4):
        keys.append(keys[-1].following(after(20 + 600 * index)))
    assert len(Timeline.from_keys(keys).spans) == 1


def test_a_range_that_begins_inside_a_span():
    timeline = Timeline.from_keys(span(segments=100)[50:])
    assert timeline.spans[0].first_counter == 50
    only_end = Timeline.from_keys(span(segments=100)[-1:])
    assert (len(only_end.spans), only_end.orphan_ends) == (0, 1)


def test_duplicates_and_order():
    keys = span() * 2 + span(after(50), end=False)
    keys.append(span()[-1])
    random.Random(3).shuffle(keys)
    timeline = Timeline.from_keys(keys)
    assert (timeline.objects, timeline.duplicates) == (18, 7)
    assert [len(one.segments) for one in timeline.spans] == [5, 5]


def test_counters_sort_as_numbers():
    keys = names(ObjectKey("", START, "", counter, "mp4", False, 0) for counter in (10, 9, 2, 0, 1))
    assert [len(one.segments) for one in Timeline.from_keys(keys[3:]).spans] == [2]
    (found,) = Timeline.from_keys(keys).spans
    assert [segment.key.counter for segment in found.segments] == [0, 1, 2, 9, 10]


def test_keys_with_any_number_of_digits():
    keys = [f"2022-11-08/15/08-{text}Z.{counter}.mp4" for counter, text in enumerate(["23", "23.5", "23.547", "24.1"])]
    timeline = Timeline.from_keys(sorted(keys))
    assert [segment.name for segment in timeline.spans[0].segments] == keys


def test_padded_counters_keep_their_names():
    keys = ["2022-11-08/15/08-23Z.000.mp4", "2022-11-08/15/08-28Z.001.mp4", "2022-11-08/15/08-33Z.02.mp4_end"]
    (found,) = Timeline.from_keys(keys).spans
    assert [segment.name for segment in found.segments] == keys[:2]
    assert [str(segment.key) for segment in found.segments] == keys[:2]
    assert found.end_name == keys[2]


def test_foreign_objects_are_counted():
    foreign = ["readme.txt", "", "site-2/2022-11-08/camera-5/15/08-23.547Z.0.jpg", "x/y/z"] * 5
    timeline = Timeline.from_keys([*names(span()), *foreign])
    assert (timeline.objects, timeline.foreign, len(timeline.foreign_examples)) == (6, 20, 10)
    timeline = Timeline.from_keys(foreign, extensions=frozenset({"jpg"}))
    assert (timeline.objects, timeline.foreign) == (5, 15)
    assert Timeline.from_keys([]).locate(START) is None


def test_recordings_side_by_side():
    keys = span() + span(prefix="site-3") + span(postfix="") + span(postfix="camera-6", prefix="")
    timeline = Timeline.from_keys(keys)
    assert timeline.recordings == [("", "camera-6"), ("site-2", ""), ("site-2", "camera-5"), ("site-3", "camera-5")]
    assert timeline.locate(START, prefix="site-3").key.prefix == "site-3"
    one = Timeline.from_keys(keys, prefix="site-2", postfix="camera-5")
    assert (one.recordings, one.foreign) == ([("site-2", "camera-5")], 18)
    assert Timeline.from_keys(keys, prefix="", postfix="camera-6").objects == 6


def test_ambiguous_keys_are_counted():
    keys = span(prefix="2020-01-01")
    assert Timeline.from_keys(keys).ambiguous == 6
    assert Timeline.from_keys(keys).recordings == [("2020-01-01", "camera-5")]
    keys = span(postfix="2024-01-01")
    assert Timeline.from_keys(keys).recordings == [("site-2/2022-11-08", "")]
    known = Timeline.from_keys(keys, prefix="site-2")
    assert (known.recordings, known.ambiguous) == ([("site-2", "2024-01-01")], 0)


def test_midnight_and_leap_second():
    start = UtcTime.parse("2016-12-31T23:59:58Z")
    keys = [ObjectKey("p", start, "q", 0, "mp4")]
    for text in ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.5Z", "2017-01-01T00:00:04Z"):
        keys.append(keys[-1].following(UtcTime.parse(text)))
    keys.append(keys[-1].ending(UtcTime.parse("2017-01-01T00:00:09Z")))
    for given_keys in (keys, keys[::-1]):
        (found,) = Timeline.from_keys(given_keys).spans
        assert [segment.name for segment in found.segments] == names(keys[:-1])
        assert found.segments[1].start.leap
        timeline = Timeline.from_keys(given_keys)
        for text, counter in (
            ("2016-12-31T23:59:60.4Z", 0),
            ("2016-12-31T23:59:60.9Z", 1),
            ("2017-01-01T00:00:00Z", 1),
        ):
            assert timeline.locate(UtcTime.parse(text)).key.counter == counter


def test_locate():
    timeline = Timeline.from_keys(span() + span(after(100), end=False) + span(after(200), end=False))
    assert timeline.locate(after(-0.001)) is None
    for at, counter in ((0, 0), (4.999, 0), (5, 1), (24.999, 4), (100, 0), (130, 4), (200, 0), (10_000, 4)):
        assert timeline.locate(after(at)).key.counter == counter
    assert timeline.locate(after(25)) is None  # the instant at which a span ends is not in it
    assert timeline.locate(after(60)) is None
    assert timeline.locate(after(130)).end is None
    assert timeline.locate(after(3), TrackType.VIDEO).name == str(span()[0])
    assert timeline.locate(after(3), TrackType.AUDIO) is None
    assert timeline.locate(after(3), "m4v").end == after(5)
    both = Timeline.from_keys(span(extension="mp4") + span(after(3), extension="m4v"))
    assert both.locate(after(4), TrackType.VIDEO).key.extension == "m4v"
    assert both.locate(after(1), TrackType.VIDEO).key.extension == "mp4"


def test_an_end_may_come_after_the_start_of_the_next_span():
    """The tracks of a multiplexed span do not all end where the next span begins."""
    keys = [
        "2024-02-28/23/59-55.228Z.0.mp4",
        "2024-02-28/23/59-57.250Z.0.mp4",
        "2024-02-28/23/59-57.255Z.1.mp4_end",
        "2024-02-28/23/59-59.250Z.1.mp4",
        "2024-02-29/00/00-01.250Z.0.mp4",
        "2024-02-29/00/00-01.266Z.2.mp4_end",
        "2024-02-29/00/00-02.250Z.1.mp4_end",
    ]
    spans = Timeline.from_keys(keys).spans
    assert [len(one.segments) for one in spans] == [1, 2, 1]
    assert [one.end_name for one in spans] == [keys[2], keys[5], keys[6]]
    # Without the end of the first span, that of a second one some time later is its own.
    spans = Timeline.from_keys([keys[0], keys[1], "2024-02-29/00/00-05.000Z.1.mp4_end"]).spans
    assert [one.end is None for one in spans] == [True, False]
