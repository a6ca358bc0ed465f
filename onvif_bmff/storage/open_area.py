"""Files that are being written, apart from the objects, in a form that survives the death of their writer.

Each has a side file that names the object it will become. Its writer keeps it locked, and the system releases the
lock when the process ends, however it ends: a file that can be locked is an abandoned one.
"""

import errno
import fcntl
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress

from onvif_bmff.errors import StoreError
from onvif_bmff.objects.stored import OpenAreaState, UnsealedObject
from onvif_bmff.storage.file_system import LockedFile
from onvif_bmff.storage.held_folders import HeldWay
from onvif_bmff.storage.tree import HIDDEN, Tree, attribute, passing_name, read_all, write_file

__all__ = ["OpenArea", "OpenFile"]

_PLACE = [HIDDEN, "open"]
_DATA = ".data"
_SIDE = ".json"
_ATTRIBUTE = "user.onvif_bmff.open"
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class OpenFile:
    """A locked file of the open area, whose folder stays open with it; ``place`` is its descriptor."""

    def __init__(
        self,
        name: str,
        file: LockedFile,
        key: str,
        content_type: str,
        way: HeldWay,
        *,
        overwrite: bool,
        is_resumed: bool = False,
    ) -> None:
        self._way = way
        self.place = way.descriptor
        self.is_resumed = is_resumed
        self.data_name = name + _DATA
        self.side_name = name + _SIDE
        self.file = file
        self.descriptor = file.fileno()
        self.key = key
        self.content_type = content_type
        self.overwrite = overwrite

    def close(self) -> None:
        """Give up the lock, and leave the folder."""
        self._way.release()
        self.file.close()


class OpenArea:
    """The folder of files that are being written."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.system = tree.system
        self._discarded: set[str] = set()  # stems of files that this process gave up and could not remove yet

    def folder(self) -> AbstractContextManager[int]:
        """Return an open descriptor of the folder, which is made if it is missing."""
        return self._tree.folder(_PLACE, create=True)

    def create(self, key: str, content_type: str, *, overwrite: bool, fsync: bool, in_file: bool) -> OpenFile:
        """Return a new empty file for an object. ``fsync`` makes what is known of it durable.

        ``in_file``: that is kept as an extended attribute, if the file system can, and not in a side file.

        Raises:
            OSError: the operating system refused.
        """
        system = self.system
        side = json.dumps({"key": key, "content_type": content_type, "overwrite": overwrite})
        way = self._tree.way(_PLACE, create=True)
        try:
            while True:
                name = system.urandom(12).hex()
                number = system.open(name + _DATA, _OPEN | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=way.descriptor)
                file = system.file(number)
                try:
                    system.flock(number, fcntl.LOCK_EX)
                    # A process that looks for abandoned files may have removed it before it was locked.
                    if system.fstat(number).st_nlink:
                        if not (in_file and self._note(number, side, way.descriptor, fsync=fsync)):
                            data = side.encode()
                            write_file(name + _SIDE, data, way.descriptor, fsync=fsync, system=system, aside=False)
                        return OpenFile(name, file, key, content_type, way, overwrite=overwrite)
                except BaseException:
                    with suppress(OSError):
                        system.unlink(name + _DATA, dir_fd=way.descriptor)
                    file.close()
                    raise
                file.close()
        except BaseException:
            way.release()
            raise

    def _note(self, descriptor: int, side: str, folder: int, *, fsync: bool) -> bool:
        """Keep what is known of a file as an attribute of it; return False if that cannot be."""
        try:
            self.system.setxattr(descriptor, _ATTRIBUTE, side.encode())
        except OSError:
            return False
        if fsync:
            self.system.fsync(descriptor)
            self.system.fsync(folder)
        return True

    def discard(self, file: OpenFile) -> None:
        """Remove a file of this process. Its object, if it became one, has another name.

        What cannot be removed is none that a dead writer left: its writer may be writing the same object anew.

        Raises:
            OSError: the operating system refused.
        """
        stem = file.data_name.removesuffix(_DATA)
        self._discarded.add(stem)
        try:
            self._unlink(file.place, file.data_name, file.side_name)
            self._discarded.discard(stem)
        finally:
            file.close()

    def look(self, is_sealed: Callable[[str, int], bool], *, clear: bool) -> OpenAreaState:
        """Return what dead writers left, and what living ones are writing.

        With ``clear`` files that hold nothing, became an object or were discarded are removed.

        Raises:
            OSError: the operating system refused.
        """
        found: list[UnsealedObject] = []
        written: list[str] = []
        names = [name for name, is_folder in self._tree.names(_PLACE) if not is_folder]
        if not names:
            return OpenAreaState((), ())
        with self.folder() as folder:
            if clear:
                self._discard_again(folder)
            for name in names:
                stem = name.removesuffix(_DATA)
                if stem == name or stem in self._discarded:
                    continue
                try:
                    file = self._locked(folder, name)
                except BlockingIOError:
                    side = self._side(folder, stem)
                    if side is not None:
                        written.append(side[0])
                    continue
                if file is None:
                    continue
                with closing(file):
                    inode, size = (status := self.system.fstat(file.fileno())).st_ino, status.st_size
                    side = self._side(folder, stem)
                    if side is None:
                        # Its key is unknown. If it holds data, an operator has to decide about it.
                        if clear and not size:
                            self._unlink(folder, name, stem + _SIDE, passing_name(stem + _SIDE))
                    elif is_sealed(side[0], inode):
                        if clear:
                            self._unlink(folder, name, stem + _SIDE)
                    else:
                        found.append(UnsealedObject(side[0], side[1], size, stem, side[2]))
            if clear:
                data = {name for name, _ in self._tree.names(_PLACE) if name.endswith(_DATA)}
                for name in names:
                    # Side files of data that was renamed to its key.
                    if name.endswith(_SIDE) and name.removesuffix(_SIDE) + _DATA not in data:
                        self._unlink(folder, name)
        found.sort(key=lambda item: item.key)
        return OpenAreaState(tuple(found), tuple(sorted(written)))

    def read(self, item: UnsealedObject, start: int, length: int | None) -> bytes:
        """Return bytes of an abandoned file.

        Raises:
            OSError: the operating system refused.
        """
        with self.folder() as folder:
            number = self.system.open(item.name + _DATA, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            size = self.system.fstat(number).st_size
            if start < 0:
                start = max(0, size + start)
            rest = max(0, size - start)
            return read_all(number, start, rest if length is None else min(rest, max(0, length)), self.system)
        finally:
            self.system.close(number)

    def take_over(self, item: UnsealedObject, size: int | None) -> OpenFile:
        """Return an abandoned file, taken over by this process.

        Raises:
            StoreError: it is not abandoned, or shorter than ``size``.
            OSError: the operating system refused, or it is gone.
        """
        way = self._tree.way(_PLACE, create=True)
        try:
            file = self._abandoned(way.descriptor, item, size)
        except BaseException:
            way.release()
            raise
        return OpenFile(item.name, file, item.key, item.content_type, way, overwrite=item.overwrite, is_resumed=True)

    def _abandoned(self, folder: int, item: UnsealedObject, size: int | None) -> LockedFile:
        """Return an abandoned file, locked, cut to ``size`` and ready to be written to at its end."""
        try:
            file = self._locked(folder, item.name + _DATA)
        except BlockingIOError:
            raise StoreError(f"another process is writing the unsealed object: {item.key}") from None
        if file is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        try:
            have = self.system.fstat(file.fileno()).st_size
            keep = have if size is None else size
            if not 0 <= keep <= have:
                raise StoreError(f"the unsealed object has {have} bytes, not {keep}: {item.key}")
            file.truncate(keep)
            file.seek(keep)
        except BaseException:
            file.close()
            raise
        return file

    def _locked(self, folder: int, name: str) -> LockedFile | None:
        """Return an abandoned file, locked; None if it is gone. Raises ``BlockingIOError`` if its writer lives."""
        try:
            file = self.system.file(self.system.open(name, _OPEN, dir_fd=folder))
        except FileNotFoundError:
            return None
        try:
            self.system.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.system.fstat(file.fileno()).st_nlink:
                return file
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def _side(self, folder: int, stem: str) -> tuple[str, str, bool] | None:
        """Return key, content type and ``overwrite`` of a file; None if they are missing or damaged."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            try:
                number, in_file = self.system.open(stem + _SIDE, flags, dir_fd=folder), False
            except FileNotFoundError:
                number, in_file = self.system.open(stem + _DATA, flags, dir_fd=folder), True
        except FileNotFoundError:
            return None
        try:
            if in_file:
                text = attribute(self.system, number, _ATTRIBUTE) or b""
            else:
                text = read_all(number, 0, min(self.system.fstat(number).st_size, 65_536), self.system)
            side = json.loads(text)
            return str(side["key"]), str(side["content_type"]), bool(side["overwrite"])
        except (ValueError, TypeError, LookupError, RecursionError):
            return None
        finally:
            self.system.close(number)

    def _discard_again(self, folder: int) -> None:
        for stem in tuple(self._discarded):
            with suppress(OSError):  # it stays discarded, and is tried again
                self._unlink(folder, stem + _DATA, stem + _SIDE)
                self._discarded.discard(stem)

    def _unlink(self, folder: int, *names: str) -> None:
        for name in names:
            with suppress(FileNotFoundError):
                self.system.unlink(name, dir_fd=folder)
