"""Samples of movie fragments: all defaults and offsets, and what breaks them."""

from dataclasses import replace

import pytest
from support_mp4_files import ALAW, HEAD, START, ULAW, moof, movie, progressive, run, track, traf, until_fault

from onvif_bmff.bmff import FreeSpaceBox, MediaDataBox, MovieFragmentBox, TrackExtendsBox, UnknownBox, build_boxes
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import BoxError, MediaError, OnvifBmffError
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.media.track import Sample

NON_SYNC = 0x01010000
DATA = bytes(range(200))


def header(*tracks, extends=None):
    tracks = tracks or (track(),)
    extends = [TrackExtendsBox(track_id=n + 1) for n in range(len(tracks))] if extends is None else extends
    return build_boxes((HEAD, movie(*tracks, extends=extends)))


def with_offset(box: MovieFragmentBox, *offsets: int) -> MovieFragmentBox:
    """The moof with the data offsets of its runs set to its own size, mdat header and ``offsets``."""
    base, left = box.size + 8, list(offsets)
    trafs = [
        replace(part, children=tuple(
            replace(child, data_offset=base + left.pop(0))
            if child.type == "trun" and child.data_offset is not None
            else child
            for child in part.children
        ))
        for part in box.children[1:]
    ]  # fmt: skip
    return replace(box, children=(box.children[0], *trafs))


def fragment(*trafs, offsets=(0,), data=DATA, number=1) -> bytes:
    return build_boxes((with_offset(moof(*trafs, number=number), *offsets), MediaDataBox(data=data)))


def read(file: bytes) -> list[Sample]:
    return list(Mp4Input(file, strict=True).samples())


def test_everything_in_the_run():
    part = traf(
        1,
        run(3, offset=0, duration=[5, 6, 7], size=[1, 2, 3], flags=[0, NON_SYNC, 0], composition_offset=[0, 9, -9]),
        time=100,
    )
    samples = read(header() + fragment(part))
    assert samples == [
        Sample(1, 100, 5, DATA[0:1], True, 0),
        Sample(1, 105, 6, DATA[1:3], False, 9),
        Sample(1, 111, 7, DATA[3:6], True, -9),
    ]


def test_everything_from_the_track_fragment_header():
    part = traf(
        1, run(3, offset=4), default_sample_duration=5, default_sample_size=2, default_sample_flags=NON_SYNC, time=1
    )
    assert read(header() + fragment(part)) == [
        Sample(1, 1 + 5 * n, 5, DATA[2 * n : 2 * n + 2], False) for n in range(3)
    ]


def test_everything_from_the_movie():
    extends = TrackExtendsBox(
        track_id=1, default_sample_duration=6, default_sample_size=3, default_sample_flags=NON_SYNC
    )
    part = traf(1, run(2, offset=0, first_flags=0x02000000), time=0)
    assert read(header(extends=[extends]) + fragment(part)) == [
        Sample(1, 0, 6, DATA[0:3], True),
        Sample(1, 6, 6, DATA[3:6], False),
    ]


def test_flags_of_the_first_sample_stand_before_a_column():
    part = traf(1, run(2, offset=0, first_flags=0, size=[1, 1], flags=[NON_SYNC, NON_SYNC]), time=0)
    assert [one.sync for one in read(header() + fragment(part))] == [True, False]


def test_negative_offsets_where_the_version_has_none():
    part = traf(1, run(1, offset=0, size=[1], composition_offset=[0xFFFFFFFE], version=0))
    assert read(header() + fragment(part))[0].composition_offset == -2


def test_runs_follow_each_other_without_offset():
    part = traf(1, run(1, offset=10, size=[5], duration=[1]), run(2, size=[2, 2], duration=[1, 1]), time=0)
    assert [bytes(one.data) for one in read(header() + fragment(part, offsets=(10,)))] == [
        DATA[10:15], DATA[15:17], DATA[17:19],
    ]  # fmt: skip


def test_data_follow_those_of_the_track_fragment_before():
    """Without base-data-offset and default-base-is-moof, as written until 2005."""
    first = traf(1, run(1, offset=0, size=[5]), base_is_moof=False)
    second = traf(2, run(2, size=[3, 4]), base_is_moof=False)
    samples = read(header(track(1), track(2)) + fragment(first, second))
    assert [bytes(one.data) for one in samples] == [DATA[:5], DATA[5:8], DATA[8:12]]


def test_base_data_offset_counts_from_the_start_of_the_file():
    head = header()
    part = traf(1, run(1, offset=2, size=[4]), base_data_offset=20, base_is_moof=False)
    file = head + build_boxes((moof(part), MediaDataBox(data=DATA)))
    assert bytes(read(file)[0].data) == file[22:26]


def test_decode_times_go_on_without_tfdt():
    part = traf(1, run(2, offset=0, size=[1, 1], duration=[5, 6]), time=None)
    file = header() + fragment(part) + fragment(part)
    assert [one.decode_time for one in read(file)] == [0, 5, 11, 16]


def test_fragments_go_on_where_the_tables_end():
    tables = track(stts=[(2, 10)], stsc=[(1, 2, 1)], stsz=[3, 4], stco=[START])
    part = traf(1, run(1, offset=0, size=[5], duration=[5]), time=None)
    samples = read(progressive(tables, data=DATA) + fragment(part))
    assert [(one.decode_time, len(one.data)) for one in samples] == [(0, 3), (10, 4), (20, 5)]


def test_edit_lists_shift_fragments():
    part = traf(1, run(1, offset=0, size=[1], duration=[5]), time=100)
    assert read(header(track(elst=[(0, 30, 1, 0)])) + fragment(part))[0].decode_time == 70


def test_tracks_in_fragments_of_their_own_interleave():
    one = [fragment(traf(1, run(4, offset=0, size=[1] * 4, duration=[10] * 4), time=40 * n)) for n in range(3)]
    two = [fragment(traf(2, run(2, offset=0, size=[1] * 2, duration=[20] * 2), time=40 * n)) for n in range(3)]
    file = header(track(1), track(2)) + b"".join(a + b for a, b in zip(one, two, strict=True))
    times = [sample.decode_time for sample in read(file)]
    assert times == sorted(times)
    assert len(times) == 18


def test_a_silent_track_does_not_make_the_whole_file_wait():
    """The second track has one fragment, far behind: the first one's samples come before it is looked for."""
    parts = [fragment(traf(1, run(1, offset=0, size=[1], duration=[10]), time=10 * n)) for n in range(300)]
    late = fragment(traf(2, run(1, offset=0, size=[1], duration=[10]), time=0))
    source = Mp4Input(header(track(1), track(2)) + b"".join(parts) + late)
    read_on = []
    inner = source.fragments
    source.fragments = lambda: (read_on.append(one) or one for one in inner())
    samples = source.samples()
    next(samples)
    assert len(read_on) < 100
    rest = list(samples)
    assert len(rest) == 300
    assert sum(one.track_id == 2 for one in rest) == 1


def test_a_change_of_sample_entry_is_announced():
    first = traf(1, run(1, offset=0, size=[1], duration=[5]), time=0, sample_description_index=1)
    second = traf(1, run(1, offset=0, size=[1], duration=[5]), time=5, sample_description_index=2)
    items = read(header(track(entries=[ULAW, ALAW])) + fragment(first) + fragment(second) + fragment(second))
    assert [type(one) for one in items] == [Sample, CodecChange, Sample, Sample]
    assert items[1].codec.codecs_parameter() == "alaw"
    assert items[1].decode_time == 5


def test_other_boxes_are_passed_over():
    part = fragment(traf(1, run(1, offset=0, size=[1], duration=[5])))
    junk = build_boxes((FreeSpaceBox(data=bytes(9)), UnknownBox(type="sidx", data=b"x"), HEAD))
    head = header()
    again = head[len(HEAD.build()) :]
    assert len(read(head + junk + part + junk + again + part)) == 2


def test_what_encrypts_samples_is_at_hand():
    senc = UnknownBox(type="uuid", data=bytes(20))
    part = traf(1, run(2, offset=0, size=[3, 4], duration=[5, 5]), time=9, extra=[senc])
    file = header() + fragment(part)
    source = Mp4Input(file)
    (found,) = source.fragments()
    (inside,) = found.tracks
    assert found.offset == len(header()) == inside.moof_offset == found.moof.offset
    assert inside.box.children[-1].type == "uuid"
    assert inside.sizes() == [3, 4]
    assert [file[start:end] for start, end in inside.ranges()] == [DATA[:3], DATA[3:7]]
    assert (inside.sample_count, inside.duration, inside.decode_time, inside.description) == (2, 10, 9, 1)


BROKEN = {
    "data behind the file": traf(1, run(1, offset=0, size=[2001])),
    "data before the file": traf(1, run(1, offset=-(1 << 31), size=[1])),
    "a track that is not there": traf(9, run(1, offset=0, size=[1])),
    "a sample entry that is not there": traf(1, run(1, offset=0, size=[1]), sample_description_index=2),
    "sample entry 0": traf(1, run(1, offset=0, size=[1]), sample_description_index=0),
    "no header": replace(traf(1), children=()),
    "billions of samples without bytes": traf(1, run((1 << 32) - 1, offset=0)),
    "billions of samples of a byte": traf(1, run((1 << 32) - 1, offset=0), default_sample_size=1),
    "runs over the same bytes": traf(
        1, *[run(2000, offset=0) for _ in range(100)], default_sample_size=1, default_sample_duration=1
    ),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_fragments_that_cannot_be_are_refused(broken):
    offsets = [0] * sum(child.type == "trun" for child in broken.children)
    if broken is BROKEN["data before the file"]:
        file = header() + build_boxes((moof(broken), MediaDataBox(data=DATA)))
    else:
        file = header() + fragment(broken, offsets=offsets, data=bytes(2000))
    with pytest.raises(OnvifBmffError):
        read(file)


def test_a_recording_that_breaks_off_gives_what_is_whole():
    part = [traf(1, run(2, offset=0, size=[100, 100], duration=[5, 5]), time=10 * n) for n in range(3)]
    file = header() + b"".join(fragment(one) for one in part)
    last = len(file) - len(fragment(part[2]))
    for cut in range(last + 1, len(file)):
        found, fault = until_fault(file[:cut])
        assert isinstance(fault, BoxError | MediaError)
        assert len(found) == 4
    assert len(read(file)) == 6
    assert len(read(file[:last])) == 4


def test_another_movie_in_the_file_is_refused():
    part = fragment(traf(1, run(1, offset=0, size=[1])))
    with pytest.raises(MediaError, match="another movie box"):
        read(header() + part + header(track(2))[len(HEAD.build()) :] + part)
