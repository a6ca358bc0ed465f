"""'roll' groups of a traf."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.bmff import Columns, SampleGroupDescriptionBox, SampleTableBox, SampleToGroupBox, TrackFragmentBox
from onvif_bmff.bmff import TrackFragmentHeaderBox as Header
from onvif_bmff.demux.roll_starts import starts_in


def described(*distances, **fields):
    data = b"".join(one.to_bytes(2, "big", signed=True) for one in distances)
    given_fields = {"version": 1, "grouping_type": "roll", "default_length": 2, "entry_count": len(distances)} | fields
    return SampleGroupDescriptionBox(descriptions=data, **given_fields)


def groups(*rows, kind="roll"):
    lengths, indexes = zip(*rows, strict=True)
    entries = Columns(len(rows), sample_count=list(lengths), group_description_index=list(indexes))
    return SampleToGroupBox(grouping_type=kind, entries=entries)


def traf(*boxes):
    return TrackFragmentBox(children=(Header(track_id=1), *boxes))


LOCAL = 0x10000


@pytest.mark.parametrize(
    ("boxes", "starts"),
    [
        ((), set()),
        ((groups((2, 0), (1, LOCAL + 1), (3, 0), (2, LOCAL + 2)), described(5, 7)), {2, 6, 7}),
        ((groups((2, 0), (1, LOCAL + 1)), described(-1)), set()),  # as with sound
        ((groups((2, 0), (1, LOCAL + 1), kind="prol"), described(5)), set()),
        ((groups((1, LOCAL + 2), (1, LOCAL), (1, 9)), described(5)), set()),
        ((groups((1, LOCAL + 1)), described(5, entry_count=9)), {0}),
        ((groups((1, LOCAL + 1)), described(5, version=0, default_length=None)), set()),
        ((groups(((1 << 32) - 1, LOCAL + 1)), described(5)), set(range(20))),
    ],
)
def test_starts(boxes, starts):
    assert starts_in(traf(*boxes), None, 20) == starts


def test_groups_of_the_movie():
    table = SampleTableBox(children=(described(-1, 4),))
    assert starts_in(traf(groups((1, 1), (1, 2), (1, LOCAL + 1))), table, 3) == {1}


@given(
    st.lists(st.tuples(st.integers(0, (1 << 32) - 1), st.integers(LOCAL - 2, LOCAL + 4)), min_size=1, max_size=9),
    st.lists(st.integers(-5, 5), max_size=4),
    st.integers(0, 50),
)
def test_only_samples_that_are_there(rows, distances, count):
    found = starts_in(traf(groups(*rows), described(*distances)), SampleTableBox(children=()), count)
    assert all(0 <= one < count for one in found)
