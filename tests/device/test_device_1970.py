"""A device that starts in 1970, as one without a battery does until NTP has set its clock."""

import logging
from datetime import timedelta

import pytest
from device_kit import FastClock, ended, fast_device, faults, record, sealed, spans, state, until

from onvif_bmff.control import MemoryPersistence
from onvif_bmff.device import ClockTrust, SteadyClock
from onvif_bmff.runtime import utc_now
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.testing.recordings import recorded_objects
from onvif_bmff.timing import UtcTime

EPOCH = UtcTime.parse("1970-01-01T00:00:20Z")


class Settable(FastClock):
    """A clock that NTP sets."""

    def __init__(self, start, speed):
        super().__init__(start, speed)
        self.ahead = timedelta(0)

    def __call__(self):
        return super().__call__() + self.ahead


@pytest.fixture
def clock(monkeypatch):
    made = Settable(EPOCH, 8.0)
    monkeypatch.setattr("device_kit.FastClock", lambda start, speed: made)
    return made


def test_recordings_wait_in_idle_until_the_clock_is_set_and_begin_at_the_right_time(clock, caplog):
    store = MemoryStore()
    with caplog.at_level(logging.WARNING, "onvif_bmff.device"), fast_device({"s3": store}) as made:
        _, held = record(made.service)
        until(lambda: made._clock.elapsed() > 30)
        assert state(made.service, held) == "Idle"
        assert "the clock says 1970-01-01T" in made.waits_for_clock
        assert list(store.keys()) == []
        clock.ahead = utc_now() - EPOCH
        until(lambda: state(made.service, held) == "Active")
        assert made.waits_for_clock is None
        until(lambda: sealed(store))
    assert sum("recordings wait: the clock says 1970" in one.getMessage() for one in caplog.records) == 1
    assert all(span.start > utc_now() - timedelta(hours=1) for span in spans(store))
    assert faults(store) == []


def test_what_a_power_cut_left_is_recovered_when_the_clock_is_set(clock):
    """By a clock in 1970 all of it would be later than the start, as what this process records."""
    store = MemoryStore()
    for item in recorded_objects(prefix="cam", postfix="", ended=False, tracks=("vide",)):
        store.put(item)
    (left,) = spans(store)
    assert left.end is None
    with fast_device({"s3": store}) as made:
        record(made.service)
        until(lambda: made._clock.elapsed() > 30)
        assert not made.wait_recovered(0)
        assert not made.health().recovered
        assert [span.end for span in spans(store)] == [None]
        clock.ahead = utc_now() - EPOCH
        assert made.wait_recovered(60)
        until(lambda: len(spans(store)) > 1)
    assert all(span.end is not None for span in spans(store))
    assert [error for report in made.recovery for error in report.errors] == []


def test_by_option_they_begin_at_once_and_a_new_span_begins_when_the_clock_is_set(clock):
    store = MemoryStore()
    with fast_device({"s3": store}, clock_trust=ClockTrust(wait=False)) as made:
        _, held = record(made.service)
        until(lambda: sealed(store))
        before = {key: store.get(key) for key in sealed(store)}
        clock.ahead = utc_now() - EPOCH
        until(lambda: any(span.start > EPOCH + timedelta(days=1) for span in spans(store)))
        assert state(made.service, held) == "Active"
    years = [str(span.start)[:4] for span in spans(store)]
    assert sorted(set(years)) == ["1970", str(utc_now())[:4]]
    assert all(span.end is not None for span in spans(store))
    assert {key: store.get(key) for key in before} == before, "no key is written again"
    assert faults(store) == []


def test_spans_from_before_a_power_cut_are_ended_once_the_clock_is_set(clock):
    """By a clock of 1970 they would all be spans of the present life."""
    store, persistence = MemoryStore(), MemoryPersistence()
    clock.ahead = utc_now() - timedelta(days=1) - EPOCH
    with fast_device({"s3": store}, persistence=persistence) as made:
        record(made.service)
        until(lambda: len(sealed(store)) >= 4)
    for key in ended(store):
        store.delete(key)
    clock.ahead = timedelta(0)
    with fast_device({"s3": store}, persistence=persistence) as made:
        assert not made.wait_recovered(2.0)
        assert ended(store) == []
        clock.ahead = utc_now() - EPOCH
        assert made.wait_recovered(60.0)
        assert [len(report.ended) for report in made.recovery] == [2, 0]
    assert all(span.end is not None for span in spans(store))
    assert faults(store) == []


def test_the_date_of_the_firmware_counts():
    now = UtcTime.parse("2026-05-01T00:00:00Z")
    built = ClockTrust(not_before=UtcTime.parse("2026-06-01T00:00:00Z"))
    assert "2026-06-01" in SteadyClock(lambda: now, trust=built).doubt()
    assert SteadyClock(lambda: now).doubt() is None
    assert SteadyClock(lambda: EPOCH).doubt()
    assert SteadyClock(lambda: EPOCH, trust=ClockTrust(wait=False)).doubt() is None
    assert ClockTrust(not_before=now).doubt(now) is None
