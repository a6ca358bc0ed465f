"""For every rule there is a store that breaks it, and the validator finds that rule and, but for what it cannot help
finding besides, no other.
"""

from collections import defaultdict

import pytest
import validation_mutants_boxes
from validation_kit import base, rules_in
from validation_mutants import MUTANTS

from onvif_bmff.validation import RULES, Level, validate_store

assert validation_mutants_boxes.HEADER in RULES


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_broken_rule_is_found_and_no_other(mutant):
    store = base(mutant.base)
    mutant.breaks(store)
    found = set(rules_in(store))
    assert mutant.rule in found
    assert found == {mutant.rule} | mutant.besides


def test_every_rule_has_a_store_that_breaks_it():
    assert {mutant.rule for mutant in MUTANTS} == set(RULES)


def test_the_stores_that_are_broken_are_whole_before():
    for name in sorted({mutant.base for mutant in MUTANTS}):
        assert list(validate_store(base(name))) == []


def test_most_rules_are_found_alone():
    besides = defaultdict(set)
    for mutant in MUTANTS:
        besides[mutant.rule].add(not mutant.besides - {"ANX-B.2-05"})
    alone = {rule for rule, found in besides.items() if True in found}
    assert len(alone) > 0.85 * len(RULES)


@pytest.mark.parametrize("mutant", MUTANTS[::5], ids=str)
def test_findings_say_where(mutant):
    store = base(mutant.base)
    keys = set(store.keys())
    mutant.breaks(store)
    for finding in validate_store(store):
        assert finding.level is RULES[finding.rule].level
        assert finding.level in Level
        assert finding.key in keys | set(store.keys())
        assert finding.message
        if finding.offset is not None:
            assert 0 <= finding.offset <= store.head(finding.key).size
