"""Parts of a ``SpooledStore``: its policy, its state, and its writers."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from onvif_bmff.errors import StoreError
from onvif_bmff.objects.stored import Buffer, ObjectWriter, ReleasableWriter

__all__ = [
    "Dropped",
    "SpoolGuard",
    "SpoolPolicy",
    "SpoolStatus",
    "SpoolWriter",
    "UploadOrder",
    "WhenFull",
    "spool_folders",
]


class UploadOrder(Enum):
    """Which span is uploaded first, after those that an event caused; within a span the order is that of time."""

    OLDEST = "oldest"
    NEWEST = "newest"
    """The store has holes until the older spans are there, and for ever if the spool is lost before."""


class WhenFull(Enum):
    """What a full spool does when another object is begun."""

    REFUSE = "refuse"
    """It refuses the object: what is new is lost, once the recorder cannot hold it any longer."""
    DROP_OLDEST = "drop-oldest"
    """It drops what waits of the oldest span, and of one that an event caused only if there is no other."""
    DROP_NEWEST = "drop-newest"
    """It drops what waits of the newest span, likewise."""


@dataclass(frozen=True, slots=True)
class SpoolPolicy:
    """How a spool is uploaded, and what happens when it is full.

    Args:
        tasks: uploads at once; those of one kind of span go one after the other.
        most_bytes: bytes of waiting objects from which on the spool is full; None for no limit but the disk.
        bytes_a_second: the most that is uploaded, on average; None for no limit.
        first: seconds until the next try after a failure; twice as long after each other one.
        longest: the longest time until the next try.
        order: which span goes first.
        when_full: what a full spool does.
        bytes_a_day: the most that is sent on one day in UTC; None for no limit. Counted are the bytes of objects, once
            for each upload that was begun; an object that is larger than all is sent when nothing else was.
        bytes_a_month: likewise in a calendar month in UTC.

    Raises:
        StoreError: a limit is not above zero, or a number of tasks or a time is below it.
    """

    tasks: int = 4
    most_bytes: int | None = None
    bytes_a_second: float | None = None
    first: float = 1.0
    longest: float = 60.0
    order: UploadOrder = UploadOrder.OLDEST
    when_full: WhenFull = WhenFull.REFUSE
    bytes_a_day: int | None = None
    bytes_a_month: int | None = None

    def __post_init__(self) -> None:
        limits = (self.most_bytes, self.bytes_a_second, self.bytes_a_day, self.bytes_a_month)
        if any(limit is not None and not limit > 0 for limit in limits):  # nor a number that is none
            raise StoreError("limits of a spool are above zero")
        if self.tasks < 0 or not self.longest >= self.first >= 0:
            raise StoreError("a spool has no tasks or pauses below zero, and its longest pause is not below the first")


@dataclass(frozen=True, slots=True)
class Dropped:
    """The end of a span that a full spool dropped, and that no store has: a gap in the recording.

    Args:
        first: key of the first segment that is lost.
        last: key of the last one.
        objects: how many segments there are.
        bytes: their size.
        at: when, in UTC (ISO 8601).
    """

    first: str
    last: str
    objects: int
    bytes: int
    at: str


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """State of a spool: waiting objects and their bytes, confirmed uploads since it was opened, and what is set aside.

    ``error`` is why the last upload failed; None after a success. ``aside`` are objects that the remote store will
    never take, such as those whose key another object has there: they are kept for an operator to decide about.
    ``dropped`` and ``dropped_bytes`` are what was dropped to make room, since the spool exists. ``exhausted``: what
    waits has to wait for the next day or month, as the policy's bytes are sent.
    """

    waiting: int
    waiting_bytes: int
    uploaded: int
    aside: int
    error: str | None = None
    dropped: int = 0
    dropped_bytes: int = 0
    exhausted: bool = False


def spool_folders(root: str | os.PathLike[str]) -> tuple[str, str]:
    """Return the folders of a spool: of waiting objects, and of those that were set aside."""
    path = os.fspath(root)
    return os.path.join(path, "waiting"), os.path.join(path, "aside")


class SpoolGuard(Protocol):
    """What a writer asks of the spool that it writes to."""

    def check(self, key: str) -> None:
        """Check that an object can still be sealed.

        Raises:
            SpanEndedError: it cannot.
        """
        ...

    def failed(self, error: StoreError) -> None:
        """Note that the spool could not be written."""
        ...


class SpoolWriter:
    """A writer of one object of a ``SpooledStore``, which ``seal_with`` seals. See ``ObjectWriter``."""

    def __init__(
        self,
        writer: ObjectWriter,
        key: str,
        seal_with: Callable[[ObjectWriter, str, Mapping[str, str]], None],
        guard: SpoolGuard | None = None,
    ) -> None:
        self._writer = writer
        self._key = key
        self._seal_with = seal_with
        self._guard = guard
        self._is_closed = False

    def append(self, *buffers: Buffer) -> None:
        """Write bytes."""
        guard = None if self._is_closed else self._guard
        if guard is None:
            self._writer.append(*buffers)
            return
        guard.check(self._key)
        try:
            self._writer.append(*buffers)
        except StoreError as error:
            guard.failed(error)
            raise

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
