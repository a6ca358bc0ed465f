"""Initialisation vectors that do not repeat under a key.

In counter mode, a vector used twice under a key reveals the XOR of two samples. Vectors of cenc are therefore numbers
on a circle, one circle for each key: a run of a process begins at a random number and counts up, one number for each
sample, modulo the size of the circle. No clock is involved, so a clock that stops or is set back does no harm. In a
forked child a new run begins.

Two runs can overlap only by chance. N runs of L samples under one key share a number with a probability of at most
N² L / 2**64 for vectors of 8 bytes, and N² L / 2**104 for those of 16. With a store (``IvStore``) a process continues
where the last one ended, which keeps N low. ``docs/SECURITY.md`` has the numbers of cameras for which that suffices.

cbcs needs unpredictable vectors; they are drawn at random, one for each fragment (ONVIF Recording Control 25.12, B.8).
"""

import logging
import os
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final, NoReturn, Protocol
from uuid import UUID

from onvif_bmff.cenc.forks import draw, forget_after_fork, notice_fork
from onvif_bmff.errors import InvariantError, ProtectionError

__all__ = ["IV_BITS", "MAX_SAMPLE_OF_16", "CbcsIvSource", "CencIvAllocator", "CencIvAllocators", "IvStore"]

log = logging.getLogger(__name__)

IV_BITS: Final = {8: 64, 16: 104}
"""Size of a cenc vector in bytes -> bits of the number in it.

A vector of 8 bytes is the upper half of the counter block; the lower half counts blocks (ISO/IEC 23001-7, 9.6). In one
of 16 bytes the lowest 24 bits are zero, and count blocks.
"""
MAX_SAMPLE_OF_16: Final = 16 << 24
"""Largest sample under a vector of 16 bytes, in bytes: counters of a larger one would overlap the next vector's."""

_RECENT: Final = 4096
_MAX_KEYS: Final = 4096
_RESERVE: Final = 1 << 20
_MAX_RESERVED: Final = 1 << 32  # so that reservations cannot wrap around the circle


class IvStore(Protocol):
    """Reserves numbers of a key across processes; see ``storage.SqliteIvStore``."""

    def reserve(self, kid: UUID, bits: int, count: int, fresh: int) -> int:
        """Reserve ``count`` numbers and return the first; the others follow it, modulo ``2**bits``.

        They follow the last reserved ones if the store is certain to know those, which it is not after a restore from
        a backup; otherwise they begin at ``fresh``, a random number. After the return, no process gets any of them
        again. If it raises any exception, a run begins at a random number.
        """
        ...


class CencIvAllocator:
    """Allocates the vectors of one key: each once, in the order of their numbers.

    Thread-safe; everything in a process that encrypts with the key should share it. It cannot be copied or pickled,
    since the copy would return the same vectors.

    Args:
        kid: identifies the key in the store.
        size: bytes of a vector, 8 or 16.
        random: returns the given number of unpredictable bytes. Sources of two processes must not repeat each other.
        store: reserves numbers, or None. If it fails, that is logged and a new run begins at a random number, so that
            a recording does not end because a disk is full.
        reserve: numbers reserved at a time. The default suffices for some hours.

    Raises:
        ProtectionError: ``reserve`` is not from 1 to 2**32, or ``size`` is not 8 or 16.
    """

    __slots__ = ("__weakref__", "_kid", "_left", "_lock", "_next", "_random", "_reserve", "_size", "_store")

    def __init__(
        self,
        kid: UUID,
        *,
        size: int = 8,
        random: Callable[[int], bytes] = os.urandom,
        store: IvStore | None = None,
        reserve: int = _RESERVE,
    ) -> None:
        _check(size, reserve)
        self._kid = kid
        self._size = size
        self._random = random
        self._store = store
        self._reserve = reserve
        self._lock = Lock()
        self._next = 0
        self._left: int | None = None
        forget_after_fork(self)

    def __reduce__(self) -> NoReturn:
        raise ProtectionError("what gives out initialisation vectors cannot be copied: the copy would repeat them")

    def forget(self) -> None:
        """Begin a new run, as in a forked child; the parent continues with the numbers of this one."""
        self._lock = Lock()
        self._left = None

    def take(self, count: int) -> list[bytes]:
        """Return ``count`` vectors, one for each sample of a fragment.

        Raises:
            ProtectionError: ``count`` is negative, the random source gave too few bytes, or the numbers of this key
                are used up.
        """
        if count < 0:
            raise ProtectionError("a negative count of vectors")
        size = self._size
        bits = IV_BITS[size]
        shift, end = 8 * (size - 8) - (bits - 64), 1 << bits
        ivs: list[bytes] = []
        notice_fork()
        with self._lock:
            while len(ivs) < count:
                wanted = count - len(ivs)
                left = self._left or self._begin(wanted, end)
                if not 0 < left <= end:
                    raise InvariantError(f"{left} vectors are left under a key that has {end}")
                first, given = self._next, min(left, wanted)
                ivs += [(number % end << shift).to_bytes(size, "big") for number in range(first, first + given)]
                self._next = (first + given) % end
                self._left = left - given
        return ivs

    def _begin(self, wanted: int, end: int) -> int:
        """Get more numbers, of which the first is then ``_next``; return how many."""
        if self._store is None and self._left is not None:
            raise ProtectionError("the initialisation vectors of this key are used up; use a new key")
        fresh = int.from_bytes(draw(self._random, IV_BITS[self._size] // 8), "big")
        if self._store is None:
            self._next = fresh
            return end
        count = max(wanted, self._reserve)
        try:
            first = self._store.reserve(self._kid, IV_BITS[self._size], count, fresh)
            if not 0 <= first < end:
                raise ProtectionError("the store of initialisation vectors gave a number out of range")
        except Exception as error:  # noqa: BLE001 - third-party stores may raise anything; random numbers replace them
            log.warning("no initialisation vectors were set aside for key %s, a new run begins: %s", self._kid, error)
            first = fresh
        self._next = first
        return count


class CencIvAllocators:
    """One allocator for each key, created on first use; use one instance in a process.

    The allocators of the 4,096 keys used last are kept. For the arguments see ``CencIvAllocator``.
    """

    __slots__ = ("__weakref__", "_allocators", "_lock", "_random", "_reserve", "_size", "_store")

    def __init__(
        self,
        *,
        size: int = 8,
        random: Callable[[int], bytes] = os.urandom,
        store: IvStore | None = None,
        reserve: int = _RESERVE,
    ) -> None:
        _check(size, reserve)
        self._size = size
        self._random = random
        self._store = store
        self._reserve = reserve
        self._lock = Lock()
        self._allocators: OrderedDict[UUID, CencIvAllocator] = OrderedDict()
        forget_after_fork(self)

    def forget(self) -> None:
        """Replace the lock in a forked child; the allocators reset themselves."""
        self._lock = Lock()

    @property
    def size(self) -> int:
        """Bytes of a vector, 8 or 16."""
        return self._size

    def for_key(self, kid: UUID) -> CencIvAllocator:
        """Return the allocator of a key, the same one while the key is in use."""
        with self._lock:
            found = self._allocators.get(kid)
            if found is None:
                found = CencIvAllocator(
                    kid, size=self._size, random=self._random, store=self._store, reserve=self._reserve
                )
                self._allocators[kid] = found
                if len(self._allocators) > _MAX_KEYS:
                    self._allocators.popitem(last=False)
            self._allocators.move_to_end(kid)
            return found


class CbcsIvSource:
    """Random 16-byte vectors for cbcs, one for each fragment.

    A vector equal to one of the last 4,096 is refused: that happens only if the random source is broken. Thread-safe. A
    forked child returns other vectors than its parent, with any source.

    Args:
        random: returns the given number of unpredictable bytes.
    """

    __slots__ = ("__weakref__", "_lock", "_random", "_recent")

    def __init__(self, random: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random
        self._lock = Lock()
        self._recent: OrderedDict[bytes, None] = OrderedDict()
        forget_after_fork(self)

    def forget(self) -> None:
        """Replace the lock in a forked child."""
        self._lock = Lock()

    def take(self) -> bytes:
        """Return a new vector.

        Raises:
            ProtectionError: the random source repeats itself, or gave too few bytes.
        """
        notice_fork()
        with self._lock:
            drawn = draw(self._random, 16)
            if drawn in self._recent:
                raise ProtectionError("the random source gave the same initialisation vector twice")
            self._recent[drawn] = None
            if len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
            return drawn


def _check(size: int, reserve: int) -> None:
    if size not in IV_BITS:
        raise ProtectionError("an initialisation vector of cenc has 8 or 16 bytes")
    if not 0 < reserve <= _MAX_RESERVED:
        raise ProtectionError("a block of vectors holds between 1 and 2**32")
