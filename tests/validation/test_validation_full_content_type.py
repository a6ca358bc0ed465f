"""FullContentType where an event adds a track whose media are kept from before (5.3.4, B.9)."""

from datetime import timedelta

import pytest
from validation_kit import put

from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.control.plan import Feed, Standby
from onvif_bmff.control.types.common import PROFILE_TYPE, SourceReference
from onvif_bmff.engine.output import RecordingOutput
from onvif_bmff.engine.targets import OutputPlan
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import collect_objects
from onvif_bmff.recording.formats import CMAF
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

START = UtcTime.parse("2026-01-02T03:04:05.000Z")
SECOND = timedelta(seconds=1)
CAMERA = SourceReference("one", PROFILE_TYPE)
TRACKS = (Track("VIDEO001", 1, 90_000, MjpegCodec(width=64, height=48)), Track("AUDIO001", 2, 8_000, G711Codec()))
VIDEO, AUDIO = Feed("always", CAMERA, ""), Feed("events", CAMERA, "", START + 10 * SECOND, "tns1:Bell", 20 * SECOND)
WAITING = (Standby("events", "r", "AUDIO001", CAMERA, "", 20 * SECOND),)


def play(output, first, last):
    for index in range(first * 50, last * 50):
        if index % 2 == 0:
            yield from output.push(CAMERA, Sample(1, index * 1800, 3600, b"\xff\xd8" * 9))
        yield from output.push(CAMERA, Sample(2, index * 160, 160, bytes(160)))


def recorded(began, **feeds):
    """Video that is always recorded, and from a second on what feeds say."""
    kinds = (("VIDEO001", "Video"), ("AUDIO001", "Audio"))
    target = RecordingTarget(CMAF, "cam", segment_duration=2 * SECOND)
    output = RecordingOutput(OutputPlan(target, kinds, {"VIDEO001": VIDEO}, WAITING), lambda *_: True, lambda *_: None)
    events = list(output.source_opened(CAMERA, TRACKS, START))
    events += play(output, 0, began)
    events += output.configure(OutputPlan(target, kinds, {"VIDEO001": VIDEO, **feeds}, ()))
    events += play(output, began, began + 10)
    events += output.close()
    return collect_objects(events)


def found(objects, change=lambda key, attributes: attributes):
    store = MemoryStore()
    for one in objects:
        put(store, str(one.key), one.body, one.content_type, change(str(one.key), dict(one.metadata)))
    return [(finding.rule, finding.key) for finding in validate_store(store)]


def test_what_was_kept_for_an_event_is_named_by_no_label_of_the_time_before():
    objects = recorded(30, AUDIO001=AUDIO)
    sound = [one for one in objects if one.key.extension == "m4a"]
    assert sound[0].key.time <= START + 10 * SECOND
    assert found(objects) == []


def test_sound_that_no_event_began_is_named_by_the_labels_of_its_time():
    objects = recorded(30, AUDIO001=AUDIO)

    def without_topic(key, attributes):
        return {name: value for name, value in attributes.items() if name != "EventTopic"}

    assert {rule for rule, _ in found(objects, without_topic)} == {"ANX-B.9-08"}


@pytest.mark.requirement("ANX-B.9-08")
def test_labels_of_one_event_name_all_that_it_recorded():
    both = {"AUDIO001": AUDIO, "VIDEO001": Feed("events", CAMERA, "", AUDIO.since, AUDIO.event_topic, AUDIO.before)}
    objects = recorded(30, **both)

    def without_sound(key, attributes):
        if "FullContentType" in attributes and key.endswith(".m4v"):
            attributes["FullContentType"] = attributes["FullContentType"].replace(",ulaw", "")
        return attributes

    assert found(objects) == []
    assert {rule for rule, _ in found(objects, without_sound)} == {"ANX-B.9-08"}
