"""Objects that are not what they say: errors of the library, in time and memory that stay small."""

import io
import random
import tracemalloc
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playback_kit import after, make_clip, names, record

from onvif_bmff.bmff import Columns, TrackRunBox, build_boxes, parse_boxes
from onvif_bmff.cenc.keys.content import FixedKey, generate_content_key
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.errors import BoxError, MediaError, OnvifBmffError
from onvif_bmff.export import OutputSample, build_chunk, export_continuous, export_movie, hls_playlists
from onvif_bmff.objects import ObjectKey, SegmentObject
from onvif_bmff.playback import SampleReader, Seeker, Timeline, read_segment, select
from onvif_bmff.playback.source import MAX_READ, StoreSource
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import MP4
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore

KEY = ObjectKey.parse("p/2024-02-28/q/23/59-55.250Z.0.mp4")
SECRET = FixedKey(generate_content_key())
RING = KeyRing([SECRET.key_for(KEY.time)])


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    """A clear and an encrypted segment with two tracks."""
    clip = make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=2)
    found = []
    for entries in ((), (EncryptionEntry(ProtectionScheme.CENC, SECRET),)):
        store = MemoryStore()
        record(store, clip, RecordingTarget(format=MP4, segment_duration=timedelta(seconds=9), encryption=entries))
        found.append(store.get(names(store)[0]))
    return Bodies(found)


class Bodies(list):
    def __repr__(self):
        return "bodies"


def play_all(body):
    """Everything that a receiver can do with an object."""
    store = MemoryStore()
    store.put(SegmentObject(KEY, body, "video/mp4"))
    timeline = Timeline.from_store(store)
    selection = select(timeline)
    errors = 0
    for act in (
        lambda: [bytes(sample.data) for sample in read_segment(body, keys=RING).samples()],
        lambda: [one.time for one in SampleReader(store, selection, keys=RING)],
        lambda: export_movie(store, selection, io.BytesIO(), keys=RING, progressive=True),
        lambda: export_movie(store, select(timeline, start=after(1), end=after(2)), io.BytesIO(), keys=RING),
        lambda: hls_playlists(store, selection),
        lambda: export_continuous(store, selection, lambda name: io.BytesIO(), keys=RING),
        lambda: Seeker(store).read(Seeker(store).find(timeline.spans[0].segments[0], after(1))),
    ):
        try:
            act()
        except OnvifBmffError:
            errors += 1
    return errors


def test_whole_segments_play(bodies):
    assert play_all(bodies[0]) == 0
    assert play_all(bodies[1]) == 1  # HLS has no keys


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_segments(data, bodies):
    body = bytearray(data.draw(st.sampled_from(bodies)))
    header = body.index(b"moof")
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(["flip", "cut", "insert", "number"]))
        at = data.draw(st.integers(0, min(len(body), header + 3000) - 1))
        if kind == "flip":
            body[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "cut":
            del body[at : at + data.draw(st.integers(1, 500))]
        elif kind == "insert":
            body[at:at] = data.draw(st.binary(min_size=1, max_size=20))
        else:
            body[at : at + 4] = data.draw(st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"]))
    play_all(bytes(body))


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=300))
def test_junk(body):
    assert play_all(body) >= 5


@pytest.mark.parametrize("length", [0, 4, 8, 100, 700])
def test_cut_off_segments(bodies, length):
    assert play_all(bodies[0][:length]) >= 4


def test_a_bomb_of_samples(bodies):
    """A run of four billion samples of one byte: refused without making them."""
    boxes = list(parse_boxes(bodies[0]))
    moof = next(box for box in boxes if box.type == "moof")
    for _, box in moof.walk():
        if isinstance(box, TrackRunBox):
            box.flags, box.samples, box.sample_count = 1, Columns(0xFFFFFFFF), 0xFFFFFFFF
            box.first_sample_flags = None
        if box.type == "tfhd":
            box.flags |= 0x10
            box.default_sample_size = 1
    body = build_boxes(boxes)
    tracemalloc.start()
    with pytest.raises(MediaError, match="lie at bytes"):
        read_segment(body)
    assert play_all(body) >= 4
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * len(body) + (32 << 20)


def test_a_box_that_says_it_is_huge(bodies):
    body = bytearray(bodies[0])
    at = body.index(b"mdat") - 4
    body[at : at + 4] = b"\x7f\xff\xff\xff"
    with pytest.raises(MediaError, match="too large"):
        StoreSource(MemoryStore(), "none").view(0, MAX_READ + 1)
    with pytest.raises(BoxError, match="past its file"):
        read_segment(body)
    assert play_all(bytes(body)) >= 3


def test_decode_times_that_jump_about(bodies):
    """Times that run backward, or far ahead: the file that is written still has ascending ones."""
    rng = random.Random(5)
    for _ in range(10):
        boxes = list(parse_boxes(bodies[0]))
        for box in boxes:
            for _, inner in box.walk():
                if inner.type == "tfdt":
                    inner.base_media_decode_time = rng.choice([0, 5, 90_000, 1 << 40, (1 << 63) - 1, 1 << 63])
        play_all(build_boxes(boxes))


@pytest.mark.parametrize("wrong", [{"duration": 1 << 32}, {"offset": 1 << 31}, {"offset": -(1 << 31) - 1}])
def test_times_that_do_not_fit_a_fragment_are_refused(wrong):
    sample = replace(OutputSample(0, 1, 0, sync=True, description=1, data=b"x"), **wrong)
    with pytest.raises(MediaError, match="track 7 do not fit a fragment"):
        build_chunk(7, 1, [sample])
