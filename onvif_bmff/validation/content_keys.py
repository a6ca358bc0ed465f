"""The content keys with which the samples of a segment are opened: those given, and those that its header wraps."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from onvif_bmff.bmff import Box
from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.cenc.protection import protection_headers
from onvif_bmff.errors import ProtectionError
from onvif_bmff.validation.observed import Header

__all__ = ["ContentKeys", "KeysOfHeaders", "Refused"]

_MAX_REMEMBERED = 256
"""Headers whose keys are remembered: those of a span are equal."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Content keys that a header holds, and that could not be unwrapped, and why."""

    kids: frozenset[UUID]
    reason: str


class KeysOfHeaders(Protocol):
    """What looks at segments ask for their keys."""

    def of(self, header: Header) -> tuple[KeyRing | None, Refused | None]:
        """Return the keys for the samples of a segment, and those that its header holds but do not open."""
        ...


class ContentKeys:
    """Unwraps the keys in the headers of segments; what a header gives does not depend on others.

    Args:
        ring: content keys that are known.
        unwrapper: unwraps others.
    """

    def __init__(self, ring: KeyRing | None, unwrapper: KeyUnwrapper | None) -> None:
        self._given = ring
        self._unwrapper = unwrapper
        self._known: dict[bytes, tuple[KeyRing, Refused | None]] = {}

    def of(self, header: Header) -> tuple[KeyRing | None, Refused | None]:
        """Return the keys for the samples of a segment, and those that its header holds but do not open."""
        kids = {protection.kid for protection in header.protections.values()}
        if self._unwrapper is None or kids <= (KeyRing() if self._given is None else self._given).keys():
            return self._given, None
        return self.unwrapped(protection_headers(header.movie), kids)

    def unwrapped(self, boxes: Iterable[Box], kids: Iterable[UUID]) -> tuple[KeyRing, Refused | None]:
        """Return the given keys and those in the pssh boxes of a header, and which of ``kids`` did not open."""
        boxes = tuple(boxes)
        wrapped = b"".join([box.build() for box in boxes])
        if wrapped not in self._known:
            ring, refused = KeyRing(() if self._given is None else self._given.values()), None
            try:
                if self._unwrapper is not None:
                    ring.unlock(boxes, self._unwrapper)
            except ProtectionError as error:
                refused = Refused(frozenset(kids).difference(ring), str(error))
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            self._known[wrapped] = ring, refused
        return self._known[wrapped]
