"""A slice of the sweeps over the operations of the recording service, and faults of ours that they must find."""

import pytest

from onvif_bmff.control.operations.catalogue import OPERATIONS_26_06
from onvif_bmff.storage.sqlite import SqlitePersistence
from tests.simulate.disk import Loss
from tests.simulate.sweeps import cases, run_case, run_sweeps, scenarios

pytest.importorskip("apsw", reason="apsw is missing, which the extra dev has")
from tests.simulate.service_sweeps import OPERATIONS, ServiceWorld

STRIDE = 37


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_done_or_not_and_done_if_it_was_acknowledged(name):
    report = run_sweeps([name], STRIDE, offset=list(OPERATIONS).index(name))
    assert report.findings == []
    assert report.runs[name] >= 7
    assert name in scenarios()


def test_every_operation_that_changes_something_is_there():
    changing = {name for name in OPERATIONS_26_06 if not name.startswith(("Get", "List"))}
    assert {f"service: {name}" for name in changing} | {"service: start"} == set(OPERATIONS)


def test_operations_that_read_do_not_touch_the_disk():
    world = ServiceWorld()
    OPERATIONS["service: CreateTrack"].prepare(world)
    before = world.disk.operations
    service, tokens = world.service, world.tokens
    service.get_recordings()
    service.get_recording_jobs()
    service.get_recording_options(tokens["recording"])
    service.get_recording_configuration(tokens["recording"])
    service.get_track_configuration(tokens["recording"], "VIDEO001")
    service.get_recording_job_configuration(tokens["job"])
    service.get_recording_job_state(tokens["job"])
    service.get_export_recorded_data_state(tokens["export"])
    service.get_service_capabilities()
    assert world.disk.operations == before
    service.close()


def found(loss):
    """What power cuts at each operation of one scenario find."""
    scenario = OPERATIONS["service: SetRecordingConfiguration"]
    some = [case for case in cases(scenario) if case.loss is loss]
    return [finding for case in some for finding in run_case(scenario, case).findings]


def test_a_commit_that_is_acknowledged_before_it_is_durable_is_found(monkeypatch):
    plain = SqlitePersistence._open

    def careless(persistence):
        plain(persistence)
        persistence._connection.execute("PRAGMA synchronous = OFF")

    monkeypatch.setattr(SqlitePersistence, "_open", careless)
    assert any("it was acknowledged, and is undone" in one for one in found(Loss.DATA))


def test_a_configuration_without_its_key_is_found(monkeypatch):
    def half(persistence, documents, secrets):
        for changes in ((documents, {}), ({}, secrets)):
            with persistence._transaction():
                persistence._write("document", changes[0])
                persistence._write("secret", changes[1])

    monkeypatch.setattr(SqlitePersistence, "commit", half)
    assert any("keys do not fit the recordings" in one for one in found(Loss.NONE))
