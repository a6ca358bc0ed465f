"""Segments whose writer died: what was written becomes a whole segment again."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.bmff import (
    Columns,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentRandomAccessBox,
    TrackRunBox,
    build_boxes,
    parse_boxes,
)
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey, generate_content_key
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.objects.events import FragmentWritten, SegmentOpened, SegmentSealed, SpanEnded
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.playback import read_segment
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4, full_content_type
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.recovery.segment import recover_segment, span_end_after, span_end_before
from onvif_bmff.testing.recordings import recorded_objects
from onvif_bmff.timing import UtcTime

CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
START = UtcTime.parse("2026-01-02T03:04:05.678Z")
LABELS = SegmentLabels(source="camera", event_topic="tns1:Device/Trigger")


class Written:
    """A segment as a store saw it grow."""

    def __init__(self, event):
        self.key = event.key
        self.parts = [bytes(event.header)]
        self.trailer = None
        self.attributes = None
        self.end = None

    @property
    def body(self):
        return b"".join(self.parts)


def recorded(kind, scheme=None, seconds=6):
    entries = ()
    if scheme is not None:
        entries = (EncryptionEntry(scheme, FixedKey(generate_content_key())),)
    target = RecordingTarget(kind, "cam", segment_duration=timedelta(seconds=seconds), encryption=entries)
    segments = {}
    with open_mp4(CAMERA) as source:
        recorder = Recorder(source.tracks, target, labels=LABELS)
        recorder.activate(START)
        events = [event for sample in source.samples() for event in recorder.push(sample)]
        events += recorder.deactivate()
        content_type = full_content_type(source.tracks)
    for event in events:
        match event:
            case SegmentOpened():
                segments[event.key] = Written(event)
            case FragmentWritten():
                segments[event.key].parts.append(b"".join(event.buffers))
            case SegmentSealed():
                segments[event.key].trailer, segments[event.key].attributes = event.trailer, event.attributes
            case SpanEnded():
                for segment in segments.values():
                    if segment.key.extension == event.key.extension and segment.key.counter == event.key.counter - 1:
                        segment.end = event.key
    return list(segments.values()), content_type


CASES = [(kind, scheme) for kind in (CMAF, MP4) for scheme in (None, ProtectionScheme.CENC, ProtectionScheme.CBCS)]
IDS = [f"{kind.name}-{'clear' if scheme is None else scheme.value}" for kind, scheme in CASES]


@pytest.mark.parametrize(("kind", "scheme"), CASES, ids=IDS)
def test_a_segment_that_only_lacks_its_seal_becomes_what_it_would_have_been(kind, scheme):
    segments, content_type = recorded(kind, scheme)
    for segment in segments:
        for left_over in (b"", segment.trailer[:-1], segment.trailer):
            found = recover_segment(segment.body + left_over, segment.key, labels=LABELS, content_type=content_type)
            assert found.size == len(segment.body)
            assert found.trailer == segment.trailer
            assert found.attributes == segment.attributes
            if segment.end is not None:
                late = found.span_end.time - segment.end.time
                assert abs(late) <= timedelta(milliseconds=1), "as precise as the key that it is counted from"
                assert found.span_end.counter == segment.end.counter


SEGMENTS = {case: recorded(*case, seconds=12)[0] for case in CASES}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_at_most_the_unfinished_fragment_is_lost_wherever_writing_stopped(case, data):
    segment = data.draw(st.sampled_from(SEGMENTS[case]))
    cut = data.draw(st.integers(0, len(segment.body)))
    found = recover_segment(segment.body[:cut], segment.key, labels=LABELS)
    whole, size = 0, len(segment.parts[0])
    while whole + 1 < len(segment.parts) and size + len(segment.parts[whole + 1]) <= cut:
        whole += 1
        size += len(segment.parts[whole])
    if not whole:
        assert found is None
        return
    assert (found.size, found.fragment_count) == (size, whole)
    again = read_segment(segment.body[: found.size] + found.trailer)
    assert len(again.fragments) == whole
    assert again.random_access is not None
    assert again.duration == found.attributes.duration


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damage_ends_in_a_clear_error_or_in_a_segment(data):
    segment = data.draw(st.sampled_from(SEGMENTS[CASES[0]]))
    body = bytearray(segment.body[: data.draw(st.integers(0, 20_000))])
    for _ in range(data.draw(st.integers(1, 4))):
        if body:
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = recover_segment(bytes(body), segment.key)
    except OnvifBmffError:
        return
    assert found is None or found.size <= len(body)


def test_room_that_was_never_written_is_no_fragment():
    segment = SEGMENTS[CASES[0]][0]
    found = recover_segment(segment.body + bytes(5000), segment.key)
    assert found.size == len(segment.body)


OTHER = {
    "free": b"\0\0\0\x10free" + bytes(8),
    "styp": b"\0\0\0\x10stypmsdh" + bytes(4),
    "sidx": b"\0\0\0\x20sidx" + bytes(24),
    "prft": b"\0\0\0\x20prft\1" + bytes(23),
    "emsg": b"\0\0\0\x10emsg" + bytes(8),
    "large": b"\0\0\0\1uuid" + (32).to_bytes(8, "big") + bytes(16),
    "two": b"\0\0\0\x08free\0\0\0\x08skip",
}


@pytest.mark.requirement("ANX-B.5-03")
@pytest.mark.parametrize("sealed", [False, True], ids=["unsealed", "sealed"])
@pytest.mark.parametrize("kind", OTHER)
@pytest.mark.parametrize("at", ["first", "later", "each"])
def test_other_boxes_between_fragments_end_nothing(at, kind, sealed):
    segment = SEGMENTS[CASES[0]][0]
    header, *fragments = segment.parts
    assert len(fragments) > 2
    places = {"first": [0], "later": [2], "each": range(len(fragments))}[at]
    body = header + b"".join(OTHER[kind] * (n in places) + part for n, part in enumerate(fragments))
    plain = recover_segment(segment.body, segment.key)
    found = recover_segment(body + plain.trailer + OTHER[kind], segment.key, sealed=sealed)
    assert (found.span_end, found.fragment_count, found.size) == (plain.span_end, len(fragments), len(body))
    assert read_segment(body + found.trailer).random_access is not None
    if not sealed:
        cut = recover_segment(body[:-1], segment.key)
        assert cut.fragment_count == len(fragments) - 1


def test_data_may_lie_behind_another_box_or_in_two_parts():
    header, *fragments = SEGMENTS[CASES[0]][0].parts
    key = SEGMENTS[CASES[0]][0].key
    size = int.from_bytes(fragments[0][:4], "big")
    for extra in (b"\0\0\0\x08free", b"\0\0\0\x08mdat"):
        body = header + fragments[0] + extra + fragments[1]
        assert recover_segment(body, key).fragment_count == 2
        behind = header + fragments[0][:size] + extra + fragments[0][size:]
        assert recover_segment(behind, key).size == len(behind)
    begun = header + fragments[0] + fragments[1] + b"\0\0\1\0mdat"
    assert recover_segment(begun, key).fragment_count == 1


def test_a_fragment_that_cannot_be_read_is_an_error_in_a_sealed_segment_only():
    segment = SEGMENTS[CASES[0]][0]
    header, *fragments = segment.parts
    bad = bytearray(fragments[1])
    bad[8:12] = (3).to_bytes(4, "big")  # the size of mfhd
    body = header + fragments[0] + bytes(bad) + b"".join(fragments[2:])
    for damaged in (body, header + fragments[0] + b"\0\0\0\3" + fragments[1], segment.body + b"\0\0\0\3junk"):
        with pytest.raises(OnvifBmffError):
            recover_segment(damaged, segment.key, sealed=True)
        assert recover_segment(damaged, segment.key).fragment_count >= 1
    assert recover_segment(segment.body + b"\0\0\0\3junk", segment.key).size == len(segment.body)


def test_a_sealed_segment_may_have_a_fragment_without_data():
    segment = SEGMENTS[CASES[0]][0]
    header, *fragments = segment.parts
    empty = build_boxes(parse_boxes(b"\0\0\0\x18moof\0\0\0\x10mfhd" + bytes(8)))
    found = recover_segment(header + empty + b"".join(fragments), segment.key, sealed=True)
    assert found.span_end == recover_segment(segment.body, segment.key).span_end


def test_a_lost_segment_ends_its_span_where_it_would_have_begun():
    key = ObjectKey("cam", START, "", 3, "m4v")
    assert str(span_end_before(key)) == "cam/2026-01-02/03/04-05.678Z.3.m4v_end"
    assert span_end_before(ObjectKey("cam", START, "", 0, "m4v")) is None
    padded = ObjectKey("cam", START, "", 3, "m4v", counter_digits=4)
    assert str(span_end_before(padded)).endswith(".0003.m4v_end")
    assert str(span_end_after(padded, START)).endswith(".0004.m4v_end")


def test_keys_are_not_needed():
    segments, _ = recorded(CMAF, ProtectionScheme.CENC)
    assert isinstance(generate_content_key(), ContentKey)
    assert recover_segment(segments[0].body, segments[0].key).fragment_count > 0


def made_to_present(decode_time, composition_offset):
    """A small segment whose samples are decoded and presented when one likes."""
    made = recorded_objects(tracks=("vide",), segments=1)[0]
    boxes = list(parse_boxes(made.body))
    (traf,) = next(box for box in boxes if box.type == "moof").find_all(TrackFragmentBox)
    run, count = traf.require(TrackRunBox), 4
    columns = {name: run.samples[name] for name in run.samples.names}
    run.samples = Columns(count, **columns, composition_offset=[composition_offset] * count)
    run.flags, run.data_offset = run.flags | 0x800, run.data_offset + 4 * count
    traf.require(TrackFragmentBaseMediaDecodeTimeBox).base_media_decode_time = decode_time
    return build_boxes(boxes), made.key


@pytest.mark.parametrize(("decode_time", "composition_offset"), [(0, -1), ((1 << 64) - 1, 1)])
def test_times_that_no_mfra_can_hold_are_left_out_of_it(decode_time, composition_offset):
    found = recover_segment(*made_to_present(decode_time, composition_offset))
    (mfra,) = parse_boxes(found.trailer)
    assert not mfra.find_all(TrackFragmentRandomAccessBox)
    assert found.attributes.seek_table is None
    assert found.fragment_count == 1
