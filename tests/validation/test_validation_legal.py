"""What other recorders may do as well has no findings."""

import pytest
from byte_edits import Bucket, bucket
from legal_variations import VARIATIONS

from onvif_bmff.validation import validate_store


@pytest.mark.parametrize("variation", VARIATIONS, ids=str)
def test_a_legal_variation_has_no_findings(variation):
    objects = bucket(variation.base)
    variation.change(objects)
    assert objects != bucket(variation.base)
    found = [f"{one.rule} {one.key} {one.message}" for one in validate_store(Bucket(objects))]
    assert found == []
