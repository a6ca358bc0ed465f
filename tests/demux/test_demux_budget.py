"""What samples may claim of an object, to the last one and the last byte."""

import pytest

from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.errors import BoxError

PLACE = {"track_id": 7, "path": "/moof/traf/trun", "offset": 90}


def test_as_many_samples_as_bytes():
    budget = SampleBudget(100)
    budget.charge(60, 0, **PLACE)
    budget.charge(40, 0, **PLACE)
    with pytest.raises(BoxError, match="more samples than its 100 bytes") as refused:
        budget.charge(1, 0, **PLACE)
    assert (refused.value.path, refused.value.offset) == ("/moof/traf/trun", 90)
    assert "track 7" in str(refused.value)


def test_eight_times_the_bytes():
    budget = SampleBudget(100)
    for _ in range(8):
        budget.charge(1, 100, **PLACE)
    with pytest.raises(BoxError, match="over and over"):
        budget.charge(1, 1, **PLACE)


def test_what_is_not_used_up_is_left_for_what_comes():
    budget = SampleBudget()
    with pytest.raises(BoxError):
        SampleBudget().charge(1, 0, **PLACE)
    budget.allow(10)
    budget.charge(4, 10, **PLACE)
    budget.allow(10)
    budget.charge(16, 150, **PLACE)
    with pytest.raises(BoxError, match="20 bytes"):
        budget.charge(1, 0, track_id=1, path="", offset=None)
