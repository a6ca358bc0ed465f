"""The content keys of a reader, given or unwrapped from the headers of a file."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import Final, Protocol
from uuid import UUID

from onvif_bmff.bmff.pssh import (
    ASYMMETRIC_SYSTEM_ID,
    NENC,
    AsymmetricKeySystemHeaderBox,
    EncryptedKeyEntry,
    ProtectionSystemSpecificHeaderBox,
)
from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.errors import MissingKeyError, ProtectionError, UnsupportedSchemeError, WrongKeyError
from onvif_bmff.key_format import KEY_SIZE

__all__ = ["NOT_OPENED", "KeyRing", "KeyUnwrapper"]

_log = logging.getLogger(__name__)

NOT_OPENED: Final = "the private key opens none of the wrapped forms of the content key"
"""The only message for keys that cannot be opened: details would help an attacker who forges boxes."""
_MAX_FAILURES: Final = 256
"""Number of failed entries after which no further ones are tried: each may need the private key."""
_ENTRY_HEAD = Struct(">HI")


class KeyUnwrapper(Protocol):
    """The private side of a certificate: a key file, a hardware module or a key server."""

    def unwrap(self, kid: UUID, entries: Sequence[EncryptedKeyEntry]) -> bytes:
        """Unwrap one of the entries of a content key and return its 16 bytes.

        If the boxes may come from an attacker, neither the error nor its timing may reveal why no entry opens (see
        ``onvif_bmff.cenc.keys.unwrap``).

        Args:
            kid: identifier of the content key.
            entries: this key, wrapped for one certificate each.

        Raises:
            WrongKeyError: none of the entries could be opened.
            ProtectionError: the private key is not available, for example if a token or key server cannot be reached.
        """
        ...


class KeyRing(Mapping[UUID, ContentKey]):
    """Content keys by KID, for reading.

    For an unknown KID, ``find`` raises ``MissingKeyError``, and ``[]`` KeyError.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[ContentKey] = ()) -> None:
        self._keys: dict[UUID, ContentKey] = {}
        for key in keys:
            self.add(key)

    def add(self, key: ContentKey) -> None:
        """Add a key.

        Raises:
            ProtectionError: there is another key with the same KID.
        """
        if self._keys.setdefault(key.kid, key) != key:
            raise ProtectionError(f"two different keys for KID {key.kid}")

    def find(self, kid: UUID) -> ContentKey:
        """Return the key of a KID.

        Raises:
            MissingKeyError: there is none.
        """
        try:
            return self._keys[kid]
        except KeyError:
            raise MissingKeyError(f"no content key for KID {kid}") from None

    def unlock(self, headers: Iterable[object], unwrapper: KeyUnwrapper) -> tuple[UUID, ...]:
        """Unwrap and add the keys of a file's asymmetric ``pssh`` boxes (ONVIF Recording Control 25.12, B.8.2).

        Other boxes, and those with known KIDs, are ignored. Boxes may be for different readers, so it suffices if one
        of them can be opened.

        Returns:
            the KIDs that were added.

        Raises:
            WrongKeyError: there were readable boxes, and the private key opened none. The message has no details.
            UnsupportedSchemeError: no box could be read, and one uses an unknown version or KEM.
            ProtectionError: no box could be read, and one is truncated; or the private key is not available.
        """
        opened: list[UUID] = []
        unreadable: ProtectionError | None = None
        failures = 0
        for header in headers:
            if isinstance(header, AsymmetricKeySystemHeaderBox):
                if header.kid in self._keys:
                    continue
                if failures >= _MAX_FAILURES:
                    _log.warning("%d wrapped keys did not open; those behind them are not tried", failures)
                    break
                try:
                    key = unwrapper.unwrap(header.kid, header.entries)
                except WrongKeyError:
                    key = b""
                if len(key) == KEY_SIZE:
                    self.add(ContentKey(header.kid, key))
                    opened.append(header.kid)
                else:
                    failures += max(len(header.entries), 1)
            elif (
                isinstance(header, ProtectionSystemSpecificHeaderBox)
                and header.system_id == ASYMMETRIC_SYSTEM_ID
                and not self._keys.keys() >= set(header.kids or ())
            ):
                unreadable = unreadable or _unreadable(header.data)
        if not opened and failures:
            raise WrongKeyError(NOT_OPENED)
        if not opened and unreadable is not None:
            raise unreadable
        return tuple(opened)

    def __getitem__(self, kid: UUID) -> ContentKey:
        return self._keys[kid]

    def __iter__(self) -> Iterator[UUID]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"KeyRing({[str(kid) for kid in self._keys]})"


def _unreadable(data: bytes) -> ProtectionError:
    """Return why the entries of an asymmetric header could not be read, by the first invalid one."""
    count = int.from_bytes(data[:4], "big")
    at = 4
    for _ in range(count):
        if at + _ENTRY_HEAD.size > len(data):
            break
        _, size = _ENTRY_HEAD.unpack_from(data, at)
        at += _ENTRY_HEAD.size + size
        version = data[at : at + 1]
        if version == b"\x01":
            at += 1
        elif version == b"\x02":
            if at + 7 > len(data):
                break
            kem = int.from_bytes(data[at + 1 : at + 3], "big")
            if kem not in NENC:
                return UnsupportedSchemeError(f"a key is wrapped with the HPKE KEM {kem:#06x}, which is not known")
            at += 7 + NENC[kem]
        elif version:
            return UnsupportedSchemeError(f"encryption version {version[0]} of a wrapped key is not known")
        at += 2 + int.from_bytes(data[at : at + 2], "big")
        if at > len(data):
            break
    return ProtectionError("the asymmetric key system header is cut short or damaged")
