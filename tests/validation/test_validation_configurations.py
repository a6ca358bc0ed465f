"""A fixed slice of what ``python -m tests.long silent`` runs over thousands: recordings of random configurations."""

import pytest
from support_configurations import carry_out, configuration, examine

KNOWN = (
    13,
    76,
    173,
    224,
    319,
    324,
    347,
    390,
    454,
    469,
    482,
    558,
    565,
    677,
    712,
    799,
    820,
    867,
    1_000_107,
    1_000_232,
    1_000_673,
    1_000_681,
    1_001_702,
)
"""What once went wrong."""


@pytest.mark.requirement("ANX-B.1-05", "ANX-B.2-03", "ANX-B.3-04", "ANX-B.5-03")
@pytest.mark.parametrize("seed", [*KNOWN, *range(1_000_000, 1_000_060)])
def test_nothing_is_wrong_with_a_recording(seed):
    found = configuration(seed)
    assert examine(carry_out(found)) == [], found


def test_a_number_gives_the_same_bytes():
    """So that what is found once can be looked at again, and recordings be held to what they were."""
    for seed in (3, 5, 8):
        first, second = (carry_out(configuration(seed)).store for _ in range(2))
        names = list(first.keys())
        assert names == list(second.keys())
        assert [first.get(name) for name in names] == [second.get(name) for name in names]


def test_what_is_broken_is_noticed():
    """The examination would be worth little if it found nothing."""
    recorded = carry_out(configuration(4))
    names = list(recorded.store.keys())
    recorded.dropped["nothing"] += 1
    assert any("stored" in one for one in examine(recorded))
    recorded.store.delete(next(name for name in names if name.endswith("_end")))
    assert any("timeline" in one for one in examine(recorded))
