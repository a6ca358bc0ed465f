"""A place has one writer. Failing over to another recorder begins a new span and ends the dead one's."""

from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from onvif_bmff.objects import ObjectKey, SegmentSealed
from onvif_bmff.playback import SpanState, Timeline
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recovery import recover_store
from onvif_bmff.storage import MemoryStore, StoreSink
from onvif_bmff.testing.recordings import START, recorded_events
from onvif_bmff.validation import validate_store

PLACE = ("site-2", "camera-5")
FORMATS = pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])


def events_of(form, *, start=START, segments=6, seed=0):
    return recorded_events(recording_format=form, segments=segments, start=start, random_seed=seed)


def record(store, events, *, stop_after=None, failures=None):
    """Store events; the recorder dies after so many sealed segments, in the middle of the next ones."""
    sealed = 0
    sink = StoreSink(store, on_failure=None if failures is None else failures.append)
    for event in events:
        if stop_after is not None and sealed >= stop_after and isinstance(event, SegmentSealed):
            return
        sink.add(event)
        sealed += isinstance(event, SegmentSealed)
    sink.close()


def states(store):
    return Counter((span.extension, span.state) for span in Timeline.from_store(store).spans)


@FORMATS
@pytest.mark.parametrize("dies_after", [1, 3, 5])
@pytest.mark.parametrize("already_records", [False, True])
def test_the_dead_recorders_spans_end_and_the_others_begin(form, dies_after, already_records):
    """Whether the new one records already when it ends the spans of the dead one, or not yet."""
    store = MemoryStore()
    takeover = START + timedelta(seconds=30)
    record(store, events_of(form), stop_after=dies_after)
    left = set(store.keys())
    assert not any(ObjectKey.parse(key).span_end for key in left)
    if already_records:
        record(store, events_of(form, start=takeover, seed=1))
    report = recover_store(store, places=[PLACE], before=takeover, exclusive=True)
    assert report.errors == []
    if not already_records:
        record(store, events_of(form, start=takeover, seed=1))
    assert list(validate_store(store)) == []
    spans = list(Timeline.from_store(store).spans)
    assert {span.state for span in spans} == {SpanState.CLOSED}
    assert all(span.first_counter == 0 and not list(span.lost()) for span in spans)
    assert len(spans) == len({key.rpartition(".")[2] for key in left}) + (1 if form is MP4 else 3)
    assert recover_store(store, places=[PLACE], before=takeover, exclusive=True).ended == []


@FORMATS
def test_a_recorder_that_was_not_dead_has_spans_of_its_own(form):
    """Both write for a while: nothing is overwritten or mixed, and the validator says that two recorded at once."""
    store = MemoryStore()
    first, second = events_of(form), events_of(form, start=START + timedelta(milliseconds=2500), seed=1)
    record(store, first)
    bodies = {key: store.get(key) for key in list(store.keys())}
    record(store, second)
    assert all(store.get(key) == body for key, body in bodies.items())
    assert {span.state for span in Timeline.from_store(store).spans} == {SpanState.CLOSED}
    rule = "ANX-B.7-01" if form is CMAF else "ANX-B.6-01"
    assert rule in {found.rule for found in validate_store(store)}


@FORMATS
@pytest.mark.parametrize("seed", range(20))
def test_two_recorders_of_the_same_instants_have_one_winner_for_each_key(form, seed):
    """PUT-if-absent is the net below: events of both come in any order, and each object is that of one of them."""
    store = MemoryStore()
    chance = Random(seed)
    failures = []
    ids = (bytes([number]) * 16 for number in range(256))
    sinks = [StoreSink(store, on_failure=failures.append, random=lambda size: next(ids)[:size]) for _ in range(2)]
    feeds = [iter(events_of(form, seed=number)) for number in range(2)]
    alone = [MemoryStore(), MemoryStore()]
    for number in range(2):
        record(alone[number], events_of(form, seed=number))
    before = {}
    while feeds:
        number = chance.randrange(len(feeds))
        event = next(feeds[number], None)
        if event is None:
            sinks.pop(number).close()
            feeds.pop(number)
            continue
        sinks[number].add(event)
        for key in list(store.keys()):
            body = store.get(key)
            assert before.setdefault(key, body) == body, "an object was overwritten"
    wanted = {key: {one.get(key) for one in alone} for key in list(alone[0].keys())}
    assert all(store.get(key) in bodies for key, bodies in wanted.items())
    segments = [key for key in wanted if not ObjectKey.parse(key).span_end]
    assert len(failures) >= len({ObjectKey.parse(key).extension for key in segments})
    assert all("exist" in str(one) or "another" in str(one) for one in failures)
