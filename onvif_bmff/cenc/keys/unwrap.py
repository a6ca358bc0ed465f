"""Unwrapping of content keys with a private key (ONVIF Recording Control 25.12, B.8.2).

Someone who submits ``pssh`` boxes to a private key must not learn from the answers: if errors distinguish a wrong
padding from a wrong length, RSA-OAEP is broken with some thousand queries. So there is one error, ``NOT_OPENED``, and
before it is raised the private key has been used equally often, on values of the same size, whatever was wrong. The
reason goes to the debug log of ``onvif_bmff.cenc``, which only the owner of the key may read.
"""

import logging
from collections.abc import Sequence
from hmac import compare_digest
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from onvif_bmff.bmff.pssh import NENC, EncryptedKeyEntry
from onvif_bmff.cenc.keys.certificates import HASHES, UNREADABLE, kem_of, load_certificates
from onvif_bmff.cenc.keys.pem import ENCRYPTED_KEY, describe, pem_blocks
from onvif_bmff.cenc.keys.ring import NOT_OPENED
from onvif_bmff.cenc.keys.wrap import (
    DEFAULT_SUITES,
    VERSION_HPKE,
    VERSION_RSA_OAEP,
    OaepHash,
    hpke_suite,
    oaep_padding,
)
from onvif_bmff.errors import CertificateError, ProtectionError, UnsupportedSchemeError, WrongKeyError
from onvif_bmff.key_format import KEY_SIZE

__all__ = ["PrivateKeyUnwrapper"]

_log = logging.getLogger(__name__)

_TAG: Final = 16
_MAX_TRIED: Final = 64
"""Largest number of entries tried in one box, which may have thousands."""
_PADDINGS: Final[tuple[tuple[OaepHash, OaepHash], ...]] = (
    ("sha1", "sha1"),
    ("sha256", "sha256"),
    ("sha256", "sha1"),  # OAEP with SHA-256 on some platforms
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey
_SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class PrivateKeyUnwrapper:
    """A private key in memory, as a ``KeyUnwrapper``.

    With the certificate, only the entries for it are opened. Without it, every entry for this kind of key is tried.

    Args:
        private_key: RSA, P-256, P-384, P-521 or X25519 key, PEM or DER.
        password: password of an encrypted key.
        certificate: PEM or DER certificate of this key.
        info: ``info`` of HPKE for entries without one; empty unless both sides agreed on a value.

    Raises:
        WrongKeyError: the password is missing or wrong, or the key does not belong to the certificate.
        CertificateError: the certificate cannot be read.
        ProtectionError: the private key cannot be read, or its kind is not supported.
    """

    __slots__ = ("_opener", "_thumbprints")

    def __init__(
        self,
        private_key: bytes,
        *,
        password: bytes | None = None,
        certificate: bytes | None = None,
        info: bytes = b"",
    ) -> None:
        key = _load(private_key, password)
        self._opener = _RsaOpener(key) if isinstance(key, rsa.RSAPrivateKey) else _HpkeOpener(key, info)
        self._thumbprints: tuple[bytes, ...] | None = None
        if certificate is not None:
            self._thumbprints = _thumbprints(certificate, key.public_key().public_bytes(*_SPKI))

    def unwrap(self, kid: UUID, entries: Sequence[EncryptedKeyEntry]) -> bytes:
        """Open the content key. See ``KeyUnwrapper.unwrap``.

        Raises:
            WrongKeyError: no entry could be opened. The debug log of ``onvif_bmff.cenc`` has the reason.
        """
        mine = [(number, entry) for number, entry in enumerate(entries, 1) if self._is_mine(entry)]
        if len(mine) > _MAX_TRIED:
            _log.warning("KID %s: only %d of %d entries are tried; give the certificate", kid, _MAX_TRIED, len(mine))
        if not mine:
            self._opener.open(None)  # takes as long as for an entry that does not open
            _log.debug("KID %s: none of its %d entries is for this private key", kid, len(entries))
        for number, entry in mine[:_MAX_TRIED]:
            key, reason = self._opener.open(entry)
            if key is not None:
                return key
            _log.debug("KID %s, entry %d of %d: %s", kid, number, len(entries), reason)
        raise WrongKeyError(NOT_OPENED)

    def _is_mine(self, entry: EncryptedKeyEntry) -> bool:
        if self._thumbprints is None:
            return self._opener.is_for(entry)
        return any([compare_digest(entry.thumbprint, mine) for mine in self._thumbprints])  # noqa: C419 - compares all, in constant time


class _RsaOpener:
    """Opens entries of version 1."""

    __slots__ = ("_key", "_modulus", "_size", "_stand_in")

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self._modulus = key.public_key().public_numbers().n
        self._size = (key.key_size + 7) // 8
        self._stand_in = (self._modulus // 3).to_bytes(self._size, "big")

    def is_for(self, entry: EncryptedKeyEntry) -> bool:
        """Return whether an entry may be for this key, by its public fields."""
        return entry.encryption_version == VERSION_RSA_OAEP and len(entry.encrypted_key) == self._size

    def open(self, entry: EncryptedKeyEntry | None) -> tuple[bytes | None, str]:
        """Return the content key, or None and the reason; failures take equal time, also without an entry."""
        sealed, reason = self._stand_in, "there is no entry"
        if entry is not None:
            reason = self._fault(entry)
            sealed = sealed if reason else entry.encrypted_key
        found = "no padding of OAEP fits"
        for hashes in _PADDINGS:
            try:
                key = self._key.decrypt(sealed, oaep_padding(*hashes))
                if len(key) == KEY_SIZE and not reason:
                    return key, ""
                found = f"what was wrapped is {len(key)} bytes, not {KEY_SIZE}"
                raise ValueError(found)  # takes as long as for a wrong padding
            except UNREADABLE:
                continue
        return None, reason or found

    def _fault(self, entry: EncryptedKeyEntry) -> str:
        """Return what is wrong with the public fields of an entry; empty if nothing is."""
        if entry.encryption_version != VERSION_RSA_OAEP:
            return f"the entry has version {entry.encryption_version}, and an RSA key opens version {VERSION_RSA_OAEP}"
        if len(entry.encrypted_key) != self._size:
            return f"the wrapped key is {len(entry.encrypted_key)} bytes, where this RSA key has {self._size}"
        if int.from_bytes(entry.encrypted_key, "big") >= self._modulus:
            return "the wrapped key is a number above the modulus of this RSA key"
        return ""


class _HpkeOpener:
    """Opens entries of version 2."""

    __slots__ = ("_info", "_kem", "_key", "_stand_in")

    def __init__(self, key: ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey, info: bytes) -> None:
        self._key = key
        self._info = info
        self._kem = kem_of(key)
        public_key = key.public_key()
        if isinstance(public_key, x25519.X25519PublicKey):
            secret = public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            secret = public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self._stand_in = secret + bytes(KEY_SIZE + _TAG)

    def is_for(self, entry: EncryptedKeyEntry) -> bool:
        """Return whether an entry may be for this key, by its public fields."""
        return entry.encryption_version == VERSION_HPKE and entry.hpke_kem == self._kem

    def open(self, entry: EncryptedKeyEntry | None) -> tuple[bytes | None, str]:
        """Return the content key, or None and the reason; failures take equal time, also without an entry."""
        suite = hpke_suite(self._kem, *DEFAULT_SUITES[self._kem])
        sealed, info, reason = self._stand_in, self._info, "there is no entry"
        if entry is not None:
            reason = self._fault(entry)
            if not reason:
                suite = hpke_suite(self._kem, entry.hpke_kdf, entry.hpke_aead)
                sealed = entry.encapsulated_secret + entry.encrypted_key
                info = self._info if entry.info is None else entry.info
        if not self._is_point(sealed[: NENC[self._kem]]):
            sealed, reason = self._stand_in, "the encapsulated secret is no point of the curve"
        try:
            key = suite.decrypt(sealed, self._key, info=info)
        except (InvalidTag, *UNREADABLE):
            return None, reason or "the authentication tag does not fit"
        return (None, reason) if reason else (key, "")

    def _fault(self, entry: EncryptedKeyEntry) -> str:
        """Return what is wrong with the public fields of an entry; empty if nothing is."""
        if entry.encryption_version != VERSION_HPKE:
            return f"the entry has version {entry.encryption_version}, and this key opens version {VERSION_HPKE}"
        if entry.hpke_kem != self._kem:
            return f"the entry is for the KEM {entry.hpke_kem or 0:#06x}, and this key for {self._kem:#06x}"
        try:
            hpke_suite(self._kem, entry.hpke_kdf, entry.hpke_aead)
        except UnsupportedSchemeError as error:
            return str(error)
        if (len(entry.encapsulated_secret), len(entry.encrypted_key)) != (NENC[self._kem], KEY_SIZE + _TAG):
            return (
                f"the encapsulated secret and the wrapped key are {len(entry.encapsulated_secret)} and"
                f" {len(entry.encrypted_key)} bytes, not {NENC[self._kem]} and {KEY_SIZE + _TAG}"
            )
        return ""

    def _is_point(self, data: bytes) -> bool:
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            try:
                ec.EllipticCurvePublicKey.from_encoded_point(self._key.curve, data)
            except UNREADABLE:
                return False
        return True


def _thumbprints(certificate: bytes, spki: bytes) -> tuple[bytes, ...]:
    """Return the thumbprints of those certificates in a file that are for a public key.

    Raises:
        CertificateError: none can be read.
        WrongKeyError: none is for this public key.
    """
    found: list[bytes] = []
    for one in load_certificates(certificate):
        try:
            theirs = one.public_key().public_bytes(*_SPKI)
        except UNREADABLE:
            raise CertificateError("the public key of the certificate cannot be read") from None
        if theirs == spki:
            found += [one.fingerprint(hash_algorithm) for hash_algorithm in HASHES.values()]
    if not found:
        raise WrongKeyError("the private key does not belong to the certificate")
    return tuple(found)


def _load(data: bytes, password: bytes | None) -> PrivateKey:
    blocks = [block for block in pem_blocks(data) if block.is_private_key]
    load, form = (load_pem_private_key, blocks[0].text) if blocks else (load_der_private_key, data)
    # The exception alone does not distinguish a missing or wrong password from a damaged key.
    encrypted = b"ENCRYPTED" in form[:200] if blocks else password is not None
    try:
        key = load(form, password)
    except TypeError:
        raise WrongKeyError(
            "the private key is encrypted and needs a password"
            if password is None
            else "a password was given, but the private key is not encrypted"
        ) from None
    except UNREADABLE:
        kind = describe(data)
        if encrypted and password is not None and (blocks or kind == ENCRYPTED_KEY):
            raise WrongKeyError("the password does not open the private key, or the key is damaged") from None
        what = "" if kind == "neither PEM nor DER" else f": it is {kind}" if not blocks else ": it is damaged"
        raise ProtectionError(f"the private key can be read neither as PEM nor as DER{what}") from None
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey):
        try:
            kem_of(key)
        except CertificateError:
            pass
        else:
            return key
    raise ProtectionError("content keys are never wrapped for this kind of private key")
