"""Samples without bytes, for which players refuse a whole file: none is written, and no time is lost for one."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from recording_kit import (
    AUDIO,
    FORMATS,
    FRAME,
    META,
    START,
    VIDEO,
    audio,
    metadata,
    mixed,
    target,
    video,
)
from support_recorded import check_recording

from onvif_bmff.errors import MediaError
from onvif_bmff.media import Sample
from onvif_bmff.recording.fragment import FragmentBuilder, FragmentTrack
from onvif_bmff.recording.preroll import PreRoll
from onvif_bmff.recording.recorder import Recorder

EMPTY = "a sample without bytes"
NO_DOCUMENT = "an empty metadata document"


def without_bytes(samples, *which):
    return [replace(one, data=b"") if number in which else one for number, one in enumerate(samples)]


def recorded(tracks, samples, chosen=None, **options):
    """Spans, each of them checked, and what the recorder dropped."""
    recorder = Recorder(tracks, chosen or target(), **options)
    recorder.activate(START)
    events = [event for sample in samples for event in recorder.push(sample)]
    events += recorder.deactivate()
    spans = check_recording(events)
    assert all(sample.data for span in spans for sample in span.samples())
    return spans, recorder.dropped


@pytest.mark.requirement("ANX-B.3-08")
@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("told", [True, False], ids=["durations", "live"])
@pytest.mark.parametrize(
    "which",
    [(7,), (7, 8, 9), (24,), (25,), (49, 50), (0,), (74,), (73, 74), tuple(range(30, 45)), tuple(range(26))],
    ids=["one", "in a row", "before a sync", "a sync", "at a cut", "first", "last", "last two", "many", "a gop"],
)
def test_the_sample_before_lasts_longer(chosen, told, which):
    """Wherever it comes: the rest is stored as it would be, and no time is missing."""
    samples = without_bytes(video(3, gop=25, duration=FRAME if told else 0), *which)
    sound = audio(3, duration=None if told else 0)
    chosen = target(chosen, segment=1, span=2)
    spans, dropped = recorded([VIDEO, AUDIO], mixed(samples, sound), chosen)
    pictures = [one for span in spans for one in span.samples(VIDEO.track_id)]
    begun = next(number for number, one in enumerate(samples) if one.sync and one.data)
    assert [one.data for one in pictures] == [one.data for one in samples[begun:] if one.data]
    assert dropped[EMPTY] == len(which)
    assert sum(dropped.values()) == len(which) + sum(bool(one.data) for one in samples[:begun])
    seconds = sum(one.duration / span.timescale for span in spans for one in span.samples(VIDEO.track_id))
    assert seconds == pytest.approx((75 - begun) / 25)
    assert [one.data for span in spans for one in span.samples(AUDIO.track_id)] == [one.data for one in sound]


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_all_tracks_at_once_and_one_that_never_has_any(chosen):
    pictures, sound = without_bytes(video(4), 3, 60), without_bytes(audio(4), 0, 1, 80, 81)
    documents = [replace(one, data=b"") for one in metadata(0, 1, 2, 3)]
    spans, dropped = recorded([VIDEO, AUDIO, META], mixed(pictures, sound, documents), target(chosen, segment=1))
    assert dropped == {EMPTY: 6, NO_DOCUMENT: 4}
    assert not [one for span in spans if META.track_id in span.kinds for one in span.samples(META.track_id)]
    sizes = {track: sum(len(span.samples(track)) for span in spans) for track in (1, 2)}
    assert sizes == {1: 98, 2: len(sound) - 4}


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
def test_an_empty_document_changes_no_other(chosen):
    documents = [replace(one, duration=300) for one in metadata(0, 0.3, 0.6, 2, 2.5)]
    spans, dropped = recorded([META], without_bytes(documents, 1, 3), target(chosen))
    (span,) = spans
    assert dropped == {NO_DOCUMENT: 2}
    assert [one.decode_time for one in span.samples()] == [0, 600, 2500]
    assert [one.duration for one in span.samples()] == [600, 1900, 300]


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("gop", [3, 4, 7])
@pytest.mark.parametrize("which", range(1, 20))
def test_pictures_in_another_order_are_shown_when_they_should_be(chosen, gop, which):
    """I P B B …: whichever is left out, the others keep their times, and no span ends after the next one begins."""
    samples = video(2, gop=gop)
    for number, one in enumerate(samples):
        place, left = number % gop - 1, min(gop, len(samples) - number + number % gop) - number % gop
        later = min(3, left) if place % 3 == 0 else 0  # a P picture is decoded before the B pictures shown before it
        one.composition_offset = FRAME if place < 0 else later * FRAME
    spans, _ = recorded([VIDEO], without_bytes(samples, which), target(chosen, segment=0.2, span=0.4))
    shown = [
        (span.segments[0].obj.key.time.plus_ticks(one.presented - span.samples()[0].presented, 90_000), one.data)
        for span in spans
        for one in span.samples()
    ]
    expected = [
        (START.plus_ticks(one.decode_time + one.composition_offset - FRAME, 90_000), one.data)
        for number, one in enumerate(samples)
        if number != which
    ]
    assert [(at.microseconds // 1000, found) for at, found in shown] == [
        (at.microseconds // 1000, found) for at, found in expected
    ]
    for before, after in pairwise(spans):
        assert before.end.key.time <= after.segments[0].obj.key.time


@pytest.mark.parametrize("bits", [None, 32])
def test_a_gap_is_not_bridged(bits):
    """A sample without bytes long after the one before it does not make that one last."""
    first = (1 << 32) - 50 * FRAME if bits else 0
    samples = [replace(one, decode_time=one.decode_time + first) for one in video(2) + video(2, start=20, first=50)]
    samples = [replace(one, decode_time=one.decode_time % (1 << 32)) for one in without_bytes(samples, 30, 50)]
    spans, dropped = recorded([VIDEO], samples, target(), timestamp_bits=bits)
    assert [sum(one.duration for one in span.samples()) for span in spans] == [50 * FRAME, 25 * FRAME]
    assert dropped == {EMPTY: 2, "before the next sync sample": 24}


def test_a_still_picture_that_a_source_sends_as_nothing_lasts():
    """Screen recorders write an empty sample where nothing changed, for minutes on end."""
    samples = video(60, gop=1500)
    spans, dropped = recorded([VIDEO], without_bytes(samples, *range(100, 1000)), target())
    (span,) = spans
    assert dropped == {EMPTY: 900}
    assert span.samples()[99].duration == 901 * FRAME
    assert sum(one.duration for one in span.samples()) == 1500 * FRAME


def test_data_that_is_none_is_refused():
    recorder = Recorder([VIDEO], target())
    recorder.activate(START)
    with pytest.raises(MediaError, match="None"):
        recorder.push(Sample(VIDEO.track_id, 0, FRAME, None))
    assert not recorder.dropped


def test_a_fragment_takes_no_empty_sample():
    builder = FragmentBuilder([FragmentTrack(1, 90_000)])
    builder.push(Sample(1, 0, FRAME, b""))
    with pytest.raises(MediaError, match="without bytes"):
        builder.close(1)


def test_a_pre_roll_does_not_begin_with_one():
    roll = PreRoll([VIDEO], timedelta(seconds=1))
    for sample in without_bytes(video(5), 50, 75):
        roll.push(sample)
    assert roll.release()[0].decode_time == 25 * FRAME
