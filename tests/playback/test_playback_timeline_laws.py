"""Laws of the timeline, and which folders it lists."""

import tracemalloc
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_kit import START, after, names, span

from onvif_bmff.errors import TimeError
from onvif_bmff.objects import ObjectKey, SpanEndObject
from onvif_bmff.playback import Timeline, listing_prefixes
from onvif_bmff.storage import DirectoryStore, MemoryStore
from onvif_bmff.timing import UtcTime

# ---- laws --------------------------------------------------------------------------------------------

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
    assert len(ends) + timeline.orphan_ends + timeline.ambiguous_ends == len({str(key) for key in keys if key.span_end})
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


# ---- listing -----------------------------------------------------------------------------------------


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


# ---- size --------------------------------------------------------------------------------------------


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
