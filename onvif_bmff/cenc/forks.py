"""Random bytes that a forked process does not share with its parent.

``fork()`` copies everything: an injected random generator returns the same bytes in parent and child, both use the same
block of reserved numbers, and a lock that another thread held stays locked in the child for ever. Objects for which
that matters register with ``forget_after_fork``, and draw random bytes by ``draw``, which mixes in an identity of the
process among its relatives.
"""

import os
from collections.abc import Callable
from hashlib import sha256
from typing import Final, Protocol
from weakref import WeakSet

from onvif_bmff.errors import ProtectionError

__all__ = ["draw", "forget_after_fork", "notice_fork"]


class Forgetful(Protocol):
    """An object that is reset in a forked child."""

    def forget(self) -> None:
        """Replace locks, and drop all state that parent and child must not share."""
        ...


class _Process:
    """Identity of this process among those forked from one another.

    ``lineage`` is empty in the process that loaded this module. Each child adds its ordinal among the forks of its
    parent, and its process ID: the first distinguishes successive children, the second those that threads of the parent
    fork at the same time.
    """

    __slots__ = ("children", "lineage", "pid")

    def __init__(self) -> None:
        self.children = 0
        self.lineage = b""
        self.pid = os.getpid()

    def count(self) -> None:
        self.children += 1

    def become_child(self) -> None:
        self.pid = os.getpid()
        self.lineage += b"%d.%d/" % (self.children, self.pid)
        self.children = 0
        for one in tuple(_forgetful):
            one.forget()


_forgetful: WeakSet[Forgetful] = WeakSet()
_PROCESS: Final = _Process()
os.register_at_fork(before=_PROCESS.count, after_in_child=_PROCESS.become_child)


def forget_after_fork(one: Forgetful) -> None:
    """Call ``one.forget()`` in every child that Python forks from now on."""
    _forgetful.add(one)


def notice_fork() -> None:
    """Reset registered objects if this process was forked without Python's knowledge, by a C library."""
    if os.getpid() != _PROCESS.pid:
        _PROCESS.become_child()


def draw(random: Callable[[int], bytes], size: int) -> bytes:
    """Return ``size`` bytes (at most 32) from a random source; a child gets others than its parent.

    In a process that was not forked they are the bytes of the source. In a child they are a hash of those and of its
    lineage: as unpredictable as the source, and different even if the source repeats itself.

    Raises:
        ProtectionError: the source returned another number of bytes.
    """
    drawn = random(size)
    if len(drawn) != size:
        raise ProtectionError(f"the random source gave {len(drawn)} bytes instead of {size}")
    notice_fork()
    lineage = _PROCESS.lineage
    return sha256(lineage + drawn).digest()[:size] if lineage else drawn
