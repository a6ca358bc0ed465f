"""Strategies for spans and buckets: what they draw keeps every rule, and comes back from a store as it was put."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.errors import MediaError
from onvif_bmff.objects import ObjectAttributes, ObjectKey, SeekTable, SegmentObject, SpanEndObject
from onvif_bmff.objects.attributes import StorageType
from onvif_bmff.playback import SampleReader, Timeline, select
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.storage import MemoryStore
from onvif_bmff.testing.bucket_strategies import attributes, buckets, object_keys, seek_tables, spans
from onvif_bmff.testing.recordings import CONTENT_KEY, recorded_objects
from onvif_bmff.validation import validate_store

RING = KeyRing([CONTENT_KEY])
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)


def store_of(objects):
    store = MemoryStore()
    for item in objects:
        store.put(item)
    return store


@given(object_keys())
def test_keys_come_back(key):
    assert ObjectKey.parse(str(key), prefix=key.prefix, postfix=key.postfix) == key


@given(seek_tables())
def test_seek_tables_come_back(table):
    assert SeekTable.from_base64(table.to_base64()) == table


@given(attributes(), st.sampled_from(StorageType))
def test_attributes_come_back_and_fit(labels, storage):
    assert ObjectAttributes.from_metadata(labels.to_metadata()) == labels
    fitted = labels.fitted(storage)
    assert fitted.size(storage) <= storage.metadata_limit
    assert ObjectAttributes.from_metadata(fitted.to_metadata()) == fitted


@pytest.mark.parametrize("recording_format", [CMAF, MP4, None])
@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_spans_are_spans(recording_format, data):
    objects = data.draw(spans(recording_format=recording_format))
    segments = [item for item in objects if isinstance(item, SegmentObject)]
    assert [item.key.counter for item in objects] == list(range(len(objects)))
    assert len({item.key.extension for item in objects}) == 1
    assert len(objects) - len(segments) in (0, 1)
    first = segments[0].key
    assert recording_format is None or (first.extension == "mp4") == (recording_format is MP4)
    store = store_of(objects)
    assert list(validate_store(store, prefix=first.prefix, postfix=first.postfix, keys=RING)) == []
    (span,) = Timeline.from_store(store, prefix=first.prefix, postfix=first.postfix).spans
    assert [segment.name for segment in span.segments] == [str(item.key) for item in segments]
    assert (span.end_name is not None) == isinstance(objects[-1], SpanEndObject)


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(buckets())
def test_buckets_keep_every_rule_and_can_be_played(objects):
    store = store_of(objects)
    assert [str(finding) for finding in validate_store(store, keys=RING)] == []
    timeline = Timeline.from_store(store)
    assert timeline.objects == len(objects)
    assert (timeline.foreign, timeline.orphan_ends, timeline.duplicates) == (0, 0, 0)
    assert sum(len(span.segments) for span in timeline.spans) == sum(not item.key.span_end for item in objects)
    for prefix, postfix in timeline.recordings:
        own = Timeline.from_store(store, prefix=prefix, postfix=postfix)
        assert all(bytes(played.sample.data) for played in SampleReader(store, select(own), keys=RING))


@settings(max_examples=20, deadline=None, suppress_health_check=SLOW)
@given(buckets(), st.integers(0, 1 << 30))
def test_a_lost_object_is_told(objects, number):
    inner = [item for item in objects if not item.key.span_end and item.key.counter]
    store = store_of(objects)
    lost = str(inner[number % len(inner)].key) if inner else None
    later = None
    if lost is not None:
        key = inner[number % len(inner)].key
        later = [item for item in inner if item.key.counter == key.counter + 1 and item.key.postfix == key.postfix]
        store.delete(lost)
    found = list(validate_store(store, keys=RING))
    if later:
        assert found


def test_equal_arguments_give_equal_objects():
    for scheme in (None, "cenc", "cbcs"):
        assert recorded_objects(scheme=scheme) == recorded_objects(scheme=scheme)
    assert recorded_objects(start=recorded_objects()[0].key.time) == recorded_objects()
    assert [item.key.span_end for item in recorded_objects(recording_format=MP4, ended=False)] == [False, False]
    with pytest.raises(MediaError):
        recorded_objects(tracks=())
