"""A recorder that is killed, and one recovery: a slice of ``python -m tests.long kills``."""

from pathlib import Path

import pytest
from long_kills import KINDS, kill_one


@pytest.mark.no_cover
@pytest.mark.parametrize("delay", [0.03, 0.12, 0.3])
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_killed_recorder_leaves_a_bucket_that_one_recovery_makes_whole(
    tmp_path: Path, kind: str, delay: float
) -> None:
    assert kill_one(kind, tmp_path, delay) in ("killed at work", "killed before it began", "finished before")
