"""Descriptors of folders that are kept open, so that a way that was gone before costs a look at each name only.

A descriptor goes on meaning the folder that was opened, wherever that is moved, and whatever has its name now. So each
use of a way looks at every name on it, without following links: a folder that was removed, replaced, moved away or made
a link is left, and opened anew. A descriptor is closed when nobody uses it any more, never under a user: the system
would give its number to another file.
"""

from collections import OrderedDict
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onvif_bmff.storage.file_system import FileSystem

__all__ = ["HeldFolder", "HeldFolders", "HeldWay"]

_Path = tuple[str, ...]


class HeldFolder:
    """An open folder: its descriptor and inode, how many use it, and whether it is kept for others."""

    __slots__ = ("descriptor", "inode", "is_kept", "users")

    def __init__(self, descriptor: int, inode: int) -> None:
        self.descriptor = descriptor
        self.inode = inode
        self.users = 1
        self.is_kept = False


class HeldFolders:
    """Open folders by their way from the root, at most ``limit`` of them besides those in use; for many threads.

    Nothing that may block is called under its lock.
    """

    def __init__(self, system: "FileSystem", limit: int) -> None:
        self._system = system
        self._limit = limit
        self._lock = Lock()
        self._kept: OrderedDict[_Path, HeldFolder] = OrderedDict()

    def __del__(self) -> None:
        for folder in getattr(self, "_kept", {}).values():  # a copy that could not be made has none
            with suppress(BaseException):  # a simulated process may be dead by now
                self._system.close(folder.descriptor)

    def __len__(self) -> int:
        return len(self._kept)

    def use(self, parts: list[str]) -> list[HeldFolder]:
        """Return the folders on a way that are kept, from the root on, without a gap; the caller uses them now."""
        found: list[HeldFolder] = []
        path: _Path = ()
        with self._lock:
            for depth in range(len(parts) + 1):
                folder = self._kept.get(path)
                if folder is None:
                    break
                folder.users += 1
                found.append(folder)
                if depth < len(parts):
                    path = (*path, parts[depth])
        return found

    def keep(self, path: _Path, folder: HeldFolder) -> None:
        """Keep a folder that the caller has opened and uses."""
        if not self._limit:
            return
        closed = []
        with self._lock:
            before = self._kept.pop(path, None)
            if before is not None:
                closed += self._left(before)
            folder.is_kept = True
            self._kept[path] = folder
            while len(self._kept) > self._limit:
                closed += self._left(self._kept.popitem(last=False)[1])
        self._close(closed)

    def forget(self, path: _Path, folder: HeldFolder) -> None:
        """Keep a folder no longer, nor those below it."""
        closed = []
        with self._lock:
            if self._kept.get(path) is folder:
                below = [one for one in self._kept if one[: len(path)] == path]
                for one in below:
                    closed += self._left(self._kept.pop(one))
        self._close(closed)

    def clear(self) -> None:
        """Keep none any longer."""
        with self._lock:
            closed = [one for folder in self._kept.values() for one in self._left(folder)]
            self._kept.clear()
        self._close(closed)

    def release(self, folders: list[HeldFolder], path: _Path = ()) -> None:
        """End the use of folders; ``path`` is the way that was used, which is the last to be given up then."""
        closed = []
        with self._lock:
            for folder in folders:
                folder.users -= 1
                if not folder.users and not folder.is_kept:
                    closed.append(folder.descriptor)
            if path in self._kept:
                self._kept.move_to_end(path)
        self._close(closed)

    @staticmethod
    def _left(folder: HeldFolder) -> list[int]:
        """Return the descriptor of a folder that is kept no longer, if nobody uses it."""
        folder.is_kept = False
        return [] if folder.users else [folder.descriptor]

    def _close(self, descriptors: list[int]) -> None:
        for descriptor in descriptors:
            with suppress(OSError):
                self._system.close(descriptor)


class HeldWay:
    """The use of the folders on a way for as long as somebody wants it; ``descriptor`` is that of the last one."""

    def __init__(self, held: HeldFolders, folders: list[HeldFolder], path: _Path) -> None:
        self._held = held
        self._folders = folders
        self._path = path
        self.descriptor = folders[-1].descriptor

    def __del__(self) -> None:
        with suppress(BaseException):  # a simulated process may be dead by now
            self.release()

    def release(self) -> None:
        """End the use. Does nothing if it has ended."""
        folders, self._folders = self._folders, []
        self._held.release(folders, self._path)
