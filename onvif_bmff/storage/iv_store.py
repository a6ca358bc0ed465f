"""Numbers of initialisation vectors reserved in an SQLite file, so that a process continues where the last one ended.

Such a file is right only until an older one replaces it: a backup, a clone, an image of the disk. Vectors
taken from it then repeat with certainty. So the file is trusted only if it is certainly the one that was
written last; otherwise a run begins at random, with a small probability of a repetition:

* The machine (``/etc/machine-id``), this boot of it (``/proc/sys/kernel/random/boot_id``), and device and inode of the
  file are those that it was written under. So after every reboot runs begin at random.
* The time of its last change (ctime, which no program can set) and its content are those that were noted after the
  last write. So an older file that was written over it, under the same inode, is noticed.
* These facts are noted, as a hash, in a file in memory (``/dev/shm``), which neither a backup nor a file system that
  is rolled back restores. A writer removes the note first, so a crash at any moment leaves none.

A snapshot of a running virtual machine, or a checkpoint of a process, takes memory and files back to one moment
together; no program inside can notice that, and it is not covered.
"""

import contextlib
import fcntl
import logging
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID

from onvif_bmff.errors import PersistenceError
from onvif_bmff.runtime import SYSTEM

__all__ = ["Identity", "SqliteIvStore", "read_identity"]

_log = logging.getLogger(__name__)

Identity = tuple[str, str]
"""Machine and boot, each as the system names it."""

_MACHINE_ID: Final = Path("/etc/machine-id")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_IN_MEMORY: Final = Path("/dev/shm")
_APPLICATION_ID: Final = 0x6F626976
_SCHEMA: Final = f"""
BEGIN;
CREATE TABLE numbers (
    kid BLOB NOT NULL, bits INTEGER NOT NULL, next BLOB, taken BLOB NOT NULL, runs INTEGER NOT NULL,
    PRIMARY KEY (kid, bits)
) STRICT;
PRAGMA application_id = {_APPLICATION_ID};
COMMIT;
"""
_MAX_KEYS: Final = 4096
_PATIENCE: Final = 2.0
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NUMBER: Final = 16
_ACCEPTED_RISK: Final = 1e-6


def read_identity() -> Identity | None:
    """Return the machine, and this boot of it; None if the system does not give both."""
    try:
        machine, boot = _MACHINE_ID.read_text().strip(), _BOOT_ID.read_text().strip()
    except (OSError, UnicodeError):
        return None
    return (machine, boot) if machine and boot else None


class SqliteIvStore:
    """An ``onvif_bmff.cenc.iv.IvStore`` in a file, for any number of threads and processes.

    The file is made when it is first needed, with mode 0600; its directory must exist. It needs no backup. A
    damaged one is moved aside, to ``….damaged``. Rows of the 4,096 keys used last are kept.

    Args:
        path: the file.
        identity: returns machine and boot. If it returns None, every run begins at random.
        in_memory: directory of a file system in memory, for the note that identifies the trusted file; by default
            ``/dev/shm``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        identity: Callable[[], Identity | None] = read_identity,
        in_memory: str | os.PathLike[str] | None = None,
    ) -> None:
        self._path = Path(path).absolute()
        name = sha256(os.fsencode(self._path)).hexdigest()[:32]
        self._note = Path(in_memory or _IN_MEMORY) / f"onvif-bmff-vectors-{os.geteuid()}-{name}"
        self._identity = identity

    def __repr__(self) -> str:
        return f"SqliteIvStore({str(self._path)!r})"

    def reserve(self, kid: UUID, bits: int, count: int, fresh: int) -> int:
        """Reserve numbers; see ``onvif_bmff.cenc.iv.IvStore``.

        Raises:
            PersistenceError: the file cannot be read or written, or is of another program.
        """
        try:
            with self._locked_note() as note:
                noted = os.pread(note, 256, 0)
                believed = noted != b"" and noted == self._facts()
                if noted and not believed:
                    _log.info("%s is not the store of vectors written last here; runs begin at random", self._path.name)
                os.ftruncate(note, 0)
                first = self._reserve(kid, bits, count, fresh, believed=believed)
                os.pwrite(note, self._facts() or b"", 0)
        except (sqlite3.Error, OSError) as error:
            raise PersistenceError(f"the store of vectors {self._path.name!r} cannot be used: {error}") from error
        return first

    def _reserve(self, kid: UUID, bits: int, count: int, fresh: int, *, believed: bool) -> int:
        try:
            with self._transaction() as connection:
                return _take(connection, kid, bits, count, fresh, believed=believed)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                raise
        _log.warning("the store of vectors %s is damaged; it is moved aside and begun anew", self._path.name)
        self._path.replace(f"{self._path}.damaged")
        Path(f"{self._path}-journal").unlink(missing_ok=True)
        with self._transaction() as connection:
            return _take(connection, kid, bits, count, fresh, believed=False)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection with one transaction; a new connection each time, so that a fork rarely finds one open."""
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        with contextlib.closing(sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            found = connection.execute("PRAGMA application_id").fetchone()[0]
            if not found and not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                connection.executescript(_SCHEMA)
            elif found != _APPLICATION_ID:
                raise PersistenceError(f"{self._path.name!r} is a database of another program")
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _facts(self) -> bytes | None:
        """Return a hash of the facts that identify the file in its present state; None if they are uncertain."""
        identity = self._identity()
        if identity is None:
            return None
        try:
            found, content = self._path.stat(), self._path.read_bytes()
        except FileNotFoundError:
            return None
        facts = (identity, found.st_dev, found.st_ino, found.st_ctime_ns, sha256(content).digest())
        return sha256(repr(facts).encode()).hexdigest().encode()

    @contextlib.contextmanager
    def _locked_note(self) -> Iterator[int]:
        """Yield the note, opened, and locked against other threads and processes."""
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(self._note, flags, 0o600)
        try:
            found = os.fstat(handle)
            if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode) or found.st_mode & 0o022:
                raise PersistenceError(f"{self._note} is not ours")
            _lock(handle)
            try:
                yield handle
            finally:
                fcntl.flock(handle, fcntl.LOCK_UN)  # by name, for a forked child may hold a copy of the handle
        finally:
            os.close(handle)


def _lock(handle: int) -> None:
    """Lock an open file for this caller alone; ``BlockingIOError`` after two seconds."""
    deadline = SYSTEM.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if SYSTEM.monotonic() > deadline:
                raise
            SYSTEM.sleep(0.002)
        else:
            return


def _take(connection: sqlite3.Connection, kid: UUID, bits: int, count: int, fresh: int, *, believed: bool) -> int:
    """Reserve numbers of a key in an open transaction; from ``fresh`` on, if the rows are not trusted."""
    if not believed:
        connection.execute("UPDATE numbers SET next = NULL")
    key = (kid.bytes, bits)
    query = "SELECT next, taken, runs FROM numbers WHERE kid = ? AND bits = ?"
    known, taken, runs = connection.execute(query, key).fetchone() or (None, b"", 0)
    first = fresh if known is None else int.from_bytes(known, "big")
    total = int.from_bytes(taken, "big") + count
    if known is None:
        runs += 1
        if runs * total > _ACCEPTED_RISK * (1 << bits):
            _log.warning(
                "%d runs took %d vectors of key %s: the chance that two are the same is above %g; use a new key",
                runs,
                total,
                kid,
                _ACCEPTED_RISK,
            )
    after = (first + count) % (1 << bits)
    row = (*key, after.to_bytes(_NUMBER, "big"), min(total, 1 << 127).to_bytes(_NUMBER, "big"), runs)
    connection.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?, ?, ?, ?)", row)
    newest = "SELECT rowid FROM numbers ORDER BY rowid DESC LIMIT ?"
    connection.execute(f"DELETE FROM numbers WHERE rowid NOT IN ({newest})", (_MAX_KEYS,))
    return first
