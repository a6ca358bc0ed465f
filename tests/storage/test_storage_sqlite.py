"""The SQLite persistence by itself: durable, private, whole, and honest about damage."""

import os
import random
import shutil
import sqlite3
import stat
import subprocess

import pytest

from onvif_bmff.errors import PersistenceError
from onvif_bmff.storage.sqlite import MIGRATIONS, SqlitePersistence

KEY = bytes(range(16))

# Version 1 as it was first released; a database made by it must open for ever.
RELEASED_1 = """
PRAGMA application_id = 1868721510;
CREATE TABLE document (name TEXT PRIMARY KEY NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE secret (name TEXT PRIMARY KEY NOT NULL, body BLOB NOT NULL) STRICT;
INSERT INTO document VALUES ('recording/r1', '{"token":"r1","order":1,"configuration":{}}');
INSERT INTO secret VALUES ('r1/kid', x'000102030405060708090A0B0C0D0E0F');
PRAGMA user_version = 1;
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.db"


def made(path, documents=None, secrets=None):
    """A database with some content, closed."""
    persistence = SqlitePersistence(path)
    persistence.commit(documents or {"a": "1", "b": "2"}, secrets or {"s": KEY})
    persistence.close()
    return path


def released(path, script=RELEASED_1):
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    path.chmod(0o600)
    return path


def loaded(path, **kwargs):
    persistence = SqlitePersistence(path, **kwargs)
    try:
        return persistence.load()
    finally:
        persistence.close()


def refused(path, words):
    """The file is refused, in words, and left as it is."""
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(PersistenceError, match=words):
        loaded(path)
    assert (path.read_bytes() if path.exists() else None) == before


def test_what_is_committed_is_loaded(path):
    persistence = SqlitePersistence(path)
    assert persistence.load() == ({}, {})
    persistence.commit({"a": "1", "b": "é"}, {"s": KEY, "t": b""})
    persistence.commit({"a": None, "b": "3", "nobody": None}, {"t": None})
    assert persistence.load() == ({"b": "3"}, {"s": KEY})
    persistence.close()
    assert loaded(path) == ({"b": "3"}, {"s": KEY})
    assert KEY.hex() not in repr(persistence)


def test_settings_are_those_of_durability(path):
    persistence = SqlitePersistence(path)

    def pragma(name):
        return persistence._connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert (pragma("journal_mode"), pragma("synchronous"), pragma("secure_delete")) == ("wal", 2, 1)
    persistence.close()


def test_a_commit_is_all_or_nothing(path):
    persistence = SqlitePersistence(path)
    persistence.commit({"a": "1"}, {"s": KEY})
    with pytest.raises(PersistenceError, match="cannot be stored"):
        persistence.commit({"a": "2", "b": "2"}, {"s": "not bytes"})
    assert persistence.load() == ({"a": "1"}, {"s": KEY})
    with pytest.raises(PersistenceError):
        persistence.commit({"a": "2", "b": "\ud800"}, {})
    assert persistence.load() == ({"a": "1"}, {"s": KEY})
    persistence.close()
    with pytest.raises(PersistenceError):
        persistence.commit({"a": "2"}, {})
    with pytest.raises(PersistenceError):
        persistence.load()


def test_only_the_owner_can_read_it(path):
    previous = os.umask(0)
    try:
        persistence = SqlitePersistence(path)
        persistence.commit({"a": "1"}, {"s": KEY})
        files = list(path.parent.iterdir())
        assert {file.name for file in files} >= {"control.db", "control.db-wal"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        persistence.close()
    finally:
        os.umask(previous)
    path.chmod(0o640)
    refused(path, "chmod 600")


def test_a_deleted_key_leaves_no_trace(path):
    made(path, secrets={"s": b"\xfaUNMISTAKABLE\xfa"})
    assert b"UNMISTAKABLE" in path.read_bytes()
    persistence = SqlitePersistence(path)
    persistence.commit({}, {"s": None})
    persistence.close()
    assert b"UNMISTAKABLE" not in path.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["control.db"]


def test_nobody_else_can_open_it_meanwhile(path):
    persistence = SqlitePersistence(path)
    with pytest.raises(PersistenceError, match="locked"):
        SqlitePersistence(path)
    persistence.close()
    assert loaded(path) == ({}, {})


# ---- damage --------------------------------------------------------------------------------------------


def test_an_empty_file_is_damage_and_not_a_new_database(path):
    path.touch(mode=0o600)
    refused(path, "empty")


def test_a_log_without_its_database_is_damage(path):
    made(path)
    path.with_name("control.db-wal").touch(mode=0o600)
    path.unlink()
    refused(path, "gone")
    assert not path.exists()


def test_a_missing_directory_is_reported(path):
    with pytest.raises(PersistenceError, match="cannot be opened"):
        SqlitePersistence(path / "deeper" / "file")


def test_garbage_is_reported(path):
    path.write_bytes(b"not a database at all " * 300)
    path.chmod(0o600)
    refused(path, "not a database")


def test_a_database_of_another_program_is_reported(path):
    released(path, "CREATE TABLE t (a); PRAGMA user_version = 1;")
    with pytest.raises(PersistenceError, match="another program"):
        loaded(path)


@pytest.mark.parametrize("version", [0, len(MIGRATIONS) + 1, 999])
def test_a_schema_of_another_time_is_reported(path, version):
    released(path, RELEASED_1 + f"PRAGMA user_version = {version};")
    with pytest.raises(PersistenceError, match="schema"):
        loaded(path)


def damages(whole, chooser):
    """A file cut off, with bits flipped, with bytes, sectors and pages that are not what they were."""
    yield from (whole[:size] for size in range(512, len(whole), 1536))
    for number in range(200):
        body = bytearray(whole)
        if number % 4 == 0:
            for _ in range(chooser.randrange(1, 9)):
                body[chooser.randrange(len(whole))] ^= 1 << chooser.randrange(8)
        elif number % 4 == 1:
            at = chooser.randrange(len(whole))
            body[at : at + 64] = chooser.randbytes(len(body[at : at + 64]))
        elif number % 4 == 2:
            body[chooser.randrange(100)] = chooser.randrange(256)
        else:
            size = chooser.choice((512, 4096))
            to, of = (chooser.randrange(len(whole) // size) * size for _ in range(2))
            body[to : to + size] = whole[of : of + size] if chooser.random() < 0.5 else bytes(size)
        yield bytes(body)


def test_all_damage_is_reported_or_harmless_and_nothing_ever_opens_with_other_content(path):
    """A key that is damaged is missing; all else is what it was, or the file is refused."""
    documents = {f"name-{number:03}": "x" * 200 for number in range(40)}
    secrets = {f"key-{number:03}": bytes([number]) * 16 for number in range(240)}
    made(path, documents, secrets)
    whole = path.read_bytes()
    reported = missing = 0
    for body in damages(whole, random.Random(5)):
        broken = path.with_name("broken.db")
        for end in ("", "-wal", "-shm", "-journal"):
            path.with_name(f"broken.db{end}").unlink(missing_ok=True)
        broken.write_bytes(body)
        broken.chmod(0o600)
        try:
            documents_found, secrets_found = loaded(broken)
        except PersistenceError:
            reported += 1
            continue
        assert documents_found == documents
        assert secrets_found.items() <= secrets.items()
        missing += secrets_found != secrets
    assert reported > 60
    assert missing > 3


@pytest.mark.parametrize("table", ["document", "secret"])
@pytest.mark.parametrize("change", ["name = name || 'x'", "body = {}", "digest = x''", "digest = substr(digest, 2)"])
def test_a_row_that_does_not_fit_its_digest(path, table, change, caplog):
    made(path)
    persistence = SqlitePersistence(path)
    script = f"UPDATE {table} SET {change} WHERE name IN ('a', 's')".format("'2'" if table == "document" else "x'02'")
    persistence._connection.execute(script)
    persistence.close()
    if table == "document":
        refused(path, "is damaged")
    else:
        assert loaded(path) == ({"a": "1", "b": "2"}, {})
        assert "is damaged and will not be used" in caplog.text
        assert KEY.hex() not in caplog.text


def test_rows_are_not_taken_for_one_another(path):
    """What is whole, but lies under another name, is damage too."""
    made(path, secrets={"s": KEY, "t": bytes(16)})
    persistence = SqlitePersistence(path)
    persistence._connection.executescript(
        "CREATE TEMP TABLE held AS SELECT * FROM secret;"
        "UPDATE secret SET (body, digest) = (SELECT body, digest FROM held WHERE held.name != secret.name);"
    )
    persistence.close()
    assert loaded(path)[1] == {}


# ---- versions ------------------------------------------------------------------------------------------


def test_the_first_release_still_opens(path):
    documents, secrets = loaded(released(path))
    assert documents == {"recording/r1": '{"token":"r1","order":1,"configuration":{}}'}
    assert secrets == {"r1/kid": KEY}


def test_migration_goes_forward_and_keeps_a_private_copy(path):
    released(path)
    newer = (
        *MIGRATIONS,
        """
        UPDATE document SET body = replace(body, '"order":1', '"order":7');
        UPDATE document SET digest = row_digest('document', name, body);
        """,
    )
    documents, _ = loaded(path, migrations=newer)
    assert '"order":7' in documents["recording/r1"]
    copy = path.with_name("control.db.v1")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert '"order":1' in loaded(copy)[0]["recording/r1"]
    assert loaded(path, migrations=newer)[0] == documents
    refused(path, "schema 3")


def test_a_failed_migration_changes_nothing(path):
    released(path)
    broken = (*MIGRATIONS, "DELETE FROM document; INSERT INTO nowhere VALUES (1);")
    with pytest.raises(PersistenceError, match="nowhere"):
        loaded(path, migrations=broken)
    assert len(loaded(path)[0]) == 1
    assert loaded(path.with_name("control.db.v1"))[1] == {"r1/kid": KEY}


def test_a_new_database_has_all_versions(path):
    newer = (*MIGRATIONS, "CREATE TABLE more (a INTEGER) STRICT;")
    assert loaded(path, migrations=newer) == ({}, {})
    refused(path, "schema 3")


# ---- power cuts ----------------------------------------------------------------------------------------

SECTOR = 512


def mixed(chooser, old, new):
    """What a disk may hold if power fails while ``new`` is written over ``old``: each sector old or new."""
    sectors = []
    for start in range(0, max(len(old), len(new)), SECTOR):
        before, after = old[start : start + SECTOR], new[start : start + SECTOR]
        chosen = after if chooser.random() < 0.6 else before or bytes(len(after))
        sectors.append(chosen or before)
    body = b"".join(sectors)
    return body[: chooser.randrange(len(old), len(body) + 1)] if chooser.random() < 0.3 else body


@pytest.mark.requirement("REC-5.2-01", "REC-5.2-02")
def test_a_power_cut_loses_nothing_acknowledged_and_shows_nothing_half(path, tmp_path):
    """Cut at every commit: unsynced sectors of the log, then of the database, are dropped or kept at random.

    A commit syncs the log before it returns; a checkpoint writes to the database only what the synced log
    still holds. So at any moment the one file in motion may be any mixture of old and new sectors.
    """
    chooser = random.Random(7)
    persistence = SqlitePersistence(path)
    persistence._connection.execute("PRAGMA wal_autocheckpoint = 12")
    log = path.with_name("control.db-wal")
    held = tmp_path / "held"
    held.mkdir()

    def files():
        # by another process: closing a file that SQLite has open would drop its locks
        subprocess.run(["cp", str(path), str(log), str(held)], check=True)
        return (held / path.name).read_bytes(), (held / log.name).read_bytes()

    persistence.commit({"counter": "0"}, {})
    model, before = persistence.load(), files()
    cuts = 0
    for number in range(1, 45):
        documents = {"counter": str(number), f"doc-{number % 7}": str(number) * chooser.randrange(1, 3000)}
        documents[f"doc-{(number + 3) % 7}"] = None
        persistence.commit(documents, {f"key-{number % 3}": bytes([number]) * 16})
        after, expected = files(), persistence.load()
        for _ in range(4):
            torn = before[0], mixed(chooser, before[1], after[1])
            assert opened(tmp_path, *torn) in (model, expected)
            checkpointing = mixed(chooser, before[0], after[0]), after[1]
            assert opened(tmp_path, *checkpointing) == expected
            cuts += 2
        assert opened(tmp_path, *before) == model
        model, before = expected, after
    assert cuts == 352
    persistence.close()


def opened(tmp_path, database, log):
    """What comes up when these files are found after the cut."""
    place = tmp_path / "after"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name, body in (("control.db", database), ("control.db-wal", log)):
        (place / name).write_bytes(body)
        (place / name).chmod(0o600)
    return loaded(place / "control.db")
