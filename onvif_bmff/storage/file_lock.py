"""A folder that one process uses at a time: a file in it is locked as long as that process lives."""

import fcntl
import os
from contextlib import suppress

from onvif_bmff.errors import StoreError
from onvif_bmff.storage.file_system import POSIX, FileSystem
from onvif_bmff.storage.tree import failures

__all__ = ["FileLock"]


class FileLock:
    """A file that is locked until ``release`` or the end of the process, however that ends. The file stays.

    Args:
        path: the file, which is made if it is not there; its folder exists.
        in_use: what it says of whoever has locked it, as "the spool is in use by another recorder".
        system: where the file is.

    Raises:
        StoreError: another process, or another lock of this one, has it: at once; or it cannot be locked.
    """

    def __init__(self, path: str, in_use: str, system: FileSystem = POSIX) -> None:
        self._system = system
        self._is_held = True
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with failures("locking", path):
            self._file = system.file(system.open(path, flags, 0o666))
            try:
                system.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._file.close()
                raise StoreError(in_use) from None
            except OSError:
                self._file.close()
                raise

    def release(self) -> None:
        """Let others have it. Does nothing if that was done."""
        if self._is_held:
            self._is_held = False
            with suppress(OSError):
                # By name, for a forked child may hold a copy of the file.
                self._system.flock(self._file.fileno(), fcntl.LOCK_UN)
            self._file.close()
