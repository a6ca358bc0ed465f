"""The headers under which content keys are wrapped anew: one for each KID and run. ONVIF 25.12, B.8.2."""

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from onvif_bmff.bmff import AsymmetricKeySystemHeaderBox
from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.cenc.keys.wrap import KeyWrapper
from onvif_bmff.errors import MissingKeyError, WrongKeyError
from onvif_bmff.timing import UtcTime

__all__ = ["HeaderMaker", "NewHeaders"]


class NewHeaders(Protocol):
    """What a copy of recordings asks for the new headers."""

    def of(
        self, old: AsymmetricKeySystemHeaderBox, wrapped: Iterable[AsymmetricKeySystemHeaderBox]
    ) -> AsymmetricKeySystemHeaderBox:
        """Return the new header in place of an old one, which stands beside others in a movie box.

        Raises:
            ProtectionError: its key is not known, and does not open.
        """
        ...

    def found(self, header: AsymmetricKeySystemHeaderBox) -> None:
        """Note a new header that the target has already: the next objects get the same."""
        ...


class HeaderMaker:
    """Opens content keys and wraps each of them once.

    Args:
        wrapper: wraps for the new certificates.
        at: the time of the system clock, at which these must be valid.
        keys: content keys that are known; those that are opened are added.
        unwrapper: opens the others.
    """

    def __init__(self, wrapper: KeyWrapper, at: UtcTime, keys: KeyRing, unwrapper: KeyUnwrapper | None) -> None:
        self._wrapper = wrapper
        self._at = at
        self._keys = keys
        self._unwrapper = unwrapper
        self._headers: dict[UUID, AsymmetricKeySystemHeaderBox] = {}

    def of(
        self, old: AsymmetricKeySystemHeaderBox, wrapped: Iterable[AsymmetricKeySystemHeaderBox]
    ) -> AsymmetricKeySystemHeaderBox:
        """Return the new header of a key, opened with what is known; see ``NewHeaders.of``."""
        if old.kid not in self._headers:
            if old.kid not in self._keys:
                if self._unwrapper is None:
                    raise MissingKeyError(f"no content key for KID {old.kid}, and no private key to open it")
                try:
                    self._keys.unlock(wrapped, self._unwrapper)
                except WrongKeyError as error:
                    raise WrongKeyError(f"{error}; it is wrapped for {_recipients(old)}") from None
            self._headers[old.kid] = self._wrapper.header(self._keys.find(old.kid), at=self._at)
        return self._headers[old.kid]

    def found(self, header: AsymmetricKeySystemHeaderBox) -> None:
        """Note a new header that the target has already."""
        self._headers.setdefault(header.kid, header)


def _recipients(header: AsymmetricKeySystemHeaderBox) -> str:
    prints = ", ".join(entry.thumbprint.hex() for entry in header.entries)
    return f"the certificates with the thumbprints {prints}"
