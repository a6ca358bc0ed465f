"""A segment that is being stored, the policy of retries, and the report on objects that are given up."""

import logging
from dataclasses import dataclass

from onvif_bmff.errors import StoreError
from onvif_bmff.objects.events import SegmentOpened, SegmentSealed
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ObjectWriter
from onvif_bmff.storage.held import HeldBytes

_log = logging.getLogger(__name__)

__all__ = ["LOST", "PendingSegment", "RetryPolicy", "SpanEndedError", "StoreFailure"]


class SpanEndedError(StoreError):
    """A store has ended the span of an object, and takes no more of it: another span has to begin.

    Trying again is useless. The next object with the counter 0 is taken.
    """


class LOST:
    """Why samples that a recorder wrote are not in the store."""

    REFUSED = "in a segment that the store refused"
    PATIENCE = "in a segment that the store did not take in time"
    ROOM = "in a segment for which there was no room while the store failed"
    ENDED = "in a segment of a span that the store had ended to make room"
    UNSEALED = "in a segment that was never sealed"
    UNKNOWN = "in a segment of which the store never said whether it has it"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often a store is retried; all in seconds.

    After a failure an object is tried again at once, then after ``first``, then after twice as long each time, up to
    ``longest``. It is given up after ``patience``. ``blocking`` is how long a caller is kept waiting while there is no
    room for more, before something is given up, and once only until the store takes something again; ``closing`` how
    long the end waits for what is still to be stored.
    """

    first: float = 0.25
    longest: float = 30.0
    patience: float = 300.0
    blocking: float = 10.0
    closing: float = 2.0


@dataclass(frozen=True, slots=True)
class StoreFailure:
    """An object that a store would not take, and that was given up.

    ``reason`` is the one under which its ``sample_count`` samples so far are counted as lost; None for a span end
    object. ``open``: the segment was still being written, and what its recorder adds to it is lost too, so it should
    begin another one (``Recorder.end_segments_early``).
    """

    key: ObjectKey
    error: Exception
    sample_count: int = 0
    reason: str | None = None
    open: bool = False


@dataclass(slots=True, eq=False)
class PendingSegment:
    """A segment that is not yet known to be stored.

    It was ``opened`` under the ``key`` of the recorder; ``stored_key`` is the one in the store. ``held`` are its bytes,
    None if they were released.
    ``in_doubt``: sealing was begun, and it is unknown whether it succeeded.
    """

    opened: SegmentOpened
    object_id: str
    number: int
    held: HeldBytes | None
    writer: ObjectWriter | None = None
    stored_key: ObjectKey | None = None
    sealed: SegmentSealed | None = None
    size: int = 0
    sample_count: int = 0
    in_doubt: bool = False
    given_up: StoreFailure | None = None

    @property
    def key(self) -> ObjectKey:
        """The recorder's key."""
        return self.opened.key

    def let_go(self) -> None:
        """Release its bytes."""
        held, self.held = self.held, None
        if held is not None:
            held.drop()

    def drop_writer(self) -> None:
        """Abandon what was written so far."""
        writer, self.writer = self.writer, None
        if writer is not None:
            try:
                writer.abandon()
            except Exception as error:  # noqa: BLE001 - third-party stores may raise anything; recovery removes it
                _log.debug("%s: what was written is left to recovery: %r", self.stored_key or self.key, error)
