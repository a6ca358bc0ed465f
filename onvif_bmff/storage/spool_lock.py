"""Who uses a spool, and where its objects go: one process at a time, and one store as long as anything waits."""

import os

from onvif_bmff.errors import StoreError
from onvif_bmff.storage.file_lock import FileLock
from onvif_bmff.storage.file_system import POSIX, FileSystem
from onvif_bmff.storage.spool import spool_folders
from onvif_bmff.storage.tree import failures, read_all, write_file

__all__ = ["SpoolLock", "is_spool"]

_LOCK = "lock"
_TARGET = "target"
_LARGEST = 1 << 16


def is_spool(root: str | os.PathLike[str]) -> bool:
    """Return whether a folder is that of a spool, and so no store."""
    return os.path.isfile(os.path.join(root, _LOCK)) and all(map(os.path.isdir, spool_folders(root)))


class SpoolLock:
    """The lock of a spool, held until ``release`` or the end of the process, and the location of its remote store.

    Args:
        root: the folder of the spool, which exists.
        system: where the folder is.

    Raises:
        StoreError: another process, or another store of this one, uses the spool; or the folder cannot be used.
    """

    def __init__(self, root: str | os.PathLike[str], system: FileSystem = POSIX) -> None:
        self._root = os.fspath(root)
        self._system = system
        in_use = f"the spool is in use by another recorder or upload: {self._root}"
        self._lock = FileLock(os.path.join(self._root, _LOCK), in_use, system)

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
        system = self._system
        try:
            file = system.open(os.path.join(self._root, _TARGET), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return os.fsdecode(read_all(file, 0, _LARGEST, system))
        finally:
            system.close(file)

    def _write_target(self, location: str) -> None:
        folder = self._system.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            write_file(_TARGET, os.fsencode(location), folder, fsync=True, system=self._system)
        finally:
            self._system.close(folder)

    def release(self) -> None:
        """Let others use the spool. Does nothing if that was done."""
        self._lock.release()
