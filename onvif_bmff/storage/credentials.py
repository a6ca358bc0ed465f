"""Credentials of a store that change: as a source gives them, and as an endpoint for their renewal answers.

ONVIF Core 25.12, Configuration Renewal. Nothing here shows, logs or pickles a secret.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import NoReturn, TypeAlias

from onvif_bmff.errors import StateError, StoreError, TimeError
from onvif_bmff.timing import UtcTime

__all__ = ["CredentialSource", "RenewalPolicy", "RenewalSchedule", "StorageCredentials", "read_renewal"]

_MAX_VALUE = 1 << 14
_USER = ("username", "password", "token")
_LEAST_PAUSE = 1_000_000
"""Microseconds between two renewals, however soon the credentials end: an endpoint is never asked without a pause."""


@dataclass(frozen=True, slots=True, repr=False)
class StorageCredentials:
    """What a storage configuration has for its store, and for how long.

    Args:
        username: in S3 the access key ID; not used elsewhere.
        password: in S3 the secret access key, in Azure a shared access signature, in Google Cloud a bearer token.
        token: in S3 the token of temporary credentials.
        region: region of the store.
        storage_uri: address of the bucket or container.
        expires_at: when they end; None if they do not.
    """

    username: str | None = None
    password: str | None = None
    token: str | None = None
    region: str | None = None
    storage_uri: str | None = None
    expires_at: UtcTime | None = None

    def __repr__(self) -> str:
        given = [one.name for one in fields(self) if getattr(self, one.name) is not None]
        return f"StorageCredentials(with {', '.join(given) or 'nothing'})"

    def __reduce__(self) -> NoReturn:
        raise StateError("credentials are not pickled")


CredentialSource: TypeAlias = Callable[[], StorageCredentials]
"""Returns the credentials of the moment, at once; called for about every request, from any thread."""


def read_renewal(data: bytes, present: StorageCredentials, now: UtcTime) -> StorageCredentials:
    """Return what a renewal endpoint answered. A null clears a value; a value that is missing stays as it is.

    Args:
        data: the JSON of the answer.
        present: the credentials so far.
        now: the present instant.

    Raises:
        StoreError: it is no valid answer, or its credentials have expired. It is not quoted.
    """
    try:
        row = json.loads(data)
        user = row.get("user", {})
        user = dict.fromkeys(_USER) if user is None else user
        ends = UtcTime.parse(_text(row["expiresAt"]) or "")
        found = replace(
            present,
            username=_value(user, "username", present.username),
            password=_value(user, "password", present.password),
            token=_value(user, "token", present.token),
            region=_value(row, "region", present.region),
            storage_uri=_value(row, "storageUri", present.storage_uri),
            expires_at=ends,
        )
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, TimeError):
        raise StoreError("the renewal endpoint gave no valid answer") from None
    if ends.microseconds_since(now) <= 0:
        raise StoreError("the renewal endpoint gave credentials that have expired")
    return found


def _value(row: object, name: str, present: str | None) -> str | None:
    if not isinstance(row, dict):
        raise TypeError("not an object")
    return _text(row[name]) if name in row else present


def _text(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > _MAX_VALUE:
        raise ValueError("not a text")
    return value


@dataclass(frozen=True, slots=True)
class RenewalPolicy:
    """When credentials are renewed.

    Args:
        share: of the time that they have left, after which they are renewed.
        first: seconds until the next try after a failure; twice as long after each other one.
        longest: the longest time until the next try.
    """

    share: float = 0.75
    first: float = 5.0
    longest: float = 300.0


class RenewalSchedule:
    """When to ask for credentials: at once, before they end, and after a failure with growing, random pauses.

    Args:
        policy: how early, how long.
        chance: returns a number from 0 to 1, by half of which a pause is shortened.
    """

    def __init__(self, policy: RenewalPolicy, chance: Callable[[], float]) -> None:
        self._policy = policy
        self._chance = chance
        self._delay = 0.0
        self._due = float("-inf")
        self._due_by_clock: UtcTime | None = None

    def wait(self, monotonic: float, now: UtcTime) -> float:
        """Return in how many seconds to ask; 0 for now. A wall clock that jumps is followed."""
        left = max(0.0, self._due - monotonic)
        if self._due_by_clock is None or left == 0:
            return left
        return max(0.0, min(left, self._due_by_clock.microseconds_since(now) / 1e6))

    def renewed(self, ends: UtcTime | None, monotonic: float, now: UtcTime) -> None:
        """Note credentials that end at an instant."""
        self._delay = 0.0
        if ends is None:
            self._due, self._due_by_clock = float("inf"), None
            return
        left = max(0, ends.microseconds_since(now))
        pause = max(int(left * self._policy.share), _LEAST_PAUSE)
        self._due = monotonic + pause / 1e6
        self._due_by_clock = now.plus_microseconds(pause)

    def failed(self, monotonic: float) -> None:
        """Note that there are none: the old ones go on."""
        policy = self._policy
        self._delay = min(self._delay * 2, policy.longest) if self._delay else policy.first
        self._due = monotonic + self._delay * (1 - self._chance() / 2)
        self._due_by_clock = None
