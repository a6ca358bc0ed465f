"""A device without a battery, which begins in 1970 whenever it is switched on: it waits until its clock is set."""

from dataclasses import replace

import pytest

from tests.simulate.run import simulate
from tests.simulate.scenario import CLOCK_AT_1970, draw


# 4: a recovery that began in 1970 took all spans for later than its start, and ended none of them
@pytest.mark.parametrize("seed", [1, 4, 5012])
def test_nothing_is_found_with_clocks_that_begin_in_1970(seed):
    plan = draw(seed, 400.0)
    outcome = simulate(replace(plan, kinds=plan.kinds | {CLOCK_AT_1970, "restart"}))
    assert outcome.findings == []
    assert outcome.hits[CLOCK_AT_1970]
    assert outcome.samples
