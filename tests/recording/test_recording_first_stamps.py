"""The very first stamp of a track is off: it tells nothing of how far pictures are apart, however rarely they come."""

from dataclasses import replace
from itertools import pairwise

import pytest
from recording_kit import FORMATS, START, VIDEO, data, record, target
from support_recorded import check_recording

from onvif_bmff.media import Sample
from onvif_bmff.recording.recorder import Recorder


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("offsets", [(0,), (1, 2, 0, 2, 0, 1)], ids=["in order", "reordered"])
@pytest.mark.parametrize("usual", [0.04, 0.2, 1.0, 1.2, 2.0, 20.0])
@pytest.mark.parametrize("ahead", [2, 3, 290, 3_600, 10_800])
def test_a_first_stamp_that_is_ahead_costs_nothing_and_moves_nothing(ahead, usual, offsets, chosen):
    ticks = round(usual * 90_000)
    samples = [Sample(1, ticks * n, 0, data("v", n), not n % 6, offsets[n % len(offsets)] * ticks) for n in range(42)]
    samples[0] = replace(samples[0], decode_time=round(max(ahead, 1.5 * usual) * 90_000))
    (span,) = check_recording(record([VIDEO], samples, target(chosen, segment=60)))
    stored = [sample for segment in span.segments for sample in segment.samples]
    assert [sample.data for sample in stored] == [sample.data for sample in samples]
    assert [sample.duration for sample in stored] == [ticks] * 42
    shown = sorted(sample.presented for sample in stored)
    assert {later - earlier for earlier, later in pairwise(shown)} == {ticks}


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("late", "usual"),
    [
        *((late, usual) for late in ((1,), (2,), (3,)) for usual in (0.2, 0.4, 0.9, 1.0, 1.2, 2.0, 5.0, 20.0)),
        *(((2, 3), usual) for usual in (0.2, 0.4, 1.2, 2.0, 5.0, 20.0)),  # at one a second the rest is a gap
    ],
    ids=str,
)
def test_a_stamp_that_is_repeated_among_the_first_says_nothing_of_how_far_pictures_are_apart(late, usual, chosen):
    """Some of the first pictures have the stamp of the one before; the first one stays where it is."""
    ticks = round(usual * 90_000)
    numbers = [n - (n in late) for n in range(36)]
    samples = [Sample(1, ticks * n, 0, data("v", place), not place % 6) for place, n in enumerate(numbers)]
    recorder = Recorder([VIDEO], target(chosen, segment=60))
    recorder.activate(START)
    events = [event for sample in samples for event in recorder.push(sample)]
    (span,) = check_recording([*events, *recorder.deactivate()])
    stored = [sample for segment in span.segments for sample in segment.samples]
    assert [sample.data for sample in stored] == [sample.data for sample in samples]
    assert stored[0].decode_time == 0
    assert all(abs(sample.decode_time - ticks * n) <= ticks for n, sample in enumerate(stored))
    assert min(sample.duration for sample in stored) >= ticks // 4
