"""Where what was written of a segment ends: zeros, pieces of boxes, and headers that are none."""

from dataclasses import replace
from datetime import timedelta

import pytest

from onvif_bmff.bmff import (
    AudioSampleEntry,
    FreeSpaceBox,
    MovieBox,
    MovieFragmentBox,
    build_boxes,
    parse_boxes,
)
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.demux.fragment_samples import FragmentReader
from onvif_bmff.demux.sample_tables import read_tracks
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import collect_objects
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.recovery.segment import recover_segment
from onvif_bmff.recovery.torn import is_torn
from onvif_bmff.timing import UtcTime

VIDEO = Track("VIDEO001", 1, 1_000, MjpegCodec(width=64, height=48))
START = UtcTime.parse("2026-01-02T03:04:05.678Z")


def made():
    """A segment of four fragments of a picture each: its key, its header, and its fragments."""
    recorder = Recorder([VIDEO], RecordingTarget(prefix="cam", segment_duration=timedelta(seconds=60)))
    recorder.activate(START)
    events = [e for n in range(4) for e in recorder.push(Sample(1, n * 1_000, 1_000, b"picture%d" % n))]
    events += recorder.deactivate()
    parts = [b"".join(event.buffers) for event in events if type(event).__name__ == "FragmentWritten"]
    return collect_objects(events)[0].key, bytes(events[0].header), parts


KEY, HEADER, FRAGMENTS = made()
WHOLE = b"".join(FRAGMENTS)


def kept(data, **options):
    found = recover_segment(data, KEY, **options)
    return None if found is None else found.size


def test_a_header_alone_keeps_nothing():
    for data in (b"", HEADER[:7], HEADER[:-1], HEADER, HEADER + FRAGMENTS[0][:7], HEADER + FRAGMENTS[0][:-1]):
        assert kept(data) is None


@pytest.mark.parametrize("zeros", [8, 9, 4_096])
def test_room_that_was_never_written_ends_a_segment_wherever_it_is(zeros):
    assert kept(bytes(zeros)) is None
    assert kept(HEADER + bytes(zeros)) is None
    for sealed in (False, True):
        assert kept(HEADER + WHOLE + bytes(zeros), sealed=sealed) == len(HEADER + WHOLE)


@pytest.mark.parametrize(
    "rest", [b"\0\0\0\0moof", bytes(8) + b"x", b"\0\0\0\7free", b"\0\0\0\1free" + b"\0" * 7 + b"\x0f"]
)
def test_a_size_that_no_box_has_is_an_error_unless_it_ends_what_is_kept(rest):
    for data in (rest, HEADER + rest):
        with pytest.raises(BoxError, match="less than the header"):
            kept(data)
    assert kept(HEADER + WHOLE + rest) == len(HEADER + WHOLE)
    with pytest.raises(BoxError, match="less than the header"):
        kept(HEADER + WHOLE + rest, sealed=True)


def test_a_box_that_is_cut_off_ends_a_segment():
    for rest in (b"\0\0\0\x08mda", b"\0\0\0\1free" + bytes(7), b"\0\0\1\0free" + bytes(9)):
        assert kept(HEADER + WHOLE + rest) == len(HEADER + WHOLE)
    whole = b"\0\0\0\1free" + (16).to_bytes(8, "big")
    assert kept(HEADER + whole + WHOLE) == len(HEADER + whole + WHOLE), "a large size of just its header"


def test_a_fragment_whose_second_data_box_is_cut_off_is_not_whole():
    more = b"\0\0\0\x10mdat12345678"
    assert kept(HEADER + WHOLE + more) == len(HEADER + WHOLE + more)
    for cut in range(8, 16):
        assert kept(HEADER + WHOLE + more[:cut]) == len(HEADER) + sum(map(len, FRAGMENTS[:-1]))
        assert kept(HEADER + FRAGMENTS[0] + more[:cut]) is None
    assert kept(HEADER + WHOLE + more[:7]) == len(HEADER + WHOLE), "nobody can tell what that is"
    assert kept(HEADER + WHOLE + b"\0\0\0\x10free1234") == len(HEADER + WHOLE)


def test_what_comes_before_a_header():
    free = build_boxes((FreeSpaceBox(data=b"12345"),))
    assert kept(free + HEADER + WHOLE) == len(free + HEADER + WHOLE)
    for early in (FRAGMENTS[0], b"\0\0\0\x08mdat"):
        with pytest.raises(MediaError, match="no movie box"):
            kept(early + HEADER + WHOLE)


@pytest.mark.parametrize(("size", "reason"), [((1 << 26) + 1, "too large"), (1 << 26, None)])
def test_a_movie_box_has_at_most_64_mebibytes(size, reason):
    """Whoever recovers must not take any amount of memory because a size says so."""
    data = size.to_bytes(4, "big") + b"moov" + bytes(size - 8)
    with pytest.raises((BoxError, MediaError)) as caught:
        kept(data)
    assert ("too large" in str(caught.value)) == (reason is not None)


def test_what_is_kept_tells_its_end_and_count():
    for count in range(1, 5):
        data = HEADER + b"".join(FRAGMENTS[:count])
        found = recover_segment(data + FRAGMENTS[0][:20], KEY)
        assert (found.size, found.fragment_count) == (len(data), count)
        assert found.span_end.time == START.plus_ticks(count, 1)
        assert found.span_end.counter == 1
        assert found.attributes.duration == timedelta(seconds=count)
        assert found.attributes.video_framerate == 1
        assert [entry.time for entry in found.attributes.seek_table.tracks[0].entries] == [
            1_000 * number for number in range(count)
        ]
        assert recover_segment(data, KEY, random_access=False).trailer == b""


@pytest.mark.parametrize(
    "rest", [b"\0\0\0\0moof", bytes(8) + b"x", b"\0\0\0\7free", b"\0\0\0\1free" + b"\0" * 7 + b"\x0f"]
)
def test_in_a_sealed_segment_a_size_that_no_box_has_is_damage(rest):
    """Fragments may follow it: to keep what lies before it would lose them without a word."""
    with pytest.raises(BoxError, match="less than the header"):
        kept(HEADER + WHOLE + rest, sealed=True)


def test_a_movie_fragment_without_its_data_is_an_error_only_where_nothing_lies_before_it():
    moof = FRAGMENTS[0][: int.from_bytes(FRAGMENTS[0][:4], "big")]
    with pytest.raises(BoxError, match="less than the header"):
        kept(HEADER + moof + b"\0\0\0\7free")
    assert kept(HEADER + WHOLE + moof + b"\0\0\0\7free") == len(HEADER + WHOLE)


def test_what_ends_a_segment_is_not_shown_with_it():
    """It may be megabytes; a log line is not the place."""
    assert "trailer" not in repr(recover_segment(HEADER + WHOLE, KEY))


# ---- zeros for media ----------------------------------------------------------------------------------------


def long_segment(size=3_000):
    """A segment of four pictures that are longer than a sector, and where the data of each begin and end."""
    recorder = Recorder([VIDEO], RecordingTarget(prefix="cam", segment_duration=timedelta(seconds=60)))
    recorder.activate(START)
    pictures = [bytes([n + 1]) * size for n in range(4)]
    events = [e for n, one in enumerate(pictures) for e in recorder.push(Sample(1, n * 1_000, 1_000, one))]
    (whole,) = collect_objects([*events, *recorder.deactivate()])[:1]
    places = [(whole.body.index(one), whole.body.index(one) + size) for one in pictures]
    return whole, places


def with_zeros(body, start, stop):
    return body[:start] + bytes(stop - start) + body[stop:]


def sectors(start, stop):
    """The sectors that begin between two places."""
    return range(-(-start // 512) * 512, stop, 512)


@pytest.mark.parametrize("number", range(4))
def test_a_sector_of_zeros_within_media_ends_what_is_kept_before_its_fragment(number, caplog):
    whole, places = long_segment()
    start, stop = places[number]
    for at in sectors(start, stop - 512):
        data = with_zeros(whole.body, at, at + 512)
        found = recover_segment(data, whole.key)
        if number == 0:
            assert found is None
        else:
            assert places[number - 1][1] == found.size
            assert found.fragment_count == number
        assert recover_segment(data, whole.key, sealed=True).fragment_count == 4, (
            "nobody cut the power while it was open"
        )
    assert "a power cut left zeros" in caplog.text


def test_zeros_from_what_was_durable_up_to_a_sector_are_found():
    whole, places = long_segment()
    start, stop = places[2]
    for at in sectors(start + 100, stop):
        assert recover_segment(with_zeros(whole.body, at - 16, at), whole.key).fragment_count == 2
        assert recover_segment(with_zeros(whole.body, at - 15, at), whole.key).fragment_count == 4, (
            "media may have those"
        )
    (last,) = [at for at in sectors(*places[2]) if at + 512 > stop]
    assert recover_segment(with_zeros(whole.body, last, stop), whole.key).fragment_count == 2


def test_zeros_at_the_end_of_a_file_are_found_down_to_four():
    whole, places = long_segment()
    end = places[3][1]
    assert recover_segment(with_zeros(whole.body[:end], end - 4, end), whole.key).fragment_count == 3
    assert recover_segment(with_zeros(whole.body[:end], end - 3, end), whole.key).fragment_count == 4


def test_zeros_within_a_sector_are_media():
    whole, places = long_segment()
    for start, stop in places:
        at = next(iter(sectors(start, stop)))
        assert recover_segment(with_zeros(whole.body, at + 1, at + 496), whole.key).fragment_count == 4


def test_silence_that_is_not_coded_is_media():
    whole, places = long_segment()
    body = with_zeros(whole.body, *places[1])
    view = memoryview(body)
    boxes = parse_boxes(whole.body)
    (movie,) = [box for box in boxes if isinstance(box, MovieBox)]
    reader = FragmentReader(read_tracks(movie), len(view))
    parts, at = [], 0
    for box in boxes:
        if isinstance(box, MovieFragmentBox):
            parts += reader.read(box, at)
        at += len(build_boxes([box]))
    assert len(parts) == 4
    assert is_torn(view, parts)
    silent = replace(parts[0].track, entries=(AudioSampleEntry(type="ipcm", sample_rate=8_000 << 16),))
    assert not is_torn(view, [replace(part, track=silent) for part in parts])
