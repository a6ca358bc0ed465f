"""The device's vectors: behind a database they go on over a restart, and never come again, whatever is restored."""

import shutil
from uuid import UUID

import pytest
from device_kit import configuration, fast_device, faults, job, profile_source, sealed, until

from onvif_bmff.bmff import SampleEncryptionBox, TrackEncryptionBox, parse_boxes
from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CencIvAllocators
from onvif_bmff.control import RecordingEncryption
from onvif_bmff.storage import iv_store
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.sqlite import SqlitePersistence

KID, KEY = "0123abcd-0000-4000-8000-0000000000ff", bytes(range(16))
BLOCK = 1 << 20


@pytest.fixture
def database(tmp_path, monkeypatch):
    """Where the model lies, on a machine of which all is known."""
    for name in ("_MACHINE_ID", "_BOOT_ID"):
        (tmp_path / name).write_text(name)
        monkeypatch.setattr(iv_store, name, tmp_path / name)
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(iv_store, "_IN_MEMORY", tmp_path / "memory")
    return tmp_path / "control.db"


def run(database, **options):
    """Record some audio in a process of its own, so to speak; the numbers of the vectors in the order of use."""
    store, persistence = MemoryStore(), SqlitePersistence(database) if database else None
    with fast_device({"s3": store}, persistence=persistence, **options) as device:
        service = device.service
        if not service.get_recordings():
            entry = RecordingEncryption("CENC", KID, KEY)
            token = service.create_recording(configuration(encryption=(entry,)))
            service.create_recording_job(job(token, profile_source("AUDIO001")))
        until(lambda: len(sealed(store)) >= 2)
    assert faults(store) == []
    used = []
    for key in sorted(sealed(store)):
        boxes = [box for top in parse_boxes(store.get(key)) for _, box in top.walk()]
        (size,) = {box.default_per_sample_iv_size for box in boxes if isinstance(box, TrackEncryptionBox)}
        for box in boxes:
            if isinstance(box, SampleEncryptionBox):
                used += [int.from_bytes(box.data[at : at + size], "big") for at in range(0, len(box.data), size)]
    assert len(used) > 20
    assert used == [(used[0] + number) % 2 ** (8 * size) for number in range(len(used))]
    return used


@pytest.mark.requirement("ANX-B.8-08")
def test_a_restart_goes_on_and_a_restored_state_begins_anew(database, tmp_path):
    used = run(database)
    assert database.with_name("control.db.ivs").exists()
    shutil.copytree(tmp_path, tmp_path / "backup", ignore=shutil.ignore_patterns("backup", "memory"))
    again = run(database)
    assert again[0] == (used[0] + BLOCK) % 2**64
    for name in ("control.db", "control.db.ivs"):  # over the files that are there, as cp does it
        shutil.copyfile(tmp_path / "backup" / name, tmp_path / name)
    restored = run(database)
    assert len({*used, *again, *restored}) == len(used) + len(again) + len(restored)
    (tmp_path / "_BOOT_ID").write_text("the next one")
    rebooted = run(database)
    assert not {*used, *again, *restored} & {*rebooted}
    assert rebooted[0] != (restored[0] + BLOCK) % 2**64


def test_the_sources_of_vectors_can_be_given(database):
    given = IvSources(CencIvAllocators(random=lambda size: bytes(size)))
    allocated = given.cenc.for_key(UUID(KID)).take(5)
    assert run(database, ivs=given)[0] == 5 == len(allocated)
    assert not database.with_name("control.db.ivs").exists()


def test_without_a_database_they_begin_at_random():
    assert not set(run(None)) & set(run(None))
