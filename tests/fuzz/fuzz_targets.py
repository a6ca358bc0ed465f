"""Targets for coverage-guided fuzzing: each takes bytes and must raise nothing but the library's own errors.

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
from onvif_bmff.errors import BitstreamError, BoxError, MediaError, ObjectAttributeError, ObjectKeyError
from onvif_bmff.media.avc_slice import AvcSliceHeaders
from onvif_bmff.media.codec import codec_of
from onvif_bmff.media.hevc_slice import HevcSliceHeaders
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.seek_table import SeekTable
from onvif_bmff.testing.files import cmaf_file, fragmented_file, progressive_file

SPS, PPS = bytes.fromhex("6742c01e95a0280bfe54"), bytes.fromhex("68ce3c80")


def boxes(data):
    """Parsing and rebuilding, and what reads the insides of boxes."""
    try:
        found = parse_boxes(data)
    except BoxError:
        return
    assert build_boxes(found) == data
    for top in found:
        for _, inner in top.walk():
            try:
                if isinstance(inner, EsdBox):
                    read_esds(inner)
                elif isinstance(inner, SampleGroupDescriptionBox):
                    seig_entries(inner)
                elif isinstance(inner, SampleEncryptionBox):
                    read_auxiliary_info(inner.data, min(inner.sample_count, 1 << 16), 8, bool(inner.flags & 2))
            except BoxError:
                pass


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
        return
    assert expected == tuple(read)


def pssh(data):
    """A pssh box of the asymmetric key system around the data."""
    head = bytes.fromhex("01000000a4852bd080fc484eb9e178a74d49f5ce00000001") + bytes(16) + len(data).to_bytes(4, "big")
    made = (8 + len(head) + len(data)).to_bytes(4, "big") + b"pssh" + head + data
    (found,) = parse_boxes(made)
    assert found.build() == made
    if isinstance(found, AsymmetricKeySystemHeaderBox):
        assert found.data == data


def object_key(data):
    """Keys of objects: what is read is written the same."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        key = ObjectKey.parse(text)
    except ObjectKeyError:
        return
    assert str(key) == text


def seek_table(data):
    """The SeekTable attribute."""
    try:
        table = SeekTable.from_base64(data.decode("latin-1"))
    except ObjectAttributeError:
        return
    assert SeekTable.from_base64(table.to_base64()) == table


def codec_configuration(data):
    """Codecs from sample entries."""
    try:
        found = parse_boxes(data)
    except BoxError as error:
        found = error.partial
    for top in found:
        for path, inner in top.walk():
            if path.endswith("/stsd"):
                for entry in inner.children_of():
                    with contextlib.suppress(BoxError, MediaError):
                        codec_of(entry, handler="vide").codecs_parameter()


def slice_headers(data):
    """Slice headers and parameter sets of H.264 and H.265; the first byte says how the data is cut."""
    parts = data.split(b"\0\0\1")
    for headers in (AvcSliceHeaders((SPS,), (PPS,)), HevcSliceHeaders()):
        for nal in parts:
            for call in (headers.update, headers.payload_offset):
                with contextlib.suppress(BitstreamError):
                    call(nal)


TARGETS = {
    target.__name__: target
    for target in (boxes, reader, pssh, object_key, seek_table, codec_configuration, slice_headers)
} | fuzz_objects.TARGETS

FILES = [progressive_file(), fragmented_file(scheme="cenc"), cmaf_file(scheme="cbcs"), cmaf_file("meta")]
KEY = b"prefix/2022-11-08/15:08:23.547Z/VIDEO001-1.cmfv"
SEEDS = {
    **fuzz_objects.SEEDS,
    "boxes": FILES,
    "reader": FILES,
    "codec_configuration": FILES,
    "pssh": [bytes.fromhex("00000001000200000020") + bytes(32) + b"\1\0\4key!"],
    "object_key": [KEY, KEY.replace(b"cmfv", b"end"), b"2016-12-31/23:59:60Z_7.mp4", b"2022-11-08T150823Z/0.mp4"],
    "seek_table": [b"AAAAPG1mcmEAAAAk", b"AAAAPG1mcmEAAAAkdGZyYQAAAAAAAAABAAAAAQAAAAEAAAAAAAACTgEBAAE="],
    "slice_headers": [
        SPS + b"\0\0\1" + PPS + b"\0\0\1" + bytes.fromhex("6588840a32f0"),
        b"\x40\1\x0c\1\xff\xff\0\0\1\x42\1\1\1\x60" + bytes(20) + b"\0\0\1\x26\1\xaf\x08",
    ],
}
"""What each target starts from."""
