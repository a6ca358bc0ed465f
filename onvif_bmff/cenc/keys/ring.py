"""The content keys that a reader holds, given by hand or opened from the headers of a file."""

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
from onvif_bmff.cenc.keys.content import KEY_SIZE, ContentKey
from onvif_bmff.errors import MissingKeyError, ProtectionError, UnsupportedSchemeError, WrongKeyError

__all__ = ["NOT_OPENED", "KeyRing", "KeyUnwrapper"]

_log = logging.getLogger("onvif_bmff.cenc")

NOT_OPENED: Final = "the private key opens none of the wrapped forms of the content key"
"""All that is said of keys that do not open, whatever is wrong: more would help those who forge boxes."""
_MAX_FAILURES: Final = 256
"""Entries offered in vain after which a file is given up: each may cost a use of the private key."""
_ENTRY_HEAD = Struct(">HI")


class KeyUnwrapper(Protocol):
    """The private side of a certificate: a key file, a hardware module or a key server."""

    def unwrap(self, kid: UUID, entries: Sequence[EncryptedKeyEntry]) -> bytes:
        """Open one of the wrapped forms of a content key and return its 16 bytes.

        Where the boxes may come from strangers, neither the error nor the time that it takes may tell why no entry
        opens (see ``onvif_bmff.cenc.keys.unwrap``).

        Args:
            kid: identifier of the content key.
            entries: the same key, wrapped for one certificate each.

        Raises:
            WrongKeyError: none of the entries could be opened, for whatever reason that lies in them.
            ProtectionError: the private key cannot be used at all; a token or key server is not there, say.
        """
        ...


class KeyRing(Mapping[UUID, ContentKey]):
    """Content keys by KID, for reading.

    A KID that is not there is a ``MissingKeyError`` from ``find`` and a KeyError from ``[]``.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[ContentKey] = ()) -> None:
        self._keys: dict[UUID, ContentKey] = {}
        for key in keys:
            self.add(key)

    def add(self, key: ContentKey) -> None:
        """Put a key on the ring.

        Raises:
            ProtectionError: another key is there under the same KID.
        """
        if self._keys.setdefault(key.kid, key) != key:
            raise ProtectionError(f"two different keys for KID {key.kid}")

    def find(self, kid: UUID) -> ContentKey:
        """Return the key of a KID.

        Raises:
            MissingKeyError: it is not on the ring.
        """
        try:
            return self._keys[kid]
        except KeyError:
            raise MissingKeyError(f"no content key for KID {kid}") from None

    def unlock(self, headers: Iterable[object], unwrapper: KeyUnwrapper) -> tuple[UUID, ...]:
        """Open the wrapped keys of a file's asymmetric ``pssh`` boxes (ONVIF Recording Control 25.12, B.8.2).

        Boxes of other kinds, and those whose KID is on the ring already, are passed over. Several boxes may
        be meant for different readers, so it is enough if one of them opens.

        Returns:
            the KIDs that were added.

        Raises:
            WrongKeyError: there were boxes to open, and the private key opened none. That is all that is told.
            UnsupportedSchemeError: there was none that could be read, and one uses a version or KEM that is not known.
            ProtectionError: there was none that could be read, and one is cut short; or the private key cannot
                be used at all.
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
    """Return why the entries of an asymmetric header could not be read: what stands where the first one goes wrong."""
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
