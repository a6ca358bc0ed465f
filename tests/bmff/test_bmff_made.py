"""Boxes as a caller makes them, not as they were read: wrong values, copies, what they look like."""

import copy
import mmap
import pickle
from array import array
from dataclasses import replace
from uuid import UUID

import pytest
from bmff_bytes import box, full

from onvif_bmff import bmff
from onvif_bmff.bmff import Columns, build_boxes, parse_boxes
from onvif_bmff.bmff.descriptors import DecoderConfig, build_esds
from onvif_bmff.errors import BoxError

KID = UUID(int=5)
RUN = bmff.TrackRunBox(
    version=1, flags=0x301, sample_count=2, data_offset=8, samples=Columns(duration=[1, 2], size=[3, 4])
)


def wrapped(**changed):
    values = {"thumbprint": bytes(32), "encryption_version": 1, "encrypted_key": b"key"} | changed
    return bmff.AsymmetricKeySystemHeaderBox(kid=KID, entries=(bmff.EncryptedKeyEntry(**values),))


WRONG = {
    "type of five characters": lambda: bmff.UnknownBox(type="abcde").build(),
    "type beyond Latin-1": lambda: bmff.UnknownBox(type="ab☃d").build(),
    "type as bytes": lambda: bmff.UnknownBox(type=b"abcd").build(),
    "trailing number": lambda: bmff.FreeSpaceBox(trailing=5).build(),
    "trailing text": lambda: bmff.FreeSpaceBox(trailing="abc").build(),
    "number as bytes": lambda: bmff.EsdBox(data=5).build(),
    "number as sized bytes": lambda: bmff.ProtectionSystemSpecificHeaderBox(system_id=KID, data=5).build(),
    "number as entry fields": lambda: bmff.EncryptedMetadataSampleEntry(type="encm", original_fields=3).build(),
    "undeclared version": lambda: bmff.TrackFragmentBaseMediaDecodeTimeBox(version=2, base_media_decode_time=0).build(),
    "undeclared container version": lambda: bmff.SampleDescriptionBox(version=9, entry_count=0).build(),
    "key header of version 0": lambda: replace(wrapped(), version=0).build(),
    "thumbprint as a number": lambda: wrapped(thumbprint=5).data,
    "key as text": lambda: wrapped(encrypted_key="key").data,
    "open end inside a box": lambda: bmff.MovieBox(children=(bmff.FreeSpaceBox(size_form=bmff.SIZE_TO_END),)).build(),
    "open end in a full container": lambda: bmff.DataReferenceBox(
        entry_count=1, children=(bmff.DataEntryUrlBox(size_form=bmff.SIZE_TO_END),)
    ).build(),
    "boxes behind an open end": lambda: build_boxes(
        (bmff.MediaDataBox(size_form=bmff.SIZE_TO_END), bmff.FreeSpaceBox())
    ),
    "fractions in a column": lambda: Columns(duration=[1.5]),
    "text in a column": lambda: Columns(duration=["a"]),
    "no column": lambda: Columns(duration=5),
    "more than 64 bits": lambda: Columns(duration=[1 << 64]),
    "columns of two lengths": lambda: Columns(duration=[1], size=[1, 2]),
    "negative count": lambda: Columns(-1),
    "pattern above four bits": lambda: bmff.SeigEntry(KID, crypt_byte_block=16).build(),
    "protection above a byte": lambda: bmff.SeigEntry(KID, is_protected=256).build(),
    "constant IV above 255 bytes": lambda: bmff.SeigEntry(KID, constant_iv=bytes(256)).build(),
    "buffer above three bytes": lambda: build_esds(DecoderConfig(0x40, 5, buffer_size=1 << 24)),
    "negative bit rate": lambda: build_esds(DecoderConfig(0x40, 5, max_bitrate=-1)),
    "object type above a byte": lambda: build_esds(DecoderConfig(0x100, 5)),
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_wrong_values_are_box_errors(make):
    with pytest.raises(BoxError):
        make()


def test_a_box_that_runs_to_the_end_may_be_the_last():
    boxes = (bmff.FreeSpaceBox(data=b"abc"), bmff.MediaDataBox(size_form=bmff.SIZE_TO_END, data=b"media"))
    assert parse_boxes(build_boxes(boxes)) == boxes


def test_sizes_count_bytes_whatever_the_buffer():
    numbers = array("H", [1, 2])
    for made in (
        bmff.FreeSpaceBox(trailing=memoryview(numbers)),
        bmff.FreeSpaceBox(data=memoryview(numbers)),
        bmff.EsdBox(data=memoryview(numbers)),
        bmff.ProtectionSystemSpecificHeaderBox(system_id=KID, data=memoryview(numbers)),
        bmff.FreeSpaceBox(data=memoryview(bytes(8))[::2]),
    ):
        (read,) = parse_boxes(made.build())
        assert read.build() == made.build()


def test_input_whose_bytes_lie_apart():
    data = box("moov", full("mfhd", 0, 0, b"\0\0\0\1"))
    apart = bytearray(2 * len(data))
    apart[::2] = data
    assert parse_boxes(memoryview(apart)[::2]) == parse_boxes(data)
    assert tuple(bmff.iter_boxes(memoryview(apart)[::2])) == parse_boxes(data)


def test_equality_goes_by_class_and_content():
    assert bmff.FreeSpaceBox(data=b"a") == bmff.FreeSpaceBox(data=memoryview(b"a"), offset=7)
    assert bmff.FreeSpaceBox(data=b"a") != bmff.SkipBox(data=b"a")
    assert bmff.FreeSpaceBox(data=b"a") != bmff.FreeSpaceBox(data=b"b")
    assert replace(RUN, data_offset=9) != RUN
    with pytest.raises(TypeError, match="unhashable"):
        hash(RUN)


def test_copies_and_pickles_are_equal(tmp_path):
    path = tmp_path / "file.mp4"
    path.write_bytes(box("moov", RUN.build()) + box("abcd", b"own") + box("mdat", b"media"))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    boxes = parse_boxes(memoryview(mapped))
    assert pickle.loads(pickle.dumps(boxes)) == boxes
    assert copy.deepcopy(boxes) == boxes
    assert [found.offset for found in copy.deepcopy(boxes)] == [found.offset for found in boxes]
    shallow = copy.copy(boxes[-1])
    assert shallow == boxes[-1]
    assert shallow.data is boxes[-1].data  # a payload may be gigabytes


def test_a_representation_is_short():
    assert repr(bmff.MediaDataBox(data=bytes(1_000_000))) == "MediaDataBox(data=<1000000 bytes>)"
    assert repr(bmff.UnknownBox(type="abcd", data=memoryview(b"own"))) == "UnknownBox(type='abcd', data=b'own')"
    assert repr(RUN) == (
        "TrackRunBox(version=1, flags=769, sample_count=2, data_offset=8, first_sample_flags=None, "
        "samples=Columns(2 rows, duration=[1, 2], size=[3, 4]))"
    )
    odd = bmff.FreeSpaceBox(size_form=bmff.SIZE_64, trailing=b"x")
    assert repr(odd) == "FreeSpaceBox(size_form=1, trailing=b'x', data=b'')"
    assert "nal_units=(b'a',)" in repr(bmff.HevcParameterArray(nal_unit_type=32, nal_units=(b"a",)))
