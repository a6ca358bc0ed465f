"""A listing in parts gives the same timeline as a whole one, and no name is in two parts, or in none."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobs_kit import MIDNIGHT, damaged_objects, directory, memory, whole_objects

from onvif_bmff.jobs import StoreAddress, Workers, ranges_of, timeline_by_workers
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import MemoryStore


def facts(timeline):
    spans = [
        (span.prefix, span.postfix, span.extension, span.state, span.end_name, [one.name for one in span.segments])
        for span in timeline.spans
    ]
    counts = (timeline.objects, timeline.foreign, timeline.foreign_examples, timeline.other_formats)
    more = (timeline.ambiguous, timeline.duplicates, timeline.orphan_ends, timeline.ambiguous_ends)
    return spans, counts, more, list(map(repr, timeline.gaps())), list(timeline.orphans())


PARTS = st.sampled_from(["a", "z", "2024-02-29", "2024-03-01", "2024-03-010", "2024-03-01a", "12", "00-01Z.0.m4v", ""])
NAMES = st.lists(PARTS, min_size=1, max_size=6).map("/".join).filter(lambda name: name.strip("/") == name and name)


def store_of_names(names):
    store = MemoryStore()
    for name in names:
        if "//" not in name:
            store.open_writer(name, content_type="video/mp4").seal({})
    return store


@settings(max_examples=300)
@given(st.sets(NAMES, max_size=40), st.sampled_from([None, "a", "2024-02-29"]))
def test_each_name_is_in_one_part(names, prefix):
    store = store_of_names(names)
    found = [name for part in ranges_of(store, prefix=prefix) for name in part.names(store)]
    assert found == list(store.keys(f"{prefix}/" if prefix else ""))


def test_many_foreign_names_are_more_than_one_part():
    store = store_of_names(f"x/{number:05}" for number in range(2500))
    parts = list(ranges_of(store))
    assert len(parts) == 4
    assert [name for part in parts for name in part.names(store)] == list(store.keys())


def test_there_is_a_part_for_each_day():
    store = store_of_names(
        f"site/2024-03-{day:02}/camera/{hour:02}/00-00Z.0.m4v" for day in range(1, 29) for hour in range(24)
    )
    parts = list(ranges_of(store))
    assert [len(list(part.names(store))) for part in parts] == [24] * 28 + [0]


@pytest.mark.parametrize("seed", range(8))
def test_the_timeline_is_that_of_one_process(seed):
    store = memory(damaged_objects(seed))
    times = [
        (None, None),
        (MIDNIGHT - timedelta(seconds=3), MIDNIGHT + timedelta(seconds=3)),
        (MIDNIGHT, None),
    ]
    with ThreadPoolExecutor(3) as pool:
        for start, end in times:
            for place in ({}, {"prefix": "site"}, {"prefix": "site", "postfix": "camera-1"}, {"prefix": ""}):
                expected = facts(Timeline.from_store(store, start, end, **place))
                assert facts(timeline_by_workers(store, Workers(pool, 3), start, end, **place)) == expected


def test_processes_list_a_directory(tmp_path):
    directory(tmp_path, whole_objects())
    store = memory(whole_objects())
    with Workers.processes(2) as workers:
        found = timeline_by_workers(StoreAddress(str(tmp_path)), workers)
    assert facts(found) == facts(Timeline.from_store(store))
    assert len(found.spans) > 5


def test_padded_counters_and_duplicates_survive():
    names = [f"p/2024-03-0{day}/q/12/00-0{number}Z.{number:03}.m4v" for day in (1, 2) for number in range(9)]
    chance = Random(5)
    store = store_of_names([*names, *(name.replace("00-0", "00-0").replace("Z.", ".000Z.") for name in names)])
    chance.shuffle(names)
    with ThreadPoolExecutor(2) as pool:
        found = timeline_by_workers(store, Workers(pool, 2))
    assert facts(found) == facts(Timeline.from_keys(list(store.keys())))
    assert any(".003.m4v" in name for _, _, _, _, _, own in facts(found)[0] for name in own)
