"""``SqlitePersistence`` on the simulated disk: its SQLite sees files through a VFS, which loses what was not synced.

The VFS is one of ``apsw``, which has an SQLite of its own: its wheels contain one, where Python's ``sqlite3`` has that
of the system or another. So a VFS that apsw registers does not exist for ``sqlite3``, and ``SqlitePersistence`` gets
connections of apsw that look like those of ``sqlite3``: with the calls that it uses, and the errors of that module.

What the VFS does is what SQLite's own for Unix does: it syncs the folder after it made a log or journal, and when asked
to after it deleted one; a file without bytes does not exist for it; and bytes beside those that are written are never
damaged by a power cut (SQLITE_IOCAP_POWERSAFE_OVERWRITE).

Nothing here waits: another task that ran meanwhile could not enter SQLite, nor the lock of the persistence.
"""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from weakref import WeakValueDictionary

import apsw

from onvif_bmff.storage.sqlite import SqlitePersistence
from tests.simulate.disk import DiskFaults, Loss, SimulatedDisk, SimulatedFileSystem
from tests.simulate.runtime import Crashed, Process, Simulation

__all__ = ["SimulatedDatabase"]

_FOLDER = "/database"
_NAME = "control.db"
_VFS_NAME = "onvif_bmff_simulated"
_NO_FOLLOW = os.O_RDONLY | os.O_DIRECTORY
_SYNCS_FOLDER = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
_ERRORS: tuple[tuple[type[apsw.Error], type[sqlite3.Error]], ...] = (
    (apsw.ConstraintError, sqlite3.IntegrityError),
    (apsw.MismatchError, sqlite3.IntegrityError),
    (apsw.CorruptError, sqlite3.DatabaseError),
    (apsw.NotADBError, sqlite3.DatabaseError),
    (apsw.ConnectionClosedError, sqlite3.ProgrammingError),
    (apsw.MisuseError, sqlite3.ProgrammingError),
    (apsw.Error, sqlite3.OperationalError),
)
_MESSAGES = {
    apsw.SQLITE_FULL: "database or disk is full",
    apsw.SQLITE_CANTOPEN: "unable to open database file",
    apsw.SQLITE_IOERR: "disk I/O error",
    apsw.SQLITE_BUSY: "database is locked",
}
"""What SQLite says of errors that come from the VFS."""


class SimulatedDatabase:
    """A database that outlives the processes that use it.

    ``disk`` is where it lies; its ``faults`` are those of the database, and its ``operations`` counts them.
    """

    def __init__(self, simulation: Simulation, name: str = _NAME) -> None:
        self.simulation = simulation
        self.name = name
        self.disk = SimulatedDisk(simulation)
        self.disk.may_wait = False
        self.disk.on_crash = _end
        system = SimulatedFileSystem(self.disk, Process("maker"))
        system.mkdir(_FOLDER)
        root = system.open("/", _NO_FOLLOW)
        system.fsync(root)
        system.close(root)

    @property
    def faults(self) -> DiskFaults:
        """What fails from now on."""
        return self.disk.faults

    def open(self, process: Process, **more: Any) -> SqlitePersistence:
        """Return the persistence of a process, which keeps its database here."""
        self.disk.reap()
        files = _Files(self, process)
        with files.guarded():
            return SqlitePersistence(files.path(self.name), files=files, **more)

    def crash(self, loss: Loss = Loss.MIXED, chance: Random | None = None) -> None:
        """Cut the power: what was not synced is lost as ``loss`` says. No process may live."""
        self.disk.crash(loss, chance)


def _end(process: Process) -> None:
    """End a process in the middle of SQLite; what its tasks do then is left for later, when SQLite has returned."""
    process.alive = False


# ---- files -----------------------------------------------------------------------------------------------


class _Files:
    """The files of a process, as ``onvif_bmff.storage.database_files.DatabaseFiles``."""

    known: "WeakValueDictionary[int, _Files]" = WeakValueDictionary()
    _numbers = count()

    def __init__(self, database: SimulatedDatabase, process: Process) -> None:
        self._simulation = database.simulation
        self.disk = database.disk
        self.process = process
        self.system = SimulatedFileSystem(database.disk, process)
        self._number = next(self._numbers)
        self.known[self._number] = self

    def path(self, name: str) -> Path:
        """Return the path of a file: it says whose it is, as the VFS is told nothing else."""
        return Path(f"/{self._number}/{name}")

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Raise errors as ``sqlite3`` does, and ``Crashed`` if the process ended meanwhile."""
        if not self.process.alive:
            raise Crashed
        try:
            yield
        except apsw.Error as error:
            self._crashed()
            text = str(error) or _MESSAGES.get(getattr(error, "result", 0), type(error).__name__)
            raise next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))(text) from None
        except BaseException:
            self._crashed()
            raise
        self._crashed()

    def _crashed(self) -> None:
        if not self.process.alive:
            self._simulation.crash(self.process)
            raise Crashed

    @contextmanager
    def folder(self) -> Iterator[int]:
        """Yield a descriptor of the folder."""
        number = self.system.open(_FOLDER, _NO_FOLLOW)
        try:
            yield number
        finally:
            self.system.close(number)

    def sync_folder(self) -> None:
        """Make names durable."""
        with self.folder() as folder:
            self.system.fsync(folder)

    # ---- the protocol ------------------------------------------------------------------------------------

    def connect(self, path: Path) -> Any:
        with self.guarded():
            return _Connection(self, str(path))

    def status(self, path: Path) -> Any:
        with self.guarded(), self.folder() as folder:
            try:
                return self.system.stat(path.name, dir_fd=folder)
            except FileNotFoundError:
                return None

    def make_beside(self, path: Path) -> Path:
        made = self.path(f".{path.name}.{self.system.urandom(4).hex()}")
        self.make(made)
        return made

    def make(self, path: Path) -> None:
        with self.guarded(), self.folder() as folder:
            with suppress(FileNotFoundError):
                self.system.unlink(path.name, dir_fd=folder)
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
            self.system.close(self.system.open(path.name, flags, 0o600, dir_fd=folder))

    def sync(self, path: Path) -> None:
        with self.guarded(), self.folder() as folder:
            number = self.system.open(path.name, os.O_RDWR, dir_fd=folder)
            try:
                self.system.fsync(number)
            finally:
                self.system.close(number)

    def sync_names(self, directory: Path) -> None:
        with self.guarded():
            self.sync_folder()

    def link(self, source: Path, path: Path) -> None:
        with self.guarded(), self.folder() as folder:
            self.system.link(source.name, path.name, src_dir_fd=folder, dst_dir_fd=folder)

    def unlink(self, path: Path) -> None:
        with self.guarded(), self.folder() as folder:
            self.system.unlink(path.name, dir_fd=folder)


# ---- connections -----------------------------------------------------------------------------------------


class _Connection:
    """A connection of apsw with the calls of ``sqlite3.Connection`` that ``SqlitePersistence`` uses."""

    def __init__(self, files: _Files, path: str) -> None:
        self._files = files
        self._connection: Any = None
        self._connection = apsw.Connection(path, vfs=_VFS_NAME)
        self._connection.pragma("temp_store", "memory")

    @property
    def in_transaction(self) -> bool:
        with self._files.guarded():
            return self._connection.in_transaction

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> "_Rows":
        with self._files.guarded():
            return _Rows(self._connection.execute(statement, values).fetchall())

    def executemany(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with self._files.guarded():
            self._connection.executemany(statement, rows).fetchall()

    def executescript(self, script: str) -> None:
        with self._files.guarded():
            self._connection.execute(script).fetchall()

    def create_function(self, name: str, arguments: int, function: Callable[..., Any], *, deterministic: bool) -> None:
        self._connection.create_scalar_function(name, function, arguments, deterministic=deterministic)

    def close(self) -> None:
        with self._files.guarded():
            self._connection.close()

    def __del__(self) -> None:
        if self._connection is not None:
            with suppress(apsw.Error):
                self._connection.close()


class _Rows(list[tuple[Any, ...]]):
    """The rows of a result, as a cursor gives them."""

    def fetchone(self) -> tuple[Any, ...] | None:
        return self[0] if self else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self


# ---- the VFS ---------------------------------------------------------------------------------------------


@contextmanager
def _failing_with(code: int) -> Iterator[None]:
    """Convert errors of the system to those of SQLite."""
    try:
        yield
    except OSError as error:
        raise apsw.exception_for(apsw.SQLITE_FULL if error.errno == errno.ENOSPC else code) from error
    except Crashed as error:
        raise apsw.exception_for(code) from error


class _Vfs(apsw.VFS):
    """The files of all processes of all simulated databases."""

    def __init__(self) -> None:
        super().__init__(_VFS_NAME, base="")

    @staticmethod
    def _place(path: str) -> tuple[_Files, str]:
        _, number, name = path.split("/")
        found = _Files.known.get(int(number))
        if found is None:
            raise Crashed
        return found, name

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        if name is None:
            return _MemoryFile()
        path = name if isinstance(name, str) else name.filename()
        with _failing_with(apsw.SQLITE_CANTOPEN):
            files, name = self._place(path)
            wanted = os.O_RDWR
            if flags[0] & apsw.SQLITE_OPEN_CREATE:
                wanted |= os.O_CREAT
            if flags[0] & apsw.SQLITE_OPEN_EXCLUSIVE:
                wanted |= os.O_EXCL
            with files.folder() as folder:
                number = files.system.open(name, wanted, 0o600, dir_fd=folder)
        flags[1] = flags[0]
        return _File(files, number, syncs_folder=bool(flags[0] & _SYNCS_FOLDER and wanted & os.O_CREAT))

    def xDelete(self, path: str, syncs_folder: bool) -> None:
        with _failing_with(apsw.SQLITE_IOERR_DELETE):
            files, name = self._place(path)
            if not files.process.alive:
                return
            try:
                with files.folder() as folder:
                    files.system.unlink(name, dir_fd=folder)
            except FileNotFoundError:
                raise apsw.exception_for(apsw.SQLITE_IOERR_DELETE_NOENT) from None
        if syncs_folder:
            with _failing_with(apsw.SQLITE_IOERR_DIR_FSYNC):
                files.sync_folder()

    def xAccess(self, path: str, flags: int) -> bool:
        with _failing_with(apsw.SQLITE_IOERR_ACCESS):
            files, name = self._place(path)
            if not files.process.alive:
                return False
            with files.folder() as folder:
                try:
                    return files.system.stat(name, dir_fd=folder).st_size > 0
                except FileNotFoundError:
                    return False

    def xFullPathname(self, name: str) -> str:
        return name

    def xRandomness(self, size: int) -> bytes:
        return bytes(size)

    def xSleep(self, microseconds: int) -> int:
        return microseconds

    def xCurrentTimeInt64(self) -> int:
        return 210_866_760_000_000

    def xCurrentTime(self) -> float:
        return 2_440_587.5


class _File:
    """An open file. That of a dead process does nothing and never fails: SQLite closes it some time."""

    def __init__(self, files: _Files, number: int, *, syncs_folder: bool) -> None:
        self._files = files
        self._system = files.system
        self._process = files.process
        self._number = number
        self._syncs_folder = syncs_folder

    def xRead(self, size: int, start: int) -> bytes:
        if not self._process.alive:
            return bytes(size)
        with _failing_with(apsw.SQLITE_IOERR_READ):
            return self._system.pread(self._number, size, start)

    def xWrite(self, data: bytes, start: int) -> None:
        data = bytes(data)
        done = 0
        with _failing_with(apsw.SQLITE_IOERR_WRITE):
            while done < len(data) and self._process.alive:
                done += self._system.pwrite(self._number, data[done:], start + done)

    def xTruncate(self, size: int) -> None:
        if self._process.alive:
            with _failing_with(apsw.SQLITE_IOERR_TRUNCATE):
                self._system.truncate(self._number, size)

    def xSync(self, flags: int) -> None:
        if not self._process.alive:
            return
        with _failing_with(apsw.SQLITE_IOERR_FSYNC):
            self._system.fsync(self._number)
        if self._syncs_folder:
            with _failing_with(apsw.SQLITE_IOERR_DIR_FSYNC):
                self._files.sync_folder()
            self._syncs_folder = False

    def xFileSize(self) -> int:
        if not self._process.alive:
            return 0
        with _failing_with(apsw.SQLITE_IOERR_FSTAT):
            return self._system.fstat(self._number).st_size

    def xLock(self, level: int) -> None:
        if self._process.alive:
            try:
                self._files.disk.lock(self._system.descriptor(self._number))
            except BlockingIOError:
                raise apsw.exception_for(apsw.SQLITE_BUSY) from None

    def xUnlock(self, level: int) -> None:
        if self._process.alive and level == apsw.SQLITE_LOCK_NONE:
            self._files.disk.unlock(self._system.descriptor(self._number))

    def xCheckReservedLock(self) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xFileControl(self, operation: int, pointer: int) -> bool:
        return False

    def xClose(self) -> None:
        if self._process.alive:
            self._system.close(self._number)


class _MemoryFile:
    """A file without a name, gone when it is closed."""

    def __init__(self) -> None:
        self._data = bytearray()

    def xRead(self, size: int, start: int) -> bytes:
        return bytes(self._data[start : start + size])

    def xWrite(self, data: bytes, start: int) -> None:
        self._data.extend(bytes(max(start - len(self._data), 0)))
        self._data[start : start + len(data)] = data

    def xTruncate(self, size: int) -> None:
        del self._data[size:]

    def xFileSize(self) -> int:
        return len(self._data)

    def xSync(self, flags: int) -> None:
        pass

    def xLock(self, level: int) -> None:
        pass

    def xUnlock(self, level: int) -> None:
        pass

    def xCheckReservedLock(self) -> bool:
        return False

    def xDeviceCharacteristics(self) -> int:
        return 0

    def xFileControl(self, operation: int, pointer: int) -> bool:
        return False

    def xClose(self) -> None:
        pass

    def xSectorSize(self) -> int:
        return 4096


_VFS = _Vfs()
