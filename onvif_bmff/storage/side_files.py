"""Content type and attributes of the objects of a ``DirectoryStore``, in side files of its hidden area.

The side file of ``a/b.mp4`` is ``.onvif_bmff/meta/a.d/b.mp4.json``: folders there always end in ``.d`` and
files in ``.json``, so that an object ``x`` and a folder ``x.json`` do not collide.

A side file usually holds one version. While an object is being replaced it holds the old and the new one,
distinguished by the inode of the object's file, so that a reader gets attributes and bytes that belong together
at any moment. A tree that was copied elsewhere has other inodes; a single version is valid anyway.
"""

import errno
import json
import os
import stat
from contextlib import suppress

from onvif_bmff.errors import ObjectDamagedError
from onvif_bmff.storage.labels import Label, label_of, label_text
from onvif_bmff.storage.tree import HIDDEN, Tree, passing_name, read_all, write_file

__all__ = ["SideFiles"]

_MAX_FILE = 1 << 20
_IN_ITS_PLACE = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)
"""Errors of the system for a link, for a file in place of a folder, and for a socket."""


class SideFiles:
    """The side files of a store."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def read(self, parts: list[str], inode: int) -> Label:
        """Return the label that belongs to an object; a default one if there is no side file.

        Raises:
            ObjectDamagedError: the side file is damaged, or something else is in its place.
            OSError: the operating system refused.
        """
        versions = self._load(parts)
        if not versions:
            return Label(inode, None, {})
        return next((version for version in versions if version.inode == inode), versions[-1])

    def write(self, parts: list[str], versions: list[Label], *, fresh: bool = False) -> None:
        """Make the side file hold these versions, durably; it is not made for a default label.

        ``fresh``: there is no object yet, so that nobody reads the side file until it is whole.

        The caller must hold the lock of the side file.

        Raises:
            OSError: the operating system refused.
        """
        if len(versions) == 1 and versions[0].is_default and not self._exists(parts):
            return
        folder, name = self._place(parts)
        with self._tree.folder(folder, create=True) as here:
            write_file(
                name,
                label_text(versions).encode(),
                here,
                fsync=self._tree.fsync,
                system=self._tree.system,
                aside=not fresh,
            )

    def drop(self, parts: list[str]) -> None:
        """Remove the side file, and folders that become empty, if there is one."""
        folder, name = self._place(parts)
        with suppress(OSError):
            with self._tree.folder(folder) as here:
                with suppress(FileNotFoundError):
                    self._tree.system.unlink(passing_name(name), dir_fd=here)  # of a process that died
                with suppress(FileNotFoundError):
                    self._tree.system.unlink(name, dir_fd=here)
            self._tree.clear_upwards(folder, 2)

    @staticmethod
    def _place(parts: list[str]) -> tuple[list[str], str]:
        return [HIDDEN, "meta", *(f"{part}.d" for part in parts[:-1])], f"{parts[-1]}.json"

    def _exists(self, parts: list[str]) -> bool:
        folder, name = self._place(parts)
        try:
            with self._tree.folder(folder) as here:
                self._tree.system.stat(name, dir_fd=here)
        except FileNotFoundError:
            return False
        return True

    def _load(self, parts: list[str]) -> list[Label]:
        folder, name = self._place(parts)
        system = self._tree.system
        try:
            with self._tree.folder(folder) as here:
                file = system.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=here)
        except FileNotFoundError:
            return []
        except OSError as error:
            if error.errno not in _IN_ITS_PLACE:
                raise
            raise ObjectDamagedError(f"the side file of {'/'.join(parts)!r} is damaged: not a file") from None
        try:
            found = system.fstat(file)
            size = min(found.st_size, _MAX_FILE)
            data = read_all(file, 0, size, system) if stat.S_ISREG(found.st_mode) else b""
        finally:
            system.close(file)
        try:
            return [label_of(item) for item in json.loads(data)["versions"]]
        except (ValueError, TypeError, LookupError, RecursionError, OverflowError):
            raise ObjectDamagedError(f"the side file of {'/'.join(parts)!r} is damaged") from None
