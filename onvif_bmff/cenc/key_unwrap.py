"""Opening wrapped content keys with a private key (ONVIF Recording Control 25.12, B.8.2)."""

from collections.abc import Sequence
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
from onvif_bmff.cenc.key_wrap import (
    UNREADABLE,
    VERSION_HPKE,
    VERSION_RSA_OAEP,
    OaepHash,
    hpke_suite,
    kem_of,
    load_certificate,
    oaep_padding,
    thumbprint,
)
from onvif_bmff.cenc.keys import KEY_SIZE
from onvif_bmff.errors import CertificateError, ProtectionError, UnsupportedSchemeError, WrongKeyError

__all__ = ["PrivateKeyUnwrapper"]

_TAG: Final = 16
_PADDINGS: Final[tuple[tuple[OaepHash, OaepHash], ...]] = (
    ("sha1", "sha1"),
    ("sha256", "sha256"),
    ("sha256", "sha1"),  # what some platforms understand by OAEP with SHA-256
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey


class PrivateKeyUnwrapper:
    """A private key at hand, as a `KeyUnwrapper`.

    With the certificate, exactly the entries made for it are opened. Without it every entry that could be
    for this kind of key is tried.

    Args:
        private_key: RSA, P-256, P-384, P-521 or X25519 key, PEM or DER.
        password: if the key is encrypted.
        certificate: PEM or DER certificate of this key.
        info: ``info`` of HPKE for entries that carry none; empty unless both sides agreed on one.

    Raises:
        WrongKeyError: the password is missing or wrong, or the key is not that of the certificate.
        CertificateError: the certificate cannot be read.
        ProtectionError: the private key cannot be read, or is of a kind that keys are never wrapped for.
    """

    __slots__ = ("_info", "_key", "_thumbprints")

    def __init__(
        self,
        private_key: bytes,
        *,
        password: bytes | None = None,
        certificate: bytes | None = None,
        info: bytes = b"",
    ) -> None:
        self._key = _load(private_key, password)
        self._info = info
        self._thumbprints: tuple[bytes, ...] | None = None
        if certificate is not None:
            form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            try:
                theirs = load_certificate(certificate).public_key().public_bytes(*form)
            except CertificateError:
                raise
            except UNREADABLE:
                raise CertificateError("the public key of the certificate cannot be read") from None
            if self._key.public_key().public_bytes(*form) != theirs:
                raise WrongKeyError("the private key does not belong to the certificate")
            self._thumbprints = (thumbprint(certificate, "sha1"), thumbprint(certificate, "sha256"))

    def unwrap(self, kid: UUID, entries: Sequence[EncryptedKeyEntry]) -> bytes:
        """Open the content key. See `KeyUnwrapper.unwrap`.

        Raises:
            WrongKeyError: no entry is for this key, or it opens none.
            UnsupportedSchemeError: the entry uses an algorithm that is not known here.
            ProtectionError: the entry is damaged, or what was wrapped is no content key.
        """
        if self._thumbprints is None:
            mine = list(entries) if len(entries) == 1 else [entry for entry in entries if self._may_open(entry)]
        else:
            mine = [entry for entry in entries if entry.thumbprint in self._thumbprints]
        if not mine:
            raise WrongKeyError(f"the key of KID {kid} was not wrapped for this private key")
        failure: ProtectionError | None = None
        for entry in mine:
            try:
                return self._open(entry)
            except ProtectionError as error:
                if failure is None or isinstance(failure, WrongKeyError):
                    failure = error
        assert failure is not None
        raise failure

    def _may_open(self, entry: EncryptedKeyEntry) -> bool:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return entry.encryption_version == VERSION_RSA_OAEP and len(entry.encrypted_key) == self._modulus
        return entry.encryption_version == VERSION_HPKE and entry.hpke_kem == kem_of(self._key)

    @property
    def _modulus(self) -> int:
        return (self._key.key_size + 7) // 8 if isinstance(self._key, rsa.RSAPrivateKey) else 0

    def _open(self, entry: EncryptedKeyEntry) -> bytes:
        if entry.encryption_version == VERSION_RSA_OAEP:
            key = self._open_rsa(entry)
        elif entry.encryption_version == VERSION_HPKE:
            key = self._open_hpke(entry)
        else:
            raise UnsupportedSchemeError(f"encryption version {entry.encryption_version} of a wrapped key is not known")
        if len(key) != KEY_SIZE:
            raise ProtectionError(f"the wrapped key is {len(key)} bytes long, not {KEY_SIZE}")
        return key

    def _open_rsa(self, entry: EncryptedKeyEntry) -> bytes:
        if not isinstance(self._key, rsa.RSAPrivateKey):
            raise WrongKeyError("the content key was wrapped for an RSA key, and this is none")
        if len(entry.encrypted_key) < self._modulus:
            raise ProtectionError(
                f"the entry is cut short: {len(entry.encrypted_key)} bytes where this RSA key has {self._modulus}"
            )
        for hashes in _PADDINGS:
            try:
                return self._key.decrypt(entry.encrypted_key, oaep_padding(*hashes))
            except UNREADABLE:
                continue
        raise WrongKeyError("the private key does not open the wrapped key")

    def _open_hpke(self, entry: EncryptedKeyEntry) -> bytes:
        suite = hpke_suite(entry.hpke_kem, entry.hpke_kdf, entry.hpke_aead)
        if isinstance(self._key, rsa.RSAPrivateKey) or kem_of(self._key) != entry.hpke_kem:
            raise WrongKeyError("the content key was wrapped for another kind of key")
        secret, sealed = entry.encapsulated_secret, entry.encrypted_key
        if len(secret) != NENC[kem_of(self._key)] or len(sealed) < KEY_SIZE + _TAG:
            raise ProtectionError(f"the entry is cut short: {len(secret)} and {len(sealed)} bytes of HPKE output")
        info = self._info if entry.info is None else entry.info
        try:
            return suite.decrypt(secret + sealed, self._key, info=info)
        except (InvalidTag, *UNREADABLE):
            raise WrongKeyError("the private key does not open the wrapped key") from None


def _load(data: bytes, password: bytes | None) -> PrivateKey:
    load = load_pem_private_key if data.lstrip().startswith(b"-----BEGIN") else load_der_private_key
    # Whether a password is wanted, missing or wrong cannot be told from a damaged key by the error alone.
    encrypted = b"ENCRYPTED" in data[:200] if load is load_pem_private_key else password is not None
    try:
        key = load(data, password)
    except TypeError:
        raise WrongKeyError(
            "the private key is encrypted and needs a password"
            if password is None
            else "a password was given, but the private key is not encrypted"
        ) from None
    except UNREADABLE:
        if encrypted and password is not None:
            raise WrongKeyError("the password does not open the private key, or the key is damaged") from None
        raise ProtectionError("the private key can be read neither as PEM nor as DER") from None
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
