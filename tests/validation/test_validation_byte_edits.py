"""The byte edits change what they say, in buckets in which nothing is wrong before, and the validator reports them."""

import byte_edits
import pytest
from byte_edits import Bucket, bucket, findings_in
from byte_edits_store import BOTH, rename, shifted, video

from onvif_bmff.validation import RULES, Level, validate_store

EDITS = byte_edits.load()
OTHER_RULE = {
    "a key an hour too late": "ANX-B.4-11",  # it looks like a segment of a span whose others are lost
    "an end two behind": "ANX-B.4-11",  # it looks like a lost segment
    "no stsd": "ANX-B.3-08",
    "no tracks": "ANX-B.9.2-01",
}
"""Edits that are reported by another rule than the list names: why, where it is not chance."""
SILENT = {
    "sinf twice",  # ISO/IEC 14496-12, 8.12.1 allows several; the list was wrong
    "slice headers of a later picture encrypted in cbcs",  # only the first picture of a fragment is parsed
}
"""Edits that are not reported."""


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
    assert {one.rule for one in EDITS} <= set(RULES)
    assert set(RULES) - {one.rule for one in EDITS} == set()


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_an_edit_is_reported(edit):
    found = {one.rule for one in findings_in(edit)}
    if edit.name in SILENT:
        assert found == set()
    else:
        assert OTHER_RULE.get(edit.name, edit.rule) in found


def test_the_exceptions_are_few():
    """At least 97 of 100 edits are reported, 95 by the rule of the list."""
    silent = sum(one.name in SILENT for one in EDITS)
    other = sum(one.name in OTHER_RULE for one in EDITS)
    assert silent < 0.03 * len(EDITS)
    assert silent + other < 0.05 * len(EDITS)


def test_a_lost_segment_is_one_finding():
    lost = [one for one in EDITS if one.name.startswith("a lost ")]
    assert len(lost) == 5
    assert [len(findings_in(one)) for one in lost] == [1] * 5


@pytest.mark.requirement("ANX-B.4-05")
@pytest.mark.parametrize(
    ("off", "level"),
    [(130_000, Level.ERROR), (-130_000, Level.ERROR), (99_000, Level.NOTE), (-99_000, Level.NOTE)],
)
@pytest.mark.parametrize("base", BOTH.split())
def test_a_recorder_may_follow_a_clock_by_a_tenth_of_a_second(base, off, level):
    objects = bucket(base)
    key = video(objects, "")[1]
    rename(objects, key, shifted(key, off))
    found = [one for one in validate_store(Bucket(objects)) if one.rule == "ANX-B.4-05"]
    assert found
    assert {one.level for one in found} == {level}
