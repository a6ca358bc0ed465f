"""A slice of the sweeps (``python -m tests.simulate sweep`` runs all), and faults of our own, which they must find."""

import pytest

from onvif_bmff.storage import DirectoryStore
from tests.simulate import disk, sweeps
from tests.simulate.disk import LOSSES, Fault, Loss
from tests.simulate.sweeps import SCENARIOS, Case, World, cases, run_case, run_sweeps

STRIDE = 101
"""A prime, so that a slice has all kinds of faults at operations all over the run."""


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_failure_and_no_power_cut_breaks_a_store(name):
    report = run_sweeps([name], STRIDE, offset=list(SCENARIOS).index(name))
    assert report.findings == []
    assert report.runs[name] >= 20


def test_every_kind_of_fault_and_loss_takes_effect():
    report = run_sweeps(["seal"], 11)
    missed = {*Fault, *LOSSES} - {Fault.SLOW} - set(report.hits)
    assert missed == set()


def test_all_operations_and_kinds_have_a_case():
    found = cases(SCENARIOS["seal"])
    assert {case.at for case in found} == set(range(1, max(case.at for case in found) + 1))
    assert {case.fault for case in found if case.lasting} == set(Fault) - {Fault.SLOW}
    assert {case.loss for case in found} == {None, *LOSSES}


def test_a_case_gives_the_same_again():
    case = Case("record CMAF", 150, loss=Loss.MIXED, seed=3)
    first, second = (run_case(SCENARIOS["record CMAF"], case) for _ in range(2))
    assert (first.simulation.hits, first.disk.operations) == (second.simulation.hits, second.disk.operations)


# ---- controls: each of these faults of ours is found ---------------------------------------------------------


def found(name, wanted):
    """What power cuts of a kind find, at every third operation."""
    scenario = SCENARIOS[name]
    some = [case for case in cases(scenario) if case.seed == 0 and wanted(case)]
    return [finding for case in some[::3] for finding in run_case(scenario, case).findings]


def test_names_that_are_not_synced_are_found(monkeypatch):
    monkeypatch.setattr("onvif_bmff.storage.tree.Tree.sync", lambda tree, folder: None)
    assert any("was acknowledged" in one for one in found("record CMAF", lambda case: case.loss is Loss.NAMES))


def test_bytes_that_are_not_synced_are_found(monkeypatch):
    sync = disk.SimulatedDisk.sync
    monkeypatch.setattr(disk.SimulatedDisk, "sync", lambda one, node: node.is_folder and sync(one, node))
    assert found("record CMAF", lambda case: case.loss is Loss.ZEROS)


def test_an_object_that_is_replaced_in_two_steps_is_found(monkeypatch):
    give_name = DirectoryStore._name

    def delete_first(store, file, folder, name, *, replacing):
        if replacing:
            store._system.unlink(name, dir_fd=folder)
        give_name(store, file, folder, name, replacing=False)

    monkeypatch.setattr(DirectoryStore, "_name", delete_first)
    assert any("neither the old nor the new" in one for one in found("seal", lambda case: case.loss is Loss.NONE))


def test_an_error_that_is_not_ours_and_a_file_that_stays_open_are_found(monkeypatch):
    monkeypatch.setattr("onvif_bmff.storage.directory_writer.failures", lambda *given, **more: World())
    monkeypatch.setattr(World, "__enter__", lambda world: None, raising=False)
    monkeypatch.setattr(World, "__exit__", lambda world, *error: None, raising=False)
    left = found("seal", lambda case: case.fault is Fault.BROKEN and not case.lasting)
    assert any("not an error of the library" in one for one in left)


def test_what_is_stored_twice_or_was_never_recorded_is_found():
    world = World()
    sweeps.record(world, world.store(), sweeps._events("CMAF"))
    store = world.store()
    key = next(iter(store.keys()))
    for copy in (key, key.replace("/15/", "/16/")):
        writer = store.open_writer(copy, content_type="video/mp4", overwrite=True)
        writer.append(store.get(key).replace(b"\x04\x04\x04", b"\x07\x07\x07"))
        writer.seal(store.head(key).attributes)
    sweeps._examine_recording(world, "CMAF")
    assert any("stored more than once" in one for one in world.findings)


def test_appends_that_are_not_durable_are_found(monkeypatch):
    monkeypatch.setattr(World, "store", lambda world, **more: world.disk.store(world.process))
    name = "record MP4, durable appends"
    assert any("durable fragments are gone" in one for one in found(name, lambda case: case.loss is Loss.ALL))
