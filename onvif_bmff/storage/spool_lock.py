"""Who uses a spool, and where its objects go: one process at a time, and one store as long as anything waits."""

import fcntl
import os
from contextlib import suppress

from onvif_bmff.errors import StoreError
from onvif_bmff.storage.spool import spool_folders
from onvif_bmff.storage.tree import failures

__all__ = ["SpoolLock", "is_spool"]

_LOCK = "lock"
_TARGET = "target"


def is_spool(root: str | os.PathLike[str]) -> bool:
    """Return whether a folder is that of a spool, and so no store."""
    return os.path.isfile(os.path.join(root, _LOCK)) and all(map(os.path.isdir, spool_folders(root)))


class SpoolLock:
    """The lock of a spool, held until ``release`` or the end of the process, and the location of its remote store.

    Args:
        root: the folder of the spool, which exists.

    Raises:
        StoreError: another process, or another store of this one, uses the spool; or the folder cannot be used.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.fspath(root)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with failures("locking the spool", self._root):
            self._file = os.fdopen(os.open(os.path.join(self._root, _LOCK), flags, 0o666), "rb")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._file.close()
                raise StoreError(f"the spool is in use by another recorder or upload: {self._root}") from None
            except OSError:
                self._file.close()
                raise

    def keep_target(self, location: str, *, waits: bool) -> None:
        """Note where the objects of the spool go; ``waits`` is whether there are any.

        Raises:
            StoreError: they go to another store; or the note cannot be read or written.
        """
        with failures("opening the spool", self._root):
            known = self._target()
            if known == location:
                return
            if known is not None and waits:
                raise StoreError(f"what waits in the spool {self._root} is for {known}, not for {location}")
            self._write_target(location)

    def _target(self) -> str | None:
        try:
            with open(os.path.join(self._root, _TARGET), "rb") as file:
                return os.fsdecode(file.read())
        except FileNotFoundError:
            return None

    def _write_target(self, location: str) -> None:
        path = os.path.join(self._root, _TARGET)
        with open(f"{path}.new", "wb") as file:
            file.write(os.fsencode(location))
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{path}.new", path)
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def release(self) -> None:
        """Let others use the spool. Does nothing if that was done."""
        if not self._file.closed:
            with suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_UN)  # by name, for a forked child may hold a copy of the file
            self._file.close()
