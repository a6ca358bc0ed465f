"""A timeline from keys alone."""

import random
import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.errors import TimeError
from onvif_bmff.media.track import TrackType
from onvif_bmff.objects import ObjectKey, SpanEndObject
from onvif_bmff.playback import SpanState, Timeline, listing_prefixes
from onvif_bmff.storage import DirectoryStore, MemoryStore
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2022-11-08T15:08:23.547Z")


def span(start=START, segments=5, step=5, extension="m4v", prefix="site-2", postfix="camera-5", end=True, digits=3):
    """The keys of a span as a recorder would write them."""
    keys = [
        ObjectKey(prefix, start.plus_ticks(step * index, 1), postfix, index, extension, False, digits)
        for index in range(segments)
    ]
    if end:
        keys.append(keys[-1].ending(start.plus_ticks(step * segments, 1)))
    return keys


def after(seconds):
    return START.plus_ticks(seconds * 1000, 1000) if isinstance(seconds, int) else START + timedelta(seconds=seconds)


def names(keys):
    return [str(key) for key in keys]


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


# ---- laws ----------------------------------------------------------------------------------------------

recorded = st.lists(
    st.tuples(
        st.integers(0, 500), st.integers(1, 30), st.integers(1, 70), st.booleans(), st.sampled_from(["m4v", "m4a"])
    ),
    max_size=8,
)


@given(recorded, st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_what_was_recorded_is_found(plan, chance):
    """Spans one after the other, some without end, come back whatever the order of the keys."""
    expected = {"m4v": [], "m4a": []}
    clock = {"m4v": START, "m4a": START}
    keys = []
    for pause, segments, step, closed, extension in plan:
        start = clock[extension].plus_ticks(pause, 1)
        one = span(start, segments, step, extension, end=closed)
        clock[extension] = start.plus_ticks(segments * step + (0 if closed else 2 * step), 1)
        keys += one
        expected[extension].append(one)
    chance.shuffle(keys)
    timeline = Timeline.from_keys(names(keys))
    for extension, spans in expected.items():
        found = list(timeline.of(extension))
        assert [[segment.name for segment in one.segments] for one in found] == [
            names(key for key in one if not key.span_end) for one in spans
        ]
        assert [one.end is not None for one in found] == [one[-1].span_end for one in spans]
        for one in spans:
            for key in one:
                if not key.span_end:
                    assert timeline.locate(key.time, extension).name == str(key)
        gaps = list(timeline.gaps(extension))
        assert len(gaps) <= max(0, len(spans) - 1)
        for gap in gaps:
            if gap.exact:
                assert timeline.locate(gap.start, extension) is None
    assert list(timeline.overlaps()) == []


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6), st.booleans(), st.integers(0, 3)), max_size=60))
def test_any_keys_give_every_object_back_once(rows):
    """However wild the keys are, no segment is lost or invented, and nothing crashes."""
    keys = [ObjectKey("", after(at), "", counter, "mp4", is_end, digits) for at, counter, is_end, digits in rows]
    timeline = Timeline.from_keys(keys)
    found = sorted(segment.name for one in timeline.spans for segment in one.segments)
    assert found == sorted({str(key) for key in keys if not key.span_end})
    ends = [one.end_name for one in timeline.spans if one.end_name is not None]
    assert len(ends) == len(set(ends))
    assert len(ends) + timeline.orphan_ends == len({str(key) for key in keys if key.span_end})
    assert timeline.duplicates == len(keys) - len({str(key) for key in keys})
    for one in timeline.spans:
        counters = [segment.key.counter for segment in one.segments]
        assert counters == sorted(set(counters))
        assert all(lost.count > 0 for lost in one.lost())
        assert one.last_start >= one.start
    for gap in timeline.gaps():
        assert gap.end > gap.start
    for overlap in timeline.overlaps():
        assert overlap.end >= overlap.start
    for at in range(42):
        located = timeline.locate(after(at))
        assert located is None or located.start <= after(at)


@given(st.lists(st.text(max_size=30)))
def test_any_names_at_all(texts):
    timeline = Timeline.from_keys(texts)
    assert timeline.objects + timeline.foreign == len(texts)


# ---- listing -------------------------------------------------------------------------------------------


def day(text):
    return UtcTime.parse(f"{text}Z")


def test_a_day_needs_few_listings():
    prefixes = list(
        listing_prefixes(day("2022-11-08T00:00:00"), day("2022-11-08T23:59:59"), prefix="site-2", postfix="camera-5")
    )
    assert prefixes == ["site-2/2022-11-07/camera-5/23/", "site-2/2022-11-08/camera-5/"]
    part = list(listing_prefixes(day("2022-11-08T01:00:00"), day("2022-11-08T23:59:59"), lookback=timedelta(0)))
    assert len(part) == 23


def test_a_range_lists_only_its_own():
    hours = list(listing_prefixes(day("2022-11-08T15:10:00"), day("2022-11-08T16:20:00"), postfix="camera-5"))
    assert hours == [f"2022-11-08/camera-5/{hour}/" for hour in (14, 15, 16)]
    hours = list(listing_prefixes(day("2022-11-08T00:10:00"), day("2022-11-08T00:20:00"), prefix="a/b"))
    assert hours == ["a/b/2022-11-07/23/", "a/b/2022-11-08/00/"]
    days = list(listing_prefixes(day("2022-11-08T00:10:00"), day("2022-11-10T00:20:00"), postfix=None))
    assert days == ["2022-11-07/", "2022-11-08/", "2022-11-09/", "2022-11-10/"]
    assert list(listing_prefixes(START, START, prefix=None)) == [""]
    leap = day("2016-12-31T23:59:60.5")
    assert next(listing_prefixes(leap, leap, lookback=timedelta(0))) == "2016-12-31/23/"
    with pytest.raises(TimeError):
        list(listing_prefixes(after(1), START))


class Counting(MemoryStore):
    """Counts listings and listed keys."""

    def __init__(self):
        super().__init__()
        self.listings = self.listed = 0

    def keys(self, prefix="", *, after=""):
        self.listings += 1
        for key in super().keys(prefix, after=after):
            self.listed += 1
            yield key


def fill(store, keys):
    for key in keys:
        if key.span_end:
            store.put(SpanEndObject(key))
        else:
            writer = store.open_writer(str(key), content_type="video/mp4")
            writer.seal({})


def test_from_a_store(tmp_path):
    start = day("2022-11-07T12:00:00")
    for store in (Counting(), DirectoryStore(tmp_path, fsync=False)):
        fill(store, span(start, segments=60, step=1800))
        fill(store, span(start, segments=60, step=1800, postfix="camera-6"))
        whole = Timeline.from_store(store, prefix="site-2")
        assert len(whole.spans) == 2
        store.listings = store.listed = 0
        timeline = Timeline.from_store(
            store, day("2022-11-08T03:10:00"), day("2022-11-08T04:10:00"), prefix="site-2", postfix="camera-5"
        )
        assert [one.counter for one in (segment.key for segment in timeline.spans[0].segments)] == list(range(28, 34))
        for minutes in range(0, 60, 7):
            at = day("2022-11-08T03:10:00") + timedelta(minutes=minutes)
            assert timeline.locate(at).name == whole.locate(at, postfix="camera-5").name
        if isinstance(store, Counting):
            assert (store.listings, store.listed) == (3, 6)
        both = Timeline.from_store(store, day("2022-11-08T03:10:00"), day("2022-11-08T04:10:00"), prefix="site-2")
        assert both.recordings == [("site-2", "camera-5"), ("site-2", "camera-6")]
        assert Timeline.from_store(store).objects == whole.objects


# ---- size ----------------------------------------------------------------------------------------------


def test_memory_a_key():
    count = 20_000

    def listing():
        for number in range(count // 100):
            yield from names(span(after(600 * number), segments=99))

    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    timeline = Timeline.from_keys(listing())
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert timeline.objects == count
    assert timeline.kept_bytes <= kept <= 300 * count


def test_hostile_listings_take_linear_time():
    # Every key opens a span, or every key is an end of none, or all have one instant.
    many = 20_000
    for keys in (
        [f"2022-11-08/15/{index // 60 % 60:02}-{index % 60:02}Z.0.mp4" for index in range(many)],
        [f"2022-11-08/15/08-{index % 60:02}Z.{index}.mp4_end" for index in range(many)],
        [f"2022-11-08/15/08-23Z.{many - index}.mp4" for index in range(many)],
        [f"2022-11-08/15/08-23Z.{index * 3}.mp4" for index in range(many)],
    ):
        timeline = Timeline.from_keys(keys)
        assert timeline.objects == many
        assert len(list(timeline.gaps())) <= many
        assert len(list(timeline.overlaps())) <= many
