"""Pictures that are stamped at another rate than they are sent at, without readings of the camera: ten minutes of them.

Once it is seen that they drift, each segment for which more has come together than is followed begins a new span at the
right time; until then one begins behind five seconds and a group of pictures.
"""

from fractions import Fraction

import pytest
from disturbances import drift, unreported
from oracle import START, Clock, record, reference_of
from streams import stream, video

from onvif_bmff.recording.formats import CMAF, MP4

SECONDS, GOP = 600, 25
FOLLOWED_AFTER = 5.0 + GOP / 25
"""Seconds after which what is off is followed in any case: at the sync sample behind five."""


def deviations(rate, format_, seconds=SECONDS):
    """By how many seconds keys are off the arrival of what they name: of first segments of spans, and of all others."""
    sent = unreported(drift(rate)(stream(video(seconds, gop=GOP), seconds=seconds)))
    recorded = record(sent, format_, Clock.ARRIVAL)
    arrived = {bytes(unit.sample.data): float(unit.arrival) for unit in sent.units()}
    first, others = [], []
    for span in recorded.spans:
        for segment in span.segments:
            key = (segment.obj.key.time.microseconds - START.microseconds) / 1_000_000
            off = key - arrived[reference_of(segment, span).data]
            (others if segment.obj.key.counter else first).append((key, abs(off)))
    assert sum(recorded.dropped.values()) == 0
    return first, others


@pytest.mark.parametrize(
    ("rate", "bound", "format_"),
    [
        pytest.param(Fraction(-4, 25), 0.250, CMAF, id="25 stamped, 21 delivered, CMAF"),
        pytest.param(Fraction(-4, 25), 0.250, MP4, id="25 stamped, 21 delivered, MP4"),
        pytest.param(Fraction(-1, 25), 0.250, CMAF, id="25 stamped, 24 delivered"),
        pytest.param(Fraction(1, 100), 0.100, MP4, id="1 % slow"),
    ],
)
def test_keys_stay_at_the_time_of_arrival(rate, bound, format_):
    first, others = deviations(rate, format_)
    assert max(off for _, off in first) <= 0.050
    # Until then it is not known whether arrival is late or the stamps.
    assert max(off for key, off in [*first, *others] if key > 20) <= bound
    assert max((off for _, off in others), default=0) <= 2 * abs(rate) * FOLLOWED_AFTER + 0.010


@pytest.mark.parametrize(("rate", "bound"), [(Fraction(1, 25), 0.3), (Fraction(4, 25), 1.5)])
def test_media_that_are_too_fast_are_caught_up_with(rate, bound):
    """They last longer than the time that has passed, so that spans lie on those before or are late."""
    first, others = deviations(rate, CMAF, seconds=120)
    assert max(off for _, off in [*first, *others]) <= bound
