"""Disturbances composed by chance: the oracle holds for the slice that is run here.

It does not for all: ``FAILING`` has an example of each kind that is known; docs/long-runs.md says how many there are.
"""

from fractions import Fraction

import composition_ranges as ranges
import pytest
from disturbances import (
    composed,
    delayed,
    drift,
    equal,
    lone,
    lost,
    pause,
    restart,
    shaken,
    stalled,
    step,
    wall_clock,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from named import clean
from oracle import Clock, check

from onvif_bmff.recording.formats import CMAF, MP4

OFF, BY, AT = (st.sampled_from(values) for values in (ranges.OFF, ranges.BY, ranges.AT))
DISTURBANCES = st.one_of(
    st.builds(lone, OFF, every=st.sampled_from(ranges.EVERY), first=st.integers(26, 40)),
    st.builds(lone, OFF, every=st.just(0), first=st.integers(100, 130), count=st.integers(2, 5)),
    st.builds(step, AT, BY, wall=st.booleans()),
    st.builds(shaken, st.sampled_from(ranges.SHAKEN), seed=st.integers(0, 9)),
    st.builds(equal, every=st.integers(2, 12)),
    st.builds(pause, AT, st.sampled_from(ranges.PAUSES)),
    st.builds(lost, every=st.integers(3, 12)),
    st.builds(drift, st.sampled_from(ranges.DRIFTS)),
    st.builds(wall_clock, st.sampled_from(ranges.WALLS)),
    st.builds(restart, AT, away=st.sampled_from(ranges.AWAY)),
    st.builds(delayed, st.sampled_from(ranges.DELAYS)),
    st.builds(stalled, AT, st.sampled_from(ranges.STALLS)),
)


FAILING = {
    "a step back in a pause: arrival cannot tell it from a delay": (
        "29.97 a second", (pause(12.3, 1.6), wall_clock(-56 * 365 * 86_400.0), step(12.3, -1.0, wall=True)),
        MP4, Clock.CAMERA,
    ),
    "a clock set back behind a stall, of which a segment catches up with 0.1 s: late by 0.5 s for longer than 12 s": (
        "reordered with sound", (step(12.3, 0.6, wall=False), stalled(12.3, 4.0)), CMAF, Clock.ARRIVAL,
    ),
}  # fmt: skip
"""What fails today, an example for each kind that is known: a clean stream, what happens to it, format and clock."""


MENDED = {
    "two tracks that step, one without a picture": (
        "sound and video", (step(14.52, -0.3, wall=True), wall_clock(-56 * 365 * 86_400.0), lost(every=12)),
        MP4, Clock.CAMERA,
    ),
    "the arrival takes a step back by 0.3 s for a delay": (
        "reordered with sound", (step(14.52, -0.3, wall=True), shaken(0.044, seed=7)), CMAF, Clock.ARRIVAL,
    ),
    "a counter that goes on before 0, followed by arrival": (
        "video", (restart(14.52, away=2.0), lone(20.0, every=0, first=114, count=2), step(14.52, -9.5)),
        CMAF, Clock.ARRIVAL,
    ),
    "documents follow a step of the other tracks": (
        "all", (stalled(12.3, 1.0), step(9.0, -3.0)), MP4, Clock.ARRIVAL,
    ),
    "documents follow two steps": ("all", (step(12.3, -1.0, wall=True), step(12.3, 0.3)), CMAF, Clock.CAMERA),
    "two boots within 3 s": ("long groups", (restart(12.3), restart(14.52, away=2.0)), CMAF, Clock.ARRIVAL),
    "a step ahead is taken for a gap": (
        "long groups", (shaken(0.005, seed=2), equal(every=9), step(14.52, 25.0)), MP4, Clock.CAMERA,
    ),
    "one of two tracks that step is taken for uneven": (
        "sound and video", (equal(every=4), step(14.52, -0.3)), CMAF, Clock.ARRIVAL,
    ),
    "a stamp from before a pause, behind it": ("long groups", (pause(14.52, 0.4), equal(every=5)), CMAF, Clock.ARRIVAL),
    "stamps shaken behind a gap": (
        "long groups", (shaken(0.044, seed=9), pause(12.3, 4.0), wall_clock(-56 * 365 * 86_400.0)), MP4, Clock.ARRIVAL,
    ),
    "stamps twice, and a gap": (
        "all", (drift(Fraction(-50, 1_000_000)), pause(9.0, 4.0), equal(every=2)), CMAF, Clock.CAMERA,
    ),
    "readings always come beside a stamp in doubt": (
        "29.97 a second", (wall_clock(3_600.0), equal(every=3)), MP4, Clock.CAMERA,
    ),
    "a reading in doubt from before a boot": (
        "video", (lone(-9.0, every=0, first=130, count=2), restart(14.52, away=2.0), equal(every=2)), MP4, Clock.CAMERA,
    ),
    "a pause and a boot within a second": (
        "reordered with sound", (restart(14.52, away=2.0), pause(12.3, 1.6)), MP4, Clock.CAMERA,
    ),
    "two pauses within a second": (
        "reordered with sound", (equal(every=6), pause(12.3, 1.6), pause(14.52, 11.0)), CMAF, Clock.CAMERA,
    ),
    "reordered, half a second off": (
        "reordered with sound", (lone(-0.5, every=50, first=29), lost(every=7)), CMAF, Clock.CAMERA,
    ),
    "reordered, shaken by more than a picture from the first on": (
        "reordered with sound", (delayed(0.15), shaken(0.044)), CMAF, Clock.CAMERA,
    ),
    "delays before a pause": ("long groups", (delayed(0.15), delayed(0.05), pause(9.0, 11.0)), CMAF, Clock.ARRIVAL),
}  # fmt: skip
"""An example of each kind that once failed."""


@pytest.mark.parametrize(("base", "disturbances", "format_", "clock"), MENDED.values(), ids=MENDED)
def test_compositions_that_once_failed(base, disturbances, format_, clock):
    check(composed(*disturbances)(clean(base)), format_, clock)


@pytest.mark.xfail(raises=AssertionError, strict=True)
@pytest.mark.parametrize(("base", "disturbances", "format_", "clock"), FAILING.values(), ids=FAILING)
def test_compositions_that_fail(base, disturbances, format_, clock):
    check(composed(*disturbances)(clean(base)), format_, clock)


@settings(max_examples=60, derandomize=True, phases=[Phase.generate])
@given(
    base=st.sampled_from(ranges.BASES),
    disturbances=st.lists(DISTURBANCES, min_size=2, max_size=3),
    format_=st.sampled_from((CMAF, MP4)),
    clock=st.sampled_from(tuple(Clock)),
)
def test_composed_disturbances(base, disturbances, format_, clock):
    check(composed(*disturbances)(clean(base)), format_, clock)
