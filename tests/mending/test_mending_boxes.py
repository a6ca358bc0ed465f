"""Boxes that cannot be read, and bytes that are none: each costs itself."""

import pytest
from mending_kit import BOXES, BYTES, WHOLE, behind, hashes, in_place_of, leaving_out, read, same, with_change

from onvif_bmff.errors import MediaError, OnvifBmffError
from onvif_bmff.testing.made_files import fragmented_file

HANDLERS = {"vide": "VIDEO001", "soun": "AUDIO001"}
OTHER = {"vide": "AUDIO001", "soun": "VIDEO001"}
STRAY = {
    "zeros": bytes(8),
    "more zeros": bytes(100),
    "a size below a header": b"\0\0\0\7abcd",
    "text": b"this is text",
    "a box that is cut off": b"\0\0\1\0free",
}
NEEDLESS = ("vmhd", "smhd", "dinf", "dref", "edts", "elst", "udta", "hdlr", "tkhd")
"""Boxes of a track that its payload can be read without."""
GARBAGE = {"short": b"\0\0", "wrong": b"\xff" * 13}


def test_the_clip_has_its_movie_box_last():
    assert [box.type for box in BOXES][-1] == "moov"
    assert {token: len(samples) for token, samples in WHOLE.items()} == {"VIDEO001": 300, "AUDIO001": 564}


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("kind", NEEDLESS)
def test_boxes_that_nothing_depends_on(kind, handler):
    for change in (leaving_out(kind), *(in_place_of(kind, data) for data in GARBAGE.values())):
        source, found = read(with_change(change, handler))
        assert same(found), source.warnings
        assert not source.is_loss


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("kind", ["mdia", "minf", "stbl", "stsd", "stsz", "stsc", "stco", "stts"])
def test_what_is_wrong_in_one_track_is_not_wrong_in_the_other(kind, handler):
    for change in (leaving_out(kind), *(in_place_of(kind, data) for data in GARBAGE.values())):
        source, found = read(with_change(change, handler))
        assert same(found, OTHER[handler])
        assert source.warnings
        assert same(found) == (kind == "stts")


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("kind", ["mdia", "minf", "stbl", "stsd", "edts", "dinf", "avc1", "mp4a"])
@pytest.mark.parametrize("data", STRAY.values(), ids=STRAY)
def test_stray_bytes_at_the_end_of_a_box(data, kind, handler):
    source, found = read(with_change(behind(kind, data), handler))
    assert same(found)
    for token, samples in found.items():
        assert [one.decode_time for one in samples] == [one.decode_time for one in WHOLE[token]]
    assert not source.is_loss


@pytest.mark.parametrize("kind", ["moov", "trak"])
@pytest.mark.parametrize("data", STRAY.values(), ids=STRAY)
def test_stray_bytes_at_the_end_of_the_movie(data, kind):
    source, found = read(with_change(behind(kind, data)))
    assert same(found)
    assert len(source.warnings) == 1 + (kind == "trak" and data == STRAY["a box that is cut off"])


@pytest.mark.parametrize("kind", ["stts", "stsc", "stsz", "stco", "stss"])
@pytest.mark.parametrize("more", [1, (1 << 32) - 300])
def test_rows_that_are_not_there_cost_no_row_that_is(kind, more):
    def change(box):
        if box.type != kind:
            return box
        data = bytearray(box.build()[8:])
        place = 8 if kind == "stsz" else 4
        rows = min(int.from_bytes(data[place : place + 4], "big") + more, (1 << 32) - 1)
        data[place : place + 4] = rows.to_bytes(4, "big")
        return in_place_of(kind, bytes(data))(box)

    source, found = read(with_change(change))
    assert same(found)
    assert any(f"{kind} at byte" in text for text in source.warnings)


def test_a_movie_box_that_is_cut_off_gives_what_it_has():
    """The track of sound comes second: it is lost bit by bit, and the pictures stay until their own boxes are cut."""
    start = BYTES.index(b"moov") - 4
    sound = BYTES.rindex(b"trak") - 4
    for cut in range(len(BYTES) - 1, sound, -23):
        source, found = read(BYTES[:cut])
        assert same(found, "VIDEO001")
        assert source.is_loss
        assert source.warnings[0] == f"the file ends {len(BYTES) - cut} bytes before its last moov box does"
    for cut in range(sound, start, -23):
        try:
            _, found = read(BYTES[:cut])
        except MediaError:
            continue
        assert hashes(found["VIDEO001"]) == hashes(WHOLE["VIDEO001"])[: len(found["VIDEO001"])]


FRAGMENTED = fragmented_file(samples=4, fragments=4)


def test_a_fragment_that_is_no_longer_one_costs_itself():
    whole = read(FRAGMENTED, strict=True)[1]
    starts = [place - 4 for place in range(len(FRAGMENTED)) if FRAGMENTED[place : place + 4] == b"moof"]
    for number, start in enumerate(starts):
        broken = bytearray(FRAGMENTED)
        broken[start : start + 4] = b"\0\0\0\3"
        source, found = read(bytes(broken))
        for token, samples in found.items():
            kept = whole[token][: 4 * number] + whole[token][4 * number + 4 :]
            assert hashes(samples) == hashes(kept)
        assert len(source.warnings) == 1
        assert f"from byte {start} on" in source.warnings[0]


@pytest.mark.parametrize("data", [bytes(3), bytes(40), b"some text", b"\0\0\0\1", b"\xff" * 300])
def test_stray_bytes_between_fragments(data):
    whole = read(FRAGMENTED, strict=True)[1]
    place = FRAGMENTED.rindex(b"moof") - 4
    source, found = read(FRAGMENTED[:place] + data + FRAGMENTED[place:])
    assert {token: hashes(samples) for token, samples in found.items()} == {
        token: hashes(samples) for token, samples in whole.items()
    }
    assert len(source.warnings) == 1
    assert not source.is_loss


def test_each_cut_of_a_fragmented_file_gives_all_whole_samples():
    whole = read(FRAGMENTED, strict=True)[1]
    last = dict.fromkeys(whole, 0)
    for cut in range(FRAGMENTED.index(b"moof") + 30, len(FRAGMENTED), 11):
        _, found = read(FRAGMENTED[:cut])
        for token, samples in found.items():
            assert hashes(samples) == hashes(whole[token])[: len(samples)]
            assert len(samples) >= last[token]
            last[token] = len(samples)
    assert all(last[token] >= len(whole[token]) - 1 for token in last)


def test_a_size_of_media_data_that_is_too_large_hides_nothing():
    place = FRAGMENTED.index(b"mdat") - 4
    broken = FRAGMENTED[:place] + b"\x7f\xff\xff\xff" + FRAGMENTED[place + 4 :]
    whole = read(FRAGMENTED, strict=True)[1]
    source, found = read(broken)
    assert {token: hashes(samples) for token, samples in found.items()} == {
        token: hashes(samples) for token, samples in whole.items()
    }
    assert len(source.warnings) == 1


def test_boxes_within_boxes_without_end_are_refused():
    data = b""
    for _ in range(3000):
        data = (len(data) + 8).to_bytes(4, "big") + b"trak" + data
    with pytest.raises(OnvifBmffError):
        read((len(data) + 8).to_bytes(4, "big") + b"moov" + data)
