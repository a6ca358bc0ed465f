"""Permissions of a directory store's files that do not depend on the mask of the process."""

import os
from contextlib import suppress

from onvif_bmff.errors import StoreError
from onvif_bmff.storage.file_system import PosixFileSystem

__all__ = ["FixedModes"]


class FixedModes(PosixFileSystem):
    """The operating system, where each new file has the same permissions, and each new folder those that go with them.

    Who may read a file may also enter folders. Files and folders that are there already stay as they are.

    Args:
        mode: permissions of files, such as ``0o640``.

    Raises:
        StoreError: the owner could not read and write, or files would be programs.
    """

    def __init__(self, mode: int) -> None:
        if mode & 0o600 != 0o600 or mode & ~0o666:
            raise StoreError(f"no permissions of files that their owner reads and writes: {mode:o}")
        self._mode = mode
        self._folders = mode | (mode & 0o444) >> 2

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """See ``os.open``; a file that this makes is never more open than it will be."""
        if not flags & os.O_CREAT:
            return super().open(path, flags, mode, dir_fd=dir_fd)
        descriptor = super().open(path, flags, self._mode & mode, dir_fd=dir_fd)
        try:
            os.fchmod(descriptor, self._mode)
        except OSError:  # of another owner, who made it before
            if flags & os.O_EXCL:
                os.close(descriptor)
                raise
        return descriptor

    def mkdir(self, path: str, *, dir_fd: int | None = None) -> None:
        """See ``os.mkdir``."""
        os.mkdir(path, self._folders, dir_fd=dir_fd)
        with suppress(FileNotFoundError):  # removed meanwhile, as empty folders are
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
            try:
                os.fchmod(descriptor, self._folders)
            finally:
                os.close(descriptor)
