"""Numbers set aside in SQLite: whoever asks, whatever is put in the file's place, no number comes twice."""

import logging
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import threading
from itertools import pairwise
from uuid import UUID

import pytest

from onvif_bmff.errors import PersistenceError
from onvif_bmff.storage import SqliteIvStore
from onvif_bmff.storage import iv_store as module

KID, OTHER = UUID(int=7), UUID(int=8)
HERE = ("machine", "boot")
FRESH = 10**9


@pytest.fixture
def path(tmp_path):
    (tmp_path / "memory").mkdir()
    return tmp_path / "vectors.db"


def opened(path, identity=HERE):
    return SqliteIvStore(path, identity=lambda: identity, in_memory=path.parent / "memory")


def note(path):
    (found,) = (path.parent / "memory").iterdir()
    return found


def test_a_process_goes_on_where_the_last_one_ended(path):
    store = opened(path)
    assert store.reserve(KID, 64, 100, FRESH) == FRESH
    assert store.reserve(KID, 64, 50, 1) == FRESH + 100
    assert opened(path).reserve(KID, 64, 1, 1) == FRESH + 150
    assert opened(path).reserve(OTHER, 64, 1, 5) == 5
    assert opened(path).reserve(KID, 104, 1, 6) == 6
    assert opened(path).reserve(KID, 64, 1, 1) == FRESH + 151
    assert repr(store) == f"SqliteIvStore({str(path)!r})"


@pytest.mark.parametrize("bits", [64, 104])
def test_the_circle_goes_round(path, bits):
    assert opened(path).reserve(KID, bits, 10, 2**bits - 4) == 2**bits - 4
    assert opened(path).reserve(KID, bits, 3, 0) == 6
    assert opened(path).reserve(KID, bits, 2**bits - 9, 0) == 9
    assert opened(path).reserve(KID, bits, 1, 5) == 0


def test_files_are_for_their_owner_only(path):
    os.umask(before := os.umask(0))
    try:
        os.umask(0)
        opened(path).reserve(KID, 64, 1, FRESH)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == note(path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "identity", [("other machine", "boot"), ("machine", "next boot"), None], ids=["cloned machine", "reboot", "unknown"]
)
def test_another_machine_or_boot_begins_at_random(path, identity):
    opened(path).reserve(KID, 64, 1000, FRESH)
    assert opened(path, identity).reserve(KID, 64, 5, 77) == 77
    again = opened(path, identity).reserve(KID, 64, 5, 99)
    assert again == (99 if identity is None else 82), "and goes on there, if it is sure of itself"
    assert opened(path).reserve(KID, 64, 5, 55) == 55, "the first machine does not go on with the other's"


def over(backup, path):
    """The content of an older file, over the newer one: the inode stays."""
    with backup.open("rb") as old, path.open("r+b") as new:
        new.truncate()
        shutil.copyfileobj(old, new)


def instead(backup, path):
    """An older file in the place of the newer one: another inode."""
    shutil.copy2(backup, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def touched(backup, path):
    over(backup, path)
    shutil.copystat(backup, path)


@pytest.mark.parametrize("restore", [over, instead, touched])
@pytest.mark.parametrize("with_note", [False, True], ids=["file", "file and note"])
@pytest.mark.parametrize("alive", [False, True], ids=["restarted", "running"])
def test_a_restored_file_is_not_believed(path, tmp_path, restore, with_note, alive):
    """Else the numbers from 100 on would come a second time, with certainty."""
    store = opened(path)
    store.reserve(KID, 64, 100, FRESH)
    backup, old_note = tmp_path / "backup", tmp_path / "old note"
    shutil.copy2(path, backup)
    shutil.copy2(note(path), old_note)
    assert store.reserve(KID, 64, 50, 1) == FRESH + 100
    restore(backup, path)
    if with_note:
        over(old_note, note(path))
    store = store if alive else opened(path)
    assert store.reserve(KID, 64, 50, 5000) == 5000
    assert store.reserve(KID, 64, 50, 1) == 5050


def test_a_copy_elsewhere_is_not_believed(path, tmp_path):
    """A clone of the data beside the running one: each has numbers of its own."""
    opened(path).reserve(KID, 64, 100, FRESH)
    clone = tmp_path / "clone" / "vectors.db"
    shutil.copytree(path.parent, tmp_path / "clone", dirs_exist_ok=True, ignore=lambda *_: ["clone"])
    assert opened(clone).reserve(KID, 64, 100, 5000) == 5000
    assert opened(path).reserve(KID, 64, 100, 1) == FRESH + 100
    path.rename(moved := tmp_path / "moved.db")
    assert opened(moved).reserve(KID, 64, 100, 9000) == 9000
    assert opened(path).reserve(KID, 64, 100, 12000) == 12000, "the file is gone"


def test_a_crash_before_the_note_begins_at_random(path):
    store = opened(path)
    store.reserve(KID, 64, 100, FRESH)
    note(path).write_bytes(b"")
    assert store.reserve(KID, 64, 100, 5000) == 5000


def test_threads_get_numbers_of_their_own(path):
    used, errors = [], []

    def work():
        try:
            for _ in range(5):
                first = opened(path).reserve(KID, 64, 10, random.getrandbits(64))
                used.extend((first + one) % 2**64 for one in range(10))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(used) == len(set(used)) == 300
    first = next(one for one in used if (one - 1) % 2**64 not in set(used))
    assert set(used) == {(first + one) % 2**64 for one in range(300)}, "nobody had to begin anew"


def test_processes_that_are_killed_at_any_moment_leave_no_number_twice(path):
    """Two at a time, killed somewhere in the middle of writing, again and again over the same file."""
    chooser, used = random.Random(3), []
    for _ in range(12):
        running = []
        for _ in range(2):
            reader, writer = os.pipe()
            pid = os.fork()
            if pid == 0:
                while True:
                    first = opened(path).reserve(KID, 64, 1000, int.from_bytes(os.urandom(8), "big"))
                    os.write(writer, b"%d\n" % first)
            os.close(writer)
            running.append((pid, reader))
        for pid, reader in running:
            with os.fdopen(reader) as told:
                used += [int(told.readline()) for _ in range(chooser.randrange(1, 6))]
                os.kill(pid, signal.SIGKILL)
                used += map(int, told)
            os.waitpid(pid, 0)
    assert len(used) > 40
    assert all(after - before >= 1000 for before, after in pairwise(sorted(used)))


def test_a_fork_in_the_middle_does_not_keep_the_lock(path):
    """The child has a copy of the handle that is locked, and lives on."""
    store = opened(path)
    context = multiprocessing.get_context("fork")
    release, held = context.Event(), context.Event()
    real = store._facts

    def facts():
        if not held.is_set():
            held.set()
            child.start()
        return real()

    child = context.Process(target=release.wait)
    store._facts = facts
    note_made = store.reserve(KID, 64, 1, FRESH)
    assert note_made == FRESH
    del store._facts
    try:
        assert child.is_alive()
        assert store.reserve(KID, 64, 1, 5) == FRESH + 1
    finally:
        release.set()
        child.join()


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_file_begins_at_random_and_is_moved_aside(path, seed, caplog):
    """Bits flipped, cut off, overwritten: never believed, never a foreign error, and it works again at once."""
    chooser = random.Random(seed)
    for number in range(12):
        for end in ("", "-journal", ".damaged"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        opened(path).reserve(KID, 64, 100, FRESH)
        body = bytearray(path.read_bytes())
        kind = number % 3
        if kind == 0:
            body[chooser.randrange(len(body))] ^= 1 << chooser.randrange(8)
        elif kind == 1:
            del body[chooser.randrange(1, len(body)) :]
        else:
            at = chooser.randrange(len(body))
            body[at : at + 64] = chooser.randbytes(len(body[at : at + 64]))
        path.write_bytes(body)
        try:
            assert opened(path).reserve(KID, 64, 10, 5000 + number) == 5000 + number
        except PersistenceError:  # what is left looks like a file of another program
            continue
        assert opened(path).reserve(KID, 64, 10, 1) == 5010 + number


def test_garbage_is_moved_aside_and_told(path, caplog):
    path.write_bytes(b"no database" * 1000)
    assert opened(path).reserve(KID, 64, 10, 5000) == 5000
    assert path.with_name("vectors.db.damaged").read_bytes() == b"no database" * 1000
    assert "is damaged; it is moved aside" in caplog.text


def test_a_database_of_another_program_is_left_alone(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE precious (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(PersistenceError, match="of another program"):
        opened(path).reserve(KID, 64, 1, FRESH)
    assert path.read_bytes() == before


def test_places_where_it_cannot_work(path, tmp_path, monkeypatch):
    with pytest.raises(PersistenceError, match="cannot be used"):
        SqliteIvStore(tmp_path / "nowhere" / "a.db", in_memory=tmp_path).reserve(KID, 64, 1, FRESH)
    with pytest.raises(PersistenceError, match="cannot be used"):
        SqliteIvStore(path, in_memory=tmp_path / "nowhere").reserve(KID, 64, 1, FRESH)
    opened(path).reserve(KID, 64, 1, FRESH)
    note(path).chmod(0o666)
    with pytest.raises(PersistenceError, match="is not ours"):
        opened(path).reserve(KID, 64, 1, FRESH)
    found = note(path)
    found.rename(tmp_path / "elsewhere")
    found.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PersistenceError, match="cannot be used"):
        opened(path).reserve(KID, 64, 1, FRESH)


def test_a_lock_that_somebody_holds_is_not_waited_for_long(path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    store = opened(path)
    with store._locked_note(), pytest.raises(PersistenceError, match="cannot be used"):
        store.reserve(KID, 64, 1, FRESH)
    assert store.reserve(KID, 64, 1, FRESH) == FRESH


def test_rows_of_keys_long_out_of_use_are_dropped(path, monkeypatch):
    monkeypatch.setattr(module, "_MAX_KEYS", 3)
    store = opened(path)
    for number in range(5):
        store.reserve(UUID(int=number), 64, 1, FRESH)
        store.reserve(KID, 64, 1, FRESH)
    with sqlite3.connect(path) as connection:
        kids = {row[0] for row in connection.execute("SELECT kid FROM numbers")}
    connection.close()
    assert kids == {UUID(int=number).bytes for number in (3, 4, 7)}


def test_too_many_runs_of_one_key_are_told(path, caplog):
    """One run may take what it likes; many that take much make a repeat likely."""
    with caplog.at_level(logging.WARNING):
        opened(path).reserve(KID, 64, 2**43, FRESH)
        for boot in range(3):
            opened(path, ("machine", f"boot {boot}")).reserve(KID, 104, 2**43, FRESH)
        assert not caplog.records
        opened(path, ("machine", "next boot")).reserve(KID, 64, 2**43, FRESH)
    assert "use a new key" in caplog.text
    assert str(KID) in caplog.text


class TestIdentity:
    def test_of_this_machine(self, tmp_path, monkeypatch):
        machine, boot = tmp_path / "machine-id", tmp_path / "boot_id"
        monkeypatch.setattr(module, "_MACHINE_ID", machine)
        monkeypatch.setattr(module, "_BOOT_ID", boot)
        assert module.read_identity() is None
        machine.write_text("a\n")
        assert module.read_identity() is None
        boot.write_text("\n")
        assert module.read_identity() is None
        boot.write_text("b\n")
        assert module.read_identity() == ("a", "b")
        machine.write_bytes(b"\xff\xfe")
        assert module.read_identity() is None
