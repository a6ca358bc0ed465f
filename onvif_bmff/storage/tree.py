"""A directory tree without a way out: every step goes through an open directory, none through a link."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from onvif_bmff.errors import ObjectKeyError, ObjectNotFoundError, StoreError
from onvif_bmff.objects.key import check_path
from onvif_bmff.objects.locations import STORE_AREA
from onvif_bmff.storage.file_system import POSIX, FileSystem
from onvif_bmff.storage.held_folders import HeldFolder, HeldFolders, HeldWay

__all__ = ["HIDDEN", "Tree", "attribute", "failures", "passing_name", "read_all", "write_all", "write_file"]

HIDDEN = STORE_AREA
"""Name of the area in the root that is not part of the key space."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A name has at most 255 bytes on common file systems, and the side file of an object adds five.
_MAX_NAME = 250
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LOST_RACES = 100
_MAX_KNOWN = 4096
"""Folders that are remembered as durable."""


@contextmanager
def failures(doing: str, key: str, *, reading: bool = False) -> Iterator[None]:
    """Convert errors of the operating system to errors of this library.

    Raises:
        ObjectNotFoundError: there is no such file (``reading`` only).
        StoreError: anything else went wrong.
    """
    try:
        yield
    except OSError as error:
        # "Not a directory" means that a part of the path is an object or a link.
        if reading and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR):
            raise ObjectNotFoundError(f"no object has this key: {key}") from None
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StoreError(f"{doing} {key!r} failed: {reason}") from error


class Tree:
    """Folders and files under a root directory, addressed by lists of names.

    ``fsync`` says whether new folders are made durable at once; ``system`` is where they are; ``held`` is how many
    folders are kept open.
    """

    def __init__(self, root: str, *, fsync: bool, system: FileSystem = POSIX, held: int = 128) -> None:
        self.system = system
        self.root = root
        self.fsync = fsync
        self._held = HeldFolders(system, held)
        self._durable: dict[tuple[str, ...], int] = {}  # folders whose names are on the disk, and their inodes

    def make_root(self) -> None:
        """Make the root folder if it is missing; its name is durable then, and those of folders above it.

        Raises:
            OSError: it cannot be made.
        """
        system = self.system
        missing = []
        path = self.root
        while not system.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for path in reversed(missing):
            try:
                system.mkdir(path)
            except FileExistsError:
                if not system.isdir(path):  # otherwise another process made it meanwhile
                    raise
        if not self.fsync:
            return
        for above in [os.path.dirname(path) for path in missing] or [os.path.dirname(self.root)]:
            with suppress(PermissionError):  # a process that may not read the folder above has not made this one
                folder = system.open(above, _FOLDER & ~os.O_NOFOLLOW)
                try:
                    system.fsync(folder)
                except OSError as error:
                    if missing or error.errno not in (errno.EINVAL, errno.EROFS):
                        raise  # otherwise a mount point on a read-only file system, which may know no fsync
                finally:
                    system.close(folder)

    def close(self) -> None:
        """Close the folders that are kept open; later uses open them anew."""
        self._held.clear()

    def parts_of(self, key: str) -> list[str]:
        """Return the names on the way to a key.

        Raises:
            ObjectKeyError: the key cannot lie in a directory tree: it is no safe path, has a name longer
                than 250 bytes, or would lie in the hidden area.
        """
        check_path(key)
        parts = key.split("/")
        if parts[0].casefold() == HIDDEN:
            raise ObjectKeyError(f"{HIDDEN} belongs to the store itself: {key[:80]!r}")
        if not all(map(_fits, parts)):
            raise ObjectKeyError(f"a name in a key is at most {_MAX_NAME} bytes long here: {key[:80]!r}")
        return parts

    @contextmanager
    def folder(self, parts: list[str], *, create: bool = False) -> Iterator[int]:
        """Yield an open descriptor of a folder, which is left open for later uses or closed afterwards.

        Raises:
            OSError: it does not exist, is no folder, or a part of the way is a link.
        """
        folders = self._held.use(parts)
        try:
            self._walk(parts, folders, create=create)
            yield folders[-1].descriptor
        finally:
            self._held.release(folders, tuple(parts))

    def way(self, parts: list[str], *, create: bool = False) -> HeldWay:
        """Return a folder that stays open until it is released.

        Raises:
            OSError: as ``folder``.
        """
        folders = self._held.use(parts)
        try:
            self._walk(parts, folders, create=create)
        except BaseException:
            self._held.release(folders)
            raise
        return HeldWay(self._held, folders, tuple(parts))

    def _walk(self, parts: list[str], folders: list[HeldFolder], *, create: bool) -> None:
        """Check that the held folders of a way are still what they were; open the others, and add them."""
        for depth in range(len(parts) + 1):
            path = tuple(parts[:depth])
            if depth < len(folders):
                if self._is_same(path, folders, depth):
                    if depth and create and self.fsync:
                        self._keep_name(path, folders[depth - 1].descriptor, folders[depth].inode)
                    continue
                self._held.forget(path, folders[depth])
                self._held.release(folders[depth:])
                del folders[depth:]
            if depth:
                descriptor = self._step(folders[-1].descriptor, parts[depth - 1], create=create)
            else:
                descriptor = self.system.open(self.root, _FOLDER & ~os.O_NOFOLLOW)
            try:
                found = HeldFolder(descriptor, self.system.fstat(descriptor).st_ino)
                if depth and create and self.fsync:
                    self._keep_name(path, folders[-1].descriptor, found.inode)
            except BaseException:
                self.system.close(descriptor)
                raise
            folders.append(found)
            self._held.keep(path, found)

    def _is_same(self, path: tuple[str, ...], folders: list[HeldFolder], depth: int) -> bool:
        """Return whether the name of a held folder is still its own."""
        above = folders[max(0, depth - 1)].descriptor
        try:
            return self.system.stat(path[-1] if path else self.root, dir_fd=above).st_ino == folders[depth].inode
        except FileNotFoundError:
            return False

    def _keep_name(self, path: tuple[str, ...], above: int, inode: int) -> None:
        """Make the name of a folder durable, even if another process made it, which may have died since."""
        if self._durable.get(path) == inode:
            return
        self.system.fsync(above)
        if len(self._durable) >= _MAX_KNOWN:
            self._durable.clear()
        self._durable[path] = inode

    def _step(self, here: int, part: str, *, create: bool) -> int:
        for _ in range(_LOST_RACES):
            try:
                return self.system.open(part, _FOLDER, dir_fd=here)
            except FileNotFoundError:
                if not create:
                    raise
            # Another process may make the same folder now, or clear it away again once it is empty.
            with suppress(FileExistsError):
                self.system.mkdir(part, dir_fd=here)
        raise OSError(errno.EBUSY, "the folder keeps vanishing")

    def sync(self, folder: int) -> None:
        """Make the names in an open folder durable."""
        if self.fsync:
            self.system.fsync(folder)

    def clear_upwards(self, parts: list[str], keep: int) -> None:
        """Remove the folder and those above it as far as they are empty, but not the first ``keep``."""
        with suppress(OSError):
            for depth in range(len(parts), keep, -1):
                with self.folder(parts[: depth - 1]) as above:
                    self.system.rmdir(parts[depth - 1], dir_fd=above)
                self._durable.pop(tuple(parts[:depth]), None)

    @contextmanager
    def _opened(self, above: int, parts: list[str]) -> Iterator[int]:
        here = (
            self.system.open(parts[-1], _FOLDER, dir_fd=above)
            if parts
            else self.system.open(self.root, _FOLDER & ~os.O_NOFOLLOW)
        )
        try:
            yield here
        finally:
            self.system.close(here)

    def names(self, parts: list[str]) -> list[tuple[str, bool]]:
        """Return names in a folder that can be part of a key, with whether they are folders; unordered.

        Links and special files are left out. A folder that is gone has no names.
        """
        found: list[tuple[str, bool]] = []
        try:
            # Through a descriptor of its own: where a listing is, is the same for all users of a descriptor.
            with (
                self.folder(parts[:-1]) as above,
                self._opened(above, parts) as here,
                self.system.scandir(here) as entries,
            ):
                for entry in entries:
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if (is_folder or entry.is_file(follow_symlinks=False)) and _fits(entry.name):
                        found.append((entry.name, is_folder))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise
        return found


def _fits(name: str) -> bool:
    if len(name) > _MAX_NAME // 4 and len(os.fsencode(name)) > _MAX_NAME:
        return False
    return _UNFIT.search(name) is None


def passing_name(name: str) -> str:
    """Return the name of a file while ``write_file`` writes it."""
    return f"{name[:-1]}~"


def write_file(
    name: str, data: bytes, folder: int, *, fsync: bool, system: FileSystem = POSIX, aside: bool = True
) -> None:
    """Write a file whole, replacing one of that name in one step, or, unless ``aside``, in its place.

    No other thread or process may write the same file meanwhile. The name must not end in ``~``.

    Raises:
        OSError: the operating system refused.
    """
    passing = passing_name(name) if aside else name
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = system.open(passing, flags, 0o666, dir_fd=folder)
    try:
        try:
            write_all(descriptor, [data], system)
            if fsync:
                system.fsync(descriptor)
        finally:
            system.close(descriptor)
        if aside:
            system.rename(passing, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            system.unlink(passing, dir_fd=folder)
        raise
    if fsync:
        system.fsync(folder)


def write_all(descriptor: int, buffers: list[bytes | memoryview], system: FileSystem = POSIX) -> None:
    """Write buffers in order, however few bytes the system takes at a time.

    Raises:
        OSError: the operating system refused.
    """
    at = 0
    while at < len(buffers):
        batch = buffers[at : at + 512]
        written = system.writev(descriptor, batch)
        for buffer in batch:
            size = len(buffer)
            if written < size:
                buffers[at] = memoryview(buffer)[written:]
                break
            written -= size
            at += 1


def read_all(descriptor: int, start: int, length: int, system: FileSystem = POSIX) -> bytes:
    """Return up to ``length`` bytes from ``start``, fewer at the end of the file.

    Raises:
        OSError: the operating system refused.
    """
    if length <= 0:
        return b""  # however far behind the end: systems take no offsets of more than 63 bits
    data = system.pread(descriptor, length, start)
    if len(data) == length or not data:
        return data
    pieces = [data]
    have = len(data)
    while have < length:
        data = system.pread(descriptor, length - have, start + have)
        if not data:
            break
        pieces.append(data)
        have += len(data)
    return b"".join(pieces)


def attribute(system: FileSystem, descriptor: int, name: str) -> bytes | None:
    """Return an extended attribute of an open file, or None if it has none, or the file system knows none.

    Raises:
        OSError: the operating system refused.
    """
    try:
        return system.getxattr(descriptor, name)
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.ENOTSUP):
            raise
        return None
