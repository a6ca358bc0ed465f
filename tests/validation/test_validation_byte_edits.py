"""The byte edits change what they say, in buckets in which nothing is wrong before."""

import byte_edits
import pytest
from byte_edits import Bucket, bucket

from onvif_bmff.validation import RULES, validate_store

EDITS = byte_edits.load()
LATER = {"ANX-B.8.1-04", "ANX-B.8.2-12"}
"""Requirements that the validator has no rule for yet."""


@pytest.mark.parametrize("name", sorted({one.base for one in EDITS}))
def test_the_buckets_are_valid_before(name):
    assert list(validate_store(Bucket(bucket(name)))) == []


def test_every_edit_changes_its_bucket():
    for one in EDITS:
        objects = bucket(one.base)
        one.change(objects)
        assert objects != bucket(one.base), str(one)


def test_the_names_are_different():
    assert len({(str(one), one.rule) for one in EDITS}) == len(EDITS)


def test_the_edits_are_of_all_rules():
    """Each rule has an edit that breaks it."""
    assert {one.rule for one in EDITS} - LATER <= set(RULES)
    assert set(RULES) - {one.rule for one in EDITS} == set()
