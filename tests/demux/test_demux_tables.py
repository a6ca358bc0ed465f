"""Samples that the movie box describes: every table, and what breaks them."""

import pytest
from support_mp4_files import ALAW, START, ULAW, progressive, track, until_fault

from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import MediaError, OnvifBmffError
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.media.track import Sample

DATA = bytes(range(100))
FOUR = {"stts": [(4, 10)], "stsc": [(1, 4, 1)], "stsz": [1, 2, 3, 4], "stco": [START]}


def read(file: bytes) -> list[Sample]:
    return list(Mp4Input(file, strict=True).samples())


def test_sizes_times_and_data():
    samples = read(progressive(track(**FOUR), data=DATA))
    assert [bytes(one.data) for one in samples] == [DATA[0:1], DATA[1:3], DATA[3:6], DATA[6:10]]
    assert [(one.decode_time, one.duration, one.sync) for one in samples] == [(10 * n, 10, True) for n in range(4)]


def test_data_are_views_on_the_file():
    file = progressive(track(**FOUR), data=DATA)
    assert all(isinstance(one.data, memoryview) and one.data.obj is file for one in read(file))


def test_runs_of_durations_and_offsets():
    spread = {**FOUR, "stts": [(1, 5), (0, 99), (2, 7), (1, 9)], "ctts": [(2, 3), (2, -4)]}
    samples = read(progressive(track(**spread), data=DATA))
    assert [(one.decode_time, one.duration, one.composition_offset) for one in samples] == [
        (0, 5, 3), (5, 7, 3), (12, 7, -4), (19, 9, -4),
    ]  # fmt: skip


def test_negative_offsets_where_the_version_has_none():
    samples = read(progressive(track(**FOUR, ctts=[(4, 0xFFFFFFF0)], ctts_version=0), data=DATA))
    assert [one.composition_offset for one in samples] == [-16] * 4


def test_sync_samples():
    assert [one.sync for one in read(progressive(track(**FOUR, stss=[1, 3]), data=DATA))] == [True, False, True, False]
    assert [one.sync for one in read(progressive(track(**FOUR, stss=[]), data=DATA))] == [False] * 4


@pytest.mark.parametrize("co64", [False, True])
def test_chunks(co64):
    layout = {
        "stsc": [(1, 2, 1), (2, 1, 1)],
        "stco": [START + 50, START, START + 90],
        "stsz": [1, 2, 3, 4],
        "co64": co64,
    }
    samples = read(progressive(track(stts=[(4, 10)], **layout), data=DATA))
    assert [bytes(one.data) for one in samples] == [DATA[50:51], DATA[51:53], DATA[0:3], DATA[90:94]]


@pytest.mark.parametrize(
    "stz2", [(4, 3, b"\x12\x30"), (8, 3, b"\x01\x02\x03"), (16, 3, b"\0\x01\0\x02\0\x03")], ids=["4", "8", "16"]
)
def test_compact_sizes(stz2):
    samples = read(progressive(track(stts=[(3, 10)], stsc=[(1, 3, 1)], stco=[START], stz2=stz2), data=DATA))
    assert [len(one.data) for one in samples] == [1, 2, 3]


def test_one_size_for_all():
    one_size = track(stts=[(3, 10)], stsc=[(1, 3, 1)], stco=[START], constant_size=(20, 3))
    assert [bytes(one.data) for one in read(progressive(one_size, data=DATA))] == [DATA[:20], DATA[20:40], DATA[40:60]]


def test_frames_of_pcm_become_packets():
    frames = track(stts=[(2500, 1)], stsc=[(1, 1500, 1)], stco=[START, START + 3000], constant_size=(2, 2500))
    samples = read(progressive(frames, data=bytes(5000)))
    assert [(one.decode_time, one.duration, len(one.data)) for one in samples] == [
        (0, 1024, 2048), (1024, 476, 952), (1500, 1000, 2000),
    ]  # fmt: skip


def test_edit_lists_shift_the_track():
    """A second of nothing, then the media from tick 25 on: tick 25 is shown at one second."""
    samples = read(progressive(track(**FOUR, elst=[(1000, -1, 1, 0), (500, 25, 1, 0)]), data=DATA))
    assert [one.decode_time for one in samples] == [8000 - 25 + 10 * n for n in range(4)]
    samples = read(progressive(track(**FOUR, elst=[(500, 15, 1, 0)]), data=DATA))
    assert [one.decode_time for one in samples] == [-15, -5, 5, 15]
    samples = read(progressive(track(**FOUR, elst=[(1, -1, 1, 0)]), data=DATA, timescale=3))
    assert samples[0].decode_time == 2667


def test_tracks_are_named_by_type_and_keep_their_numbers():
    file = progressive(
        track(7, **FOUR),
        track(3, handler="vide", entries=[ALAW]),
        track(9, **FOUR, language=0x15C7),
        track(4, handler="hint"),
        track(5, handler="meta"),
        data=DATA,
    )
    source = Mp4Input(file, strict=True)
    assert [(one.token, one.track_id, one.language) for one in source.tracks] == [
        ("AUDIO001", 7, "und"), ("VIDEO001", 3, "und"), ("AUDIO002", 9, "eng"), ("META001", 5, "und"),
    ]  # fmt: skip
    assert [one.handler for one in source.others] == ["hint"]
    assert [one.track_id for one in source.samples()] == [7, 9] * 4


def test_tracks_interleave_by_time():
    slow = track(1, timescale=3, **{**FOUR, "stts": [(4, 1)]})  # 0, 1/3, 2/3, 1
    fast = track(2, timescale=10, **{**FOUR, "stts": [(4, 5)]})  # 0, 1/2, 1, 3/2
    order = [(one.track_id, one.decode_time) for one in read(progressive(slow, fast, data=DATA))]
    assert order == [(1, 0), (2, 0), (1, 1), (2, 5), (1, 2), (1, 3), (2, 10), (2, 15)]


def test_a_change_of_sample_entry_is_announced():
    two = track(entries=[ULAW, ALAW], stts=[(4, 10)], stsz=[1, 2, 3, 4], stsc=[(1, 1, 2), (2, 2, 1), (3, 1, 2)],
                stco=[START, START + 1, START + 6])  # fmt: skip
    source = Mp4Input(progressive(two, data=DATA))
    assert source.tracks[0].codec.codecs_parameter() == "alaw"
    items = list(source.samples())
    assert [type(one) for one in items] == [Sample, CodecChange, Sample, Sample, CodecChange, Sample]
    assert [(one.track_id, one.decode_time, one.codec.codecs_parameter(), one.description)
            for one in items if isinstance(one, CodecChange)] == [(1, 10, "ulaw", 1), (1, 30, "alaw", 2)]  # fmt: skip


def test_samples_can_be_taken_twice():
    source = Mp4Input(progressive(track(**FOUR), data=DATA))
    assert list(source.samples()) == list(source.samples())


BROKEN = {
    "data outside the file": {**FOUR, "stsz": [1, 2, 3, 4000]},
    "chunk outside the file": {**FOUR, "stco": [1 << 31]},
    "too few durations": {**FOUR, "stts": [(3, 10)]},
    "too few offsets": {**FOUR, "ctts": [(3, 10)]},
    "too few chunks": {**FOUR, "stsc": [(1, 3, 1)]},
    "no chunks": {**FOUR, "stco": []},
    "no chunk table": {**FOUR, "stsc": []},
    "chunk zero": {**FOUR, "stsc": [(0, 4, 1)]},
    "first chunk is not 1": {**FOUR, "stsc": [(2, 4, 1)]},
    "chunks backward": {**FOUR, "stsc": [(1, 1, 1), (3, 1, 1), (2, 2, 1)], "stco": [START] * 3},
    "sample entry 0": {**FOUR, "stsc": [(1, 4, 0)]},
    "sample entry 2 of 1": {**FOUR, "stsc": [(1, 4, 2)]},
    "sync samples backward": {**FOUR, "stss": [3, 1]},
    "sync sample 0": {**FOUR, "stss": [0]},
    "timescale 0": {**FOUR, "timescale": 0},
    "no entries": {**FOUR, "entries": []},
    "compact sizes of 5 bits": {**FOUR, "stz2": (5, 3, b"\0\0")},
    "compact sizes of 0 bits": {**FOUR, "stz2": (0, 1 << 31, b"")},
    "billions of samples": {**FOUR, "constant_size": (1, (1 << 32) - 1), "stts": [((1 << 32) - 1, 9)]},
    "billions of samples in a chunk": {**FOUR, "constant_size": (1, (1 << 32) - 1), "stsc": [(1, (1 << 32) - 1, 1)],
                                       "stts": [((1 << 32) - 1, 9)]},
    "billions of frames": {**FOUR, "constant_size": (1, (1 << 32) - 1), "stsc": [(1, (1 << 32) - 1, 1)],
                           "stts": [((1 << 32) - 1, 1)]},
    "the same bytes over and over": {**FOUR, "constant_size": (90, 10_000), "stsc": [(1, 1, 1)],
                                     "stts": [(10_000, 9)], "stco": [START] * 10_000},
    "the same frames over and over": {**FOUR, "constant_size": (90, 10_000), "stsc": [(1, 1, 1)],
                                      "stts": [(10_000, 1)], "stco": [START] * 10_000},
    "frames in too few chunks": {**FOUR, "constant_size": (1, 90), "stsc": [(1, 10, 1)], "stts": [(90, 1)]},
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_tables_that_cannot_be_are_refused(broken):
    with pytest.raises(OnvifBmffError):
        read(progressive(track(**broken), data=DATA))


def test_the_samples_before_a_fault_come_out():
    found, fault = until_fault(progressive(track(**{**FOUR, "stsz": [1, 2, 3, 4000]}), data=DATA))
    assert [len(one.data) for one in found] == [1, 2, 3]
    assert isinstance(fault, MediaError)


def test_more_rows_than_samples_do_no_harm():
    spare = {**FOUR, "stts": [(9, 10)], "ctts": [(9, 1)], "stsc": [(1, 9, 1)], "stco": [START, START], "stss": [1, 90]}
    assert len(read(progressive(track(**spare), data=DATA))) == 4


def test_two_tracks_with_one_number_are_refused():
    with pytest.raises(MediaError, match="same number"):
        Mp4Input(progressive(track(1), track(1)), strict=True)


def test_a_track_without_handler_goes_by_its_media_header():
    with pytest.raises(MediaError, match="no video, audio or metadata track"):
        Mp4Input(progressive(track(handler=None)), strict=True)
