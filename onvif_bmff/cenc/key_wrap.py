"""Content keys wrapped for the holders of certificates (ONVIF Recording Control 25.12, B.8.2).

A certificate with an RSA key takes the content key directly by OAEP (encryption version 1), one with an
elliptic curve key by HPKE in base mode (version 2, RFC 9180). What the specification leaves open is decided
so: OAEP uses SHA-1 with MGF1-SHA-1 and no label, the defaults of RFC 8017, or SHA-256 by option; the
associated data of HPKE is empty, and so is its info unless the layout of 26.06 carries one.

No clock is read: whoever wraps a key says what time it is, for certificates expire.
"""

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519

from onvif_bmff.bmff.pssh import (
    LAYOUT_25_12,
    LAYOUT_26_06,
    NENC,
    AsymmetricKeySystemHeaderBox,
    EncryptedKeyEntry,
)
from onvif_bmff.cenc.keys import ContentKey
from onvif_bmff.errors import CertificateError, UnsupportedSchemeError
from onvif_bmff.timing import UtcTime

__all__ = [
    "DEFAULT_SUITES",
    "VERSION_HPKE",
    "VERSION_RSA_OAEP",
    "KeyWrapper",
    "OaepHash",
    "ThumbprintHash",
    "check_certificate",
    "thumbprint",
    "wrap_key",
]

OaepHash = Literal["sha1", "sha256"]
ThumbprintHash = Literal["sha1", "sha256"]

VERSION_RSA_OAEP: Final = 1
"""``EncryptionVersion`` of a key wrapped by RSA-OAEP. B.8.2.3."""
VERSION_HPKE: Final = 2
"""``EncryptionVersion`` of a key wrapped by HPKE. B.8.2.4."""

DEFAULT_SUITES: Final[Mapping[int, tuple[int, int]]] = {
    0x0010: (1, 2),
    0x0011: (2, 2),
    0x0012: (3, 2),
    0x0020: (1, 2),
}
"""For the KEM of each kind of key (P-256, P-384, P-521, X25519) the KDF and AEAD to wrap with, by the
numbers of RFC 9180: HKDF with the hash of the KEM, and AES-256-GCM."""

_KEM_OF_CURVE: Final[Mapping[str, int]] = {"secp256r1": 0x0010, "secp384r1": 0x0011, "secp521r1": 0x0012}
_KEM_X25519: Final = 0x0020

_KEMS = {0x0010: hpke.KEM.P256, 0x0011: hpke.KEM.P384, 0x0012: hpke.KEM.P521, 0x0020: hpke.KEM.X25519}
_KDFS = {1: hpke.KDF.HKDF_SHA256, 2: hpke.KDF.HKDF_SHA384, 3: hpke.KDF.HKDF_SHA512}
_AEADS = {1: hpke.AEAD.AES_128_GCM, 2: hpke.AEAD.AES_256_GCM, 3: hpke.AEAD.CHACHA20_POLY1305}

_HASHES: Mapping[str, hashes.HashAlgorithm] = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}
UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm, InternalError, x509.InvalidVersion)
"""What ``cryptography`` raises over damaged certificates and keys."""

_THUMBPRINT_ID = {"sha1": 1, "sha256": 2}
_NO_USE = "nothing can be wrapped with the public key of the certificate"
_MIN_RSA_BITS = 2048
_MAX_INFO = 0xFFFF


def wrap_key(
    content_key: ContentKey,
    certificates: Iterable[bytes],
    *,
    at: UtcTime,
    oaep_hash: OaepHash = "sha1",
    thumbprint_hash: ThumbprintHash = "sha256",
    suites: Mapping[int, tuple[int, int]] = DEFAULT_SUITES,
    info: bytes | None = None,
    allow_expired: bool = False,
) -> tuple[EncryptedKeyEntry, ...]:
    """Wrap a content key once for each certificate.

    Args:
        content_key: the key.
        certificates: X.509 certificates, PEM or DER, at least one.
        at: the time at which they must be valid.
        oaep_hash: hash of OAEP and of its mask generation function, for RSA keys.
        thumbprint_hash: hash over the DER form of a certificate that names it in its entry.
        suites: KDF and AEAD for a KEM, where others than `DEFAULT_SUITES` are wanted.
        info: ``info`` of HPKE, which asks for the layout of 26.06; None, as in 25.12, is an empty one.
        allow_expired: take certificates that are not valid at that time.

    Returns:
        the entries of an `AsymmetricKeySystemHeaderBox`, in the order of the certificates.

    Raises:
        CertificateError: a certificate cannot be used, or there is none.
        UnsupportedSchemeError: a suite is not known, or an option has no such value.
    """
    if oaep_hash not in _HASHES or thumbprint_hash not in _HASHES:
        raise UnsupportedSchemeError("a hash for wrapping keys is sha1 or sha256")
    if info is not None and len(info) > _MAX_INFO:
        raise UnsupportedSchemeError(f"HPKE info is limited to {_MAX_INFO} bytes, not {len(info)}")
    entries = []
    for data in certificates:
        certificate, public_key = _usable(data, at, allow_expired=allow_expired)
        name = certificate.fingerprint(_HASHES[thumbprint_hash])
        algorithm = _THUMBPRINT_ID[thumbprint_hash]
        if isinstance(public_key, rsa.RSAPublicKey):
            try:
                sealed = public_key.encrypt(content_key.key, oaep_padding(oaep_hash, oaep_hash))
            except UNREADABLE:
                raise CertificateError(_NO_USE) from None
            entries.append(
                EncryptedKeyEntry(
                    thumbprint_algorithm=algorithm,
                    thumbprint=name,
                    encryption_version=VERSION_RSA_OAEP,
                    encrypted_key=sealed,
                )
            )
            continue
        kem = kem_of(public_key)
        kdf, aead = suites.get(kem) or DEFAULT_SUITES[kem]
        suite = hpke_suite(kem, kdf, aead)
        try:
            sealed = suite.encrypt(content_key.key, public_key, info=info or b"")
        except UNREADABLE:
            raise CertificateError(_NO_USE) from None
        entries.append(
            EncryptedKeyEntry(
                thumbprint_algorithm=algorithm,
                thumbprint=name,
                encryption_version=VERSION_HPKE,
                hpke_kem=kem,
                hpke_kdf=kdf,
                hpke_aead=aead,
                encapsulated_secret=sealed[: NENC[kem]],
                encrypted_key=sealed[NENC[kem] :],
                info=info,
            )
        )
    if not entries:
        raise CertificateError("a content key must be wrapped for at least one certificate")
    return tuple(entries)


def check_certificate(certificate: bytes, *, at: UtcTime, allow_expired: bool = False) -> None:
    """Tell whether keys can be wrapped for a certificate, as `wrap_key` would.

    Raises:
        CertificateError: they cannot.
    """
    _usable(certificate, at, allow_expired=allow_expired)


def thumbprint(certificate: bytes, hash_name: ThumbprintHash = "sha256") -> bytes:
    """Hash over the DER form of a certificate given as PEM or DER: 32 bytes, or 20 for SHA-1.

    Raises:
        CertificateError: the certificate cannot be read.
    """
    return load_certificate(certificate).fingerprint(_HASHES[hash_name])


class KeyWrapper:
    """Makes the header with the wrapped forms of a content key, once for each key.

    Wrapping is randomised, but all segments of a span share one moov, so the header of a key must stay the
    same. Arguments are those of `wrap_key`. May be shared by threads.

    Raises:
        CertificateError: a certificate cannot be read or used, or there is none. Whether it is valid is
            checked whenever a new key is wrapped.
    """

    __slots__ = ("_certificates", "_header", "_lock", "_options")

    def __init__(
        self,
        certificates: Iterable[bytes],
        *,
        oaep_hash: OaepHash = "sha1",
        thumbprint_hash: ThumbprintHash = "sha256",
        suites: Mapping[int, tuple[int, int]] = DEFAULT_SUITES,
        info: bytes | None = None,
        allow_expired: bool = False,
    ) -> None:
        self._certificates = tuple(certificates)
        if not self._certificates:
            raise CertificateError("a content key must be wrapped for at least one certificate")
        for certificate in self._certificates:
            _public_key(load_certificate(certificate))
        self._options = (oaep_hash, thumbprint_hash, suites, info, allow_expired)
        self._lock = Lock()
        self._header: AsymmetricKeySystemHeaderBox | None = None

    def header(self, content_key: ContentKey, *, at: UtcTime) -> AsymmetricKeySystemHeaderBox:
        """The ``pssh`` box of a content key; the same one as long as the KID is that of the last call.

        Raises:
            CertificateError: a certificate is not valid at this time.
            UnsupportedSchemeError: an option has no such value.
        """
        with self._lock:
            if self._header is None or self._header.kid != content_key.kid:
                oaep_hash, thumbprint_hash, suites, info, allow_expired = self._options
                entries = wrap_key(
                    content_key,
                    self._certificates,
                    at=at,
                    oaep_hash=oaep_hash,
                    thumbprint_hash=thumbprint_hash,
                    suites=suites,
                    info=info,
                    allow_expired=allow_expired,
                )
                layout = LAYOUT_25_12 if info is None else LAYOUT_26_06
                self._header = AsymmetricKeySystemHeaderBox(kid=content_key.kid, entries=entries, layout=layout)
            return self._header

    def __call__(self, content_key: ContentKey, at: UtcTime) -> tuple[AsymmetricKeySystemHeaderBox]:
        """The headers of a content key, as an encryption entry of a recording asks for them. Raises as `header`."""
        return (self.header(content_key, at=at),)


def hpke_suite(kem: int | None, kdf: int | None, aead: int | None) -> hpke.Suite:
    """The suite of these numbers.

    Raises:
        UnsupportedSchemeError: one of them is not known here.
    """
    for name, number, known in (("KEM", kem, _KEMS), ("KDF", kdf, _KDFS), ("AEAD", aead, _AEADS)):
        if number not in known:
            raise UnsupportedSchemeError(f"the HPKE {name} {number or 0:#06x} is not supported")
    return hpke.Suite(_KEMS[kem or 0], _KDFS[kdf or 0], _AEADS[aead or 0])


def oaep_padding(hash_name: OaepHash, mask_hash: OaepHash) -> padding.OAEP:
    """OAEP with these hashes and no label."""
    return padding.OAEP(padding.MGF1(_HASHES[mask_hash]), _HASHES[hash_name], None)


def kem_of(
    key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey | x25519.X25519PublicKey | x25519.X25519PrivateKey,
) -> int:
    """The KEM that an elliptic curve key is for.

    Raises:
        CertificateError: there is none for its curve.
    """
    if isinstance(key, x25519.X25519PublicKey | x25519.X25519PrivateKey):
        return _KEM_X25519
    kem = _KEM_OF_CURVE.get(key.curve.name)
    if kem is None:
        raise CertificateError(f"HPKE has no KEM for the curve {key.curve.name}")
    return kem


def load_certificate(data: bytes) -> x509.Certificate:
    """A certificate from PEM (the first one in it) or DER.

    Raises:
        CertificateError: the data are neither.
    """
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except UNREADABLE:
        raise CertificateError("the certificate can be read neither as PEM nor as DER") from None


def _public_key(
    certificate: x509.Certificate,
) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey | x25519.X25519PublicKey:
    try:
        key = certificate.public_key()
    except UNREADABLE:
        raise CertificateError("the public key of the certificate cannot be read") from None
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _MIN_RSA_BITS:
            raise CertificateError(f"an RSA key of {key.key_size} bits is too short; {_MIN_RSA_BITS} are needed")
        return key
    if isinstance(key, ec.EllipticCurvePublicKey | x25519.X25519PublicKey):
        kem_of(key)
        return key
    raise CertificateError("keys are wrapped for RSA keys and for elliptic curve keys that can agree on a secret")


def _usable(
    data: bytes, at: UtcTime, *, allow_expired: bool
) -> tuple[x509.Certificate, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | x25519.X25519PublicKey]:
    certificate = load_certificate(data)
    public_key = _public_key(certificate)
    if not allow_expired:
        try:
            first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        except UNREADABLE:
            raise CertificateError("the validity of the certificate cannot be read") from None
        moment = at.to_datetime()
        if moment < first:
            raise CertificateError(f"the certificate is not valid before {first:%Y-%m-%dT%H:%M:%SZ}")
        if moment > last:
            raise CertificateError(f"the certificate expired at {last:%Y-%m-%dT%H:%M:%SZ}")
    return certificate, public_key
