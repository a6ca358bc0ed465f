"""Initialisation vectors that do not repeat under a key.

In counter mode a vector used twice under a key gives away the XOR of two samples. Vectors of cenc are therefore
numbers on a circle, one circle a key: a run of a process begins at a place drawn at random and counts up, one number a
sample, modulo the size of the circle. No clock has a part in it, so that clocks which stand still, or are set back, do
no harm. In a forked child a new run begins.

Two runs can meet by chance only. N runs of L samples under one key share a number with a probability of at most
N² L / 2**64 for vectors of 8 bytes, and N² L / 2**104 for those of 16. A store (``IvStore``) lets a process go on where
the last one ended, which keeps N low. ``docs/SECURITY.md`` says for how many cameras that is enough.

cbcs wants vectors that nobody can predict; they are drawn at random, one for each fragment (ONVIF Recording
Control 25.12, B.8).
"""

import logging
import os
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final, NoReturn, Protocol
from uuid import UUID

from onvif_bmff.cenc.forks import draw, forget_after_fork, notice_fork
from onvif_bmff.errors import ProtectionError

__all__ = ["IV_BITS", "MAX_SAMPLE_OF_16", "CbcsIvSource", "CencIvAllocator", "CencIvAllocators", "IvStore"]

log = logging.getLogger(__name__)

IV_BITS: Final = {8: 64, 16: 104}
"""Size of a cenc vector in bytes -> bits of the number in it.

One of 8 bytes leaves the lower half of the counter block to the blocks of the sample (ISO/IEC 23001-7, 9.6). In one of
16 bytes the lowest 24 bits are zero, and count the blocks.
"""
MAX_SAMPLE_OF_16: Final = 16 << 24
"""Most bytes of a sample under a vector of 16 bytes: more would run into the blocks of the next one."""

_RECENT: Final = 4096
_MAX_KEYS: Final = 4096
_RESERVE: Final = 1 << 20
_MAX_RESERVED: Final = 1 << 32  # so that no number of blocks in a lifetime goes round the circle


class IvStore(Protocol):
    """Sets numbers of a key aside, for one process after the other; ``storage.SqliteIvStore`` is one."""

    def reserve(self, kid: UUID, bits: int, count: int, fresh: int) -> int:
        """Set ``count`` numbers aside and return the first; the others follow it, modulo ``2**bits``.

        They follow those set aside last, if the store is certain that it knows them, which after a restore from a
        backup it does not; else they begin at ``fresh``, which was drawn at random. When this returns, no process
        is given any of them any more. May raise anything: then a run begins at random.
        """
        ...


class CencIvAllocator:
    """Vectors of one key: each is given out once, in the order of their numbers.

    May be shared by threads, and should be by everything in a process that encrypts with the key. It cannot be copied
    or pickled, for the copy would give the same vectors.

    Args:
        kid: the key, as the store knows it.
        size: bytes of a vector, 8 or 16.
        random: gives so many unpredictable bytes. Two processes must not be given sources that repeat each other.
        store: sets numbers aside, or None. If it fails, that is logged, and a new run begins at random: a recording
            does not end because a disk is full.
        reserve: how many numbers are asked of the store at a time. The default lasts some hours.

    Raises:
        ProtectionError: ``reserve`` is not between 1 and 2**32, or ``size`` is another.
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
        """Begin a new run, as in a forked child; its parent goes on with the numbers of this one."""
        self._lock = Lock()
        self._left = None

    def take(self, count: int) -> list[bytes]:
        """``count`` vectors, one for each sample of a fragment.

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
                first, given = self._next, min(left, wanted)
                ivs += [(number % end << shift).to_bytes(size, "big") for number in range(first, first + given)]
                self._next = (first + given) % end
                self._left = left - given
        return ivs

    def _begin(self, wanted: int, end: int) -> int:
        """Get more numbers, the first of which is then ``_next``; how many they are."""
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
        except Exception as error:  # stores may be of any kind, and what they cannot do chance can
            log.warning("no initialisation vectors were set aside for key %s, a new run begins: %s", self._kid, error)
            first = fresh
        self._next = first
        return count


class CencIvAllocators:
    """One allocator for each key, made when it is first asked for; keep one of these in a process.

    Those of the 4,096 keys used last are kept. The arguments are those of ``CencIvAllocator``.
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
        """Be ready for use in a forked child; the allocators forget by themselves."""
        self._lock = Lock()

    @property
    def size(self) -> int:
        """Bytes of a vector, 8 or 16."""
        return self._size

    def for_key(self, kid: UUID) -> CencIvAllocator:
        """Return the allocator of a key, the same one for as long as the key is in use."""
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

    A vector that was drawn among the last few thousand is refused: that happens only if the random source
    is broken. May be shared by threads. A forked child gives other vectors than its parent, whatever the source.

    Args:
        random: gives so many unpredictable bytes.
    """

    __slots__ = ("__weakref__", "_lock", "_random", "_recent")

    def __init__(self, random: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random
        self._lock = Lock()
        self._recent: OrderedDict[bytes, None] = OrderedDict()
        forget_after_fork(self)

    def forget(self) -> None:
        """Be ready for use in a forked child."""
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
