"""Content type and attributes of objects as extended attributes of their files, in place of side files.

They lie in the inode: durable with the bytes, renamed and linked with the file, and never those of another one. They
are lost by ``cp``, ``tar`` and ``zip`` without special options. What a file system cannot keep so, such as labels of
more than about 4 KB, is kept in a side file.
"""

import errno
import json
import os

from onvif_bmff.errors import ObjectDamagedError
from onvif_bmff.storage.labels import Label, label_of, label_text
from onvif_bmff.storage.tree import Tree, attribute

__all__ = ["FileLabels"]

_LABEL = "user.onvif_bmff.label"
_UNFIT = (errno.ENOTSUP, errno.ENOSPC, errno.E2BIG, errno.ERANGE, errno.EDQUOT, errno.EPERM, errno.EACCES)
"""Errors of the system where an attribute cannot be kept; a disk that is full is met again by the side file."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class FileLabels:
    """The labels in the files of a store."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def write(self, descriptor: int, label: Label) -> bool:
        """Give an open file its label, durable with the next fsync of the file; return whether it could be kept.

        Raises:
            OSError: the operating system refused for another reason.
        """
        try:
            self._tree.system.setxattr(descriptor, _LABEL, label_text([label]).encode())
        except OSError as error:
            if error.errno not in _UNFIT:
                raise
            self.clear(descriptor)
            return False
        return True

    def clear(self, descriptor: int) -> None:
        """Take a label away that a former writer of an open file may have given it.

        Raises:
            OSError: the operating system refused.
        """
        try:
            self._tree.system.removexattr(descriptor, _LABEL)
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.ENOTSUP):
                raise

    def read(self, parts: list[str], inode: int) -> Label | None:
        """Return the label in the file of an object, or None if that has none, or is not this one any more.

        Raises:
            ObjectDamagedError: the attribute is damaged.
            OSError: the operating system refused.
        """
        system = self._tree.system
        with self._tree.folder(parts[:-1]) as folder:
            try:
                file = system.open(parts[-1], _READ, dir_fd=folder)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                    return None
                raise
        try:
            if system.fstat(file).st_ino != inode:
                return None
            text = attribute(system, file, _LABEL)
        finally:
            system.close(file)
        if text is None:
            return None
        try:
            label = label_of(json.loads(text)["versions"][0])
        except (ValueError, TypeError, LookupError, RecursionError, OverflowError):
            raise ObjectDamagedError(f"the label of {'/'.join(parts)!r} is damaged") from None
        return Label(inode, label.content_type, label.attributes)
