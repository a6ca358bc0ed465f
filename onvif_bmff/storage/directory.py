"""Objects as files below a directory, made whole and durable before they are visible."""

import errno
import fcntl
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal, TypeVar

from onvif_bmff.errors import ObjectExistsError, ObjectKeyError, ObjectNotFoundError, StoreError
from onvif_bmff.objects.stored import ObjectInfo, OpenAreaState, StorageObject, UnsealedObject
from onvif_bmff.storage.acceptable import check_content_type
from onvif_bmff.storage.directory_writer import DirectoryWriter
from onvif_bmff.storage.file_labels import FileLabels
from onvif_bmff.storage.file_system import POSIX, FileSystem
from onvif_bmff.storage.labels import Label
from onvif_bmff.storage.location import local_path
from onvif_bmff.storage.open_area import OpenArea, OpenFile
from onvif_bmff.storage.side_files import SideFiles
from onvif_bmff.storage.tree import HIDDEN, Tree, failures, read_all

__all__ = ["DirectoryStore", "UnsealedObject"]

T = TypeVar("T")

_LOST_RACES = 100


@dataclass(frozen=True, slots=True)
class _Found:
    size: int
    inode: int


class DirectoryStore:
    """An ``ObjectStore`` in a directory of a POSIX system, for any number of processes and threads at once.

    The file of an object is ``root/key``. Unsealed objects, content types and attributes are in
    ``root/.onvif_bmff``, outside the key space. An object gets its name in one step, after its bytes and
    attributes are on the disk; an existing one is replaced only on request, and then in one step too.

    Keys are kept inside the root: parts ``.`` and ``..``, absolute paths, control characters and names over
    250 bytes are refused, and links are never followed. A key cannot be both an object and the beginning of
    another (``a`` and ``a/b``). An open writer holds one file descriptor.

    Args:
        root: the directory; made if it is missing.
        fsync: make every object durable before its writer's ``seal`` returns. Off is for tests.
        fsync_appends: also make each append durable, so that a power cut costs no more than one fragment
            of what ``unsealed`` finds.
        labels: where content types and attributes are written: ``"files"``, side files in the hidden area, which all
            tools that copy files take along; or ``"attributes"``, extended attributes of the objects' files, which cost
            half as much, and which ``cp``, ``tar`` and ``zip`` lose without special options. What a file system cannot
            keep as an attribute goes to a side file. Both are read in any case.
        held_folders: how many folders are kept open, besides those of open writers.
        create: make the directory if it is missing; otherwise a missing one is an error.
        system: the functions of the operating system. ``FixedModes`` gives new files permissions of their own; tests
            replace it.

    Raises:
        StoreError: the directory is missing or cannot be made, or the root is no local path, such as a URL.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        fsync: bool = True,
        fsync_appends: bool = False,
        labels: Literal["files", "attributes"] = "files",
        held_folders: int = 128,
        create: bool = True,
        system: FileSystem = POSIX,
    ) -> None:
        path = system.realpath(local_path(root))
        self._system = system
        self._tree = Tree(path, fsync=fsync, system=system, held=held_folders)
        with failures("opening the store", path):
            if create:
                self._tree.make_root()
            elif not system.isdir(path):
                raise StoreError(f"no such directory: {path}")
        self._side_files = SideFiles(self._tree)
        self._file_labels = FileLabels(self._tree)
        self._in_files = labels == "attributes"
        self._open_area = OpenArea(self._tree)
        self._fsync_appends = fsync_appends

    def __repr__(self) -> str:
        return f"DirectoryStore({self._tree.root!r})"

    def close(self) -> None:
        """Close the folders that are kept open, as for unmounting. The store may be used again, and opens them anew."""
        self._tree.close()

    @property
    def root(self) -> str:
        """Path of the directory, without links."""
        return self._tree.root

    @property
    def location(self) -> str:
        """URI of the directory, without links; see ``onvif_bmff.objects.stored.LocatedStore``."""
        return f"file://{self._tree.root}"

    # ---- writing -----------------------------------------------------------------------------------

    def put(self, obj: StorageObject, *, overwrite: bool = False) -> None:
        """Store a whole object; see ``ObjectStore.put``."""
        writer = self.open_writer(str(obj.key), content_type=obj.content_type, overwrite=overwrite)
        try:
            writer.append(obj.body)
            writer.seal(obj.metadata)
        finally:
            writer.abandon()

    def open_writer(self, key: str, *, content_type: str, overwrite: bool = False) -> DirectoryWriter:
        """Begin an object; see ``ObjectStore.open_writer``."""
        parts = self._tree.parts_of(key)
        check_content_type(content_type)
        if not overwrite and self._find(key, parts) is not None:
            raise ObjectExistsError(f"an object has this key already: {key}")
        with failures("writing", key):
            # Without durable appends there would be nothing to salvage after a power cut anyway.
            durable = self._tree.fsync and self._fsync_appends
            file = self._open_area.create(key, content_type, overwrite=overwrite, fsync=durable, in_file=self._in_files)
        return self._writer(file)

    def _writer(self, file: OpenFile) -> DirectoryWriter:
        return DirectoryWriter(file, self._open_area, self._commit, fsync_appends=self._fsync_appends)

    def delete(self, key: str) -> None:
        """Remove an object, and folders that become empty; see ``ObjectStore.delete``."""
        parts = self._tree.parts_of(key)
        with failures("deleting", key, reading=True), self._locked(key):
            with self._tree.folder(parts[:-1]) as folder:
                self._system.unlink(parts[-1], dir_fd=folder)
                self._tree.sync(folder)
            self._side_files.drop(parts)
            self._tree.clear_upwards(parts[:-1], 0)

    def _commit(self, file: OpenFile, attributes: Mapping[str, str]) -> None:
        """Move a written file to its key."""
        key = file.key
        parts = self._tree.parts_of(key)
        label = Label(self._system.fstat(file.descriptor).st_ino, file.content_type, attributes)
        in_file = self._in_files and self._file_labels.write(file.descriptor, label)
        if file.is_resumed and not in_file:
            self._file_labels.clear(file.descriptor)
        if self._tree.fsync:
            self._system.fsync(file.descriptor)
        if in_file and not file.overwrite and self._retried(lambda: self._link_new(file, parts)):
            return
        with self._locked(key):
            self._retried(lambda: self._put_in_place(file, parts, label, in_file=in_file))

    def _link_new(self, file: OpenFile, parts: list[str]) -> bool:
        """Name a file that has its label: a link alone decides who is first. False if the system has no links."""
        with self._tree.folder(parts[:-1], create=True) as folder:
            if not self._linked(file, folder, parts[-1]):
                return False
            self._tree.sync(folder)
            return True

    def _put_in_place(self, file: OpenFile, parts: list[str], label: Label, *, in_file: bool) -> None:
        with self._tree.folder(parts[:-1], create=True) as folder:
            old = self._found_in(folder, file.key, parts)
            if old is not None and not file.overwrite:
                raise ObjectExistsError(f"an object took this key meanwhile: {file.key}")
            versions = [label]
            if old is not None:
                with suppress(StoreError):  # a damaged side file has no information on the old object
                    versions.insert(0, self._side_files.read(parts, old.inode))
            if not in_file:
                self._retried(lambda: self._side_files.write(parts, versions, fresh=old is None))
            self._name(file, folder, parts[-1], replacing=old is not None)
            if in_file:
                self._side_files.drop(parts)  # that of a former object of the key
            elif old is not None:
                self._side_files.write(parts, [label])

    def _name(self, file: OpenFile, folder: int, name: str, *, replacing: bool) -> None:
        if replacing or not self._linked(file, folder, name):  # without links our own lock must do
            self._system.rename(file.data_name, name, src_dir_fd=file.place, dst_dir_fd=folder)
        self._tree.sync(folder)

    def _linked(self, file: OpenFile, folder: int, name: str) -> bool:
        """Give a file its name; unlike a rename, a link fails if any program made one. False if there are no links.

        Raises:
            ObjectExistsError: there is one, and it is not to be replaced.
            OSError: the operating system refused.
        """
        try:
            self._system.link(file.data_name, name, src_dir_fd=file.place, dst_dir_fd=folder)
        except FileExistsError:
            if file.overwrite:  # made without our lock since we looked
                return False
            raise ObjectExistsError(f"an object took this key meanwhile: {file.key}") from None
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
                raise
            return False
        return True

    @staticmethod
    def _retried(step: Callable[[], T]) -> T:
        """Repeat a step that fails because another process removes empty folders."""
        for attempt in range(_LOST_RACES):
            try:
                return step()
            except FileNotFoundError:
                if attempt == _LOST_RACES - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Keep all other processes and threads from naming, replacing or deleting this object."""
        with self._tree.folder([HIDDEN, "locks"], create=True) as folder:
            name = f"{zlib.crc32(key.encode()) & 0xFF:02x}"
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            lock = self._system.open(name, flags, 0o666, dir_fd=folder)
        try:
            self._system.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            self._system.close(lock)

    # ---- reading -----------------------------------------------------------------------------------

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object; see ``ObjectStore.get``."""
        parts = self._tree.parts_of(key)
        system = self._system
        with failures("reading", key, reading=True):
            with self._tree.folder(parts[:-1]) as folder:
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
                file = system.open(parts[-1], flags, dir_fd=folder)
            try:
                found = system.fstat(file)
                if not stat.S_ISREG(found.st_mode):
                    raise ObjectNotFoundError(f"no object has this key: {key}")
                if start < 0:
                    start = max(0, found.st_size + start)
                rest = max(0, found.st_size - start)
                return read_all(file, start, rest if length is None else min(rest, max(0, length)), system)
            finally:
                system.close(file)

    def head(self, key: str) -> ObjectInfo:
        """Return size, content type and attributes of an object; see ``ObjectStore.head``.

        The content type is None, and there are no attributes, where the file was not written by this class.
        """
        parts = self._tree.parts_of(key)
        with failures("reading", key, reading=True):
            found = self._find(key, parts)
            for _ in range(_LOST_RACES):
                if found is None:
                    break
                label = self._label(parts, found.inode)
                again = self._find(key, parts)
                if again == found:
                    return ObjectInfo(key, found.size, label.content_type, label.attributes)
                found = again  # replaced meanwhile
        raise ObjectNotFoundError(f"no object has this key: {key}")

    def _label(self, parts: list[str], inode: int) -> Label:
        """Return the label of an object: the one in its file, if it has one, is never that of another object."""
        beside = None if self._in_files else self._side_files.read(parts, inode)
        if beside is not None and beside.inode == inode and not beside.is_default:
            return beside
        return self._file_labels.read(parts, inode) or beside or self._side_files.read(parts, inode)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Return keys in order; see ``ObjectStore.keys``.

        Reads one folder at a time, and only those that can hold a wanted key. Objects may come and go
        meanwhile.
        """
        base, slash, _ = prefix.rpartition("/")
        try:
            parts = self._tree.parts_of(base) if slash else []
        except ObjectKeyError:
            return  # no key can begin so
        walk = [self._entries(parts)]
        while walk:
            path = next(walk[-1], None)
            if path is None:
                walk.pop()
            elif not path.startswith(prefix):
                continue
            elif not path.endswith("/"):
                if path > after:
                    yield path
            elif path >= after or after.startswith(path):
                walk.append(self._entries(path[:-1].split("/")))

    def _entries(self, parts: list[str]) -> Iterator[str]:
        """Return paths in a folder, folders with a slash at the end, as it decides their place in the order."""
        lead = "".join(f"{part}/" for part in parts)
        with failures("listing", lead):
            found = self._tree.names(parts)
        if not parts:
            found = [item for item in found if item[0].casefold() != HIDDEN]
        return iter(sorted(f"{lead}{name}/" if is_folder else lead + name for name, is_folder in found))

    def _find(self, key: str, parts: list[str]) -> _Found | None:
        """Return size and inode of an object, or None.

        Raises:
            StoreError: a folder, link or special file has its name.
        """
        try:
            with self._tree.folder(parts[:-1]) as folder:
                return self._found_in(folder, key, parts)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise StoreError(f"a part of {key!r} is an object or a link, not a folder") from None
            raise StoreError(f"looking up {key!r} failed: {error.strerror}") from error

    def _found_in(self, folder: int, key: str, parts: list[str]) -> _Found | None:
        """Return size and inode of an object in an open folder, or None.

        Raises:
            StoreError: a folder, link or special file has its name.
        """
        try:
            found = self._system.stat(parts[-1], dir_fd=folder)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            raise StoreError(f"{key!r} is a folder or a link, not an object")
        return _Found(found.st_size, found.st_ino)

    # ---- recovery ----------------------------------------------------------------------------------

    def unsealed(self) -> list[UnsealedObject]:
        """Return the unsealed objects of dead processes, in order of keys; see ``OpenAreaStore``.

        Left-over files of objects that were sealed are removed.
        """
        with failures("looking for unsealed objects in", self._tree.root):
            return list(self._open_area.look(self._is_sealed, clear=True).unsealed)

    def open_area_state(self) -> OpenAreaState:
        """Return what dead writers left, and what living ones write; see ``WatchedOpenArea``."""
        with failures("looking for unsealed objects in", self._tree.root):
            return self._open_area.look(self._is_sealed, clear=False)

    def read_unsealed(self, item: UnsealedObject, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an unsealed object, as ``get`` gives those of a sealed one.

        Raises:
            ObjectNotFoundError: it is gone.
        """
        with failures("reading", item.key, reading=True):
            return self._open_area.read(item, start, length)

    def resume(self, item: UnsealedObject, size: int | None = None) -> DirectoryWriter:
        """Take an unsealed object over, cut to ``size`` bytes if given, to append, seal or abandon it.

        Raises:
            ObjectNotFoundError: it is gone.
            StoreError: another process took it over, or the store failed.
        """
        with failures("resuming", item.key, reading=True):
            return self._writer(self._open_area.take_over(item, size))

    def _is_sealed(self, key: str, inode: int) -> bool:
        try:
            found = self._find(key, self._tree.parts_of(key))
        except (ObjectKeyError, StoreError):
            return False
        return found is not None and found.inode == inode
