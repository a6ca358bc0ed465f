"""The functions of the operating system that a ``DirectoryStore`` uses, as one object that can be replaced."""

import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from io import FileIO
from typing import Protocol

__all__ = ["POSIX", "FileStatus", "FileSystem", "FolderEntry", "LockedFile", "PosixFileSystem"]


_HAS_ATTRIBUTES = sys.platform == "linux"  # Python has no such functions elsewhere


class FileStatus(Protocol):
    """What ``stat`` says of a file; ``os.stat_result`` is one."""

    @property
    def st_mode(self) -> int:
        """Kind and permissions."""
        ...

    @property
    def st_ino(self) -> int:
        """Number of the file, unique as long as it exists."""
        ...

    @property
    def st_nlink(self) -> int:
        """How many names it has."""
        ...

    @property
    def st_size(self) -> int:
        """Size in bytes."""
        ...


class FolderEntry(Protocol):
    """A name in a folder; ``os.DirEntry`` is one."""

    @property
    def name(self) -> str:
        """The name."""
        ...

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        """Return whether it is a folder."""
        ...

    def is_file(self, *, follow_symlinks: bool) -> bool:
        """Return whether it is a regular file."""
        ...


class LockedFile(Protocol):
    """An open file that closes its descriptor, and so gives up its lock; ``io.FileIO`` is one."""

    def fileno(self) -> int:
        """Return the descriptor."""
        ...

    def truncate(self, size: int, /) -> int:
        """Cut the file."""
        ...

    def seek(self, position: int, /) -> int:
        """Set where the next byte is written."""
        ...

    def close(self) -> None:
        """Close the descriptor."""
        ...


class FileSystem(Protocol):
    """Functions of ``os``, and ``fcntl.flock``, as Python documents them; all may raise ``OSError``."""

    def realpath(self, path: str) -> str:
        """As ``os.path.realpath``."""
        ...

    def isdir(self, path: str) -> bool:
        """As ``os.path.isdir``."""
        ...

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """As ``os.open``."""
        ...

    def file(self, descriptor: int) -> LockedFile:
        """Return an open descriptor as a file for reading and writing, which owns it."""
        ...

    def close(self, descriptor: int) -> None:
        """As ``os.close``."""
        ...

    def flock(self, descriptor: int, operation: int) -> None:
        """As ``fcntl.flock``."""
        ...

    def writev(self, descriptor: int, buffers: list[bytes | memoryview]) -> int:
        """As ``os.writev``."""
        ...

    def pread(self, descriptor: int, length: int, start: int) -> bytes:
        """As ``os.pread``."""
        ...

    def fsync(self, descriptor: int) -> None:
        """As ``os.fsync``."""
        ...

    def fstat(self, descriptor: int) -> FileStatus:
        """As ``os.fstat``."""
        ...

    def stat(self, path: str, *, dir_fd: int) -> FileStatus:
        """As ``os.stat``, without following links."""
        ...

    def scandir(self, descriptor: int) -> AbstractContextManager[Iterator[FolderEntry]]:
        """As ``os.scandir``."""
        ...

    def mkdir(self, path: str, *, dir_fd: int | None = None) -> None:
        """As ``os.mkdir``."""
        ...

    def rmdir(self, path: str, *, dir_fd: int) -> None:
        """As ``os.rmdir``."""
        ...

    def unlink(self, path: str, *, dir_fd: int) -> None:
        """As ``os.unlink``."""
        ...

    def link(self, source: str, path: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        """As ``os.link``, without following links."""
        ...

    def rename(self, source: str, path: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        """As ``os.rename``."""
        ...

    def setxattr(self, descriptor: int, name: str, value: bytes) -> None:
        """As ``os.setxattr``."""
        ...

    def getxattr(self, descriptor: int, name: str) -> bytes:
        """As ``os.getxattr``."""
        ...

    def removexattr(self, descriptor: int, name: str) -> None:
        """As ``os.removexattr``."""
        ...

    def urandom(self, size: int) -> bytes:
        """As ``os.urandom``: for names that nobody else takes."""
        ...


class PosixFileSystem:
    """The operating system itself; see ``FileSystem``."""

    def realpath(self, path: str) -> str:
        """See ``os.path.realpath``."""
        return os.path.realpath(path)

    def isdir(self, path: str) -> bool:
        """See ``os.path.isdir``."""
        return os.path.isdir(path)

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """See ``os.open``."""
        return os.open(path, flags, mode, dir_fd=dir_fd)

    def file(self, descriptor: int) -> LockedFile:
        """Return an open descriptor as a file for reading and writing, which owns it."""
        return FileIO(descriptor, "r+")

    def close(self, descriptor: int) -> None:
        """See ``os.close``."""
        os.close(descriptor)

    def flock(self, descriptor: int, operation: int) -> None:
        """See ``fcntl.flock``."""
        fcntl.flock(descriptor, operation)

    def writev(self, descriptor: int, buffers: list[bytes | memoryview]) -> int:
        """See ``os.writev``."""
        return os.writev(descriptor, buffers)

    def pread(self, descriptor: int, length: int, start: int) -> bytes:
        """See ``os.pread``."""
        return os.pread(descriptor, length, start)

    def fsync(self, descriptor: int) -> None:
        """See ``os.fsync``."""
        os.fsync(descriptor)

    def fstat(self, descriptor: int) -> FileStatus:
        """See ``os.fstat``."""
        return os.fstat(descriptor)

    def stat(self, path: str, *, dir_fd: int) -> FileStatus:
        """See ``os.stat``; links are not followed."""
        return os.stat(path, dir_fd=dir_fd, follow_symlinks=False)

    def scandir(self, descriptor: int) -> AbstractContextManager[Iterator[FolderEntry]]:
        """See ``os.scandir``."""
        return os.scandir(descriptor)

    def mkdir(self, path: str, *, dir_fd: int | None = None) -> None:
        """See ``os.mkdir``."""
        os.mkdir(path, dir_fd=dir_fd)

    def rmdir(self, path: str, *, dir_fd: int) -> None:
        """See ``os.rmdir``."""
        os.rmdir(path, dir_fd=dir_fd)

    def unlink(self, path: str, *, dir_fd: int) -> None:
        """See ``os.unlink``."""
        os.unlink(path, dir_fd=dir_fd)

    def link(self, source: str, path: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        """See ``os.link``; links are not followed."""
        os.link(source, path, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=False)

    def rename(self, source: str, path: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        """See ``os.rename``."""
        os.rename(source, path, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    def setxattr(self, descriptor: int, name: str, value: bytes) -> None:
        """See ``os.setxattr``."""
        if not _HAS_ATTRIBUTES:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        os.setxattr(descriptor, name, value)

    def getxattr(self, descriptor: int, name: str) -> bytes:
        """See ``os.getxattr``."""
        if not _HAS_ATTRIBUTES:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        return os.getxattr(descriptor, name)

    def removexattr(self, descriptor: int, name: str) -> None:
        """See ``os.removexattr``."""
        if not _HAS_ATTRIBUTES:
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        os.removexattr(descriptor, name)

    def urandom(self, size: int) -> bytes:
        """See ``os.urandom``."""
        return os.urandom(size)


POSIX = PosixFileSystem()
"""The operating system that this program runs on."""
