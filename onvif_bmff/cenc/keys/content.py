"""Content keys, and where a recorder gets them from.

A recorder asks a `KeySource` which key applies each time it opens a segment; a KID other than that of the
open span means a new moov, which closes all spans (ONVIF Recording Control 25.12, B.2 and B.8).
"""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from hmac import compare_digest
from threading import Lock
from typing import Final, Never, Protocol
from uuid import UUID

from onvif_bmff.errors import ProtectionError
from onvif_bmff.timing import UtcTime

__all__ = [
    "KEY_SIZE",
    "ContentKey",
    "FixedKey",
    "KeySource",
    "RotatingKey",
    "generate_content_key",
    "parse_key",
    "parse_kid",
]

KEY_SIZE: Final = 16
"""Bytes of a content key."""

_UUID_TEXT = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|([0-9a-f]{32})", re.I | re.A)
_KEY_TEXT = re.compile(r"[0-9a-f]{32}", re.I | re.A)

Random = Callable[[int], bytes]
"""Gives so many unpredictable bytes, as ``os.urandom`` does."""


def parse_kid(text: str) -> UUID:
    """A key identifier from its text: a UUID (RFC 9562, with or without ``urn:uuid:``) or 32 hex digits.

    Either case is taken, braces are not. The bytes of a KID in ``tenc``, ``seig`` and ``pssh`` are those
    of the text in reading order, that is ``UUID.bytes``.

    Raises:
        ProtectionError: the text is neither. The message does not repeat it: it may be a key by mistake.
    """
    found = _UUID_TEXT.fullmatch(text)
    if found is None:
        raise ProtectionError("a KID is a UUID, written with dashes or as 32 hex digits")
    return UUID(hex=found[1] or found[2])


def parse_key(text: str) -> bytes:
    """The 16 bytes of a content key from 32 hex digits (xs:hexBinary), nothing around or between them.

    Raises:
        ProtectionError: the text is anything else.
    """
    if _KEY_TEXT.fullmatch(text) is None:
        del text  # debuggers and crash reporters show the variables of a traceback
        raise ProtectionError("a content key is exactly 32 hex digits (16 bytes)")
    return bytes.fromhex(text)


class ContentKey:
    """An AES-128 key with its identifier; immutable.

    The key shows up in no representation, and an instance refuses to be pickled. ``copy`` gives the
    instance itself.

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
    """A new key under a new random KID, a UUID of version 4 (ONVIF Recording Control 25.12, B.8.2).

    Raises:
        ProtectionError: the random source gave too few bytes.
    """
    return ContentKey(UUID(bytes=_draw(random, KEY_SIZE), version=4), _draw(random, KEY_SIZE))


class KeySource(Protocol):
    """Tells a recorder which key to encrypt with. A key server is reached by writing one of these."""

    def key_for(self, segment_start: UtcTime) -> ContentKey:
        """The key of a segment that is opened at this instant.

        A segment keeps its key until it ends, so this is asked once for each segment, or once for all
        segments that open together. The answer stays the same as long as the key does. A new key needs a
        new KID: callers tell keys apart by that.

        Raises:
            ProtectionError: no key can be had.
        """
        ...


class FixedKey:
    """A key that never changes, such as the KID and Key of an encryption entry."""

    __slots__ = ("_content_key",)

    def __init__(self, content_key: ContentKey) -> None:
        self._content_key = content_key

    def key_for(self, segment_start: UtcTime) -> ContentKey:
        """The one key, whenever the segment starts."""
        return self._content_key


class RotatingKey:
    """Keys made here, a new one each time an interval has passed (ONVIF Recording Control 25.12, B.8.2).

    The first key is made when a segment first asks for one. From that instant on the intervals are
    counted, on the time line of the segments and not from one segment to the next. Where several
    intervals end within one segment, only the newest key is ever used. A segment that starts earlier than
    one before it gets the newest key too; if it starts more than a whole interval before the newest key
    was made, the clock was set back, and the intervals are counted from there, so that no key outlives
    two of them.

    May be shared by threads.

    Args:
        every: the interval (KeyRotationDuration), or None to keep the first key for good.
        random: where keys and KIDs come from.

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
        """The newest key at this instant, made now if the last interval has ended.

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
