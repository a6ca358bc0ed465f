"""Instants and durations."""

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.errors import TimeError
from onvif_bmff.timing import (
    UtcTime,
    civil_date,
    days_since_epoch,
    format_duration,
    parse_duration,
    ticks_to_duration,
)

FIRST = UtcTime.parse("0001-01-01T00:00:00Z")
LAST = UtcTime.parse("9999-12-31T23:59:59.999999Z")

normal = st.integers(FIRST.microseconds, LAST.microseconds).map(UtcTime)
leaps = st.builds(
    lambda minute, inside: UtcTime(minute * 60_000_000 + inside, True),
    st.integers(FIRST.microseconds // 60_000_000 + 1, LAST.microseconds // 60_000_000),
    st.integers(0, 999_999),
)
instants = st.one_of(normal, leaps)


@given(instants)
def test_text_round_trip(instant):
    assert UtcTime.parse(instant.isoformat(6)) == instant
    assert UtcTime.parse(str(instant)) == instant
    assert UtcTime.from_fields(*instant.fields()) == instant


@given(normal)
def test_agrees_with_datetime(instant):
    moment = instant.to_datetime()
    assert UtcTime.from_datetime(moment) == instant
    assert moment == datetime(*instant.fields(), tzinfo=UTC)
    assert (instant.year, instant.month, instant.day) == (moment.year, moment.month, moment.day)
    assert (instant.hour, instant.minute, instant.second) == (moment.hour, moment.minute, moment.second)
    assert instant.microsecond == moment.microsecond


@given(instants, instants)
def test_order_is_that_of_the_text(one, other):
    # A fixed-width text of years 1 to 9999 sorts like the instants, second 60 included.
    assert (one < other) == (one.isoformat(6) < other.isoformat(6))
    assert (one <= other) == (one.isoformat(6) <= other.isoformat(6))
    assert (one > other) == (other < one)
    assert (one >= other) == (other <= one)
    assert (one == other) == (one.isoformat(6) == other.isoformat(6))


@given(instants, st.integers(-(10**15), 10**15))
def test_sum_and_difference_are_inverse(instant, delta):
    try:
        later = instant.plus_microseconds(delta)
    except TimeError:
        return
    assert later.microseconds_since(instant) == delta
    assert instant.microseconds_since(later) == -delta
    assert (later > instant) == (delta > 0)
    assert instant + timedelta(microseconds=delta) == later
    assert later - instant == timedelta(microseconds=delta)
    assert instant - timedelta(microseconds=-delta) == later


@given(leaps, leaps)
def test_two_leap_seconds(one, other):
    difference = one.microseconds_since(other)
    assert difference == -other.microseconds_since(one)
    assert (difference > 0) == (one > other)


@given(normal, st.integers(0, 2**40), st.integers(0, 2**40), st.sampled_from([1, 1000, 44_100, 90_000, 720_000]))
def test_ticks_are_cut_never_rounded(instant, ticks, more, timescale):
    try:
        end = instant.plus_ticks(ticks + more, timescale)
    except TimeError:
        return
    exact = Fraction((ticks + more) * 1_000_000, timescale)
    assert 0 <= exact - (end.microseconds - instant.microseconds) < 1
    assert instant.plus_ticks(ticks, timescale) <= end


def test_leap_second():
    leap = UtcTime.parse("2016-12-31T23:59:60.5Z")
    assert leap.leap
    assert leap.fields() == (2016, 12, 31, 23, 59, 60, 500_000)
    assert leap.second == 60
    assert leap.isoformat() == "2016-12-31T23:59:60.500Z"
    assert UtcTime.parse("2016-12-31T23:59:59.999999Z") < leap < UtcTime.parse("2017-01-01T00:00:00Z")
    assert leap + timedelta(seconds=0.5) == UtcTime.parse("2017-01-01T00:00:00Z")
    assert leap - timedelta(seconds=0.6) == UtcTime.parse("2016-12-31T23:59:59.9Z")
    assert leap + timedelta(seconds=0.25) == UtcTime.parse("2016-12-31T23:59:60.75Z")
    assert UtcTime.parse("2017-01-01T00:59:60.5+01:00") == leap
    assert leap.to_datetime() == datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert leap != UtcTime(leap.microseconds)
    assert len({leap, UtcTime(leap.microseconds), UtcTime.parse("2016-12-31T23:59:60.5Z")}) == 2


def test_offsets_are_converted():
    assert str(UtcTime.parse("2022-11-08T16:08:23.547+01:00")) == "2022-11-08T15:08:23.547000Z"
    assert str(UtcTime.parse("2022-11-08T00:08:23-05:30")) == "2022-11-08T05:38:23.000000Z"
    moment = datetime(2022, 11, 8, 16, 8, 23, tzinfo=timezone(timedelta(hours=1)))
    assert UtcTime.from_datetime(moment).hour == 15


def test_digits():
    instant = UtcTime.parse("2022-11-08T15:08:59.9999996Z")
    assert str(instant) == "2022-11-08T15:08:59.999999Z"
    assert instant.isoformat() == "2022-11-08T15:08:59.999Z"
    assert instant.isoformat(0) == "2022-11-08T15:08:59Z"
    with pytest.raises(TimeError):
        instant.isoformat(7)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2022-11-08",
        "2022-11-08T15:08:23",
        "2022-11-08T15:08:23.Z",
        "2022-11-08T24:00:00Z",
        "2022-11-08T15:60:00Z",
        "2022-11-08T15:08:61Z",
        "2022-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2022-13-01T00:00:00Z",
        "2022-11-08T15:08:23+15:00",
        "2022-11-08T15:08:23+01:60",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "٢٠٢٢-11-08T15:08:23Z",
        "2022-11-08T15:08:23." + "9" * 10_000 + "Z",
        "2022-11-08T15:08:23Z\n",
    ],
)
def test_bad_instants(text):
    with pytest.raises(TimeError):
        UtcTime.parse(text)


def test_bad_constructions():
    with pytest.raises(TimeError):
        UtcTime(30_000_000, True)
    with pytest.raises(TimeError):
        UtcTime(LAST.microseconds + 1)
    with pytest.raises(TimeError):
        UtcTime(FIRST.microseconds, True)
    with pytest.raises(TimeError):
        UtcTime.from_datetime(datetime(2022, 11, 8))  # noqa: DTZ001
    with pytest.raises(TimeError):
        UtcTime(0).plus_ticks(1, 0)
    with pytest.raises(TimeError):
        days_since_epoch(2023, 2, 29)
    assert civil_date(days_since_epoch(2024, 2, 29)) == (2024, 2, 29)


def test_operators_leave_other_types_alone():
    instant = UtcTime(0)
    for wrong in (lambda: instant + 1, lambda: instant - 1, lambda: instant < 1, lambda: instant <= 1):
        with pytest.raises(TypeError):
            wrong()
    for wrong in (lambda: instant > 1, lambda: instant >= 1):
        with pytest.raises(TypeError):
            wrong()


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT60.033S", timedelta(seconds=60, milliseconds=33)),
        ("PT5S", timedelta(seconds=5)),
        ("PT1H", timedelta(hours=1)),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("P2W", timedelta(weeks=2)),
        ("-PT1M", timedelta(minutes=-1)),
        ("P0Y0M1D", timedelta(days=1)),
        ("PT0S", timedelta(0)),
        ("PT0,5S", timedelta(seconds=0.5)),
        ("PT0.0000019S", timedelta(microseconds=1)),
    ],
)
def test_durations(text, length):
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "1S", "PT1", "P1Y", "P1M", "PT-1S", "PT1.S", "P1W2D", "P1S", "PT" + "9" * 90 + "S"],
)
def test_bad_durations(text):
    with pytest.raises(TimeError):
        parse_duration(text)


@given(st.timedeltas())
def test_duration_round_trip(length):
    assert parse_duration(format_duration(length)) == length


def test_durations_are_written_in_seconds():
    assert format_duration(timedelta(seconds=60, milliseconds=33)) == "PT60.033S"
    assert format_duration(timedelta(hours=1)) == "PT3600S"
    assert format_duration(timedelta(0)) == "PT0S"
    assert format_duration(5) == "PT5S"
    assert format_duration(Fraction(1, 3)) == "PT0.333333S"
    assert format_duration(Fraction(2, 3)) == "PT0.666667S"
    assert format_duration(Fraction(1, 10**9)) == "PT0.000001S"
    assert format_duration(Fraction(-1, 2)) == "-PT0.5S"


def test_ticks_to_duration():
    assert ticks_to_duration(5_402_970, 90_000) == timedelta(seconds=60, milliseconds=33)
    assert ticks_to_duration(2, 3) == timedelta(microseconds=666_667)
    for ticks, timescale in ((1, 0), (10**30, 1)):
        with pytest.raises(TimeError):
            ticks_to_duration(ticks, timescale)
