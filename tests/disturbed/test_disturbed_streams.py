"""Streams as cameras disturb them, in both formats, with the camera's readings and without."""

import pytest
from failing import FAILING
from named import NAMED
from oracle import Clock, check

from onvif_bmff.recording.formats import CMAF, MP4

FORMATS = {"CMAF": CMAF, "MP4": MP4}


def cases():
    for name, named in NAMED.items():
        for format_name in FORMATS:
            for clock in Clock:
                line, ways = FAILING.get(name, (0, ""))
                way = f"{format_name} {clock}"
                marks = [pytest.mark.xfail(reason=f"line {line}", strict=True)] if way in ways else []
                yield pytest.param(named, format_name, clock, marks=marks, id=f"{name}, {way}")


def test_there_are_many():
    assert len(NAMED) >= 80


@pytest.mark.parametrize(("named", "format_name", "clock"), list(cases()))
def test_a_disturbed_stream(named, format_name, clock):
    check(named.stream(), FORMATS[format_name], clock)


def test_streams_that_fail_exist():
    ways = {f"{format_name} {clock}" for format_name in FORMATS for clock in Clock}
    assert set(FAILING) <= set(NAMED)
    assert {way for _, known in FAILING.values() for way in known} <= ways
