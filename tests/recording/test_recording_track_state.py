"""What a recorder keeps of one track."""

from collections import deque
from fractions import Fraction

import pytest
from recording_kit import AUDIO, META, NEW_VIDEO, VIDEO

from onvif_bmff.media import Sample
from onvif_bmff.recording.stamps import Verdict
from onvif_bmff.recording.track_state import AnnouncedTracks, make_track_states


def states(*tracks, timescale=720_000):
    return make_track_states(tracks, timescale, Fraction(10), None)


@pytest.mark.parametrize(("tracks", "longest"), [((VIDEO,), (1 << 32) - 1), ((VIDEO, AUDIO), (1 << 29) - 1)])
def test_a_sample_lasts_as_long_as_32_bits_hold_in_ticks_of_a_multiplexed_span(tracks, longest):
    """Pictures and sound have 720,000 ticks a second in common, of which a picture's tick takes eight."""
    for duration, kept in ((longest, longest), (longest + 1, 0)):
        clock = states(*tracks)[VIDEO.track_id].clock
        clock.push(Sample(VIDEO.track_id, 0, duration, b"v", True))
        assert clock.held.duration == kept


def test_a_configuration_holds_from_the_decode_time_of_its_first_sample_on_moved_as_the_track_is():
    state = states(VIDEO)[VIDEO.track_id]
    state.begins(Sample(VIDEO.track_id, 0, 10, b"v", True, 500))
    state.announced.changes = deque([(3_000, NEW_VIDEO)])
    assert state.track_at(3_500 * 8 - 1) is VIDEO
    assert state.track_at(3_500 * 8) is NEW_VIDEO


def test_a_configuration_that_is_asked_for_holds_from_one_sample_on():
    announced = AnnouncedTracks()
    announced.date(Sample(1, 0, 1, b"x"))
    assert not announced.changes
    announced.asked = VIDEO
    for time in (10, 20, 30):
        announced.date(Sample(1, time, 1, b"x"))
    assert list(announced.changes) == [(10, VIDEO)]
    assert announced.asked is None
    assert announced.take(9) is None
    assert announced.take(10) is VIDEO
    assert announced.take(99) is None


def test_a_document_that_waits_lasts_a_tick_at_least():
    for end, duration in ((51, 1), (59, 1), (60, 1), (70, 2), (100, 5), (1_000, 8)):
        state = make_track_states([META], META.timescale, Fraction(10), None)[META.track_id]
        state.factor = 10
        state.waiting = Sample(META.track_id, 5, 8, b"<a/>")
        assert state.last_before(50) is None
        assert state.last_before(end).duration == duration
        assert state.last_before(end) is None


@pytest.mark.parametrize(("duration", "kept"), [(12_000, 12_000), (12_001, 100)])
def test_sound_that_waits_keeps_a_quarter_of_a_second_and_is_cut_if_it_is_longer(duration, kept):
    assert AUDIO.timescale == 48_000
    state = states(AUDIO)[AUDIO.track_id]
    state.factor = 1
    state.waiting = Sample(AUDIO.track_id, 0, duration, b"a")
    assert state.last_before(100).duration == kept


def test_each_of_two_gaps_is_reported_even_if_both_are_known_before_a_sample_is_stored():
    """In a multiplexed span samples wait for those of other tracks."""
    state = states(VIDEO)[VIDEO.track_id]
    samples = [Sample(VIDEO.track_id, time, 10, b"v", True) for time in (0, 10, 500, 510, 900, 1500)]
    for sample in samples:
        state.clock.after = Verdict.GAP if sample.decode_time in (500, 900, 1500) else None
        state.begins(sample)
    assert [state.reaches_gap(sample) for sample in samples[:5]] == [False, False, True, False, True]
    later = Sample(VIDEO.track_id, 1600, 10, b"v", True)
    assert [state.reaches_gap(later), state.reaches_gap(later)] == [True, False], "its own first sample was left out"
