"""A slice of every fuzz target, on the kept corpus, on its own seeds and on mutants of them."""

import random
from pathlib import Path

import fuzz_targets
import pytest

from onvif_bmff.testing.mutator import Mutator

MUTANTS = 300
"""Of all seeds of a target together."""
CORPUS = Path(__file__).resolve().parents[1] / "corpus"


@pytest.mark.parametrize("name", fuzz_targets.TARGETS)
def test_every_seed_is_alive(name):
    """A target that refuses what it starts from looks at nothing but how it refuses."""
    seeds = fuzz_targets.SEEDS[name]
    assert seeds
    assert [number for number, seed in enumerate(seeds) if fuzz_targets.TARGETS[name](seed) is not True] == []


@pytest.mark.parametrize("name", fuzz_targets.TARGETS)
def test_what_is_no_seed_is_refused(name):
    """Or the test above would prove nothing."""
    assert fuzz_targets.TARGETS[name](b"\xff no seed") is False


@pytest.mark.parametrize("name", fuzz_targets.TARGETS)
def test_slice(name):
    target = fuzz_targets.TARGETS[name]
    for path in sorted(CORPUS.glob("*.bin")):
        target(path.read_bytes())
    seeds = fuzz_targets.SEEDS[name]
    for number, seed in enumerate(seeds):
        target(seed)
        for mutant in Mutator(seed, number).mutants(MUTANTS // len(seeds)):
            target(mutant)
    for size in range(100):
        target(random.Random(size).randbytes(size))
