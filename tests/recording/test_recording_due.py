"""Segments that are due by the clock: what closes although no sample comes, and what waits for a sync sample (B.3)."""

from datetime import timedelta

import pytest
from recording_kit import CMAF, META, MP4, SECOND, START, VIDEO, Recorder, metadata, target, video

from onvif_bmff.engine.sources import Route
from onvif_bmff.objects.events import SegmentSealed, SpanEnded
from onvif_bmff.timing import UtcTime


def ends(events):
    return [event.key.time - START for event in events if isinstance(event, SpanEnded)]


def begun(tracks, samples, chosen=CMAF):
    recorder = Recorder(tracks, target(chosen, segment=60))
    recorder.activate(START)
    for sample in samples:
        recorder.push(sample)
    return recorder


@pytest.mark.requirement("ANX-B.3-02")
@pytest.mark.parametrize("chosen", [CMAF, MP4], ids=lambda chosen: chosen.name)
def test_documents_that_come_alone_are_stored_when_their_segment_is_due_by_the_clock(chosen):
    recorder = begun([META], metadata(0, 30), chosen)
    assert not recorder.end_silent({META.track_id: 29 * SECOND})
    events = recorder.end_silent({META.track_id: 31 * SECOND})
    assert [event.key.counter for event in events if isinstance(event, SegmentSealed)] == [0]
    assert ends(events) == [61 * SECOND], "the last one lasts until it was known that no other one comes"
    assert not recorder.end_silent({META.track_id: 500 * SECOND})
    events = [event for sample in metadata(600, 630) for event in recorder.push(sample)] + recorder.deactivate()
    assert [event.key.counter for event in events if isinstance(event, SegmentSealed)] == [0]
    assert recorder.dropped.total() == 0


def test_a_document_that_comes_alone_is_stored():
    recorder = begun([META], metadata(0))
    assert not recorder.end_silent({META.track_id: 59 * SECOND})
    events = recorder.end_silent({META.track_id: 61 * SECOND})
    assert ends(events) == [61 * SECOND]
    assert recorder.deactivate() == []


def test_a_document_from_before_the_end_that_was_stored_comes_behind_it():
    recorder = begun([META], metadata(0, 30))
    recorder.end_silent({META.track_id: 100 * SECOND})
    events = [event for sample in metadata(110) for event in recorder.push(sample)] + recorder.deactivate()
    assert min(event.key.time - START for event in events) == 130 * SECOND
    assert recorder.timing.total() == 0
    assert recorder.dropped.total() == 0


@pytest.mark.requirement("ANX-B.3-06")
@pytest.mark.parametrize("chosen", [CMAF, MP4], ids=lambda chosen: chosen.name)
def test_a_segment_of_pictures_that_is_due_within_a_group_waits_for_the_next_sync_sample(chosen):
    """A segment begins with an I-frame: a group of three minutes makes one of three minutes, of fragments in time."""
    pictures = video(200, gop=25 * 180)
    recorder = begun([VIDEO, META], pictures[:-25], chosen)
    assert not recorder.end_silent({VIDEO.track_id: 500 * SECOND, META.track_id: 500 * SECOND})
    events = [event for sample in pictures[-25:] for event in recorder.push(sample)] + recorder.deactivate()
    sealed = [event for event in events if isinstance(event, SegmentSealed)]
    assert [event.key.counter for event in sealed] == [1]


def test_sound_and_pictures_in_one_file_are_not_ended_by_the_clock():
    recorder = begun([VIDEO, META], [*metadata(0, 1), *video(5)], MP4)
    assert not recorder.end_silent({META.track_id: 500 * SECOND, VIDEO.track_id: 500 * SECOND})


@pytest.mark.parametrize(
    ("sparse", "apart", "allowed"), [(True, 5, 15), (True, 300, 60), (False, 300, 900), (False, 1, 10), (True, 1, 10)]
)
def test_a_track_is_silent_after_ten_seconds_or_three_times_as_long_as_it_was_before(sparse, apart, allowed):
    route = Route("TRACK", 1, 0, 1_000, sparse)
    now = UtcTime(0)
    for _ in range(3):
        route.count += 1
        for _ in range(apart):
            route.silence(now)
            now += timedelta(seconds=1)
    route.count += 1
    silences = []
    for _ in range(allowed + 2):
        silences.append(route.silence(now))
        now += timedelta(seconds=1)
    assert silences == [None] * (allowed + 1) + [timedelta(seconds=allowed + 1)]


def test_a_clock_that_is_set_is_no_silence():
    route = Route("TRACK", 1, 0, 1_000, True)
    route.count += 1
    asked = [UtcTime(0), UtcTime(3_000_000), UtcTime(900_000_000), UtcTime(0), UtcTime(2_000_000)]
    assert [route.silence(now) for now in asked] == [None] * 5
    assert route.silence(UtcTime(4_000_000)) == timedelta(seconds=12)
