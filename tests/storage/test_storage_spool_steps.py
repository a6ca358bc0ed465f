"""SIGKILL at system calls of a recorder behind a spool; more by ``python -m tests.long spool-kills``."""

from random import Random

from storage_spool_steps import killed_at_steps


def test_kills_at_each_step(tmp_path):
    chance = Random(1)
    kills, said, drops = killed_at_steps(tmp_path, [chance.randrange(40, 500) for _ in range(8)], 1)
    assert kills > 4
    assert said > 30
    assert drops > 0
