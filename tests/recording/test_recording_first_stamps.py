"""The very first stamp of a track is off: it tells nothing of how far pictures are apart, however rarely they come."""

from dataclasses import replace
from itertools import pairwise

import pytest
from recording_kit import FORMATS, VIDEO, data, record, target
from support_recorded import check_recording

from onvif_bmff.media import Sample


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
