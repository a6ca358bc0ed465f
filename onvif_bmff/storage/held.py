"""Bytes held until a store has acknowledged their object: in memory, beyond a limit in temporary files."""

import logging
import os
import tempfile
from collections.abc import Iterator
from threading import Lock
from typing import IO

from onvif_bmff.errors import InvariantError
from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.stored import Buffer

__all__ = ["HeldBytes", "Room"]

_log = logging.getLogger(__name__)
_CHUNK = 1 << 20


class Room:
    """Limit of the bytes held at one time by all that share it; for use by any number of threads.

    Args:
        memory: bytes in memory. What does not fit goes to temporary files, whole objects at a time.
        total: bytes altogether.
        folder: where temporary files lie; that of the system if None. They have no name, and are gone with the process.
    """

    def __init__(
        self, memory: int = 32 << 20, total: int = 256 << 20, *, folder: str | os.PathLike[str] | None = None
    ) -> None:
        self._lock = Lock()
        self._memory = memory
        self._total = total
        self._folder = folder
        self.in_memory = 0
        self.held = 0
        self.log = CauseLog(_log)

    @property
    def limits(self) -> tuple[int, int]:
        """The bytes in memory and altogether."""
        return self._memory, self._total

    def take(self, size: int, memory: int) -> bool:
        """Reserve ``size`` more bytes, ``memory`` of them in memory; return False if there is no room."""
        with self._lock:
            if self.held + size > self._total or (memory > 0 and self.in_memory + memory > self._memory):
                return False
            self.held += size
            self.in_memory += memory
            return True

    def leave(self, size: int, memory: int) -> None:
        """Release reserved bytes."""
        with self._lock:
            self.held -= size
            self.in_memory -= memory
            if not 0 <= self.in_memory <= self.held:
                raise InvariantError(f"{self.held} bytes are held, {self.in_memory} of them in memory")

    def file(self) -> IO[bytes]:
        """Return a new temporary file. Raises ``OSError``."""
        return tempfile.TemporaryFile(buffering=0, dir=self._folder)


class HeldBytes:
    """The bytes of one object, in the order in which they came."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._buffers: list[Buffer] = []
        self._file: IO[bytes] | None = None
        self._in_memory = 0
        self.size = 0

    def add(self, buffers: tuple[Buffer, ...], size: int) -> bool:
        """Hold ``size`` more bytes; return False, and hold none of them, if there is no room."""
        if self._file is None and self._room.take(size, size):
            self._buffers += buffers
            self._in_memory += size
            self.size += size
            return True
        if not self._room.take(size, 0):
            return False
        try:
            file = self._file or self._spill()
            for buffer in buffers:
                _write(file, buffer)
        except OSError as error:
            self._room.log.warning("file", "no temporary file to hold media in: %s", error)
            self._room.leave(size, 0)
            if self._file is not None:
                self._file.truncate(self.size)  # it may contain a part of a buffer
                self._file.seek(self.size)
            return False
        self.size += size
        return True

    def pieces(self) -> Iterator[tuple[Buffer, ...]]:
        """Return all bytes in pieces. Raises ``OSError`` if they cannot be read back."""
        if self._file is None:
            yield tuple(self._buffers)
            return
        at = 0
        while at < self.size:
            data = os.pread(self._file.fileno(), min(_CHUNK, self.size - at), at)
            if not data:
                raise OSError("a temporary file has become shorter")
            at += len(data)
            yield (data,)

    def drop(self) -> None:
        """Release all bytes."""
        self._room.leave(self.size, self._in_memory)
        self._buffers, self._in_memory, self.size = [], 0, 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self) -> IO[bytes]:
        """Move what is in memory to a file."""
        file = self._room.file()
        try:
            for buffer in self._buffers:
                _write(file, buffer)
        except OSError:
            file.close()
            raise
        self._room.leave(0, self._in_memory)
        self._buffers, self._in_memory, self._file = [], 0, file
        return file


def _write(file: IO[bytes], buffer: Buffer) -> None:
    view = memoryview(buffer).cast("B") if not isinstance(buffer, bytes) else memoryview(buffer)
    while view:
        view = view[file.write(view) :]
