"""Media waiting for a store: a queue that never blocks its writers, and drops whole GOPs when it is full.

Dropped media never leave a hole within a span: at a mark in their place the spans close and new ones begin.
"""

from collections import deque
from enum import Enum
from typing import Any, Generic, TypeVar

from onvif_bmff.errors import InvariantError
from onvif_bmff.runtime import SYSTEM, Runtime

__all__ = ["Mailbox", "OverloadPolicy"]

T = TypeVar("T")
Message = tuple[T, int, bool]


class OverloadPolicy(Enum):
    """What to drop when a store is too slow."""

    OLDEST = "oldest"
    """Drop the oldest media, up to the next sync sample of the video at which half of the room is free."""
    NEWEST = "newest"
    """Drop new media, until half of the room is free and a sync sample of the video arrives."""


class Mailbox(Generic[T]):
    """A queue of media and of messages that are never dropped, for many writers and one reader.

    Args:
        gap: the mark that stands for media that were dropped.
        max_bytes: room for media.
        policy: what to drop.
        runtime: waits.
    """

    def __init__(
        self,
        gap: T,
        *,
        max_bytes: int = 32 << 20,
        policy: OverloadPolicy = OverloadPolicy.OLDEST,
        runtime: Runtime = SYSTEM,
    ) -> None:
        self._gap = gap
        self._max_bytes = max_bytes
        self._policy = policy
        self._items: deque[Message[Any]] = deque()
        self._size = 0
        self._shut = False
        self._lock = runtime.lock()
        self._ready = runtime.flag()
        self.dropped = 0

    def put(self, item: T) -> None:
        """Add a message."""
        with self._lock:
            self._append((item, 0, False))

    def put_media(self, item: T, size: int, *, opens_gop: bool) -> None:
        """Add media of ``size`` bytes; ``opens_gop``: recording can begin with it."""
        size = max(size, 1)
        with self._lock:
            if self._shut:
                if not opens_gop or self._size > self._max_bytes // 2:
                    self.dropped += 1
                    return
                self._shut = False
            elif self._size + size > self._max_bytes and self._items:
                if self._policy is OverloadPolicy.OLDEST:
                    self._drop_oldest()
                else:
                    self._append((self._gap, 0, False))
                    self._shut = True
                if self._shut and not (opens_gop and self._size == 0):
                    self.dropped += 1
                    return
                self._shut = False
            self._append((item, size, opens_gop))
            self._size += size

    def take(self, timeout: float | None = None) -> T | None:
        """Return the next item, or None if none arrives within ``timeout`` seconds."""
        self._ready.wait(timeout)
        with self._lock:
            if not self._items:
                return None
            item, size, _ = self._items.popleft()
            self._size -= size
            if not self._items:
                self._ready.clear()
                if self._size:
                    raise InvariantError(f"a queue that is empty has {self._size} bytes")
            return item  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Bytes of the media in it."""
        return self._size

    def __len__(self) -> int:
        return len(self._items)

    def _append(self, message: Message[T]) -> None:
        if not self._items:
            self._ready.set()
        self._items.append(message)

    def _drop_oldest(self) -> None:
        """Drop media from the front until half of the room is free and the next item can begin a recording."""
        kept: list[Message[Any]] = []
        items = self._items
        while items:
            item, size, opens_gop = items[0]
            if opens_gop and self._size <= self._max_bytes // 2:
                break
            items.popleft()
            if size:
                self._size -= size
                self.dropped += 1
            elif item is not self._gap:
                kept.append((item, 0, False))
        items.extendleft(reversed([(self._gap, 0, False), *kept]))
        if self._size != sum(size for _, size, _ in items):
            raise InvariantError(f"a queue has {self._size} bytes by its count, and others in it")
        if not any(size for _, size, _ in items):
            self._shut = True  # no item that could begin a recording was left
