"""The health of a device at one instant: what it does, what waits, what was lost, and what went wrong last.

Values only; ``RecordingDevice.health`` makes them. ``device/health_rules.py`` says what of it is a fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.storage.spool import SpoolStatus
from onvif_bmff.timing import UtcTime

__all__ = ["Backlog", "ClockHealth", "DeviceHealth", "NotedError", "RecordingHealth", "StorageHealth"]


@dataclass(frozen=True, slots=True)
class NotedError:
    """An error in words, and when it occurred last."""

    text: str
    at: UtcTime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a device holds of a recording because its store has not taken it yet.

    Args:
        objects: segments that are complete and wait.
        bytes: their size, and that of media that wait before them.
        oldest: begin of the first of these segments.
    """

    objects: int = 0
    bytes: int = 0
    oldest: UtcTime | None = None

    def plus(self, other: "Backlog") -> "Backlog":
        """Return both together."""
        times = [one for one in (self.oldest, other.oldest) if one is not None]
        return Backlog(self.objects + other.objects, self.bytes + other.bytes, min(times, default=None))


@dataclass(frozen=True, slots=True)
class RecordingHealth:
    """The health of one recording.

    Args:
        recording: its token.
        wanted: whether a job feeds any of its tracks now.
        continuous: whether a job feeds its video or sound, of which something comes all the time.
        state: Error if any track is in Error, else Active if any is recorded, else Idle.
        error: the error of the first track that is in Error now; None if there is none.
        last_sample: begin of the newest fragment that was recorded, by the recording's time.
        newest_object: key of the object that was stored last. With a spool it is stored when it is in the spool.
        fragments: fragments that were recorded since the device was started.
        backlog: what its store has not taken yet.
        dropped: samples that came and are lost, by reason, since the device was started.
        shortfall: those of ``dropped`` that a Before asked for, and for which there was no room.
        clock_offset: how far the camera's clock is ahead of the device's (negative: behind), as its last reading came;
            None if the camera gives none. The way from the camera counts as behind.
        drift: part by which the camera's clock runs fast (negative: slow) against the device's, as estimated from
            arrivals; None where the camera's clock is followed, or nothing came yet. 1e-6 is a second in 11.6 days.
        last_error: the error that was reported last, even if it is over.
        waits: why it waits, in Idle, for the device's clock to be set, although a job feeds it; None if it does not.
    """

    recording: str
    wanted: bool = False
    continuous: bool = False
    state: RecordingJobState = RecordingJobState.IDLE
    error: str | None = None
    last_sample: UtcTime | None = None
    newest_object: ObjectKey | None = None
    fragments: int = 0
    backlog: Backlog = Backlog()
    dropped: Mapping[str, int] = field(default_factory=dict)
    shortfall: int = 0
    clock_offset: timedelta | None = None
    drift: float | None = None
    last_error: NotedError | None = None
    waits: str | None = None


@dataclass(frozen=True, slots=True)
class StorageHealth:
    """The health of one storage.

    Args:
        storage: token of its storage configuration; None for local data.
        error: why an output could not store something in it, and has not yet since; None otherwise.
        spool: state of the spool before it; None if it has none, or that has not been opened.
    """

    storage: str | None
    error: str | None = None
    spool: SpoolStatus | None = None


@dataclass(frozen=True, slots=True)
class ClockHealth:
    """The device's clock: the present instant, how often it was set since the start, and why recordings wait for it."""

    now: UtcTime
    times_set: int = 0
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """The health of a whole device at one instant.

    Args:
        running: whether it was started, and not closed, and its thread has not ended.
        clock: its clock.
        recordings: all recordings that it knows, in the order of their creation.
        storages: all storages.
        recovered: whether all stores have been recovered from what an earlier process left.
        failure: why the device cannot follow its configuration now, as when its database cannot be written; None if
            it can.
    """

    running: bool
    clock: ClockHealth
    recordings: tuple[RecordingHealth, ...] = ()
    storages: tuple[StorageHealth, ...] = ()
    recovered: bool = True
    failure: NotedError | None = None
