"""A writer of one object of a ``DirectoryStore``."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from onvif_bmff.errors import StateError
from onvif_bmff.objects.stored import Buffer
from onvif_bmff.storage.acceptable import check_metadata
from onvif_bmff.storage.tree import failures, write_all

if TYPE_CHECKING:
    from onvif_bmff.storage.open_area import OpenArea, OpenFile

__all__ = ["DirectoryWriter"]


class DirectoryWriter:
    """A file of the open area that ``commit`` gives its key; see ``ObjectWriter``.

    ``fsync_appends`` makes each append durable.
    """

    def __init__(
        self,
        file: "OpenFile",
        open_area: "OpenArea",
        commit: "Callable[[OpenFile, Mapping[str, str]], None]",
        *,
        fsync_appends: bool,
    ) -> None:
        self._file: OpenFile | None = file
        self._open_area = open_area
        self._commit = commit
        self._fsync_appends = fsync_appends
        self._failed = False
        self._key = file.key

    def append(self, *buffers: Buffer) -> None:
        """Write bytes, all buffers in one system call."""
        file = self._mine()
        self._failed = True
        with failures("writing", self._key):
            write_all(file.descriptor, [_flat(buffer) for buffer in buffers], self._open_area.system)
            if self._fsync_appends:
                self._open_area.system.fsync(file.descriptor)
        self._failed = False

    def seal(self, attributes: Mapping[str, str]) -> None:
        """Make the object durable, then visible."""
        file = self._mine()
        attributes = check_metadata(attributes)
        # A failed fsync may have dropped data for good, so nothing is ever tried twice.
        self._failed = True
        with failures("sealing", self._key):
            self._commit(file, attributes)
        self._file = None
        with suppress(OSError):
            self._open_area.discard(file)

    def abandon(self) -> None:
        """Remove what was written."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                self._open_area.discard(file)

    def release(self) -> None:
        """Leave what was written in the open area; see ``ReleasableWriter``."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()

    def _mine(self) -> "OpenFile":
        if self._file is None:
            raise StateError(f"the writer is sealed or abandoned: {self._key}")
        if self._failed:
            raise StateError(f"the writer failed and can only be abandoned: {self._key}")
        return self._file


def _flat(buffer: Buffer) -> bytes | memoryview:
    if isinstance(buffer, bytes):
        return buffer
    view = memoryview(buffer)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")
