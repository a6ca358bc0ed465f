"""The locks of a bucket: what is asked of the service, and what counts as locked."""

from collections.abc import Callable, Sequence

from onvif_bmff.errors import ObjectNotFoundError, StoreError
from onvif_bmff.runtime import Runtime
from onvif_bmff.storage.attempts import Attempts
from onvif_bmff.storage.locks import LockClient, LockPolicy, ObjectLock, RetentionMode
from onvif_bmff.timing import UtcTime

__all__ = ["ObjectLocks"]

_FRESH = 60.0
"""Seconds for which it is remembered that a bucket has no locks."""


class ObjectLocks:
    """The locks of a bucket, as a ``CloudStore`` needs them.

    Args:
        client: sends the requests; it is made when the first is needed. Raises ``StoreError`` where there is none.
        policy: how new objects are locked; None if they are not.
        runtime: gives the present instant.
    """

    def __init__(self, client: Callable[[], LockClient], policy: LockPolicy | None, runtime: Runtime) -> None:
        self._make = client
        self._made: LockClient | None = None
        self.policy = policy
        self._runtime = runtime
        self._enabled: tuple[bool, float] = (False, float("-inf"))

    def is_enabled(self, attempts: Attempts) -> bool:
        """Return whether objects can be locked at all; a bucket that cannot is asked again after a minute."""
        known, at = self._enabled
        if not known and self._runtime.monotonic() - at > _FRESH:
            known = attempts.run(self._client.is_enabled)
            self._enabled = known, self._runtime.monotonic()
        return known

    def check_policy(self, attempts: Attempts) -> None:
        """Check that new objects can be locked, if they are to be.

        Raises:
            StoreError: they cannot.
        """
        if self.policy is not None and not self.is_enabled(attempts):
            raise StoreError("objects are to be locked, and the bucket has no Object Lock: nothing is stored")

    def lock_of(self, key: str, attempts: Attempts) -> ObjectLock:
        """Return how an object is locked."""
        if not self.is_enabled(attempts):
            return ObjectLock()
        retention = attempts.run(lambda: self._client.retention(key))
        held = attempts.run(lambda: self._client.is_held(key))
        until, mode = retention or (None, None)
        return ObjectLock(until, mode, held)

    def lock(self, key: str, wanted: ObjectLock, attempts: Attempts) -> None:
        """Lock an object at least so, and see that it is.

        Raises:
            StoreError: it is not.
        """
        if not self.is_enabled(attempts):
            raise StoreError(f"{key}: not locked, for the bucket has no Object Lock")
        present = self.lock_of(key, attempts)
        until, mode = wanted.retain_until, wanted.mode or RetentionMode.GOVERNANCE
        if until is not None and until <= self._runtime.now():
            until = None
        if until is not None and not _retains(present, until, mode):
            stronger = RetentionMode.COMPLIANCE if RetentionMode.COMPLIANCE in (mode, present.mode) else mode
            later = max(until, present.retain_until or until)
            attempts.run(lambda: self._client.retain(key, later, stronger))
        if wanted.legal_hold and not present.legal_hold:
            attempts.run(lambda: self._client.hold(key, held=True))
        found = self.lock_of(key, attempts)
        if (until is not None and not _retains(found, until, mode)) or (wanted.legal_hold and not found.legal_hold):
            raise StoreError(f"{key}: not locked: it is to be {wanted}, and the service shows that it is {found}")

    def release(self, key: str, attempts: Attempts) -> bool:
        """Take a legal hold off, and see that it is; return whether there was one.

        Raises:
            StoreError: it is not.
        """
        if not self.is_enabled(attempts) or not attempts.run(lambda: self._client.is_held(key)):
            return False
        attempts.run(lambda: self._client.hold(key, held=False))
        if attempts.run(lambda: self._client.is_held(key)):
            raise StoreError(f"{key}: the service shows that it is still held")
        return True

    def check_removable(self, keys: Sequence[str], attempts: Attempts) -> None:
        """Check that no object is locked. Amazon S3 would hide one that is, and say that it was removed.

        Those that do not exist are passed over.

        Raises:
            StoreError: one is locked, or nobody knows.
        """
        if not self.is_enabled(attempts):
            return
        for key in keys:
            try:
                lock = self.lock_of(key, attempts)
            except ObjectNotFoundError:
                continue
            if lock.keeps(self._runtime.now()):
                raise StoreError(f"{key}: it is locked: {lock}")

    @property
    def _client(self) -> LockClient:
        if self._made is None:
            self._made = self._make()
        return self._made


def _retains(lock: ObjectLock, until: UtcTime, mode: RetentionMode) -> bool:
    strong = mode is RetentionMode.GOVERNANCE or lock.mode is mode
    return lock.retain_until is not None and lock.retain_until >= until and strong
