"""Content keys, and their sources for a recorder.

A recorder asks a ``KeySource`` for the key each time it opens a segment; a KID other than that of the open span needs a
new moov, which closes all spans (ONVIF Recording Control 25.12, B.2 and B.8).
"""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from hmac import compare_digest
from threading import Lock
from typing import Never, Protocol
from uuid import UUID

from onvif_bmff.errors import ProtectionError
from onvif_bmff.key_format import KEY_SIZE, kid_of_text
from onvif_bmff.timing import UtcTime

__all__ = [
    "ContentKey",
    "FixedKey",
    "KeySource",
    "RotatingKey",
    "generate_content_key",
    "parse_key",
    "parse_kid",
]

_KEY_TEXT = re.compile(r"[0-9a-f]{32}", re.I | re.A)

Random = Callable[[int], bytes]
"""Returns the given number of unpredictable bytes, as ``os.urandom``."""


def parse_kid(text: str) -> UUID:
    """Return a key identifier from its text: a UUID (RFC 9562, with or without ``urn:uuid:``) or 32 hex digits.

    Upper and lower case are accepted, braces are not (``key_format.kid_of_text``).

    Raises:
        ProtectionError: the text is neither. The message does not quote it: it may be a key by mistake.
    """
    kid = kid_of_text(text, urn=True)
    if kid is None:
        raise ProtectionError("a KID is a UUID, written with dashes or as 32 hex digits")
    return kid


def parse_key(text: str) -> bytes:
    """Return the 16 bytes of a content key from exactly 32 hex digits (xs:hexBinary).

    Raises:
        ProtectionError: the text is anything else.
    """
    if _KEY_TEXT.fullmatch(text) is None:
        del text  # debuggers and crash reporters show the variables of a traceback
        raise ProtectionError("a content key is exactly 32 hex digits (16 bytes)")
    return bytes.fromhex(text)


class ContentKey:
    """An AES-128 key with its identifier; immutable.

    The key is hidden in representations, and an instance cannot be pickled. ``copy`` returns the instance itself.

    Args:
        kid: key identifier.
        key: 16 bytes.

    Raises:
        ProtectionError: the key is not 16 bytes long.
    """

    __slots__ = ("_key", "_kid")

    _key: bytes
    _kid: UUID

    def __init__(self, kid: UUID, key: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise ProtectionError(f"a content key is {KEY_SIZE} bytes, not {len(key)}")
        object.__setattr__(self, "_kid", kid)
        object.__setattr__(self, "_key", bytes(key))

    @property
    def kid(self) -> UUID:
        """Key identifier."""
        return self._kid

    @property
    def key(self) -> bytes:
        """The 16 secret bytes."""
        return self._key

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"a content key cannot be changed ({name})")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError(f"a content key cannot be changed ({name})")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ContentKey):
            return NotImplemented
        return self._kid == other._kid and compare_digest(self._key, other._key)

    def __hash__(self) -> int:
        return hash(self._kid)

    def __repr__(self) -> str:
        return f"ContentKey({str(self._kid)!r}, <hidden>)"

    def __copy__(self) -> "ContentKey":
        return self

    def __deepcopy__(self, memo: object) -> "ContentKey":
        return self

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("a content key cannot be pickled")


def generate_content_key(random: Random = os.urandom) -> ContentKey:
    """Return a new key under a new random KID, a UUID of version 4 (ONVIF Recording Control 25.12, B.8.2).

    Raises:
        ProtectionError: the random source returned a wrong number of bytes.
    """
    return ContentKey(UUID(bytes=_draw(random, KEY_SIZE), version=4), _draw(random, KEY_SIZE))


class KeySource(Protocol):
    """Source of a recorder's content keys; implement it to use a key server."""

    def key_for(self, segment_start: UtcTime) -> ContentKey:
        """Return the key for a segment that is opened at this instant.

        A segment keeps its key until it ends, so this is called once for each segment, or once for all segments that
        open together. A new key needs a new KID, by which callers distinguish keys.

        Raises:
            ProtectionError: no key is available.
        """
        ...


class FixedKey:
    """A constant key, such as the KID and Key of an encryption entry."""

    __slots__ = ("_content_key",)

    def __init__(self, content_key: ContentKey) -> None:
        self._content_key = content_key

    def key_for(self, segment_start: UtcTime) -> ContentKey:
        """Return the key."""
        return self._content_key


class RotatingKey:
    """Generated keys, a new one after each interval (ONVIF Recording Control 25.12, B.8.2).

    The first key is generated for the first segment. From its start on intervals are counted, on the time line of the
    segments. If several intervals end within one segment, only the newest key is used. A segment that starts earlier
    than the one before gets the newest key as well; if it starts more than an interval before that key was generated,
    the clock was set back, and intervals count from that start, so that no key is used for more than two of them.

    Thread-safe.

    Args:
        every: the interval (KeyRotationDuration), or None to keep the first key.
        random: source of keys and KIDs.

    Raises:
        ProtectionError: the interval is not positive.
    """

    __slots__ = ("_current", "_every", "_lock", "_made", "_random")

    def __init__(self, every: timedelta | None, random: Random = os.urandom) -> None:
        if every is not None and every <= timedelta(0):
            raise ProtectionError("a key rotation interval must be positive")
        self._every = every
        self._random = random
        self._lock = Lock()
        self._made: UtcTime | None = None
        self._current: ContentKey | None = None

    def key_for(self, segment_start: UtcTime) -> ContentKey:
        """Return the newest key at this instant, generated now if the last interval has ended.

        Raises:
            ProtectionError: the random source failed, or repeated a KID.
        """
        with self._lock:
            made, current = self._made, self._current
            if made is None or current is None:
                current = generate_content_key(self._random)
                self._made, self._current = segment_start, current
                return current
            if self._every is None:
                return current
            passed = (segment_start - made) // self._every
            if passed > 0:
                fresh = generate_content_key(self._random)
                if fresh.kid == current.kid:
                    raise ProtectionError("the random source gave the same KID twice")
                self._made, self._current = made + passed * self._every, fresh
                return fresh
            if passed < -1:
                self._made = segment_start
            return current


def _draw(random: Random, size: int) -> bytes:
    drawn = random(size)
    if len(drawn) != size:
        raise ProtectionError(f"the random source gave {len(drawn)} bytes instead of {size}")
    return drawn
