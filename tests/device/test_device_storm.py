"""Operations of many threads on a device that records; the long run is ``python -m tests.long operations-storm``."""

from long_operations_storm import is_wrong, storm


def test_a_storm_of_operations_leaves_nothing_open(tmp_path):
    found = storm(4, 4, 2.0, tmp_path, seed=1)
    assert not is_wrong(found), found
    assert found["operations"] > 30
