"""What a diagnosis says of a store: keys against media, spans against each other, and damage."""

from dataclasses import replace
from datetime import timedelta

import pytest

from onvif_bmff.codecs import AvcCodec, G711Codec
from onvif_bmff.diagnosis import Fault, Observation, diagnose_store
from onvif_bmff.media import Sample, Track
from onvif_bmff.objects import ObjectKey
from onvif_bmff.recording import CMAF, MP4, Recorder, RecordingTarget
from onvif_bmff.storage import MemoryStore, StoreSink
from onvif_bmff.testing.recordings import START, recorded_objects
from onvif_bmff.timing import UtcTime


def stored(objects):
    store = MemoryStore()
    for obj in objects:
        store.put(obj)
    return store


def moved(obj, seconds):
    """An object under a key that is some seconds off."""
    return replace(obj, key=replace(obj.key, time=obj.key.time + timedelta(seconds=seconds)))


def found(store, **options):
    return [(one.fault, one.where, round(one.seconds, 2), one.key.rsplit(".", 2)[-2:]) for one in
            diagnose_store(store, **options)]  # fmt: skip


@pytest.mark.parametrize("recording_format", [CMAF, MP4])
@pytest.mark.parametrize("scheme", [None, "cenc", "cbcs"])
def test_nothing_is_said_of_a_recording(recording_format, scheme):
    objects = recorded_objects(recording_format=recording_format, scheme=scheme, segments=4, seconds=2)
    assert found(stored(objects)) == []


@pytest.mark.parametrize("seconds", [-0.4, 0.4, 3])
def test_keys_that_step(seconds):
    objects = recorded_objects(tracks=("vide",), segments=5, seconds=4)
    store = stored(moved(obj, seconds) if obj.key.counter >= 2 else obj for obj in objects)
    fault = Fault.STEP_AHEAD if seconds > 0 else Fault.STEP_BACK
    assert found(store) == [
        (Fault.ATTRIBUTE, "m4v", -seconds, ["1", "m4v"]),
        (fault, "m4v", seconds, ["2", "m4v"]),
    ]


def test_a_recording_that_begins_in_a_leap_second():
    start = UtcTime.parse("2016-12-31T23:59:60.500Z")
    assert found(stored(recorded_objects(tracks=("vide",), segments=4, seconds=2, start=start))) == []


def test_keys_that_drift():
    objects = recorded_objects(tracks=("vide",), segments=10, seconds=4)
    store = stored(moved(obj, obj.key.counter * 0.02) for obj in objects)
    ((fault, where, seconds, _),) = found(store)
    assert (fault, where, seconds) == (Fault.DRIFT, "m4v", 0.18)


def test_a_gap_between_spans():
    store = stored(recorded_objects(tracks=("vide",), spans=2, gap=12))
    ((fault, where, seconds, _),) = found(store)
    assert (fault, where, seconds) == (Fault.GAP, "m4v", 12)


def test_spans_that_overlap():
    first = recorded_objects(tracks=("vide",), segments=4)
    second = recorded_objects(tracks=("vide",), segments=4, start=START + timedelta(seconds=2))
    faults = [fault for fault, *_ in found(stored([*first, *second]))]
    assert Fault.OVERLAP in faults


def test_a_lost_object():
    objects = [obj for obj in recorded_objects(tracks=("vide",), segments=5) if obj.key.counter != 2]
    assert found(stored(objects))[0] == (Fault.LOST, "m4v", 0, ["3", "m4v"])


def test_objects_that_are_lost_at_the_ends_of_a_span():
    objects = recorded_objects(tracks=("vide",), segments=5, spans=2, gap=12)
    middle = START + timedelta(seconds=15)
    spans = [[obj for obj in objects if (obj.key.time < middle) == first] for first in (True, False)]
    without = [obj for number, span in enumerate(spans) for obj in span if obj.key.counter != (3, 0)[number]]
    assert [one for one in found(stored(without)) if one[0] is Fault.LOST] == [
        (Fault.LOST, "m4v", 0, ["4", "m4v"]),
        (Fault.LOST, "m4v", 0, ["1", "m4v"]),
    ]
    without = [obj for number, span in enumerate(spans) for obj in span if obj.key.counter != (0, 4)[number]]
    assert [one for one in found(stored(without)) if one[0] is Fault.LOST] == [(Fault.LOST, "m4v", 0, ["3", "m4v"])]


@pytest.mark.parametrize("recording_format", [CMAF, MP4])
def test_open_groups_whose_key_frames_are_shown_later_than_decoded(recording_format):
    """As encoders send them: three pictures lead each key frame but the first."""
    avc = AvcCodec.from_parameter_sets([bytes.fromhex("6742c01e95a0280bfe54")], [bytes.fromhex("68ce3c80")])
    recorder = Recorder(
        [Track("VIDEO001", 1, 25, avc)], RecordingTarget(format=recording_format, segment_duration=timedelta(seconds=2))
    )
    store = MemoryStore()
    with StoreSink(store) as sink:
        recorder.activate(START)
        for number in range(300):
            place = number % 50
            offset = 1 if not number or place > 3 else 4 if not place else 0
            data = bytes.fromhex("00000004419a2812" if place else "000000046588804a")
            sink.add_all(recorder.push(Sample(1, number, 1, data, not place, offset)))
        sink.add_all(recorder.deactivate())
    assert len(list(store.keys(""))) == 7
    assert found(store) == []


def test_pictures_that_pause_in_a_span_that_goes_on():
    """In MP4 format sound goes on until new spans begin with a key frame: neither track has a gap by itself."""
    avc = AvcCodec.from_parameter_sets([bytes.fromhex("6742c01e95a0280bfe54")], [bytes.fromhex("68ce3c80")])
    slices = [bytes.fromhex("000000046588804a"), bytes.fromhex("00000004419a2812")]
    tracks = [Track("VIDEO001", 1, 90_000, avc), Track("AUDIO001", 2, 8_000, G711Codec("ulaw"))]
    recorder = Recorder(tracks, RecordingTarget(format=MP4, segment_duration=timedelta(seconds=4)))
    store = MemoryStore()
    pictures = [
        (number / 25, Sample(1, number * 3600, 0, slices[number % 50 > 0], number % 50 == 0))
        for number in range(1500)
        if not 500 <= number < 660
    ]
    sound = [(number / 50, Sample(2, number * 160, 0, bytes(160))) for number in range(3000)]
    with StoreSink(store) as sink:
        recorder.activate(START)
        for _, sample in sorted(pictures + sound, key=lambda one: one[0]):
            sink.add_all(recorder.push(sample))
        sink.add_all(recorder.deactivate())
    ((fault, where, seconds, _),) = found(store)
    assert (fault, where, seconds) == (Fault.GAP, "mp4 track 1", 6.4)


def test_a_range():
    store = stored(recorded_objects(tracks=("vide",), spans=2, gap=12))
    assert found(store, start=START, end=START + timedelta(seconds=1)) == []


def test_damage_is_reported():
    objects = list(recorded_objects(tracks=("vide",), segments=3))
    body = bytes(objects[1].body)
    objects[1] = replace(objects[1], body=body[: len(body) // 2])
    observations = list(diagnose_store(stored(objects)))
    assert [(one.fault, one.key) for one in observations if one.fault is Fault.DAMAGED] == [
        (Fault.DAMAGED, str(objects[1].key))
    ]


@pytest.mark.parametrize("offset", range(0, 1200, 7))
def test_whatever_byte_is_wrong_there_are_only_observations(offset):
    objects = list(recorded_objects(tracks=("vide",), segments=2))
    body = bytearray(objects[0].body)
    body[offset % len(body)] ^= 0xFF
    objects[0] = replace(objects[0], body=bytes(body))
    assert all(isinstance(one, Observation) for one in diagnose_store(stored(objects)))


def test_keys_at_the_ends_of_time():
    key = ObjectKey.parse("site-2/2022-11-08/camera-5/15/08-23.547Z.0.m4v", prefix="site-2", postfix="camera-5")
    (first, *_) = recorded_objects(tracks=("vide",), segments=1)
    for text in ("0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"):
        store = stored([replace(first, key=replace(key, time=UtcTime.parse(text)))])
        assert all(isinstance(one, Observation) for one in diagnose_store(store))
