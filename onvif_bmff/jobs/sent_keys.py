"""Content keys on their way to the workers of a job. ``ContentKey`` itself cannot be pickled, so that none leaks."""

from typing import Self
from uuid import UUID

from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.cenc.keys.ring import KeyRing

__all__ = ["SentRing"]


class SentRing:
    """The keys of a ring, or none, for a worker. They are hidden in representations, and in the clear when pickled."""

    __slots__ = ("_keys",)

    def __init__(self, keys: tuple[tuple[UUID, bytes], ...] | None) -> None:
        self._keys = keys

    @classmethod
    def of(cls, ring: KeyRing | None) -> Self:
        """Take the keys of a ring."""
        return cls(None if ring is None else tuple((kid, key.key) for kid, key in ring.items()))

    def ring(self) -> KeyRing | None:
        """Return a ring with the keys."""
        return None if self._keys is None else KeyRing(ContentKey(kid, key) for kid, key in self._keys)

    def __repr__(self) -> str:
        return f"SentRing(<{len(self._keys or ())} hidden>)"
