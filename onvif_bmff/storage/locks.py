"""What it means that an object is locked, and stores that lock. Amazon S3 calls it Object Lock.

An object is locked until an instant, or as long as somebody holds it, or both. A lock counts as set when the service
shows it: each one is read back.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Protocol, runtime_checkable

from onvif_bmff.timing import UtcTime

__all__ = ["LockClient", "LockPolicy", "LockingStore", "NewObjectsLocked", "ObjectLock", "RetentionMode"]


class RetentionMode(Enum):
    """Who may shorten a retention."""

    GOVERNANCE = "GOVERNANCE"
    """Whoever has a permission of its own for that."""
    COMPLIANCE = "COMPLIANCE"
    """Nobody."""


@dataclass(frozen=True, slots=True)
class ObjectLock:
    """How an object is locked.

    Args:
        retain_until: until when it can be neither removed nor replaced; None for no such instant.
        mode: of that retention; None without one.
        legal_hold: whether it is held, too, however long that takes.
    """

    retain_until: UtcTime | None = None
    mode: RetentionMode | None = None
    legal_hold: bool = False

    def keeps(self, now: UtcTime) -> bool:
        """Return whether the object cannot be removed at an instant."""
        return self.legal_hold or (self.retain_until is not None and self.retain_until > now)

    def __str__(self) -> str:
        retained = [] if self.retain_until is None else [f"retained until {self.retain_until}"]
        return " and ".join([*retained, *(["held"] if self.legal_hold else [])]) or "not locked"


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """How new objects are locked.

    Args:
        retain_until: until when; None for no fixed instant.
        retain_for: how long from the moment at which the service stored an object; None likewise.
        mode: of the retention.
        legal_hold: whether each is held.
    """

    retain_until: UtcTime | None = None
    retain_for: timedelta | None = None
    mode: RetentionMode = RetentionMode.GOVERNANCE
    legal_hold: bool = False

    def lock_of(self, stored: UtcTime) -> ObjectLock:
        """Return the lock of an object that was stored at an instant."""
        ends = [] if self.retain_until is None else [self.retain_until]
        if self.retain_for is not None:
            ends.append(stored + self.retain_for)
        return ObjectLock(max(ends), self.mode, self.legal_hold) if ends else ObjectLock(legal_hold=self.legal_hold)


class LockClient(Protocol):
    """Requests about the locks of one bucket, each sent once; errors as those of a ``CloudClient``."""

    def is_enabled(self) -> bool:
        """Return whether objects of the bucket can be locked."""
        ...

    def retention(self, key: str) -> tuple[UtcTime, RetentionMode] | None:
        """Return until when an object is retained, and how; None if it is not."""
        ...

    def retain(self, key: str, until: UtcTime, mode: RetentionMode) -> None:
        """Retain an object."""
        ...

    def is_held(self, key: str) -> bool:
        """Return whether an object has a legal hold."""
        ...

    def hold(self, key: str, *, held: bool) -> None:
        """Set a legal hold, or take it off."""
        ...


@runtime_checkable
class NewObjectsLocked(Protocol):
    """A store that may lock new objects."""

    def lock_as_new(self, key: str) -> None:
        """Lock an object as new ones are locked, if they are. The lock was read back when this returns.

        Raises:
            StoreError: it is not locked so.
        """
        ...


@runtime_checkable
class LockingStore(NewObjectsLocked, Protocol):
    """A store whose objects may be locked."""

    def can_lock(self) -> bool:
        """Return whether objects can be locked here.

        Raises:
            StoreError: the service failed, or does not say.
        """
        ...

    def lock_of(self, key: str) -> ObjectLock:
        """Return how an object is locked.

        Raises:
            ObjectNotFoundError: no object has the key.
            StoreError: the service failed, or does not say.
        """
        ...

    def lock(self, key: str, lock: ObjectLock) -> None:
        """Lock an object at least so; a lock that is stronger stays. The lock was read back when this returns.

        A retention that is over by now asks for nothing.

        Raises:
            ObjectNotFoundError: no object has the key.
            StoreError: the object is not locked so.
        """
        ...

    def release(self, key: str) -> bool:
        """Take a legal hold off an object; return whether it had one. A retention stays.

        Raises:
            ObjectNotFoundError: no object has the key.
            StoreError: the hold is not off.
        """
        ...
