"""Whole objects that are hostile cost no more than honest ones: linear time, memory of four times the input and 16 MiB.

``test_bmff_limits.py`` holds the parser to that; here it is what reads objects: ingest, decryption, playback, the
validator and recovery.
"""

import tracemalloc
from collections import deque

import pytest
from support_work import bounded_work, lines_run

from onvif_bmff.bmff import (
    MediaDataBox,
    MovieBox,
    MovieFragmentBox,
    SampleEncryptionBox,
    TrackBox,
    TrackRunBox,
    build_boxes,
    parse_boxes,
)
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.export.clear_file import ClearFile
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.objects import ObjectKey
from onvif_bmff.playback import SampleReader, Timeline, select
from onvif_bmff.recovery.segment import recover_segment
from onvif_bmff.storage import MemoryStore
from onvif_bmff.testing.made_files import cmaf_file, fragmented_file, progressive_file
from onvif_bmff.testing.recordings import CONTENT_KEY
from onvif_bmff.validation import validate_store

pytestmark = pytest.mark.no_cover

MIB = 1 << 20
KEY = ObjectKey.parse("site-2/2022-11-08/camera-5/15/08-23.547Z.0.mp4")


def repeated(size, whole, kind):
    """The file with its last box of a class, and what follows up to the next of them, as often as it takes."""
    boxes = list(parse_boxes(whole))
    if boxes[-1].type == "mfra":
        boxes.pop()
    at = max(index for index, box in enumerate(boxes) if isinstance(box, kind))
    again = build_boxes(boxes[at:])
    return build_boxes(boxes) + again * (size // len(again))


def many_tracks(size):
    boxes = list(parse_boxes(fragmented_file(tracks=("vide",), fragments=1)))
    movie = next(box for box in boxes if isinstance(box, MovieBox))
    (track,) = movie.find_all(TrackBox)
    made = []
    for number in range(size // track.size):
        (one,) = parse_boxes(track.build())
        one.children[0].track_id = number + 2
        made.append(one)
    movie.children += tuple(made)
    return build_boxes(boxes)


def one_sample_of(unit):
    """A file whose one picture is made of very many units."""

    def make(size):
        count = size // len(unit)
        boxes = list(parse_boxes(cmaf_file(sizes=(count * len(unit),), samples=1, fragments=1)))
        next(box for box in boxes if isinstance(box, MediaDataBox)).data = unit * count
        return build_boxes(boxes)

    return make


def slices_and_subsamples(size):
    """One encrypted picture with as many slices as there can be subsamples."""
    unit = b"\0\0\0\7\x65\x88\x80\x4a\4\4\4"
    count = min(size // 20, 65_535)
    boxes = list(parse_boxes(cmaf_file(sizes=(count * len(unit),), samples=1, fragments=1, scheme="cenc")))
    next(box for box in boxes if isinstance(box, MediaDataBox)).data = unit * count
    for box in boxes:
        for _, inner in box.walk():
            if isinstance(inner, TrackRunBox):
                inner.data_offset += 6 * (count - 1)
            elif isinstance(inner, SampleEncryptionBox):
                inner.data = inner.data[:8] + count.to_bytes(2, "big") + bytes.fromhex("000800000003") * count
            elif inner.type == "traf":
                inner.children = tuple(child for child in inner.children if child.type not in ("saio", "saiz"))
                removed = 20 + 17
    for box in boxes:
        for _, inner in box.walk():
            if isinstance(inner, TrackRunBox):
                inner.data_offset -= removed
    return build_boxes(boxes)


FAMILIES = {
    "large samples": lambda size: fragmented_file(sizes=(size // 24,)),
    "many fragments": lambda size: repeated(size, cmaf_file(samples=1, fragments=2), MovieFragmentBox),
    "many encrypted fragments": lambda size: repeated(size, cmaf_file(samples=1, scheme="cbcs"), MovieFragmentBox),
    "many small samples": lambda size: cmaf_file(sizes=(6,), samples=size // 44),
    "many encrypted samples": lambda size: cmaf_file(sizes=(7,), samples=size // 80, scheme="cenc"),
    "many samples in tables": lambda size: progressive_file(tracks=("vide",), sizes=(6,), samples=size // 18),
    "many encrypted samples in tables": lambda size: progressive_file(
        tracks=("vide",), sizes=(6,), samples=size // 34, scheme="cenc"
    ),
    "many tracks": many_tracks,
    "many fragments without data": lambda size: repeated(size, cmaf_file(samples=0), MovieFragmentBox),
    "empty NAL units": one_sample_of(bytes(4)),
    "NAL units of one byte": one_sample_of(b"\0\0\0\1\x0c"),
    "slices of one byte": one_sample_of(b"\0\0\0\1\x65"),
    "slices": one_sample_of(b"\0\0\0\7\x65\x88\x80\x4a\4\4\4"),
    "slices and subsamples": slices_and_subsamples,
}


def drain(items):
    deque(items, maxlen=0)


def stored(data):
    store = MemoryStore()
    writer = store.open_writer(str(KEY), content_type="video/mp4")
    writer.append(data)
    writer.seal({"Version": "1.0"})
    return store


def ring():
    return KeyRing([CONTENT_KEY])


def ingest(data):
    with Mp4Input(data) as source:
        drain(source.samples(FragmentDecryptor(ring(), source.data)))


def decrypt(data):
    drain(ClearFile(data, ring()).pieces())


def playback(data):
    store = stored(data)
    drain(SampleReader(store, select(Timeline.from_store(store)), keys=ring()))


def validator(data):
    drain(validate_store(stored(data), keys=ring()))


def recovery(data):
    recover_segment(data, KEY)


READERS = (ingest, decrypt, playback, validator, recovery)


def attempt(reader, data):
    try:
        reader(data)
    except OnvifBmffError:
        return


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("family", FAMILIES)
def test_memory_is_bounded_by_the_input(family, reader):
    slow, fixed = ("many fragments" in family or "encrypted fragments" in family), "many tracks" in family
    part = 8 if slow else 1 if fixed else 2  # slow to trace: scaled down, but where most of it does not depend on it
    data = FAMILIES[family](MIB // part)
    assert MIB * 0.8 < len(data) * part < MIB * 1.3
    tracemalloc.start()
    try:
        attempt(reader, data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 4 * len(data) + 16 * MIB // part, f"{peak / len(data):.1f} times the input"


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("family", FAMILIES)
def test_work_is_linear(family, reader):
    """Four times the input takes about four times the work; what Python does not count would last minutes at 1 MiB."""
    small, large = (FAMILIES[family](size) for size in (MIB // 64, MIB // 16))
    attempt(reader, small)  # what is made once
    first, second = (lines_run(lambda data=data: attempt(reader, data)) for data in (small, large))
    assert second <= 6 * max(first, 5_000), f"{first:,} lines, then {second:,}"
    with bounded_work(120):
        attempt(reader, FAMILIES[family](MIB // 4))
