"""Targets for coverage-guided fuzzing: each takes bytes and must raise nothing but the library's own errors.

They return whether they got through to what they are there for, as they have to with each of their seeds.
``run_fuzz.py`` runs one of them under atheris, ``test_fuzz_targets.py`` a slice of all of them without it.
"""

import contextlib
import random

import fuzz_objects

from onvif_bmff.bmff import (
    NEED_DATA,
    AsymmetricKeySystemHeaderBox,
    BoxReader,
    EsdBox,
    SampleEncryptionBox,
    SampleGroupDescriptionBox,
    build_boxes,
    parse_boxes,
    read_auxiliary_info,
    seig_entries,
)
from onvif_bmff.bmff.descriptors import read_esds
from onvif_bmff.codecs import AvcAccessUnits, CameraVideo, HevcAccessUnits
from onvif_bmff.codecs.avc.slice import AvcSliceHeaders
from onvif_bmff.codecs.hevc.slice import HevcSliceHeaders
from onvif_bmff.codecs.registry import codec_of
from onvif_bmff.errors import BitstreamError, BoxError, MediaError, ObjectAttributeError, ObjectKeyError
from onvif_bmff.media.sample_entries import clear_entry
from onvif_bmff.media.track import Sample
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.seek_table import SeekTable
from onvif_bmff.testing.made_files import cmaf_file, fragmented_file, progressive_file
from onvif_bmff.testing.recordings import recorded_objects

CAMERA = (
    bytes.fromhex("6764000bacec30ffbc39a808080a000003000200000300641e285270"),
    bytes.fromhex("68ce0fcb"),
    bytes.fromhex("65888403a0c60014101bab14") + bytes(range(1, 60)),
    bytes.fromhex("419a2812f1a852acc2b4836e") + bytes(range(1, 40)),
)
SPS, PPS = bytes.fromhex("6742c01e95a0280bfe54"), bytes.fromhex("68ce3c80")


def boxes(data):
    """Parsing and rebuilding, and what reads the insides of boxes."""
    try:
        found = parse_boxes(data)
    except BoxError:
        return False
    assert build_boxes(found) == data
    for top in found:
        for _, inner in top.walk():
            try:
                if isinstance(inner, EsdBox):
                    read_esds(inner)
                elif isinstance(inner, SampleGroupDescriptionBox):
                    seig_entries(inner)
                elif isinstance(inner, SampleEncryptionBox):
                    read_auxiliary_info(
                        inner.data, min(inner.sample_count, 1 << 16), 8, subsamples=bool(inner.flags & 2)
                    )
            except BoxError:
                pass
    return True


def reader(data):
    """BoxReader and parse_boxes agree, wherever the data is split."""
    try:
        expected = parse_boxes(data)
    except BoxError:
        expected = None
    incremental, read = BoxReader(), []
    split = random.Random(len(data)).randrange(len(data) + 1)
    try:
        for part in (data[:split], data[split:]):
            incremental.receive_data(part)
            while (found := incremental.next_box()) is not NEED_DATA:
                read.append(found)
        read += incremental.close()
    except BoxError:
        assert expected is None
        return False
    assert expected == tuple(read)
    return True


def pssh(data):
    """A pssh box of the asymmetric key system around the data."""
    head = bytes.fromhex("01000000a4852bd080fc484eb9e178a74d49f5ce00000001") + bytes(16) + len(data).to_bytes(4, "big")
    made = (8 + len(head) + len(data)).to_bytes(4, "big") + b"pssh" + head + data
    (found,) = parse_boxes(made)
    assert found.build() == made
    if not isinstance(found, AsymmetricKeySystemHeaderBox):
        return False
    assert found.data == data
    return True


def object_key(data):
    """Keys of objects: what is read is written the same."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        key = ObjectKey.parse(text)
    except ObjectKeyError:
        return False
    assert ObjectKey.parse(str(key)) == key
    return True


def seek_table(data):
    """The SeekTable attribute."""
    try:
        table = SeekTable.from_base64(data.decode("latin-1"))
    except ObjectAttributeError:
        return False
    assert SeekTable.from_base64(table.to_base64()) == table
    return True


def codec_configuration(data):
    """Codecs from sample entries."""
    try:
        found = parse_boxes(data)
    except BoxError as error:
        found = error.partial
    read = 0
    for top in found:
        for path, inner in top.walk():
            if path.endswith("/stsd"):
                for entry in inner.children_of():
                    with contextlib.suppress(BoxError, MediaError):
                        codec_of(clear_entry(entry), handler="vide").codecs_parameter()
                        read += 1
    return read > 0


def slice_headers(data):
    """Slice headers and parameter sets of H.264 and H.265; the first byte says how the data is cut."""
    parts, read = data.split(b"\0\0\1"), 0
    for headers in (AvcSliceHeaders((SPS,), (PPS,)), HevcSliceHeaders()):
        for nal in parts:
            with contextlib.suppress(BitstreamError):
                headers.update(nal)
            with contextlib.suppress(BitstreamError):
                read += headers.payload_offset(nal) is not None
    return read > 0


def camera_video(data):
    """Access units as cameras cut them: all units of a byte stream one by one, four at a time."""
    found = 0
    for kind, record in ((AvcAccessUnits, AvcAccessUnits.from_avcc), (HevcAccessUnits, HevcAccessUnits.from_hvcc)):
        with contextlib.suppress(MediaError):
            record(data).convert(data)
        video, items = CameraVideo(kind(in_band=len(data) & 1 > 0), 1, 25), []
        for number, nal in enumerate(data.split(b"\0\0\1")):
            items += video.push([nal], number * 7 % 5 + number // 4)
        items += video.flush()
        codec = None
        samples = [item for item in items if isinstance(item, Sample)]
        for item in items:
            if not isinstance(item, Sample):
                codec = item
        if codec is not None and samples:
            distance = codec.roll_distance([one.data for one in samples])
            assert distance is None or distance >= 0
        found += len(samples)
    return found > 0


TARGETS = {
    target.__name__: target
    for target in (boxes, reader, pssh, object_key, seek_table, codec_configuration, slice_headers, camera_video)
} | fuzz_objects.TARGETS

FILES = [progressive_file(), fragmented_file(scheme="cenc"), cmaf_file(scheme="cbcs"), cmaf_file("meta")]
KEYS = [str(item.key).encode() for item in recorded_objects(segments=1)]
TABLES = [item.metadata["SeekTable"].encode() for item in recorded_objects(seconds=9) if not item.key.span_end]
SEEDS = {
    **fuzz_objects.SEEDS,
    "boxes": FILES,
    "reader": FILES,
    "codec_configuration": FILES,
    "pssh": [header[52:] for header in fuzz_objects.SEEDS["unlock"]],
    "object_key": [*KEYS, b"2016-12-31/23/59-60.123456Z.7.mp4", b"a/b/2022-11-08/c/15/08-23.547Z.00.m4v_end"],
    "seek_table": TABLES,
    "camera_video": [
        b"\0\0\1".join(CAMERA),
        b"\0\0\1".join((*CAMERA[:2], b"\x06\x06\x01\x28\x80", b"\x41" + CAMERA[2][1:], CAMERA[2])),
    ],
    "slice_headers": [
        SPS + b"\0\0\1" + PPS + b"\0\0\1" + bytes.fromhex("6588840a32f0"),
        bytes.fromhex("42010121600000030090000003000003005d9202a410a27083d5387880")
        + bytes.fromhex("000001440127547a78671f74")
        + bytes.fromhex("0000012a01090f0180"),
    ],
}
"""What each target starts from, and gets through with."""
