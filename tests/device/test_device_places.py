"""A place for each recording: what the device refuses, and what it makes of a database that has two in one."""

import shutil
from pathlib import Path

import pytest
from device_kit import configuration, fast_device, faults, record, sealed, spans, state, until

from onvif_bmff.control import BadConfiguration, RecordingConfiguration
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.sqlite import SqlitePersistence

MADE = Path(__file__).resolve().parents[1] / "data" / "control-333ccfc"


@pytest.mark.requirement("REC-4.1.3-01")
def test_one_store_behind_two_tokens_is_one_place(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "bucket")
    memory = MemoryStore()
    stores = {
        "a": DirectoryStore(tmp_path / "bucket"),
        "b": DirectoryStore(tmp_path / "link"),
        "inside": DirectoryStore(tmp_path / "bucket" / "site"),
        "memory": memory,
        "same": memory,
        "other": MemoryStore(),
    }
    device = fast_device(stores, local=DirectoryStore(tmp_path / "bucket" / "local"))
    service = device.service
    record(service, "site/cam", storage="a")
    record(service, "cam", storage="memory")
    for storage, prefix in (("a", "site/cam"), ("b", "site/cam"), ("inside", "cam"), ("same", "cam"), ("b", "local/x")):
        with pytest.raises(BadConfiguration):
            service.create_recording(configuration(prefix, storage=storage))
    for storage, prefix in (("b", "cam"), ("inside", "site/cam"), ("other", "cam")):
        service.create_recording(configuration(prefix, storage=storage))
    service.create_recording(RecordingConfiguration())
    device.close()


@pytest.mark.requirement("REC-4.1.3-01")
def test_of_two_recordings_in_one_place_one_is_written_and_the_bucket_stays_whole(tmp_path, caplog):
    """From a database of 333ccfc, which accepted both."""
    path = tmp_path / "control.db"
    shutil.copyfile(MADE / "places.db", path)
    path.chmod(0o600)
    stores = {"s3": MemoryStore(), "nas": MemoryStore()}
    with fast_device(stores, persistence=SqlitePersistence(path)) as device:
        service = device.service
        jobs = [item.job_token for item in service.get_recording_jobs()]
        wanted = ["Active", "Error", "Active", "Active", "Error", "Active"]
        until(lambda: [state(service, job) for job in jobs] == wanted)
        until(lambda: len(sealed(stores["s3"], "cam/")) >= 4)
        second = service.get_recordings()[1].recording_token
        assert f"recording {second} is not written: Its storage, prefix and postfix are those of" in caplog.text
        service.set_recording_configuration(second, configuration("new"))
        until(lambda: state(service, jobs[1]) == "Active")
        until(lambda: len(sealed(stores["s3"], "new/")) >= 2)
    assert len(spans(stores["s3"], prefix="cam")) == 1
    for store, prefixes in ((stores["s3"], ("cam", "new", "alone")), (stores["nas"], ("cam",))):
        for prefix in prefixes:
            assert faults(store, prefix=prefix) == []


def test_storages_that_become_one_while_recording_stop_all_but_one():
    stores = {"a": MemoryStore(), "b": MemoryStore()}
    with fast_device(stores) as device:
        service = device.service
        first, second = record(service, storage="a")[1], record(service, storage="b")[1]
        until(lambda: state(service, first) == state(service, second) == "Active")
        stores["b"] = stores["a"]
        service.create_recording(configuration("more", storage="a"))  # anything that makes the device look again
        until(lambda: state(service, second) == "Error")
        assert state(service, first) == "Active"
    assert len(spans(stores["a"])) == 1
    assert faults(stores["a"]) == []
