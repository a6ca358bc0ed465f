"""Content keys that are not what they were are never used, and nothing else suffers; databases of earlier versions."""

import json
import logging
import shutil
import sqlite3
from pathlib import Path
from uuid import UUID

import pytest
from control_kit import (
    KEY,
    KID,
    OTHER_KID,
    asymmetric,
    automatic,
    encrypted,
    entry,
    job,
    recording,
    resources,
    service,
    target,
)

from onvif_bmff.control import BadConfiguration, MemoryPersistence
from onvif_bmff.control.content_keys import key_check_value
from onvif_bmff.errors import MissingKeyError
from onvif_bmff.storage.sqlite import SqlitePersistence

OTHER_KEY = bytes(range(100, 116))
MADE = Path(__file__).resolve().parents[1] / "data" / "control-333ccfc"
OLD_KIDS = [f"0123abcd-0000-4000-8000-0000000000{number:02x}" for number in range(8)]
OLD_KEYS = [bytes(range(number, number + 16)) for number in range(8)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.db"


def prefixed(prefix, *entries):
    return recording(target(prefix=prefix, encryption=entries))


def change(path, script):
    """Change a database behind the back of everyone."""
    persistence = SqlitePersistence(path)
    persistence._connection.executescript(script)
    persistence.close()


def flipped(key):
    return bytes([key[0] ^ 1, *key[1:]])


# ---- check values ------------------------------------------------------------------------------------------


def test_a_check_value_tells_a_key_and_its_identifier_and_nothing_more():
    kid = UUID(KID)
    value = key_check_value(kid, KEY)
    assert value == key_check_value(kid, bytes(KEY)) != key_check_value(UUID(OTHER_KID), KEY)
    assert len(bytes.fromhex(value)) == 4, "of 128 bits at most 32 are told"
    for bit in range(128):
        damaged = (int.from_bytes(KEY, "big") ^ 1 << bit).to_bytes(16, "big")
        assert key_check_value(kid, damaged) != value


def test_check_values_are_kept_with_the_recording_and_keys_are_not(path):
    persistence = SqlitePersistence(path)
    made = service(persistence=persistence)
    token = made.create_recording(encrypted(entry()))
    documents, secrets = persistence.load()
    checks = json.loads(documents[f"recording/{token}"])["key_checks"]
    assert checks == [{"kid": KID, "value": key_check_value(UUID(KID), KEY)}]
    assert secrets == {f"{token}/{KID}": KEY}
    assert KEY.hex() not in json.dumps(made.snapshot()).lower()
    made.set_recording_configuration(token, recording(target()))
    assert "key_checks" not in json.loads(persistence.load()[0][f"recording/{token}"])
    made.close()


# ---- damage ------------------------------------------------------------------------------------------------

DAMAGES = {
    "a bit of the key": "UPDATE secret SET body = x'{flipped}' WHERE name = '{name}'",
    "another key, whole and with a digest": (
        "UPDATE secret SET body = x'{flipped}', digest = row_digest('secret', name, x'{flipped}') WHERE name = '{name}'"
    ),
    "a key too short, with a digest": (
        "UPDATE secret SET body = x'00', digest = row_digest('secret', name, x'00') WHERE name = '{name}'"
    ),
    "the digest": "UPDATE secret SET digest = x'00' WHERE name = '{name}'",
    "no digest": "UPDATE secret SET digest = x'' WHERE name = '{name}'",
    "the name": "UPDATE secret SET name = 'x' || name WHERE name = '{name}'",
    "a name that is no text": "UPDATE secret SET name = CAST(x'fffe' AS TEXT) WHERE name = '{name}'",
    "the row": "DELETE FROM secret WHERE name = '{name}'",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_key_is_not_used_and_told_and_all_else_goes_on(path, damage, caplog):
    made = service(persistence=SqlitePersistence(path))
    first = made.create_recording(prefixed("first", entry()))
    second = made.create_recording(prefixed("second", entry(kid=OTHER_KID, key=OTHER_KEY)))
    third = made.create_recording(prefixed("third"))
    before = made.snapshot()
    made.close()
    change(path, damage.format(name=f"{first}/{KID}", flipped=flipped(KEY).hex()))

    with caplog.at_level(logging.ERROR, "onvif_bmff"):
        made = service(persistence=SqlitePersistence(path))
    told = [record.getMessage() for record in caplog.records if record.name == "onvif_bmff.control.state"]
    (line,) = told
    assert f"the content key {KID} of recording {first} is missing or damaged" in line
    assert KEY.hex() not in caplog.text
    assert flipped(KEY).hex() not in caplog.text
    assert made.snapshot() == before
    plans = made.device_side.plans().recordings
    assert {token: plan.keys for token, plan in plans.items()} == {
        first: {},
        second: {OTHER_KID: OTHER_KEY},
        third: {},
    }
    with pytest.raises(MissingKeyError):
        made.device_side.content_key(first, KID)
    assert made.device_side.content_key(second, OTHER_KID) == OTHER_KEY

    # A client that reads, changes and writes back is told; one that gives the key again sets all right.
    with pytest.raises(BadConfiguration, match="no key is given"):
        made.set_recording_configuration(first, prefixed("first", entry(key=None)))
    made.set_recording_configuration(third, prefixed("third", entry(kid=OTHER_KID, key=OTHER_KEY)))
    made.set_recording_configuration(first, prefixed("first", entry()))
    assert made.device_side.content_key(first, KID) == KEY
    made.close()
    caplog.clear()
    made = service(persistence=SqlitePersistence(path))
    assert made.device_side.content_key(first, KID) == KEY
    assert not [record for record in caplog.records if record.name == "onvif_bmff.control.state"]
    made.close()


@pytest.mark.parametrize("way", ["another key", "no encryption", "deleted", "track"])
def test_a_damaged_key_goes_when_nobody_uses_it_any_more(path, way):
    made = service(persistence=SqlitePersistence(path))
    token = made.create_recording(encrypted(entry(track=("AUDIO001",)), entry(kid=OTHER_KID, track=("VIDEO001",))))
    name = f"{token}/{KID}"
    made.close()
    change(path, f"UPDATE secret SET body = x'{flipped(KEY).hex()}' WHERE name = '{name}'")
    made = service(persistence=SqlitePersistence(path))
    if way == "another key":
        made.set_recording_configuration(token, encrypted(entry(kid=OTHER_KID, key=OTHER_KEY)))
    elif way == "no encryption":
        made.set_recording_configuration(token, recording(target()))
    elif way == "deleted":
        made.delete_recording(token)
    else:
        made.delete_track(token, "AUDIO001")
    made.close()
    with sqlite3.connect(path) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM secret")]
    connection.close()
    assert name not in names
    assert flipped(KEY) not in path.read_bytes()
    service(persistence=SqlitePersistence(path)).close()


def test_a_key_that_changes_in_memory_is_not_used():
    made = service()
    token = made.create_recording(encrypted(entry()))
    made._runner.state.secrets[f"{token}/{KID}"] = flipped(KEY)
    assert made.device_side.plans().recordings[token].keys == {}
    with pytest.raises(MissingKeyError):
        made.device_side.content_key(token, KID)


def test_a_store_of_any_other_kind_is_checked_too():
    persistence = MemoryPersistence()
    made = service(persistence=persistence)
    token = made.create_recording(encrypted(entry()))
    persistence.secrets[f"{token}/{KID}"] = flipped(KEY)
    made = service(persistence=persistence)
    assert made.device_side.plans().recordings[token].keys == {}
    made.delete_recording(token)
    assert persistence.secrets == {}


# ---- databases of earlier versions -------------------------------------------------------------------------


def old(name, tmp_path):
    """A copy of a database that commit 333ccfc made, with its log if it has one."""
    for end in ("", "-wal"):
        source = MADE / f"{name}.db{end}"
        if source.exists():
            shutil.copyfile(source, tmp_path / f"{name}.db{end}")
            (tmp_path / f"{name}.db{end}").chmod(0o600)
    return tmp_path / f"{name}.db"


def from_old(path):
    return service(
        persistence=SqlitePersistence(path),
        resources=resources(storages={"s3", "nas"}, certificates={"viewer"}, profiles={"cam"}),
    )


@pytest.mark.requirement("REC-5.2-01")
@pytest.mark.parametrize("name", ["keys", "places"])
def test_a_database_of_333ccfc_opens_with_all_that_is_in_it(name, tmp_path):
    path = old(name, tmp_path)
    expected = json.loads((MADE / "expected.json").read_text())[name]
    persistence = SqlitePersistence(path)
    documents, secrets = persistence.load()
    assert documents == expected["documents"]
    assert {key: body.hex() for key, body in secrets.items()} == expected["secrets"]
    persistence.close()
    made = from_old(path)
    snapshot = made.snapshot()
    assert snapshot.keys() == expected["documents"].keys()
    for key, document in snapshot.items():
        document.pop("key_checks", None)
        assert document == json.loads(expected["documents"][key])
    made.close()


def test_keys_of_333ccfc_get_check_values_at_once(tmp_path):
    path = old("keys", tmp_path)
    made = from_old(path)
    held = {kid: key for plan in made.device_side.plans().recordings.values() for kid, key in plan.keys.items()}
    assert held == dict(zip(OLD_KIDS[:3], OLD_KEYS[:3], strict=True))
    made.close()
    persistence = SqlitePersistence(path)
    documents, secrets = persistence.load()
    persistence.close()
    checks = [
        (check["kid"], check["value"])
        for name, text in documents.items()
        if name.startswith("recording/")
        for check in json.loads(text).get("key_checks", ())
    ]
    pairs = zip(OLD_KIDS[:3], OLD_KEYS[:3], strict=True)
    assert sorted(checks) == [(kid, key_check_value(UUID(kid), key)) for kid, key in pairs]
    assert len(secrets) == 3
    copy = path.with_name("keys.db.v1")
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_database_of_333ccfc_whose_process_was_killed_opens_with_its_log(tmp_path):
    made = from_old(old("killed", tmp_path))
    (found,) = made.get_recordings()
    assert made.device_side.content_key(found.recording_token, OLD_KIDS[0]) == OLD_KEYS[0]
    made.close()


def test_check_values_that_cannot_be_stored_yet_are_made_all_the_same(tmp_path):
    """A disk that is full when a new version starts for the first time."""
    persistence = MemoryPersistence()
    made = service(persistence=persistence)
    token = made.create_recording(encrypted(entry()))
    made.create_recording(prefixed("b", asymmetric()))
    made.create_recording_job(job(token, automatic()))
    name = f"recording/{token}"
    document = json.loads(persistence.documents[name])
    del document["key_checks"]
    persistence.documents[name] = json.dumps(document)

    class Full(MemoryPersistence):
        def commit(self, documents, secrets):
            from onvif_bmff.errors import PersistenceError

            raise PersistenceError("disk full")

    full = Full()
    full.documents, full.secrets = persistence.documents, persistence.secrets
    assert service(persistence=full).device_side.content_key(token, KID) == KEY
    assert "key_checks" not in persistence.documents[name]
    assert service(persistence=persistence).device_side.content_key(token, KID) == KEY
    assert "key_checks" in persistence.documents[name]
