"""What is too old goes, oldest first, and what is left is valid, also where a run breaks off."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.cli.main import main
from onvif_bmff.errors import StoreError
from onvif_bmff.jobs import Hold, StoreAddress, Workers, expire_store, expired_in, expired_keys, expiry, lifecycle_rule
from onvif_bmff.objects import ObjectKey
from onvif_bmff.playback import Timeline
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.storage import DirectoryStore, MemoryStore, StoreSink
from onvif_bmff.storage.opening import StoreUrl
from onvif_bmff.testing.recordings import recorded_objects
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store
from onvif_bmff.validation.rules import Level

START = UtcTime.parse("2022-11-08T23:59:40.000Z")
LAST = 75
"""Seconds until all of the recording is over."""


def after(seconds):
    return START + timedelta(seconds=seconds)


@cache
def objects():
    """Three spans of each kind at two places, from before midnight on, 4 segments of a second and 20 s between them."""
    made = []
    for number, (place, form) in enumerate((("a", CMAF), ("b", MP4))):
        made += recorded_objects(
            spans=3, segments=4, gap=20.0, postfix=place, recording_format=form, start=START, random_seed=number
        )
    return tuple(made)


def bucket(left_out=()):
    store = MemoryStore()
    for one in objects():
        if str(one.key) not in left_out:
            store.put(one)
    return store


def faults(store):
    return [found for found in validate_store(store) if found.level is not Level.NOTE]


def ends_of(store):
    """When each segment ends, by key; None where the keys do not say."""
    return {one.name: one.end for span in Timeline.from_store(store).spans for one in span.segments}


def test_the_bucket_is_valid_and_long_enough():
    assert faults(bucket()) == []
    assert max(end for end in ends_of(bucket()).values()) < after(LAST)


@settings(max_examples=40)
@given(st.integers(-1, LAST * 4), st.lists(st.tuples(st.integers(0, LAST), st.integers(1, 15)), max_size=2))
def test_what_is_left_is_valid(quarters, held):
    store, before = bucket(), after(quarters / 4)
    holds = [Hold(after(start), after(start + length)) for start, length in held]
    ends = ends_of(store)
    done = list(expire_store(store, before, holds=holds))
    assert not any(one.error for one in done)
    gone = {one.key for one in done}
    left = set(store.keys())
    assert gone | left == {str(one.key) for one in objects()}
    assert not gone & left
    for name in gone & ends.keys():
        assert ends[name] <= before
        assert not any(ObjectKey.parse(name).time < hold.end and ends[name] > hold.start for hold in holds)
    if not holds:  # all that is over goes, but for what would leave a hole
        trimmed = [name for name, end in ends.items() if end <= before and name in left]
        assert trimmed == []
    assert faults(store) == []
    assert list(expire_store(store, before, holds=holds)) == []


@settings(max_examples=30)
@given(st.integers(0, LAST * 4), st.integers(0, 200))
def test_a_run_that_broke_off_is_completed(quarters, count):
    before = after(quarters / 4)
    whole, broken = bucket(), bucket()
    list(expire_store(whole, before))
    for key in [key for kind in expired_in(broken, before) for key in kind][:count]:
        broken.delete(key)
    list(expire_store(broken, before))
    assert list(broken.keys()) == list(whole.keys())


def test_an_open_span_keeps_its_last_segment():
    ended = bucket()
    store = bucket(
        {key for key in list(ended.keys()) if key.endswith("_end") and ObjectKey.parse(key).time > after(40)}
    )
    list(expire_store(store, after(10_000)))
    left = list(store.keys())
    assert len(left) == 4
    assert all(ObjectKey.parse(key).counter == 3 for key in left)
    assert faults(store) == []


def test_days_behind_the_limit_are_not_listed():
    store = bucket()
    for day in range(11, 29):
        store.open_writer(f"site-2/2022-11-{day}/a/00/00-00Z.0.m4v", content_type="video/mp4").seal({})
    listed = []

    def keys(prefix="", *, after=""):
        for name in store.keys(prefix, after=after):
            listed.append(name)
            yield name

    counting = SimpleNamespace(keys=keys)
    assert expired_in(counting, after(30)) == expired_in(bucket(), after(30))
    assert sum("2022-11-2" in name for name in listed) <= 10  # one for each day, to find the next


class Refusing:
    """A store that holds an object."""

    def __init__(self, inner, held):
        self.inner, self.held = inner, held

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def delete(self, key):
        if key == self.held:
            raise StoreError("the object is locked")
        self.inner.delete(key)


def test_the_rest_of_a_kind_stays_where_an_object_cannot_be_deleted():
    videos = [str(one.key) for one in objects() if one.key.extension == "m4v" and not one.key.span_end]
    store = Refusing(bucket(), videos[2])
    done = list(expire_store(store, after(LAST)))
    assert [(one.key, one.error) for one in done if one.error] == [(videos[2], "the object is locked")]
    assert [key for key in list(store.keys()) if key.endswith(".m4v")] == videos[2:]
    assert not [key for key in list(store.keys()) if key.endswith((".mp4", ".m4a", ".m4m"))]
    assert faults(store.inner) == []


class Batches:
    """A store that deletes many objects at a time."""

    def __init__(self, inner):
        self.inner, self.batches = inner, []

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def delete_all(self, keys):
        self.batches.append(list(keys))
        for key in keys:
            self.inner.delete(key)


def test_batches_of_a_kind_follow_each_other(monkeypatch):
    monkeypatch.setattr(expiry, "_BATCH", 4)
    store = Batches(bucket())
    done = [one.key for one in expire_store(store, after(LAST))]
    assert [key for batch in store.batches for key in batch] == done
    assert max(map(len, store.batches)) == 4
    for ending in (".m4v", ".m4a", ".mp4"):
        times = [ObjectKey.parse(key).time for key in done if key.endswith(ending)]
        assert times == sorted(times)


def test_workers_delete_the_same(tmp_path):
    folder = DirectoryStore(tmp_path)
    for one in objects():
        folder.put(one)
    expected, here = bucket(), bucket()
    done = list(expire_store(expected, after(40)))
    with Workers.processes(2) as workers:
        assert sorted(map(repr, expire_store(StoreAddress(str(tmp_path)), after(40), workers=workers))) == sorted(
            map(repr, done)
        )
    assert list(folder.keys()) == list(expected.keys())
    with ThreadPoolExecutor(2) as pool:
        list(expire_store(here, after(40), workers=Workers(pool, 2)))
    assert list(here.keys()) == list(expected.keys())


def test_foreign_names_stay():
    store = bucket()
    writer = store.open_writer("notes.txt", content_type="text/plain")
    writer.seal({})
    list(expire_store(store, after(LAST)))
    assert list(store.keys()) == ["notes.txt"]


@pytest.fixture
def recordings(tmp_path):
    from onvif_bmff.testing.recordings import recorded_events

    root = tmp_path / "store"
    with StoreSink(DirectoryStore(root, fsync=False)) as sink:
        sink.add_all(recorded_events(tracks=("vide",), spans=2, segments=3))
    return root


def test_the_command_lists_and_deletes(recordings, capsys):
    arguments = ["expire", str(recordings), "--older-than", "P1D"]
    assert main([*arguments, "--dry-run"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len([line for line in listed if line.startswith("would be deleted ")]) == 8
    assert main([*arguments, "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["dry_run"], len(found["deleted"])) == (True, 8)
    assert len(list(DirectoryStore(recordings).keys())) == 8
    assert main([*arguments, "--hold", "2022-11-08T00:00:00Z/2022-11-09T00:00:00Z", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["deleted"] == []
    assert main([*arguments, "--older-than", "P3650D"]) == 0
    assert "0 objects" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "onvif-bmff/expire/1"
    assert [f"would be deleted {key}" for key in found["deleted"]] == listed[:-1]
    assert (found["errors"], found["dry_run"]) == ([], False)
    assert list(DirectoryStore(recordings).keys()) == []


def test_a_hold_must_be_a_time(recordings, capsys):
    arguments = ["expire", str(recordings), "--older-than", "P1D", "--hold"]
    for text in ("2022-11-08T00:00:00Z", "2022-11-08T00:00:00Z/2022-11-07T00:00:00Z", "a/b"):
        assert main([*arguments, text]) == 2
    assert "hold" in capsys.readouterr().err


def test_rules_of_life_cycle():
    month = timedelta(days=30)
    s3 = json.loads(lifecycle_rule(StoreUrl("s3", "b", "site"), month, "cam"))
    (rule,) = s3["Rules"]
    assert rule["Filter"] == {"Prefix": "site/cam/"}
    assert rule["Expiration"] == {"Days": 30}
    assert rule["Status"] == "Enabled"
    azure = json.loads(lifecycle_rule(StoreUrl("az", "b", "site"), timedelta(days=29, hours=1)))
    (rule,) = azure["rules"]
    assert rule["definition"]["filters"]["prefixMatch"] == ["b/site/"]
    assert rule["definition"]["actions"]["baseBlob"]["delete"] == {"daysAfterCreationGreaterThan": 30}
    google = json.loads(lifecycle_rule(StoreUrl("gs", "b"), month))
    assert google == {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 30}}]}
    with pytest.raises(StoreError, match="memory: has no rules"):
        lifecycle_rule(StoreUrl("memory"), month)


def test_the_command_prints_a_rule(recordings, capsys):
    arguments = ["--older-than", "P30D", "--print-lifecycle"]
    assert main(["expire", "s3://bucket/site", *arguments, "--prefix", "cam"]) == 0
    assert json.loads(capsys.readouterr().out)["Rules"][0]["Filter"]["Prefix"] == "site/cam/"
    assert main(["expire", str(recordings), *arguments]) == 2
    assert main(["expire", "s3://bucket", *arguments, "--postfix", "cam"]) == 2
    assert len(list(DirectoryStore(recordings).keys())) == 8


def test_a_span_that_lies_over_another_says_nothing_about_the_end_of_that_one():
    """A recorder died, and the clock was set back: the first span's last segment begins behind the second's start."""
    starts = [(0, 0), (10, 1), (20, 2), (15, 0), (25, 1), (35, 2)]
    keys = [str(ObjectKey("a", after(second), "", counter, "m4v")) for second, counter in starts]
    assert list(expired_keys(Timeline.from_keys(keys), after(21))) == [keys[:2]]
    assert list(expired_keys(Timeline.from_keys(keys), after(25))) == [keys[:4]]
    held = Hold(after(21), after(24))
    assert list(expired_keys(Timeline.from_keys(keys), after(1000), [held])) == [keys[:2]]
