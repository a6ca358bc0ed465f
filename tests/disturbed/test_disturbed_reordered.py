"""Pictures that come with the times of their presentation only, reordered, and disturbed: line 3 with lines 1 and 2."""

from fractions import Fraction
from itertools import pairwise

import pytest
from disturbances import coarse, composed, drift, equal, lone, lost, pause, restart, shaken, step, wraps
from named import clean
from oracle import Clock, check
from real import CAMERA, by_presentation, pictures_of

from onvif_bmff.recording.formats import CMAF, MP4

CLIPS = {
    "H.264, 2 between": ("libx264", "-bf", "2"),
    "H.264, 3 between, a pyramid": ("libx264", "-bf", "3", "-b_strategy", "0", "-x264-params", "b-pyramid=normal"),
    "H.264, open groups": ("libx264", "-bf", "3", "-x264-params", "open-gop=1:b-adapt=0"),
    "H.265, 2 between": ("libx265", "-bf", "2", "-x265-params", "bframes=2:b-adapt=0:log-level=none"),
    "H.265, 3 between": ("libx265", "-x265-params", "bframes=3:b-adapt=0:log-level=none:open-gop=0"),
}
DISTURBED = {
    "undisturbed": lambda stream: stream,
    "lone stamps 9800 s back": lone(-9_800, every=60, first=33),
    "a counter that steps back": step(5.48, -2),
    "a counter that steps ahead": step(5.48, 3),
    "stamps ±10 ms": shaken(0.010),
    "a pause": pause(5.48, 2.5),
    "a boot": restart(5.48, away=1),
    "a counter that wraps": wraps(5.5),
    "lost pictures": lost(every=23),
    "lone stamps and a step": composed(lone(600, every=70, first=35), step(5.48, -1)),
    "lone stamps half a second back": lone(-0.5),
    "lone stamps half a second ahead": lone(0.5, every=53, first=33),
    "four stamps half a second back": lone(-0.5, every=0, first=110, count=4),
    "stamps ±44 ms": shaken(0.044),
    "stamps ±44 ms and lone ones": composed(shaken(0.044, seed=5), lone(37_600)),
}


COMPOSED = {
    "stamps shaken behind a step of 25 s": (
        CMAF, Clock.CAMERA, shaken(0.044), drift(Fraction(-3, 10_000)), step(9.0, -25.0, wall=True),
    ),
    "stamps shaken behind a boot": (
        CMAF, Clock.ARRIVAL, shaken(0.044, seed=0), drift(Fraction(-1, 20_000)), restart(9.0, away=2.0),
    ),
    "stamps shaken, and five of them seconds back": (
        CMAF, Clock.CAMERA, shaken(0.044, seed=9), lone(-2.0, every=0, first=115, count=5),
    ),
    "stamps twice behind a step": (MP4, Clock.CAMERA, step(9.0, 9.5, wall=True), equal(every=9)),
    "stamps twice behind a pause": (MP4, Clock.ARRIVAL, pause(9.0, 11.0), equal(every=9)),
    "a lone stamp after a clock was set, whose tracks differ by a rounding": (
        MP4, Clock.ARRIVAL, lost(every=9), step(12.3, -3.0, wall=True), lone(0.5, first=30),
    ),
}  # fmt: skip
"""Several at once, of pictures with decode times: an example of each kind that once failed."""


def named(clips):
    """The disturbances of clips."""
    for clip in clips:
        for name in DISTURBED:
            yield pytest.param(clip, name, id=f"{clip}, {name}")


@pytest.fixture(scope="module")
def clips(make_clip):
    """The clips by name, made when they are asked for."""

    def clip(name):
        codec, *options = CLIPS[name]
        source = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=12")
        form = ("-c:v", codec, *options, "-g", "25", "-pix_fmt", "yuv420p", "-video_track_timescale", "90000")
        return make_clip(f"{list(CLIPS).index(name)}.mp4", (*source, *form))

    return clip


@pytest.mark.parametrize(
    ("format_", "clock", "disturbances"), [(*one[:2], one[2:]) for one in COMPOSED.values()], ids=COMPOSED
)
def test_compositions_that_once_failed(format_, clock, disturbances):
    check(composed(*disturbances)(clean("reordered with sound")), format_, clock)


@pytest.mark.parametrize("format_", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize(("_clip", "disturbed"), list(named(["camera"])))
def test_a_camera(_clip, disturbed, format_):
    check(DISTURBED[disturbed](by_presentation(pictures_of(CAMERA))), format_, Clock.ARRIVAL)


@pytest.mark.parametrize(("resolution", "phase"), [(1, 0), (1, 0.13), (1, 0.97), (0.5, 0.13), (0.1, 0.04)])
def test_stamps_of_whole_seconds(resolution, phase):
    """The camera's reports tell the time; held to arrival, the first span is as much late as pictures had to wait."""
    recorded = check(coarse(resolution, phase=phase)(by_presentation(pictures_of(CAMERA))), CMAF, Clock.CAMERA)
    (span,) = recorded.spans
    samples, scale = span.samples(1), span.timescale
    steps = [(later.decode_time - one.decode_time) / scale for one, later in pairwise(samples)]
    assert resolution < 0.5 or all(0.028 < step < 0.052 for step in steps), (min(steps), max(steps))
    assert sum(recorded.dropped.values()) == 0


@pytest.mark.parametrize("seed", [*range(8), 10, 11])  # the first three of 9 come evenly by chance
@pytest.mark.parametrize("clock", Clock, ids=lambda one: one.value)
def test_the_first_pictures_are_shown_evenly_though_their_stamps_are_shaken(seed, clock):
    """They wait until their line is known, and the clock of the arrival does not take that for a delay."""
    (first, *_) = check(shaken(0.044, seed=seed)(by_presentation(pictures_of(CAMERA))), CMAF, clock).spans
    shown = sorted(sample.presented for sample in first.samples(1))[:50]
    steps = [(later - one) / first.timescale for one, later in pairwise(shown)]
    assert all(0.030 < step < 0.050 for step in steps), (min(steps), max(steps))


@pytest.mark.interop
@pytest.mark.parametrize(("name", "disturbed"), list(named(CLIPS)))
def test_a_clip(name, disturbed, clips):
    check(DISTURBED[disturbed](by_presentation(pictures_of(clips(name)))), CMAF, Clock.ARRIVAL)
