"""Random bytes that a forked process does not share with its parent.

``fork()`` copies everything: a generator in memory that was injected as a source of randomness gives parent and child
the same bytes, a block of reserved numbers is handed out by both, and a lock that another thread held stays locked in
the child for ever. Objects that must not live on like that are put into ``forget_after_fork``; what they draw goes
through ``draw``, which mixes in what tells a child from all its relatives.
"""

import os
from collections.abc import Callable
from hashlib import sha256
from typing import Final, Protocol
from weakref import WeakSet

from onvif_bmff.errors import ProtectionError

__all__ = ["draw", "forget_after_fork", "notice_fork"]


class Forgetful(Protocol):
    """Something that begins anew in a forked child."""

    def forget(self) -> None:
        """Replace locks, and drop everything that parent and child must not both use."""
        ...


class _Process:
    """Which process this is among those that were forked from one another.

    ``lineage`` is empty in the process that loaded this module. Each child adds its ordinal among the forks of its
    parent, and its process ID: the first tells children apart that come one after the other, the second those that
    threads of the parent make at one moment.
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
    """See that ``one.forget()`` is called in every child that Python forks from now on."""
    _forgetful.add(one)


def notice_fork() -> None:
    """Forget now, if this process was forked without Python's knowledge, by a library in C."""
    if os.getpid() != _PROCESS.pid:
        _PROCESS.become_child()


def draw(random: Callable[[int], bytes], size: int) -> bytes:
    """``size`` bytes from a source of randomness, at most 32; other ones in a child than in its parent.

    In a process that was not forked they are exactly what the source gave. In a child they are a hash of that and of
    its lineage, so that they are as unpredictable as the source, and differ even where the source repeats itself.

    Raises:
        ProtectionError: the source gave another number of bytes.
    """
    drawn = random(size)
    if len(drawn) != size:
        raise ProtectionError(f"the random source gave {len(drawn)} bytes instead of {size}")
    notice_fork()
    lineage = _PROCESS.lineage
    return sha256(lineage + drawn).digest()[:size] if lineage else drawn
