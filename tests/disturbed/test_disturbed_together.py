"""All tracks of a camera step ahead and back, and its wall clock does not: nothing is lost, and no spans overlap.

This is stricter than what is held to other disturbed streams: media time goes on where it was, so that each unit stays
within 250 ms of its arrival at any time, and the validator has nothing to say of the whole store.
"""

from fractions import Fraction

import pytest
from disturbances import composed, late, step, unreported
from named import clean
from oracle import BOUNDS, START, Clock, check_spacing, check_units, record, reference_of
from streams import METADATA, packets, stream, video

from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.timing_faults import TimingFault
from onvif_bmff.validation import validate_store
from onvif_bmff.validation.rules import Level


def farthest(sent, recorded):
    """By how many seconds a stored unit is off at most, from when it happened up to when it came in."""
    truth = {bytes(unit.sample.data): (float(unit.shown), float(unit.arrival)) for unit in sent.units()}
    most = 0.0
    for span in recorded.spans:
        for segment in span.segments:
            reference = reference_of(segment, span)
            key = (segment.obj.key.time.microseconds - START.microseconds) / 1_000_000
            for sample in segment.samples:
                happened, came = truth[sample.data]
                at = key + (sample.presented - reference.presented) / span.timescale
                most = max(most, happened - at, at - came)
    return most


def check_strictly(sent, format_, clock):
    recorded = record(sent, format_, clock)
    assert not recorded.dropped
    check_units(sent, recorded)
    for track in sent.tracks:
        if track is not METADATA:
            check_spacing(sent, recorded, track.track_id)
    found = [one for one in validate_store(recorded.store) if one.level is not Level.NOTE]
    assert not found, "\n".join(f"{one.rule} {one.key}: {one.message}" for one in found[:5])
    assert farthest(sent, recorded) <= BOUNDS[Clock.ARRIVAL]
    assert TimingFault.GAP not in recorded.timing
    return recorded


AHEAD_AND_BACK = {
    "1.2 s, MP4": ("sound and video", (step(10, 1.2, back=14),), MP4),
    "1.5 s, in the middle of a group, MP4": ("sound and video", (step(10.33, 1.5, back=16.3),), MP4),
    "1.5 s, pictures come 0.4 s late": ("sound and video", (late(0.4, track_id=1), step(10.33, 1.5, back=20.7)), CMAF),
    "2 s, sound comes 0.4 s late, MP4": ("29.97 a second", (late(0.4, track_id=2), step(10, 2, back=20.7)), MP4),
    "4 s, reordered": ("reordered with sound", (step(10, 4, back=14),), CMAF),
    "4 s, reordered, sound comes 0.1 s late, MP4": (
        "reordered with sound", (late(0.1, track_id=2), step(10.5, 4, back=16.3)), MP4,
    ),
    "4 s, with documents": ("all", (step(10.33, 4, back=20.7),), CMAF),
    "9.5 s, with documents, MP4": ("all", (step(10.33, 9.5, back=14),), MP4),
    "25 s, pictures come 0.1 s late": ("sound and video", (late(0.1, track_id=1), step(10.5, 25, back=16.3)), CMAF),
    "1 s back and ahead, MP4": ("sound and video", (late(0.1, track_id=1), step(10.5, -1.1, back=16.3)), MP4),
    "3 s back and ahead, pictures come 0.4 s late": (
        "29.97 a second", (late(0.4, track_id=1), step(10.33, -3, back=20.7)), CMAF,
    ),
    "9.5 s back and ahead, with documents": ("all", (step(10.33, -9.5, back=20.7),), CMAF),
}  # fmt: skip
"""A clean stream, and what happens to it."""


@pytest.mark.parametrize("reported", [False, True], ids=["by arrival", "by reports"])
@pytest.mark.parametrize(("base", "disturbances", "format_"), AHEAD_AND_BACK.values(), ids=AHEAD_AND_BACK)
def test_all_tracks_step_ahead_and_back(base, disturbances, format_, reported):
    sent = clean(base) if reported else unreported(clean(base))
    recorded = check_strictly(composed(*disturbances)(sent), format_, Clock.CAMERA if reported else Clock.ARRIVAL)
    assert recorded.timing[TimingFault.DISCONTINUITY] >= 2 * 2


@pytest.mark.parametrize("by", [1.5, 4, -3])
def test_pictures_that_are_rare_step_with_sound(by):
    sent = step(10.33, by)(unreported(stream(video(rate=Fraction(5), gop=5), packets())))
    check_strictly(sent, CMAF, Clock.ARRIVAL)
