"""Cameras that change their rate: where nothing moves, or it is dark, they send far fewer pictures a second."""

from itertools import pairwise

import pytest
from recording_kit import AUDIO, FORMATS, START, VIDEO, audio, data, mixed, target
from support_recorded import check_recording

from onvif_bmff.media import Sample
from onvif_bmff.recording.recorder import Recorder

PLANS = {
    "one a second, then 25": [(20, 1.0), (100, 0.04)],
    "25, one a second, and 25 again": [(100, 0.04), (20, 1.0), (100, 0.04)],
    "three at one a second": [(3, 1.0), (100, 0.04)],
    "five a second, and 25, twice": [(30, 0.2), (100, 0.04), (30, 0.2), (100, 0.04)],
    "one in two seconds, then 50": [(40, 2.0), (200, 0.02)],
    "up to 30 in three steps": [(10, 1.0), (30, 0.2), (100, 1 / 30)],
    "only the first of a group": [(1, 0.12), (100, 0.04)],
    "only the first of a long group": [(1, 0.4), (100, 0.04)],
    "only the first of two groups": [(2, 0.48), (100, 0.04)],
}
"""How many pictures come, and how many seconds apart."""


def pictures(plan, *, reorder, gop):
    made, time = [], 1_000
    for count, apart in plan:
        ticks = round(apart * VIDEO.timescale)
        for _ in range(count):
            number = len(made)
            place = 0 if count < 3 else number % gop
            offset = (1 if place == 0 else (3, 0, 0)[(place - 1) % 3]) * ticks if reorder else 0
            made.append(Sample(VIDEO.track_id, time, 0, data("v", number), not place, offset))
            time += ticks
    return made


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda chosen: chosen.name)
@pytest.mark.parametrize("gop", [25, 4])
@pytest.mark.parametrize("reorder", [False, True], ids=["in order", "reordered"])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_another_rate_is_no_fault_of_stamps(plan, reorder, gop, chosen):
    sent = pictures(plan, reorder=reorder, gop=gop)
    sound = audio(sent[-1].decode_time / VIDEO.timescale, duration=0)
    recorder = Recorder([VIDEO, AUDIO], target(chosen, segment=4))
    recorder.activate(START)
    events = [event for sample in mixed(sent, sound) for event in recorder.push(sample)]
    events.extend(recorder.deactivate())
    assert not recorder.timing
    assert not recorder.dropped
    spans = [span for span in check_recording(events) if span.extension != "m4a"]
    assert len(spans) == 1
    stored = spans[0].samples(VIDEO.track_id)
    assert [sample.data for sample in stored] == [sample.data for sample in sent]
    ticks = VIDEO.timescale / spans[0].timescale
    assert [(later.decode_time - earlier.decode_time) * ticks for earlier, later in pairwise(stored)] == [
        later.decode_time - earlier.decode_time for earlier, later in pairwise(sent)
    ]
