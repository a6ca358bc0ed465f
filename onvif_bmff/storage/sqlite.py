"""The control model in an SQLite database: durable, one transaction an operation.

``SqlitePersistence`` implements the protocol of ``onvif_bmff.control.persistence``, and does not interpret
what it stores: JSON documents and content keys, both by name. The keys are in a separate table of the
same file, so that a configuration and its keys are always of one transaction; the file is made with mode
0600, deleted keys are overwritten, and a file that others can read is refused.

SQLite has no checksums. So each row has a digest over its table, name and body, which is compared when
they are read. A document that is damaged makes the file unreadable. A content key that is damaged is
left out, and reported in the log: data encrypted with it could never be decrypted, but all others are usable.

WAL with synchronous=FULL: a commit returns only when the log is on the disk, since NORMAL would lose
acknowledged changes in a power cut. The file is locked while it is open, because the service keeps the
model in memory and a second writer would undo its work.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Any

from onvif_bmff.errors import PersistenceError, StoreError
from onvif_bmff.storage.database_files import SYSTEM_FILES, DatabaseFiles
from onvif_bmff.storage.location import local_path

__all__ = ["MIGRATIONS", "SqlitePersistence"]

_log = logging.getLogger(__name__)

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE document (name TEXT PRIMARY KEY NOT NULL, body TEXT NOT NULL) STRICT;
    CREATE TABLE secret (name TEXT PRIMARY KEY NOT NULL, body BLOB NOT NULL) STRICT;
    """,
    """
    ALTER TABLE document ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
    ALTER TABLE secret ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
    UPDATE document SET digest = row_digest('document', name, body);
    UPDATE secret SET digest = row_digest('secret', name, body);
    """,
)
"""Statements that make each schema version from the one before; version n is after the n-th of them.

One that changes rows gives them their new digest too, by ``row_digest(table, name, body)``, but only where the old
one was right.
"""

_APPLICATION_ID = 0x6F626D66
_FILES = ("", "-wal", "-shm", "-journal")
_PRAGMAS = {
    "locking_mode": "exclusive",  # before WAL, which then needs no shared memory
    "journal_mode": "wal",
    "synchronous": 2,
    "secure_delete": 1,
    "foreign_keys": 1,
    "fullfsync": 1,
    "trusted_schema": 0,
}


class SqlitePersistence:
    """A database file of the control model.

    Args:
        path: the file. It is created if nothing lies there; its directory must exist.
        migrations: the schema, version by version.
        files: where the database lies; tests may replace it.

    Raises:
        PersistenceError: the file is damaged, empty, of another program or of a later version, readable by
            others, in use, or no local path. It is never replaced or repaired; that is for an operator
            to decide.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        migrations: Sequence[str] = MIGRATIONS,
        files: DatabaseFiles = SYSTEM_FILES,
    ) -> None:
        try:
            self._path = Path(local_path(path))
        except StoreError as error:
            raise PersistenceError(str(error)) from None
        self._migrations = tuple(migrations)
        self._files = files
        self._lock = RLock()
        with _reported(f"the database {self._path.name!r} cannot be opened"):
            if self._files.status(self._path) is None:
                self._create()
            self._check_mode()
            self._connection = self._connect(self._path)
            try:
                self._open()
            except BaseException:
                self._connection.close()
                raise

    def __repr__(self) -> str:
        return f"SqlitePersistence({str(self._path)!r})"

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    # ---- the protocol ------------------------------------------------------------------------------

    def load(self) -> tuple[dict[str, str], dict[str, bytes]]:
        """Return everything committed: documents and secrets, each by name. A secret that is damaged is missing.

        Raises:
            PersistenceError: the file cannot be read, or a document in it is damaged.
        """
        with self._lock, _reported("the database cannot be read"):
            documents, damaged = self._read("document")
            if damaged:
                raise PersistenceError(f"the document {', '.join(damaged)} is damaged")
            secrets, damaged = self._read("secret")
        for name in damaged:
            _log.error("the content key %s in %s is damaged and will not be used", name, self._path.name)
        return documents, secrets

    def commit(self, documents: Mapping[str, str | None], secrets: Mapping[str, bytes | None]) -> None:
        """Write or, for None, remove what is named, in one transaction that survives a power cut.

        Raises:
            PersistenceError: nothing was changed. Only where a disk took all of the change, did not confirm it, and
                takes nothing any more from then on, the next start may find it.
        """
        with self._lock, _reported("the change cannot be stored"), self._transaction():
            self._write("document", documents)
            self._write("secret", secrets)

    def close(self) -> None:
        """Move the log into the database, and close the file."""
        with self._lock, _reported("the database cannot be closed"):
            self._connection.close()

    # ---- inside ------------------------------------------------------------------------------------

    def _read(self, table: str) -> tuple[dict[str, Any], list[str]]:
        """Return the rows of a table by name, and the names, as far as they can be read, of those that are damaged."""
        whole: dict[str, Any] = {}
        damaged: list[str] = []
        # Names and bodies as bytes: damaged ones may not be valid text.
        kind = "TEXT" if table == "document" else "BLOB"
        query = f"SELECT CAST(name AS BLOB), typeof(body), CAST(body AS BLOB), digest FROM {table}"
        for name, found, body, digest in self._connection.execute(query):
            if found == kind.lower() and digest == _digest(table, name, body):
                whole[name.decode()] = body.decode() if table == "document" else body
            else:
                damaged.append(repr(bytes(name or b"")[:80].decode(errors="replace")))
        return whole, damaged

    def _write(self, table: str, changes: Mapping[str, str | None] | Mapping[str, bytes | None]) -> None:
        gone = [(name,) for name, body in changes.items() if body is None]
        kept = [(name, body, _digest(table, name, body)) for name, body in changes.items() if body is not None]
        self._connection.executemany(f"DELETE FROM {table} WHERE name = ?", gone)
        self._connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", kept)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._commit()
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._take_back()
            raise

    def _take_back(self) -> None:
        """Write over what a failed commit left in the log: where only its sync failed, the next start would apply it.

        This connection does not know that it is there, so the next commit begins where it began. This one stores what
        is stored already.
        """
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute(f"PRAGMA user_version = {self._pragma('user_version')}")
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _create(self) -> None:
        """Make the database under another name and move it into place whole, so that it is never incomplete."""
        files = self._files
        if any(files.status(Path(f"{self._path}{end}")) is not None for end in _FILES[1:]):
            raise PersistenceError(f"the database {self._path.name!r} is gone, but its log is there")
        made = files.make_beside(self._path)
        try:
            with contextlib.closing(self._connect(made)) as connection:
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute("PRAGMA synchronous = EXTRA")
                for number, script in enumerate(self._migrations, 1):
                    connection.executescript(f"BEGIN;{script};PRAGMA user_version = {number};COMMIT;")
            files.sync(made)
            files.link(made, self._path)  # unlike a rename, it never replaces a file that came in between
        finally:
            files.unlink(made)
        files.sync_names(self._path.parent)

    def _check_mode(self) -> None:
        for end in _FILES:
            file = Path(f"{self._path}{end}")
            found = self._files.status(file)
            if found is not None and found.st_mode & 0o077:
                raise PersistenceError(f"{file.name!r} holds keys and must be for its owner only: chmod 600")

    def _open(self) -> None:
        found = self._files.status(self._path)
        if found is not None and found.st_size == 0:
            raise PersistenceError(f"the database {self._path.name!r} is empty: it was cut off")
        for name, wanted in _PRAGMAS.items():
            self._connection.execute(f"PRAGMA {name} = {wanted}").fetchall()
        for name, wanted in _PRAGMAS.items():
            value = self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            if value != wanted:
                raise PersistenceError(f"this file system cannot keep data safely: {name} is {value!r}")
        if self._pragma("application_id") != _APPLICATION_ID:
            raise PersistenceError(f"{self._path.name!r} is a database of another program")
        faults = self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if faults != "ok":
            raise PersistenceError(f"the database {self._path.name!r} is damaged")
        self._migrate()

    def _migrate(self) -> None:
        """Bring an older schema forward, one version a transaction, after a copy was put aside."""
        version, newest = self._pragma("user_version"), len(self._migrations)
        if version > newest or version < 1:
            raise PersistenceError(f"{self._path.name!r} has schema {version}; this program knows 1 to {newest}")
        if version < newest:
            self._back_up(version)
        for number in range(version, newest):
            script = self._migrations[number]
            try:
                self._connection.executescript(f"BEGIN IMMEDIATE;{script};PRAGMA user_version = {number + 1};COMMIT;")
            except sqlite3.Error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _back_up(self, version: int) -> None:
        copy = Path(f"{self._path}.v{version}")
        self._files.make(copy)
        self._connection.execute("VACUUM INTO ?", (str(copy),))

    def _connect(self, path: Path) -> sqlite3.Connection:
        connection = self._files.connect(path)
        connection.create_function("row_digest", 3, _digest, deterministic=True)
        return connection

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])


def _digest(table: str, name: str | bytes, body: str | bytes) -> bytes:
    """Return the digest of a row: SHA-256 over its table, name and body, each preceded by its length.

    It is stored in the same row, so it reveals no more of a content key than the row does.
    """
    digest = sha256()
    for part in (table, name, body):
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


@contextlib.contextmanager
def _reported(what: str) -> Iterator[None]:
    """Convert errors of SQLite and the system to ``PersistenceError``."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeError) as error:
        raise PersistenceError(f"{what}: {error}") from error
