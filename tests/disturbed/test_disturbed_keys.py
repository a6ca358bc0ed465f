"""A key and the Duration is the next key, wherever one track leads a segment, whatever happens to the stream.

To within what a clock was followed by in that segment. The exceptions are those of docs/time.md, "Keys".
"""

from datetime import timedelta
from itertools import pairwise

import composition_ranges as ranges
import pytest
from disturbances import composed, drift, lone, lost, pause, restart, shaken, step, unreported
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from named import clean
from oracle import Clock, record
from streams import stream, video

from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.recording import segment_labels
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.readings import CAUGHT_UP
from onvif_bmff.recording.timing_faults import TimingFault

FOLLOWED = 100_000
"""Microseconds by which a clock is followed within one segment, at most."""
BASES = ("video", "sound and video", "all", "reordered with sound", "long groups", "29.97 a second", "sound", "opus")
KINDS = st.one_of(
    st.builds(pause, st.sampled_from(ranges.AT), st.sampled_from(ranges.PAUSES)),
    st.builds(step, st.sampled_from(ranges.AT), st.sampled_from(ranges.BY), wall=st.booleans()),
    st.builds(lone, st.sampled_from(ranges.OFF), every=st.sampled_from(ranges.EVERY)),
    st.builds(drift, st.sampled_from(ranges.DRIFTS)),
    st.builds(lost, every=st.integers(3, 12)),
    st.builds(restart, st.sampled_from(ranges.AT), away=st.sampled_from(ranges.AWAY)),
    st.builds(shaken, st.sampled_from(ranges.SHAKEN), seed=st.integers(0, 9)),
)


def first_of(segment, track_id):
    """The first sample of a track in a segment; None if its first fragment has none."""
    return next((one for one in segment.samples[: segment.first_fragment] if one.track_id == track_id), None)


def deviations(recorded):
    """By how many microseconds each key is later than the key and the Duration before it, where one track leads both.

    The first key of a span is that of the earliest sample: it may be earlier than that of the track that leads.
    """
    found = []
    for span in recorded.spans:
        for number, (before, after) in enumerate(pairwise(span.segments)):
            firsts = first_of(before, span.lead), first_of(after, span.lead)
            if None in firsts or len({one.offset for one in firsts}) > 1:
                continue
            earlier = 0
            if not number:
                shown = [first_of(before, track_id) for track_id in {one.track_id for one in before.samples}]
                earlier = firsts[0].presented - min(one.presented for one in shown if one is not None)
            key, following = before.obj.key.time.microseconds, after.obj.key.time.microseconds
            lasts = before.obj.attributes.duration // timedelta(microseconds=1)
            found.append(following - key - lasts - earlier * 1_000_000 / span.timescale)
    return found


def check_keys(sent, format_, clock):
    """Hold the keys of a stream to the law; return how many were held to it."""
    recorded = record(sent, format_, clock)
    found = deviations(recorded)
    off = [one for one in found if abs(one) > 2]
    assert all(abs(one) <= FOLLOWED + 2 for one in off), off
    timing = recorded.timing
    followed = timing.get(TimingFault.CLOCK_FOLLOWED, 0) + CAUGHT_UP // FOLLOWED * timing.get(TimingFault.CLOCK_SET, 0)
    followed *= len(sent.tracks)  # each track has spans of its own
    assert len(off) <= followed, f"{off}, and a clock was followed {followed} times"
    return len(found)


@settings(max_examples=25, derandomize=True, phases=[Phase.generate], database=None)
@given(
    base=st.sampled_from(BASES),
    disturbances=st.lists(KINDS, min_size=0, max_size=2),
    format_=st.sampled_from((CMAF, MP4)),
    clock=st.sampled_from(tuple(Clock)),
    reported=st.booleans(),
)
def test_a_key_and_the_duration_is_the_next_key(base, disturbances, format_, clock, reported):
    sent = clean(base)
    check_keys(composed(*disturbances)(sent if reported else unreported(sent)), format_, clock)


def open_groups():
    """Groups whose key frame is shown after two pictures that follow it."""
    return stream(video(reordered=True, gop=13))


@pytest.mark.parametrize("format_", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("base", [*BASES, "open groups"])
def test_keys_of_undisturbed_streams_are_all_held_to_it(base, format_):
    sent = open_groups() if base == "open groups" else clean(base)
    assert check_keys(sent, format_, Clock.CAMERA) >= 5


def test_the_law_fails_of_durations_that_are_wrong(monkeypatch):
    right = segment_labels.ticks_to_duration
    monkeypatch.setattr(
        segment_labels, "ticks_to_duration", lambda ticks, scale: right(ticks, scale) + timedelta(milliseconds=1)
    )
    with pytest.raises(AssertionError):
        check_keys(unreported(clean("video")), CMAF, Clock.CAMERA)


def test_the_law_fails_of_keys_that_are_wrong(monkeypatch):
    right = MediaClock.utc
    monkeypatch.setattr(
        MediaClock, "utc", lambda self, ticks, scale: right(self, ticks, scale).plus_microseconds(ticks % 17)
    )
    with pytest.raises(AssertionError, match="followed 0 times"):
        check_keys(unreported(clean("29.97 a second")), CMAF, Clock.CAMERA)
