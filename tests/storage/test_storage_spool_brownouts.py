"""Power is lost again and again within the first seconds after each start: in the middle of a spool's own recovery."""

import pytest
from storage_spool_world import World

from onvif_bmff.recovery import recover_store
from onvif_bmff.storage import SpooledStore
from tests.simulate.disk import LOSSES
from tests.simulate.runtime import Crashed

PLACES = [("site", "cam-1"), ("site", "cam-2")]
SECONDS = 3.0


class BrownOuts(World):
    """Processes that record and are killed; then starts that are cut short, as the line is down; then all is uploaded.

    ``costs`` are steps of the disk of the starts that nothing cut short; ``files`` is how many files and folders there
    were before the first one, and after each of these. ``cut`` counts the others. The first and the last are whole.
    """

    def __init__(self, seed, starts):
        super().__init__(seed, segments=8, full=False)
        self._can_crash = True
        self._starts = starts
        self.costs, self.files, self.cut = [], [], 0

    def _drain(self):
        chance = self.simulation.chance
        self.bucket.outages = [(0.0, 1e12)]
        self.files.append(names_below(self._disk.root))
        self._start(None)
        for _ in range(self._starts):
            # Most of them somewhere in what a whole start does, the others as soon as it is at work.
            self._start(chance.randrange(1, self.costs[0] + 1) if chance.random() < 0.8 else None)
        self._start(None)
        super()._drain()

    def _start(self, steps):
        """Start, recover, and lose power: after some steps of the disk, or seconds after all that."""
        simulation, disk, began = self.simulation, self._disk, self._disk.operations
        disk.faults.crash_at = steps and began + steps
        try:
            process, *_, store = self._begin(self._policy)
            recover_store(store, places=PLACES, exclusive=True)
            self.costs.append(disk.operations - began)
            self.files.append(names_below(disk.root))
            simulation.sleep(simulation.chance.random() * SECONDS)
            simulation.crash(process)
        except Crashed:
            self.cut += 1
        disk.faults.crash_at = None
        disk.crash(simulation.chance.choice(LOSSES))


def names_below(folder):
    return sum(1 + names_below(node) for node in folder.names.values())


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_and_nothing_grows_in_brown_outs(seed):
    world = BrownOuts(seed, 25).run()
    assert world.cut >= 5
    assert len(world.costs) >= 2
    # A power cut may bring back the name of a file that was removed before; nothing is added for each start.
    assert max(world.files) <= world.files[0] + 6
    assert max(world.costs) <= 50 * (world.files[0] + 1)


def test_a_spool_that_does_not_take_up_what_it_finds_is_noticed(monkeypatch):
    monkeypatch.setattr(SpooledStore, "_take_up", lambda store: None)
    with pytest.raises(AssertionError):
        BrownOuts(1, 3).run()
