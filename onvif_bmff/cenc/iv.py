"""Initialisation vectors that never repeat under a key.

In counter mode a vector used twice under a key gives away the XOR of two samples. cenc therefore takes its
8-byte vectors from one ever rising number line per key, which all tracks and all spans share. The line is
tied to the clock, so that a restart continues above everything used before, and may be kept in a store, so
that even a clock that was set back meanwhile does no harm.

cbcs wants vectors that nobody can predict; they are drawn at random, one for each fragment (ONVIF Recording
Control 25.12, B.8).
"""

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final, Protocol
from uuid import UUID

from onvif_bmff.errors import ProtectionError

__all__ = ["CbcsIvSource", "CencIvAllocator", "CencIvAllocators", "IvStore"]

_CLOCK_SHIFT: Final = 12
_END: Final = 1 << 64
_RECENT: Final = 4096


class IvStore(Protocol):
    """Remembers over a restart up to where the vectors of a key have been given out."""

    def load(self, kid: UUID) -> int | None:
        """The last number stored for a key, or None if there never was one."""
        ...

    def store(self, kid: UUID, limit: int) -> None:
        """Keep ``limit`` for a key; it must be safe on disk when this returns."""
        ...


class CencIvAllocator:
    """Numbers for the 8-byte vectors of one key: each is given out once, and they only rise.

    The next number is the one after the last, or the clock's microseconds since 1970 times 4096 if that is
    higher. So a restart begins above all numbers used before unless the clock was set back; the numbers
    last until the year 2112. With a store, blocks of numbers are reserved ahead, and a restart begins
    above the last block whatever the clock says.

    May be shared by threads, and must be shared by everything in a process that encrypts with the key.

    Args:
        kid: the key, as the store knows it.
        clock: nanoseconds since 1970, as ``time.time_ns`` gives them.
        store: where reserved blocks are kept, or None.
        reserve: size of a block. The default of 2**40 numbers means one write in four and a half minutes.

    Raises:
        ProtectionError: ``reserve`` is not positive, or what the store gave is not a number in range.
    """

    __slots__ = ("_clock", "_kid", "_limit", "_lock", "_next", "_reserve", "_store")

    def __init__(
        self,
        kid: UUID,
        *,
        clock: Callable[[], int] = time.time_ns,
        store: IvStore | None = None,
        reserve: int = 1 << 40,
    ) -> None:
        if reserve <= 0:
            raise ProtectionError("a block of vectors must hold at least one")
        self._kid = kid
        self._clock = clock
        self._store = store
        self._reserve = reserve
        self._lock = Lock()
        loaded = store.load(kid) if store is not None else None
        self._next = 0 if loaded is None else loaded
        if not 0 <= self._next <= _END:
            raise ProtectionError("the store of initialisation vectors holds a number out of range")
        self._limit = self._next

    def take(self, count: int) -> int:
        """Reserve ``count`` numbers in a row and return the first.

        If the store fails, its error passes through and no number was given out.

        Raises:
            ProtectionError: ``count`` is negative, or the numbers of this key are used up.
        """
        if count < 0:
            raise ProtectionError("a negative count of vectors")
        with self._lock:
            first = max(self._next, self._clock() // 1000 << _CLOCK_SHIFT)
            after = first + count
            if after > _END:
                raise ProtectionError("the initialisation vectors of this key are used up; use a new key")
            if self._store is not None and after > self._limit:
                limit = min(after + self._reserve, _END)
                self._store.store(self._kid, limit)
                self._limit = limit
            self._next = after
            return first

    def take_ivs(self, count: int) -> list[bytes]:
        """``count`` vectors of 8 bytes, one for each sample of a fragment. Raises as `take` does."""
        first = self.take(count)
        return [number.to_bytes(8, "big") for number in range(first, first + count)]


class CencIvAllocators:
    """One allocator for each key, made when it is first asked for; keep one of these in a process.

    Args:
        clock: as for `CencIvAllocator`.
        store: as for `CencIvAllocator`.
        reserve: as for `CencIvAllocator`.
    """

    __slots__ = ("_allocators", "_clock", "_lock", "_reserve", "_store")

    def __init__(
        self,
        *,
        clock: Callable[[], int] = time.time_ns,
        store: IvStore | None = None,
        reserve: int = 1 << 40,
    ) -> None:
        self._clock = clock
        self._store = store
        self._reserve = reserve
        self._lock = Lock()
        self._allocators: dict[UUID, CencIvAllocator] = {}

    def for_key(self, kid: UUID) -> CencIvAllocator:
        """The allocator of a key, always the same one."""
        with self._lock:
            found = self._allocators.get(kid)
            if found is None:
                found = CencIvAllocator(kid, clock=self._clock, store=self._store, reserve=self._reserve)
                self._allocators[kid] = found
            return found


class CbcsIvSource:
    """Random 16-byte vectors for cbcs, one for each fragment.

    A vector that was drawn among the last few thousand is refused: that happens only if the random source
    is broken. May be shared by threads.

    Args:
        random: gives so many unpredictable bytes.
    """

    __slots__ = ("_lock", "_random", "_recent")

    def __init__(self, random: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random
        self._lock = Lock()
        self._recent: OrderedDict[bytes, None] = OrderedDict()

    def take(self) -> bytes:
        """A new vector.

        Raises:
            ProtectionError: the random source repeats itself, or gave too few bytes.
        """
        with self._lock:
            drawn = self._random(16)
            if len(drawn) != 16:
                raise ProtectionError(f"the random source gave {len(drawn)} bytes instead of 16")
            if drawn in self._recent:
                raise ProtectionError("the random source gave the same initialisation vector twice")
            self._recent[drawn] = None
            if len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
            return drawn
