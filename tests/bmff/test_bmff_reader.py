"""Reading boxes: framing, limits, errors, views, and bytes as they arrive."""

import pytest
from bmff_bytes import AUDIO, KID, VISUAL, P, asymmetric, box, entry, full, key_entry

from onvif_bmff.bmff import (
    NEED_DATA,
    SIZE_64,
    SIZE_TO_END,
    AudioSampleEntry,
    BitRateBox,
    BoxReader,
    EncryptedMetadataSampleEntry,
    FileTypeBox,
    FreeSpaceBox,
    HandlerBox,
    Limits,
    MediaBox,
    MediaDataBox,
    MetaBox,
    MovieBox,
    MovieFragmentHeaderBox,
    MovieHeaderBox,
    OriginalFormatBox,
    ProtectionSchemeInfoBox,
    SampleDescriptionBox,
    TrackBox,
    TrackHeaderBox,
    UnknownBox,
    build_boxes,
    iter_boxes,
    parse_boxes,
)
from onvif_bmff.bmff.language.declare import BOXES
from onvif_bmff.bmff.language.layout import Layout
from onvif_bmff.bmff.language.wire import Fixed
from onvif_bmff.errors import BoxError, StateError
from onvif_bmff.testing.made_files import fragmented_file

MFHD = full("mfhd", 0, 0, P(">I", 1))


def fails(data, **limits):
    with pytest.raises(BoxError) as caught:
        parse_boxes(data, limits=Limits(**limits))
    return caught.value


def test_64_bit_sizes_and_sizes_up_to_the_end_survive():
    large = P(">I4sQ", 1, b"mdat", 20) + b"four"
    data = large + P(">I4s", 0, b"mdat") + b"to the end"
    first, second = parse_boxes(data)
    assert (first.size_form, first.size, bytes(first.data)) == (SIZE_64, 20, b"four")
    assert (second.size_form, second.offset, second.read_size) == (SIZE_TO_END, 20, 18)
    assert build_boxes((first, second)) == data
    nested = box("moov", P(">I4sQ", 1, b"mfhd", 24), MFHD[8:])
    assert parse_boxes(nested)[0].children[0].size_form == SIZE_64
    assert build_boxes(parse_boxes(nested)) == nested


def test_a_payload_above_four_gigabytes_gets_a_64_bit_size():
    class Huge(bytes):
        def __len__(self):
            return 1 << 32

    head, _ = MediaDataBox(data=Huge()).pieces()
    assert head == P(">I4sQ", 1, b"mdat", (1 << 32) + 16)


@pytest.mark.parametrize(
    ("data", "path", "offset", "reason"),
    [
        (b"1234567", "", 0, "too few"),
        (box("free") + b"123", "", 8, "too few"),
        (P(">I4s", 7, b"free"), "/free", 0, "less than the header"),
        (P(">I4s", 1, b"free"), "/free", 0, "64-bit size is cut off"),
        (P(">I4sQ", 1, b"free", 15), "/free", 0, "less than the header"),
        (P(">I4s", 9, b"free"), "/free", 0, "1 bytes past its file"),
        (box("free") + box("moov", P(">I4s", 16, b"trak")), "/moov/trak", 16, "8 bytes past its parent"),
        (box("moov", P(">I4s", 0, b"trak")), "/moov/trak", 8, "size 0"),
        (box("moov", box("mvhd", b"\0\0\0")), "/moov/mvhd", 16, "version and flags"),
        (box("moov", full("mvhd", 0, 0, bytes(95))), "/moov/mvhd", 20, "needed"),
        (box("moov", box("trak"), box("trak", full("tkhd", 0, 0))), "/moov/trak/tkhd", 36, "80 bytes needed, 0 left"),
        (full("trun", 0, 0x100, P(">I", 5)), "/trun", 16, "5 rows of 4 bytes in 0 bytes"),
        (full("elng", 0, 0, b"no end"), "/elng", 12, "NUL"),
        (full("pssh", 1, 0, KID, P(">I", 9), KID), "/pssh", 32, "9 items in 16 bytes"),
        (full("pssh", 1, 0, KID, P(">I", 99), KID), "/pssh", 32, "99 items in 16 bytes"),
        (full("pssh", 0, 0, KID, P(">I", 9)), "/pssh", 32, "9 bytes needed"),
        (box("ftyp", bytes(9)), "/ftyp", 16, "4 bytes needed, 1 left"),
    ],
)
def test_errors_say_what_and_where(data, path, offset, reason):
    error = fails(data)
    assert (error.path, error.offset) == (path, offset)
    assert reason in error.reason
    assert str(error) == f"{path or '/'} at byte {offset}: {error.reason}"


def test_what_was_read_before_the_fault_is_kept():
    good = box("free")
    mvhd = MovieHeaderBox(timescale=1, next_track_id=2).build()
    data = good + box("moov", mvhd, box("trak", full("tkhd", 0, 3, bytes(80)), box("mdia", P(">I4s", 7, b"mdhd"))))
    error = fails(data)
    assert error.path == "/moov/trak/mdia/mdhd"
    free, moov = error.partial
    assert isinstance(free, FreeSpaceBox)
    assert [path for path, _ in moov.walk()] == [
        "/moov", "/moov/mvhd", "/moov/trak", "/moov/trak/tkhd", "/moov/trak/mdia"
    ]  # fmt: skip
    assert moov.offset == 8
    assert moov.read_size == len(data) - 8
    assert fails(good + b"123").partial == (free,)


def test_what_is_there_of_a_box_that_is_cut_off_is_kept():
    data = box("moov", full("mvhd", 0, 0, bytes(96)), box("trak", full("tkhd", 0, 3, bytes(80))), box("free", b"xyz"))
    expected = ["/moov", "/moov/mvhd", "/moov/trak", "/moov/trak/tkhd", "/moov/free"]
    for length, count in ((len(data) - 1, 5), (len(data) - 11, 4), (len(data) - 12, 3), (130, 3), (60, 1), (9, 1)):
        error = fails(data[:length])
        assert (error.path, error.offset) == ("/moov", 0)
        assert f"{len(data) - length} bytes past" in error.reason
        (moov,) = error.partial
        assert [path for path, _ in moov.walk()] == expected[:count]
        assert (moov.offset, moov.read_size) == (0, length)
    assert fails(data[:8] + b"\0\0\0\xff").partial[0].trailing == b"\0\0\0\xff"
    assert fails(full("mvhd", 0, 0, bytes(96))[:-1]).partial == ()
    (media,) = fails(box("mdat", b"media")[:-2]).partial
    assert bytes(media.data) == b"med"


def test_errors_of_a_word_never_get_out(monkeypatch):
    def load(raw):
        raise ValueError(f"no {raw}")

    class Wrong(MovieFragmentHeaderBox):
        layout = Layout([("value", Fixed("B", load, load))])

    monkeypatch.setitem(BOXES, "mfhd", Wrong)
    error = fails(MFHD)
    assert (error.path, error.reason) == ("/mfhd", "no 0")


def test_limits():
    deep = b""
    for _ in range(17):
        deep = box("moov", deep)
    error = fails(deep)
    assert "16 deep" in error.reason
    assert error.path == "/moov" * 16
    assert parse_boxes(deep, limits=Limits(max_depth=17))
    assert "more than 2 boxes" in fails(box("free") * 3, max_boxes=2).reason
    assert len(parse_boxes(box("free") * 3, limits=Limits(max_boxes=3))) == 3
    assert "above the limit" in fails(box("mdat", b"12345"), max_box_size=12).reason
    assert "more than 5" in fails(box("ftyp", bytes(8), b"isom" * 5), max_boxes=5).reason
    hvcc = box("hvcC", bytes(22), b"\1\x20", P(">H", 300), bytes(600))
    assert "more than 300" in fails(hvcc, max_boxes=300).reason
    assert parse_boxes(hvcc, limits=Limits(max_boxes=302))[0].arrays[0].nal_units == (b"",) * 300
    assert "more than 4" in fails(full("trun", 0, 0, bytes(4)) * 2, max_boxes=4).reason
    keys = asymmetric(key_entry(1), key_entry(1))
    assert "more than 3 boxes" in fails(keys, max_boxes=3).reason
    assert len(parse_boxes(keys, limits=Limits(max_boxes=4))[0].entries) == 2
    for depth in (0, 65):
        with pytest.raises(ValueError, match="max_depth"):
            Limits(max_depth=depth)


def test_payloads_are_views_on_the_input():
    data = bytearray(box("mdat", b"media") + box("uuid", KID, b"own") + box("abcd", b"what") + box("free", b"...."))
    boxes = parse_boxes(data)
    for read in boxes:
        assert isinstance(read.data, memoryview)
        assert read.data.obj is data
    place = data.index(b"media")
    data[place : place + 5] = b"MEDIA"
    assert bytes(boxes[0].data) == b"MEDIA"
    for found in boxes:
        (piece,) = [piece for piece in found.pieces() if isinstance(piece, memoryview)]
        assert piece.obj is data


def test_other_buffers_are_taken():
    data = box("mdat", b"media123")
    assert parse_boxes(memoryview(data).cast("I"))[0].build() == data
    assert next(iter_boxes(memoryview(data).cast("I"))).build() == data
    assert parse_boxes(memoryview(data)) == parse_boxes(bytearray(data)) == parse_boxes(data)


def test_finding_boxes():
    moov = parse_boxes(box("moov", full("mvhd", 0, 0, bytes(96)), box("trak", box("mdia")), box("trak")))[0]
    assert len(moov.find_all(TrackBox)) == 2
    assert moov.find(MediaBox) is None
    assert moov.require(MovieHeaderBox).offset == 8
    assert isinstance(moov.descend(TrackBox, MediaBox), MediaBox)
    assert moov.descend(TrackBox, TrackBox) is None
    assert moov.descend(MovieHeaderBox, TrackBox) is None
    with pytest.raises(BoxError, match="no tkhd box") as caught:
        moov.find_all(TrackBox)[0].require(TrackHeaderBox)
    assert caught.value.path == "/trak"


def test_quicktime_oddities():
    bare = box("meta", full("hdlr", 0, 0, bytes(20)))
    (meta,) = parse_boxes(bare)
    assert isinstance(meta, MetaBox)
    assert meta.version_and_flags == b""
    assert isinstance(meta.children[0], HandlerBox)
    short = box("meta", b"\0\0")
    assert parse_boxes(short)[0].trailing + parse_boxes(short)[0].version_and_flags == b"\0\0"
    udta = box("udta", box("\xa9nam", b"x"), bytes(4))
    assert parse_boxes(udta)[0].trailing == bytes(4)
    pascal = full("hdlr", 0, 0, bytes(20), b"\x05Apple")
    assert parse_boxes(pascal)[0].name == "\x05Apple"
    esds = full("esds", 0, 0, b"\3\0")
    for version, extra in ((1, 16), (2, 36)):
        audio = P(">H", version) + AUDIO[2:] + P(">I", 2) + bytes(extra - 4)
        (stsd,) = parse_boxes(entry("mp4a", audio, esds, bytes(4)))
        (mp4a,) = stsd.children
        assert isinstance(mp4a, AudioSampleEntry)
        assert (mp4a.entry_version, len(mp4a.quicktime), mp4a.trailing) == (version, extra, bytes(4))
        assert [child.type for child in mp4a.children] == ["esds"]
    opaque = entry("mp4a", AUDIO, b"neither boxes nor QuickTime")
    assert parse_boxes(opaque)[0].children[0].quicktime == b"neither boxes nor QuickTime"
    for data in (bare, short, udta, pascal, opaque):
        assert build_boxes(parse_boxes(data)) == data
    stsd = full("stsd", 0, 0, P(">I", 2), box("avc1", bytes(7), b"\1", VISUAL), box("free", b"x"))
    assert [type(child).__name__ for child in parse_boxes(stsd)[0].children] == ["VisualSampleEntry", "FreeSpaceBox"]


@pytest.mark.parametrize("strings", [b"", b"\0urn:n\0", b"\0urn:n\0urn:s\0", b"gzip\0text/xml\0"])
def test_encrypted_metadata_is_parsed_by_trial(strings):
    sinf = box("sinf", box("frma", b"metx"), full("schm", 0, 0, b"cenc", P(">I", 0x10000)))
    btrt = box("btrt", bytes(12))
    data = entry("encm", strings, btrt, sinf)
    (stsd,) = parse_boxes(data)
    (encm,) = stsd.children
    assert isinstance(encm, EncryptedMetadataSampleEntry)
    assert encm.original_fields == strings
    assert isinstance(encm.find(BitRateBox), BitRateBox)
    assert encm.require(ProtectionSchemeInfoBox).require(OriginalFormatBox).data_format == "metx"
    assert stsd.build() == data
    strange = entry("encm", b"a\0b\0c\0d\0", sinf)
    assert build_boxes(parse_boxes(strange)) == strange
    hopeless = entry("encm", b"text without any box behind")
    assert parse_boxes(hopeless)[0].children[0].original_fields == b"text without any box behind"
    assert build_boxes(parse_boxes(hopeless)) == hopeless


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (MovieFragmentHeaderBox(sequence_number=-1), "sequence_number"),
        (MovieFragmentHeaderBox(sequence_number=None), "sequence_number"),
        (MovieFragmentHeaderBox(sequence_number=1, version=256), "version 256"),
        (MovieFragmentHeaderBox(sequence_number=1, flags=None), "NoneType"),
        (FileTypeBox(major_brand="toolong"), "major_brand"),
        (FileTypeBox(major_brand="\u20ac..."), "major_brand"),
        (FileTypeBox(major_brand=7), "major_brand"),
        (FileTypeBox(major_brand="isom", compatible_brands=("abc",)), "compatible_brands"),
        (FileTypeBox(major_brand="isom", compatible_brands=None), "compatible_brands"),
        (UnknownBox(type="toolong"), "four characters"),
        (MediaDataBox(data=None), "bytes-like"),
    ],
)
def test_values_that_do_not_fit_are_refused(made, reason):
    with pytest.raises(BoxError, match=reason):
        made.build()
    with pytest.raises(BoxError, match=reason) as caught:
        MovieBox(children=(made,)).build()
    assert caught.value.path.startswith("/moov")


def test_a_box_declares_its_own_stsd_children_only():
    (stsd,) = parse_boxes(full("stsd", 0, 0, P(">I", 1), MFHD))
    assert isinstance(stsd, SampleDescriptionBox)
    assert isinstance(stsd.children[0], UnknownBox)


def test_boxes_one_by_one():
    data = fragmented_file()
    assert tuple(iter_boxes(data)) == parse_boxes(data)
    found = iter_boxes(box("free") + box("moov", box("free"), box("mvhd")) + box("free"))
    assert isinstance(next(found), FreeSpaceBox)
    with pytest.raises(BoxError, match="/moov/mvhd at byte 32") as caught:
        next(found)
    assert [path for path, _ in caught.value.partial[0].walk()] == ["/moov", "/moov/free"]
    with pytest.raises(BoxError, match="too few"):
        list(iter_boxes(box("free") + b"1"))
    assert len(list(iter_boxes(box("free") * 3, limits=Limits(max_boxes=1)))) == 3


# BoxReader


def test_reader_gives_the_same_at_every_split_point():
    data = fragmented_file(samples=1, fragments=1) + P(">I4sQ", 1, b"mdat", 20) + b"last" + P(">I4s", 0, b"free") + b"!"
    expected = parse_boxes(data)
    places = [(path, found.offset) for boxes in expected for path, found in boxes.walk()]
    for split in range(len(data) + 1):
        reader = BoxReader()
        read = []
        for part in (data[:split], data[split:]):
            reader.receive_data(part)
            while (found := reader.next_box()) is not NEED_DATA:
                read.append(found)
        read += reader.close()
        assert tuple(read) == expected
        assert [(path, found.offset) for boxes in read for path, found in boxes.walk()] == places


def test_reader_one_byte_at_a_time():
    data = fragmented_file(samples=1, fragments=1)
    reader, read = BoxReader(), []
    for byte in data:
        reader.receive_data(bytes((byte,)))
        if (found := reader.next_box()) is not NEED_DATA:
            read.append(found)
    assert build_boxes(read) == data
    assert reader.close() == ()
    assert repr(NEED_DATA) == "NEED_DATA"
    with pytest.raises(StateError):
        reader.receive_data(b"")


def test_reader_refuses_huge_boxes_before_their_bytes_come():
    for head in (P(">I4s", 100, b"mdat"), P(">I4sQ", 1, b"mdat", 1 << 40)):
        reader = BoxReader(limits=Limits(max_box_size=50))
        reader.receive_data(head)
        with pytest.raises(BoxError, match="above the limit"):
            reader.next_box()
    reader = BoxReader(limits=Limits(max_box_size=50))
    reader.receive_data(P(">I4s", 0, b"mdat") + bytes(20))
    assert reader.next_box() is NEED_DATA
    reader.receive_data(bytes(30))
    with pytest.raises(BoxError, match="above the limit"):
        reader.next_box()


def test_reader_errors_count_from_the_first_byte():
    reader = BoxReader()
    reader.receive_data(box("free", bytes(8)) + box("moov", box("mvhd", b"\0")))
    assert isinstance(reader.next_box(), FreeSpaceBox)
    with pytest.raises(BoxError) as caught:
        reader.next_box()
    assert (caught.value.path, caught.value.offset) == ("/moov/mvhd", 16 + 16)
    assert caught.value.partial[0].offset == 16
    for head, offset in ((P(">I4s", 4, b"moov"), 16), (P(">I4sQ", 1, b"moov", 15), 16)):
        reader = BoxReader()
        reader.receive_data(box("free", bytes(8)) + head)
        reader.next_box()
        with pytest.raises(BoxError, match="less than the header") as caught:
            reader.next_box()
        assert caught.value.offset == offset
    reader = BoxReader()
    reader.receive_data(box("free") + P(">I4s", 90, b"mdat"))
    reader.next_box()
    assert reader.next_box() is NEED_DATA
    with pytest.raises(BoxError, match="past its file") as caught:
        reader.close()
    assert caught.value.offset == 8
