"""The last days of a recording, found by few requests, whatever else lies in the store."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.objects import ObjectKey
from onvif_bmff.recovery import newest_after, recorded_days
from onvif_bmff.storage import MemoryStore
from onvif_bmff.timing import UtcTime, days_since_epoch

DAY = 86_400_000_000


class CountingStore(MemoryStore):
    """Counts what a listing costs."""

    def __init__(self, keys):
        super().__init__()
        for key in keys:
            writer = self.open_writer(key, content_type="video/mp4")
            writer.append(b"x")
            writer.seal({})
        self.requests = self.listed = 0

    def keys(self, prefix="", *, after=""):
        self.requests += 1
        for key in super().keys(prefix, after=after):
            self.listed += 1
            yield key


def key(day, prefix="cam", postfix="", hour=3, counter=0):
    at = UtcTime(day * DAY + hour * 3_600_000_000 + counter * 1_000_000)
    return str(ObjectKey(prefix, at, postfix, counter, "m4v"))


def found(store, prefix="cam", postfix="", **more):
    return dict(recorded_days(store, prefix, postfix, **more))


TODAY = days_since_epoch(2026, 11, 29)


@pytest.mark.parametrize("postfix", ["", "camera-5", "00x", "2026-01-01"])
@pytest.mark.parametrize("prefix", ["", "cam", "site/2026"])
def test_the_last_day_costs_few_requests_however_long_ago_it_was(prefix, postfix):
    keys = [key(day, prefix, postfix, counter=number) for day in range(TODAY - 400, TODAY) for number in range(5)]
    for until in (None, UtcTime(TODAY * DAY), UtcTime((TODAY + 5000) * DAY)):
        store = CountingStore(keys)
        day, listed = next(recorded_days(store, prefix, postfix, until=until))
        assert day == TODAY - 1
        assert listed == [key(day, prefix, postfix, counter=number) for number in range(5)]
        assert store.requests <= 50
        assert store.listed <= 60


def test_a_camera_that_stopped_long_before_the_others_is_found():
    others = [key(day, postfix=f"camera-{number}") for day in range(TODAY - 300, TODAY) for number in (1, 3)]
    store = CountingStore([*others, key(TODAY - 250, postfix="camera-2"), key(TODAY - 200, postfix="")])
    assert list(found(store, postfix="camera-2")) == [TODAY - 250]
    assert list(found(store, postfix="")) == [TODAY - 200]
    assert list(found(store, postfix="camera-9")) == []
    assert list(found(store, prefix="other")) == []


NAMES = st.sampled_from(
    ["", "a", "12", "2026", "2026-05-05x", "2026-13-45", "24", "9999-12-31", "zz/2026-05-05", "0000-00-00"]
)


@settings(max_examples=150, deadline=None)
@given(
    days=st.sets(st.integers(-719_162, 2_932_896) | st.integers(TODAY - 9, TODAY), max_size=8),
    prefix=st.sampled_from(["", "cam", "2026-05-05"]),
    postfix=st.sampled_from(["", "p", "07x", "2026-05-05"]),
    junk=st.lists(st.tuples(NAMES, NAMES, st.integers(TODAY - 9, TODAY)), max_size=8),
    seed=st.integers(0, 99),
)
def test_all_days_are_found_the_latest_first(days, prefix, postfix, junk, seed):
    draw = Random(seed)
    wanted = {day: sorted({key(day, prefix, postfix, draw.randrange(24), n) for n in range(3)}) for day in days}
    lead = f"{prefix}/" if prefix else ""
    others = {"/".join(part for part in (prefix, a, b, "x") if part) for a, b, _ in junk}
    others |= {
        key(day, (lead + a).strip("/"), b)
        for a, b, day in junk
        if (lead + a).strip("/") != prefix and a != "2026-05-05"
    }
    mine = {name for names in wanted.values() for name in names}
    clash = {name for name in others if any(name.startswith(m + "/") or m.startswith(name + "/") for m in mine)}
    store = CountingStore(mine | (others - clash))
    got = list(recorded_days(store, prefix, postfix))
    assert [day for day, _ in got] == sorted((day for day, _ in got), reverse=True)
    for day, names in got:
        assert set(wanted.get(day, ())) <= set(names)
    assert set(wanted) <= {day for day, _ in got}
    until = UtcTime(TODAY * DAY - DAY)
    assert [day for day, _ in recorded_days(store, prefix, postfix, until=until)] == [
        day for day, _ in got if day <= TODAY - 1
    ]


@pytest.mark.parametrize("postfix", ["", "camera-5", "00x"])
@pytest.mark.parametrize("prefix", ["", "cam", "site/2026"])
def test_two_requests_say_that_nothing_is_newer(prefix, postfix):
    keys = [key(day, prefix, postfix, counter=number) for day in range(TODAY - 40, TODAY + 1) for number in range(5)]
    others = [key(TODAY, prefix, "other", counter=number) for number in range(5)] if postfix else []
    store = CountingStore(keys + others)
    newest = UtcTime(TODAY * DAY + 3 * 3_600_000_000 + 4_000_000)
    assert newest_after(store, prefix, postfix, newest) is None
    assert store.requests == 2
    assert newest_after(store, prefix, postfix, newest.plus_microseconds(-1)) == newest


@pytest.mark.parametrize("postfix", ["", "camera-5"])
@pytest.mark.parametrize(("day", "hour"), [(0, 2), (0, 23), (1, 0), (40, 3), (30_000, 3)])
def test_a_newer_key_is_found_wherever_it_is(postfix, day, hour):
    keys = [key(TODAY - back, "cam", postfix) for back in range(20)] + [key(TODAY + day, "cam", postfix, hour=hour)]
    store = CountingStore([*keys, key(TODAY + 50_000, "other", postfix), "cam/about.txt", "cam/2026-99-99/x"])
    now = UtcTime(TODAY * DAY + 3_600_000_000)
    newest = max(UtcTime((TODAY + day) * DAY + hour * 3_600_000_000), UtcTime(TODAY * DAY + 3 * 3_600_000_000))
    assert newest_after(store, "cam", postfix, now) == newest
    assert store.requests <= 60


def test_the_end_of_a_span_counts():
    at = UtcTime(TODAY * DAY)
    end = str(ObjectKey("cam", at, "", 1, "m4v", span_end=True))
    assert newest_after(CountingStore([end]), "cam", "", at.plus_microseconds(-1)) == at
    assert newest_after(CountingStore([end]), "cam", "", at) is None


def test_newer_keys_of_others_are_no_keys_of_this_one():
    others = [key(TODAY + day, "cam", "other") for day in range(1, 9)]
    store = CountingStore([key(TODAY, "cam", "mine"), *others])
    now = UtcTime(TODAY * DAY + DAY // 2)
    assert newest_after(store, "cam", "mine", now) is None
    assert newest_after(CountingStore([*others, key(TODAY + 9, "cam", "mine")]), "cam", "mine", now) is not None
    many = CountingStore(key(TODAY + day, "cam", "other") for day in range(1, 900))
    assert newest_after(many, "cam", "mine", now) is None
    assert many.requests <= 40
