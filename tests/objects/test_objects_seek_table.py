"""The SeekTable attribute (B.9.2)."""

import base64
from datetime import timedelta
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.bmff.language.columns import Columns
from onvif_bmff.bmff.language.reader import build_boxes, parse_boxes
from onvif_bmff.bmff.random_access import (
    MovieFragmentRandomAccessBox,
    MovieFragmentRandomAccessOffsetBox,
    TrackFragmentRandomAccessBox,
)
from onvif_bmff.errors import ObjectAttributeError
from onvif_bmff.objects import SeekEntry, SeekTable, TrackSeekTable
from onvif_bmff.objects.seek_table import MAX_SEEK_TABLE_TEXT

numbers = st.integers(0, 2**32 - 1)
entries = st.lists(
    st.builds(SeekEntry, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), numbers, numbers, numbers),
    min_size=1,
    max_size=40,
).map(lambda rows: tuple(sorted(rows)))
tables = st.lists(
    st.builds(TrackSeekTable, st.integers(1, 2**32 - 1), entries),
    min_size=1,
    max_size=4,
    unique_by=lambda track: track.track_id,
).map(lambda tracks: SeekTable(tuple(tracks)))


def regular(tracks=1, count=60, step=180_000):
    rows = tuple(SeekEntry(index * step, 1000 + index * 500_000) for index in range(count))
    return SeekTable(tuple(TrackSeekTable(track_id, rows) for track_id in range(1, tracks + 1)))


@pytest.mark.requirement("ANX-B.9.2-01")
@given(tables)
def test_round_trip(table):
    text = table.to_base64()
    assert SeekTable.from_base64(text) == table
    assert SeekTable.from_mfra(table.to_mfra(mfro=True)) == table
    assert len(text) % 4 == 0
    (box,) = parse_boxes(base64.b64decode(text, validate=True))
    assert isinstance(box, MovieFragmentRandomAccessBox)


@pytest.mark.requirement("ANX-B.9.2-06")
@pytest.mark.requirement("ANX-B.9.2-07")
def test_mfro_is_left_out_and_the_length_is_right():
    data = base64.b64decode(regular().condense().to_base64())
    assert b"mfro" not in data
    assert int.from_bytes(data[:4], "big") == len(data) == 8 + 24 + 20 * 12
    whole = build_boxes((regular().to_mfra(mfro=True),))
    assert int.from_bytes(whole[:4], "big") == len(whole) == int.from_bytes(whole[-4:], "big")
    assert SeekTable.from_base64(base64.b64encode(whole).decode()) == regular()


def test_the_usual_layout_and_the_wide_one():
    (tfra,) = regular().to_mfra().find_all(TrackFragmentRandomAccessBox)
    widths = (tfra.length_size_of_traf_num, tfra.length_size_of_trun_num, tfra.length_size_of_sample_num)
    assert (tfra.version, widths) == (0, (0, 0, 1))
    late = SeekTable((TrackSeekTable(1, (SeekEntry(2**32, 5, 256, 65_536, 70_000),)),))
    (tfra,) = late.to_mfra().find_all(TrackFragmentRandomAccessBox)
    widths = (tfra.length_size_of_traf_num, tfra.length_size_of_trun_num, tfra.length_size_of_sample_num)
    assert (tfra.version, widths) == (1, (1, 2, 2))
    far = SeekTable((TrackSeekTable(1, (SeekEntry(1, 2**32), SeekEntry(2, 7))),))
    assert far.to_mfra().find_all(TrackFragmentRandomAccessBox)[0].version == 1


@pytest.mark.requirement("ANX-B.9.2-02")
@pytest.mark.requirement("ANX-B.9.2-04")
@pytest.mark.requirement("ANX-B.9.2-05")
@given(tables, st.integers(0, 30))
def test_condensed(table, limit):
    thin = table.condense(limit)
    assert len(thin) <= max(limit, len(table.tracks))
    assert [track.track_id for track in thin.tracks] == [track.track_id for track in table.tracks]
    for track, whole in zip(thin.tracks, table.tracks, strict=True):
        assert track.entries[0] == whole.entries[0]
        assert set(track.entries) <= set(whole.entries)
    assert table.condense(len(table)) is table


@pytest.mark.requirement("ANX-B.9.2-03")
def test_entries_are_spread_evenly():
    thin = regular(tracks=3, count=60).condense()
    assert [len(track.entries) for track in thin.tracks] == [18, 1, 1]
    times = [entry.time for entry in thin.tracks[0].entries]
    # Sixty fragments of 2 s: the entries stay within single digits of seconds.
    assert max(after - before for before, after in pairwise(times)) <= 9 * 90_000
    assert 120 * 90_000 - times[-1] <= 9 * 90_000
    assert [len(t.entries) for t in regular(tracks=3).condense(10, video_track_id=2).tracks] == [1, 8, 1]
    assert [len(t.entries) for t in regular(tracks=3).condense(10, video_track_id=9).tracks] == [8, 1, 1]


@pytest.mark.requirement("ANX-B.9.2-03")
@given(st.lists(st.integers(1, 10**6), max_size=60), st.integers(1, 25), st.integers(0, 2**63))
def test_which_entries_stay_does_not_depend_on_when_the_segment_begins(steps, limit, start):
    """A segment in the middle of a span, or of a span of years, is thinned like one that begins with tick 0."""

    def thin(base):
        rows = tuple(SeekEntry(base + time, 100 + time) for time in accumulate(steps, initial=0))
        return SeekTable((TrackSeekTable(1, rows),)).condense(limit).tracks[0].entries

    assert [(entry.time - start, entry.moof_offset) for entry in thin(start)] == [entry[:2] for entry in thin(0)]


@pytest.mark.requirement("ANX-B.9.2-09")
def test_locate():
    track = regular().track(1)
    assert track.locate(0).moof_offset == 1000
    assert track.locate(179_999).moof_offset == 1000
    assert track.locate(180_000).moof_offset == 501_000
    assert track.locate(10**12) == track.entries[-1]
    assert SeekTable((TrackSeekTable(1, (SeekEntry(5, 7),)),)).track(1).locate(0).moof_offset == 7
    assert regular().track(2) is None


def test_from_the_box_of_a_file():
    empty = TrackFragmentRandomAccessBox(
        track_id=2,
        entries=Columns(time=[], moof_offset=[], traf_number=[], trun_number=[], sample_number=[]),
    )
    some = TrackFragmentRandomAccessBox(
        track_id=1,
        entries=Columns(
            time=[9, 5], moof_offset=[70, 30], traf_number=[1, 1], trun_number=[1, 1], sample_number=[1, 1]
        ),
    )
    table = SeekTable.from_mfra(MovieFragmentRandomAccessBox(children=(some, empty)))
    assert table == SeekTable((TrackSeekTable(1, (SeekEntry(5, 30), SeekEntry(9, 70))),))
    with pytest.raises(ObjectAttributeError):
        SeekTable.from_mfra(MovieFragmentRandomAccessBox(children=(empty,)))
    with pytest.raises(ObjectAttributeError):
        SeekTable.from_mfra(MovieFragmentRandomAccessBox(children=(some, some)))


GOOD = regular().condense().to_base64()
MFRO = build_boxes((MovieFragmentRandomAccessOffsetBox(parent_size=16),))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "é",
        GOOD[:-1],
        GOOD[:-4],
        GOOD + "\n",
        " " + GOOD,
        GOOD.replace("A", "-", 1),
        base64.b64encode(base64.b64decode(GOOD) * 2).decode(),
        base64.b64encode(MFRO).decode(),
        base64.b64encode(b"\x00\x00\x00\x08mfra").decode(),
        base64.b64encode(b"\xff" * 60).decode(),
        "AB==",
        "A" * 70_000,
    ],
)
def test_bad_texts(text):
    with pytest.raises(ObjectAttributeError):
        SeekTable.from_base64(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_an_error(data):
    for hostile in (data, b"\x00\x00\x00\x40mfra" + data[:56].ljust(56, b"\x00")):
        try:
            SeekTable.from_base64(base64.b64encode(hostile).decode())
        except ObjectAttributeError:
            continue


@pytest.mark.parametrize(
    "make",
    [
        lambda: SeekTable(()),
        lambda: SeekTable(regular().tracks * 2),
        lambda: TrackSeekTable(1, ()),
        lambda: TrackSeekTable(0, (SeekEntry(0, 0),)),
        lambda: TrackSeekTable(1, (SeekEntry(5, 0), SeekEntry(4, 0))),
        lambda: TrackSeekTable(1, (SeekEntry(2**64, 0),)),
        lambda: TrackSeekTable(1, (SeekEntry(0, -1),)),
        lambda: TrackSeekTable(1, (SeekEntry(0, 0, 2**32),)),
        lambda: TrackSeekTable(1, (SeekEntry(0, 0, 1, 2**32),)),
        lambda: TrackSeekTable(1, (SeekEntry(0, 0, 1, 1, 2**32),)),
        lambda: TrackSeekTable(1, (SeekEntry(0, 0, -1),)),
        lambda: TrackSeekTable(1, (SeekEntry(0, 0, 1, -1),)),
        lambda: TrackSeekTable(1, (SeekEntry(0, 0, 1, 1, -1),)),
        lambda: TrackSeekTable(1, (SeekEntry(0, 2**64),)),
        lambda: TrackSeekTable(1, (SeekEntry(-1, 0),)),
        lambda: TrackSeekTable(2**32, (SeekEntry(0, 0),)),
    ],
)
def test_bad_tables(make):
    with pytest.raises(ObjectAttributeError):
        make()


def test_precision_of_an_hour():
    # Two thousand fragments still give twenty entries, three minutes apart.
    thin = regular(count=1800).condense()
    assert len(thin) == 20
    gaps = {(after.time - before.time) // 90_000 for before, after in pairwise(thin.tracks[0].entries)}
    assert gaps == {timedelta(minutes=3).seconds}


def test_numbers_at_their_limits():
    most = SeekEntry(2**64 - 1, 2**64 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 1)
    assert TrackSeekTable(2**32 - 1, (SeekEntry(0, 0, 0, 0, 0), most, most)).entries[2] == most
    for version, entry in ((0, SeekEntry(2**32 - 1, 5)), (1, SeekEntry(2**32, 5)), (0, SeekEntry(5, 2**32 - 1))):
        assert tfra_of(entry).version == version
    widths = [
        (tfra.length_size_of_traf_num, tfra.length_size_of_trun_num, tfra.length_size_of_sample_num)
        for tfra in (
            tfra_of(SeekEntry(0, 0, 255, 255, 65_535)),
            tfra_of(SeekEntry(0, 0, 256, 255, 65_536)),
            tfra_of(SeekEntry(0, 0, 255, 256, 2**24)),
            tfra_of(SeekEntry(0, 0, 2**24, 2**16, 0)),
        )
    ]
    assert widths == [(0, 0, 1), (1, 0, 2), (0, 1, 3), (3, 2, 1)]


def tfra_of(*entries):
    (found,) = SeekTable((TrackSeekTable(1, entries),)).to_mfra().find_all(TrackFragmentRandomAccessBox)
    return found


def test_a_text_is_read_up_to_the_limit():
    assert MAX_SEEK_TABLE_TEXT == 65_536
    free = build_boxes((MovieFragmentRandomAccessBox(children=(tfra_of(SeekEntry(0, 9)),)),))

    def padded(size):
        """An mfra with a box of no meaning, of so many bytes in all."""
        extra = size - len(free)
        data = (size).to_bytes(4, "big") + free[4:] + extra.to_bytes(4, "big") + b"skip" + bytes(extra - 8)
        return base64.b64encode(data).decode()

    longest = padded(MAX_SEEK_TABLE_TEXT // 4 * 3)
    assert len(longest) == MAX_SEEK_TABLE_TEXT
    assert SeekTable.from_base64(longest).tracks[0].entries == (SeekEntry(0, 9),)
    with pytest.raises(ObjectAttributeError, match="longer than 65536"):
        SeekTable.from_base64(padded(MAX_SEEK_TABLE_TEXT // 4 * 3 + 3))


def test_tracks_without_entries_are_left_out():
    empty = TrackFragmentRandomAccessBox(track_id=7, entries=Columns(0))
    box = MovieFragmentRandomAccessBox(children=(empty, tfra_of(SeekEntry(0, 9))))
    assert [track.track_id for track in SeekTable.from_mfra(box).tracks] == [1]


def test_a_thinned_table_has_the_entries_before_even_times():
    """The times are spread over the whole segment, the last fragment being as long as the others on average."""

    def picked(count, limit):
        rows = tuple(SeekEntry(1_000 + 10 * number, number) for number in range(count))
        return [entry.moof_offset for entry in SeekTable((TrackSeekTable(1, rows),)).condense(limit).tracks[0].entries]

    assert picked(3, 2) == [0, 1]
    assert picked(10, 9) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert picked(10, 5) == [0, 2, 4, 6, 8]
    assert picked(10, 1) == picked(10, 0) == [0]
    assert picked(10, 2) == [0, 5]
    assert picked(4, 3) == [0, 1, 2]
    assert len(picked(21, 20)) == 20
    assert len(SeekTable((TrackSeekTable(1, tuple(SeekEntry(n, n) for n in range(21))),)).condense()) == 20
    assert len(SeekTable((TrackSeekTable(1, tuple(SeekEntry(n, n) for n in range(20))),)).condense()) == 20


@pytest.mark.parametrize(
    "change", [lambda text: text[:8] + "\n" + text[8:], lambda text: "!!!!" + text, lambda text: text + "="]
)
def test_characters_that_base64_does_not_have_are_not_passed_over(change):
    with pytest.raises(ObjectAttributeError, match="is no base64"):
        SeekTable.from_base64(change(regular().to_base64()))


def test_boxes_that_cannot_be_read_are_named_so():
    for data in (b"\0\0\0\x04mfra", b"\0\0\1\0mfra"):
        with pytest.raises(ObjectAttributeError, match="is no mfra box: "):
            SeekTable.from_base64(base64.b64encode(data).decode())
    for data in (b"", b"\0\0\0\x08free", build_boxes((regular().to_mfra(), regular().to_mfra()))):
        with pytest.raises(ObjectAttributeError, match="not one mfra box"):
            SeekTable.from_base64(base64.b64encode(data).decode())
