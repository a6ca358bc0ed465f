"""Unwrapping of content keys with an external private key: hardware module, smart card, key server.

The private key is never in this process. With RSA the token decrypts OAEP and returns the content key; with elliptic
curves it only computes the shared secret (a point times the private key), and the rest of HPKE is done here, in
``cenc.keys.hpke``.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Final, Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from onvif_bmff.bmff.pssh import NENC, EncryptedKeyEntry
from onvif_bmff.cenc.keys.certificates import UNREADABLE, kem_of, load_certificate, thumbprint
from onvif_bmff.cenc.keys.hpke import AgreementKey, check_point, open_sealed
from onvif_bmff.cenc.keys.ring import NOT_OPENED, KeyUnwrapper
from onvif_bmff.cenc.keys.wrap import VERSION_HPKE, VERSION_RSA_OAEP, OaepHash
from onvif_bmff.errors import CertificateError, ProtectionError, WrongKeyError
from onvif_bmff.key_format import KEY_SIZE

__all__ = ["EcToken", "RsaToken", "SeveralUnwrappers", "TokenUnwrapper"]

_LOG = logging.getLogger(__name__)

_HASHES: Final[tuple[tuple[OaepHash, OaepHash], ...]] = (("sha1", "sha1"), ("sha256", "sha256"), ("sha256", "sha1"))
"""Hashes of OAEP and of its mask generation function, in the order to try."""
_MAX_TRIED: Final = 8
"""Largest number of entries tried in one header, so that a forged one cannot keep a token busy."""


class RsaToken(Protocol):
    """An external RSA private key. Any exception of ``decrypt`` means that the entry cannot be opened.

    Only ``OSError`` (``ConnectionError``, ``TimeoutError``) means that the token cannot be reached, and is reported.
    """

    @property
    def certificates(self) -> Sequence[bytes]:
        """The certificates of this key, PEM or DER: one, or several if it was renewed for the same key."""
        ...

    def decrypt(self, wrapped: bytes, oaep_hash: OaepHash, mask_hash: OaepHash) -> bytes:
        """Decrypt RSA-OAEP with these hashes (OAEP, MGF1) and no label (PKCS#11: ``CKM_RSA_PKCS_OAEP``)."""
        ...


class EcToken(Protocol):
    """An external private key on P-256, P-384, P-521 or X25519. Exceptions as in ``RsaToken``."""

    @property
    def certificates(self) -> Sequence[bytes]:
        """The certificates of this key, PEM or DER: one, or several if it was renewed for the same key."""
        ...

    def agree(self, point: bytes) -> bytes:
        """Multiply a point by the private key (PKCS#11: ``CKM_ECDH1_DERIVE`` with ``CKD_NULL``).

        Args:
            point: public key of the other side, uncompressed as in SEC 1 (0x04, x, y); for X25519 its 32 bytes. It
                was checked to lie on the curve.

        Returns:
            the x-coordinate, 32, 48 or 66 bytes big endian; for X25519 32 bytes.
        """
        ...


class TokenUnwrapper:
    """An external private key, as a ``KeyUnwrapper``.

    Entries are found by the thumbprints (SHA-1 and SHA-256) of the certificates. All failures of entries raise the same
    error (distinguishing a wrong padding from a wrong length would help to decrypt without the key); the log
    ``onvif_bmff.cenc.keys.token`` has the reason, at level DEBUG.

    Args:
        token: holds the private key.
        certificates: certificates of the key, PEM or DER, in addition to those of the token. The first one identifies
            the key; those of other keys (a chain) are ignored.
        info: ``info`` of HPKE for entries without one; empty unless both sides agreed on a value.

    Raises:
        CertificateError: there is no certificate, one cannot be read, or its kind of key is not supported.
        ProtectionError: the token lacks the method for this kind of key.
    """

    __slots__ = ("_info", "_public_key", "_thumbprints", "_token")

    def __init__(self, token: RsaToken | EcToken, *, certificates: Iterable[bytes] = (), info: bytes = b"") -> None:
        all_of_them = (*certificates, *(getattr(token, "certificates", None) or ()))
        if not all_of_them:
            raise CertificateError("the certificate of the private key is needed, to know what was wrapped for it")
        self._public_key = _public_key(all_of_them[0])
        needed = "decrypt" if isinstance(self._public_key, rsa.RSAPublicKey) else "agree"
        if not callable(getattr(token, needed, None)):
            raise ProtectionError(f"for the key of this certificate the token needs a method {needed!r}")
        mine = [data for data in all_of_them if _written(data) == _written(all_of_them[0])]
        self._thumbprints = {thumbprint(data, name) for data in mine for name in ("sha1", "sha256")}
        self._token = token
        self._info = info

    def __repr__(self) -> str:
        return f"TokenUnwrapper(<{type(self._token).__name__}>)"

    def unwrap(self, kid: UUID, entries: Sequence[EncryptedKeyEntry]) -> bytes:
        """Open the content key. See ``KeyUnwrapper.unwrap``.

        Raises:
            WrongKeyError: no entry is for this key, or none could be opened.
            ProtectionError: the token cannot be reached.
        """
        mine = [entry for entry in entries if entry.thumbprint in self._thumbprints]
        for entry in mine[:_MAX_TRIED]:
            key = self._open(entry)
            if key is not None:
                return key
        raise WrongKeyError(NOT_OPENED)

    def _open(self, entry: EncryptedKeyEntry) -> bytes | None:
        public_key = self._public_key
        if isinstance(public_key, rsa.RSAPublicKey):
            if entry.encryption_version != VERSION_RSA_OAEP:
                _LOG.debug("an entry for an RSA key has encryption version %d", entry.encryption_version)
                return None
            for hashes in _HASHES:
                try:
                    return self._key(self._token.decrypt(entry.encrypted_key, *hashes))  # type: ignore[union-attr]
                except Exception as error:  # noqa: BLE001 - a token may raise anything; why is not revealed
                    self._refused(f"OAEP {hashes[0]}, MGF1 {hashes[1]}", error)
            return None
        try:
            return self._key(self._open_hpke(entry, public_key))
        except Exception as error:  # noqa: BLE001 - a token may raise anything; why is not revealed
            self._refused(f"HPKE with KEM {entry.hpke_kem}, KDF {entry.hpke_kdf}, AEAD {entry.hpke_aead}", error)
        return None

    def _open_hpke(self, entry: EncryptedKeyEntry, public_key: AgreementKey) -> bytes:
        kem, point = kem_of(public_key), entry.encapsulated_secret
        suite = (kem, entry.hpke_kdf or 0, entry.hpke_aead or 0)
        if entry.encryption_version != VERSION_HPKE or entry.hpke_kem != kem or len(point) != NENC[kem]:
            raise ValueError("the entry was made for another kind of key")
        check_point(kem, point)
        agreed = bytes(self._token.agree(point))  # type: ignore[union-attr]
        info = self._info if entry.info is None else entry.info
        return open_sealed(suite, agreed, point, public_key, entry.encrypted_key, info=info)

    @staticmethod
    def _key(opened: bytes) -> bytes:
        key = bytes(memoryview(opened))
        if len(key) != KEY_SIZE:
            raise ValueError(f"what was wrapped is {len(key)} bytes long")
        return key

    @staticmethod
    def _refused(what: str, error: Exception) -> None:
        """Log the reason.

        Raises:
            ProtectionError: the token cannot be reached.
        """
        if isinstance(error, OSError):
            raise ProtectionError(f"the holder of the private key cannot be reached: {error}") from error
        reason = "the tag is wrong" if isinstance(error, InvalidTag) else str(error)
        _LOG.debug("%s does not open an entry: %s: %s", what, type(error).__name__, reason)


class SeveralUnwrappers:
    """Several private keys as one ``KeyUnwrapper``; the first that opens a key is used.

    Args:
        unwrappers: one or more, in the order to try.
    """

    __slots__ = ("_unwrappers",)

    def __init__(self, unwrappers: Iterable[KeyUnwrapper]) -> None:
        self._unwrappers = tuple(unwrappers)

    def unwrap(self, kid: UUID, entries: Sequence[EncryptedKeyEntry]) -> bytes:
        """Open the content key. See ``KeyUnwrapper.unwrap``.

        Raises:
            WrongKeyError: none of them opens any entry.
            ProtectionError: one of them raised it.
        """
        refused = WrongKeyError(NOT_OPENED)
        for unwrapper in self._unwrappers:
            try:
                return unwrapper.unwrap(kid, entries)
            except WrongKeyError as error:
                refused = error
        raise refused


def _public_key(certificate: bytes) -> rsa.RSAPublicKey | AgreementKey:
    try:
        key = load_certificate(certificate).public_key()
    except UNREADABLE as error:
        if isinstance(error, CertificateError):
            raise
        raise CertificateError("the public key of the certificate cannot be read") from None
    if isinstance(key, ec.EllipticCurvePublicKey | x25519.X25519PublicKey):
        kem_of(key)
        return key
    if isinstance(key, rsa.RSAPublicKey):
        return key
    raise CertificateError("content keys are never wrapped for a key of this kind")


def _written(certificate: bytes) -> bytes | None:
    """Return the public key of a certificate in DER; None if its kind is unknown."""
    loaded = load_certificate(certificate)
    try:
        return loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except UNREADABLE:
        return None
