"""A fixed slice of the golden records; ``python tests/golden/golden_records.py --check`` makes them all."""

import golden_records
import pytest


@pytest.mark.parametrize("kind", sorted({name.partition("/")[0] for name in golden_records.in_ci()}))
def test_records_are_what_they_were(kind):
    wanted = [name for name in golden_records.in_ci() if name.startswith(f"{kind}/")]
    assert list(golden_records.differing(wanted)) == []


def test_every_record_is_kept():
    assert list(golden_records.kept()) == golden_records.names()


def test_a_difference_is_noticed(monkeypatch):
    """A check that cannot fail would be worth nothing."""
    name = golden_records.in_ci()[0]
    digest, counts = golden_records.kept()[name]
    monkeypatch.setattr(golden_records, "kept", lambda: {name: (digest[::-1], counts)})
    assert len(list(golden_records.differing([name]))) == 1
