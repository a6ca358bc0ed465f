"""Tables of others: whatever is wrong in those of one track, the other track keeps all its samples."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_mp4_files import START, progressive, track

from onvif_bmff.bmff import (
    AudioSampleEntry,
    Box,
    HandlerBox,
    MediaHeaderBox,
    MovieHeaderBox,
    TrackBox,
    TrackHeaderBox,
    parse_boxes,
)
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.media.track import Sample

DATA = bytes(range(200))
SIZES = [5, 6, 7, 8]
SOUND = {"stts": [(4, 10)], "stsc": [(1, 2, 1)], "stsz": SIZES, "stco": [START, START + 50]}
WHOLE = [DATA[:5], DATA[5:11], DATA[50:57], DATA[57:65]]
EVERY_40 = {"stts": [(4, 10)], "stsc": [(1, 4, 1)], "stsz": [40] * 4, "stco": [START]}


def read(file: bytes) -> tuple[Mp4Input, dict[int, list[Sample]]]:
    source = Mp4Input(file)
    found: dict[int, list[Sample]] = {one.track_id: [] for one in source.tracks}
    for item in source.samples():
        if isinstance(item, Sample):
            found[item.track_id].append(item)
    return source, found


def first_track(**tables) -> tuple[Mp4Input, list[Sample]]:
    """The samples of the first of two tracks, whose tables are these; the second has all of its own."""
    source, found = read(progressive(track(1, **tables), track(2, **EVERY_40), data=DATA))
    assert [bytes(one.data) for one in found[2]] == [DATA[at : at + 40] for at in range(0, 160, 40)]
    return source, found.get(1, [])


MENDED = {
    "no durations": ({"stts": []}, (0, 320, 640, 960), "fewer durations"),
    "fewer durations than samples": ({"stts": [(1, 7), (1, 9)]}, (0, 7, 16, 25), "fewer durations"),
    "a row of durations of no sample": ({"stts": [(0, 7), (4, 9)]}, (0, 9, 18, 27), ""),
    "a negative duration": ({"stts": [(1, 7), (1, (1 << 32) - 3), (2, 9)]}, (0, 7, 8, 17), "negative durations"),
    "no offsets": ({"ctts": []}, (0, 10, 20, 30), "fewer composition offsets"),
    "fewer offsets than samples": ({"ctts": [(2, 3)]}, (3, 13, 23, 33), "fewer composition offsets"),
    "the offset of a row of no sample": ({"ctts": [(0, 9), (1, 3), (1, 4)]}, (3, 14, 23, 33), "that of the first"),
    "an absurd first offset": ({"ctts": [(1, 1 << 30), (3, 5)]}, (5, 15, 25, 35), "beyond all reason"),
    "an absurd offset": ({"ctts": [(2, 5), (1, -(1 << 30)), (1, 6)]}, (5, 15, 25, 36), "beyond all reason"),
    "first chunk 0": ({"stsc": [(0, 2, 1)]}, (0, 10, 20, 30), "not in order"),
    "first chunk 3": ({"stsc": [(3, 2, 1)]}, (0, 10, 20, 30), "not in order"),
    "a row of chunks twice": ({"stsc": [(1, 2, 1), (1, 2, 1)]}, (0, 10, 20, 30), "not in order"),
    "rows of chunks backward": ({"stsc": [(1, 2, 1), (2, 2, 1), (1, 9, 1)]}, (0, 10, 20, 30), "not in order"),
    "sample entry 0": ({"stsc": [(1, 2, 0)]}, (0, 10, 20, 30), "sample entry 0"),
    "sample entry 9 later on": ({"stsc": [(1, 2, 1), (2, 2, 9)]}, (0, 10, 20, 30), "sample entry 9"),
    "sync samples backward": ({"stss": [3, 1]}, (0, 10, 20, 30), "sync samples out of order"),
    "no sync sample": ({"stss": []}, (0, 10, 20, 30), "all of them are"),
    "sync samples that it does not have": ({"stss": [0, 5]}, (0, 10, 20, 30), "all of them are"),
}


@pytest.mark.parametrize(("tables", "times", "told"), MENDED.values(), ids=MENDED)
def test_a_wrong_row_costs_no_sample(tables, times, told):
    source, samples = first_track(**{**SOUND, **tables})
    assert [bytes(one.data) for one in samples] == WHOLE
    assert tuple(one.decode_time + one.composition_offset for one in samples) == times
    assert bool(source.warnings) == bool(told)
    assert not told or any(told in text and text.startswith("track 1 ") for text in source.warnings)
    assert not source.is_loss


LOST = {
    "samples in no chunk": ({"stsc": [(1, 1, 1)]}, [0, 1], "has samples in no chunk (2 samples lost)"),
    "no chunks": ({"stco": []}, [], "has samples in no chunk (4 samples lost)"),
    "no row of chunks": ({"stsc": []}, [], "does not say which samples are in which chunk (4 samples lost)"),
    "a chunk outside": ({"stco": [START, 1 << 31]}, [0, 1], "has samples outside the file (2 samples lost)"),
    "a first chunk outside": ({"stco": [1 << 31, START + 50]}, [2, 3], "has samples outside the file (2 samples lost)"),
    "a size of gigabytes": ({"stsz": [5, 1 << 31, 7, 8]}, [0, 2, 3], "has samples outside the file (1 sample lost)"),
    "sizes of 5 bits": ({"stz2": (5, 4, b"\0\0\0")}, [], "has sizes of 5 bits (stz2) (4 samples lost)"),
}


@pytest.mark.parametrize(("tables", "kept", "told"), LOST.values(), ids=LOST)
def test_what_is_lost_is_counted(tables, kept, told):
    source, samples = first_track(**{**SOUND, **tables})
    place = [WHOLE[number] for number in kept]
    if "stsz" in tables:
        assert len(samples) == len(kept)
    elif tables.get("stsc") == [(1, 1, 1)]:
        assert [bytes(one.data) for one in samples] == [DATA[:5], DATA[50:56]]
    else:
        assert [bytes(one.data) for one in samples] == place
    assert [one.decode_time for one in samples] == [10 * number for number in kept]
    assert f"track 1 {told}" in source.warnings
    assert source.is_loss


def test_samples_of_one_chunk_need_no_row():
    source, samples = first_track(**{**SOUND, "stsc": [], "stco": [START]})
    assert [bytes(one.data) for one in samples] == [DATA[:5], DATA[5:11], DATA[11:18], DATA[18:26]]
    assert source.warnings == ("track 1 does not say which samples are in which chunk: there is only one way",)


def edited(kind: type[Box], **fields) -> tuple[Mp4Input, dict[int, list[Sample]]]:
    """What is read after the first box of a kind was changed, in a file of two tracks."""
    made = progressive(track(1, **SOUND), track(2, **EVERY_40), data=DATA)
    left = [kind]

    def change(box: Box) -> Box:
        if left and isinstance(box, left[0]):
            left.clear()
            return replace(box, **fields)
        children = box.children_of()
        return replace(box, children=tuple(map(change, children))) if children else box  # type: ignore[call-arg]

    return read(b"".join(change(box).build() for box in parse_boxes(made)))


@pytest.mark.parametrize("number", [0, 2])
def test_a_number_that_is_none_or_taken_becomes_another(number):
    """The first track with a number keeps it: fragments are of that one."""
    source, found = edited(TrackHeaderBox, track_id=number)
    assert [one.token for one in source.tracks] == ["AUDIO001", "AUDIO002"]
    assert sorted(found) == [1, 2]
    assert [len(samples) for samples in found.values()] == [4, 4]
    assert len(source.warnings) == 1
    assert "it becomes track 1" in source.warnings[0]


@pytest.mark.parametrize("handler", ["\0\0\0\0", "odsm", "pict", "auxv", "text", "meta", "hint", "????"])
def test_a_sample_entry_of_sound_counts_whatever_the_handler_says(handler):
    source, found = edited(HandlerBox, handler_type=handler)
    assert [one.token for one in source.tracks] == ["AUDIO001", "AUDIO002"]
    assert [bytes(one.data) for one in found[1]] == WHOLE
    assert len(source.warnings) == 1
    assert source.warnings[0].endswith("but a sample entry of audio")


def test_a_timescale_of_sound_is_its_sampling_rate():
    source, found = edited(MediaHeaderBox, timescale=0)
    assert [one.timescale for one in source.tracks] == [8000, 8000]
    assert [bytes(one.data) for one in found[1]] == WHOLE


def test_a_movie_without_timescale_has_no_edit_lists():
    source, found = edited(MovieHeaderBox, timescale=0)
    assert [len(samples) for samples in found.values()] == [4, 4]
    assert source.warnings == ()


COMPRESSED = AudioSampleEntry(type="ac-3", channel_count=1, sample_rate=8000 << 16)
NUMBERS = st.one_of(st.integers(0, 6), st.sampled_from([255, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]))
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=4)


@settings(max_examples=150, deadline=None)
@given(
    stts=PAIRS,
    ctts=st.none() | PAIRS,
    stsc=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=4),
    stsz=st.lists(NUMBERS, max_size=6),
    stco=st.lists(st.one_of(NUMBERS, st.integers(START, START + 200)), max_size=4),
    stss=st.none() | st.lists(NUMBERS, max_size=4),
    timescale=NUMBERS,
)
def test_whatever_one_track_says_the_other_is_whole(stts, ctts, stsc, stsz, stco, stss, timescale):
    tables = {"stts": stts, "ctts": ctts, "stsc": stsc, "stsz": stsz, "stco": stco, "stss": stss}
    source, samples = first_track(**tables, ctts_version=0, timescale=timescale, entries=[COMPRESSED])
    assert len(samples) <= len(stsz)
    assert all(len(one.data) in stsz for one in samples)
    assert all(one.duration < 1 << 31 for one in samples)
    if not source.warnings:
        assert len(samples) == len(stsz)


def test_a_track_of_which_too_little_is_left_is_left_out():
    whole = track(1, **SOUND)
    for path in ("mdia", "mdia/minf", "mdia/minf/stbl", "mdia/minf/stbl/stsd"):
        made = progressive(without(whole, path), track(2, **EVERY_40), data=DATA)
        source, found = read(made)
        assert list(found) == [2]
        assert source.warnings == (f"track 1 has no {path.rpartition('/')[2]} box, and is left out",)
        assert source.is_loss


def without(box: TrackBox, path: str) -> TrackBox:
    first, _, rest = path.partition("/")
    children = [
        without(child, rest) if child.type == first and rest else child  # type: ignore[arg-type]
        for child in box.children
        if rest or child.type != first
    ]
    return replace(box, children=tuple(children))


@pytest.mark.parametrize("kind", ["stts", "ctts", "stsc", "stss"])
@pytest.mark.parametrize("length", [0, 4, 7])
def test_a_table_that_is_cut_off_before_its_rows(kind, length):
    """It stands for one without rows; the other track keeps all its samples, and what can be read is read."""
    tables = {**SOUND, "ctts": [(4, 5)], "stss": [1]}
    file = progressive(track(1, **tables), track(2, **EVERY_40), data=DATA)
    at = file.index(kind.encode()) - 4
    size = int.from_bytes(file[at : at + 4], "big")
    left = size - 8 - length
    broken = (8 + length).to_bytes(4, "big") + file[at + 4 : at + 8 + length]
    filler = (left.to_bytes(4, "big") + b"free" if left >= 8 else b"").ljust(left, b"\0")
    source, found = read(file[:at] + broken + filler + file[at + size :])
    assert [bytes(one.data) for one in found[2]] == [DATA[place : place + 40] for place in range(0, 160, 40)]
    assert source.warnings
    if kind in ("ctts", "stts"):
        assert [bytes(one.data) for one in found[1]] == WHOLE
