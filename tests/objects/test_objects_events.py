"""Recording events and the objects that they make."""

import pytest

from onvif_bmff.errors import ObjectKeyError, StateError
from onvif_bmff.objects import (
    FragmentWritten,
    ObjectAttributes,
    ObjectCollector,
    ObjectKey,
    SegmentObject,
    SegmentOpened,
    SegmentSealed,
    SpanEnded,
    SpanEndObject,
    collect_objects,
)
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2022-11-08T15:08:23.547Z")
KEY = ObjectKey("site-2", START, "camera-5", 0, "m4v")
OTHER = ObjectKey("site-2", START, "camera-5", 0, "m4a")
END = KEY.ending(START.plus_ticks(4, 1))


def events():
    return [
        SegmentOpened(KEY, "video/mp4", b"header "),
        SegmentOpened(OTHER, "audio/mp4", b"HEADER "),
        FragmentWritten(KEY, (b"one ", memoryview(b"two ")), START, 2),
        FragmentWritten(OTHER, (b"ONE ",), START, 2),
        FragmentWritten(KEY, (bytearray(b"three "),), START.plus_ticks(2, 1), 2),
        SegmentSealed(OTHER, b"", ObjectAttributes()),
        SegmentSealed(KEY, b"mfra", ObjectAttributes(source="x")),
        SpanEnded(END),
    ]


@pytest.mark.requirement("ANX-B.4-01")
@pytest.mark.requirement("ANX-B.5-01")
@pytest.mark.requirement("REC-4.1.3-02")
def test_collected():
    assert collect_objects(events()) == [
        SegmentObject(OTHER, b"HEADER ONE ", "audio/mp4", ObjectAttributes()),
        SegmentObject(KEY, b"header one two three mfra", "video/mp4", ObjectAttributes(source="x")),
        SpanEndObject(END),
    ]


def test_out_of_order():
    one = events()
    with pytest.raises(StateError):
        collect_objects(one[:5])
    with pytest.raises(StateError):
        collect_objects([one[2]])
    with pytest.raises(StateError):
        collect_objects([one[6]])
    with pytest.raises(StateError):
        collect_objects([one[0], one[0]])
    collector = ObjectCollector()
    assert collector.add(one[0]) is None
    assert collector.open_keys == (KEY,)


def test_objects_have_the_keys_of_their_kind():
    with pytest.raises(ObjectKeyError):
        SegmentObject(END, b"", "video/mp4")
    with pytest.raises(ObjectKeyError):
        SpanEndObject(KEY)
    end = SpanEndObject(END)
    assert (end.body, end.metadata) == (b"", {})
    assert SegmentObject(KEY, b"x", "video/mp4").metadata == {"Version": "1.0"}
    assert "secret" not in repr(SegmentObject(KEY, b"secret", "video/mp4"))


def test_what_is_logged_of_an_event_has_no_media():
    for event in (
        SegmentOpened(KEY, "video/mp4", b"secret"),
        FragmentWritten(KEY, (b"secret",), START, 2),
        SegmentSealed(KEY, b"secret", ObjectAttributes()),
    ):
        assert "secret" not in repr(event)


def test_what_an_event_does_not_say_is_nothing():
    assert FragmentWritten(KEY, (b"one",), START, 2).sample_count == 0
    assert SegmentSealed(KEY, b"", ObjectAttributes()).end_time is None
