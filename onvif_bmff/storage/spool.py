"""Parts of a ``SpooledStore``: its policy and state, what the uploads have done, its writers."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from onvif_bmff.logs import CauseLog
from onvif_bmff.objects.stored import Buffer, ObjectWriter, ReleasableWriter

__all__ = ["SpoolPolicy", "SpoolStatus", "SpoolWriter", "UploadState", "spool_folders"]

_RECENT = 10_000
"""Keys of uploaded objects that are remembered."""


@dataclass(frozen=True, slots=True)
class SpoolPolicy:
    """How a spool is uploaded.

    Args:
        tasks: uploads at once; those of one kind of span go one after the other.
        most_bytes: bytes of waiting objects from which on no other object is begun; None for no limit but the disk.
        bytes_a_second: the most that is uploaded, on average; None for no limit.
        first: seconds until the next try after a failure; twice as long after each other one.
        longest: the longest time until the next try.
    """

    tasks: int = 4
    most_bytes: int | None = None
    bytes_a_second: float | None = None
    first: float = 1.0
    longest: float = 60.0


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """State of a spool: waiting objects and their bytes, uploads since it was opened, and what was set aside.

    ``error`` is why the last upload failed; None after a success. ``aside`` are objects that the remote store will
    never take, such as those whose key another object has there: they are kept for an operator to decide about.
    """

    waiting: int
    waiting_bytes: int
    uploaded: int
    aside: int
    error: str | None = None


def spool_folders(root: str | os.PathLike[str]) -> tuple[str, str]:
    """Return the folders of a spool: of waiting objects, and of those that were set aside."""
    path = os.fspath(root)
    return os.path.join(path, "waiting"), os.path.join(path, "aside")


class UploadState:
    """What the uploads have done.

    ``recent`` are the keys of the last ones, ``sealing`` those that writers are sealing, with their number.
    """

    def __init__(self, log: CauseLog, aside: int) -> None:
        self.log = log
        self.aside = aside
        self.uploaded = 0
        self.error: str | None = None
        self.stopped = False
        self.recent: dict[str, None] = {}
        self.sealing: Counter[str] = Counter()

    def succeeded(self) -> None:
        """Note that an object is uploaded."""
        self.uploaded += 1
        self.error = None
        if len(self.recent) > _RECENT:
            del self.recent[next(iter(self.recent))]


class SpoolWriter:
    """A writer of one object of a ``SpooledStore``, which ``seal_with`` seals. See ``ObjectWriter``."""

    def __init__(
        self, writer: ObjectWriter, key: str, seal_with: Callable[[ObjectWriter, str, Mapping[str, str]], None]
    ) -> None:
        self._writer = writer
        self._key = key
        self._seal_with = seal_with
        self._is_closed = False

    def append(self, *buffers: Buffer) -> None:
        """Write bytes."""
        self._writer.append(*buffers)

    def seal(self, attributes: Mapping[str, str]) -> None:
        """Make the object durable and visible."""
        if self._is_closed:
            self._writer.seal(attributes)  # which raises what it has to
        self._seal_with(self._writer, self._key, attributes)
        self._is_closed = True

    def abandon(self) -> None:
        """Remove what was written."""
        self._is_closed = True
        self._writer.abandon()

    def release(self) -> None:
        """Leave what was written in the open area; see ``ReleasableWriter``."""
        if isinstance(self._writer, ReleasableWriter):
            self._writer.release()
