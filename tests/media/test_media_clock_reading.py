"""Readings of a clock: values that sources hand over."""

from dataclasses import FrozenInstanceError
from fractions import Fraction

import pytest

from onvif_bmff.media import ClockOrigin, ClockReading
from onvif_bmff.timing import UtcTime

READING = ClockReading(1, Fraction(3, 2), UtcTime(1_000_000), ClockOrigin.CAMERA)


def test_a_reading_is_a_value():
    assert ClockReading(1, Fraction(3, 2), UtcTime(1_000_000), ClockOrigin.CAMERA) == READING
    assert ClockReading(None, Fraction(3, 2), UtcTime(1_000_000), ClockOrigin.CAMERA) != READING
    with pytest.raises(FrozenInstanceError):
        READING.utc = UtcTime(0)


def test_origins_are_words():
    assert [str(origin) for origin in ClockOrigin] == ["camera", "arrival", "held over"]
