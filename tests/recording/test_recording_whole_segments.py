"""One fragment a segment (``iv_signalling="segment"``): its vector stands in tenc too, and memory stays bounded."""

import logging
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from onvif_bmff.bmff import MovieFragmentBox, TrackEncryptionBox, parse_boxes, seig_entries
from onvif_bmff.bmff.fragment import SampleGroupDescriptionBox
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.codecs.metadata import MetadataCodec
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import FragmentWritten, SegmentSealed, collect_objects
from onvif_bmff.objects.stored import SegmentObject
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

START = UtcTime.parse("2026-01-02T03:04:05Z")
KEY = ContentKey(UUID(int=9), bytes(range(16)))
VIDEO = Track("VIDEO001", 1, 1000, MjpegCodec(width=64, height=48))
AUDIO = Track("AUDIO001", 2, 8000, G711Codec())
META = Track("META001", 3, 1000, MetadataCodec())
FORMATS = pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])


def samples(seconds, *, size=64, gop=1.0):
    """25 pictures a second, a sync sample every ``gop`` seconds; packets of 20 ms; a document a second."""
    found = []
    for n in range(int(seconds * 50)):
        if n % 2 == 0:
            data = b"\xff\xd8" + bytes(size - 2)
            found.append(Sample(1, n * 20, 40, data, n % int(gop * 50) == 0))
        found.append(Sample(2, n * 160, 160, bytes(160)))
        if n % 50 == 0:
            found.append(Sample(3, n * 20, 1000, b"<a/>" * 8))
    return found


def record(given, form=CMAF, *, seconds=4, limits=None, tracks=(VIDEO, AUDIO, META), entries=None):
    entry = EncryptionEntry(ProtectionScheme.CBCS, FixedKey(KEY), iv_signalling="segment")
    target = RecordingTarget(form, "site", segment_duration=timedelta(seconds=seconds), encryption=entries or (entry,))
    made = Recorder(tracks, target, limits=limits or FragmentLimits())
    made.activate(START)
    numbers = {track.track_id for track in tracks}
    events = [event for one in given if one.track_id in numbers for event in made.push(one)]
    return [*events, *made.deactivate()]


def segments(events):
    return [one for one in collect_objects(events) if isinstance(one, SegmentObject)]


def fragments(one):
    return [box for box in parse_boxes(one.body) if isinstance(box, MovieFragmentBox)]


def boxes(one, kind):
    return [box for top in parse_boxes(one.body) for _, box in top.walk() if isinstance(box, kind)]


@FORMATS
@pytest.mark.requirement("ANX-B.2-05", "ANX-B.8-08")
def test_each_segment_is_one_fragment_whose_vectors_are_those_of_its_moov(form):
    objects = segments(record(samples(12), form))
    assert len(objects) >= 3
    for one in objects:
        assert len(fragments(one)) == 1
        in_moov = [box.default_constant_iv for box in boxes(one, TrackEncryptionBox)]
        in_groups = [seig_entries(box)[0].constant_iv for box in boxes(one, SampleGroupDescriptionBox)]
        assert in_moov == in_groups
    vectors = [iv for one in objects for iv in (box.default_constant_iv for box in boxes(one, TrackEncryptionBox))]
    assert len(set(vectors)) == len(vectors)
    store = MemoryStore()
    for one in collect_objects(record(samples(12), form)):
        store.put(one)
    found = {finding.rule for finding in validate_store(store, keys=KeyRing([KEY]))}
    assert found <= {"C-19"}, "pictures of JPEG are all sync samples, but here some say that they are not"


def test_other_spans_of_the_recording_keep_their_fragments():
    """Only what is so signalled is held back: here the video, not the audio that has no such entry."""
    entry = EncryptionEntry(ProtectionScheme.CBCS, FixedKey(KEY), ("VIDEO001",), iv_signalling="segment")
    cenc = EncryptionEntry(ProtectionScheme.CENC, FixedKey(KEY), ("AUDIO001",), iv_signalling="segment")
    found = Counter()
    for one in segments(record(samples(12), entries=(entry, cenc), seconds=6)):
        found[one.key.extension, len(fragments(one))] += 1
    assert {extension for (extension, count) in found if count > 1} == {"m4a", "m4m"}
    assert {count for (extension, count) in found if extension == "m4v"} == {1}


@FORMATS
def test_a_segment_that_grows_too_large_ends_at_the_next_sync_sample(form, caplog):
    """Long before it is due: at most a GOP more than the limit is ever held in memory."""
    limits = FragmentLimits(max_bytes=100_000)
    with caplog.at_level(logging.WARNING, "onvif_bmff"):
        objects = segments(record(samples(20, size=4000), form, seconds=60, limits=limits))
    video = [one for one in objects if one.key.extension in ("m4v", "mp4")]
    assert len(video) > 10
    assert all(len(fragments(one)) == 1 for one in objects)
    assert max(len(one.body) for one in video) < 100_000 + 2 * 25 * 4400
    assert not caplog.records


def test_without_sync_samples_there_is_a_second_fragment_and_a_word_of_it(caplog):
    limits = FragmentLimits(max_bytes=50_000)
    with caplog.at_level(logging.WARNING, "onvif_bmff"):
        (one,) = segments(record(samples(10, size=2000, gop=100), tracks=(VIDEO,), seconds=60, limits=limits))
    sizes = [box.read_size for box in parse_boxes(one.body) if box.type == "mdat"]
    assert len(sizes) == 3
    assert max(sizes) <= 4 * 50_000 + 2008
    assert "second fragment" in caplog.text


def test_many_samples_end_a_segment_too():
    limits = FragmentLimits(max_samples=100)
    objects = segments(record(samples(20), tracks=(AUDIO,), seconds=60, limits=limits))
    assert [len(fragments(one)) for one in objects] == [1] * len(objects)
    assert len(objects) == 3


def test_what_is_stored_comes_at_the_end_of_the_segment_and_not_before():
    """The price of it: other kinds let fragments leave as they end."""
    events = record(samples(8), tracks=(VIDEO,), seconds=4)
    kinds = [type(event) for event in events if isinstance(event, FragmentWritten | SegmentSealed)]
    assert kinds == [FragmentWritten, SegmentSealed] * (len(kinds) // 2)
    seig = EncryptionEntry(ProtectionScheme.CBCS, FixedKey(KEY))
    others = record(samples(8), tracks=(VIDEO,), seconds=4, entries=(seig,))
    assert sum(isinstance(event, FragmentWritten) for event in others) > len(kinds)


def test_a_jump_of_another_track_in_a_multiplexed_segment_begins_a_second_fragment(caplog):
    given = [one for one in samples(8) if one.track_id != 2 or not 2 <= one.decode_time / 8000 < 3]
    given = [replace(one) for one in given]
    with caplog.at_level(logging.WARNING, "onvif_bmff"):
        objects = segments(record(given, MP4, seconds=8, tracks=(VIDEO, AUDIO)))
    assert sum(len(fragments(one)) for one in objects) >= len(objects)
