"""Where an SQLite database lies: its connections, and what is done with its files beside SQLite."""

import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Protocol

__all__ = ["SYSTEM_FILES", "DatabaseFiles", "SystemDatabaseFiles"]


class DatabaseFiles(Protocol):
    """Files of databases. All methods may raise ``OSError``, and ``connect`` and its result ``sqlite3.Error``."""

    def connect(self, path: Path) -> sqlite3.Connection:
        """Return a connection without transactions of its own, for any thread."""
        ...

    def status(self, path: Path) -> os.stat_result | None:
        """Return size and mode of a file; None if it does not exist."""
        ...

    def make_beside(self, path: Path) -> Path:
        """Return a new empty file in the same directory that only its owner can read."""
        ...

    def make(self, path: Path) -> None:
        """Make an empty file that only its owner can read, in place of one that is there."""
        ...

    def sync(self, path: Path) -> None:
        """Make a file durable."""
        ...

    def sync_names(self, directory: Path) -> None:
        """Make the names in a directory durable."""
        ...

    def link(self, source: Path, path: Path) -> None:
        """Give a file another name. ``FileExistsError`` if there is one of that name."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        ...


class SystemDatabaseFiles:
    """Files of the operating system; see ``DatabaseFiles``."""

    def connect(self, path: Path) -> sqlite3.Connection:
        """Return a connection without transactions of its own, for any thread."""
        return sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)

    def status(self, path: Path) -> os.stat_result | None:
        """Return size and mode of a file; None if it does not exist."""
        try:
            return path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def make_beside(self, path: Path) -> Path:
        """Return a new empty file in the same directory, of mode 0600."""
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        return Path(name)

    def make(self, path: Path) -> None:
        """Make an empty file of mode 0600, in place of one that is there."""
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def sync(self, path: Path) -> None:
        """Make a file durable."""
        with path.open("rb+") as file:
            os.fsync(file.fileno())

    def sync_names(self, directory: Path) -> None:
        """Make the names in a directory durable."""
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def link(self, source: Path, path: Path) -> None:
        """Give a file another name; unlike a rename, it never replaces a file."""
        os.link(source, path)

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        path.unlink()


SYSTEM_FILES = SystemDatabaseFiles()
"""Files of the operating system."""
