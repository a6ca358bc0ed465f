"""Worlds of a recorder, its spool and its bucket: a slice of ``python -m tests.long spool-worlds``."""

from collections import Counter
from statistics import median

import pytest
from storage_spool_world import READ_FAULTS, RENEWAL_FAULTS, START, WRITE_FAULTS, one

from onvif_bmff.storage import SpoolPolicy, SpoolRoom, UploadQueue, WaitingSpan, WhenFull, waiting

WORLDS = 25


def test_nothing_is_lost_in_any_world():
    hits = Counter()
    for seed in range(WORLDS):
        world = one(seed)
        hits.update({str(name): count for name, count in world.simulation.hits.items()})
        hits.update(acknowledged=len(world.acknowledged), dropped=sum(drop.objects for drop in world.dropped))
    wanted = {*WRITE_FAULTS, *READ_FAULTS, *(f"renewal: {name}" for name in RENEWAL_FAULTS)}
    wanted |= {"outage", "credentials expired", "killed", "died at a step of the disk", "acknowledged", "dropped"}
    assert wanted <= {name for name, count in hits.items() if count}


def test_a_seed_is_a_world():
    first, second = one(7), one(7)
    assert first.bucket.objects == second.bucket.objects
    assert first.simulation.hits == second.simulation.hits
    assert first.simulation.time == second.simulation.time


DAY = 86_400.0


def test_a_day_without_the_line_costs_nothing():
    world = one(1, segments=120, outage=DAY, policy=SpoolPolicy())
    assert world.simulation.hits["outage"] > 100
    assert world.dropped == []
    assert len([key for key in world.bucket.objects if key.endswith("m4v")]) == 120


@pytest.mark.parametrize(
    ("when_full", "earliest", "latest"),
    [(WhenFull.DROP_OLDEST, 15, 24), (WhenFull.DROP_NEWEST, 0, 12), (WhenFull.REFUSE, 0, 9)],
)
def test_a_day_without_the_line_in_a_spool_that_is_too_small(when_full, earliest, latest):
    world = one(1, segments=120, outage=DAY, policy=SpoolPolicy(most_bytes=20_000, when_full=when_full))
    times = [waiting(key, 0).time for key in world.bucket.objects if key.endswith("m4v")]
    assert 10 < len(times) < 80
    assert bool(world.dropped) == (when_full is not WhenFull.REFUSE)
    middle = (median(times) - START.microseconds) / 3.6e9
    assert earliest < middle < latest, "the newest is kept, or the oldest"


def found_in(seeds):
    for seed in seeds:
        try:
            one(seed)
        except Exception:  # whatever a broken spool does
            return True
    return False


def test_dropping_what_the_store_may_have_is_found(monkeypatch):
    monkeypatch.setattr(WaitingSpan, "fixed", 0)
    assert found_in(range(210, 220))


def test_a_span_that_is_not_ended_before_a_gap_is_found(monkeypatch):
    monkeypatch.setattr(SpoolRoom, "check", lambda room, key: None)
    monkeypatch.setattr("onvif_bmff.storage.spool_contents.SpoolContents.check", lambda contents, key: None)
    assert found_in(range(40))


def test_sending_within_a_span_in_another_order_is_found(monkeypatch):
    monkeypatch.setattr(WaitingSpan, "holds", lambda span, one: False)
    monkeypatch.setattr("onvif_bmff.storage.upload_queue._oldest", lambda span: (0, -span.start))
    assert found_in(range(20))


def test_an_object_that_is_passed_over_is_found(monkeypatch):
    take = UploadQueue.take

    def taken(queue, now, most=None):
        one = take(queue, now, most)
        if one is not None and len(one.key) % 2:
            queue.done(one)
            return None
        return one

    monkeypatch.setattr(UploadQueue, "take", taken)
    assert found_in(range(5))
