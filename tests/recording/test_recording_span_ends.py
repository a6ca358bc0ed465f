"""Spans that follow each other at once: the old one ends where the new one begins. ONVIF 25.12, B.1, B.2, B.5."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product

import pytest
from recording_kit import AUDIO, FRAME, META, PACKET, SCALES, VIDEO, audio, data, mixed, target, video
from support_recorded import check_recording

from onvif_bmff.media import Sample
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.interleave import Interleaver
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2022-11-08T15:08:23Z")
ONE_PACKET = Fraction(PACKET, AUDIO.timescale)


def documents(seconds, every, lasting=None, start=0.1):
    """Documents that say how long they last, which may be until long after a cut."""
    ticks = round((every if lasting is None else lasting) * 1000)
    return [
        Sample(META.track_id, round((start + number * every) * 1000), ticks, data("m", number))
        for number in range(round(seconds / every))
    ]


def recorded(tracks, samples, chosen, **options):
    recorder = Recorder(tracks, chosen, **options)
    recorder.activate(START, media_time=Fraction(0))
    events = [event for sample in samples for event in recorder.push(sample)]
    events += recorder.deactivate()
    return check_recording(events), recorder.dropped


def check_ends(spans, *, beyond=ONE_PACKET):
    """Each span ends where the next one of its kind begins, or a packet of sound later."""
    for extension in {span.extension for span in spans}:
        own = [span for span in spans if span.extension == extension]
        for before, after in pairwise(own):
            late = before.end.key.time.microseconds - after.segments[0].obj.key.time.microseconds
            assert late <= beyond * 1_000_000 + 1_000, (before.end.key, after.segments[0].obj.key)


def check_stored(spans, samples, dropped=0):
    """Every sample is stored once."""
    found = sorted((one.track_id, one.data) for span in spans for one in span.samples())
    assert len(set(found)) == len(found)
    assert len(found) + dropped == len(samples)
    assert set(found) <= {(one.track_id, one.data) for one in samples}


@pytest.mark.requirement("ANX-B.1-05", "ANX-B.2-03", "ANX-B.5-03")
@pytest.mark.parametrize(("every", "lasting"), [(0.5, 0.5), (1, 1), (3, 3), (0.5, 4), (7, 7), (2, 0), (5, 0)], ids=str)
@pytest.mark.parametrize("gop", [5, 25, 50])
@pytest.mark.parametrize("ahead", [0, 0.7, 4])
def test_a_document_ends_with_its_segment(every, lasting, gop, ahead):
    """However long it says it lasts, and however early the source delivers it."""
    pictures, sound = video(16, gop=gop), audio(16)
    notes = documents(16, every, lasting)
    samples = sorted(
        [*pictures, *sound, *notes],
        key=lambda one: one.decode_time / SCALES[one.track_id] - (ahead if one.track_id == META.track_id else 0),
    )
    spans, dropped = recorded([VIDEO, AUDIO, META], samples, target(MP4, segment=0.4, span=1.5))
    assert len(spans) > 5
    check_ends(spans)
    check_stored(spans, samples, sum(dropped.values()))
    assert sum(dropped.values()) <= (1 if lasting != every else 0) * len(notes)


@pytest.mark.parametrize(("silent", "back"), [(5, 19), (5.3, 20), (3, 40), (8, 22.48)], ids=str)
@pytest.mark.parametrize("late", [0, 0.04, 0.3, 0.9])
@pytest.mark.parametrize("frame", [FRAME, 5 * FRAME, 25 * FRAME], ids=["25 fps", "5 fps", "1 fps"])
def test_video_that_comes_back(silent, back, late, frame):
    """Sound went on without it, and was there first: what was heard from then on is not in the span that ends."""
    pictures = [
        replace(one, decode_time=number * frame, duration=frame, sync=number % 10 == 0)
        for number, one in enumerate(video(50 * FRAME / frame))
    ]
    pictures = [one for one in pictures if not silent <= one.decode_time / 90_000 < back]
    first = next(one for one in pictures if one.decode_time / 90_000 >= back)
    first.sync = True
    sound = audio(50)
    samples = sorted(
        [*pictures, *sound],
        key=lambda one: one.decode_time / SCALES[one.track_id] + (late if one.track_id == VIDEO.track_id else 0),
    )
    spans, dropped = recorded([VIDEO, AUDIO], samples, target(MP4, segment=5))
    assert len(spans) == 2
    check_ends(spans)
    check_stored(spans, samples, sum(dropped.values()))
    assert not dropped


def test_sound_that_pauses_across_a_cut():
    """The packet before a pause lasts as long as the pause, but not beyond its segment."""
    sound = [one for one in audio(12) if not 3.9 <= one.decode_time / 48_000 < 7]
    pictures = video(12, gop=100)
    spans, dropped = recorded([VIDEO, AUDIO], mixed(pictures, sound), target(MP4, segment=2, span=4))
    assert len(spans) == 3
    check_ends(spans)
    check_stored(spans, [*pictures, *sound], sum(dropped.values()))
    assert not dropped


@pytest.mark.parametrize("chosen", [CMAF, MP4], ids=lambda one: one.name)
def test_a_picture_that_would_be_shown_after_the_cut(chosen):
    """Groups that end with the picture decoded before those shown before it."""
    pictures = video(4, gop=5)
    for number, one in enumerate(pictures):
        one.composition_offset = (1, 2, 0, 2, 0)[number % 5] * FRAME
    without = [one for number, one in enumerate(pictures) if number % 5 != 4]
    spans, _ = recorded([VIDEO], without, target(chosen, segment=0.2, span=0.4))
    check_ends(spans, beyond=0)


# ---- the order of samples ---------------------------------------------------------------------------------------


def test_a_track_that_leads_for_another_stays_behind():
    order = Interleaver([1, 2], {1: 1, 2: 1}, patience=100, lag=20)
    out = order.push(Sample(1, 0, 10, b"v", True))
    for time in range(0, 300, 5):
        out += order.push(Sample(2, time, 5, b"a"))
    assert order.lead_id == 2
    assert max(one.decode_time for one in out) == 295 - 20
    out = order.push(Sample(1, 283, 10, b"v", True))
    assert order.lead_id == 1
    assert [(one.track_id, one.decode_time) for one in out] == [(2, 280), (1, 283), (2, 285), (2, 290), (2, 295)][:2]
    assert [one.decode_time for one in order.close()] == [285, 290, 295]


@pytest.mark.parametrize(("lag", "skew"), [*product((0, 30), (0, 10, 25))])
def test_samples_come_out_once_and_each_track_in_order(lag, skew):
    order = Interleaver([1, 2, 3], {1: 1, 2: 1, 3: 1}, patience=50, lag=lag)
    given = [
        Sample(track, time, 5, b".", sync=track > 1 or time % 60 == 0)
        for time in range(0, 1000, 5)
        for track in (1, 2, 3)
        if not (track == 1 and 300 <= time < 600) and not (track == 2 and 400 <= time < 500)
    ]
    given.sort(key=lambda one: one.decode_time + (skew if one.track_id == 1 else 0))
    out = [one for sample in given for one in order.push(sample)]
    out += order.close()
    for track in (1, 2, 3):
        own = [one.decode_time for one in given if one.track_id == track]
        assert [one.decode_time for one in out if one.track_id == track] == own
