"""A file system in memory that loses what was not made durable, for ``DirectoryStore``.

``DirectoryStore`` reaches it through ``onvif_bmff.storage.file_system.FileSystem``, an object with the functions of
``os`` that it uses. That is a seam in the product rather than patched modules: patches hold for the whole process, so a
simulated disk and a real one could not be compared, nor could two processes be told apart; and the seam costs one
Python call beside each call of the system.

What POSIX promises, and no more, survives a power cut:

* Bytes of a file survive once it was synced. Of later writes any beginning may survive, or any of their blocks, or
  nothing; blocks may be zeros where the size was kept and the data was not. What lies beside is never damaged.
* A name survives once its folder was synced. Until then each name is as it was at the last sync, or as after any
  later change, whatever became of other names; only a rename never loses both names (no file system in use does).
* What a failed ``fsync`` should have written is not written by a later one, which succeeds all the same.
* Numbers of files are used again at once, the lowest first.
* What is not synced is written some time all the same: here when there is much of it.
"""

import errno
import fcntl
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heappop, heappush
from random import Random
from threading import RLock

from onvif_bmff.storage import DirectoryStore
from tests.simulate.runtime import Crashed, Process, SimulatedTask, Simulation

__all__ = ["LOSSES", "DiskFaults", "Fault", "Loss", "SimulatedDisk"]

_BLOCKS = (512, 4096)
_MAX_NAME = 255
MAX_UNSYNCED = 512
"""Names, and files, that are not durable; of more the older half is written without being asked for."""
_GROWING = frozenset({"create", "mkdir", "writev", "fsync", "link", "rename"})
_CHANGING = frozenset({"create", "mkdir", "rmdir", "writev", "unlink", "link", "rename", "truncate"})
_READING = frozenset({"open", "stat", "fstat", "pread", "scandir"})


class Fault(StrEnum):
    """What can go wrong; the value is its name in ``Simulation.hits``."""

    FULL = "disk: ENOSPC"
    QUOTA = "disk: EDQUOT"
    BROKEN = "disk: EIO"
    READ_ONLY = "disk: EROFS"
    FORBIDDEN = "disk: EACCES"
    SHORT = "disk: short write"
    SLOW = "disk: slow"


ERRORS: dict[Fault, tuple[int, frozenset[str]]] = {
    Fault.FULL: (errno.ENOSPC, _GROWING),
    Fault.QUOTA: (errno.EDQUOT, _GROWING),
    Fault.BROKEN: (errno.EIO, _GROWING | _CHANGING | _READING),
    Fault.READ_ONLY: (errno.EROFS, _CHANGING - {"writev", "truncate"}),  # files that are open may be written
    Fault.FORBIDDEN: (errno.EACCES, frozenset({"open", "scandir", "stat"}) | _CHANGING - {"writev", "truncate"}),
}
"""Error number of each fault that is an error, and the operations that it can hit."""


class Loss(StrEnum):
    """What a power cut does to what was not synced; the value is its name in ``Simulation.hits``."""

    ALL = "disk: all lost"
    NONE = "disk: nothing lost"
    NAMES = "disk: names lost"
    DATA = "disk: data lost"
    TORN = "disk: data torn"
    ZEROS = "disk: zeros for data"
    BLOCKS = "disk: any blocks"
    MIXED = "disk: each by chance"


LOSSES = tuple(Loss)
"""All kinds of loss."""


@dataclass(slots=True)
class DiskFaults:
    """What fails from now on.

    ``probabilities`` are those of each fault at each operation that it can hit. ``capacity`` is how many bytes files
    may have altogether. ``at`` maps numbers of operations to faults; ``lasting`` is a fault from a number on.
    ``seconds`` is how long a slow operation takes, at most. ``crash_at`` is the operation in place of which the process
    ends.
    """

    probabilities: dict[Fault, float] = field(default_factory=dict)
    capacity: int | None = None
    at: dict[int, Fault] = field(default_factory=dict)
    lasting: tuple[int, Fault] | None = None
    seconds: float = 5.0
    crash_at: int | None = None

    def clear(self) -> None:
        """Let everything work again."""
        self.probabilities = {}
        self.capacity = self.lasting = self.crash_at = None
        self.at = {}


class _Change:
    """A change of a file: bytes written at a place, or, without bytes, a new size."""

    __slots__ = ("at", "data", "lost")

    def __init__(self, at: int, data: bytes | None) -> None:
        self.at = at
        self.data = data
        self.lost = False

    def apply(self, content: bytearray, size: int | None = None) -> None:
        """Make the change, or its first ``size`` bytes."""
        if self.data is None:
            if len(content) > self.at:
                del content[self.at :]
            else:
                content.extend(bytes(self.at - len(content)))
            return
        data = self.data if size is None else self.data[:size]
        if len(content) < self.at:
            content.extend(bytes(self.at - len(content)))
        content[self.at : self.at + len(data)] = data

    def apply_some(self, content: bytearray, chance: Random) -> None:
        """Make the change, or not, or with bytes any of its blocks."""
        if self.data is None:
            if chance.random() < 0.5:
                self.apply(content)
            return
        block, end = chance.choice(_BLOCKS), self.at + len(self.data)
        first = self.at
        while first < end:
            stop = min(first // block * block + block, end)
            if chance.random() < 0.5:
                _Change(first, self.data[first - self.at : stop - self.at]).apply(content)
            first = stop


class _Node:
    """A file or a folder."""

    def __init__(self, number: int, made: int, *, is_folder: bool) -> None:
        self.mode = 0o755 if is_folder else 0o644
        self.number = number
        self.made = made
        self.is_folder = is_folder
        self.links = 0
        self.opened = 0
        self.content = bytearray()
        self.durable = bytearray()
        self.pending: list[_Change] = []
        self.names: dict[str, _Node] = {}
        self.locked_by: _Descriptor | None = None
        self.waiting: list[SimulatedTask] = []

    def __repr__(self) -> str:
        return f"<{'folder' if self.is_folder else 'file'} {self.number}>"


class _Binding:
    """A change of a name that is not durable yet: what it means from then on. ``needs`` must survive if it does."""

    __slots__ = ("folder", "name", "needs", "node")

    def __init__(self, folder: _Node, name: str, node: "_Node | None", needs: "_Binding | None") -> None:
        self.folder = folder
        self.name = name
        self.node = node
        self.needs = needs


@dataclass(slots=True, eq=False)
class _Descriptor:
    node: _Node
    process: Process
    position: int = 0


@dataclass(frozen=True, slots=True)
class _Status:
    st_mode: int
    st_ino: int
    st_nlink: int
    st_size: int


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    folder: bool

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        return self.folder

    def is_file(self, *, follow_symlinks: bool) -> bool:
        return not self.folder


class SimulatedDisk:
    """A disk that outlives the processes that use it.

    ``operations`` counts the calls that can fail; with ``trace`` a list, their names are added to it. ``used`` is
    how many bytes the files have. ``on_crash`` ends a process at the operation that ``faults.crash_at`` names.
    ``may_wait`` says whether callers may be kept waiting.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.faults = DiskFaults()
        self.operations = 0
        self.used = 0
        self.trace: list[str] | None = None
        self.may_wait = True
        self.on_crash: Callable[[Process], None] = simulation.crash
        self.descriptors: dict[int, _Descriptor] = {}
        self._next_descriptor = 1000
        self._counting = RLock()  # the conformance tests of stores come with real threads
        self._free_numbers: list[int] = []
        self._next_number = 2
        self._made = 0
        self.root = self._node(is_folder=True)
        self.root.links = 1
        self._durable_names: dict[_Node, dict[str, _Node]] = {}
        self._bindings: list[_Binding] = []
        self._dirty: dict[_Node, None] = {}

    def store(self, process: Process, name: str = "store", **more: bool) -> DirectoryStore:
        """Return a store in a folder of the disk, for a process. What dead processes had open is closed."""
        self.reap()
        return DirectoryStore(f"/{name}", system=SimulatedFileSystem(self, process), **more)

    def names(self, name: str = "store") -> Iterator[str]:
        """Yield the paths of all files in a folder as they are now, without taking time or a fault."""
        walk = [("", self.root.names[name])] if name in self.root.names else []
        while walk:
            path, node = walk.pop()
            if not node.is_folder:
                yield path
            walk += [(f"{path}/{one}" if path else one, child) for one, child in node.names.items()]

    def reap(self) -> None:
        """Close what dead processes had open."""
        for number in [number for number, one in self.descriptors.items() if not one.process.alive]:
            self.close(number)

    def open_descriptors(self, process: Process) -> int:
        """Return how many files a process has open; folders, which a store keeps open, aside."""
        return sum(1 for one in self.descriptors.values() if one.process is process and not one.node.is_folder)

    # ---- the power cut -----------------------------------------------------------------------------------

    def crash(self, loss: Loss = Loss.MIXED, chance: Random | None = None) -> None:
        """Cut the power: what was not synced is lost as ``loss`` says, and ``chance`` decides. No process may live."""
        chance = chance or self.simulation.chance
        if self._bindings or self._dirty:
            self.simulation.hits[loss] += 1
        self._lose_names(loss, chance)
        for node in self._dirty:
            node.content = self._surviving(node, loss, chance)
            node.durable = bytearray(node.content)
            node.pending = []
        self._dirty = {}
        self.descriptors.clear()
        self._collect()

    def _lose_names(self, loss: Loss, chance: Random) -> None:
        by_name: dict[tuple[_Node, str], list[int]] = {}
        for index, binding in enumerate(self._bindings):
            by_name.setdefault((binding.folder, binding.name), []).append(index)
        kept: dict[tuple[_Node, str], int] = {}
        for name, indices in by_name.items():
            if loss in (Loss.ALL, Loss.NAMES):
                kept[name] = -1
            elif loss is Loss.MIXED:
                kept[name] = chance.choice([-1, *indices])
            else:
                kept[name] = indices[-1]
        places = {id(binding): index for index, binding in enumerate(self._bindings)}
        for index in range(len(self._bindings) - 1, -1, -1):
            binding = self._bindings[index]
            if binding.needs is not None and kept[binding.folder, binding.name] >= index:
                needed = places.get(id(binding.needs))
                where = binding.needs.folder, binding.needs.name
                if needed is not None and kept[where] < needed:
                    kept[where] = needed
        for (folder, name), index in kept.items():
            if index >= 0:
                self._bind_durably(folder, name, self._bindings[index].node)
        if any(index != by_name[name][-1] for name, index in kept.items()):
            self.simulation.hits["disk: a name as it was before"] += 1
        self._bindings = []

    @staticmethod
    def _surviving(node: _Node, loss: Loss, chance: Random) -> bytearray:
        """Return what a file is after the cut."""
        if loss is Loss.MIXED:
            loss = chance.choice((Loss.ALL, Loss.NONE, Loss.TORN, Loss.BLOCKS, Loss.ZEROS))
        content = bytearray(node.durable)
        changes = [change for change in node.pending if not (change.lost and change.data is not None)]
        if loss in (Loss.ALL, Loss.DATA):
            return content
        if loss is Loss.BLOCKS:
            for change in changes:
                change.apply_some(content, chance)
            return content
        torn = chance.randrange(len(changes) + 1) if loss is Loss.TORN else len(changes)
        for change in changes[:torn]:
            change.apply(content)
        if torn < len(changes):
            change = changes[torn]
            block = chance.choice(_BLOCKS)
            end = change.at + chance.randrange(len(change.data or b"") + 1)
            change.apply(content, max(end // block * block - change.at, 0) if change.data else None)
        if loss is Loss.ZEROS:
            block = chance.choice(_BLOCKS)
            for start in range(len(node.durable) // block * block, len(content), block):
                if chance.random() < 0.5:
                    first, end = max(start, len(node.durable)), min(start + block, len(content))
                    content[first:end] = bytes(max(end - first, 0))  # a file that was cut shorter may have none
        return content

    def _collect(self) -> None:
        """Make what is durable the present state, and forget what cannot be reached."""
        found: dict[int, _Node] = {}
        links: Counter[_Node] = Counter()
        self._drop_older_of_one_number()
        walk = [self.root]
        seen = {self.root}
        while walk:
            folder = walk.pop()
            folder.names = dict(self._durable_names.get(folder, {}))
            for node in folder.names.values():
                links[node] += 1
                if node not in seen:
                    seen.add(node)
                    if node.is_folder:
                        walk.append(node)
        for node in seen:
            found[node.number] = node
            node.links = 1 if node.is_folder else links[node]
            node.opened, node.locked_by, node.waiting = 0, None, []
        self.used = sum(len(node.content) for node in seen)
        self._durable_names = {node: names for node, names in self._durable_names.items() if node in seen}
        self._next_number = max(found) + 1
        self._free_numbers = [number for number in range(2, self._next_number) if number not in found]

    def _drop_older_of_one_number(self) -> None:
        """Remove names of a file whose number was used again: that it is gone was written before its successor."""
        newest: dict[int, int] = {}
        for names in self._durable_names.values():
            for node in names.values():
                newest[node.number] = max(newest.get(node.number, 0), node.made)
        for names in self._durable_names.values():
            for name in [name for name, node in names.items() if node.made != newest[node.number]]:
                del names[name]

    # ---- durability --------------------------------------------------------------------------------------

    def _bind_durably(self, folder: _Node, name: str, node: _Node | None) -> None:
        names = self._durable_names.setdefault(folder, {})
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node

    def sync(self, node: _Node) -> None:
        """Make a file or folder durable."""
        if not node.is_folder:
            for change in node.pending:
                if not change.lost:
                    change.apply(node.durable)
            node.pending = [change for change in node.pending if change.lost]
            if not node.pending:
                self._dirty.pop(node, None)
            return
        durable: list[_Binding] = []
        left: list[_Binding] = []
        needed: set[tuple[_Node, str]] = set()
        for binding in reversed(self._bindings):
            if binding.folder is not node and (binding.folder, binding.name) not in needed:
                left.append(binding)
                continue
            durable.append(binding)
            if binding.needs is not None:
                needed.add((binding.needs.folder, binding.needs.name))
        self._bindings = left[::-1]
        for binding in reversed(durable):
            self._bind_durably(binding.folder, binding.name, binding.node)

    def _write_back_names(self) -> None:
        """Make the older half of the names durable, as a system does after a while."""
        half = len(self._bindings) // 2
        for binding in self._bindings[:half]:
            self._bind_durably(binding.folder, binding.name, binding.node)
        del self._bindings[:half]

    def sync_failed(self, node: _Node) -> None:
        """What the failed sync of a file should have written is lost."""
        for change in node.pending:
            change.lost = True

    # ---- nodes -------------------------------------------------------------------------------------------

    def _node(self, *, is_folder: bool) -> _Node:
        with self._counting:
            if self._free_numbers:
                number = heappop(self._free_numbers)
            else:
                number = self._next_number
                self._next_number += 1
            self._made += 1
            return _Node(number, self._made, is_folder=is_folder)

    def make(self, folder: _Node, name: str, *, is_folder: bool) -> _Node:
        """Return a new file or folder with a name."""
        node = self._node(is_folder=is_folder)
        self.bind(folder, name, node)
        return node

    def bind(self, folder: _Node, name: str, node: _Node | None, needs: _Binding | None = None) -> _Binding:
        """Let a name mean something else, or nothing."""
        old = folder.names.pop(name, None)
        if node is not None:
            folder.names[name] = node
            node.links += 1
        if old is not None:
            old.links -= 1
            self.free(old)
        binding = _Binding(folder, name, node, needs)
        self._bindings.append(binding)
        if len(self._bindings) > MAX_UNSYNCED:
            self._write_back_names()
        return binding

    def free(self, node: _Node) -> None:
        """Let the number of a file that is gone be used again."""
        with self._counting:
            if not node.links and not node.opened:
                self.used -= len(node.content)
                heappush(self._free_numbers, node.number)

    def open(self, node: _Node, process: Process) -> int:
        """Return a new descriptor."""
        with self._counting:
            node.opened += 1
            self._next_descriptor += 1
            self.descriptors[self._next_descriptor] = _Descriptor(node, process)
            return self._next_descriptor

    def close(self, number: int) -> None:
        """Close a descriptor, and give up its lock."""
        with self._counting:
            found = self.descriptors.pop(number)
            node = found.node
            node.opened -= 1
            self.free(node)
        self.unlock(found)

    def lock(self, found: "_Descriptor") -> None:
        """Lock an open file.

        Raises:
            BlockingIOError: another one has locked it.
        """
        holder = found.node.locked_by
        if holder is not None and holder is not found and holder.process.alive:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        found.node.locked_by = found

    def unlock(self, found: "_Descriptor") -> None:
        """Give a lock up."""
        node = found.node
        if node.locked_by is found:
            node.locked_by = None
            self.simulation.wake(node.waiting)

    def change(self, node: _Node, change: _Change) -> None:
        """Change a file."""
        self.used -= len(node.content)
        change.apply(node.content)
        self.used += len(node.content)
        node.pending.append(change)
        self._dirty[node] = None
        if len(self._dirty) > MAX_UNSYNCED:
            for old in list(self._dirty)[: MAX_UNSYNCED // 2]:
                self.sync(old)

    # ---- faults ------------------------------------------------------------------------------------------

    def begin(self, name: str, process: Process, node: _Node | None = None) -> Fault | None:
        """Count an operation, and let it fail, or the process end in its place."""
        if not process.alive:
            raise Crashed
        self.operations += 1
        if self.trace is not None:
            self.trace.append(name)
        faults = self.faults
        if not (faults.probabilities or faults.at or faults.lasting or faults.crash_at):
            return None
        if faults.crash_at == self.operations:
            self._cut(process)
        fault = self._fault(name)
        if fault is None or fault is Fault.SHORT:
            return fault
        if fault is Fault.SLOW and not self.may_wait:
            return None
        self._hit(fault)
        if fault is Fault.SLOW:
            self.simulation.sleep(self.simulation.chance.random() * faults.seconds)
            process.check()
            return None
        if name == "fsync" and node is not None:
            self.sync_failed(node)
        raise _error(ERRORS[fault][0])

    def _cut(self, process: Process) -> None:
        self.simulation.hits["disk: power cut at an operation"] += 1
        self.on_crash(process)
        raise Crashed

    def _hit(self, fault: Fault) -> None:
        self.simulation.hits[fault] += 1

    def _fault(self, name: str) -> Fault | None:
        faults, number = self.faults, self.operations
        fault = faults.at.get(number)
        if fault is None and faults.lasting is not None and number >= faults.lasting[0]:
            fault = faults.lasting[1]
        if fault is not None and can_hit(fault, name):
            return fault
        if faults.probabilities:
            drawn = self.simulation.chance.random()
            for fault, probability in faults.probabilities.items():
                drawn -= probability
                if drawn < 0:
                    return fault if can_hit(fault, name) else None
        return None

    def short(self, size: int) -> int:
        """Return how many bytes a short write takes."""
        self._hit(Fault.SHORT)
        return self.simulation.chance.randint(1, size)

    def room_for(self, size: int) -> int:
        """Return how many of the bytes fit.

        Raises:
            OSError: none does.
        """
        capacity = self.faults.capacity
        if capacity is None or not size:
            return size
        room = min(capacity - self.used, size)
        if room <= 0:
            self._hit(Fault.FULL)
            raise _error(errno.ENOSPC)
        return room


def can_hit(fault: Fault, operation: str) -> bool:
    """Return whether a fault can happen to an operation."""
    if fault is Fault.SLOW:
        return operation in ("writev", "fsync", "pread", "open", "scandir")
    if fault is Fault.SHORT:
        return operation == "writev"
    return operation in ERRORS[fault][1]


class _File:
    """As ``io.FileIO``."""

    def __init__(self, system: "SimulatedFileSystem", descriptor: int) -> None:
        self._system = system
        self._descriptor = descriptor
        self._closed = False

    def fileno(self) -> int:
        return self._descriptor

    def truncate(self, size: int, /) -> int:
        self._system.truncate(self._descriptor, size)
        return size

    def seek(self, position: int, /) -> int:
        self._system.descriptor(self._descriptor).position = position
        return position

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._system.close(self._descriptor)


class SimulatedFileSystem:
    """The functions of the system that a process has; see ``onvif_bmff.storage.file_system.FileSystem``."""

    def __init__(self, disk: SimulatedDisk, process: Process) -> None:
        self._disk = disk
        self._process = process

    # ---- paths -------------------------------------------------------------------------------------------

    def realpath(self, path: str) -> str:
        return os.path.normpath(path)

    def isdir(self, path: str) -> bool:
        self._process.check()
        node = self._walk(path)
        return node is not None and node.is_folder

    def _walk(self, path: str) -> _Node | None:
        node: _Node | None = self._disk.root
        for name in path.split("/"):
            if name and node is not None:
                node = node.names.get(name)
        return node

    def _place(self, path: str, dir_fd: int | None) -> tuple[_Node, str]:
        """Return the folder of a path and the last name."""
        if dir_fd is not None and not path.startswith("/"):
            return self._folder(dir_fd), path
        above, _, name = path.rpartition("/")
        folder = self._walk(above)
        if folder is None or not folder.is_folder:
            raise _error(errno.ENOENT if folder is None else errno.ENOTDIR)
        return folder, name

    def _folder(self, number: int) -> _Node:
        node = self.descriptor(number).node
        if not node.is_folder:
            raise _error(errno.ENOTDIR)
        return node

    @staticmethod
    def _named(folder: _Node, name: str) -> _Node:
        if len(os.fsencode(name)) > _MAX_NAME:
            raise _error(errno.ENAMETOOLONG)
        node = folder.names.get(name)
        if node is None:
            raise _error(errno.ENOENT)
        return node

    @staticmethod
    def _free_place(folder: _Node, name: str) -> None:
        """Raise an error if a name cannot be made: the folder is gone, or it is there already."""
        if len(os.fsencode(name)) > _MAX_NAME:
            raise _error(errno.ENAMETOOLONG)
        if not folder.links:
            raise _error(errno.ENOENT)
        if name in folder.names:
            raise _error(errno.EEXIST)

    # ---- descriptors -------------------------------------------------------------------------------------

    def descriptor(self, number: int) -> _Descriptor:
        self._process.check()
        found = self._disk.descriptors.get(number)
        if found is None or found.process is not self._process:
            raise _error(errno.EBADF)
        return found

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        disk = self._disk
        folder, name = self._place(path, dir_fd)
        missing = name not in folder.names
        disk.begin("create" if missing and flags & os.O_CREAT else "open", self._process)
        if flags & os.O_CREAT and name not in folder.names:
            self._free_place(folder, name)
            node = disk.make(folder, name, is_folder=False)
            node.mode = mode & ~0o022
        else:
            node = self._named(folder, name) if name else folder
            if flags & os.O_EXCL:
                raise _error(errno.EEXIST)
        if flags & os.O_DIRECTORY and not node.is_folder:
            raise _error(errno.ENOTDIR)
        if node.is_folder and flags & (os.O_WRONLY | os.O_RDWR):
            raise _error(errno.EISDIR)
        if flags & os.O_TRUNC and node.content:
            disk.change(node, _Change(0, None))
        return disk.open(node, self._process)

    def file(self, descriptor: int) -> _File:
        return _File(self, descriptor)

    def close(self, descriptor: int) -> None:
        if not self._process.alive:  # the end of a generator that a task of a dead process left
            return
        self.descriptor(descriptor)
        self._disk.close(descriptor)

    def flock(self, descriptor: int, operation: int) -> None:
        found = self.descriptor(descriptor)
        while True:
            try:
                return self._disk.lock(found)
            except BlockingIOError:
                if operation & fcntl.LOCK_NB:
                    raise
            # Now and then, as nobody says so when the process that holds it ends.
            self._disk.simulation.wait_in(found.node.waiting, 1.0, lambda: found.node.locked_by is None)
            self._process.check()

    # ---- files -------------------------------------------------------------------------------------------

    def setxattr(self, descriptor: int, name: str, value: bytes) -> None:
        raise _error(errno.ENOTSUP)

    def getxattr(self, descriptor: int, name: str) -> bytes:
        raise _error(errno.ENOTSUP)

    def removexattr(self, descriptor: int, name: str) -> None:
        raise _error(errno.ENOTSUP)

    def writev(self, descriptor: int, buffers: list[bytes | memoryview]) -> int:
        found = self.descriptor(descriptor)
        disk = self._disk
        fault = disk.begin("writev", self._process)
        data = b"".join(buffers)
        size = disk.room_for(len(data))
        if fault is Fault.SHORT and size > 1:
            size = disk.short(size)
        if size:
            disk.change(found.node, _Change(found.position, data[:size]))
            found.position += size
        return size

    def pwrite(self, descriptor: int, data: bytes, start: int) -> int:
        found = self.descriptor(descriptor)
        found.position = start
        return self.writev(descriptor, [data])

    def truncate(self, descriptor: int, size: int) -> None:
        found = self.descriptor(descriptor)
        self._disk.begin("truncate", self._process)
        if size != len(found.node.content):
            self._disk.change(found.node, _Change(size, None))

    def pread(self, descriptor: int, length: int, start: int) -> bytes:
        found = self.descriptor(descriptor)
        self._disk.begin("pread", self._process)
        return bytes(found.node.content[start : start + length])

    def fsync(self, descriptor: int) -> None:
        found = self.descriptor(descriptor)
        self._disk.begin("fsync", self._process, found.node)
        self._disk.sync(found.node)

    def fstat(self, descriptor: int) -> _Status:
        found = self.descriptor(descriptor)
        self._disk.begin("fstat", self._process)
        return _status(found.node)

    def stat(self, path: str, *, dir_fd: int) -> _Status:
        folder = self._folder(dir_fd)
        self._disk.begin("stat", self._process)
        return _status(self._named(folder, path))

    # ---- names -------------------------------------------------------------------------------------------

    def scandir(self, descriptor: int) -> AbstractContextManager[Iterator[_Entry]]:
        folder = self._folder(descriptor)
        self._disk.begin("scandir", self._process)
        entries = [_Entry(name, node.is_folder) for name, node in folder.names.items()]
        self._disk.simulation.chance.shuffle(entries)
        return _entries(entries)

    def mkdir(self, path: str, *, dir_fd: int | None = None) -> None:
        folder, name = self._place(path, dir_fd)
        self._disk.begin("mkdir", self._process)
        self._free_place(folder, name)
        self._disk.make(folder, name, is_folder=True)

    def rmdir(self, path: str, *, dir_fd: int) -> None:
        folder = self._folder(dir_fd)
        self._disk.begin("rmdir", self._process)
        node = self._named(folder, path)
        if not node.is_folder:
            raise _error(errno.ENOTDIR)
        if node.names:
            raise _error(errno.ENOTEMPTY)
        self._disk.bind(folder, path, None)

    def unlink(self, path: str, *, dir_fd: int) -> None:
        folder = self._folder(dir_fd)
        self._disk.begin("unlink", self._process)
        if self._named(folder, path).is_folder:
            raise _error(errno.EISDIR)
        self._disk.bind(folder, path, None)

    def link(self, source: str, path: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        above, folder = self._folder(src_dir_fd), self._folder(dst_dir_fd)
        self._disk.begin("link", self._process)
        node = self._named(above, source)
        self._free_place(folder, path)
        self._disk.bind(folder, path, node)

    def rename(self, source: str, path: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        above, folder = self._folder(src_dir_fd), self._folder(dst_dir_fd)
        self._disk.begin("rename", self._process)
        node = self._named(above, source)
        old = folder.names.get(path)
        if old is None:
            self._free_place(folder, path)
        elif old is node:
            return
        elif old.is_folder:
            raise _error(errno.EISDIR)
        made = self._disk.bind(folder, path, node)
        self._disk.bind(above, source, None, needs=made)

    def urandom(self, size: int) -> bytes:
        self._process.check()
        return self._disk.simulation.chance.randbytes(size)


@contextmanager
def _entries(entries: list[_Entry]) -> Iterator[Iterator[_Entry]]:
    yield iter(entries)


def _status(node: _Node) -> _Status:
    kind = stat.S_IFDIR if node.is_folder else stat.S_IFREG
    return _Status(kind | node.mode, node.number, node.links, len(node.content))


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
