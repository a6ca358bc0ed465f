"""A track that begins some seconds after another one, and whose very first stamp is off: that alone is restamped."""

from dataclasses import replace

import pytest
from oracle import Clock, check
from streams import SOUND, VIDEO, Unit, packets, stream, video

from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.timing_faults import TimingFault

LATE = 5
"""Seconds after which it begins."""


def late_track(track, off):
    """Pictures and sound, of which one track begins late, with a first stamp that is ``off`` by so many seconds."""
    whole = stream(video(20), packets(20), seconds=20)
    first, *others = [one for one in whole.units(track.track_id) if one.decoded >= LATE]
    stamp = first.sample.decode_time + off * track.timescale
    items = [one for one in whole.items if not isinstance(one, Unit) or one.sample.track_id != track.track_id]
    return whole.sorted([*items, replace(first, sample=replace(first.sample, decode_time=stamp), is_off=True), *others])


@pytest.mark.parametrize("clock", Clock, ids=lambda one: one.value)
@pytest.mark.parametrize("format_", [CMAF, MP4], ids=lambda one: one.name)
@pytest.mark.parametrize("off", [-36_000, -40, -3, 40, 36_000])
@pytest.mark.parametrize("track", [SOUND, VIDEO], ids=lambda one: one.token)
def test_the_first_stamp_of_a_late_track(track, off, format_, clock):
    recorded = check(late_track(track, off), format_, clock)
    assert sum(recorded.dropped.values()) == 0
    assert recorded.timing[TimingFault.RESTAMPED] == 1
    assert TimingFault.GAP not in recorded.timing
